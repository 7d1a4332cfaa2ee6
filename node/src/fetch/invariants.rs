//! What is always true of a fetch; checked after every input in tests and debug builds.

use std::{collections::BTreeMap, fmt::Debug};

use updraft_protocol::{
    ChunkRange, Holding,
    limits::{MAX_PACK_CHUNKS, MAX_PACK_RANGES},
};

use super::{
    asking::MAX_COPIES,
    machine::{MAX_PEERS, Machine},
    peer::{MAX_PACKS, MAX_QUESTIONS, MAX_WINDOW, Peer},
};

impl<P: Copy + Ord + Debug> Machine<P> {
    /// Panics when a rule of the machine is broken: a bug here, whatever peers do.
    pub(super) fn check_invariants(&self) {
        let missing = self.held.iter().filter(|held| !**held).count();
        assert_eq!(missing, self.missing, "the count of missing chunks is right");
        assert!(self.peers.len() <= MAX_PEERS, "the table of peers is bounded");
        let mut copies: BTreeMap<u32, usize> = BTreeMap::new();
        for (id, peer) in &self.peers {
            check_questions(id, peer);
            let most = self.limits.of_one_peer();
            assert!(peer.in_flight() <= most, "{id:?} leaves places to others");
            peer.chunks().for_each(|(index, _)| *copies.entry(index).or_default() += 1);
        }
        assert_eq!(copies, self.copies, "questions are counted by chunk as by peer");
        assert!(
            copies.values().all(|copies| *copies <= MAX_COPIES),
            "no chunk is asked for too often at once"
        );
        for (index, holders) in (0_u32..).zip(&self.holders) {
            let hold = self.peers.values().filter(|peer| peer.holding.holds(index)).count();
            assert_eq!(hold, *holders, "the holders of chunk {index} are counted");
        }
        let waits = |index: &u32| self.is_missing(*index) && !copies.contains_key(index);
        let waiting = (0_u32..).take(self.held.len()).filter(waits).count();
        assert_eq!(waiting, self.queue.len(), "what is missing is asked for or queued, once");
        let is_right = |rank: &(usize, u64, u32)| waits(&rank.2) && *rank == self.rank(rank.2);
        assert!(
            self.queue.iter().all(is_right),
            "and nothing else is queued, nor in another place"
        );
        let marked = Holding::Some(self.queued.clone());
        assert!(
            (0_u32..).take(self.held.len()).all(|index| marked.holds(index) == waits(&index)),
            "the bitmap says the same"
        );
        let in_flight = self.peers.values().map(Peer::in_flight).sum::<usize>();
        assert_eq!(in_flight, self.in_flight, "what is under way is counted");
        assert!(in_flight <= self.limits.in_flight, "no more chunks than allowed are under way");
        let active = self.peers.values().filter(|peer| !peer.questions.is_empty()).count();
        assert!(active <= self.limits.peers.max(1), "no more peers than allowed are asked at once");
    }
}

fn check_questions<P: Debug>(id: &P, peer: &Peer) {
    assert!((1..=MAX_PACK_CHUNKS).contains(&peer.pack), "a pack to {id:?} can be asked for");
    assert!(peer.window <= peer.widest(), "the window of {id:?} is bounded");
    assert!(peer.pack > 1 || peer.window <= MAX_WINDOW, "{id:?} is asked as ever");
    assert!(peer.questions.len() <= MAX_QUESTIONS, "questions to {id:?} are bounded");
    assert!(peer.packs() <= MAX_PACKS, "packs from {id:?} are bounded");
    for question in &peer.questions {
        let chunks = &question.chunks;
        assert!((1..=MAX_PACK_CHUNKS).contains(&chunks.len()), "a question can be sent");
        assert!(chunks.is_sorted_by(|one, next| one < next), "an answer's order is the question's");
        let ranges = ChunkRange::pack(chunks).len();
        assert!(ranges <= MAX_PACK_RANGES, "a question is small");
    }
    let mut chunks: Vec<u32> = peer.chunks().map(|(index, _)| index).collect();
    chunks.sort_unstable();
    assert!(chunks.is_sorted_by(|one, next| one < next), "{id:?} is asked for each chunk once");
}
