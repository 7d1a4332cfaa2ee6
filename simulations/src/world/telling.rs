//! What happens in the course of a run is done here.

use std::sync::Arc;

use updraft_node::agent::{Action, Input};
use updraft_protocol::{Head, Proposal, ReleaseVersion, Signed, Statement, Timestamp};

use super::{Event, World, node::Shelf, people::BEGIN, releases::Made};
use crate::{
    course::{Deed, MAX_TRIES, SAYS_AGAIN, Saying},
    scenario::{Loot, Word},
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
            Deed::Publish { .. } | Deed::Withdraw { .. } | Deed::Propose { .. } => {
                self.say(place, 0);
            }
            Deed::Start { node } => {
                if let Some(node) = self.called(&node) {
                    self.start(node);
                }
            }
            Deed::Turn { node, into } => {
                if let Some(node) = self.called(&node) {
                    self.node(node).hostile = Some(into);
                    self.count_followers();
                }
            }
            Deed::Steal { from, count, release } => match from {
                Loot::Publishers => self.announce_stolen(usize::from(count), release.as_ref()),
                Loot::PublishersTwice => self.announce_two_heads(usize::from(count)),
                Loot::Electors => self.vote_twice(usize::from(count)),
            },
            Deed::Vote { node, says } => {
                if let Some(node) = self.called(&node) {
                    self.vote(node, says);
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

    /// A publisher or an elector says what stands at this place of the course. Who is away may be back soon.
    pub(super) fn say(&mut self, place: usize, tries: u32) {
        let Some(deed) = self.course.get(place).map(|happening| happening.deed.clone()) else {
            return;
        };
        let (Deed::Publish { node: name, .. }
        | Deed::Withdraw { node: name, .. }
        | Deed::Propose { node: name, .. }) = &deed
        else {
            return;
        };
        let Some(node) = self.called(name) else { return };
        let said = match &deed {
            _ if self.nodes[node as usize].running.is_none() => Err("it does not run".to_owned()),
            Deed::Publish { release, .. } => self.publish(&release.0, node),
            Deed::Withdraw { release, .. } => self.withdraw(&release.0, node),
            deed => self.propose(deed, node),
        };
        match said {
            Ok(()) => {}
            Err(_) if tries + 1 < MAX_TRIES => {
                self.untold += 1;
                self.queue.put(self.now + SAYS_AGAIN, Event::Says(place, tries + 1));
            }
            Err(why) => self.write_down(node, || format!("in vain: {deed} ({why})")),
        }
    }

    fn publish(&mut self, version: &ReleaseVersion, node: u32) -> Result<(), String> {
        let made = self.releases.any(version).cloned().ok_or("there is no such release")?;
        let head = self.people.list(&made.signed, self.wall());
        self.give_bytes(node, &made);
        let seq = head.peek().map_or(0, |head| head.seq);
        self.published(version, seq, node);
        self.import(node, head, &made);
        Ok(())
    }

    /// A node has all bytes of a release, because it is its publisher's, or a thief's.
    pub(super) fn give_bytes(&mut self, node: u32, made: &Made) {
        for blob in made.manifest.blobs() {
            let Some(found) = self.releases.find(&blob.digest).cloned() else { continue };
            let this = self.node(node);
            let held = vec![true; found.list.digests.len()];
            this.shelves.insert(blob.digest, Shelf { held, is_complete: true, is_spoilt: false });
            this.objects.insert(blob.chunks.digest);
        }
        self.node(node).objects.insert(made.manifest.tree.object.digest);
    }

    /// The publisher takes a release back, at its own node first.
    fn withdraw(&mut self, version: &ReleaseVersion, node: u32) -> Result<(), String> {
        let made = self.releases.any(version).cloned().ok_or("there is no such release")?;
        let (reason, wall) = ("the story has it so", self.wall());
        let head = self.people.withdraw(&made.signed.digest(), reason, wall);
        self.import(node, head.ok_or("it is not on offer")?, &made);
        Ok(())
    }

    /// A node takes what its own publisher has signed.
    fn import(&mut self, node: u32, head: Arc<Signed<Head>>, made: &Made) {
        let input = Input::Imported { head, manifest: made.signed.clone(), by: "story".to_owned() };
        self.input(node, input);
    }

    /// What clocks show that are right.
    fn wall(&self) -> Timestamp {
        Timestamp::from_seconds(BEGIN + self.now / 1_000_000)
    }

    fn propose(&mut self, deed: &Deed, node: u32) -> Result<(), String> {
        let signed = self.proposal(node, deed)?;
        let id = signed.digest();
        let now = self.nodes[node as usize].now(self.now);
        let statement = Arc::new(Statement::Proposal(signed));
        let running = self.node(node).running.as_mut().ok_or("it does not run")?;
        let said = running.machine.say_on_a_vote(statement, now);
        let (_, actions) = said.map_err(|refusal| refusal.to_string())?;
        self.proposed(id);
        self.carry_out(node, actions);
        Ok(())
    }

    fn proposal(&self, node: u32, deed: &Deed) -> Result<Signed<Proposal>, String> {
        let this = &self.nodes[node as usize];
        let key = this.character.elector.as_ref().ok_or("it is no elector")?;
        let running = this.running.as_ref().ok_or("it does not run")?;
        let wish = deed.wish(key.public().id()).ok_or("there is no such component")?;
        let draft = running.machine.draft_proposal(wish, this.now(self.now));
        let draft = draft.map_err(|problem| problem.to_string())?;
        let mut signed = Signed::unsigned(&draft).map_err(|error| error.to_string())?;
        signed.sign(key, &self.people.network);
        Ok(signed)
    }

    /// An elector is to vote on what was proposed last.
    fn vote(&mut self, node: u32, says: Word) {
        let saying = self.sayings.begin(node, says, self.last_proposed());
        self.cast(saying);
    }

    /// An elector votes, if it can.
    pub(super) fn cast(&mut self, mut saying: Saying) {
        if !self.sayings.is_newest(&saying) {
            return;
        }
        let Saying { node, says, .. } = saying;
        let now = self.nodes[node as usize].now(self.now);
        self.note("votes", node, says as u64);
        saying.on = saying.on.or_else(|| self.last_proposed());
        let running = self.node(node).running.as_mut();
        let cast = match (running, saying.on) {
            (Some(running), Some(on)) => {
                let cast = running.machine.vote(&on, says.stance(), String::new(), now);
                cast.map_err(|problem| problem.to_string()).map(|cast| (on, cast))
            }
            (None, _) => Err("it does not run".to_owned()),
            (_, None) => Err("nothing is proposed".to_owned()),
        };
        match (cast, saying.again()) {
            (Ok((on, (ballot, actions))), _) => {
                self.voted(on);
                self.carry_out(node, vec![Action::Cast(Box::new(ballot))]);
                self.carry_out(node, actions);
            }
            (Err(_), Some(again)) => self.queue.put(self.now + SAYS_AGAIN, Event::Votes(again)),
            (Err(why), None) => self.write_down(node, || format!("it cannot vote: {why}")),
        }
    }
}
