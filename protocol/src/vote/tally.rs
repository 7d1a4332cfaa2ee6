//! THE count of votes.
//!
//! Weights are counted in parts of one n-th of an elector's weight, where one n-th of all weight is the most that one
//! operator counts: so the cap needs no rounding, and total weight stays what a majority is of.

use std::collections::BTreeMap;

use crate::{
    broken::{self, Break},
    key::KeyId,
    name::OperatorName,
    root::Electorate,
};

use super::{
    ballot::Stance,
    proposal::{Fraction, Proposal},
    rules::Rules,
};

/// A weight in parts; compared with [`Weights::total`] only.
pub type Weight = u128;

/// What every elector counts.
#[derive(Debug, Clone)]
pub struct Weights {
    /// Weight, and the number of the operator.
    electors: BTreeMap<KeyId, (u64, usize)>,
    operators: usize,
    total: u128,
    share: u128,
}

impl Weights {
    /// Of an electorate, under a network's rules.
    pub fn of(electorate: &Electorate, rules: &Rules) -> Self {
        let mut operators: BTreeMap<&OperatorName, usize> = BTreeMap::new();
        let mut electors = BTreeMap::new();
        for elector in &electorate.electors {
            let next = operators.len();
            let operator = *operators.entry(&elector.operator).or_insert(next);
            electors.insert(elector.key.id(), (u64::from(elector.weight), operator));
        }
        Self {
            electors,
            operators: operators.len(),
            total: u128::from(electorate.total_weight()),
            share: u128::from(rules.operator_share.max(1)),
        }
    }

    /// All weight. Whoever is silent is part of it.
    pub fn total(&self) -> Weight {
        self.total * self.share
    }

    /// What these electors count together. Nobody's operator counts more than its share.
    pub fn together<'a>(&self, electors: impl IntoIterator<Item = &'a KeyId>) -> Weight {
        let mut operators = vec![0_u128; self.operators];
        for key in electors {
            if let Some((weight, operator)) = self.electors.get(key)
                && let Some(sum) = operators.get_mut(*operator)
            {
                *sum += u128::from(*weight) * self.share;
            }
        }
        operators.into_iter().map(|weight| weight.min(self.total)).sum()
    }

    /// Whether this key may vote.
    pub fn has(&self, key: &KeyId) -> bool {
        self.electors.contains_key(key)
    }

    /// Counts stances, one an elector; those of keys that may not vote count nothing.
    pub fn count(&self, stances: &BTreeMap<KeyId, Stance>) -> Count {
        let of = |is: &dyn Fn(&Stance) -> bool| {
            let keys = stances.iter().filter(|(_, stance)| is(stance)).map(|(key, _)| key);
            self.together(keys)
        };
        let against = |key: &KeyId| matches!(stances.get(key), Some(Stance::No | Stance::Cancel));
        Count {
            affirmative: of(&Stance::is_for),
            ready: of(&|stance| matches!(stance, Stance::Ready { .. })),
            against: of(&|stance| matches!(stance, Stance::No)),
            cancel: of(&|stance| matches!(stance, Stance::Cancel)),
            abstain: of(&|stance| matches!(stance, Stance::Abstain)),
            total: if broken::is(Break::SilenceIsNotCounted) {
                self.together(stances.keys())
            } else {
                self.total()
            },
            possible: self.together(self.electors.keys().filter(|key| !against(key))),
        }
    }
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// For it, ready or not.
    pub affirmative: Weight,
    /// For it and ready.
    pub ready: Weight,
    /// Against it.
    pub against: Weight,
    /// To call it off.
    pub cancel: Weight,
    /// Neither.
    pub abstain: Weight,
    /// All weight.
    pub total: Weight,
    /// The most that could still be for it, if everybody who is not against it were.
    pub possible: Weight,
}

/// What the ballots of an open vote say about its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlook {
    /// It is decided: a certificate can be made.
    Decided,
    /// It is called off.
    Cancelled,
    /// So much is against it that nothing can decide it any more.
    Rejected,
    /// Enough are for it, and too few of them are ready.
    Unready,
    /// Too few are for it.
    Undecided,
}

impl Count {
    /// Whether it decides the proposal.
    ///
    /// Readiness is measured by what is needed and not by what is there: else one more who is for it would undo a
    /// decision, and whoever had heard fewer ballots could prove what others could not.
    pub fn is_decided(&self, proposal: &Proposal) -> bool {
        self.is_enough(proposal) && self.is_ready(proposal)
    }

    /// Whether it calls the proposal off.
    pub fn is_cancelled(&self, proposal: &Proposal) -> bool {
        proposal.threshold.is_less_than(self.cancel, self.total)
    }

    /// Whether enough are for it.
    pub fn is_enough(&self, proposal: &Proposal) -> bool {
        proposal.threshold.is_less_than(self.affirmative, self.total)
    }

    /// Whether enough are ready, if enough are for it.
    pub fn is_ready(&self, proposal: &Proposal) -> bool {
        let Fraction { num, den } = proposal.threshold;
        let (ready, needed) = (self.ready * u128::from(den), self.total * u128::from(num));
        proposal.min_ready.is_reached_by(ready, needed)
    }

    /// What it says about the end of the vote.
    pub fn outlook(&self, proposal: &Proposal) -> Outlook {
        if self.is_cancelled(proposal) {
            Outlook::Cancelled
        } else if self.is_decided(proposal) {
            Outlook::Decided
        } else if !proposal.threshold.is_less_than(self.possible, self.total) {
            Outlook::Rejected
        } else if self.is_enough(proposal) {
            Outlook::Unready
        } else {
            Outlook::Undecided
        }
    }
}
