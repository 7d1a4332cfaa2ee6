//! Gossip as libp2p's gossipsub 1.1 spreads it, as far as its costs and delays go: a mesh of few neighbours who push, and
//! rumours of what is known to others each second. Pure: time and chance come in, what is sent comes out.
//!
//! The numbers are those of the node (`network/gossip.rs`). What is left out: scores, PX, and IDONTWANT; who floods is
//! judged where the node does it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use updraft_protocol::{ForkDigest, Gossip, codec};

use super::chance::Chance;

/// Neighbours in the mesh: as many as a node looks for, fewer than which it looks for more, and the most it takes.
const MESH: usize = 5;
const MESH_LOW: usize = 4;
const MESH_HIGH: usize = 7;
/// Others who are told once a second what is known (gossipsub's `gossip_lazy`).
const LAZY: usize = 6;
/// Seconds for which it is told.
const TOLD: usize = 3;
/// What gossipsub and the transport add to a message: author 40, number 10, signature 66, topic 26, lengths 12, and 30 of
/// the frames of yamux and noise.
const AROUND: usize = 184;
/// Bytes of a rumour for each message that it names, and around them.
const RUMOUR: (usize, usize) = (22, 60);
/// Milliseconds between two heartbeats.
pub const HEARTBEAT: u64 = 1_000;

/// Names a message.
pub type MessageId = u32;

/// A message that somebody has said.
#[derive(Debug, Clone)]
pub struct Message {
    /// What it says.
    pub says: Arc<Gossip>,
    /// Bytes on the wire.
    pub size: u64,
    /// Where it was said.
    pub topic: ForkDigest,
}

/// What one node knows of gossip.
#[derive(Debug, Default)]
struct Ear {
    connected: BTreeSet<u32>,
    mesh: BTreeSet<u32>,
    seen: BTreeSet<MessageId>,
    /// What it has accepted since each of the last heartbeats, the newest last.
    lately: VecDeque<Vec<MessageId>>,
    /// Bytes that came and went.
    heard: u64,
    said: u64,
}

/// Something that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// By whom.
    pub from: u32,
    /// To whom.
    pub to: u32,
    /// Messages in full, or the names of some that may be asked for.
    pub what: What,
    /// Bytes on the wire.
    pub size: u64,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A message.
    Message(MessageId),
    /// These are known to the sender.
    Rumour(Vec<MessageId>),
    /// These are asked for.
    Wish(Vec<MessageId>),
}

/// The gossip of a world.
#[derive(Debug, Default)]
pub struct Gossiping {
    ears: Vec<Ear>,
    messages: Vec<Message>,
    numbers: BTreeMap<[u8; 32], MessageId>,
    /// Whose mesh may want for neighbours, or have too many.
    restless: BTreeSet<u32>,
    /// Who has accepted something lately.
    talkative: BTreeSet<u32>,
}

impl Gossiping {
    /// Adds a node; they are numbered from 0.
    pub fn add(&mut self) {
        self.ears.push(Ear::default());
    }

    fn ear(&mut self, node: u32) -> &mut Ear {
        &mut self.ears[node as usize]
    }

    /// How many messages were ever said.
    pub fn messages(&self) -> usize {
        self.messages.len()
    }

    /// A message by its name.
    pub fn message(&self, id: MessageId) -> &Message {
        &self.messages[id as usize]
    }

    /// Gossip bytes that a node has heard and said.
    pub fn bytes(&self, node: u32) -> (u64, u64) {
        let ear = &self.ears[node as usize];
        (ear.heard, ear.said)
    }

    /// Whether a node pushes to another.
    pub fn is_in_mesh(&self, node: u32, other: u32) -> bool {
        self.ears[node as usize].mesh.contains(&other)
    }

    /// Two nodes can gossip from now on.
    pub fn connect(&mut self, one: u32, other: u32) {
        self.ear(one).connected.insert(other);
        self.ear(other).connected.insert(one);
        self.restless.extend([one, other]);
    }

    /// They cannot any more.
    pub fn disconnect(&mut self, one: u32, other: u32) {
        for (one, other) in [(one, other), (other, one)] {
            let ear = self.ear(one);
            ear.connected.remove(&other);
            if ear.mesh.remove(&other) {
                self.restless.insert(one);
            }
        }
    }

    /// A program that starts remembers nothing of what it heard.
    pub fn forget(&mut self, node: u32) {
        let ear = self.ear(node);
        ear.seen.clear();
        ear.lately.clear();
        self.talkative.remove(&node);
    }

    /// A node says something of its own: to everybody around it. Nothing is sent that it has said or heard before.
    pub fn say(&mut self, node: u32, topic: ForkDigest, says: Gossip) -> Vec<Sent> {
        // Whoever is not heard because his word is too long says it to those who ask.
        let Ok(bytes) = codec::encode(&says) else { return Vec::new() };
        let next = MessageId::try_from(self.messages.len()).expect("fewer than 2^32 messages");
        let id = *self.numbers.entry(*blake3::hash(&bytes).as_bytes()).or_insert(next);
        if id == next {
            let size = (bytes.len() + AROUND) as u64;
            self.messages.push(Message { says: Arc::new(says), size, topic });
        }
        if !self.ear(node).seen.insert(id) {
            return Vec::new();
        }
        self.remember(node, id);
        let around = self.ear(node).connected.clone();
        around.into_iter().map(|to| self.send(node, to, What::Message(id))).collect()
    }

    /// Sends what was said by somebody else, as a liar does who makes it up.
    pub fn send(&mut self, from: u32, to: u32, what: What) -> Sent {
        let size = match &what {
            What::Message(id) => self.message(*id).size,
            What::Rumour(ids) | What::Wish(ids) => (ids.len() * RUMOUR.0 + RUMOUR.1) as u64,
        };
        self.ear(from).said += size;
        Sent { from, to, what, size }
    }

    /// Whether what came is news to a node.
    pub fn hears(&mut self, node: u32, id: MessageId) -> bool {
        let size = self.message(id).size;
        let ear = self.ear(node);
        ear.heard += size;
        ear.seen.insert(id)
    }

    /// A node had no room for what came; whoever repeats it is heard.
    pub fn misses(&mut self, node: u32, id: MessageId) {
        self.ear(node).seen.remove(&id);
    }

    /// A node believes what came, and passes it on.
    pub fn accepts(&mut self, node: u32, from: u32, id: MessageId) -> Vec<Sent> {
        self.remember(node, id);
        let mesh: Vec<u32> = self.ear(node).mesh.iter().copied().filter(|to| *to != from).collect();
        mesh.into_iter().map(|to| self.send(node, to, What::Message(id))).collect()
    }

    fn remember(&mut self, node: u32, id: MessageId) {
        let ear = self.ear(node);
        match ear.lately.back_mut() {
            Some(now) => now.push(id),
            None => ear.lately.push_back(vec![id]),
        }
        self.talkative.insert(node);
    }

    /// Somebody is told what is known, and asks for what he does not know.
    pub fn on_rumour(&mut self, node: u32, from: u32, known: &[MessageId]) -> Option<Sent> {
        let size = (known.len() * RUMOUR.0 + RUMOUR.1) as u64;
        let ear = self.ear(node);
        ear.heard += size;
        let unknown: Vec<_> = known.iter().copied().filter(|id| !ear.seen.contains(id)).collect();
        (!unknown.is_empty()).then(|| self.send(node, from, What::Wish(unknown)))
    }

    /// Somebody is asked for what he has told of.
    pub fn on_wish(&mut self, node: u32, from: u32, wanted: &[MessageId]) -> Vec<Sent> {
        let size = (wanted.len() * RUMOUR.0 + RUMOUR.1) as u64;
        self.ear(node).heard += size;
        let lately: BTreeSet<MessageId> = self.ear(node).lately.iter().flatten().copied().collect();
        let given = wanted.iter().filter(|id| lately.contains(id));
        given.map(|id| self.send(node, from, What::Message(*id))).collect()
    }

    /// Once in a while meshes are mended, and rumours are spread. A rumour that tells its hearer nothing is counted and
    /// not given.
    pub fn heartbeat(&mut self, chance: &mut Chance) -> Vec<Sent> {
        for node in std::mem::take(&mut self.restless) {
            self.mend(node, chance);
        }
        let mut rumours = Vec::new();
        for node in std::mem::take(&mut self.talkative) {
            self.tell(node, chance, &mut rumours);
        }
        rumours
    }

    fn mend(&mut self, node: u32, chance: &mut Chance) {
        let ear = &self.ears[node as usize];
        let has = ear.mesh.len();
        if has > MESH_HIGH {
            let mut mesh: Vec<u32> = ear.mesh.iter().copied().collect();
            chance.shuffle(&mut mesh);
            for other in mesh.split_off(MESH) {
                self.part(node, other);
            }
        } else if has < MESH_LOW {
            let room = |other: &u32| self.ears[*other as usize].mesh.len() < MESH_HIGH;
            let others = ear.connected.difference(&ear.mesh).copied();
            let mut others: Vec<u32> = others.filter(room).collect();
            chance.shuffle(&mut others);
            for other in others.into_iter().take(MESH - has) {
                self.ear(node).mesh.insert(other);
                self.ear(other).mesh.insert(node);
            }
        }
    }

    fn part(&mut self, node: u32, other: u32) {
        self.ear(node).mesh.remove(&other);
        self.ear(other).mesh.remove(&node);
        self.restless.insert(other);
    }

    fn tell(&mut self, node: u32, chance: &mut Chance, rumours: &mut Vec<Sent>) {
        let ear = &mut self.ears[node as usize];
        let known: Vec<MessageId> = ear.lately.iter().flatten().copied().collect();
        let others: Vec<u32> = ear.connected.difference(&ear.mesh).copied().collect();
        ear.lately.push_back(Vec::new());
        while ear.lately.len() > TOLD {
            ear.lately.pop_front();
        }
        if ear.lately.iter().any(|second| !second.is_empty()) {
            self.talkative.insert(node);
        }
        if known.is_empty() {
            return;
        }
        for place in chance.some(LAZY, others.len()) {
            let to = others[place];
            let sent = self.send(node, to, What::Rumour(known.clone()));
            if known.iter().all(|id| self.ears[to as usize].seen.contains(id)) {
                self.ear(to).heard += sent.size;
            } else {
                rumours.push(sent);
            }
        }
    }
}

#[cfg(test)]
#[path = "gossip_tests.rs"]
mod tests;
