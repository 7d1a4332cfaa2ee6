//! What may a number in data mean, and which of its meanings is the likeliest here?
//!
//! Data says addresses in several ways: whole, as a distance from where it stands, as an offset into a table.
//! Nothing tells which, but the number itself, its section and its place in the rhythm of what came before.
//! Each meaning predicts a new number; which ones were right is learnt as the numbers come.

use crate::{
    entropy::{Counters, mix, stretch},
    executable::MAX_BASES,
};

/// The meanings of a number, each with what the number becomes if that is it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hypotheses {
    was: u32,
    becomes: [u32; Self::COUNT],
    /// One more than the last meaning that it may have.
    count: usize,
    contexts: [u32; VOTERS],
}

impl Hypotheses {
    /// It is no address and stays as it is.
    const SAME: usize = 0;
    /// It is the low half of an address.
    pub(super) const ADDRESS: usize = 1;
    /// It is the distance to an address.
    pub(super) const DISTANCE: usize = 2;
    /// It counts from the base of this index.
    pub(super) const BASES: usize = 3;
    const COUNT: usize = Self::BASES + MAX_BASES;

    pub(super) const NONE: Self =
        Self { was: 0, becomes: [0; Self::COUNT], count: 0, contexts: [0; VOTERS] };

    /// A number that has no meaning yet but itself.
    pub(super) fn of(was: u32) -> Self {
        Self { was, becomes: [was; Self::COUNT], count: 1, contexts: [0; VOTERS] }
    }

    /// Adds a meaning: if it is this one, the number becomes `number`.
    pub(super) fn add(&mut self, meaning: usize, number: u32) {
        self.becomes[meaning] = number;
        self.count = self.count.max(meaning + 1);
    }

    /// Whether it matters which one is right.
    pub(super) fn disagree(&self) -> bool {
        self.becomes[..self.count].iter().any(|number| *number != self.was)
    }

    /// Those that change the number, and that it stays the same.
    fn different(&self) -> impl Iterator<Item = usize> {
        (0..self.count)
            .filter(|meaning| *meaning == Self::SAME || self.becomes[*meaning] != self.was)
    }
}

/// Contexts that vote on each meaning.
const VOTERS: usize = 3;
const BITS: u32 = 18;
/// Habits of a table change from one table to the next.
const LIMIT: u32 = 30;

/// Wrong guesses in a row after which a meaning is hardly asked for any more in sections of this name, and then
/// for every so many numbers once.
const IDLE: u16 = 1024;
const REVIVED_BY: u16 = 16;

/// Learns which meanings are right where.
#[derive(Debug)]
pub(super) struct Judge {
    counters: Counters,
    /// For each label and meaning, how often it was asked for since it was right.
    idle: Vec<[u16; Hypotheses::COUNT]>,
    /// The last meanings that were right, four bits each.
    history: u32,
}

impl Judge {
    pub(super) fn new() -> Self {
        let idle = vec![[0; Hypotheses::COUNT]; 256];
        Self { counters: Counters::new(1 << BITS), idle, history: 0 }
    }

    /// Whether numbers in sections of this label may well have this meaning.
    #[inline]
    pub(super) fn considers(&mut self, label: u8, meaning: usize) -> bool {
        let idle = &mut self.idle[usize::from(label)][meaning];
        *idle = if *idle < u16::MAX { *idle + 1 } else { IDLE };
        *idle < IDLE || idle.is_multiple_of(REVIVED_BY)
    }

    /// What the number likely becomes, and how sure that is (1 to 3).
    pub(super) fn choose(&self, found: &mut Hypotheses, label: u8, address: u64) -> (u32, u8) {
        let label = u32::from(label);
        let place = u32::try_from(address >> 2 & 0xFFFF_FFFF).expect("32 bits") % 6;
        found.contexts = [
            mix(label, self.history & 0xFFF | place << 20),
            mix(label + 64, found.was.leading_zeros() | (self.history & 15) << 8),
            mix(label + 128, place | (self.history & 0xFF) << 8),
        ];
        let score = |meaning: usize| -> i32 {
            let contexts = found.contexts.iter();
            let votes = contexts.map(|context| self.counters.get(slot(*context, meaning)));
            votes.map(|counter| i32::from(stretch(counter.chance()))).sum()
        };
        // Of equals the first: that it stays the same.
        let scored = found.different().map(|meaning| (score(meaning), meaning));
        let best = scored.reduce(|best, next| if next.0 > best.0 { next } else { best });
        let (score, meaning) = best.unwrap_or((0, Hypotheses::SAME));
        let trust = if score > 3 * 256 {
            3
        } else if score > 0 {
            2
        } else {
            1
        };
        (found.becomes[meaning], trust)
    }

    /// Learns what the number became.
    pub(super) fn learn(&mut self, found: &Hypotheses, label: u8, became: u32) {
        let mut right = 0;
        for meaning in found.different() {
            let was_right = found.becomes[meaning] == became;
            if was_right {
                right = u32::try_from(meaning).expect("few") + 1;
                self.idle[usize::from(label)][meaning] = 0;
            }
            for context in found.contexts {
                self.counters.get_mut(slot(context, meaning)).learn(was_right, LIMIT);
            }
        }
        self.history = self.history << 4 | right & 15;
    }
}

fn slot(context: u32, meaning: usize) -> usize {
    let hash = mix(context, u32::try_from(meaning).expect("few"));
    (hash & ((1 << BITS) - 1)) as usize
}
