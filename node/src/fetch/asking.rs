//! Whom to ask for what. Pure: a part of the machine.
//!
//! - The rarest chunk goes first, so that what few hold spreads; ties are broken at random, differently on every
//!   node, so that nodes that start together fetch different chunks and can give them to each other.
//! - When nothing is left to ask for, the chunk that has been waited for longest is asked again elsewhere
//!   (hedging), so a stalling peer costs [`HEDGE_AFTER`] and not its whole time limit. One chunk a question: what is
//!   asked twice is wanted soon.
//! - Everything that was asked for and did not end counts, however long it takes: on a slow line all is overdue, and
//!   more questions would only share it. Instead no peer holds all places, not even one that is alone: whoever comes
//!   later finds some, and is asked for what is new and for what the other sits on.
//! - A pack never holds up the end: of what nobody was asked for yet, a peer is given a share that leaves two more to
//!   each of the others. Shares get smaller with what is left and the last ones are single chunks, so peers end
//!   together, whatever their speed. A peer that is alone gets all at once: there is nobody to wait for it.

use std::fmt::Debug;

use updraft_protocol::{Holding, limits::MAX_PACK_RANGES};

use super::{
    Elapsed,
    machine::{Action, Machine, tie},
    peer::{MAX_PACKS, MAX_WINDOW, Peer, Question},
};

/// A chunk that takes longer is asked elsewhere too, once nothing else is left to ask for.
pub(super) const HEDGE_AFTER: Elapsed = Elapsed::from_millis(750);
/// Questions for one chunk under way at once.
pub(super) const MAX_COPIES: usize = 2;

/// A chunk that is waited for: since when, from whom, and which.
type Overdue<P> = (Elapsed, P, u32);

impl<P: Copy + Ord + Debug> Machine<P> {
    pub(super) fn ask_for_chunks(&mut self, now: Elapsed, actions: &mut Vec<Action<P>>) {
        if self.in_flight >= self.limits.in_flight {
            return;
        }
        let overdue = self.overdue(now);
        if overdue.is_empty() && !self.has_any_fresh() {
            return;
        }
        let sharers = self.sharers(now);
        // One question for each peer in turn, so that work spreads over peers before it fills one window.
        loop {
            let mut asked_any = false;
            let ready: Vec<P> = self.ready_peers(&overdue, now);
            for id in ready {
                if self.in_flight >= self.limits.in_flight {
                    return;
                }
                let chunks = self.choose(id, sharers, &overdue);
                if !chunks.is_empty() {
                    self.request(id, &chunks, now);
                    actions.push(Action::Request(id, chunks));
                    asked_any = true;
                }
            }
            if !asked_any {
                return;
            }
        }
    }

    /// Peers among which the work is shared: those that do not rest, and are at it or could be.
    fn sharers(&self, now: Elapsed) -> usize {
        let shares = |peer: &Peer| !peer.questions.is_empty() || self.has_fresh(peer);
        let able = |peer: &&Peer| now >= peer.rest_until && shares(peer);
        self.peers.values().filter(able).count().min(self.limits.peers).max(1)
    }

    /// Peers that may be asked for one more chunk, those with the least to do first.
    fn ready_peers(&self, overdue: &[Overdue<P>], now: Elapsed) -> Vec<P> {
        let active = self.peers.values().filter(|peer| !peer.questions.is_empty()).count();
        let mut free_places = self.limits.peers.saturating_sub(active);
        let mut ready: Vec<(usize, u64, P)> = Vec::new();
        for (place, (id, peer)) in (0_u64..).zip(&self.peers) {
            // Whoever has nothing to give takes no place from those who have.
            let use_for = |peer| self.has_fresh(peer) || self.hedge(*id, peer, overdue).is_some();
            if now < peer.rest_until || peer.room() == 0 || !use_for(peer) {
                continue;
            }
            ready.push((peer.in_flight(), tie(self.seed, place), *id));
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

    /// What is waited for so long that it may be asked elsewhere too, the oldest first.
    fn overdue(&self, now: Elapsed) -> Vec<Overdue<P>> {
        let late = |question: &&Question| now.saturating_sub(question.asked) >= HEDGE_AFTER;
        let mut overdue: Vec<Overdue<P>> = self
            .peers
            .iter()
            .flat_map(|(id, peer)| peer.questions.iter().filter(late).map(move |late| (*id, late)))
            .flat_map(|(id, late)| late.chunks.iter().map(move |index| (late.asked, id, *index)))
            .filter(|(_, _, index)| self.may_be_copied(*index))
            .collect();
        overdue.sort_unstable();
        overdue
    }

    /// Whether a chunk that was asked for may be asked once more.
    fn may_be_copied(&self, index: u32) -> bool {
        self.is_missing(index) && self.copies.get(&index).is_none_or(|copies| *copies < MAX_COPIES)
    }

    /// What the next question to `id` names, in ascending order; nothing if it is not to be asked now.
    fn choose(&self, id: P, sharers: usize, overdue: &[Overdue<P>]) -> Vec<u32> {
        let Some(peer) = self.peers.get(&id) else { return Vec::new() };
        let places = self.limits.in_flight.saturating_sub(self.in_flight);
        let own = self.limits.of_one_peer().saturating_sub(peer.in_flight());
        let room = peer.room().min(places).min(own);
        if room == 0 {
            return Vec::new();
        }
        let mut fresh = self.fresh(peer, self.share(peer, sharers));
        if fresh.is_empty() {
            return self.hedge(id, peer, overdue).into_iter().collect();
        }
        // A pack that would be cut to less than half waits for an answer that is due anyway: crumbs cost a question
        // each, and would go on for ever, because what they free is crumbs again.
        if !peer.questions.is_empty() && room * 2 < fresh.len() {
            return Vec::new();
        }
        fresh.truncate(room);
        fresh.sort_unstable();
        fresh
    }

    /// How many chunks a question to `peer` should name: at most a pack, at most half of its window, its part of what
    /// may be under way in all, and of what nobody was asked for.
    fn share(&self, peer: &Peer, sharers: usize) -> usize {
        let places = (self.limits.in_flight / sharers).min(self.limits.of_one_peer());
        let under_way = places / MAX_PACKS;
        let left = self.queue.len().div_ceil(MAX_PACKS * sharers - 1);
        let share = peer.pack.min(peer.window.div_ceil(MAX_PACKS)).min(under_way).min(left);
        // Single chunks fill the line as well, and better: each is here, and makes room, before a pack of two is.
        if share * MAX_PACKS <= MAX_WINDOW { 1 } else { share }
    }

    /// Whether any peer may hold a chunk that nobody was asked for: while a swarm waits for its seeder none does, and news
    /// of what peers hold come often.
    fn has_any_fresh(&self) -> bool {
        self.queue.last().is_some_and(|(holders, _, _)| *holders > 0)
    }

    /// Whether `peer` holds a chunk that nobody was asked for.
    fn has_fresh(&self, peer: &Peer) -> bool {
        match peer.holding {
            Holding::Nothing => false,
            Holding::Everything => !self.queue.is_empty(),
            Holding::Some(_) => {
                let mut queued = self.queued.iter().enumerate();
                queued.any(|(byte, queued)| peer.holding.eight(byte) & queued != 0)
            }
        }
    }

    /// The rarest chunks that nobody was asked for and `peer` holds, as many as one question can name.
    fn fresh(&self, peer: &Peer, most: usize) -> Vec<u32> {
        let mut chunks: Vec<u32> = Vec::new();
        let mut ranges = 0;
        let held = self.queue.iter().map(|(_, _, index)| *index).filter(|i| peer.holding.holds(*i));
        for index in held {
            let neighbours = [index.checked_sub(1), index.checked_add(1)];
            let touched = neighbours.into_iter().flatten().filter(|i| chunks.contains(i)).count();
            // Between two ranges a chunk makes them one.
            let ranges_then = ranges + 1 - touched;
            if chunks.len() >= most || ranges_then > MAX_PACK_RANGES {
                break;
            }
            chunks.push(index);
            ranges = ranges_then;
        }
        chunks
    }

    /// The chunk that has been waited for longest, if `id` has it and is not the one waited for.
    fn hedge(&self, id: P, peer: &Peer, overdue: &[Overdue<P>]) -> Option<u32> {
        let fits = |(_, other, index): &&Overdue<P>| {
            *other != id
                && self.may_be_copied(*index)
                && peer.holding.holds(*index)
                && !peer.is_asked_for(*index)
        };
        overdue.iter().find(fits).map(|(_, _, index)| *index)
    }

    fn request(&mut self, id: P, chunks: &[u32], now: Elapsed) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.questions.push(Question { asked: now, chunks: chunks.to_vec() });
        self.in_flight += chunks.len();
        for index in chunks {
            let copies = self.copies.entry(*index).or_default();
            *copies += 1;
            // What is asked twice left the queue with the first question.
            if *copies == 1 {
                self.dequeue(*index);
            }
        }
    }
}
