//! Who holds what, before a way to a release is chosen: every peer is asked about every candidate, all peers at once,
//! and each one question at a time. Pure.
//!
//! Whoever does not answer one question is not asked the others, and nobody is waited for longer than [`SURVEY`]: what
//! a slow peer has said in time counts, and the fetch itself asks it again.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use updraft_protocol::{Digest, Holding, TransferAnswer};

use crate::fetch::PeerError;

/// How long the questions may take.
const SURVEY: Duration = Duration::from_secs(3);

/// Who holds which blob, or some of it.
pub(super) type Holders<P> = BTreeMap<Digest, BTreeSet<P>>;

/// A round of questions.
#[derive(Debug, Clone)]
pub(super) struct Survey<P> {
    candidates: Vec<Digest>,
    /// Peers that have not said all they have to say, and at which candidate each is.
    open: BTreeMap<P, usize>,
    deadline: Duration,
    holders: Holders<P>,
}

impl<P: Copy + Ord> Survey<P> {
    /// Begins, and says which questions to ask first.
    pub(super) fn begin(
        peers: &[P],
        candidates: Vec<Digest>,
        now: Duration,
    ) -> (Self, Vec<(P, Digest)>) {
        let first = candidates.first().copied();
        let questions: Vec<(P, Digest)> =
            peers.iter().filter_map(|peer| Some((*peer, first?))).collect();
        let open = questions.iter().map(|(peer, _)| (*peer, 0)).collect();
        let (deadline, holders) = (now + SURVEY, Holders::new());
        (Self { candidates, open, deadline, holders }, questions)
    }

    /// Takes an answer, and says what to ask this peer next.
    pub(super) fn on_answer(
        &mut self,
        peer: P,
        blob: Digest,
        answer: &Result<TransferAnswer, PeerError>,
    ) -> Option<(P, Digest)> {
        let at = self.open.get_mut(&peer)?;
        if self.candidates.get(*at) != Some(&blob) {
            return None;
        }
        *at += 1;
        let next = self.candidates.get(*at).copied();
        let Ok(answer) = answer else {
            self.open.remove(&peer);
            return None;
        };
        if matches!(answer, TransferAnswer::Have(holding) if *holding != Holding::Nothing) {
            self.holders.entry(blob).or_default().insert(peer);
        }
        if next.is_none() {
            self.open.remove(&peer);
        }
        Some((peer, next?))
    }

    /// Whether nothing more is to be waited for.
    pub(super) fn is_over(&self, now: Duration) -> bool {
        self.open.is_empty() || now >= self.deadline
    }

    /// Until when answers are waited for.
    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Whether somebody still owes an answer.
    pub(super) fn is_waiting(&self) -> bool {
        !self.open.is_empty()
    }

    /// Who holds what, as far as it was said in time.
    pub(super) fn into_holders(self) -> Holders<P> {
        self.holders
    }
}
