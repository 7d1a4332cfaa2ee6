//! Who is connected with whom: nodes dial those that a ticket names, then others that these know, until they have as many as
//! they look for.
//!
//! How a real node hears of others (the DHT's walks, identify) is not simulated; that it hears of any of them is assumed, as
//! it is once a node has been connected for a moment. Nobody dials more than a few at once.

use updraft_node::agent::Input;

use super::{Event, World, chance::Chance, lines::Micros};

/// Connections that a node takes at most (`p2p.peers_max`).
const MAX_PEERS: usize = 64;
/// Dialled in one go.
const AT_ONCE: usize = 4;
/// Time until a node looks again, and how much of it is up to chance.
const LOOKS: Micros = 1_000_000;
/// Time until who has enough looks whether he still has.
const RESTS: Micros = 10_000_000;
/// Time between two walks through the DHT (`network/behaviour.rs`).
const WALKS: Micros = 300_000_000;
/// Time after which an idle connection is closed (`p2p.idle_timeout`): of all places of a full node one becomes free now and
/// then.
const IDLE: Micros = 60_000_000;
/// Peers that a node remembers while it runs.
const MAX_MET: usize = 64;
/// Others that are looked at to find one that can be dialled.
const TRIES: usize = 32;
/// Time without a sign of life after which a connection is given up: a ping every 15 s, and its answer within 20 s.
const GIVEN_UP: Micros = 20_000_000;
/// Round trips until a connection is there: TCP, noise, and the protocols.
const ROUND_TRIPS: u64 = 3;

impl World {
    /// A node looks for peers, and will look again.
    pub(super) fn dial(&mut self, node: u32, life: u32) {
        if !self.lives(node, life) {
            return;
        }
        self.note("dials", node, 0);
        let this = &self.nodes[node as usize];
        let (wanted, has) = (this.character.peers, this.peers.len());
        let missing = wanted.saturating_sub(has).min(AT_ONCE);
        let candidates = if has == 0 { self.remembered(node) } else { self.heard_of() };
        let walks = self.walks(node);
        let mut opened = 0;
        for other in candidates {
            // Who has enough looks around from time to time all the same: others may know nobody.
            if opened >= missing.max(usize::from(walks)) {
                break;
            }
            opened += usize::from(self.connect(node, other));
        }
        let has = self.nodes[node as usize].peers.len();
        let rest = if has < wanted { LOOKS } else { RESTS };
        let at = self.now + rest + self.chances.meeting.below(rest / 2);
        self.queue.put(at, Event::Dials(node, life));
    }

    /// Those whom a node can dial that is alone: the addresses of its ticket, and whom it met since it started.
    fn remembered(&mut self, node: u32) -> Vec<u32> {
        let mut known = self.known.clone();
        let running = self.nodes[node as usize].running.as_ref();
        known.extend(running.into_iter().flat_map(|running| &running.met));
        self.chances.meeting.shuffle(&mut known);
        known
    }

    /// Some others, of whom a node hears that is not alone.
    fn heard_of(&mut self) -> Vec<u32> {
        let all = self.nodes.len() as u64;
        let one = |chance: &mut Chance| u32::try_from(chance.below(all)).unwrap_or(0);
        (0..TRIES).map(|_| one(&mut self.chances.meeting)).collect()
    }

    /// Whether it is time for a walk through the DHT, by which nodes meet that have enough peers.
    fn walks(&mut self, node: u32) -> bool {
        let now = self.now;
        let Some(running) = &mut self.node(node).running else { return false };
        let is_time = now >= running.walks_at;
        if is_time {
            running.walks_at = now + WALKS;
        }
        is_time
    }

    /// A node that is dialled and has no place left closes a connection that nobody needs, as every node does with one that
    /// is idle for a minute: outside of its mesh, and to somebody who is not alone without it.
    fn make_room(&mut self, node: u32) {
        let now = self.now;
        let is_known = self.known.contains(&node);
        let this = self.node(node);
        if this.peers.len() < MAX_PEERS || (now < this.makes_room_at && !is_known) {
            return;
        }
        this.makes_room_at = now + IDLE / MAX_PEERS as u64;
        let this = &self.nodes[node as usize];
        let (nodes, gossip) = (&self.nodes, &self.gossip);
        let is_idle =
            |peer: &u32| nodes[*peer as usize].peers.len() > 1 && !gossip.is_in_mesh(node, *peer);
        let idle: Vec<u32> = this.peers.iter().copied().filter(is_idle).collect();
        if let Some(peer) = self.chances.meeting.one(&idle).copied() {
            self.disconnect(node, peer);
        }
    }

    /// Opens a connection if there is none and both may. Says whether there is a new one.
    ///
    /// What is said over it at once is under way three round trips longer: that is what opening takes.
    pub(super) fn connect(&mut self, from: u32, to: u32) -> bool {
        if !self.nodes[from as usize].peers.contains(&to) {
            self.make_room(to);
        }
        let (one, other) = (&self.nodes[from as usize], &self.nodes[to as usize]);
        let now = self.now;
        let refuses = |banned: Option<&Micros>| banned.is_some_and(|until| *until > now);
        if from == to
            || one.peers.contains(&to)
            || one.running.is_none()
            || other.running.is_none()
            || one.peers.len() >= MAX_PEERS
            || other.peers.len() >= MAX_PEERS
            || refuses(one.banned.get(&to))
            || refuses(other.banned.get(&from))
            || !self.ways.opens(from, to)
        {
            return false;
        }
        for (node, peer) in [(from, to), (to, from)] {
            self.node(node).peers.insert(peer);
            if let Some(running) =
                self.node(node).running.as_mut().filter(|r| r.met.len() < MAX_MET)
            {
                running.met.insert(peer);
            }
        }
        self.gossip.connect(from, to);
        let opened = now + ROUND_TRIPS * 2 * self.ways.usual(from);
        for (node, peer) in [(from, to), (to, from)] {
            let life = self.nodes[node as usize].life;
            self.queue.put(opened, Event::Ended(node, life, Box::new(Input::PeerCame(peer))));
        }
        true
    }

    /// Gives up connections whose lines have been cut for too long: nothing was heard over them.
    pub(super) fn give_up_connections(&mut self) {
        if self.ways.is_whole() {
            return self.dying.clear();
        }
        let (now, nodes, ways) = (self.now, &self.nodes, &self.ways);
        let pairs = (0_u32..)
            .zip(nodes)
            .flat_map(|(one, node)| node.peers.range(one + 1..).map(move |other| (one, *other)));
        let cut: Vec<(u32, u32)> = pairs.filter(|(one, other)| !ways.both(*one, *other)).collect();
        let since = |pair: &(u32, u32)| self.dying.get(pair).copied().unwrap_or(now);
        self.dying = cut.iter().map(|pair| (*pair, since(pair))).collect();
        let dead = self.dying.iter().filter(|(_, since)| now - **since >= GIVEN_UP);
        for (one, other) in dead.map(|(pair, _)| *pair).collect::<Vec<_>>() {
            self.disconnect(one, other);
        }
    }

    /// A connection ends; both see it.
    pub(super) fn disconnect(&mut self, one: u32, other: u32) {
        if !self.node(one).peers.remove(&other) {
            return;
        }
        self.node(other).peers.remove(&one);
        self.gossip.disconnect(one, other);
        let lost = [self.lines.cut(one, other), self.lines.cut(other, one)].concat();
        self.lose(lost);
        self.held.retain(|held| !matches!((held.from, held.to), pair if pair == (one, other) || pair == (other, one)));
        for (node, peer) in [(one, other), (other, one)] {
            self.fail_questions(node, peer);
            let life = self.nodes[node as usize].life;
            self.queue.put(self.now, Event::Ended(node, life, Box::new(Input::PeerWent(peer))));
        }
    }
}
