//! What brakes can do to a release, whatever their keys order: three days in any seven for each key.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*};
use updraft_protocol::{
    Brake, Digest, Lift, Timestamp,
    limits::{BRAKE_AGAIN, MAX_BRAKE},
};

use crate::{cases, samples};

const WEEK: u64 = 7 * 24 * 3_600;
const DAY: u64 = 24 * 3_600;
/// Keys 31 and 32.
const KEYS: std::ops::RangeInclusive<u8> = 31..=32;

fn releases() -> [Option<Digest>; 3] {
    [None, Some(samples::digest(b"one")), Some(samples::digest(b"another"))]
}

/// Moments within a month, often a week apart to the second.
fn issued() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..30 * DAY,
        (0..4_u64, 0..3_u64).prop_map(|(weeks, more)| weeks * BRAKE_AGAIN + more),
        (0..30_u64).prop_map(|days| days * DAY),
    ]
}

fn brake_of(key: impl Strategy<Value = u8>) -> impl Strategy<Value = Brake> {
    let length = prop_oneof![Just(MAX_BRAKE), 1..=MAX_BRAKE];
    (key, 0..3_usize, issued(), length).prop_map(|(key, release, issued, length)| {
        let issued = samples::NOW.plus(issued);
        Brake {
            by: samples::public(key).id(),
            release: releases()[release],
            issued,
            expires: issued.plus(length),
            ..samples::brake()
        }
    })
}

/// Brakes in the order in which somebody hears of them.
fn brakes() -> impl Strategy<Value = Vec<Brake>> {
    vec(brake_of(KEYS), 0..12)
}

/// Those that count where they are heard in this order.
fn counting(heard: &[Brake]) -> Vec<&Brake> {
    let mut kept: Vec<&Brake> = Vec::new();
    for brake in heard {
        if !kept.iter().any(|kept| brake.is_too_soon_beside(kept)) {
            kept.push(brake);
        }
    }
    kept.sort_by_key(|brake| brake.issued);
    kept
}

/// Seconds of the week from `begin` on in which one of these pauses is under way. They do not overlap.
fn paused_in_the_week_from(begin: Timestamp, pauses: &[&Brake]) -> u64 {
    let end = begin.plus(WEEK);
    pauses.iter().map(|pause| pause.expires.min(end).since(pause.issued.max(begin))).sum()
}

proptest! {
    #![proptest_config(cases(2_048))]

    #[test]
    fn one_key_pauses_a_release_for_three_days_of_any_seven(heard in brakes()) {
        let counting = counting(&heard);
        for key in KEYS {
            let by = samples::public(key).id();
            for release in releases().into_iter().flatten() {
                let on_it: Vec<&Brake> = counting
                    .iter()
                    .copied()
                    .filter(|brake| brake.by == by && brake.covers(&release))
                    .collect();
                prop_assert!(on_it.windows(2).all(|two| two[0].expires <= two[1].issued));
                // The worst week begins or ends where a pause does.
                let edges = on_it.iter().flat_map(|brake| [brake.issued, brake.expires]);
                for edge in edges {
                    let week_before = Timestamp::from_seconds(edge.as_seconds() - WEEK);
                    for begin in [edge, week_before] {
                        let paused = paused_in_the_week_from(begin, &on_it);
                        prop_assert!(paused <= MAX_BRAKE, "{} s from {} on", paused, begin);
                    }
                }
            }
        }
    }

    #[test]
    fn whichever_of_two_pauses_is_heard_first_forbids_the_other(
        one in brake_of(KEYS),
        other in brake_of(KEYS),
    ) {
        let too_soon = one.is_too_soon_beside(&other);
        prop_assert_eq!(too_soon, other.is_too_soon_beside(&one));
        let apart = one.issued.max(other.issued).since(one.issued.min(other.issued));
        let same_thing = [one.release, other.release].contains(&None) || one.release == other.release;
        prop_assert_eq!(too_soon, one.by == other.by && same_thing && apart < WEEK);
    }

    #[test]
    fn a_lift_ends_everything_before_it_that_it_names_and_outlives_it(
        brakes in brakes(),
        release in 0..3_usize,
        issued in issued(),
    ) {
        let (release, issued) = (releases()[release], samples::NOW.plus(issued));
        let lift = Lift { release, issued, ..samples::lift() };
        let elsewhere = Lift { channel: samples::name("beta"), ..lift.clone() };
        for brake in &brakes {
            let named: BTreeSet<Option<Digest>> =
                if release.is_none() { releases().into() } else { [release].into() };
            let ends = named.contains(&brake.release) && brake.issued <= issued;
            prop_assert_eq!(lift.ends(brake), ends, "{:?}", brake);
            prop_assert!(!ends || brake.expires <= lift.expires());
            prop_assert!(!elsewhere.ends(brake));
        }
    }
}
