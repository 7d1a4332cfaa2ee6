//! The names in one folder: those that are seen, and those that a power cut would leave.
//!
//! Pure. Names come and go in order: a power cut leaves those of the last sync and the first so many changes after
//! it. A rename is one change. After a failed sync the next one does nothing, unless a change came between: the
//! blocks of the folder are written only when something has touched them.

use std::collections::BTreeMap;

use super::{
    loss::{Choices, Part},
    tree::NodeId,
};

/// Names and what they stand for.
pub(super) type Entries = BTreeMap<Box<str>, NodeId>;

/// The names of a folder.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    seen: Entries,
    /// What survives in any case, where it is not `seen`.
    kept: Option<Entries>,
    /// What was done since the last sync.
    pending: Vec<Change>,
    /// A sync failed and nothing was changed since.
    is_stuck: bool,
}

/// One change, which happens as a whole or not at all.
#[derive(Debug, Clone)]
pub(super) struct Change {
    /// A name that goes.
    pub(super) without: Option<Box<str>>,
    /// A name that comes, or stands for something else.
    pub(super) with: Option<(Box<str>, NodeId)>,
}

impl Change {
    fn apply(&self, to: &mut Entries) {
        if let Some(name) = &self.without {
            to.remove(name);
        }
        if let Some((name, node)) = &self.with {
            to.insert(name.clone(), *node);
        }
    }
}

impl Names {
    /// A folder with these names, durable.
    pub(super) fn of(entries: Entries) -> Self {
        Self { seen: entries, ..Self::default() }
    }

    /// The names that are seen.
    pub(super) fn seen(&self) -> &Entries {
        &self.seen
    }

    /// Everything that has a name or may have one after a power cut.
    pub(super) fn reachable(&self) -> impl Iterator<Item = NodeId> {
        let kept = self.kept.iter().flat_map(BTreeMap::values).copied();
        let pending = self.pending.iter().filter_map(|change| Some(change.with.as_ref()?.1));
        self.seen.values().copied().chain(kept).chain(pending)
    }

    /// Makes a change.
    pub(super) fn change(&mut self, change: Change) {
        self.kept.get_or_insert_with(|| self.seen.clone());
        change.apply(&mut self.seen);
        self.pending.push(change);
        self.is_stuck = false;
    }

    /// Makes all changes durable.
    pub(super) fn sync(&mut self) {
        if !self.is_stuck {
            self.kept = None;
            self.pending.clear();
        }
    }

    /// A sync that fails: nothing becomes durable, and the next one will not know.
    pub(super) fn fail_to_sync(&mut self) {
        self.is_stuck |= !self.pending.is_empty();
    }

    /// What is left after a power cut.
    pub(super) fn after_cut(&self, choices: &mut Choices) -> Entries {
        let Some(kept) = &self.kept else { return self.seen.clone() };
        let mut left = kept.clone();
        let survivors = choices.survivors(Part::Names, self.pending.len());
        self.pending[..survivors].iter().for_each(|change| change.apply(&mut left));
        left
    }
}
