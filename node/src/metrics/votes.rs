//! What is counted of votes: how many proposals stand how, and how far the open ones have come. A vote that is over
//! leaves here too, so there are at most as many series as open votes: one for each elector.

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
    labels::{ByProposal, ByState},
};

/// One proposal now.
#[derive(Debug, Clone, PartialEq)]
pub struct ProposalNumbers {
    /// `p-3.0a1b2c3d`: two proposals may share a number.
    pub name: String,
    /// How it stands, a word of [`ProposalNumbers::STATES`].
    pub state: &'static str,
    /// How much is for it, as a part of the weight that decides; `None` unless it is open.
    pub quorum: Option<f64>,
}

impl ProposalNumbers {
    /// Every state.
    pub const STATES: [&'static str; 9] = [
        "announced",
        "open",
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
            let Some(quorum) = proposal.quorum else { continue };
            self.quorum.get_or_create(&ByProposal { proposal: proposal.name.clone() }).set(quorum);
            now.insert(proposal.name.clone());
        }
        // A list of names; a panic elsewhere cannot leave it half changed.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in known.difference(&now) {
            self.quorum.remove(&ByProposal { proposal: gone.clone() });
        }
        *known = now;
    }
}
