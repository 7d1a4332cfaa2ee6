//! Time that can be relied on: the node's clock, but never earlier than what enough keys have signed. Pure.
//!
//! A clock that went back must not make expired things good again. Only times that lie close to the node's own
//! clock move the floor, so a clock that was wrong leaves nothing behind once it is right.

use updraft_protocol::{Timestamp, limits::MAX_CLOCK_SKEW};

/// The latest moment that has certainly passed.
#[derive(Debug, Clone, Copy)]
pub(super) struct TrustedTime {
    floor: Timestamp,
    /// Seconds by which clocks may differ.
    skew: u64,
}

impl TrustedTime {
    pub(super) const fn starting_at(floor: Timestamp) -> Self {
        Self { floor, skew: MAX_CLOCK_SKEW }
    }

    /// The same with another allowance, at most [`MAX_CLOCK_SKEW`] seconds.
    pub(super) fn with_skew(self, skew: u64) -> Self {
        Self { skew: skew.min(MAX_CLOCK_SKEW), ..self }
    }

    /// The moment to judge by.
    pub(super) fn at(self, clock: Timestamp) -> Timestamp {
        clock.max(self.floor)
    }

    /// Whether `signed` lies further ahead than clocks differ.
    pub(super) fn is_future(self, signed: Timestamp, clock: Timestamp) -> bool {
        signed > self.at(clock).plus(self.skew)
    }

    /// Enough keys have signed that it is `signed` now.
    pub(super) fn learn(&mut self, signed: Timestamp, clock: Timestamp) {
        if signed <= clock.plus(self.skew) {
            self.floor = self.floor.max(signed);
        }
    }

    pub(super) const fn floor(self) -> Timestamp {
        self.floor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn a_clock_that_goes_back_does_not_take_time_along() {
        let mut time = TrustedTime::starting_at(at(0));
        time.learn(at(5_000), at(5_000));
        assert_eq!(time.at(at(1_000)), at(5_000));
        assert_eq!(time.at(at(6_000)), at(6_000));
        assert!(!time.is_future(at(5_000 + MAX_CLOCK_SKEW), at(1_000)));
        assert!(time.is_future(at(5_001 + MAX_CLOCK_SKEW), at(1_000)));
    }

    #[test]
    fn a_signed_time_far_ahead_of_the_clock_teaches_nothing() {
        let mut time = TrustedTime::starting_at(at(1_000));
        time.learn(at(2_001 + MAX_CLOCK_SKEW), at(2_000));
        assert_eq!(time.floor(), at(1_000));
        time.learn(at(500), at(2_000));
        assert_eq!(time.floor(), at(1_000));
    }
}
