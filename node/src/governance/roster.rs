//! Who votes: every electorate that a root has named, by its epoch. Pure.
//!
//! A change of the roster takes effect for proposals that are opened later. So electorates stay for as long as a
//! certificate may have to be checked by them, which is for ever; they change once in years.

use std::collections::{BTreeMap, BTreeSet};

use updraft_protocol::{
    Electorate, KeyId, Root,
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
}

impl Roster {
    /// Takes the electorate of the next root. Roots are offered in order.
    pub(super) fn follow(&mut self, root: &Root, rules: &Rules) {
        self.current = root.electorate.as_ref().map(|electorate| electorate.epoch);
        self.revoked = root.revoked.iter().map(|revoked| revoked.key).collect();
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

    /// Whether the root has taken a key back: then it is not heard any more, though what it said while it counted is
    /// in certificates and stays there.
    pub(super) fn is_revoked(&self, key: &KeyId) -> bool {
        self.revoked.contains(key)
    }
}
