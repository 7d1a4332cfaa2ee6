//! Makes what resembles old contents, piece by piece, and codes what is not as predicted.
//!
//! The same walk writes a patch and applies it: a [`Model`] is handed what the bytes are, or finds out. What
//! resembles nothing is not its business: it is read apart from it, at the same time, so nothing here may depend
//! on it.

use super::{
    pieces::Piece,
    predict::{Block, Predictor},
    targets::{Moves, Targets},
};
use crate::{
    error::PatchError,
    executable::{Side, Space},
};

/// What is known of the new contents.
#[derive(Debug)]
pub(super) enum New<'n> {
    /// All of them, while a patch is made.
    Known(&'n [u8]),
    /// What was rebuilt of those from `from` on, while one is applied; zeros elsewhere.
    Rebuilt {
        /// They.
        bytes: &'n mut [u8],
        /// Where in the new contents the first of them lies.
        from: usize,
    },
}

impl New<'_> {
    /// These bytes, if they are known or were coded already; something else if not.
    #[inline]
    pub(super) fn bytes(&self, at: usize, len: usize) -> &[u8] {
        match self {
            Self::Known(bytes) => &bytes[at..at + len],
            Self::Rebuilt { bytes, from } => &bytes[at - from..at - from + len],
        }
    }

    /// What the byte at `at` is, if that is known; something else if not.
    #[inline]
    pub(super) fn truth(&self, at: usize) -> u8 {
        match self {
            Self::Known(bytes) => bytes[at],
            Self::Rebuilt { bytes, from } => bytes[at - from],
        }
    }

    /// Whether these bytes come here; something else if that is not known.
    #[inline]
    pub(super) fn is(&self, at: usize, bytes: &[u8]) -> bool {
        self.bytes(at, bytes.len()) == bytes
    }

    /// Takes in what was coded.
    #[inline]
    pub(super) fn set(&mut self, at: usize, coded: &[u8]) {
        if let Self::Rebuilt { bytes, from } = self {
            bytes[at - *from..at - *from + coded.len()].copy_from_slice(coded);
        }
    }
}

/// Codes bytes of which something is predicted.
pub(super) trait Model {
    /// Codes the bytes of a block, and sets them if they were not known.
    fn block(&mut self, old: &[u8], new: &mut New<'_>, block: &Block) -> Result<(), PatchError>;
}

/// Codes these pieces, knowing nothing of others.
pub(super) fn rebuild<M: Model>(
    old: &Side,
    space: &Space,
    moves: &Moves,
    pieces: &[Piece],
    new: &mut New<'_>,
    model: &mut M,
) -> Result<(), PatchError> {
    let mut predictor = Predictor::new(old, space, Targets::new(moves));
    let mut block = Block::new();
    for piece in pieces {
        predictor.begin(&mut block, piece.old(), piece.new_at(), piece.len());
        let mut done = 0;
        while done < piece.len() {
            predictor.block(&mut block, done);
            model.block(&old.bytes, new, &block)?;
            predictor.learn(&block, new.bytes(block.new, block.len));
            done += block.len;
        }
    }
    Ok(())
}
