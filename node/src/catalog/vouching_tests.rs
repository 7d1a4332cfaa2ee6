//! When a witness speaks, when it is silent, and that it never names two heads of one number.

use std::{collections::BTreeSet, sync::Arc};

use proptest::prelude::*;
use updraft_protocol::{Head, Signed, Statement};

use super::*;
use crate::{
    catalog::{Freshness, Offer, StatementOutcome},
    testing::{NOW, Publisher},
};

const DAY: u32 = 24 * 3_600;
const NOTHING: [u64; 0] = [];

fn publisher_and_catalog() -> (Publisher, Catalog) {
    let publisher = Publisher::new();
    let mut root = publisher.root();
    root.witness = Some(Publisher::role(2, &[11, 12, 13]));
    let catalog = publisher.catalog_under(&root);
    (publisher, catalog)
}

fn witness(key: u8, last: BTreeMap<ChannelName, Word>) -> Witness {
    Witness::new(Publisher::key(key).public().id(), DAY, last)
}

fn follow(catalog: &mut Catalog, head: &Arc<Signed<Head>>) {
    catalog.offer_head(head, Offer::Link, NOW).expect("the next head");
}

/// What a witness says now, taken by its own catalog.
fn say(witness: &mut Witness, key: u8, catalog: &mut Catalog, now: Timestamp) -> Vec<u64> {
    let publisher = Publisher::new();
    let said = witness.speak(catalog, now);
    said.into_iter()
        .map(|(heartbeat, _)| {
            let signed = publisher.sign(&heartbeat, &[key]).as_ref().clone();
            let statement = Arc::new(Statement::Heartbeat(signed));
            let outcome = catalog.offer_statement(&statement, now).expect("its own word");
            assert!(matches!(outcome, StatementOutcome::Accepted(_)));
            heartbeat.seq
        })
        .collect()
}

#[test]
fn a_head_is_vouched_for_at_once_and_again_each_quarter() {
    let (publisher, mut catalog) = publisher_and_catalog();
    let mut witness = witness(11, BTreeMap::new());
    assert_eq!(say(&mut witness, 11, &mut catalog, NOW), NOTHING, "there is no head yet");
    let mut head = publisher.head(1, None, &[]);
    head.expires = NOW.plus(900_000);
    follow(&mut catalog, &publisher.sign(&head, &[1, 2]));
    assert_eq!(say(&mut witness, 11, &mut catalog, NOW), [1]);
    assert_eq!(say(&mut witness, 11, &mut catalog, NOW.plus(21_599)), NOTHING);
    assert_eq!(witness.next(&catalog, NOW.plus(60)), Some(NOW.plus(21_600)));
    assert_eq!(say(&mut witness, 11, &mut catalog, NOW.plus(21_600)), [1]);
}

#[test]
fn two_witnesses_of_three_make_a_head_fresh_and_one_does_not() {
    let (publisher, mut catalog) = publisher_and_catalog();
    follow(&mut catalog, &publisher.sign(&publisher.head(1, None, &[]), &[1, 2]));
    let is_fresh = |catalog: &Catalog| {
        matches!(catalog.freshness(&publisher.channel, NOW), Freshness::Fresh { .. })
    };
    say(&mut witness(11, BTreeMap::new()), 11, &mut catalog, NOW);
    assert!(!is_fresh(&catalog), "one of the two needed");
    say(&mut witness(13, BTreeMap::new()), 13, &mut catalog, NOW);
    assert!(is_fresh(&catalog));
}

#[test]
fn who_is_no_witness_and_what_is_expired_or_frozen_is_passed_over_in_silence() {
    let (publisher, mut catalog) = publisher_and_catalog();
    let first = publisher.sign(&publisher.head(1, None, &[]), &[1, 2]);
    follow(&mut catalog, &first);
    assert_eq!(witness(14, BTreeMap::new()).speak(&catalog, NOW), [], "key 14 is in no role");
    assert_eq!(witness(11, BTreeMap::new()).speak(&catalog, NOW.plus(1_001)), [], "expired");
    let mut other = publisher.head(1, None, &[]);
    other.expires = other.expires.plus(1);
    let other = publisher.sign(&other, &[1, 2]).as_ref().clone();
    let proof = updraft_protocol::Equivocation::new(first.as_ref().clone(), other);
    let proof = Arc::new(Statement::Equivocation(proof));
    catalog.offer_statement(&proof, NOW).expect("two heads of one number");
    assert_eq!(witness(11, BTreeMap::new()).speak(&catalog, NOW), [], "frozen");
}

#[test]
fn a_witness_that_lost_its_store_keeps_to_what_its_peers_heard_from_it() {
    let (publisher, mut catalog) = publisher_and_catalog();
    let first = publisher.sign(&publisher.head(1, None, &[]), &[1, 2]);
    let second = publisher.sign(&publisher.head(2, Some(first.digest()), &[]), &[1, 2]);
    let heartbeat = Heartbeat {
        network: publisher.network,
        by: Publisher::key(11).public().id(),
        channel: publisher.channel.clone(),
        seq: 2,
        head: Digest::of(b"another second head"),
        time: NOW,
        valid_for: 600,
    };
    let signed = publisher.sign(&heartbeat, &[11]).as_ref().clone();
    catalog.offer_statement(&Arc::new(Statement::Heartbeat(signed)), NOW).expect("its own word");
    follow(&mut catalog, &first);
    follow(&mut catalog, &second);
    let mut witness = witness(11, BTreeMap::new());
    assert_eq!(witness.speak(&catalog, NOW.plus(1)), [], "it named another second head");
    // Nobody counts that word any more.
    assert_eq!(witness.speak(&catalog, NOW.plus(601)).len(), 1);
}

#[test]
fn a_witness_whose_clock_was_ahead_speaks_again_as_soon_as_it_is_right() {
    let (publisher, mut catalog) = publisher_and_catalog();
    let own = Publisher::key(11).public().id();
    let head = Head { expires: NOW.plus(900_000), ..publisher.head(1, None, &[]) };
    follow(&mut catalog, &publisher.sign(&head, &[1, 2]));
    let mut catalog = catalog.with_own_key(Some(own));
    let mut before = witness(11, BTreeMap::new());
    let ahead = NOW.plus(800_000);
    let said = before.speak(&catalog.clone(), ahead);
    let (heartbeat, word) = said.first().expect("one channel").clone();
    // Whether it remembers that itself, from its store, or from what it told itself.
    assert_eq!(say(&mut before, 11, &mut catalog.clone(), NOW.plus(1)), [1]);
    let mut restarted = witness(11, BTreeMap::from([(heartbeat.channel.clone(), word)]));
    assert_eq!(say(&mut restarted.clone(), 11, &mut catalog.clone(), NOW.plus(1)), [1]);
    // A clock that went back by less than clocks differ is no reason to say anything.
    let mut steady = witness(11, BTreeMap::new());
    let mut other = catalog.clone();
    assert_eq!(say(&mut steady, 11, &mut other, NOW.plus(30)), [1]);
    assert_eq!(steady.speak(&other, NOW), []);
    let told = publisher.sign(&heartbeat, &[11]).as_ref().clone();
    catalog.offer_statement(&Arc::new(Statement::Heartbeat(told)), ahead).expect("its own word");
    assert_eq!(say(&mut restarted, 11, &mut catalog, NOW.plus(1)), [1]);
}

#[test]
fn a_word_that_was_kept_and_perhaps_never_sent_is_said_again_soon() {
    let (publisher, mut catalog) = publisher_and_catalog();
    follow(&mut catalog, &publisher.sign(&publisher.head(1, None, &[]), &[1, 2]));
    let mut before = witness(11, BTreeMap::new());
    let said = before.speak(&catalog, NOW);
    let (heartbeat, word) = said.first().expect("one channel").clone();
    let mut after = witness(11, BTreeMap::from([(heartbeat.channel, word)]));
    assert_eq!(after.speak(&catalog, NOW.plus(59)), []);
    assert_eq!(say(&mut after, 11, &mut catalog, NOW.plus(60)), [1]);
}

fn word(root_version: u64, begun: u64, seq: u64, head: u8, time: u64) -> Word {
    let time = Timestamp::from_seconds(time);
    Word { root_version, begun, seq, head: Digest::of(&[head]), time }
}

proptest! {
    /// Whatever heads a witness is shown, under whatever roots: between two beginnings of the channel it names
    /// one head for a number, and its numbers never fall.
    #[test]
    fn no_witness_names_two_heads_of_one_number(
        steps in prop::collection::vec((0..3_u64, any::<bool>(), 1..6_u64, 0..3_u8), 1..60),
    ) {
        let mut last: Option<(u64, Word)> = None;
        let mut named: BTreeMap<(u64, u64), Digest> = BTreeMap::new();
        // The roots as they follow each other: some of them say where the channel goes on.
        let (mut root_version, mut begun) = (1, 1);
        for (time, (later, goes_on, seq, head)) in (0_u64..).zip(steps) {
            root_version += later / 2;
            if later == 2 && goes_on {
                begun = root_version;
            }
            let next = word(root_version, begun, seq, head, time);
            if last.as_ref().is_some_and(|(_, last)| !next.may_follow(last)) {
                continue;
            }
            let before = named.insert((begun, next.seq), next.head);
            prop_assert!(before.is_none_or(|before| before == next.head), "{next:?}");
            if let Some((under, last)) = &last && *under == begun {
                prop_assert!(next.seq >= last.seq, "{last:?} then {next:?}");
            }
            last = Some((begun, next));
        }
    }

    /// What it said last it may always say again, later and under a later root.
    #[test]
    fn the_last_word_may_be_renewed(seq in 1..9_u64, head in 0..9_u8, more in 0..9_u64) {
        let last = word(1, 1, seq, head, 10);
        prop_assert!(word(1 + more, 1, seq, head, 10 + more).may_follow(&last));
        prop_assert!(word(1, 1, seq, head, 9).may_follow(&last), "a clock may be set right");
        let seen: BTreeSet<bool> =
            (0..9).map(|other| word(1, 1, seq, other, 10).may_follow(&last) == (other == head)).collect();
        prop_assert_eq!(seen, BTreeSet::from([true]), "without a newer root no other head");
    }
}
