//! Which chunk is asked from whom. Pure: time, answers and randomness come in, requests go out.
//!
//! - The rarest chunk goes first, so that what few hold spreads; ties are broken at random, differently on every
//!   node, so that nodes that start together fetch different chunks and can give them to each other.
//! - Each peer has a window of requests that grows while it delivers and falls back to one when it fails.
//! - When nothing is left to ask for, the chunk that has been waited for longest is asked again elsewhere
//!   (hedging), so a stalling peer costs [`HEDGE_AFTER`] and not its whole time limit.
//! - A peer that sends one wrong chunk is dropped and never asked again.
//! - What partial holders have is asked again while the fetch runs: they are fetching too.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    time::Duration,
};

use updraft_protocol::{Digest, Holding};

use super::Elapsed;

/// Candidates kept for one blob; more are ignored until some fail.
pub(super) const MAX_PEERS: usize = 64;
/// Requests under way to one peer: four chunks of 256 KiB hide a round trip of 100 ms at 10 MiB/s.
pub(super) const MAX_WINDOW: usize = 4;
/// A chunk that takes longer is asked elsewhere too, once nothing else is left to ask for.
const HEDGE_AFTER: Duration = Duration::from_millis(750);
/// Requests for one chunk under way at once.
pub(super) const MAX_COPIES: usize = 2;
/// First pause before a partial holder is asked again what it has; doubles up to [`MAX_REASK`].
const MIN_REASK: Duration = Duration::from_millis(100);
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
    /// Requests for chunks under way, all peers together.
    pub in_flight: usize,
    /// Peers asked for chunks at once.
    pub peers: usize,
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
    /// A chunk came, was right and is kept.
    Kept(P, u32),
    /// A chunk came and was wrong.
    Wrong(P, u32),
    /// A chunk did not come.
    Failed(P, u32, Failure),
    /// A search for holders ended.
    Searched,
    /// Nothing; time passed.
    Tick,
}

/// Why a chunk did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The peer does not hold it after all.
    NotHeld,
    /// The peer has too much to do.
    Busy,
    /// The peer was not reached, or was too slow.
    NoAnswer,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action<P> {
    /// Ask a peer what it holds.
    AskHolding(P),
    /// Ask a peer for a chunk.
    Request(P, u32),
    /// The peer sent a wrong chunk: accuse it, and drop what is under way with it.
    Drop(P),
    /// Look for more holders.
    Search,
    /// Everything is here.
    Done,
}

#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) holding: Holding,
    /// Chunks under way, with the time of asking.
    pub(super) in_flight: BTreeMap<u32, Elapsed>,
    pub(super) window: usize,
    failures: u32,
    /// Not asked for chunks before this.
    rest_until: Elapsed,
    /// When to ask again what it holds; `None` while a question is under way or it holds everything.
    reask_at: Option<Elapsed>,
    reask_pause: Duration,
}

/// The fetch of one blob.
#[derive(Debug, Clone)]
pub struct Machine<P> {
    pub(super) limits: Limits,
    seed: u64,
    pub(super) held: Vec<bool>,
    pub(super) missing: usize,
    pub(super) peers: BTreeMap<P, Peer>,
    dropped: BTreeSet<P>,
    /// Requests under way for each chunk that has any.
    pub(super) copies: BTreeMap<u32, usize>,
    /// Missing chunks that nobody was asked for, rarest first: number of holders, random tie, index.
    queue: BTreeSet<(usize, u64, u32)>,
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
            held,
            missing,
            peers: BTreeMap::new(),
            dropped: BTreeSet::new(),
            copies: BTreeMap::new(),
            queue: BTreeSet::new(),
            search_at: None,
            search_pause: MIN_SEARCH,
            searched: false,
            done: false,
        };
        machine.rebuild_queue();
        machine
    }

    /// Chunks that are not here yet.
    pub fn missing(&self) -> usize {
        self.missing
    }

    /// Takes one input and says what to do.
    pub fn handle(&mut self, input: Input<P>, now: Elapsed) -> Vec<Action<P>> {
        let mut actions = Vec::new();
        match input {
            Input::Found(peer) => self.on_found(peer, now),
            Input::Holds(peer, holding) => self.on_holds(peer, holding, now),
            Input::HoldsUnknown(peer) => self.on_failure(peer, now),
            Input::Kept(peer, index) => self.on_kept(peer, index, now),
            Input::Wrong(peer, index) => {
                self.release(peer, index);
                self.forget(peer);
                self.dropped.insert(peer);
                actions.push(Action::Drop(peer));
            }
            Input::Failed(peer, index, failure) => self.on_failed(peer, index, failure, now),
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
            .flat_map(|p| p.in_flight.values())
            .map(|asked| *asked + HEDGE_AFTER);
        rests.chain(reasks).chain(hedges).chain(self.search_at).filter(|at| *at > now).min()
    }

    fn on_found(&mut self, peer: P, now: Elapsed) {
        if self.dropped.contains(&peer) || self.peers.len() >= MAX_PEERS {
            return;
        }
        self.peers.entry(peer).or_insert(Peer {
            holding: Holding::Nothing,
            in_flight: BTreeMap::new(),
            window: 2,
            failures: 0,
            rest_until: now,
            reask_at: Some(now),
            reask_pause: MIN_REASK,
        });
    }

    fn on_holds(&mut self, id: P, holding: Holding, now: Elapsed) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let news = peer.holding != holding;
        peer.reask_pause = if news { MIN_REASK } else { (peer.reask_pause * 2).min(MAX_REASK) };
        peer.reask_at = (holding != Holding::Everything).then(|| now + peer.reask_pause);
        peer.holding = holding;
        if news {
            self.rebuild_queue();
        }
    }

    fn on_kept(&mut self, id: P, index: u32, now: Elapsed) {
        self.release(id, index);
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.window = (peer.window + 1).min(MAX_WINDOW);
            peer.failures = 0;
            peer.rest_until = now;
        }
        let Some(held) = usize::try_from(index).ok().and_then(|index| self.held.get_mut(index))
        else {
            return;
        };
        if !*held {
            *held = true;
            self.missing -= 1;
        }
        self.dequeue(index);
    }

    fn on_failed(&mut self, id: P, index: u32, failure: Failure, now: Elapsed) {
        self.release(id, index);
        if failure == Failure::NotHeld {
            // It said it had this chunk, or its store lost it since: what it holds has to be asked again. Saying
            // so and not giving is a failure like any other, or a liar could be asked for ever.
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.holding = Holding::Nothing;
            }
            self.rebuild_queue();
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
            peer.reask_at = Some(peer.rest_until.max(now + peer.reask_pause));
            peer.reask_pause = (peer.reask_pause * 2).min(MAX_REASK);
        }
        if peer.failures >= MAX_FAILURES && peer.in_flight.is_empty() {
            self.forget(id);
        }
    }

    /// A request to `id` for `index` has ended.
    fn release(&mut self, id: P, index: u32) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if peer.in_flight.remove(&index).is_some() {
            self.drop_copy(index);
        }
    }

    fn forget(&mut self, id: P) {
        if let Some(peer) = self.peers.remove(&id) {
            peer.in_flight.keys().for_each(|index| self.drop_copy(*index));
            self.rebuild_queue();
        }
    }

    fn drop_copy(&mut self, index: u32) {
        if let Some(copies) = self.copies.get_mut(&index) {
            *copies -= 1;
            if *copies == 0 {
                self.copies.remove(&index);
                self.enqueue(index);
            }
        }
    }

    fn ask_for_chunks(&mut self, now: Elapsed, actions: &mut Vec<Action<P>>) {
        // One request for each peer in turn, so that work spreads over peers before it fills one window.
        loop {
            let mut asked_any = false;
            let ready: Vec<P> = self.ready_peers(now);
            for id in ready {
                if self.in_flight() >= self.limits.in_flight {
                    return;
                }
                if let Some(index) = self.choose(id, now) {
                    self.request(id, index, now);
                    actions.push(Action::Request(id, index));
                    asked_any = true;
                }
            }
            if !asked_any {
                return;
            }
        }
    }

    /// Peers that may be asked for one more chunk, those with the least to do first.
    fn ready_peers(&self, now: Elapsed) -> Vec<P> {
        let active = self.peers.values().filter(|peer| !peer.in_flight.is_empty()).count();
        let mut free_places = self.limits.peers.saturating_sub(active);
        let mut ready: Vec<(usize, u64, P)> = Vec::new();
        for (place, (id, peer)) in (0_u64..).zip(&self.peers) {
            // Whoever has nothing to give takes no place from those who have.
            let is_free = now >= peer.rest_until && peer.in_flight.len() < peer.window;
            if !is_free || self.choose(*id, now).is_none() {
                continue;
            }
            ready.push((peer.in_flight.len(), tie(self.seed, place), *id));
        }
        ready.sort_unstable();
        ready.retain(|(in_flight, _, _)| {
            if *in_flight > 0 {
                return true;
            }
            let takes = free_places > 0;
            free_places = free_places.saturating_sub(1);
            takes
        });
        ready.into_iter().map(|(_, _, id)| id).collect()
    }

    fn choose(&self, id: P, now: Elapsed) -> Option<u32> {
        let peer = self.peers.get(&id)?;
        let fresh =
            self.queue.iter().map(|(_, _, index)| *index).find(|index| peer.holding.holds(*index));
        fresh.or_else(|| self.hedge(id, peer, now))
    }

    /// The chunk that has been waited for longest, if `id` has it and is not the one waited for.
    fn hedge(&self, id: P, peer: &Peer, now: Elapsed) -> Option<u32> {
        self.peers
            .iter()
            .filter(|(other, _)| **other != id)
            .flat_map(|(_, other)| &other.in_flight)
            .filter(|(index, asked)| {
                now.saturating_sub(**asked) >= HEDGE_AFTER
                    && self.is_missing(**index)
                    && self.copies.get(index).is_none_or(|copies| *copies < MAX_COPIES)
                    && !peer.in_flight.contains_key(index)
                    && peer.holding.holds(**index)
            })
            .min_by_key(|(_, asked)| **asked)
            .map(|(index, _)| *index)
    }

    fn request(&mut self, id: P, index: u32, now: Elapsed) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.in_flight.insert(index, now);
            *self.copies.entry(index).or_default() += 1;
            self.dequeue(index);
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

    fn is_missing(&self, index: u32) -> bool {
        usize::try_from(index)
            .ok()
            .and_then(|index| self.held.get(index))
            .is_some_and(|held| !*held)
    }

    fn in_flight(&self) -> usize {
        self.peers.values().map(|peer| peer.in_flight.len()).sum()
    }

    fn enqueue(&mut self, index: u32) {
        if self.is_missing(index) && !self.copies.contains_key(&index) {
            self.queue.insert(self.rank(index));
        }
    }

    fn dequeue(&mut self, index: u32) {
        let rank = self.rank(index);
        self.queue.remove(&rank);
    }

    fn rank(&self, index: u32) -> (usize, u64, u32) {
        let holders = self.peers.values().filter(|peer| peer.holding.holds(index)).count();
        (holders, tie(self.seed, u64::from(index)), index)
    }

    /// What peers hold has changed, so every rank may have.
    fn rebuild_queue(&mut self) {
        self.queue.clear();
        for index in (0_u32..).take(self.held.len()) {
            self.enqueue(index);
        }
    }
}

/// A number that looks random, the same for the same seed.
fn tie(seed: u64, value: u64) -> u64 {
    let bytes = [seed.to_le_bytes(), value.to_le_bytes()].concat();
    let digest = Digest::of(&bytes);
    let [a, b, c, d, e, f, g, h, ..] = *digest.as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
