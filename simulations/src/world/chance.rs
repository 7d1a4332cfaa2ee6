//! Chance, the same for the same seed on every machine.
//!
//! Each use has a stream of its own, named by a word, so that one more draw somewhere changes nothing elsewhere. ChaCha with
//! eight rounds, whose output its specification fixes; what is drawn from it is computed here with integers only.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// One stream of chance.
#[derive(Debug, Clone)]
pub struct Chance(ChaCha8Rng);

impl Chance {
    /// The stream of a seed that is called so.
    pub fn of(seed: u64, called: &str) -> Self {
        let key = blake3::Hasher::new_derive_key("updraft simulation 2026 chance")
            .update(&seed.to_le_bytes())
            .update(called.as_bytes())
            .finalize();
        Self(ChaCha8Rng::from_seed(*key.as_bytes()))
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below another; 0 below 0 and below 1.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The high half of a product of 64 bits each: uneven by less than one part in 2^64 / bound.
        let product = u128::from(self.any()) * u128::from(bound);
        u64::try_from(product >> 64).expect("below the bound")
    }

    /// A place in a list of so many; `None` in an empty one.
    pub fn place(&mut self, len: usize) -> Option<usize> {
        let bound = u64::try_from(len).ok().filter(|len| *len > 0)?;
        usize::try_from(self.below(bound)).ok()
    }

    /// One of a list.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.place(of.len())?)
    }

    /// A number between two, both possible.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        let width = most.saturating_sub(least);
        least + if width == u64::MAX { self.any() } else { self.below(width + 1) }
    }

    /// Whether something happens that does so many times in a million.
    pub fn happens(&mut self, parts: u32) -> bool {
        parts > 0 && self.below(1_000_000) < u64::from(parts)
    }

    /// Puts a list into any order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for end in (1..list.len()).rev() {
            if let Some(other) = self.place(end + 1) {
                list.swap(end, other);
            }
        }
    }

    /// So many different places in a list of `len`, in ascending order; all of them if it has no more.
    pub fn some(&mut self, count: usize, len: usize) -> Vec<usize> {
        // Floyd's sampling: one draw for each place that is chosen.
        let mut chosen = std::collections::BTreeSet::new();
        for last in len.saturating_sub(count)..len {
            let place = self.place(last + 1).unwrap_or(0);
            if !chosen.insert(place) {
                chosen.insert(last);
            }
        }
        chosen.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, no recorded run can be replayed any more.
    #[test]
    fn a_stream_is_the_same_for_ever() {
        let mut chance = Chance::of(7, "links");
        let first = [chance.any(), chance.any(), chance.below(100), chance.between(5, 6)];
        assert_eq!(first, [14_748_997_562_953_164_363, 815_471_653_762_827_840, 8, 6]);
        assert_ne!(Chance::of(7, "links").any(), Chance::of(8, "links").any());
        assert_ne!(Chance::of(7, "links").any(), Chance::of(7, "story").any());
    }

    #[test]
    fn what_is_drawn_stays_within_its_bounds_and_reaches_them() {
        let mut chance = Chance::of(1, "test");
        let drawn: std::collections::BTreeSet<u64> =
            (0..200).map(|_| chance.between(3, 7)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [3, 4, 5, 6, 7]);
        assert_eq!((chance.below(0), chance.below(1), chance.place(0)), (0, 0, None));
        let hits = (0..10_000).filter(|_| chance.happens(250_000)).count();
        assert!((2_300..2_700).contains(&hits), "{hits}");
        assert!(!chance.happens(0) && chance.happens(1_000_000));
    }

    #[test]
    fn a_sample_has_as_many_different_places_as_asked_for() {
        let mut chance = Chance::of(2, "test");
        for (count, len) in [(0, 5), (3, 5), (5, 5), (9, 5), (2, 0)] {
            let some = chance.some(count, len);
            assert_eq!(some.len(), count.min(len));
            assert!(some.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(some.iter().all(|place| *place < len));
        }
        let mut list: Vec<u32> = (0..20).collect();
        chance.shuffle(&mut list);
        assert_ne!(list, (0..20).collect::<Vec<_>>());
        list.sort_unstable();
        assert_eq!(list, (0..20).collect::<Vec<_>>());
    }
}
