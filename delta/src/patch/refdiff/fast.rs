//! The fast model: a counter for each bit in a context that is cheap to know.
//!
//! A block is right or not; where it is not, each byte is right or not; where it is not, its difference is
//! coded.

use super::{
    predict::Block,
    rebuild::{Model, New},
};
use crate::{
    entropy::{Coder, Counter, Counters, mix},
    error::PatchError,
};

const BITS: u32 = 16;
/// How quickly counters forget.
const BLOCK_LIMIT: u32 = 60;
const HIT_LIMIT: u32 = 120;
const VALUE_LIMIT: u32 = 60;

/// The fast model, over a coder.
#[derive(Debug)]
pub(super) struct Fast<C> {
    coder: C,
    blocks: Counters,
    hits: Counters,
    values: Counters,
    /// Whether the last blocks were wrong, the last bit for the last one.
    dirty: u32,
    /// The last difference.
    missed: u8,
}

impl<C: Coder> Fast<C> {
    pub(super) fn new(coder: C) -> Self {
        let table = || Counters::new(1 << BITS);
        Self { coder, blocks: table(), hits: table(), values: table(), dirty: 0, missed: 0 }
    }

    /// The coder, when all is coded.
    pub(super) fn into_coder(self) -> C {
        self.coder
    }

    fn byte(&mut self, context: u32, value: u8) -> u8 {
        let mut seen = 1_u32;
        for place in (0..8).rev() {
            let bit = value >> place & 1 == 1;
            let slot = slot(mix(context, seen));
            let bit = bit_in(&mut self.coder, self.values.get_mut(slot), bit, VALUE_LIMIT);
            seen = seen << 1 | u32::from(bit);
        }
        seen.to_le_bytes()[0]
    }
}

fn slot(context: u32) -> usize {
    (context >> (32 - BITS)) as usize
}

#[inline]
fn bit_in<C: Coder>(coder: &mut C, counter: &mut Counter, bit: bool, limit: u32) -> bool {
    let bit = coder.bit(counter.chance(), bit);
    counter.learn(bit, limit);
    bit
}

impl<C: Coder> Model for Fast<C> {
    fn block(&mut self, _: &[u8], new: &mut New<'_>, block: &Block) -> Result<(), PatchError> {
        let context = self.dirty & 7
            | block.unsure.min(3) << 3
            | block.changed.min(3) << 5
            | u32::from(block.label) << 7
            | block.piece_len.ilog2().min(15) << 13;
        let wrong = !new.is(block.new, block.predicted());
        let counter = self.blocks.get_mut(slot(mix(1, context)));
        let wrong = bit_in(&mut self.coder, counter, wrong, BLOCK_LIMIT);
        self.dirty = self.dirty << 1 | u32::from(wrong);
        if !wrong {
            new.set(block.new, block.predicted());
            return Ok(());
        }
        let mut history = 7_u32;
        let mut missed_one = false;
        for (at, predicted) in block.predicted().iter().enumerate() {
            let role = u32::from(block.roles[at]);
            let sureness = block.field_of(at).map_or(0, |field| u32::from(field.sureness));
            let kind = role | sureness << 4 | u32::from(block.label) << 6;
            let truth = new.truth(block.new + at);
            // The last byte of a wrong block is wrong if no other is.
            let sure = at + 1 == block.len && !missed_one;
            let right = !sure && {
                let context = mix(2, kind | (history & 15) << 12);
                bit_in(
                    &mut self.coder,
                    self.hits.get_mut(slot(context)),
                    truth == *predicted,
                    HIT_LIMIT,
                )
            };
            history = history << 1 | u32::from(right);
            let byte = if right {
                *predicted
            } else {
                missed_one = true;
                let context = match role {
                    0 => mix(3, u32::from(block.label) | u32::from(self.missed) << 8),
                    _ => mix(4, kind | u32::from(self.missed) << 16),
                };
                self.missed = self.byte(context, truth.wrapping_sub(*predicted));
                predicted.wrapping_add(self.missed)
            };
            new.set(block.new + at, &[byte]);
        }
        Ok(())
    }
}
