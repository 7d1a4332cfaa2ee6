//! One peer of a fetch: what it holds, what it was asked for, and how much it may be asked for at once. Pure.
//!
//! A peer has a window of chunks that grows while it delivers and falls back to one when it fails. Where a question
//! may name several chunks (a pack), the window may grow to two packs, so that one is on its way while the next is
//! being read. It shrinks when an answer takes [`LATE`] longer than the quickest: the whole pack comes as one, and
//! what waits for a slow line in a large pack cannot be had elsewhere before it is hedged.

use updraft_protocol::{Holding, limits::MAX_PACK_CHUNKS};

use super::{Elapsed, asking::HEDGE_AFTER, machine::MIN_REASK};

/// Chunks under way to a peer that is asked one by one: four of 256 KiB hide a round trip of 100 ms at 10 MiB/s.
pub(super) const MAX_WINDOW: usize = 4;
/// Questions for chunks under way to any peer; it serves eight of ours, and some are about what it holds.
pub(super) const MAX_QUESTIONS: usize = MAX_WINDOW;
/// Questions of these that name more than one chunk.
pub(super) const MAX_PACKS: usize = 2;
/// An answer that takes so much longer than the quickest is too large. Half of what hedging waits, so that a peer is
/// asked for less before what it was asked for is asked elsewhere, too.
const LATE: Elapsed = HEDGE_AFTER.checked_div(2).expect("two is not zero");
/// Chunks that a peer nobody has tried yet is asked for: a liar costs no more than these.
const FIRST_WINDOW: usize = 2;

/// A question for chunks that is under way.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) asked: Elapsed,
    /// In ascending order.
    pub(super) chunks: Vec<u32>,
}

#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) holding: Holding,
    /// Questions for chunks under way.
    pub(super) questions: Vec<Question>,
    /// Chunks that may be under way.
    pub(super) window: usize,
    /// Chunks that one question may name.
    pub(super) pack: usize,
    /// The quickest answer with chunks so far.
    quickest: Elapsed,
    pub(super) failures: u32,
    /// Not asked for chunks before this.
    pub(super) rest_until: Elapsed,
    /// When to ask again what it holds; `None` while a question is under way or it holds everything.
    pub(super) reask_at: Option<Elapsed>,
    pub(super) reask_pause: Elapsed,
}

impl Peer {
    pub(super) fn new(now: Elapsed) -> Self {
        Self {
            holding: Holding::Nothing,
            questions: Vec::new(),
            window: FIRST_WINDOW,
            pack: 1,
            quickest: Elapsed::MAX,
            failures: 0,
            rest_until: now,
            reask_at: Some(now),
            reask_pause: MIN_REASK,
        }
    }

    /// Chunks under way, with the time of asking.
    pub(super) fn chunks(&self) -> impl Iterator<Item = (u32, Elapsed)> {
        self.questions
            .iter()
            .flat_map(|question| question.chunks.iter().map(|index| (*index, question.asked)))
    }

    pub(super) fn in_flight(&self) -> usize {
        self.questions.iter().map(|question| question.chunks.len()).sum()
    }

    pub(super) fn is_asked_for(&self, index: u32) -> bool {
        self.questions.iter().any(|question| question.chunks.contains(&index))
    }

    /// Questions under way that name more than one chunk.
    pub(super) fn packs(&self) -> usize {
        self.questions.iter().filter(|question| question.chunks.len() > 1).count()
    }

    /// Chunks that one more question may name now.
    pub(super) fn room(&self) -> usize {
        if self.questions.len() >= MAX_QUESTIONS {
            return 0;
        }
        let most = if self.packs() >= MAX_PACKS { 1 } else { self.pack };
        self.window.saturating_sub(self.in_flight()).min(most)
    }

    pub(super) fn set_pack(&mut self, most: usize) {
        self.pack = most.clamp(1, MAX_PACK_CHUNKS);
        self.window = self.window.min(self.widest());
    }

    /// Chunks that may be under way at most.
    pub(super) fn widest(&self) -> usize {
        if self.pack == 1 { MAX_WINDOW } else { MAX_WINDOW.max(MAX_PACKS * self.pack) }
    }

    /// It gave `count` chunks that it was asked for at `asked`.
    pub(super) fn delivered(&mut self, count: usize, asked: Elapsed, now: Elapsed) {
        let took = now.saturating_sub(asked);
        let is_late = took > self.quickest.saturating_add(LATE);
        self.quickest = self.quickest.min(took);
        self.window = if is_late && self.window >= MAX_WINDOW {
            MAX_WINDOW.max(self.window / 2)
        } else {
            (self.window + count).min(self.widest())
        };
        self.failures = 0;
        self.rest_until = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Elapsed {
        Elapsed::from_millis(millis)
    }

    fn grown(pack: usize) -> Peer {
        let mut peer = Peer::new(at(0));
        peer.set_pack(pack);
        for round in 0..40 {
            peer.delivered(peer.window, at(round * 50), at(round * 50 + 50));
        }
        peer
    }

    #[test]
    fn a_window_grows_to_four_chunks_or_two_packs() {
        assert_eq!(grown(1).window, MAX_WINDOW);
        assert_eq!(grown(16).window, 32);
        assert_eq!(grown(usize::MAX).window, MAX_PACKS * MAX_PACK_CHUNKS);
    }

    #[test]
    fn a_peer_that_gives_no_packs_any_more_is_asked_one_by_one() {
        let mut peer = grown(16);
        peer.set_pack(0);
        assert_eq!((peer.pack, peer.window), (1, MAX_WINDOW));
    }

    #[test]
    fn late_answers_shrink_a_window_of_packs_and_no_other() {
        let mut peer = grown(16);
        peer.delivered(16, at(9_000), at(9_000) + at(50) + LATE);
        assert_eq!(peer.window, 32, "on time to the millisecond");
        for expected in [16, 8, 4, 4] {
            peer.delivered(peer.window, at(9_000), at(9_001) + at(50) + LATE);
            assert_eq!(peer.window, expected);
        }
        let mut old = grown(1);
        old.delivered(1, at(9_000), at(20_000));
        assert_eq!(old.window, MAX_WINDOW);
    }

    #[test]
    fn a_long_way_is_not_taken_for_slowness() {
        let mut peer = Peer::new(at(0));
        peer.set_pack(16);
        for round in 0..10 {
            peer.delivered(peer.window, at(round * 900), at(round * 900 + 900));
        }
        assert_eq!(peer.window, 32);
    }

    #[test]
    fn only_two_packs_are_under_way_and_four_questions() {
        let mut peer = grown(16);
        let question = |chunks: &[u32]| Question { asked: at(0), chunks: chunks.to_vec() };
        peer.questions = vec![question(&[0, 1])];
        assert_eq!(peer.room(), 16);
        peer.questions.push(question(&[2, 3]));
        assert_eq!(peer.room(), 1);
        peer.questions.extend([question(&[4]), question(&[5])]);
        assert_eq!(peer.room(), 0);
    }
}
