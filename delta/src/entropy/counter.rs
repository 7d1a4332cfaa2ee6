//! How likely a one is, from how often it came: a probability that moves quickly at first and slowly later.

/// A probability of 22 bits and how often it was corrected, 10 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counter(u32);

const COUNT_BITS: u32 = 10;
const COUNT: u32 = (1 << COUNT_BITS) - 1;
/// The probability stays this far from certain, in 2^-22.
const EDGE: i32 = 64;

/// What part of the error is corrected after so many times: 1 / (n + 1.5), in 2^-16. That is the mean of what
/// came, with half a one and half a zero before it.
const RATES: [u32; 1 << COUNT_BITS] = {
    let mut rates = [0; 1 << COUNT_BITS];
    let mut count = 0;
    while count < rates.len() {
        #[expect(clippy::cast_possible_truncation, reason = "at most 1,024; try_from is not const")]
        let n = count as u32;
        rates[count] = 2 * 65_536 / (2 * n + 3);
        count += 1;
    }
    rates
};

impl Counter {
    /// Nothing came yet: both are as likely.
    pub(crate) const NEW: Self = Self(1 << 31);

    /// The chance of a one in 65,536.
    #[inline]
    pub(crate) fn chance(self) -> u16 {
        u16::try_from(self.0 >> 16).expect("16 bits are left")
    }

    /// How often it was corrected, up to the largest limit it was given.
    #[inline]
    pub(crate) fn count(self) -> u32 {
        self.0 & COUNT
    }

    /// Learns that `bit` came. After `limit` times, at most 1,023, it goes on as quickly as then.
    #[inline]
    pub(crate) fn learn(&mut self, bit: bool, limit: u32) {
        let count = self.count();
        let chance = (self.0 >> COUNT_BITS).cast_signed();
        let error = (i32::from(bit) << 22) - chance;
        let rate = RATES[count as usize];
        let step = (i64::from(error) * i64::from(rate)) >> 16;
        let step = i32::try_from(step).expect("a part of the error");
        let moved = (chance + step).clamp(EDGE, (1 << 22) - EDGE).cast_unsigned();
        self.0 = moved << COUNT_BITS | if count < limit { count + 1 } else { count };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_to_the_share_of_ones() {
        let mut counter = Counter::NEW;
        for index in 0..4000 {
            counter.learn(index % 4 == 0, 1023);
        }
        assert!((16_000..16_800).contains(&counter.chance()), "{}", counter.chance());
    }

    #[test]
    fn it_is_never_certain() {
        for bit in [false, true] {
            let mut counter = Counter::NEW;
            for _ in 0..100_000 {
                counter.learn(bit, 1023);
            }
            let wrong = if bit { u16::MAX - counter.chance() } else { counter.chance() };
            assert!((1..=16).contains(&wrong), "{wrong}");
        }
    }

    #[test]
    fn a_low_limit_forgets_sooner() {
        let after = |limit| {
            let mut counter = Counter::NEW;
            (0..500).for_each(|_| counter.learn(true, limit));
            (0..20).for_each(|_| counter.learn(false, limit));
            counter.chance()
        };
        assert!(after(30) < after(1000));
    }
}
