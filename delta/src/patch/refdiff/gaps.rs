//! Stretches of new contents that no piece covers: literals.

use std::ops::Range;

use super::pieces::Piece;

/// Literals that are read apart from the pieces, at the same time, and so are held a second time: what the promise
/// on memory has room for.
pub(super) const MAX_APART: usize = 32 * 1024 * 1024;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    new: u32,
    len: u32,
    after: u32,
}

impl Gap {
    fn of(new: usize, len: usize, after: usize) -> Self {
        let number = |number| u32::try_from(number).expect("sides are smaller than 2^32");
        Self { new: number(new), len: number(len), after: number(after) }
    }

    /// Its place in the new contents.
    pub(super) fn new_at(&self) -> usize {
        self.new as usize
    }

    /// Number of bytes, at least one.
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// Where the old bytes end that the piece before it was made from.
    pub(super) fn after(&self) -> usize {
        self.after as usize
    }

    /// Its bytes in the new contents.
    pub(super) fn bytes(&self) -> Range<usize> {
        self.new_at()..self.new_at() + self.len()
    }
}

/// The gaps between these pieces of so many new bytes, in order.
pub(super) fn gaps(pieces: &[Piece], new_size: usize) -> Vec<Gap> {
    let mut found = Vec::new();
    let (mut new, mut after) = (0, 0);
    for piece in pieces {
        if new < piece.new_at() {
            found.push(Gap::of(new, piece.new_at() - new, after));
        }
        new = piece.new_at() + piece.len();
        after = piece.old() + piece.len();
    }
    if new < new_size {
        found.push(Gap::of(new, new_size - new, after));
    }
    found
}

/// Bytes of all gaps.
pub(super) fn total(gaps: &[Gap]) -> usize {
    gaps.iter().map(Gap::len).sum()
}
