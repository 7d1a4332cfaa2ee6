//! How much of a signed object's time is left: whether somebody should sign the next one. Pure.

use updraft_protocol::Timestamp;

/// Where an object with an end stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// More than a third is left.
    Long,
    /// A third or less is left: time to gather signers for the next one.
    Ending,
    /// It is over.
    Over,
}

impl Lifetime {
    /// At `now`, of what was issued at `issued` and ends at `expires`.
    pub fn of(issued: Timestamp, expires: Timestamp, now: Timestamp) -> Self {
        if now > expires {
            return Self::Over;
        }
        let (whole, left) = (expires.since(issued), expires.since(now));
        if left <= whole / 3 { Self::Ending } else { Self::Long }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_third_is_the_time_to_sign_again() {
        let at = Timestamp::from_seconds;
        let of = |now| Lifetime::of(at(100), at(400), at(now));
        assert_eq!(of(0), Lifetime::Long, "a clock that is behind");
        assert_eq!((of(100), of(299)), (Lifetime::Long, Lifetime::Long));
        assert_eq!((of(300), of(400)), (Lifetime::Ending, Lifetime::Ending));
        assert_eq!(of(401), Lifetime::Over);
    }
}
