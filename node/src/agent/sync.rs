//! Whom to ask for what was missed. Pure.
//!
//! Gossip reaches who is there; everybody else asks: on meeting a peer, when a head comes whose links are
//! missing, and every [`ROUND`] a few peers. At most one question is under way with each peer, so a slow or
//! lying one costs its own place and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Debug,
    time::Duration,
};

use updraft_protocol::{Digest, limits::MAX_ROOT_STEPS};

/// Time between two rounds of asking.
const ROUND: Duration = Duration::from_secs(600);
/// Peers asked in a round.
const ROUND_PEERS: usize = 3;
/// Peers known here; the network's own limit is lower.
const MAX_PEERS: usize = 512;
/// Manifests asked for at once.
const MAX_MANIFESTS: usize = 4;
/// Questions waiting for one peer; more are dropped, the next round asks again.
const MAX_WAITING: usize = 8;

/// What a peer can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Question {
    /// Roots after the one in force.
    Roots,
    /// Heads after those trusted.
    News,
    /// One manifest.
    Manifest(Digest),
}

#[derive(Debug, Clone, Default)]
struct Peer {
    asking: Option<Question>,
    waiting: VecDeque<Question>,
    root_steps: u64,
}

/// Who is asked what.
#[derive(Debug, Clone)]
pub(super) struct Sync<P> {
    peers: BTreeMap<P, Peer>,
    /// Manifests that are wanted, with peers that said they do not have them.
    wanted: BTreeMap<Digest, BTreeSet<P>>,
    next_round: Duration,
    turn: usize,
}

impl<P: Copy + Ord + Debug> Default for Sync<P> {
    fn default() -> Self {
        Self { peers: BTreeMap::new(), wanted: BTreeMap::new(), next_round: ROUND, turn: 0 }
    }
}

impl<P: Copy + Ord + Debug> Sync<P> {
    /// A peer is there: it is asked for news first of all.
    pub(super) fn peer_came(&mut self, peer: P) {
        if self.peers.len() < MAX_PEERS {
            self.peers.entry(peer).or_default();
            self.ask(peer, Question::News);
        }
    }

    /// A peer is gone, and so are the questions to it.
    pub(super) fn peer_went(&mut self, peer: P) {
        self.peers.remove(&peer);
        self.wanted.values_mut().for_each(|refused| {
            refused.remove(&peer);
        });
    }

    /// Peers that can be asked.
    pub(super) fn peers(&self) -> impl Iterator<Item = P> {
        self.peers.keys().copied()
    }

    /// Puts a question to a peer, once.
    pub(super) fn ask(&mut self, peer: P, question: Question) {
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        if question == Question::Roots {
            // A peer that leads us along an endless chain of roots is not followed for ever.
            if entry.root_steps >= MAX_ROOT_STEPS {
                return;
            }
            entry.root_steps += 1;
        }
        if entry.asking != Some(question)
            && !entry.waiting.contains(&question)
            && entry.waiting.len() < MAX_WAITING
        {
            entry.waiting.push_back(question);
        }
    }

    /// Asks every peer for news.
    pub(super) fn ask_all(&mut self) -> usize {
        let peers: Vec<P> = self.peers().collect();
        peers.iter().for_each(|peer| self.ask(*peer, Question::News));
        peers.len()
    }

    /// A question was answered or came to nothing.
    pub(super) fn answered(&mut self, peer: P, question: Question) {
        if let Some(entry) = self.peers.get_mut(&peer)
            && entry.asking == Some(question)
        {
            entry.asking = None;
        }
    }

    /// The peer does not have the manifest.
    pub(super) fn has_not(&mut self, peer: P, manifest: Digest) {
        if let Some(refused) = self.wanted.get_mut(&manifest) {
            refused.insert(peer);
        }
    }

    /// These manifests are wanted, and no others.
    pub(super) fn want(&mut self, manifests: &[Digest]) {
        self.wanted.retain(|digest, _| manifests.contains(digest));
        for digest in manifests {
            self.wanted.entry(*digest).or_default();
        }
    }

    /// Questions to put now. Each is answered by [`Sync::answered`].
    pub(super) fn due(&mut self, now: Duration) -> Vec<(P, Question)> {
        if now >= self.next_round {
            self.next_round = now + ROUND;
            self.begin_round();
        }
        self.place_manifests();
        let mut due = Vec::new();
        for (id, peer) in &mut self.peers {
            if peer.asking.is_none()
                && let Some(question) = peer.waiting.pop_front()
            {
                peer.asking = Some(question);
                due.push((*id, question));
            }
        }
        due
    }

    /// When [`Sync::due`] has something to do even if nothing happens.
    pub(super) fn next_wakeup(&self) -> Duration {
        self.next_round
    }

    fn begin_round(&mut self) {
        let peers: Vec<P> = self.peers().collect();
        for offset in 0..ROUND_PEERS.min(peers.len()) {
            self.ask(peers[(self.turn + offset) % peers.len()], Question::News);
        }
        self.turn = self.turn.wrapping_add(ROUND_PEERS);
        // Whoever did not have a manifest may have got it since.
        self.wanted.values_mut().for_each(BTreeSet::clear);
    }

    /// Gives each wanted manifest that nobody is asked for to a peer that is free.
    fn place_manifests(&mut self) {
        let asked: BTreeSet<Digest> = self
            .peers
            .values()
            .flat_map(|peer| peer.asking.iter().chain(&peer.waiting))
            .filter_map(|question| match question {
                Question::Manifest(digest) => Some(*digest),
                Question::Roots | Question::News => None,
            })
            .collect();
        let mut places = MAX_MANIFESTS.saturating_sub(asked.len());
        for (digest, refused) in &self.wanted {
            if places == 0 {
                return;
            }
            if asked.contains(digest) {
                continue;
            }
            let free = self
                .peers
                .iter_mut()
                .filter(|(id, peer)| !refused.contains(id) && peer.waiting.len() < MAX_WAITING)
                .min_by_key(|(_, peer)| (peer.asking.is_some(), peer.waiting.len()));
            if let Some((_, peer)) = free {
                peer.waiting.push_back(Question::Manifest(*digest));
                places -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(n: u8) -> Digest {
        Digest::of(&[n])
    }

    #[test]
    fn a_peer_is_asked_for_news_when_it_comes_and_one_thing_at_a_time() {
        let mut sync: Sync<u8> = Sync::default();
        sync.peer_came(1);
        assert_eq!(sync.due(Duration::ZERO), vec![(1, Question::News)]);
        sync.ask(1, Question::Roots);
        sync.ask(1, Question::News);
        assert!(
            sync.due(Duration::ZERO).is_empty(),
            "one question at a time, and the same one only once"
        );
        sync.answered(1, Question::News);
        assert_eq!(sync.due(Duration::ZERO), vec![(1, Question::Roots)]);
    }

    #[test]
    fn a_manifest_is_asked_from_another_peer_when_one_does_not_have_it() {
        let mut sync: Sync<u8> = Sync::default();
        sync.peer_came(1);
        sync.peer_came(2);
        sync.due(Duration::ZERO);
        sync.answered(1, Question::News);
        sync.answered(2, Question::News);
        sync.want(&[digest(1)]);
        let first = sync.due(Duration::ZERO);
        assert_eq!(first.len(), 1);
        sync.answered(first[0].0, first[0].1);
        sync.has_not(first[0].0, digest(1));
        let second = sync.due(Duration::ZERO);
        assert_eq!(second.len(), 1);
        assert_ne!(first[0].0, second[0].0);
        sync.answered(second[0].0, second[0].1);
        sync.has_not(second[0].0, digest(1));
        assert!(sync.due(Duration::ZERO).is_empty());
        assert!(!sync.due(ROUND).is_empty(), "a later round asks again");
    }

    #[test]
    fn a_manifest_that_is_no_longer_wanted_is_not_asked_for() {
        let mut sync: Sync<u8> = Sync::default();
        sync.want(&[digest(1)]);
        sync.want(&[]);
        sync.peer_came(1);
        assert_eq!(sync.due(Duration::ZERO), vec![(1, Question::News)]);
        sync.answered(1, Question::News);
        assert!(sync.due(Duration::ZERO).is_empty());
    }

    #[test]
    fn an_endless_chain_of_roots_is_not_followed_for_ever() {
        let mut sync: Sync<u8> = Sync::default();
        sync.peer_came(1);
        let mut steps = 0_u64;
        loop {
            let due = sync.due(Duration::ZERO);
            let Some((peer, question)) = due.first().copied() else { break };
            sync.answered(peer, question);
            sync.ask(1, Question::Roots);
            steps += 1;
            assert!(steps <= MAX_ROOT_STEPS + 2);
        }
    }

    #[test]
    fn rounds_reach_everybody_in_turn() {
        let mut sync: Sync<u8> = Sync::default();
        (0..7).for_each(|peer| sync.peer_came(peer));
        for (peer, question) in sync.due(Duration::ZERO) {
            sync.answered(peer, question);
        }
        let mut reached = BTreeSet::new();
        for round in 1..=3 {
            for (peer, question) in sync.due(ROUND * round) {
                sync.answered(peer, question);
                reached.insert(peer);
            }
        }
        assert_eq!(reached.len(), 7);
    }
}
