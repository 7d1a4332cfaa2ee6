//! The peers this node knows: where they are, what they said of themselves, how they behave. Pure: the time
//! is an argument, nothing is dialled or closed here.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use libp2p::swarm::ConnectionId;

use super::{
    address::Address,
    bans::Ban,
    identity::PeerId,
    metrics::{Direction, Service},
};

/// Peers remembered. When full, the one that has been away longest gives way; those connected never do,
/// their number has a limit of its own.
pub(super) const MAX_KNOWN: usize = 1_024;
/// Addresses kept of one peer; the newest stay.
pub(super) const MAX_ADDRESSES: usize = 16;
/// Bytes kept of what a peer calls itself.
pub(super) const MAX_AGENT: usize = 256;

/// The best score. Small, so that nobody saves up good deeds for a bad one.
const BEST: i32 = 10;
/// At this score a peer is banned.
pub(super) const BAN_AT: i32 = -100;
/// Half of a bad score is forgiven in this time.
const HALF_LIFE: Duration = Duration::from_secs(600);
/// Wait before a lost peer is dialled again: doubled at each failure, from one second to ten minutes.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// What a peer did, as seen by whoever asked it or checked what it sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conduct {
    /// It gave what was asked.
    Useful,
    /// It took too long.
    Slow,
    /// It sent bytes that are no message, or a message that breaks the rules of its type.
    Malformed,
    /// It sent something signed wrongly or that contradicts itself.
    Invalid,
    /// It sent a chunk that does not match its digest: no accident, transport is authenticated.
    BadChunk,
}

impl Conduct {
    const fn points(self) -> i32 {
        match self {
            Self::Useful => 1,
            Self::Slow => -2,
            Self::Malformed => -20,
            Self::Invalid => -25,
            Self::BadChunk => BAN_AT - BEST,
        }
    }
}

/// How this node learnt of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FoundBy {
    /// It is in the settings or on a ticket.
    Bootstrap,
    /// It answered on the local network.
    Mdns,
    /// The DHT named it.
    Dht,
    /// It connected by itself.
    Inbound,
    /// A person or another room asked for it.
    Dialled,
}

/// What is known of one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerInfo {
    /// Its name.
    pub id: PeerId,
    /// Where it can be reached, newest first.
    pub addresses: Vec<Address>,
    /// Who opened the connection, if there is one.
    pub direction: Option<Direction>,
    /// What it calls itself, once it has said so.
    pub agent: Option<String>,
    /// Whether it speaks what every Updraft node speaks, once it has said so.
    pub speaks_updraft: Option<bool>,
    /// What it can be asked, as it said itself on the present connection.
    pub services: Vec<Service>,
    /// Last round trip measured.
    pub rtt: Option<Duration>,
    /// How it behaves: 10 at best, banned at −100.
    pub score: i32,
    /// How it became known.
    pub found_by: FoundBy,
    /// Since when it is connected, or when it was last seen.
    pub since: Instant,
    /// The ban on it, if there is one.
    pub ban: Option<Ban>,
}

#[derive(Debug)]
struct Peer {
    addresses: Vec<Address>,
    /// Open connections, oldest first.
    connections: Vec<Connection>,
    /// The direction of the first of them, under which the peer is counted until it leaves.
    counted_as: Option<Direction>,
    agent: Option<String>,
    /// Once it has said so on the present connection.
    services: Option<Vec<Service>>,
    rtt: Option<Duration>,
    score: i32,
    scored_at: Instant,
    found_by: FoundBy,
    since: Instant,
    failed_dials: u32,
    dial_after: Instant,
}

/// An open connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    pub(super) direction: Direction,
    pub(super) reach: Reachable,
}

/// How far the other end of a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reachable {
    /// On this machine.
    Loopback,
    /// Elsewhere.
    Network,
}

/// A peer whose last connection closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    /// The direction it was counted under.
    pub(super) direction: Direction,
    /// Whether it had said that it speaks Updraft.
    pub(super) spoke_updraft: bool,
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct Peers {
    peers: BTreeMap<PeerId, Peer>,
    connected: BTreeSet<PeerId>,
}

/// Whether something happened for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Novelty {
    /// It did.
    First,
    /// It had happened before.
    Again,
}

/// What a score calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing.
    Fine,
    /// A ban.
    Ban,
}

impl Peers {
    /// Remembers that a peer exists and perhaps where.
    pub(super) fn learn(
        &mut self,
        peer: PeerId,
        address: Option<Address>,
        by: FoundBy,
        now: Instant,
    ) {
        let entry = self.peers.entry(peer).or_insert_with(|| Peer::new(by, now));
        if let Some(address) = address {
            entry.remember(address.without_peer());
        }
        self.make_room(peer);
    }

    /// A connection opened.
    pub(super) fn connected(
        &mut self,
        peer: PeerId,
        connection: Connection,
        now: Instant,
    ) -> Novelty {
        let by = match connection.direction {
            Direction::Inbound => FoundBy::Inbound,
            Direction::Outbound => FoundBy::Dialled,
        };
        let entry = self.peers.entry(peer).or_insert_with(|| Peer::new(by, now));
        entry.connections.push(connection);
        entry.failed_dials = 0;
        let novelty = if self.connected.insert(peer) { Novelty::First } else { Novelty::Again };
        if novelty == Novelty::First {
            entry.since = now;
            entry.counted_as = Some(connection.direction);
        }
        self.make_room(peer);
        novelty
    }

    /// A connection closed. Gives who has left if it was the last one.
    pub(super) fn disconnected(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        now: Instant,
    ) -> Option<Left> {
        let entry = self.peers.get_mut(&peer)?;
        let counted = entry.counted_as?;
        entry.connections.retain(|open| open.id != connection);
        if !entry.connections.is_empty() || !self.connected.remove(&peer) {
            return None;
        }
        let spoke_updraft = entry.services.take().is_some_and(|spoken| speaks_updraft(&spoken));
        entry.rtt = None;
        entry.since = now;
        entry.dial_after = now + FIRST_WAIT;
        Some(Left { direction: counted, spoke_updraft })
    }

    /// Whether a peer is connected from this very machine.
    pub(super) fn is_local(&self, peer: PeerId) -> bool {
        let connections = self.peers.get(&peer).map_or(&[][..], |entry| &entry.connections);
        connections.iter().any(|open| open.reach == Reachable::Loopback)
    }

    /// A peer said what it is. First means: first time on the present connection.
    pub(super) fn identified(
        &mut self,
        peer: PeerId,
        agent: &str,
        services: &[Service],
        addresses: Vec<Address>,
    ) -> Novelty {
        let Some(entry) = self.peers.get_mut(&peer) else { return Novelty::Again };
        entry.agent = Some(shown_text(agent));
        for address in addresses.into_iter().take(MAX_ADDRESSES).rev() {
            entry.remember(address.without_peer());
        }
        match entry.services.replace(services.to_vec()) {
            None => Novelty::First,
            Some(_) => Novelty::Again,
        }
    }

    pub(super) fn measured(&mut self, peer: PeerId, rtt: Duration) {
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.rtt = Some(rtt);
        }
    }

    /// A dial failed; the peer is left alone for a while that doubles each time.
    pub(super) fn dial_failed(&mut self, peer: PeerId, now: Instant) {
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.dial_after = now + backoff(entry.failed_dials, FIRST_WAIT, LONGEST_WAIT);
            entry.failed_dials = entry.failed_dials.saturating_add(1);
        }
    }

    /// Counts what a peer did. Unknown peers have no score to lose.
    pub(super) fn report(&mut self, peer: PeerId, conduct: Conduct, now: Instant) -> Standing {
        let Some(entry) = self.peers.get_mut(&peer) else { return Standing::Fine };
        entry.score = entry.score_at(now).saturating_add(conduct.points()).min(BEST);
        entry.scored_at = now;
        if entry.score <= BAN_AT { Standing::Ban } else { Standing::Fine }
    }

    /// Gives a peer its good name back, after a ban was lifted.
    pub(super) fn forgive(&mut self, peer: PeerId) {
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.score = 0;
        }
    }

    pub(super) fn score(&self, peer: PeerId, now: Instant) -> i32 {
        self.peers.get(&peer).map_or(0, |entry| entry.score_at(now))
    }

    /// Who is to leave when a place is needed among those of one direction: of the younger half, so that who was here
    /// longest stays, the one that came first, has been here for `settles`, and is not needed.
    pub(super) fn to_leave(
        &self,
        direction: Direction,
        settles: Duration,
        is_needed: impl Fn(PeerId) -> bool,
        now: Instant,
    ) -> Option<PeerId> {
        let counted = |id: &&PeerId| {
            self.peers.get(id).is_some_and(|peer| peer.counted_as == Some(direction))
        };
        let since = |id: &PeerId| self.peers.get(id).map(|peer| peer.since);
        let mut all: Vec<PeerId> = self.connected.iter().filter(counted).copied().collect();
        all.sort_by_key(since);
        let older = all.len().div_ceil(2);
        let younger = all.into_iter().skip(older);
        let has_settled = |id: &PeerId| since(id).is_some_and(|since| now >= since + settles);
        younger.take_while(has_settled).find(|id| !is_needed(*id))
    }

    pub(super) fn is_connected(&self, peer: PeerId) -> bool {
        self.connected.contains(&peer)
    }

    pub(super) fn connected_count(&self) -> usize {
        self.connected.len()
    }

    pub(super) fn addresses(&self, peer: PeerId) -> &[Address] {
        self.peers.get(&peer).map_or(&[], |entry| &entry.addresses)
    }

    /// Up to `count` peers worth dialling: away, with an address, not tried lately, best behaved first.
    pub(super) fn candidates(&self, count: usize, now: Instant) -> Vec<PeerId> {
        let mut away: Vec<_> = self
            .peers
            .iter()
            .filter(|(_, entry)| {
                entry.connections.is_empty()
                    && !entry.addresses.is_empty()
                    && entry.dial_after <= now
            })
            .map(|(peer, entry)| (entry.failed_dials, -entry.score_at(now), *peer))
            .collect();
        away.sort_unstable();
        away.into_iter().take(count).map(|(_, _, peer)| peer).collect()
    }

    /// Everything, in order of id. `ban_of` tells of bans, which the door keeps.
    pub(super) fn list(
        &self,
        now: Instant,
        ban_of: impl Fn(PeerId) -> Option<Ban>,
    ) -> Vec<PeerInfo> {
        self.peers
            .iter()
            .map(|(id, entry)| PeerInfo {
                id: *id,
                addresses: entry.addresses.clone(),
                direction: entry.direction(),
                agent: entry.agent.clone(),
                speaks_updraft: entry.services.as_deref().map(speaks_updraft),
                services: entry.services.clone().unwrap_or_default(),
                rtt: entry.rtt,
                score: entry.score_at(now),
                found_by: entry.found_by,
                since: entry.since,
                ban: ban_of(*id),
            })
            .collect()
    }

    fn make_room(&mut self, newcomer: PeerId) {
        if self.peers.len() <= MAX_KNOWN {
            return;
        }
        let oldest = self
            .peers
            .iter()
            .filter(|(peer, entry)| **peer != newcomer && entry.connections.is_empty())
            .min_by_key(|(_, entry)| entry.since)
            .map(|(peer, _)| *peer);
        if let Some(peer) = oldest {
            self.peers.remove(&peer);
        }
    }
}

impl Peer {
    const fn new(found_by: FoundBy, now: Instant) -> Self {
        Self {
            addresses: Vec::new(),
            connections: Vec::new(),
            counted_as: None,
            agent: None,
            services: None,
            rtt: None,
            score: 0,
            scored_at: now,
            found_by,
            since: now,
            failed_dials: 0,
            dial_after: now,
        }
    }

    fn direction(&self) -> Option<Direction> {
        self.connections.first().map(|open| open.direction)
    }

    fn remember(&mut self, address: Address) {
        self.addresses.retain(|known| *known != address);
        self.addresses.insert(0, address);
        self.addresses.truncate(MAX_ADDRESSES);
    }

    fn score_at(&self, now: Instant) -> i32 {
        let halvings =
            now.saturating_duration_since(self.scored_at).as_secs() / HALF_LIFE.as_secs();
        let halvings = u32::try_from(halvings).unwrap_or(u32::MAX);
        1_i32.checked_shl(halvings.min(30)).map_or(0, |divisor| self.score / divisor)
    }
}

/// Whether somebody who speaks these is an Updraft node: the frozen protocol is what all of them have in common.
pub(super) fn speaks_updraft(services: &[Service]) -> bool {
    services.contains(&Service::Bootstrap)
}

/// `first` doubled `failures` times, at most `longest`.
pub(super) fn backoff(failures: u32, first: Duration, longest: Duration) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(failures)).min(longest)
}

/// What a peer calls itself, fit for a terminal: bounded and without control characters.
fn shown_text(text: &str) -> String {
    let mut shown = String::new();
    for letter in text.chars().filter(|letter| !letter.is_control()) {
        if shown.len() + letter.len_utf8() > MAX_AGENT {
            break;
        }
        shown.push(letter);
    }
    shown
}

#[cfg(test)]
mod tests;
