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
#[derive(Debug, Clone)]
pub(super) struct Roster {
    by_epoch: BTreeMap<u64, Electors>,
    /// The newest: it says who votes now, who is heard, and which votes of former electorates go on counting.
    root: Root,
    /// Keys that have taken themselves back, of those that the newest root names: at most as many as it does.
    taken_back: BTreeSet<KeyId>,
}

impl Roster {
    /// Begins with a network's first root.
    pub(super) fn new(first: &Root, rules: &Rules) -> Self {
        let mut roster =
            Self { by_epoch: BTreeMap::new(), root: first.clone(), taken_back: BTreeSet::new() };
        roster.enrol(rules);
        roster
    }

    /// Takes the electorate of the next root. Roots are offered in order.
    pub(super) fn follow(&mut self, root: &Root, rules: &Rules) {
        self.root = root.clone();
        self.taken_back.retain(|key| root.key(key).is_some());
        self.enrol(rules);
    }

    fn enrol(&mut self, rules: &Rules) {
        if let Some(electorate) = &self.root.electorate {
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
        self.root.electorate.as_ref().map(|electorate| electorate.epoch)
    }

    /// The votes of former electorates that go on counting.
    pub(super) fn listed(&self) -> &[Digest] {
        &self.root.counts
    }

    /// Whether what an electorate says about a proposal counts.
    pub(super) fn counts(&self, electorate: u64, proposal: &Digest) -> bool {
        self.root.counts(electorate, proposal)
    }

    /// Hears no more of a key.
    pub(super) fn take_back(&mut self, key: KeyId) {
        if self.root.key(&key).is_some() {
            self.taken_back.insert(key);
        }
    }

    /// Whether a key of an electorate is heard in what is undecided. One that has taken itself back is not heard in the
    /// electorate in force. In a former one it is: the root that listed its votes has judged them, keys and all, and not
    /// to hear it would only make what is decided depend on whether the revocation or the ballot came first.
    pub(super) fn hears(&self, key: &KeyId, electorate: u64) -> bool {
        self.current() != Some(electorate) || !self.taken_back.contains(key)
    }
}
