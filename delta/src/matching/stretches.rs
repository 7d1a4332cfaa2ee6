//! Long stretches that stand on both sides, byte for byte: files that did not change, wherever they stand now.
//!
//! A checksum of every block of the old bytes is looked up at every place of the new ones, where it rolls from one
//! byte to the next; what is found is compared and stretched as far as it goes. Source: Andrew Tridgell's rsync. It
//! takes a nanosecond or two a byte, a hundredth of what comparing takes, and next to no memory.

use super::Equivalence;
use crate::executable::references::Bits;

/// Bytes of a block.
const BLOCK: usize = 16 * 1024;
/// Shorter stretches are left to those who compare: they are as cheap, and see what is around.
pub(crate) const SHORTEST: usize = 64 * 1024;
/// An odd number with bits all over; the checksum is a polynomial in it, modulo 2^64.
const BASE: u64 = 0x9E37_79B9_7F4A_7C15;

/// The stretches, in the order of the new bytes, none overlapping another there.
pub(crate) fn stretches(old: &[u8], new: &[u8]) -> Vec<Equivalence> {
    let blocks = Blocks::of(old);
    let mut found: Vec<Equivalence> = Vec::new();
    let mut at = 0;
    while at + BLOCK <= new.len() {
        let after = found.last().map_or(0, |last| last.new + last.len);
        let Some((place, block)) = blocks.next(new, at) else { break };
        let stretch = stretch(old, new, block, place, after);
        at = stretch.new + stretch.len;
        if stretch.len >= SHORTEST {
            found.push(stretch);
        }
    }
    found
}

/// How far what is equal here goes on both ways, in the new bytes no further back than `after`.
fn stretch(old: &[u8], new: &[u8], from: usize, place: usize, after: usize) -> Equivalence {
    let before = old[..from].iter().rev().zip(new[after..place].iter().rev());
    let back = before.take_while(|(a, b)| a == b).count();
    let forth = old[from..].iter().zip(&new[place..]).take_while(|(a, b)| a == b).count();
    Equivalence { old: from - back, new: place - back, len: back + forth }
}

/// Checksums of the old blocks.
struct Blocks<'o> {
    old: &'o [u8],
    /// Checksum and offset of each block, sorted; of equal ones the first.
    sums: Vec<(u64, usize)>,
    /// One bit for what the checksums of all blocks may be.
    filter: Bits,
    filter_bits: u32,
    /// What the byte that leaves a block counts.
    leaving: u64,
}

impl<'o> Blocks<'o> {
    fn of(old: &'o [u8]) -> Self {
        let blocks = old.chunks_exact(BLOCK).enumerate();
        // Blocks of one byte are found everywhere and mean nothing.
        let telling = blocks.filter(|(_, block)| block.iter().any(|byte| *byte != block[0]));
        let mut sums: Vec<(u64, usize)> =
            telling.map(|(index, block)| (sum(block), index * BLOCK)).collect();
        sums.sort_unstable();
        sums.dedup_by_key(|(sum, _)| *sum);
        let filter_bits = (sums.len().max(1).ilog2() + 6).min(26);
        let mut filter = Bits::zeros(1 << filter_bits);
        for (sum, _) in &sums {
            filter.set(filter_slot(*sum, filter_bits));
        }
        let leaving = (1..BLOCK).fold(1_u64, |power, _| power.wrapping_mul(BASE));
        Self { old, sums, filter, filter_bits, leaving }
    }

    /// The next place of the new bytes from `at` on where a block stands, and the block's offset.
    fn next(&self, new: &[u8], at: usize) -> Option<(usize, usize)> {
        let mut sum = sum(new.get(at..at + BLOCK)?);
        let mut place = at;
        loop {
            if self.filter.get(filter_slot(sum, self.filter_bits))
                && let Ok(index) = self.sums.binary_search_by_key(&sum, |(sum, _)| *sum)
            {
                let block = self.sums[index].1;
                if self.old[block..block + BLOCK] == new[place..place + BLOCK] {
                    return Some((place, block));
                }
            }
            let (leaves, enters) = (new[place], new.get(place + BLOCK)?);
            sum = sum
                .wrapping_sub(u64::from(leaves).wrapping_mul(self.leaving))
                .wrapping_mul(BASE)
                .wrapping_add(u64::from(*enters));
            place += 1;
        }
    }
}

fn sum(block: &[u8]) -> u64 {
    block.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(BASE).wrapping_add(u64::from(*byte)))
}

fn filter_slot(sum: u64, bits: u32) -> usize {
    let mixed = (sum ^ sum >> 29).wrapping_mul(0xD6E8_FEB8_6659_FD93) >> (64 - bits);
    usize::try_from(mixed).expect("at most 26 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u32, len: usize) -> Vec<u8> {
        let mut state = 2 * seed + 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()[1]
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn files_that_stayed_are_found_wherever_they_stand() {
        let [a, b, c] = [1, 2, 3].map(|seed| noise(seed, 200_000));
        let old = [&*a, &b, &c].concat();
        let new = [&c[..], b"something new", &b, &noise(4, 5000), &a[..100_000]].concat();
        let part = |old, new, len| Equivalence { old, new, len };
        let expected =
            [part(400_000, 0, 200_000), part(200_000, 200_013, 200_000), part(0, 405_013, 100_000)];
        assert_eq!(stretches(&old, &new), expected);
    }

    #[test]
    fn a_changed_byte_divides_a_stretch() {
        let old = noise(5, 300_000);
        let mut new = old.clone();
        new[150_000] ^= 1;
        let part = |at, len| Equivalence { old: at, new: at, len };
        assert_eq!(stretches(&old, &new), [part(0, 150_000), part(150_001, 149_999)]);
    }

    #[test]
    fn short_and_meaningless_ones_are_left() {
        let old = [noise(6, SHORTEST - 1), vec![0; 200_000]].concat();
        assert_eq!(
            stretches(&old, &[noise(7, 99), old.clone()].concat()).len(),
            1,
            "stretched over zeros"
        );
        assert_eq!(stretches(&vec![0; 300_000], &vec![0; 300_000]), []);
        assert_eq!(stretches(&noise(8, SHORTEST - 1), &noise(8, SHORTEST - 1)), []);
        assert_eq!(stretches(&[], &noise(9, 100)), []);
    }
}
