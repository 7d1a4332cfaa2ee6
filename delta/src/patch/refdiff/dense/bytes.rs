//! Bytes by context mixing: many guesses at each bit, each from another context, weighed by how right they were.
//!
//! Every context has a counter for each way through the bits of a byte. The counters of half a byte lie side by
//! side, so that a context costs one look into memory for four bits. Two mixers with different habits of
//! choosing their weights are averaged, and a last table corrects what they are systematically wrong about.
//! Source: the architecture of Mahoney's `lpaq`, its sizes chosen anew.

use crate::entropy::{Cell, Coder, Counters, Mixer, chance_of, mix, odds, odds_of_12};

/// Memory of one counter of the last correction.
const CORRECTION_LIMIT: u32 = 500;
const EXPECTED_LIMIT: u32 = 500;
/// The cells of half a byte: one for each way through its bits, that of no bit not used.
type Line = [Cell; 16];
/// The same in a table: zeros while nothing came, which memory is without being filled.
type Stored = [u16; 16];
/// How quickly weights are learnt, and what they begin with.
const RATE: f32 = 0.0035;
const WEIGHT: f32 = 0.16;

/// A byte that something outside expects next, and how much that was worth so far: a class below 128.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    pub(super) byte: u8,
    pub(super) class: u32,
}

/// Codes bytes in `CONTEXTS` contexts with `INPUTS` opinions: two for each context, one for each of `EXPECTED`
/// expectations, one that is always the same, and zeros up to a multiple of eight.
#[derive(Debug)]
pub(super) struct Bytes<const CONTEXTS: usize, const EXPECTED: usize, const INPUTS: usize> {
    tables: [Vec<Stored>; CONTEXTS],
    /// Which lines are at work, and what is in them: copied out and back, so that all are fetched at once.
    slots: [usize; CONTEXTS],
    lines: [Line; CONTEXTS],
    expected: [Counters; EXPECTED],
    by_byte: Mixer<INPUTS>,
    by_place: Mixer<INPUTS>,
    correction: Counters,
}

/// Which weights are used: a class of the byte's surroundings for either mixer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice {
    pub(super) first: usize,
    pub(super) second: usize,
}

impl<const CONTEXTS: usize, const EXPECTED: usize, const INPUTS: usize>
    Bytes<CONTEXTS, EXPECTED, INPUTS>
{
    /// Tables of 2^`bits` lines for each context; classes below `choices`.
    pub(super) fn new(bits: [u32; CONTEXTS], choices: Choice) -> Self {
        const { assert!(2 * CONTEXTS + EXPECTED < INPUTS) };
        Self {
            tables: bits.map(|bits| vec![[0; 16]; 1 << bits]),
            slots: [0; CONTEXTS],
            lines: [[Cell::NEW; 16]; CONTEXTS],
            expected: std::array::from_fn(|_| Counters::new(1 << 13)),
            by_byte: Mixer::new(choices.first * 256, RATE, WEIGHT),
            by_place: Mixer::new(choices.second * 8, RATE, WEIGHT),
            correction: Counters::new(1 << 16),
        }
    }

    /// Codes one byte.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        contexts: &[u32; CONTEXTS],
        expected: &[Option<Expected>; EXPECTED],
        choice: Choice,
        byte: u8,
    ) -> u8 {
        // What is known of the byte, with a one in front.
        let mut seen = 1_usize;
        let first = expected
            .first()
            .copied()
            .flatten()
            .map_or(0, |expected| usize::from(expected.byte) + 256);
        for place in 0..8 {
            if place % 4 == 0 {
                self.fetch(contexts, seen);
            }
            let node =
                if place < 4 { seen } else { seen & ((1 << (place - 4)) - 1) | 1 << (place - 4) };
            let bit = byte >> (7 - place) & 1 == 1;
            let corrected = (first & 511) << 8 & 0xFFFF | seen;
            let bit =
                self.bit(coder, expected, choice, Position { place, seen, node, corrected }, bit);
            seen = seen << 1 | usize::from(bit);
            if place % 4 == 3 {
                self.put_back();
            }
        }
        seen.to_le_bytes()[0]
    }

    fn fetch(&mut self, contexts: &[u32; CONTEXTS], seen: usize) {
        let seen = u32::try_from(seen).expect("below 256");
        for (index, (slot, (context, table))) in
            (0..).zip(self.slots.iter_mut().zip(contexts.iter().zip(&self.tables)))
        {
            let hash = mix(*context, (seen << 1 | 1).wrapping_add(index * 977));
            *slot = (hash as usize) & (table.len() - 1);
        }
        for (line, (slot, table)) in self.lines.iter_mut().zip(self.slots.iter().zip(&self.tables))
        {
            *line = table[*slot].map(Cell::of);
        }
    }

    fn put_back(&mut self) {
        for (line, (slot, table)) in self.lines.iter().zip(self.slots.iter().zip(&mut self.tables))
        {
            table[*slot] = line.map(Cell::stored);
        }
    }

    fn bit<C: Coder>(
        &mut self,
        coder: &mut C,
        expected: &[Option<Expected>; EXPECTED],
        choice: Choice,
        at: Position,
        bit: bool,
    ) -> bool {
        let mut opinions = [0.0_f32; INPUTS];
        for (pair, line) in opinions.chunks_exact_mut(2).zip(&self.lines) {
            let cell = line[at.node & 15];
            pair[0] = odds_of_12(cell.chance()) * TRUST[usize::from(cell.count())];
            pair[1] = (f32::from(cell.chance()) - 2048.0) / 1024.0;
        }
        let mut expecting = [None; EXPECTED];
        for (index, expected) in expected.iter().enumerate() {
            let Some(Expected { byte, class }) = *expected else { continue };
            let byte = usize::from(byte);
            // Only as long as the byte is as expected.
            if (byte | 256) >> (8 - at.place) == at.seen {
                let slot = ((class as usize) << 3 | at.place) << 1 | byte >> (7 - at.place) & 1;
                expecting[index] = Some(slot);
                opinions[2 * CONTEXTS + index] = odds(self.expected[index].get(slot).chance());
            }
        }
        opinions[2 * CONTEXTS + EXPECTED] = 0.4;
        let one = self.by_byte.weigh(&opinions, choice.first * 256 + at.seen);
        let two = self.by_place.weigh(&opinions, choice.second * 8 + at.place);
        let mixed = chance_of((one + two) * 0.5);
        let correction = self.correction.get_mut(at.corrected);
        let chance = if correction.count() > 20 {
            let sum = u32::from(mixed) * 3 + u32::from(correction.chance());
            u16::try_from(sum / 4).expect("a mean")
        } else {
            mixed
        };
        let bit = coder.bit(chance.clamp(16, 65_520), bit);
        correction.learn(bit, CORRECTION_LIMIT);
        self.by_byte.learn(&opinions, mixed, bit);
        self.by_place.learn(&opinions, mixed, bit);
        for line in &mut self.lines {
            line[at.node & 15].learn(bit);
        }
        for (table, slot) in self.expected.iter_mut().zip(expecting) {
            if let Some(slot) = slot {
                table.get_mut(slot).learn(bit, EXPECTED_LIMIT);
            }
        }
        bit
    }
}

/// Where in a byte.
#[derive(Debug, Clone, Copy)]
struct Position {
    /// Bits before this one.
    place: usize,
    /// These bits, with a one in front.
    seen: usize,
    /// The bits of this half before this one, with a one in front.
    node: usize,
    /// The counter of the last correction.
    corrected: usize,
}

/// How much a counter's opinion is believed that was corrected so many times.
const TRUST: [f32; 16] =
    [0.0, 0.6, 0.6, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.25, 1.25, 1.25, 1.25];
