//! The shortest time in which lines alone could carry a release to everybody: what a result stands beside. Pure.

use std::collections::BTreeMap;

use updraft_protocol::Digest;

use crate::{framing::FRAMED, outcome::Optimum};

/// Somebody who is to get a release.
#[derive(Debug, Clone, Copy)]
pub struct Receiver {
    /// What he has to fetch for it.
    pub blob: Digest,
    /// Its bytes.
    pub size: u64,
    /// Bytes a second that his line carries to him.
    pub down: u64,
    /// And away from him, if he gives anything.
    pub up: u64,
}

/// `helpers_up` is what those add who give what they get and are waited for by nobody.
///
/// Every byte has to leave the seeders once, to come to each over his own line, and to be sent by somebody to each (Kumar
/// and Ross, "Peer-Assisted File Distribution: The Minimum Distribution Time", 2006). `None` if nobody is to get anything.
pub fn optimum(receivers: &[Receiver], seeders_up: u64, helpers_up: u64) -> Option<Optimum> {
    let blobs: BTreeMap<Digest, u64> = receivers.iter().map(|one| (one.blob, one.size)).collect();
    let all: u64 = receivers.iter().map(|one| one.size).sum();
    let up = seeders_up + helpers_up + receivers.iter().map(|one| one.up).sum::<u64>();
    let alone = |one: &Receiver| one.size as f64 / one.down.max(1) as f64;
    let slowest = receivers.iter().map(alone).fold(0.0, f64::max);
    let once: u64 = blobs.values().sum();
    let bounds = [
        (part(once, seeders_up), "the seeders' lines up"),
        (slowest, "the slowest line down"),
        (part(all, up), "all lines up together"),
    ];
    let largest = bounds.into_iter().max_by(|one, other| one.0.total_cmp(&other.0));
    let (seconds, bound) = largest.filter(|_| all > 0)?;
    Some(Optimum { seconds: seconds * FRAMED, bound: bound.to_owned() })
}

/// A part of a whole, 0 of nothing.
pub fn part(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MBIT: u64 = 125_000;

    fn receivers(count: usize, up: u64, down: u64) -> Vec<Receiver> {
        let (blob, size) = (Digest::of(b"whole"), 20 * 1024 * 1024);
        vec![Receiver { blob, size, down: down * MBIT, up: up * MBIT }; count]
    }

    #[test]
    fn each_of_the_three_bounds_is_the_one_that_counts_where_it_is_the_largest() {
        for (count, up, down, seeder, seconds, bound) in [
            (8, 20, 100, 20, 8.389, "the seeders' lines up"),
            (8, 100, 5, 100, 33.554, "the slowest line down"),
            (8, 2, 100, 20, 37.283, "all lines up together"),
        ] {
            let shortest =
                optimum(&receivers(count, up, down), seeder * MBIT, 0).expect("somebody");
            assert_eq!(shortest.bound, bound);
            assert!((shortest.seconds / FRAMED - seconds).abs() < 0.01, "{shortest:?}");
        }
        let helped = optimum(&receivers(8, 2, 100), 20 * MBIT, 100 * MBIT).expect("somebody");
        assert_eq!(helped.bound, "all lines up together");
        assert!((helped.seconds / FRAMED - 9.869).abs() < 0.01, "{helped:?}");
        assert_eq!(optimum(&[], MBIT, 0), None);
    }
}
