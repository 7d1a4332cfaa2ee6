//! Who votes: every electorate that a root has named, by its epoch, and what former ones have decided. Pure.
//!
//! A former electorate decides nothing new: of its votes those count that the newest root lists, whole and as they were,
//! and no others. For these, electorates stay for ever; they change once in years.

use std::collections::{BTreeMap, BTreeSet};

use updraft_protocol::{
    Digest, Electorate, KeyId, Root,
    vote::{Rules, Weights},
};

/// Electorates kept: one for each change of the roster, as many as a chain of roots has steps. The oldest go first.
const MAX_ELECTORATES: usize = 1_024;

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct Electors {
    pub(super) electorate: Electorate,
    pub(super) weights: Weights,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Roster {
    by_epoch: BTreeMap<u64, Electors>,
    current: Option<u64>,
    revoked: BTreeSet<KeyId>,
    /// Votes of former electorates that go on counting: as many as a root may list.
    counted: BTreeSet<Digest>,
}

impl Roster {
    /// Takes the electorate of the next root. Roots are offered in order.
    pub(super) fn follow(&mut self, root: &Root, rules: &Rules) {
        self.current = root.electorate.as_ref().map(|electorate| electorate.epoch);
        self.revoked = root.revoked.iter().map(|revoked| revoked.key).collect();
        self.counted = root.counts.iter().copied().collect();
        if let Some(electorate) = &root.electorate {
            let weights = Weights::of(electorate, rules);
            let electors = Electors { electorate: electorate.clone(), weights };
            self.by_epoch.insert(electorate.epoch, electors);
        }
        while self.by_epoch.len() > MAX_ELECTORATES {
            self.by_epoch.pop_first();
        }
    }

    /// The electorate of an epoch.
    pub(super) fn of(&self, epoch: u64) -> Option<&Electors> {
        self.by_epoch.get(&epoch)
    }

    /// The epoch of the electorate that opens proposals now.
    pub(super) fn current(&self) -> Option<u64> {
        self.current
    }

    /// Whether what an electorate says about a proposal counts.
    pub(super) fn counts(&self, electorate: u64, proposal: &Digest) -> bool {
        self.current == Some(electorate) || self.counted.contains(proposal)
    }

    /// Whether a key of an electorate is heard in what counts. One that the root has taken back is not heard in the
    /// electorate in force. In a former one it is: whoever holds it could date a certificate back as well, so not to hear
    /// it would guard nothing, and only make what is decided depend on whether the root or the ballot came first.
    pub(super) fn hears(&self, key: &KeyId, electorate: u64) -> bool {
        self.current != Some(electorate) || !self.revoked.contains(key)
    }
}
