//! What is counted of votes: how many proposals stand how, and how far the open ones have come. A vote that is over
//! leaves here too, so there are at most six series for each open vote, and one open vote for each elector.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::{
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};

use super::{
    families::Real,
    labels::{ByChoice, ByProposal, ByState, Choice},
};

/// One proposal now.
#[derive(Debug, Clone, PartialEq)]
pub struct ProposalNumbers {
    /// `p-3.0a1b2c3d`: two proposals may share a number.
    pub name: String,
    /// How it stands, a word of [`ProposalNumbers::STATES`].
    pub state: &'static str,
    /// How far it has come; `None` unless it is open.
    pub open: Option<OpenVote>,
}

/// What the ballots of an open vote weigh now, in whole weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OpenVote {
    /// How much is for it, as a part of the weight that decides.
    pub quorum: f64,
    /// For it, ready or not.
    pub yes: u64,
    /// Against it.
    pub no: u64,
    /// Neither.
    pub abstain: u64,
    /// For it and ready.
    pub ready: u64,
    /// To call it off.
    pub cancel: u64,
}

impl OpenVote {
    const fn of(&self, choice: Choice) -> u64 {
        match choice {
            Choice::Yes => self.yes,
            Choice::No => self.no,
            Choice::Abstain => self.abstain,
            Choice::Ready => self.ready,
            Choice::Cancel => self.cancel,
        }
    }
}

impl ProposalNumbers {
    /// Every state.
    pub const STATES: [&'static str; 9] = [
        "announced",
        "voting",
        "rejected",
        "failed",
        "locked_in",
        "active",
        "final",
        "overtaken",
        "cancelled",
    ];
}

/// The families, and which proposals they have.
#[derive(Debug, Clone, Default)]
pub(super) struct Votes {
    proposals: Family<ByState, Gauge>,
    quorum: Family<ByProposal, Real>,
    weights: Family<ByChoice, Gauge>,
    known: Arc<Mutex<BTreeSet<String>>>,
}

impl Votes {
    pub(super) fn register(&self, r: &mut Registry) {
        r.register("proposals", "Proposals known here, by how they stand", self.proposals.clone());
        r.register(
            "proposal_quorum_ratio",
            "Weight that is for an open proposal, as a part of the least that decides it",
            self.quorum.clone(),
        );
        r.register(
            "proposal_votes",
            "Weight of the ballots about an open proposal; who is ready is for it as well",
            self.weights.clone(),
        );
        self.set(&[]);
    }

    pub(super) fn set(&self, proposals: &[ProposalNumbers]) {
        for state in ProposalNumbers::STATES {
            let count = proposals.iter().filter(|proposal| proposal.state == state).count();
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.proposals.get_or_create(&ByState { state }).set(count);
        }
        let mut now = BTreeSet::new();
        for proposal in proposals {
            let Some(open) = proposal.open else { continue };
            let name = || proposal.name.clone();
            self.quorum.get_or_create(&ByProposal { proposal: name() }).set(open.quorum);
            for choice in Choice::ALL.iter().copied() {
                let weight = i64::try_from(open.of(choice)).unwrap_or(i64::MAX);
                self.weights.get_or_create(&ByChoice { proposal: name(), choice }).set(weight);
            }
            now.insert(name());
        }
        // A list of names; a panic elsewhere cannot leave it half changed.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in known.difference(&now) {
            self.quorum.remove(&ByProposal { proposal: gone.clone() });
            for choice in Choice::ALL.iter().copied() {
                self.weights.remove(&ByChoice { proposal: gone.clone(), choice });
            }
        }
        *known = now;
    }
}
