//! An arithmetic coder for bits: what is likely costs next to nothing.
//!
//! The range from `low` to `high` is divided in proportion to the chances, and the part of the bit that came is
//! the next range. Leading bytes on which both ends agree are written. Source: the carryless coder of Matt
//! Mahoney's `lpaq1`, with 16 bits of probability instead of 12.

/// One direction of the coder.
pub(crate) trait Coder {
    /// Codes one bit that is a one with a chance of `chance` in 65,536; 0 counts as 1. Whoever writes gets back what
    /// was handed in.
    fn bit(&mut self, chance: u16, bit: bool) -> bool;
}

/// The part of a range that means one: everything up to here.
fn split(low: u32, high: u32, chance: u16) -> u32 {
    let part = (u64::from(high - low) * u64::from(chance.max(1))) >> 16;
    low + u32::try_from(part).expect("less than the range")
}

/// Writes bits.
#[derive(Debug)]
pub(crate) struct Writer {
    low: u32,
    high: u32,
    out: Vec<u8>,
}

impl Writer {
    /// Nothing written yet.
    pub(crate) fn new() -> Self {
        Self { low: 0, high: u32::MAX, out: Vec::new() }
    }

    /// Ends with the fewest bytes that mean something within the range: who reads adds zeros.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let (value, kept) = shortest(self.low, self.high);
        self.out.extend_from_slice(&value[..kept]);
        while self.out.last() == Some(&0) {
            self.out.pop();
        }
        self.out
    }
}

/// The value in the range with the most zeros at its end, and how many bytes it has without those.
fn shortest(low: u32, high: u32) -> ([u8; 4], usize) {
    let with = |zeros: u32| {
        let mask = u32::try_from((1_u64 << (8 * zeros)) - 1).expect("at most 32 bits");
        low.checked_add(mask).map(|sum| sum & !mask).filter(|value| *value <= high)
    };
    let found = (0..=4).rev().find_map(|zeros| Some((with(zeros)?, zeros)));
    let (value, zeros) = found.expect("without zeros it is the lower end itself");
    (value.to_be_bytes(), 4 - zeros as usize)
}

impl Coder for Writer {
    #[inline]
    fn bit(&mut self, chance: u16, bit: bool) -> bool {
        let middle = split(self.low, self.high, chance);
        if bit {
            self.high = middle;
        } else {
            self.low = middle + 1;
        }
        while (self.low ^ self.high) >> 24 == 0 {
            self.out.push(self.high.to_be_bytes()[0]);
            self.low <<= 8;
            self.high = self.high << 8 | 255;
        }
        bit
    }
}

/// Reads bits.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    low: u32,
    high: u32,
    value: u32,
    bytes: &'a [u8],
    /// Bytes taken, those after the end counted too.
    taken: usize,
}

impl<'a> Reader<'a> {
    /// Begins at the first of these bytes.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let mut reader = Self { low: 0, high: u32::MAX, value: 0, bytes, taken: 0 };
        for _ in 0..4 {
            reader.take();
        }
        reader
    }

    /// Whether the bytes end as a writer ends them after what was read: none missing, none too many.
    pub(crate) fn is_ended(&self) -> bool {
        let (value, kept) = shortest(self.low, self.high);
        let left = self.bytes.get(self.taken - 4..).unwrap_or(&[]);
        let zeros = || std::iter::repeat(&0);
        self.bytes.last() != Some(&0)
            && left.len() <= kept
            && value[..kept]
                .iter()
                .zip(left.iter().chain(zeros()))
                .all(|(wanted, byte)| wanted == byte)
    }

    fn take(&mut self) {
        let byte = self.bytes.get(self.taken).copied().unwrap_or(0);
        self.value = self.value << 8 | u32::from(byte);
        self.taken = self.taken.saturating_add(1);
    }
}

impl Coder for Reader<'_> {
    #[inline]
    fn bit(&mut self, chance: u16, _: bool) -> bool {
        let middle = split(self.low, self.high, chance);
        let bit = self.value <= middle;
        if bit {
            self.high = middle;
        } else {
            self.low = middle + 1;
        }
        while (self.low ^ self.high) >> 24 == 0 {
            self.low <<= 8;
            self.high = self.high << 8 | 255;
            self.take();
        }
        bit
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(bits: &[(u16, bool)]) -> Vec<u8> {
        let mut writer = Writer::new();
        for (chance, bit) in bits {
            writer.bit(*chance, *bit);
        }
        writer.finish()
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(bits in prop::collection::vec((any::<u16>(), any::<bool>()), 0..2000)) {
            let bytes = written(&bits);
            let mut reader = Reader::new(&bytes);
            for (chance, bit) in &bits {
                prop_assert_eq!(reader.bit(*chance, false), *bit);
            }
            prop_assert!(reader.is_ended());
        }
    }

    #[test]
    fn bytes_behind_the_end_are_noticed() {
        let bits: Vec<(u16, bool)> =
            (0..997_u16).map(|i| (i.wrapping_mul(40_503), i % 3 == 0)).collect();
        let ended = |bytes: &[u8]| {
            let mut reader = Reader::new(bytes);
            bits.iter().for_each(|(chance, _)| {
                reader.bit(*chance, false);
            });
            reader.is_ended()
        };
        let bytes = written(&bits);
        assert!(ended(&bytes));
        for last in 0..=255 {
            assert!(!ended(&[&*bytes, &[last]].concat()), "{last} behind it");
        }
    }

    #[test]
    fn what_is_certain_costs_nothing() {
        assert_eq!(written(&[]).len(), 0);
        assert!(written(&[(65_535, true); 10_000]).len() <= 1);
        let surprise = [vec![(65_535, true); 5000], vec![(65_535, false)]].concat();
        assert!(written(&surprise).len() <= 3);
    }
}
