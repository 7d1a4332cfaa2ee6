//! Rules that can be left out on purpose, to see whether any scenario notices: a scenario that nothing makes fail proves
//! nothing.
//!
//! Without the feature `broken`, which no release is built with, every question here is answered with a constant no, and
//! nothing can be chosen. What is chosen counts for the thread that chose it: a simulated world has one.

/// A rule that is left out, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// Files of a release are not synced before their folder gets its name (`install/stage.rs`).
    FilesAreNotSynced,
    /// Folders are not synced after names in them have changed (`install/beneath.rs`).
    FoldersAreNotSynced,
    /// A line of the journal is not synced before what it tells of is done (`install/journal.rs`).
    JournalIsNotSynced,
    /// The journal is not read at the start (`install/journal.rs`).
    JournalIsForgotten,
    /// A folder that was written is not read back and compared with its listing (`install/stage.rs`).
    TreesAreNotChecked,
    /// The digest of a chunk that came is not looked at (in simulations, which stand in for the store here).
    ChunksAreNotChecked,
    /// Whoever sends wrong bytes is not named to the network (`fetch/blob.rs`).
    LiarsAreNotBlamed,
    /// A signature counts for the key that it names, whether that made it or not (`threshold.rs`).
    SignaturesAreNotChecked,
    /// Signatures are counted, and not the keys that made them (`threshold.rs`).
    KeysCountTwice,
    /// A head with a lower number is followed like the next one (`head.rs`).
    OlderHeadsAreBelieved,
    /// A head counts for ever (`head.rs`).
    ExpiredHeadsAreBelieved,
    /// A head may be signed for any day to come (`catalog/time.rs`).
    FutureHeadsAreBelieved,
    /// Two heads with one number prove nothing (`catalog/machine.rs`).
    ForksAreNotNoticed,
    /// Peers are not asked what was missed (`agent/sync.rs`).
    NobodyIsAskedForNews,
    /// A majority is one of those who voted (`vote/tally.rs`).
    SilenceIsNotCounted,
    /// Whoever says two things with one number goes on counting (`governance/machine.rs`).
    DoubleVotersCount,
}

#[cfg(all(feature = "broken", not(debug_assertions)))]
compile_error!("rules are left out in tests only: no release is built with the feature `broken`");

#[cfg(feature = "broken")]
mod chosen {
    use std::cell::Cell;

    use super::Break;

    thread_local! {
        static CHOSEN: Cell<Option<Break>> = const { Cell::new(None) };
    }

    /// Leaves a rule out on this thread from now on, and follows all others; `None` follows all.
    pub fn choose(rule: Option<Break>) {
        CHOSEN.set(rule);
    }

    /// Whether this rule is left out.
    pub fn is(rule: Break) -> bool {
        CHOSEN.get() == Some(rule)
    }
}

#[cfg(feature = "broken")]
pub use chosen::{choose, is};

/// Whether this rule is left out: none is.
#[cfg(not(feature = "broken"))]
pub const fn is(_rule: Break) -> bool {
    false
}
