//! Time that can be relied on: the node's clock, but never earlier than what enough keys have signed and what has
//! gone by since. Pure.
//!
//! A clock that went back must not make expired things good again, nor keep what is good from expiring. Only times
//! that lie close to the node's own clock move the floor, so a clock that was wrong leaves nothing behind once it is
//! right.

use std::{collections::BTreeMap, time::Duration};

use updraft_protocol::{
    ChannelName, KeyId, Role, Timestamp,
    broken::{self, Break},
    limits::MAX_CLOCK_SKEW,
};

use super::refusal::Says;

/// The latest moment that has certainly passed.
#[derive(Debug, Clone, Copy)]
pub(super) struct TrustedTime {
    floor: Timestamp,
    /// Of a clock that nobody sets: when the floor was learnt, and now. Unknown until it was read once.
    learnt: Option<Duration>,
    elapsed: Duration,
    /// Seconds by which clocks may differ.
    skew: u64,
}

impl TrustedTime {
    pub(super) const fn starting_at(floor: Timestamp) -> Self {
        Self { floor, learnt: None, elapsed: Duration::ZERO, skew: MAX_CLOCK_SKEW }
    }

    /// The same with another allowance, at most [`MAX_CLOCK_SKEW`] seconds.
    pub(super) fn with_skew(self, skew: u64) -> Self {
        Self { skew: skew.min(MAX_CLOCK_SKEW), ..self }
    }

    /// So much time has gone by since any moment that stays the same.
    pub(super) fn pass(&mut self, elapsed: Duration) {
        self.learnt.get_or_insert(elapsed);
        self.elapsed = elapsed;
    }

    /// The moment to judge by.
    pub(super) fn at(self, clock: Timestamp) -> Timestamp {
        // A clock that is right, or nearly, is better than a signed time that was a little ahead.
        if clock.plus(self.skew) < self.passed() { self.passed() } else { clock.max(self.floor) }
    }

    /// The latest signed moment, and what has gone by since.
    fn passed(self) -> Timestamp {
        let since = self.elapsed.saturating_sub(self.learnt.unwrap_or(self.elapsed));
        self.floor.plus(since.as_secs())
    }

    /// Whether `signed` lies further ahead than clocks differ.
    pub(super) fn is_future(self, signed: Timestamp, clock: Timestamp) -> bool {
        signed > self.at(clock).plus(self.skew) && !broken::is(Break::FutureHeadsAreBelieved)
    }

    /// Enough keys have signed that it is `signed` now.
    pub(super) fn learn(&mut self, signed: Timestamp, clock: Timestamp) {
        if signed <= clock.plus(self.skew) && signed > self.passed() {
            self.floor = signed;
            self.learnt = self.learnt.map(|_| self.elapsed);
        }
    }

    /// What is to be kept: what is signed, and has gone by since.
    pub(super) fn floor(self) -> Timestamp {
        self.passed()
    }
}

/// Who says that it is later than any clock error explains: then it may be this node's clock that is wrong.
#[derive(Debug, Clone, Default)]
pub(super) struct Ahead {
    witnesses: BTreeMap<KeyId, Timestamp>,
    publishers: BTreeMap<ChannelName, Timestamp>,
}

impl Ahead {
    /// Somebody signed this time. There is a place for each witness and each channel of a root.
    pub(super) fn note(&mut self, says: &Says, signed: Timestamp) {
        match says {
            Says::Witness(by) => drop(self.witnesses.insert(*by, signed)),
            Says::Publishers(channel) => {
                let latest = self.publishers.entry(channel.clone()).or_insert(signed);
                *latest = signed.max(*latest);
            }
            Says::Anybody => {}
        }
    }

    /// Under a new root others may speak.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// The time that so many of a channel say it is that the clock has to be behind: a threshold of the witnesses that
    /// count and say nothing of the present (`counts`) or, without witnesses, of the keys that publish.
    ///
    /// They may be thieves who want updates to stop. The same keys could do that by keeping silent, or by publishing
    /// a head that nobody else can follow.
    pub(super) fn later_than_the_clock(
        &self,
        witness: Option<&Role>,
        channel: &ChannelName,
        counts: impl Fn(&KeyId) -> bool,
        is_future: impl Fn(Timestamp) -> bool,
    ) -> Option<Timestamp> {
        match witness {
            Some(role) => {
                let future = self.witnesses.iter().filter(|(_, signed)| is_future(**signed));
                let future = future.filter(|(key, _)| role.key(key).is_some() && counts(key));
                let mut times: Vec<Timestamp> = future.map(|(_, signed)| *signed).collect();
                times.sort_unstable();
                let (keys, need) = (role.keys().len(), role.threshold());
                times.into_iter().nth_back(need.max(keys + 1 - need) - 1)
            }
            None => self.publishers.get(channel).copied().filter(|signed| is_future(*signed)),
        }
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

    #[test]
    fn time_goes_on_beside_a_clock_that_went_back_or_stands_still() {
        let mut time = TrustedTime::starting_at(at(0));
        time.pass(Duration::from_secs(50));
        time.learn(at(5_000), at(5_000));
        time.pass(Duration::from_secs(80));
        assert_eq!(time.at(at(1_000)), at(5_030));
        for older in [4_000, 5_020] {
            time.learn(at(older), at(5_000));
            assert_eq!(time.at(at(1_000)), at(5_030), "what is older teaches nothing");
        }
        assert_eq!(time.floor(), at(5_030));
        assert_eq!(time.at(at(5_010)), at(5_010), "clocks differ by so much");
        assert_eq!(time.at(at(6_000)), at(6_000));
        let mut kept = TrustedTime::starting_at(at(5_000));
        kept.pass(Duration::from_secs(1_000));
        assert_eq!(kept.at(at(0)), at(5_000), "what is kept tells nothing of the time before");
    }
}
