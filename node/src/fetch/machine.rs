//! The state of a fetch: which chunks are here, what peers hold and what they were asked. Pure: time, answers and
//! randomness come in, questions go out.
//!
//! - Whom to ask for what is chosen in `asking.rs`; how much one peer may be asked for at once in `peer.rs`.
//! - A peer that sends one wrong chunk is dropped and never asked again; right ones that came before it are kept.
//! - A chunk that was left out of an answer which gave others is asked for again, and nobody is blamed.
//! - What partial holders have is asked again while the fetch runs: they are fetching too.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    time::Duration,
};

use updraft_protocol::Holding;

use super::{Elapsed, asking::HEDGE_AFTER, peer::Peer};

/// Candidates kept for one blob; more are ignored until some fail.
pub(super) const MAX_PEERS: usize = 64;
/// First pause before a partial holder is asked again what it has; doubles up to [`MAX_REASK`]. A peer behind a line of
/// 10 Mbit/s has a new chunk of 256 KiB about as often. Those that are due within a quarter of it are asked together: one
/// look at all peers for several questions.
pub(super) const MIN_REASK: Duration = Duration::from_millis(200);
/// Longest pause between two such questions.
const MAX_REASK: Duration = Duration::from_secs(2);
/// First pause after a failure; doubles with each failure in a row.
const BACKOFF: Duration = Duration::from_millis(250);
/// Longest pause after failures.
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// Failures in a row after which a peer is forgotten.
const MAX_FAILURES: u32 = 6;
/// First pause between two searches for more holders; doubles up to [`MAX_SEARCH`].
const MIN_SEARCH: Duration = Duration::from_millis(500);
/// Longest pause between two searches.
const MAX_SEARCH: Duration = Duration::from_secs(15);

/// How much may be under way.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Chunks asked for and under way, all peers together; those of a pack count one by one.
    pub in_flight: usize,
    /// Peers asked for chunks at once.
    pub peers: usize,
}

impl Limits {
    /// Chunks under way of one peer: three quarters, where that leaves anything. The rest is for who comes later, or
    /// one that answers nothing would keep all others from being asked until it is given up.
    pub(super) const fn of_one_peer(self) -> usize {
        self.in_flight - self.in_flight / 4
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input<P> {
    /// A peer may hold the blob.
    Found(P),
    /// A peer said what it holds.
    Holds(P, Holding),
    /// A peer did not say what it holds.
    HoldsUnknown(P),
    /// A question for chunks ended.
    Answered(P, Answer),
    /// A search for holders ended.
    Searched,
    /// Nothing; time passed.
    Tick,
}

impl<P: Copy> Input<P> {
    /// The peer that this is about, if it is about one.
    pub fn peer(&self) -> Option<P> {
        match self {
            Self::Found(peer)
            | Self::Holds(peer, _)
            | Self::HoldsUnknown(peer)
            | Self::Answered(peer, _) => Some(*peer),
            Self::Searched | Self::Tick => None,
        }
    }
}

/// How a question for chunks ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The chunks that were asked for, as in the question.
    pub asked: Vec<u32>,
    /// How many of them, from the first on, came, were right and are kept.
    pub kept: usize,
    /// What became of the others.
    pub rest: Rest,
}

/// What became of the chunks that were asked for and are not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// There are none, or the peer left them out. Who leaves out all of them does not hold them.
    LeftOut,
    /// The first of them came and was wrong.
    Wrong,
    /// They did not come.
    Failed(Failure),
}

/// Why chunks did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The peer does not hold them after all.
    NotHeld,
    /// The peer has too much to do.
    Busy,
    /// The peer was not reached, or was too slow.
    NoAnswer,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action<P> {
    /// Ask a peer what it holds.
    AskHolding(P),
    /// Ask a peer for chunks in one question: one, or as many in ascending order as it takes in a pack.
    Request(P, Vec<u32>),
    /// The peer sent a wrong chunk: accuse it, and drop what is under way with it.
    Drop(P),
    /// Look for more holders.
    Search,
    /// Everything is here.
    Done,
}

/// The fetch of one blob.
#[derive(Debug, Clone)]
pub struct Machine<P> {
    pub(super) limits: Limits,
    pub(super) seed: u64,
    pub(super) held: Vec<bool>,
    pub(super) missing: usize,
    pub(super) peers: BTreeMap<P, Peer>,
    /// How many of them hold each chunk.
    pub(super) holders: Vec<usize>,
    dropped: BTreeSet<P>,
    /// Questions under way for each chunk that has any.
    pub(super) copies: BTreeMap<u32, usize>,
    /// Chunks asked for and under way, with those that are asked for twice.
    pub(super) in_flight: usize,
    /// Missing chunks that nobody was asked for, rarest first: number of holders, random tie, index.
    pub(super) queue: BTreeSet<(usize, u64, u32)>,
    /// The same chunks as a bitmap: whether a peer holds any of them is looked up with every input, for every peer.
    pub(super) queued: Vec<u8>,
    search_at: Option<Elapsed>,
    search_pause: Duration,
    searched: bool,
    done: bool,
}

impl<P: Copy + Ord + Debug> Machine<P> {
    /// Begins with the chunks that are already `held`. `seed` decides ties and should differ between nodes.
    pub fn new(held: Vec<bool>, limits: Limits, seed: u64) -> Self {
        let missing = held.iter().filter(|held| !**held).count();
        let mut machine = Self {
            limits,
            seed,
            holders: vec![0; held.len()],
            queued: vec![0; held.len().div_ceil(8)],
            held,
            missing,
            peers: BTreeMap::new(),
            dropped: BTreeSet::new(),
            copies: BTreeMap::new(),
            in_flight: 0,
            queue: BTreeSet::new(),
            search_at: None,
            search_pause: MIN_SEARCH,
            searched: false,
            done: false,
        };
        machine.chunks().for_each(|index| machine.enqueue(index));
        machine
    }

    /// Chunks that are not here yet.
    pub fn missing(&self) -> usize {
        self.missing
    }

    /// How many chunks one question to a peer may name, from now on; at least one, at most what the protocol allows.
    pub fn set_pack(&mut self, peer: P, most: usize) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.set_pack(most);
        }
    }

    /// Takes one input and says what to do.
    pub fn handle(&mut self, input: Input<P>, now: Elapsed) -> Vec<Action<P>> {
        let mut actions = Vec::new();
        match input {
            Input::Found(peer) => self.on_found(peer, now),
            Input::Holds(peer, holding) => self.on_holds(peer, holding, now),
            Input::HoldsUnknown(peer) => self.on_failure(peer, now),
            Input::Answered(peer, answer) => self.on_answer(peer, answer, now, &mut actions),
            Input::Searched => self.search_at = Some(now + self.search_pause),
            Input::Tick => {}
        }
        if self.missing == 0 {
            if !self.done {
                self.done = true;
                actions.push(Action::Done);
            }
            return actions;
        }
        self.ask_for_chunks(now, &mut actions);
        self.ask_for_holdings(now, &mut actions);
        self.search(now, &mut actions);
        #[cfg(any(test, debug_assertions))]
        self.check_invariants();
        actions
    }

    /// When to send [`Input::Tick`] if nothing else comes first; always later than `now`, because what was due
    /// until then has been dealt with by the input of `now`.
    pub fn next_wakeup(&self, now: Elapsed) -> Option<Elapsed> {
        let rests =
            self.peers.values().filter(|peer| peer.failures > 0).map(|peer| peer.rest_until);
        let reasks = self.peers.values().filter_map(|peer| peer.reask_at);
        let hedges = self
            .peers
            .values()
            .flat_map(|peer| &peer.questions)
            .map(|question| question.asked + HEDGE_AFTER);
        rests.chain(reasks).chain(hedges).chain(self.search_at).filter(|at| *at > now).min()
    }

    fn on_found(&mut self, peer: P, now: Elapsed) {
        if self.dropped.contains(&peer) || self.peers.len() >= MAX_PEERS {
            return;
        }
        self.peers.entry(peer).or_insert_with(|| Peer::new(now));
    }

    fn on_holds(&mut self, id: P, holding: Holding, now: Elapsed) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let news = peer.holding != holding;
        peer.reask_pause = if news { MIN_REASK } else { (peer.reask_pause * 2).min(MAX_REASK) };
        peer.reask_at =
            (holding != Holding::Everything).then(|| asked_together(now + peer.reask_pause));
        if news {
            self.set_holding(id, holding);
        }
    }

    fn on_answer(&mut self, id: P, answer: Answer, now: Elapsed, actions: &mut Vec<Action<P>>) {
        let Answer { asked, kept, rest } = answer;
        // What is here is marked before its question ends, which queues the others only.
        let kept = asked.get(..kept).unwrap_or(&asked);
        kept.iter().for_each(|index| self.mark_held(*index));
        let asked_at = self.release(id, &asked);
        if let (Some(peer), Some(asked_at), false) =
            (self.peers.get_mut(&id), asked_at, kept.is_empty())
        {
            peer.delivered(kept.len(), asked_at, now);
        }
        match rest {
            Rest::LeftOut if kept.is_empty() => self.on_failed(id, Failure::NotHeld, now),
            Rest::LeftOut => {}
            Rest::Failed(failure) => self.on_failed(id, failure, now),
            Rest::Wrong => {
                self.forget(id);
                self.dropped.insert(id);
                actions.push(Action::Drop(id));
            }
        }
    }

    fn mark_held(&mut self, index: u32) {
        let Some(held) = usize::try_from(index).ok().and_then(|index| self.held.get_mut(index))
        else {
            return;
        };
        if !*held {
            *held = true;
            self.missing -= 1;
            // It may have come from a peer that was forgotten, while nobody else is asked for it.
            if !self.copies.contains_key(&index) {
                self.dequeue(index);
            }
        }
    }

    fn on_failed(&mut self, id: P, failure: Failure, now: Elapsed) {
        if failure == Failure::NotHeld {
            // It said it had these chunks, or its store lost them since: what it holds has to be asked again. Saying
            // so and not giving is a failure like any other, or a liar could be asked for ever.
            self.set_holding(id, Holding::Nothing);
        }
        self.on_failure(id, now);
    }

    fn on_failure(&mut self, id: P, now: Elapsed) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.failures += 1;
        peer.window = 1;
        let pause = (BACKOFF * 2_u32.saturating_pow(peer.failures - 1)).min(MAX_BACKOFF);
        peer.rest_until = now + pause;
        if peer.holding != Holding::Everything {
            peer.reask_at = Some(asked_together(peer.rest_until.max(now + peer.reask_pause)));
            peer.reask_pause = (peer.reask_pause * 2).min(MAX_REASK);
        }
        if peer.failures >= MAX_FAILURES && peer.questions.is_empty() {
            self.forget(id);
        }
    }

    /// The question to `id` for these chunks has ended. Gives when it was asked.
    fn release(&mut self, id: P, chunks: &[u32]) -> Option<Elapsed> {
        let peer = self.peers.get_mut(&id)?;
        let place = peer.questions.iter().position(|question| question.chunks == chunks)?;
        let question = peer.questions.remove(place);
        question.chunks.iter().for_each(|index| self.drop_copy(*index));
        Some(question.asked)
    }

    fn forget(&mut self, id: P) {
        self.set_holding(id, Holding::Nothing);
        if let Some(peer) = self.peers.remove(&id) {
            peer.chunks().for_each(|(index, _)| self.drop_copy(index));
        }
    }

    fn drop_copy(&mut self, index: u32) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(copies) = self.copies.get_mut(&index) {
            *copies -= 1;
            if *copies == 0 {
                self.copies.remove(&index);
                self.enqueue(index);
            }
        }
    }

    fn ask_for_holdings(&mut self, now: Elapsed, actions: &mut Vec<Action<P>>) {
        for (id, peer) in &mut self.peers {
            if peer.reask_at.is_some_and(|at| at <= now) {
                peer.reask_at = None;
                actions.push(Action::AskHolding(*id));
            }
        }
    }

    /// Searches once at the beginning, because more holders than those known share the work, and then whenever
    /// some missing chunk has no known holder, ever more rarely.
    fn search(&mut self, now: Elapsed, actions: &mut Vec<Action<P>>) {
        let first = !self.searched;
        let short = self.queue.first().is_some_and(|(holders, _, _)| *holders == 0);
        if !short {
            self.search_pause = MIN_SEARCH;
            // A search under way has its own end.
            self.search_at = self.search_at.filter(|at| *at == Elapsed::MAX);
        } else if self.search_at.is_none() {
            self.search_at = Some(now + self.search_pause);
        }
        if first || (short && self.search_at.is_some_and(|at| at <= now)) {
            self.searched = true;
            self.search_at = Some(Elapsed::MAX);
            if !first {
                self.search_pause = (self.search_pause * 2).min(MAX_SEARCH);
            }
            actions.push(Action::Search);
        }
    }

    /// Whether a chunk is not here yet; never true past the end.
    pub(super) fn is_missing(&self, index: u32) -> bool {
        usize::try_from(index)
            .ok()
            .and_then(|index| self.held.get(index))
            .is_some_and(|held| !*held)
    }

    fn enqueue(&mut self, index: u32) {
        if self.is_missing(index) && !self.copies.contains_key(&index) {
            self.queue.insert(self.rank(index));
            self.mark_queued(index, true);
        }
    }

    pub(super) fn dequeue(&mut self, index: u32) {
        let rank = self.rank(index);
        self.queue.remove(&rank);
        self.mark_queued(index, false);
    }

    fn mark_queued(&mut self, index: u32, is_queued: bool) {
        let byte = usize::try_from(index / 8).ok();
        if let Some(byte) = byte.and_then(|byte| self.queued.get_mut(byte)) {
            let bit = 1 << (index % 8);
            *byte = if is_queued { *byte | bit } else { *byte & !bit };
        }
    }

    pub(super) fn rank(&self, index: u32) -> (usize, u64, u32) {
        let place = usize::try_from(index).unwrap_or(usize::MAX);
        let holders = self.holders.get(place).copied().unwrap_or(0);
        (holders, tie(self.seed, u64::from(index)), index)
    }

    fn chunks(&self) -> impl Iterator<Item = u32> + use<P> {
        (0_u32..).take(self.held.len())
    }

    /// A peer holds this from now on. Chunks of which it holds another answer than before change their rank.
    fn set_holding(&mut self, id: P, holding: Holding) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let before = std::mem::replace(&mut peer.holding, holding.clone());
        let eights = 0..self.queued.len();
        let changed = eights.filter(|byte| before.eight(*byte) != holding.eight(*byte));
        let changed = changed.flat_map(|byte| (0_u32..).skip(byte * 8).take(8));
        let is_other = |index: &u32| before.holds(*index) != holding.holds(*index);
        // Where everything is held, the last byte has flags past the end of the list.
        let chunks = self.held.len();
        let is_there = |index: &u32| usize::try_from(*index).is_ok_and(|index| index < chunks);
        for index in changed.filter(is_other).filter(is_there) {
            let holds = holding.holds(index);
            let rank = self.rank(index);
            let is_queued = self.queue.remove(&rank);
            let place = usize::try_from(index).ok();
            if let Some(holders) = place.and_then(|place| self.holders.get_mut(place)) {
                *holders = if holds { *holders + 1 } else { *holders - 1 };
            }
            if is_queued {
                self.queue.insert(self.rank(index));
            }
        }
    }
}

/// The next moment, at this one or later, at which peers are asked what they hold.
fn asked_together(at: Elapsed) -> Elapsed {
    let step = MIN_REASK / 4;
    let steps = at.as_micros().div_ceil(step.as_micros());
    step.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))
}

/// A number that looks random, the same for the same seed: the last step of SplitMix64 (Steele, Lea and Flood, 2014). A tie
/// is broken for every chunk whenever a peer has news, so it has to cost little.
pub(super) fn tie(seed: u64, value: u64) -> u64 {
    let mut mixed = seed.wrapping_add(value.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

#[cfg(test)]
#[path = "mixed_tests.rs"]
mod mixed_tests;
