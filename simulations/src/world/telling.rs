//! The story of a scenario happens.

use updraft_node::agent::{Input, ProposalWish, own_component};
use updraft_protocol::{Signed, Stance, Statement};

use super::{Event, World, node::Shelf};
use crate::scenario::{Act, Loot, Share, Word};

impl World {
    /// Puts the steps of the story on the queue.
    pub(super) fn plan_story(&mut self) {
        let scenario = self.scenario.clone();
        for (place, step) in scenario.story.iter().enumerate() {
            let at = self.pick(step.at);
            self.queue.put(at, Event::Story(place));
        }
    }

    /// A step happens.
    pub(super) fn tell(&mut self, step: usize) {
        let scenario = self.scenario.clone();
        let Some(step) = scenario.story.get(step) else { return };
        self.note("story", 0, 0);
        self.untold -= 1;
        match &step.act {
            Act::Publish { release, group } => self.publish(&release.0, group.as_deref()),
            Act::Join { group, count, over } => self.join(group, *count, over.0),
            Act::Withdraw { release, group } => self.withdraw(&release.0, group.as_deref()),
            Act::Turn { group, share, into } => {
                for node in self.some_of(group.as_deref(), *share) {
                    self.node(node).hostile = Some(*into);
                }
            }
            Act::Steal { from, count, release } => match from {
                Loot::Publishers => self.announce_stolen(usize::from(*count), release.as_ref()),
                Loot::PublishersTwice => self.announce_two_heads(usize::from(*count)),
                Loot::Electors => self.vote_twice(usize::from(*count)),
            },
            Act::Propose { component, to, release, voting, lead, grace, .. } => {
                let seconds = |time: &crate::scenario::Time| Some(time.0 / 1_000_000);
                let line = match component {
                    Some(name) => name.parse().expect("checked with the scenario"),
                    None => own_component(),
                };
                let times = [seconds(voting), seconds(lead), seconds(grace)];
                self.propose(line, *to, release.0.clone(), times);
            }
            Act::Vote { share, says, over } => self.vote(*share, *says, over.0),
            wrong => self.go_wrong(wrong),
        }
    }

    /// The nodes of a group; without a name, all that do not lie.
    pub(super) fn all_of(&self, group: Option<&str>) -> Vec<u32> {
        let place =
            group.and_then(|name| self.scenario.groups.iter().position(|group| group.name == name));
        let is = |node: &super::node::Node| match place {
            Some(place) => node.character.group as usize == place,
            None => node.hostile.is_none(),
        };
        (0..).zip(&self.nodes).filter(|(_, node)| is(node)).map(|(number, _)| number).collect()
    }

    /// A share of them, by chance.
    pub(super) fn some_of(&mut self, group: Option<&str>, share: Share) -> Vec<u32> {
        let all = self.all_of(group);
        let count = share.of(all.len());
        self.chances.nodes.some(count, all.len()).into_iter().map(|place| all[place]).collect()
    }

    /// The node at which a publisher works: the first of a group, or of all.
    fn desk(&self, group: Option<&str>) -> Option<u32> {
        group.map_or(Some(0), |name| self.all_of(Some(name)).first().copied())
    }

    fn publish(&mut self, version: &updraft_protocol::ReleaseVersion, group: Option<&str>) {
        let Some(made) = self.releases.any(version).cloned() else { return };
        let Some(node) = self.desk(group) else { return };
        let wall = super::people::BEGIN + self.now / 1_000_000;
        let head = self.people.list(&made.signed, updraft_protocol::Timestamp::from_seconds(wall));
        self.give_bytes(node, &made);
        self.published(version, node);
        let input = Input::Imported { head, manifest: made.signed.clone(), by: "story".to_owned() };
        self.input(node, input);
    }

    /// A node has all bytes of a release, because it is its publisher's, or a thief's.
    pub(super) fn give_bytes(&mut self, node: u32, made: &super::releases::Made) {
        for blob in made.manifest.blobs() {
            let Some(found) = self.releases.find(&blob.digest).cloned() else { continue };
            let this = self.node(node);
            let held = vec![true; found.list.digests.len()];
            this.shelves.insert(blob.digest, Shelf { held, is_complete: true, is_spoilt: false });
            this.objects.insert(blob.chunks.digest);
        }
        self.node(node).objects.insert(made.manifest.tree.object.digest);
    }

    fn join(&mut self, group: &str, count: Option<u32>, over: u64) {
        let away: Vec<u32> = self
            .all_of(Some(group))
            .into_iter()
            .filter(|n| self.nodes[*n as usize].running.is_none())
            .collect();
        let count = count.map_or(away.len(), |count| count as usize);
        for node in away.into_iter().take(count) {
            let at = self.now + self.chances.nodes.between(0, over);
            self.queue.put(at, Event::Starts(node));
        }
    }

    /// The publisher takes a release back.
    fn withdraw(&mut self, version: &updraft_protocol::ReleaseVersion, group: Option<&str>) {
        let Some(made) = self.releases.any(version).cloned() else { return };
        let Some(node) = self.desk(group) else { return };
        let wall = super::people::BEGIN + self.now / 1_000_000;
        let wall = updraft_protocol::Timestamp::from_seconds(wall);
        let Some(topic) = self.nodes[node as usize].topic() else { return };
        let reason = "the story has it so";
        let Some(head) = self.people.withdraw(&made.signed.digest(), reason, wall) else { return };
        // Its own node hears of it as any other does.
        let said = updraft_protocol::Gossip::announce(head.as_ref().clone(), None);
        let sent = self.gossip.say(node, topic, said);
        self.spread(sent);
    }

    fn electors(&self) -> Vec<u32> {
        let votes = |node: &super::node::Node| node.character.elector.is_some();
        (0..).zip(&self.nodes).filter(|(_, node)| votes(node)).map(|(number, _)| number).collect()
    }

    fn propose(
        &mut self,
        line: updraft_protocol::ComponentName,
        to: u32,
        release: updraft_protocol::ReleaseVersion,
        [voting, lead, grace]: [Option<u64>; 3],
    ) {
        let Some(node) = self.electors().first().copied() else { return };
        let (network, this) = (self.people.network, &self.nodes[node as usize]);
        let now = this.now(self.now);
        let (Some(key), Some(running)) = (&this.character.elector, &this.running) else { return };
        let wish = ProposalWish {
            by: key.public().id(),
            line,
            to,
            release: Some(release),
            voting,
            lead,
            grace,
            height: None,
            threshold: None,
            min_ready: None,
            notes: String::new(),
        };
        let Ok(proposal) = running.machine.draft_proposal(wish, now) else { return };
        let Ok(mut signed) = Signed::unsigned(&proposal) else { return };
        signed.sign(key, &network);
        self.proposed(signed.digest());
        let statement = std::sync::Arc::new(Statement::Proposal(signed));
        let Some(running) = &mut self.node(node).running else { return };
        if let Ok((_, actions)) = running.machine.say_on_a_vote(statement, now) {
            self.carry_out(node, actions);
        }
    }

    fn vote(&mut self, share: Share, says: Word, over: u64) {
        let electors = self.electors();
        let count = share.of(electors.len());
        for node in electors.into_iter().take(count) {
            let at = self.now + self.chances.nodes.between(0, over);
            self.queue.put(at, Event::Votes(node, says));
        }
    }

    /// An elector votes on what it heard of last.
    pub(super) fn cast(&mut self, node: u32, says: Word) {
        let now = self.nodes[node as usize].now(self.now);
        self.note("votes", node, says as u64);
        let stance = match says {
            Word::Yes => Stance::Yes,
            Word::No => Stance::No,
            Word::Abstain => Stance::Abstain,
            Word::Cancel => Stance::Cancel,
        };
        let Some(running) = &mut self.node(node).running else { return };
        let Some(last) = running.machine.proposals(now).first().map(|line| line.id) else { return };
        let Ok((ballot, actions)) = running.machine.vote(&last, stance, String::new(), now) else {
            return;
        };
        self.carry_out(node, vec![updraft_node::agent::Action::Cast(Box::new(ballot))]);
        self.carry_out(node, actions);
    }
}
