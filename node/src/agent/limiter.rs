//! A rate that is kept: a token bucket of bytes.
//!
//! The arithmetic is pure ([`Bucket`]); [`Limiter`] waits on the runtime's timer.

use std::{num::NonZeroU64, sync::Mutex, time::Duration};

use tokio::time::Instant;

use super::context::lock;

/// A burst may take what the rate gives in this time.
const BURST: Duration = Duration::from_secs(1);

/// Bytes that may go at once, refilled at a rate.
#[derive(Debug, Clone)]
pub struct Bucket {
    rate: NonZeroU64,
    /// Bytes that may go now; negative after a loan, which later callers wait for.
    level: i128,
    filled: Duration,
}

impl Bucket {
    /// A full one, of so many bytes a second.
    pub fn new(rate: NonZeroU64) -> Self {
        Self { rate, level: i128::from(rate.get()), filled: Duration::ZERO }
    }

    /// Takes `bytes` at `now`; says how long to wait before they may go.
    fn take(&mut self, bytes: u64, now: Duration) -> Duration {
        let rate = i128::from(self.rate.get());
        let since = now.saturating_sub(self.filled);
        self.filled = self.filled.max(now);
        let gained =
            rate * i128::try_from(since.as_micros()).unwrap_or(i128::MAX / rate) / 1_000_000;
        let full = rate * i128::from(BURST.as_secs());
        let level = (self.level + gained).min(full);
        self.level = level - i128::from(bytes);
        // More than a burst at once could never pass: from a full bucket it goes, and later callers wait for it.
        if self.level >= 0 || level == full {
            return Duration::ZERO;
        }
        let micros = -self.level * 1_000_000 / rate;
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// The same, unless it had to wait longer than `patience`: then nothing is taken.
    pub fn take_within(
        &mut self,
        bytes: u64,
        patience: Duration,
        now: Duration,
    ) -> Option<Duration> {
        let wait = self.take(bytes, now);
        if wait <= patience {
            return Some(wait);
        }
        self.give_back(bytes);
        None
    }

    fn give_back(&mut self, bytes: u64) {
        self.level += i128::from(bytes);
    }
}

/// Keeps a rate, or none.
#[derive(Debug)]
pub(super) struct Limiter {
    bucket: Option<Mutex<Bucket>>,
    started: Instant,
}

impl Limiter {
    /// `None` for no limit; else bytes a second.
    pub(super) fn new(rate: Option<NonZeroU64>) -> Self {
        Self { bucket: rate.map(|rate| Mutex::new(Bucket::new(rate))), started: Instant::now() }
    }

    /// Waits until `bytes` may go, `patience` at most. Says whether they may; if not, nothing was taken.
    pub(super) async fn pass(&self, bytes: u64, patience: Duration) -> bool {
        let Some(bucket) = &self.bucket else { return true };
        let wait = lock(bucket).take_within(bytes, patience, self.started.elapsed());
        let Some(wait) = wait else { return false };
        tokio::time::sleep(wait).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(rate: u64) -> Bucket {
        Bucket::new(NonZeroU64::new(rate).expect("not zero"))
    }

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let mut bucket = bucket(1_000);
        assert_eq!(bucket.take(1_000, Duration::ZERO), Duration::ZERO);
        assert_eq!(bucket.take(500, Duration::ZERO), Duration::from_millis(500));
        assert_eq!(bucket.take(500, Duration::ZERO), Duration::from_secs(1));
        assert_eq!(bucket.take(0, Duration::from_secs(1)), Duration::ZERO);
    }

    #[test]
    fn a_long_silence_saves_no_more_than_one_burst() {
        let mut bucket = bucket(1_000);
        assert_eq!(bucket.take(1_000, Duration::from_secs(3_600)), Duration::ZERO);
        assert_eq!(bucket.take(1_000, Duration::from_secs(3_600)), Duration::from_secs(1));
    }

    #[test]
    fn more_than_a_burst_goes_from_a_full_bucket_and_is_waited_for_afterwards() {
        let mut bucket = bucket(1_000);
        assert_eq!(bucket.take(5_000, Duration::ZERO), Duration::ZERO);
        assert_eq!(bucket.take(1, Duration::ZERO), Duration::from_millis(4_001));
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let mut bucket = bucket(1_000);
        bucket.take(1_000, Duration::ZERO);
        bucket.give_back(1_000);
        assert_eq!(bucket.take(1_000, Duration::ZERO), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn impatience_takes_nothing() {
        let limiter = Limiter::new(NonZeroU64::new(1_000));
        assert!(limiter.pass(1_000, Duration::ZERO).await);
        assert!(!limiter.pass(1_000, Duration::from_millis(100)).await);
        assert!(limiter.pass(100, Duration::from_millis(100)).await);
    }
}
