//! The dense model: context mixing for every flag and byte. A tenth smaller than the fast one, and much slower
//! where much is new.

mod bytes;
mod flag;
mod literals;
mod resemblance;
mod tape;

pub(super) use literals::code as code_literals;

use self::{
    bytes::{Bytes, Choice, Expected},
    flag::Flag,
};
use super::{
    predict::{BLOCK, Block},
    rebuild::{Model, New},
};
use crate::{
    entropy::{Coder, mix},
    error::PatchError,
};

/// The dense model, over a coder.
#[derive(Debug)]
pub(super) struct Dense<C> {
    coder: C,
    blocks: Flag<4>,
    hits: Flag<5>,
    misses: Bytes<10, 1, 24>,
    /// Whether the last blocks were wrong, and whether the last bytes were right; the last bit for the last one.
    dirty: u32,
    right: u32,
    /// Blocks since the last wrong one.
    since: u32,
    /// By how much the last wrong byte was wrong.
    missed: u32,
}

impl<C: Coder> Dense<C> {
    /// A model for pieces of so many bytes.
    pub(super) fn new(coder: C, size: usize) -> Self {
        Self {
            coder,
            blocks: Flag::new(bits_for(size / BLOCK, 16), 16),
            hits: Flag::new(bits_for(size, 18), 64),
            misses: Bytes::new([bits_for(size / 4, 14); 10], Choice { first: 4, second: 16 }),
            dirty: 0,
            right: 0xFF,
            since: 0,
            missed: 0,
        }
    }

    /// The coder, when all is coded.
    pub(super) fn into_coder(self) -> C {
        self.coder
    }

    /// Whether the block is not as predicted.
    fn is_wrong(&mut self, block: &Block, wrong: bool) -> bool {
        let (unsure, changed) = (block.unsure.min(3), block.changed.min(7));
        let label = u32::from(block.label);
        let fields = u32::try_from(block.fields().len()).expect("few");
        let code = u32::from(block.code);
        let contexts = [
            mix(1, self.dirty & 15 | unsure << 4 | code << 8 | fields.min(3) << 9),
            mix(
                2,
                changed | unsure << 4 | (self.dirty & 1) << 8 | fields.min(7) << 9 | label << 16,
            ),
            mix(
                3,
                (self.since.min(255) + 1).ilog2()
                    | block.piece_len.ilog2() << 4
                    | u32::from(unsure > 0) << 10,
            ),
            mix(4, label | (self.dirty & 0xFF) << 6),
        ];
        let choice = (unsure << 2 | self.dirty & 3) as usize;
        let wrong = self.blocks.code(&mut self.coder, &contexts, choice, wrong);
        self.dirty = self.dirty << 1 | u32::from(wrong);
        self.since = if wrong { 0 } else { self.since + 1 };
        wrong
    }

    fn is_right(&mut self, around: &Around<'_>, right: bool) -> bool {
        let Around { block, at, kind, opcode, last, .. } = *around;
        let [now, next, after] = [0, 1, 2].map(|ahead| u32::from(block.bytes[at + ahead]));
        let label = u32::from(block.label);
        let history = self.right;
        let old_place = u32::try_from((block.old + at) & 7).expect("three bits");
        let contexts = [
            mix(1, history & 0xFF | kind << 8),
            mix(2, kind & 0xFF | opcode << 16 | (history & 3) << 12),
            mix(mix(4, now | next << 8 | after << 16), history & 3),
            mix(mix(5, last[0] | last[1] << 8 | now << 16), kind),
            mix(mix(7, history & 0xFFF | kind << 16), old_place | label << 8),
        ];
        let role = u32::from(block.roles[at]).min(12);
        let choice = (role << 2 | history & 3) as usize;
        self.hits.code(&mut self.coder, &contexts, choice, right)
    }

    fn miss(&mut self, around: &Around<'_>, byte: u8) -> u8 {
        let Around { block, at, kind, opcode, last, was, before } = *around;
        let [now, next, after] = [0, 1, 2].map(|ahead| u32::from(block.bytes[at + ahead]));
        let label = u32::from(block.label);
        let role = u32::from(block.roles[at]);
        let kind = kind & 0xFF;
        let contexts = [
            mix(1, now | kind << 8),
            mix(2, now | last[0] << 8 | kind << 16),
            mix(3, now | was << 8 | (self.right & 7) << 16 | kind << 20),
            mix(4, last[0] | last[1] << 8 | role << 16),
            mix(5, now | next << 8 | after << 16),
            mix(6, now | before << 8 | kind << 16),
            mix(7, last[0] | last[1] << 8 | last[2] << 16),
            mix(8, kind | label << 8),
            mix(9, now | self.missed << 8),
            mix(10, opcode | kind << 16),
        ];
        let expected = Some(Expected { byte: block.bytes[at], class: kind & 63 });
        let first = match role {
            0 => 0,
            1..=4 => 1,
            5..=8 => 2,
            _ => 3,
        };
        let second = role.min(15) as usize;
        let byte = self.misses.code(
            &mut self.coder,
            &contexts,
            &[expected],
            Choice { first, second },
            byte,
        );
        self.missed = u32::from(byte.wrapping_sub(block.bytes[at]));
        byte
    }
}

/// Tables as large as what they will hold, and no larger than this: their number of entries as a power of two.
fn bits_for(entries: usize, most: u32) -> u32 {
    (entries.max(64).ilog2() + 1).min(most)
}

/// What is known about a byte that may be wrong.
#[derive(Debug, Clone, Copy)]
struct Around<'b> {
    block: &'b Block,
    at: usize,
    /// Its role, how sure the reference is, and which.
    kind: u32,
    /// The two bytes before a distance in code.
    opcode: u32,
    /// The new bytes before it, the last one first.
    last: [u32; 3],
    /// The old byte in its place.
    was: u32,
    /// By how much the byte before it was wrong.
    before: u32,
}

impl<'b> Around<'b> {
    fn of(old: &[u8], new: &New<'_>, block: &'b Block, at: usize) -> Self {
        let field = block.field_of(at);
        let sureness = field.map_or(0, |field| u32::from(field.sureness));
        let kind = u32::from(block.roles[at]) | sureness << 4;
        let opcode = match field {
            Some(field) if block.roles[at] < 5 && block.old + field.at >= 2 => {
                let at = block.old + field.at;
                u32::from(old[at - 1]) | u32::from(old[at - 2]) << 8
            }
            _ => 0,
        };
        // What stands before the piece is not known yet; what stood before it in the old contents is like it.
        let last = [1, 2, 3].map(|back| {
            let byte = if back <= block.done + at {
                new.truth(block.new + at - back)
            } else {
                (block.old + at).checked_sub(back).map_or(0, |at| old[at])
            };
            u32::from(byte)
        });
        let before = match at.checked_sub(1) {
            Some(before) => {
                u32::from(new.truth(block.new + before).wrapping_sub(block.bytes[before]))
            }
            None => 0,
        };
        Self { block, at, kind, opcode, last, was: u32::from(old[block.old + at]), before }
    }
}

impl<C: Coder> Model for Dense<C> {
    fn block(&mut self, old: &[u8], new: &mut New<'_>, block: &Block) -> Result<(), PatchError> {
        let wrong = !new.is(block.new, block.predicted());
        let wrong = self.is_wrong(block, wrong);
        if !wrong {
            new.set(block.new, block.predicted());
            self.right = self.right << 8 | 0xFF;
            return Ok(());
        }
        let mut missed_one = false;
        for (at, predicted) in block.predicted().iter().enumerate() {
            let around = Around::of(old, new, block, at);
            let truth = new.truth(block.new + at);
            // The last byte of a wrong block is wrong if no other is.
            let sure = at + 1 == block.len && !missed_one;
            let right = !sure && self.is_right(&around, truth == *predicted);
            self.right = self.right << 1 | u32::from(right);
            let byte = if right {
                *predicted
            } else {
                missed_one = true;
                self.miss(&around, truth)
            };
            new.set(block.new + at, &[byte]);
        }
        Ok(())
    }
}
