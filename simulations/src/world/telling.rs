//! What happens in the course of a run is done here.

use updraft_node::agent::{Input, ProposalWish, own_component};
use updraft_protocol::{Signed, Stance, Statement};

use super::{Event, World, node::Shelf};
use crate::{
    course::Deed,
    scenario::{Loot, Time, Word},
};

impl World {
    /// Puts what is going to happen on the queue.
    pub(super) fn plan_course(&mut self) {
        for place in 0..self.course.len() {
            self.queue.put(self.course[place].at.0, Event::Happens(place));
        }
    }

    /// Something happens.
    pub(super) fn happens(&mut self, place: usize) {
        let Some(happening) = self.course.get(place).cloned() else { return };
        self.note("happens", 0, place as u64);
        self.untold -= 1;
        match happening.deed {
            Deed::Publish { release, node } => {
                if let Some(node) = self.called(&node) {
                    self.publish(&release.0, node);
                }
            }
            Deed::Withdraw { release, node } => {
                if let Some(node) = self.called(&node) {
                    self.withdraw(&release.0, node);
                }
            }
            Deed::Start { node } => {
                if let Some(node) = self.called(&node) {
                    self.start(node);
                }
            }
            Deed::Turn { node, into } => {
                if let Some(node) = self.called(&node) {
                    self.node(node).hostile = Some(into);
                }
            }
            Deed::Steal { from, count, release } => match from {
                Loot::Publishers => self.announce_stolen(usize::from(count), release.as_ref()),
                Loot::PublishersTwice => self.announce_two_heads(usize::from(count)),
                Loot::Electors => self.vote_twice(usize::from(count)),
            },
            Deed::Propose { node, component, to, release, voting, lead, grace } => {
                let line =
                    component.map_or_else(|| Some(own_component()), |name| name.parse().ok());
                let times = [voting, lead, grace];
                if let (Some(node), Some(line)) = (self.called(&node), line) {
                    self.propose(node, line, to, release.0, times);
                }
            }
            Deed::Vote { node, says } => {
                if let Some(node) = self.called(&node) {
                    self.cast(node, says);
                }
            }
            fault => self.go_wrong(fault),
        }
    }

    /// The node that is called so.
    pub(super) fn called(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied()
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

    fn publish(&mut self, version: &updraft_protocol::ReleaseVersion, node: u32) {
        let Some(made) = self.releases.any(version).cloned() else { return };
        let wall = super::people::BEGIN + self.now / 1_000_000;
        let head = self.people.list(&made.signed, updraft_protocol::Timestamp::from_seconds(wall));
        self.give_bytes(node, &made);
        let seq = head.peek().map_or(0, |head| head.seq);
        self.published(version, seq, node);
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

    /// The publisher takes a release back, and a node tells the others.
    fn withdraw(&mut self, version: &updraft_protocol::ReleaseVersion, node: u32) {
        let Some(made) = self.releases.any(version).cloned() else { return };
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

    fn propose(
        &mut self,
        node: u32,
        line: updraft_protocol::ComponentName,
        to: u32,
        release: updraft_protocol::ReleaseVersion,
        times: [Time; 3],
    ) {
        let [voting, lead, grace] = times.map(|time| Some(time.0 / 1_000_000));
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

    /// An elector votes on what it heard of last.
    fn cast(&mut self, node: u32, says: Word) {
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
        self.voted(last);
        self.carry_out(node, vec![updraft_node::agent::Action::Cast(Box::new(ballot))]);
        self.carry_out(node, actions);
    }
}
