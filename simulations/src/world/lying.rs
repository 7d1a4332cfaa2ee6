//! What hostile nodes do by themselves, once a second. How they answer stands where answers are given.

use updraft_protocol::{Ballot, Digest, Gossip, Signed, Stance, Statement};

use super::{World, gossip::What, people::key};
use crate::scenario::{Hostility, Version};

/// The release of a thief, if the scenario does not say which: no publisher gets so far.
const FORGED: &str = "9999.0.0";
/// Useless messages that a flooder sends to each peer in a second.
const FLOOD: usize = 40;
/// Strangers in whose names one sybil votes in a second.
const STRANGERS: u64 = 4;
/// Victims that somebody who takes all places turns to in a second.
const GRABS: usize = 4;

impl World {
    /// Every hostile node does what it does.
    pub(super) fn lie(&mut self) {
        let liars = (0..).zip(&self.nodes).filter(|(_, node)| node.running.is_some());
        let liars = liars.filter_map(|(number, node)| Some((number, node.hostile?)));
        for (node, hostility) in liars.collect::<Vec<(u32, Hostility)>>() {
            match hostility {
                Hostility::Flood => self.flood(node),
                Hostility::Replay => self.repeat_the_oldest(node),
                Hostility::Sybil => self.vote_as_strangers(node),
                Hostility::Eclipse => self.take_places(node),
                Hostility::Corrupt | Hostility::Stall | Hostility::Pretend | Hostility::Silence => {
                }
            }
        }
    }

    /// Says to everybody what everybody knows.
    fn flood(&mut self, node: u32) {
        let Some(last) = self.gossip.messages().checked_sub(1) else { return };
        let peers: Vec<u32> = self.nodes[node as usize].peers.iter().copied().collect();
        for peer in peers {
            for _ in 0..FLOOD {
                let id = u32::try_from(self.chances.nodes.between(0, last as u64)).unwrap_or(0);
                let sent = self.gossip.send(node, peer, What::Message(id));
                self.spread(vec![sent]);
            }
        }
    }

    /// Tells everybody of the first head there was, again and again.
    fn repeat_the_oldest(&mut self, node: u32) {
        let oldest = (0..self.gossip.messages())
            .filter_map(|id| u32::try_from(id).ok())
            .find(|id| matches!(*self.gossip.message(*id).says, Gossip::Announcement { .. }));
        let Some(oldest) = oldest else { return };
        let peers: Vec<u32> = self.nodes[node as usize].peers.iter().copied().collect();
        for peer in peers {
            let sent = self.gossip.send(node, peer, What::Message(oldest));
            self.spread(vec![sent]);
        }
    }

    /// Votes with keys that nobody has listed, on whatever is proposed.
    fn vote_as_strangers(&mut self, node: u32) {
        let this = &self.nodes[node as usize];
        let now = this.now(self.now);
        let Some(running) = &this.running else { return };
        let Some(line) = running.machine.proposals(now).into_iter().next() else { return };
        let Some(topic) = this.topic() else { return };
        let (network, proposal, epoch) = (self.people.network, line.id, line.proposal.opens);
        for _ in 0..STRANGERS {
            let stranger = key(&format!("stranger {}", self.chances.nodes.any()));
            let by = stranger.public().id();
            let ballot = Ballot {
                network,
                by,
                proposal,
                seq: 1,
                epoch,
                stance: Stance::No,
                reason: String::new(),
            };
            let Ok(mut signed) = Signed::unsigned(&ballot) else { return };
            signed.sign(&stranger, &network);
            let sent = self.gossip.say(node, topic, Gossip::Statement(Statement::Ballot(signed)));
            self.spread(sent);
        }
    }

    /// Connects to whoever does not lie, so that nobody else finds a place there.
    fn take_places(&mut self, node: u32) {
        let victims = self.all_of(None);
        for place in self.chances.nodes.some(GRABS, victims.len()) {
            self.connect(node, victims[place]);
        }
    }

    /// Somebody who has stolen keys of so many publishers announces a release of his own, and has its bytes.
    pub(super) fn announce_stolen(&mut self, keys: usize, called: Option<&Version>) {
        let Some(thief) = self.a_liar() else { return };
        let wall = self.nodes[thief as usize].wall(self.now);
        let version =
            called.map_or_else(|| FORGED.parse().expect("a version"), |called| called.0.clone());
        let made = self.releases.forge(&self.people, version, keys, wall);
        self.give_bytes(thief, &made);
        made.manifest.blobs().for_each(|blob| self.dht.provide(blob.digest, thief));
        let head = self.people.forge_head(&made.signed, keys, wall);
        self.say_stolen(thief, head, Some(made));
    }

    /// The same, with two heads of one number.
    pub(super) fn announce_two_heads(&mut self, keys: usize) {
        let Some(thief) = self.a_liar() else { return };
        let wall = self.nodes[thief as usize].wall(self.now);
        for seconds in [0, 1] {
            let Some(head) = self.people.forge_fork(keys, wall.plus(seconds)) else { return };
            self.say_stolen(thief, head, None);
        }
    }

    fn say_stolen(
        &mut self,
        thief: u32,
        head: std::sync::Arc<Signed<updraft_protocol::Head>>,
        made: Option<std::sync::Arc<super::releases::Made>>,
    ) {
        let Some(topic) = self.nodes[thief as usize].topic() else { return };
        let manifest = made.map(|made| made.signed.as_ref().clone());
        let sent = self.gossip.say(thief, topic, Gossip::announce(head.as_ref().clone(), manifest));
        self.send_gossip(sent);
    }

    /// Somebody who has stolen keys of so many electors says two things with each.
    pub(super) fn vote_twice(&mut self, keys: usize) {
        let Some(thief) = self.a_liar() else { return };
        let this = &self.nodes[thief as usize];
        let now = this.now(self.now);
        let line = this.running.as_ref().and_then(|r| r.machine.proposals(now).into_iter().next());
        let (Some(line), Some(topic)) = (line, this.topic()) else { return };
        for elector in 0..keys {
            for stance in [Stance::Yes, Stance::No] {
                if let Some(signed) =
                    self.stolen_ballot(elector, line.id, line.proposal.opens, stance)
                {
                    self.is_said(&signed);
                    let said = Gossip::Statement(Statement::Ballot(signed));
                    let sent = self.gossip.say(thief, topic, said);
                    self.send_gossip(sent);
                }
            }
        }
    }

    fn stolen_ballot(
        &self,
        elector: usize,
        proposal: Digest,
        epoch: u64,
        stance: Stance,
    ) -> Option<Signed<Ballot>> {
        let (network, key) = (self.people.network, self.people.elector(elector)?);
        let by = key.public().id();
        let ballot =
            Ballot { network, by, proposal, seq: 16, epoch, stance, reason: String::new() };
        let mut signed = Signed::unsigned(&ballot).ok()?;
        signed.sign(key, &network);
        Some(signed)
    }

    /// The first hostile node that runs.
    fn a_liar(&self) -> Option<u32> {
        let lies = |(_, node): &(u32, &super::node::Node)| {
            node.hostile.is_some() && node.running.is_some()
        };
        (0..).zip(&self.nodes).find(lies).map(|(number, _)| number)
    }
}
