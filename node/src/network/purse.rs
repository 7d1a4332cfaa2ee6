//! What a peer may do often, as a purse that fills with time. Pure: the time is an argument.

use std::time::{Duration, Instant};

/// How often: so many at once, so many a second after that.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub(super) burst: u32,
    pub(super) per_second: u32,
}

/// Tokens left, in thousandths, and since when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Purse {
    milli_tokens: u64,
    filled_at: Instant,
}

/// There was less in the purse than was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overdrawn;

impl Purse {
    /// A purse from which nothing has been taken.
    pub(super) fn full(rate: Rate, now: Instant) -> Self {
        Self { milli_tokens: rate.capacity(), filled_at: now }
    }

    /// Takes so many tokens, or none if there are fewer.
    pub(super) fn pay(&mut self, rate: Rate, count: u32, now: Instant) -> Result<(), Overdrawn> {
        self.milli_tokens = self.tokens_at(rate, now);
        self.filled_at = now;
        self.milli_tokens =
            self.milli_tokens.checked_sub(u64::from(count) * 1_000).ok_or(Overdrawn)?;
        Ok(())
    }

    /// Gives a token back; a full purse stays full.
    pub(super) fn refund(&mut self, rate: Rate, now: Instant) {
        self.milli_tokens = (self.tokens_at(rate, now) + 1_000).min(rate.capacity());
        self.filled_at = now;
    }

    /// Whether forgetting it would change nothing.
    pub(super) fn is_full(&self, rate: Rate, now: Instant) -> bool {
        self.tokens_at(rate, now) == rate.capacity()
    }

    /// Thousandths of tokens in it.
    pub(super) fn tokens_at(&self, rate: Rate, now: Instant) -> u64 {
        let waited = now.saturating_duration_since(self.filled_at).min(Duration::from_secs(3_600));
        let millis = u64::try_from(waited.as_millis()).expect("an hour fits");
        (self.milli_tokens + millis * u64::from(rate.per_second)).min(rate.capacity())
    }
}

impl Rate {
    fn capacity(self) -> u64 {
        u64::from(self.burst) * 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, per_second: 2 };

    #[test]
    fn a_purse_gives_its_burst_and_then_the_rate() {
        let now = Instant::now();
        let mut purse = Purse::full(RATE, now);
        assert_eq!(purse.pay(RATE, 3, now), Ok(()));
        assert_eq!(purse.pay(RATE, 1, now), Err(Overdrawn));
        let later = now + Duration::from_millis(500);
        assert_eq!(purse.pay(RATE, 1, later), Ok(()));
        assert_eq!(purse.pay(RATE, 1, later), Err(Overdrawn));
    }

    #[test]
    fn what_is_refused_costs_nothing() {
        let now = Instant::now();
        let mut purse = Purse::full(RATE, now);
        assert_eq!(purse.pay(RATE, 4, now), Err(Overdrawn));
        assert!(purse.is_full(RATE, now));
    }

    #[test]
    fn neither_time_nor_gifts_fill_it_beyond_its_burst() {
        let now = Instant::now();
        let mut purse = Purse::full(RATE, now);
        purse.refund(RATE, now);
        let later = now + Duration::from_secs(1_000_000);
        assert_eq!(purse.pay(RATE, 4, later), Err(Overdrawn));
        assert_eq!(purse.pay(RATE, 3, later), Ok(()));
        purse.refund(RATE, later);
        assert_eq!(purse.pay(RATE, 1, later), Ok(()));
    }
}
