//! The fetch of one blob as a whole: the machine that asks, the end when nothing comes any more, and the count of who
//! gave what. Pure.
//!
//! [`fetch_blob`](super::fetch_blob) drives it with real peers and a store, simulations with neither.

use std::{collections::BTreeMap, fmt::Debug};

use updraft_protocol::{
    TransferAnswer,
    broken::{self, Break},
    limits::MAX_PACK_BYTES,
};

use super::{
    Elapsed, Lie, PeerError,
    giving_up::Drought,
    judging::{End, Outcome, judge_holding},
    machine::{Action, Answer, Failure, Input, Limits, Machine, Rest},
};

/// Who gave how many bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report<P> {
    /// Verified bytes by peer.
    pub sources: BTreeMap<P, u64>,
    /// Chunks that came with a wrong digest.
    pub wrong: u64,
    /// Bytes that came twice because a slow request was asked elsewhere too.
    pub duplicate: u64,
}

/// Nothing came for so long that nothing more is to be hoped for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody who can be reached holds the {missing} chunks that are missing")]
pub struct GaveUp {
    /// Chunks missing.
    pub missing: usize,
}

/// What happened in the fetch of a blob.
#[derive(Debug)]
pub enum BlobInput<P> {
    /// A peer may hold the blob: one of those known at the beginning, or one that a search has found.
    Found(P),
    /// A peer was asked what it holds, and this came of it.
    Holding(P, Result<TransferAnswer, PeerError>),
    /// A peer was asked for chunks, and this came of it. What is kept of them is verified and durable.
    Chunks(P, Outcome),
    /// A search for holders ended; whoever it found was said before.
    Searched,
    /// Nothing; time passed. The first input of all.
    Tick,
}

/// What the fetch of a blob asks to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobAction<P> {
    /// Ask a peer what it holds.
    AskHolding(P),
    /// Ask a peer for chunks in one question: one, or as many in ascending order as it takes in a pack.
    AskChunks(P, Vec<u32>),
    /// Tell the network that a peer lied.
    Accuse(P, Lie),
    /// Look for more holders.
    Search,
    /// The fetch is over. Comes once, and nothing after it.
    End(Result<Report<P>, GaveUp>),
}

/// The fetch of one blob.
#[derive(Debug, Clone)]
pub struct BlobFetch<P> {
    machine: Machine<P>,
    /// Chunks of this blob that fit into a pack.
    pack: usize,
    drought: Drought,
    report: Report<P>,
    received: u64,
    is_over: bool,
}

impl<P: Copy + Ord + Debug> BlobFetch<P> {
    /// Begins with the chunks that are already `held`, each of `chunk_size` bytes. `seed` decides ties and should
    /// differ between nodes.
    pub fn new(held: Vec<bool>, chunk_size: u32, limits: Limits, seed: u64) -> Self {
        let chunk_size = usize::try_from(chunk_size).unwrap_or(usize::MAX).max(1);
        Self {
            machine: Machine::new(held, limits, seed),
            pack: MAX_PACK_BYTES / chunk_size,
            drought: Drought::default(),
            report: Report { sources: BTreeMap::new(), wrong: 0, duplicate: 0 },
            received: 0,
            is_over: false,
        }
    }

    /// How many chunks one question to a peer may name, from now on. To be said again before every input about the
    /// peer: it may have connected, or said what it offers, since it was asked last.
    pub fn set_pack(&mut self, peer: P, most: usize) {
        self.machine.set_pack(peer, most.min(self.pack));
    }

    /// Who gave what so far.
    pub fn report(&self) -> &Report<P> {
        &self.report
    }

    /// Verified bytes that came so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Chunks that are not here yet.
    pub fn missing(&self) -> usize {
        self.machine.missing()
    }

    /// Takes one input and says what to do.
    pub fn handle(&mut self, input: BlobInput<P>, now: Elapsed) -> Vec<BlobAction<P>> {
        let mut actions = Vec::new();
        if self.is_over {
            return actions;
        }
        // Whoever is found may give: that brings no end nearer.
        let may_end = !matches!(input, BlobInput::Found(_));
        let input = match input {
            BlobInput::Found(peer) => Input::Found(peer),
            BlobInput::Holding(peer, answer) => Self::on_holding(peer, answer, &mut actions),
            BlobInput::Chunks(peer, outcome) => self.on_chunks(peer, outcome, now, &mut actions),
            BlobInput::Searched => Input::Searched,
            BlobInput::Tick => Input::Tick,
        };
        for action in self.machine.handle(input, now) {
            if matches!(action, Action::Drop(_)) && broken::is(Break::LiarsAreNotBlamed) {
                continue;
            }
            actions.push(match action {
                Action::AskHolding(peer) => BlobAction::AskHolding(peer),
                Action::Request(peer, chunks) => BlobAction::AskChunks(peer, chunks),
                Action::Drop(peer) => BlobAction::Accuse(peer, Lie::WrongBytes),
                Action::Search => BlobAction::Search,
                Action::Done => {
                    self.is_over = true;
                    BlobAction::End(Ok(self.report.clone()))
                }
            });
        }
        if may_end && !self.is_over && self.drought.is_hopeless(&self.machine, now) {
            self.is_over = true;
            actions.push(BlobAction::End(Err(GaveUp { missing: self.machine.missing() })));
        }
        actions
    }

    /// When to send [`BlobInput::Tick`] if nothing else comes first; always later than `now`.
    pub fn next_wakeup(&self, now: Elapsed) -> Elapsed {
        let drought = self.drought.wakeup(now);
        self.machine.next_wakeup(now).map_or(drought, |next| next.min(drought))
    }

    fn on_holding(
        peer: P,
        answer: Result<TransferAnswer, PeerError>,
        actions: &mut Vec<BlobAction<P>>,
    ) -> Input<P> {
        let (holding, lie) = judge_holding(answer);
        actions.extend(lie.map(|lie| BlobAction::Accuse(peer, lie)));
        holding.map_or(Input::HoldsUnknown(peer), |holding| Input::Holds(peer, holding))
    }

    fn on_chunks(
        &mut self,
        peer: P,
        outcome: Outcome,
        now: Elapsed,
        actions: &mut Vec<BlobAction<P>>,
    ) -> Input<P> {
        let Outcome { asked, kept, end } = outcome;
        for (index, bytes) in asked.iter().zip(&kept) {
            if self.machine.is_missing(*index) {
                self.drought.ends(now);
                self.received += bytes;
                *self.report.sources.entry(peer).or_default() += bytes;
            } else {
                self.report.duplicate += bytes;
            }
        }
        let rest = match end {
            End::Given => Rest::LeftOut,
            End::Failed(failure) => Rest::Failed(failure),
            End::Lied => {
                actions.push(BlobAction::Accuse(peer, Lie::WrongAnswer));
                Rest::Failed(Failure::NoAnswer)
            }
            End::Wrong => {
                self.report.wrong += 1;
                Rest::Wrong
            }
        };
        Input::Answered(peer, Answer { asked, kept: kept.len(), rest })
    }
}

#[cfg(test)]
#[path = "blob_tests.rs"]
mod tests;
