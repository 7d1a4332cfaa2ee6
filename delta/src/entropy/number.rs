//! Whole numbers as bits: how many digits, then the digits, each with its own counters (Elias gamma, adaptive).

use super::{counter::Counter, counters::Counters, range::Coder};

/// Counters of one context for the number of digits.
const LENGTHS: usize = 64;
/// All counters of one context: then come eight for each of the three highest digits below the leading one, of every
/// number of digits.
const CONTEXT: usize = LENGTHS + LENGTHS * 3 * 8;
/// Numbers are few and their habits change: a counter remembers about this many.
const LIMIT: u32 = 60;

/// Numbers in several contexts.
#[derive(Debug)]
pub(crate) struct Numbers {
    counters: Counters,
}

impl Numbers {
    /// As many contexts as this.
    pub(crate) fn new(contexts: usize) -> Self {
        Self { counters: Counters::new(contexts * CONTEXT) }
    }

    /// Codes a number below 2^62 in the context of this index.
    pub(crate) fn code<C: Coder>(&mut self, coder: &mut C, context: usize, value: u64) -> u64 {
        let lengths = context * CONTEXT;
        let digits = lengths + LENGTHS;
        // One more than the number, so that there is a leading one.
        let value = value + 1;
        let wanted = 63 - value.leading_zeros();
        let mut length = 0;
        while length < 62 {
            let counter = self.counters.get_mut(lengths + length as usize);
            let more = code_bit(coder, counter, length < wanted);
            if !more {
                break;
            }
            length += 1;
        }
        let mut coded = 1_u64;
        for place in (0..length).rev() {
            let bit = value >> place & 1 == 1;
            let from_top = length - 1 - place;
            let bit = if from_top < 3 {
                let seen = usize::try_from(coded & 7).expect("three bits");
                let index = (length as usize * 3 + from_top as usize) * 8 + seen;
                code_bit(coder, self.counters.get_mut(digits + index), bit)
            } else {
                coder.bit(1 << 15, bit)
            };
            coded = coded << 1 | u64::from(bit);
        }
        coded - 1
    }
}

fn code_bit<C: Coder>(coder: &mut C, counter: &mut Counter, bit: bool) -> bool {
    let bit = coder.bit(counter.chance(), bit);
    counter.learn(bit, LIMIT);
    bit
}
