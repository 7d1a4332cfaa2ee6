//! Yes or no, in several contexts that are weighed against each other.

use crate::entropy::{Coder, Counters, Mixer, chance_of, mix, odds};

const RATE: f32 = 0.02;
const LIMIT: u32 = 255;
/// Opinions: one for each context, one that is always the same, zeros.
const INPUTS: usize = 8;

/// Flags in `CONTEXTS` contexts, fewer than eight.
#[derive(Debug)]
pub(super) struct Flag<const CONTEXTS: usize> {
    tables: [Counters; CONTEXTS],
    /// Which bits of a hash are a counter's number.
    mask: usize,
    mixer: Mixer<INPUTS>,
}

impl<const CONTEXTS: usize> Flag<CONTEXTS> {
    /// Tables of 2^`bits` counters; as many sets of weights as `choices`.
    pub(super) fn new(bits: u32, choices: usize) -> Self {
        const { assert!(CONTEXTS < INPUTS) };
        #[expect(clippy::cast_precision_loss, reason = "fewer than eight")]
        let weight = 1.3 / CONTEXTS as f32;
        let tables = std::array::from_fn(|_| Counters::new(1 << bits));
        Self { tables, mask: (1 << bits) - 1, mixer: Mixer::new(choices, RATE, weight) }
    }

    /// Codes one flag.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        contexts: &[u32; CONTEXTS],
        choice: usize,
        flag: bool,
    ) -> bool {
        let mut opinions = [0.0_f32; INPUTS];
        let mut slots = [0; CONTEXTS];
        for (index, (context, table)) in contexts.iter().zip(&self.tables).enumerate() {
            slots[index] = (mix(*context, 0) as usize) & self.mask;
            opinions[index] = odds(table.get(slots[index]).chance());
        }
        opinions[CONTEXTS] = 0.3;
        let chance = chance_of(self.mixer.weigh(&opinions, choice));
        let flag = coder.bit(chance, flag);
        self.mixer.learn(&opinions, chance, flag);
        for (table, slot) in self.tables.iter_mut().zip(slots) {
            table.get_mut(slot).learn(flag, LIMIT);
        }
        flag
    }
}
