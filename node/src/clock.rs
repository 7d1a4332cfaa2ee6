//! The only reader of the wall clock.
//!
//! Whoever needs the time of day is handed a [`Clock`] and reads it once per turn; pure code is handed the
//! [`Timestamp`]. Timers use `tokio::time` and have nothing to do with this file.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use updraft_protocol::Timestamp;

/// Tells the time of day. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    /// Seconds since the epoch, moved by a [`Hand`].
    Moved(Arc<AtomicU64>),
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `start` until its hand is moved; for tests and simulations.
    pub fn moved_by_hand(start: Timestamp) -> (Self, Hand) {
        let seconds = Arc::new(AtomicU64::new(start.as_seconds()));
        (Self(Source::Moved(Arc::clone(&seconds))), Hand(seconds))
    }

    /// Now, in whole seconds. A system clock before 1970 reads as 1970, where everything signed lies in
    /// the future and is refused.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.since_epoch().as_secs())
    }

    /// Now, as finely as the system tells it; for measuring, not for deciding.
    pub fn since_epoch(&self) -> Duration {
        match &self.0 {
            Source::Moved(seconds) => Duration::from_secs(seconds.load(Ordering::SeqCst)),
            Source::System => system_time(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
fn system_time() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO)
}

/// Moves the [`Clock`] it was made with.
#[derive(Debug, Clone)]
pub struct Hand(Arc<AtomicU64>);

impl Hand {
    /// Sets the clock, forwards or backwards.
    pub fn set(&self, to: Timestamp) {
        self.0.store(to.as_seconds(), Ordering::SeqCst);
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_secs(), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_is_past_the_writing_of_this_test() {
        assert!(Clock::system().now() > Timestamp::from_seconds(1_700_000_000));
    }

    #[test]
    fn a_clock_moved_by_hand_moves_for_every_clone() {
        let (clock, hand) = Clock::moved_by_hand(Timestamp::from_seconds(100));
        let clone = clock.clone();
        hand.advance(Duration::from_secs(5));
        assert_eq!(clone.now(), Timestamp::from_seconds(105));
        hand.set(Timestamp::from_seconds(50));
        assert_eq!(clock.now(), Timestamp::from_seconds(50));
    }
}
