//! What a vote can come to. Says nothing about how much is enough; that is the tally's business.

use bincode::{Decode, Encode};

use super::ballot::Stance;

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Decision {
    /// The new protocol will be spoken.
    LockIn,
    /// It will not, after all.
    Cancel,
}

impl Decision {
    /// What a ballot is cast for or against.
    pub const fn about(stance: &Stance) -> Self {
        match stance {
            Stance::Yes | Stance::No | Stance::Abstain | Stance::Ready { .. } => Self::LockIn,
            Stance::Cancel => Self::Cancel,
        }
    }

    /// The word for it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::LockIn => "lockIn",
            Self::Cancel => "cancel",
        }
    }
}
