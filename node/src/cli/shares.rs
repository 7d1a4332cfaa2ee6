//! Everything that is counted of a vote, in one value: what a recount comes to beside what somebody says. Pure.

use std::fmt;

use crate::{api::types::Proposal, governance::VoteCount};

/// Who may vote, who is ready, and what the ballots weigh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shares {
    /// What the ballots weigh, and what is needed.
    pub(super) count: VoteCount,
    /// The least weight that decides.
    pub(super) quorum: u64,
    /// Keys that may vote.
    pub(super) electors: usize,
    /// The number of the electorate that these are.
    pub(super) electorate: u64,
    /// Electors whose nodes are ready, of how many.
    pub(super) ready: (usize, usize),
}

impl Shares {
    /// What a document of the API says.
    pub(super) fn claimed(by: &Proposal) -> Self {
        let weights = &by.weights;
        let count = VoteCount {
            yes: weights.yes,
            ready: weights.ready,
            no: weights.no,
            abstain: weights.abstain,
            cancel: weights.cancel,
            total: by.total,
            needed: by.threshold,
        };
        let (electors, electorate) = (by.electorate, by.electorate_epoch);
        let ready = (by.ready.nodes, by.ready.of);
        Self { count, quorum: by.quorum, electors, electorate, ready }
    }
}

impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, quorum, electors, electorate, ready: (ready_nodes, of) } = self;
        let VoteCount { yes, ready, no, abstain, cancel, total, needed } = count;
        write!(
            f,
            "yes {yes}, of it ready {ready}, no {no}, abstain {abstain}, cancel {cancel}, of {total}, {needed} needed, \
             quorum {quorum}; {electors} electors of epoch {electorate}, nodes ready {ready_nodes}/{of}"
        )
    }
}
