//! Which way questions go: each by the protocol of its service, or all by the one that every node speaks for ever.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// How peers are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Each question by the protocol that is made for it.
    Usual,
    /// Catch-up and transfer through the frozen protocol: for a program that is too old for the rules in force, and
    /// may not trust its other protocols to mean what they meant. No other exchange is asked and no gossip followed.
    Bootstrap,
}

/// The way taken, shared by all handles of a room.
#[derive(Debug, Clone, Default)]
pub(super) struct Taken {
    by_bootstrap: Arc<AtomicBool>,
}

impl Taken {
    pub(super) fn take(&self, way: Way) {
        // Nothing else is told by it, so nothing has to be ordered with it.
        self.by_bootstrap.store(way == Way::Bootstrap, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> Way {
        if self.by_bootstrap.load(Ordering::Relaxed) { Way::Bootstrap } else { Way::Usual }
    }
}
