//! What goes wrong, and when: at the n-th change that is asked of a disk, counted from its beginning.

use std::{collections::BTreeMap, io};

/// How one change fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The device does not do it (`EIO`).
    Device,
    /// There is no room (`ENOSPC`), whatever was said to be free.
    NoRoom,
}

impl Fault {
    /// What the program is told.
    pub(super) fn error(self) -> io::Error {
        match self {
            Self::Device => io::Error::other("input/output error"),
            Self::NoRoom => io::ErrorKind::StorageFull.into(),
        }
    }
}

/// What was asked of a disk so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Changes: everything that makes, writes, renames, removes or syncs, done or not.
    pub changes: u64,
    /// Those of them that were syncs.
    pub syncs: u64,
}

/// What becomes of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is done.
    Done,
    /// It fails. Of a write, half is done.
    Fails(Fault),
    /// The program ends at this moment. Of a write, half is done.
    Dies,
    /// The program ended before.
    Dead,
}

impl Verdict {
    /// For changes that are done as a whole or not at all.
    pub(super) fn whole(self) -> io::Result<()> {
        match self {
            Self::Done => Ok(()),
            Self::Fails(fault) => Err(fault.error()),
            Self::Dies | Self::Dead => Err(dead()),
        }
    }
}

/// What a program is told that is not there any more.
pub(super) fn dead() -> io::Error {
    io::Error::other("the program has ended")
}

/// The plan of what goes wrong, and how far the disk is in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    counts: Counts,
    failing: BTreeMap<u64, Fault>,
    dead_from: Option<u64>,
    is_dead: bool,
}

impl Faults {
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn fail_at(&mut self, change: u64, fault: Fault) {
        self.failing.insert(change, fault);
    }

    pub(super) fn mend(&mut self) {
        self.failing.clear();
    }

    pub(super) fn dead_from(&mut self, change: u64) {
        self.dead_from = Some(change);
    }

    pub(super) fn is_dead(&self) -> bool {
        self.is_dead
    }

    /// The program that was to end has ended; another one begins.
    pub(super) fn revive(&mut self) {
        (self.dead_from, self.is_dead) = (None, false);
    }

    /// Counts a change and says what becomes of it.
    pub(super) fn change(&mut self) -> Verdict {
        if self.is_dead {
            return Verdict::Dead;
        }
        let change = self.counts.changes;
        self.counts.changes += 1;
        if self.dead_from.is_some_and(|from| from <= change) {
            self.is_dead = true;
            return Verdict::Dies;
        }
        self.failing.remove(&change).map_or(Verdict::Done, Verdict::Fails)
    }

    /// The same for a change that is a sync.
    pub(super) fn sync(&mut self) -> Verdict {
        let verdict = self.change();
        self.counts.syncs += u64::from(verdict != Verdict::Dead);
        verdict
    }
}
