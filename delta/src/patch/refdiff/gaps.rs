//! Stretches of new contents that no piece covers: literals.

use super::pieces::Piece;

/// Literals that are read apart from the pieces, at the same time, and so are held a second time: what the promise
/// on memory has room for.
pub(super) const MAX_APART: usize = 32 * 1024 * 1024;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    /// Its place in the new contents.
    pub(super) new: usize,
    /// Number of bytes, at least one.
    pub(super) len: usize,
    /// Where the old bytes end that the piece before it was made from.
    pub(super) after: usize,
}

/// The gaps between these pieces of so many new bytes, in order.
pub(super) fn gaps(pieces: &[Piece], new_size: usize) -> Vec<Gap> {
    let mut found = Vec::new();
    let (mut new, mut after) = (0, 0);
    for piece in pieces {
        if new < piece.new_at() {
            found.push(Gap { new, len: piece.new_at() - new, after });
        }
        new = piece.new_at() + piece.len();
        after = piece.old() + piece.len();
    }
    if new < new_size {
        found.push(Gap { new, len: new_size - new, after });
    }
    found
}

/// Bytes of all gaps.
pub(super) fn total(gaps: &[Gap]) -> usize {
    gaps.iter().map(|gap| gap.len).sum()
}
