//! What is on its way between nodes, or waits to be.

use super::talk::Body;

/// Names a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LetterId(pub(super) u32);

impl LetterId {
    /// As lines call it.
    pub(super) fn token(self) -> u64 {
        u64::from(self.0)
    }

    /// What lines call so.
    pub(super) fn of(token: u64) -> Self {
        Self(u32::try_from(token).expect("it was made of one"))
    }
}

/// Something on its way.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) body: Body,
    /// Places that its sender keeps for it until it is there.
    pub(super) serves: u32,
}

/// Something that waits until a line is whole again.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) body: Body,
    pub(super) size: u64,
    pub(super) serves: u32,
}
