//! Equivalences as they stand in a patch, and cut where sections begin and end.

use super::super::{
    MAX_SIDE,
    varint::{fold, unfold},
};
use crate::{
    entropy::{Coder, Numbers},
    error::PatchError,
    executable::Space,
    matching::Equivalence,
};

/// New bytes for which there may be one equivalence, beyond a thousand. Real patches have one for a hundred and
/// more. What is made of one (two pieces, a gap, what they say of addresses, and a table to find that) takes up to
/// 180 bytes of memory in a patch that is made to cut each at a section's border and to have them all overlap in the
/// old contents; a third of that in others.
const BYTES_EACH: usize = 64;
const ALLOWANCE: usize = 1024;

/// The most equivalences that a patch for so many new bytes may have.
pub(super) fn most(new_size: usize) -> usize {
    new_size / BYTES_EACH + ALLOWANCE
}

/// An equivalence, or a part of one: in a single section on both sides, or in none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    old: u32,
    new: u32,
    len: u32,
}

impl Piece {
    fn new(old: usize, new: usize, len: usize) -> Self {
        let number = |number| u32::try_from(number).expect("sides are smaller than 2^32");
        Self { old: number(old), new: number(new), len: number(len) }
    }

    /// All of an equivalence.
    pub(super) fn of(equivalence: &Equivalence) -> Self {
        Self::new(equivalence.old, equivalence.new, equivalence.len)
    }

    /// First byte in the old contents.
    pub(super) fn old(&self) -> usize {
        self.old as usize
    }

    /// First byte in the new contents.
    pub(super) fn new_at(&self) -> usize {
        self.new as usize
    }

    /// Number of bytes, at least one.
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }
}

/// Cuts pieces in two that have about as many bytes.
pub(super) fn halves(pieces: &[Piece]) -> (&[Piece], &[Piece]) {
    let all: u64 = pieces.iter().map(|piece| u64::from(piece.len)).sum();
    let mut before = 0;
    let first = pieces.iter().take_while(|piece| {
        before += u64::from(piece.len);
        before * 2 <= all
    });
    pieces.split_at(first.count())
}

/// Codes equivalences: gaps between them, where each one comes from, and how long it is.
pub(super) fn code<C: Coder>(
    coder: &mut C,
    sizes: Sizes,
    equivalences: &[Equivalence],
) -> Result<Vec<Piece>, PatchError> {
    let numbers = &mut Numbers::new(context::ALL);
    let most = most(sizes.new) as u64;
    let count = numbers.code(coder, context::COUNT, equivalences.len() as u64);
    if count > most {
        return Err(PatchError::TooScattered { got: count, limit: most });
    }
    let mut state = State { sizes, record: 0, old: 0, new: 0, recent: [0; 4], gap: 0, long: false };
    let mut pieces = Vec::new();
    for record in 0..count {
        state.record = record;
        let known = usize::try_from(record).ok().and_then(|record| equivalences.get(record));
        pieces.push(state.code(coder, numbers, known)?);
    }
    Ok(pieces)
}

/// Bytes of both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) old: usize,
    pub(super) new: usize,
}

/// Contexts of numbers.
mod context {
    pub(super) const COUNT: usize = 0;
    pub(super) const GAP: usize = 1;
    pub(super) const RECENT: usize = 4;
    pub(super) const SEEK: usize = 6;
    pub(super) const LEN: usize = 10;
    pub(super) const ALL: usize = 14;
}

struct State {
    sizes: Sizes,
    record: u64,
    /// Ends of the equivalence before.
    old: u64,
    new: u64,
    /// Alignments (old less new) that came last, the last one first.
    recent: [i64; 4],
    /// Class of the gap before: none, below 16, longer.
    gap: usize,
    /// Whether the one before has 512 bytes and more.
    long: bool,
}

impl State {
    fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        numbers: &mut Numbers,
        known: Option<&Equivalence>,
    ) -> Result<Piece, PatchError> {
        let known = known.copied().unwrap_or(Equivalence { old: 0, new: 0, len: 1 });
        let (old, new) = (known.old as u64, known.new as u64);
        let gap = numbers.code(coder, context::GAP + self.gap, new.wrapping_sub(self.new) & MASK);
        let new = self.new.saturating_add(gap);
        if new >= self.sizes.new as u64 {
            return Err(PatchError::OutsideNew {
                record: self.record,
                at: new,
                new_size: self.sizes.new as u64,
            });
        }
        self.gap = if gap == 0 {
            0
        } else if gap < 16 {
            1
        } else {
            2
        };
        let adjacent = usize::from(gap == 0);
        let alignment = old.cast_signed() - new.cast_signed();
        // The last alignment goes on behind a gap with a seek of zero, so it is not looked for.
        let recent = self.recent[1..].iter().position(|recent| *recent == alignment);
        let recent = recent.map_or(0, |index| index as u64 + 1);
        let recent = numbers.code(coder, context::RECENT + adjacent, recent);
        let old = match usize::try_from(recent).ok().filter(|recent| *recent > 0) {
            Some(recent) => {
                let alignment = self.recent.get(recent).copied().unwrap_or(i64::MIN / 2);
                new.cast_signed() + alignment
            }
            None => {
                let expected = (self.old + gap).cast_signed();
                let context = context::SEEK + adjacent * 2 + usize::from(self.long);
                let seek = fold(old.cast_signed() - expected) & MASK;
                expected.saturating_add(unfold(numbers.code(coder, context, seek)))
            }
        };
        let context = context::LEN + usize::from(recent > 0) + adjacent * 2;
        let len = numbers.code(coder, context, known.len as u64 - 1).saturating_add(1);
        self.check(old, new, len)?;
        self.long = len >= 512;
        let alignment = old - new.cast_signed();
        let from = self.recent.iter().position(|recent| *recent == alignment).unwrap_or(3);
        self.recent[..=from].rotate_right(1);
        self.recent[0] = alignment;
        self.old = old.cast_unsigned() + len;
        self.new = new + len;
        Ok(Piece::new(index(old.cast_unsigned()), index(new), index(len)))
    }

    fn check(&self, old: i64, new: u64, len: u64) -> Result<(), PatchError> {
        let Sizes { old: old_size, new: new_size } = self.sizes;
        let (old_size, new_size) = (old_size as u64, new_size as u64);
        let record = self.record;
        if new.saturating_add(len) > new_size {
            return Err(PatchError::OutsideNew { record, at: new, new_size });
        }
        let inside = u64::try_from(old).is_ok_and(|old| old.saturating_add(len) <= old_size);
        if inside {
            Ok(())
        } else {
            Err(PatchError::OutsideOld { record, at: i128::from(old), len, old_size })
        }
    }
}

/// What is handed in while reading is not used; it stays a number that can be coded.
const MASK: u64 = (MAX_SIDE << 4) - 1;

fn index(checked: u64) -> usize {
    usize::try_from(checked).expect("inside contents that are in memory")
}

/// Cuts equivalences where a section of either side begins or ends.
pub(super) fn cut(
    whole: &[Piece],
    old: &Space,
    new: &Space,
    sizes: Sizes,
) -> Result<Vec<Piece>, PatchError> {
    // Images have tens of sections; only those made to do so cut equivalences into more than twice as many.
    let limit = 2 * most(sizes.new);
    let mut pieces = Vec::with_capacity(whole.len());
    let mut cuts = Vec::new();
    for piece in whole {
        let (from_old, from_new, len) = (piece.old(), piece.new_at(), piece.len());
        cuts.clear();
        cuts.extend(old.borders(from_old..from_old + len).map(|border| border - from_old));
        cuts.extend(new.borders(from_new..from_new + len).map(|border| border - from_new));
        cuts.push(len);
        cuts.sort_unstable();
        cuts.dedup();
        let mut done = 0;
        for cut in &cuts {
            pieces.push(Piece::new(from_old + done, from_new + done, cut - done));
            done = *cut;
        }
        if pieces.len() > limit {
            return Err(PatchError::TooScattered { got: pieces.len() as u64, limit: limit as u64 });
        }
    }
    Ok(pieces)
}
