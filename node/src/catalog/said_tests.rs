//! Clocks that are wrong, keys that talk too much, and what is struck off.

use std::time::Duration;

use updraft_protocol::{Head, Lift, Root};

use super::*;
use crate::{
    catalog::{Freshness, Offer, Refusal, Staleness},
    testing::{NOW, Publisher},
};

const DAY: u64 = 24 * 3_600;

/// A network with two witnesses, both needed, and a brake, and its first head.
fn begun() -> (Publisher, Catalog, Arc<Signed<Head>>) {
    let publisher = Publisher::new();
    let root = Root {
        witness: Some(Publisher::role(2, &[11, 12])),
        brake: Some(Publisher::role(1, &[21])),
        ..publisher.root()
    };
    let mut catalog = publisher.catalog_under(&root);
    catalog.pass(Duration::ZERO);
    let head = Head { expires: NOW.plus(90 * DAY), ..publisher.head(1, None, &[]) };
    let head = publisher.sign(&head, &[1, 2]);
    catalog.offer_head(&head, Offer::News, NOW).expect("the first");
    (publisher, catalog, head)
}

fn beat(publisher: &Publisher, key: u8, seq: u64, head: Digest, time: Timestamp) -> Arc<Statement> {
    let heartbeat = Heartbeat {
        network: publisher.network,
        by: Publisher::key(key).public().id(),
        channel: publisher.channel.clone(),
        seq,
        head,
        time,
        valid_for: 24 * 3_600,
    };
    Arc::new(Statement::Heartbeat(publisher.sign(&heartbeat, &[key]).as_ref().clone()))
}

fn brake(publisher: &Publisher) -> Arc<Statement> {
    let brake = Brake {
        network: publisher.network,
        by: Publisher::key(21).public().id(),
        channel: publisher.channel.clone(),
        release: None,
        issued: NOW,
        expires: NOW.plus(600),
        reason: String::new(),
    };
    Arc::new(Statement::Brake(publisher.sign(&brake, &[21]).as_ref().clone()))
}

#[test]
fn a_clock_that_is_set_back_keeps_nothing_fresh() {
    let (publisher, mut catalog, head) = begun();
    for key in [11, 12] {
        let word = beat(&publisher, key, 1, head.digest(), NOW);
        catalog.offer_statement(&word, NOW).expect("a witness");
    }
    let back = Timestamp::from_seconds(0);
    let fresh = |catalog: &Catalog| catalog.freshness(&publisher.channel, back);
    catalog.pass(Duration::from_secs(DAY - 1));
    assert!(matches!(fresh(&catalog), Freshness::Fresh { .. }));
    catalog.pass(Duration::from_secs(DAY + 1));
    let stale = fresh(&catalog);
    assert!(matches!(stale, Freshness::Stale { why: Staleness::Witnesses { have: 0, .. }, .. }));
}

#[test]
fn a_clock_that_is_behind_a_threshold_of_witnesses_is_found_out_and_one_witness_is_not_enough() {
    let (publisher, mut catalog, head) = begun();
    let wrong = |catalog: &Catalog, clock| {
        matches!(
            catalog.freshness(&publisher.channel, clock),
            Freshness::Stale { why: Staleness::Clock { .. }, .. }
        )
    };
    for (key, expected) in [(11, false), (12, true)] {
        let word = beat(&publisher, key, 1, head.digest(), NOW.plus(DAY));
        let refusal = catalog.offer_statement(&word, NOW).expect_err("a day ahead");
        catalog.note(&refusal);
        assert_eq!(wrong(&catalog, NOW), expected, "key {key}");
    }
    assert!(!wrong(&catalog, NOW.plus(DAY)), "set right");
    // Whoever says something of the present was wrong then, or somebody repeats it.
    let word = beat(&publisher, 11, 1, head.digest(), NOW);
    catalog.offer_statement(&word, NOW).expect("a witness");
    assert!(!wrong(&catalog, NOW));
}

#[test]
fn a_pause_from_the_disk_keeps_its_place_when_a_root_shares_places_out_otherwise() {
    let publisher = Publisher::new();
    let brakes: Vec<u8> = (21..=36).collect();
    let root = Root { brake: Some(Publisher::role(1, &brakes)), ..publisher.root() };
    let mut catalog = publisher.catalog_under(&root);
    let of = |release: &[u8]| {
        let brake = Brake {
            network: publisher.network,
            by: Publisher::key(21).public().id(),
            channel: publisher.channel.clone(),
            release: Some(Digest::of(release)),
            issued: NOW,
            expires: NOW.plus(600),
            reason: String::new(),
        };
        Arc::new(Statement::Brake(publisher.sign(&brake, &[21]).as_ref().clone()))
    };
    catalog.restore_statement(&of(b"one"), NOW).expect("kept before");
    catalog.restore_statement(&of(b"two"), NOW).expect("kept before");
    assert_eq!(catalog.pauses(&publisher.channel, NOW).count(), 2);
    let refusal = catalog.offer_statement(&of(b"three"), NOW).expect_err("one place each");
    assert_eq!(refusal.label(), "full");
}

#[test]
fn a_pause_that_a_clock_at_its_beginning_has_not_reached_is_in_force_when_the_clock_is_right() {
    let (publisher, mut catalog, _) = begun();
    let start = Timestamp::from_seconds(1);
    let paused = brake(&publisher);
    assert!(catalog.restore_statement(&paused, start).is_ok(), "time is what the head said");
    let mut fresh = publisher
        .catalog_under(&Root { brake: Some(Publisher::role(1, &[21])), ..publisher.root() });
    let refusal = fresh.restore_statement(&paused, start).expect_err("the clock stands at 1970");
    assert_eq!(refusal.label(), "future");
    fresh.keep_for_later(paused, NOW);
    fresh.forget_what_ran_out(start);
    assert_eq!(fresh.pauses(&publisher.channel, NOW).count(), 0);
    fresh.forget_what_ran_out(NOW);
    assert_eq!(fresh.pauses(&publisher.channel, NOW).count(), 1);
}

#[test]
fn what_this_node_says_itself_teaches_it_no_time() {
    let publisher = Publisher::new();
    let root = Root { witness: Some(Publisher::role(1, &[11, 12])), ..publisher.root() };
    let own = Publisher::key(11).public().id();
    let mut catalog = publisher.catalog_under(&root).with_own_key(Some(own));
    let head = publisher.sign(&publisher.head(1, None, &[]), &[1, 2]);
    catalog.offer_head(&head, Offer::News, NOW).expect("the first");
    // The clock is a week ahead while it speaks, and then set right.
    let ahead = NOW.plus(7 * DAY);
    let word = beat(&publisher, 11, 1, head.digest(), ahead);
    catalog.offer_statement(&word, ahead).expect("its own word");
    assert_eq!(catalog.trusted_time(NOW), NOW);
    let word = beat(&publisher, 11, 1, head.digest(), NOW.plus(1));
    catalog.offer_statement(&word, NOW.plus(1)).expect("the word of then is none to compare with");
    let other = beat(&publisher, 12, 1, head.digest(), NOW.plus(5));
    catalog.offer_statement(&other, NOW.plus(1)).expect("a witness");
    assert_eq!(catalog.trusted_time(NOW), NOW.plus(5), "others do");
}

#[test]
fn one_witness_is_not_heard_about_ever_new_heads_that_nobody_has() {
    let (publisher, mut catalog, head) = begun();
    let named = |n: u64| beat(&publisher, 11, 1 + n, Digest::of(&n.to_be_bytes()), NOW.plus(n));
    catalog.offer_statement(&named(1), NOW).expect("a first");
    for n in 2..60 {
        let refusal = catalog.offer_statement(&named(n), NOW.plus(n)).expect_err("too many");
        assert_eq!(refusal, Refusal::TooSoon, "{n}");
    }
    catalog.offer_statement(&named(61), NOW.plus(61)).expect("a minute later");
    // About the head that is trusted it may always speak.
    let word = beat(&publisher, 11, 1, head.digest(), NOW.plus(62));
    catalog.offer_statement(&word, NOW.plus(62)).expect("back at the trusted one");
}

#[test]
fn what_goes_out_of_the_tables_is_struck_off_once() {
    let (publisher, mut catalog, _) = begun();
    let paused = brake(&publisher);
    catalog.offer_statement(&paused, NOW).expect("a brake key");
    assert_eq!(catalog.take_gone(), []);
    let mut next = catalog.root().clone().into_inner();
    (next.version, next.prev, next.brake) = (2, Some(catalog.root().digest()), None);
    catalog.offer_root(&publisher.sign(&next, &[100])).expect("the next");
    assert_eq!(catalog.take_gone(), [paused]);
    assert_eq!(catalog.take_gone(), []);
}

#[test]
fn a_kept_word_that_has_run_out_still_tells_since_when_a_head_is_stale() {
    let (publisher, mut catalog, head) = begun();
    let late = NOW.plus(10 * DAY);
    for key in [11, 12] {
        let word = beat(&publisher, key, 1, head.digest(), NOW);
        assert!(catalog.offer_statement(&word, late).is_err(), "nobody tells it any more");
        catalog.restore_statement(&word, late).expect("from the disk");
    }
    let freshness = catalog.freshness(&publisher.channel, late);
    assert!(matches!(freshness, Freshness::Stale { since, .. } if since == NOW.plus(DAY)));
}

#[test]
fn a_lift_does_not_take_the_place_of_a_pause() {
    let (publisher, mut catalog, _) = begun();
    catalog.offer_statement(&brake(&publisher), NOW).expect("a brake key");
    let lift = Lift {
        network: publisher.network,
        channel: publisher.channel.clone(),
        release: None,
        issued: NOW,
        reason: String::new(),
    };
    let lift = Statement::Lift(publisher.sign(&lift, &[1, 2]).as_ref().clone());
    catalog.offer_statement(&Arc::new(lift), NOW).expect("the release keys");
    assert_eq!((catalog.said().len(), catalog.take_gone().len()), (2, 0));
    assert_eq!(catalog.pauses(&publisher.channel, NOW).count(), 0);
}
