//! What the catalog takes and what it refuses, with values.

use super::*;

use crate::{
    catalog::{Freeze, RootOutcome, StatementOutcome, Verdict},
    testing::{NOW, Publisher},
};
use updraft_protocol::{NetworkId, Revocation, Statement, Target, limits::MAX_CLOCK_SKEW};

#[test]
fn a_listed_and_signed_release_is_the_newest() {
    let publisher = Publisher::new();
    let mut catalog = publisher.catalog();
    let old = publisher.sign(&publisher.manifest("1.0.0"), &[1, 2]);
    let new = publisher.sign(&publisher.manifest("1.10.0"), &[2, 3]);
    let head = publisher.sign(&publisher.head(1, None, &[&old, &new]), &[1, 3]);
    let accepted = HeadOutcome::Accepted { channel: publisher.channel.clone(), seq: 1 };
    assert_eq!(catalog.offer_head(&head, Offer::News, NOW), Ok(accepted));
    assert_eq!(catalog.missing_manifests().len(), 2);
    catalog.offer_manifest(&old).expect("listed");
    catalog.offer_manifest(&new).expect("listed");
    let machine: Target = "x86_64-unknown-linux-gnu".parse().expect("a target");
    let newest = catalog.newest(&"demo-app".parse().expect("a name"), &publisher.channel, &machine);
    assert_eq!(newest.map(|known| known.manifest.version.to_string()), Some("1.10.0".to_owned()));
    assert!(catalog.missing_manifests().is_empty());
}

#[test]
fn too_few_signers_are_rejected_and_so_is_one_key_that_signs_twice() {
    let publisher = Publisher::new();
    let mut catalog = publisher.catalog();
    for (keys, label, verdict) in [
        (&[1_u8][..], "threshold_not_met", Verdict::Reject),
        (&[1, 1], "threshold_not_met", Verdict::Reject),
        (&[], "threshold_not_met", Verdict::Reject),
        // A newer root may know key 50: its sender is asked for it, and not blamed.
        (&[1, 50], "unknown_keys", Verdict::Ignore),
        (&[50, 51], "unknown_keys", Verdict::Ignore),
    ] {
        let head = publisher.sign(&publisher.head(1, None, &[]), keys);
        let refusal = catalog.offer_head(&head, Offer::News, NOW).expect_err("too few");
        assert_eq!((refusal.label(), refusal.verdict()), (label, verdict), "{keys:?}");
    }
}

#[test]
fn another_networks_head_is_rejected() {
    let publisher = Publisher::new();
    let mut catalog = publisher.catalog();
    let other =
        Publisher { network: NetworkId::from_bytes([8; 32]), channel: publisher.channel.clone() };
    let head = other.sign(&other.head(1, None, &[]), &[1, 2]);
    let refusal = catalog.offer_head(&head, Offer::News, NOW).expect_err("wrong network");
    assert_eq!((refusal.label(), refusal.verdict()), ("wrong_network", Verdict::Reject));
}

#[test]
fn one_flipped_byte_anywhere_is_refused() {
    let publisher = Publisher::new();
    let mut catalog = publisher.catalog();
    let good = publisher.sign(&publisher.head(1, None, &[]), &[1, 2]);
    let bytes = updraft_protocol::codec::encode(good.as_ref()).expect("fits");
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        if let Ok(signed) = updraft_protocol::codec::decode::<Signed<Head>>(&flipped) {
            let outcome = catalog.offer_head(&Arc::new(signed), Offer::News, NOW);
            assert!(outcome.is_err(), "byte {at} was flipped and the head was taken");
        }
    }
    assert!(catalog.head(&publisher.channel).is_none());
}

#[test]
fn older_forked_unlinked_expired_and_future_heads_change_nothing() {
    let publisher = Publisher::new();
    let mut catalog = publisher.catalog();
    let first = publisher.sign(&publisher.head(1, None, &[]), &[1, 2]);
    let second = publisher.sign(&publisher.head(2, Some(first.digest()), &[]), &[1, 2]);
    catalog.offer_head(&first, Offer::News, NOW).expect("first");
    catalog.offer_head(&second, Offer::News, NOW).expect("second");
    let head = |change: fn(&mut Head)| {
        let mut head = publisher.head(3, Some(second.digest()), &[]);
        change(&mut head);
        publisher.sign(&head, &[1, 2])
    };
    let forked = {
        let mut head = publisher.head(2, Some(first.digest()), &[]);
        head.expires = head.expires.plus(1);
        publisher.sign(&head, &[1, 2])
    };
    for (offered, label) in [
        (first.clone(), "known"),
        (forked, "forked"),
        (head(|h| h.prev = Some(Digest::of(b"other"))), "not_linked"),
        (head(|h| (h.time, h.expires) = (Timestamp::from_seconds(1), NOW.plus(0))), "fresh"),
        (
            head(|h| (h.time, h.expires) = (NOW.plus(2 * MAX_CLOCK_SKEW), NOW.plus(u64::MAX))),
            "future",
        ),
    ] {
        let mut trial = catalog.clone();
        let label_now = trial.offer_head(&offered, Offer::News, NOW).map_or_else(
            |refusal| refusal.label(),
            |outcome| if outcome == HeadOutcome::Known { "known" } else { "fresh" },
        );
        assert_eq!(label_now, label);
    }
    let expired =
        head(|h| (h.time, h.expires) = (Timestamp::from_seconds(1), Timestamp::from_seconds(2)));
    let refusal = catalog.offer_head(&expired, Offer::News, NOW).expect_err("expired");
    assert_eq!((refusal.label(), refusal.verdict()), ("expired", Verdict::Ignore));
    assert_eq!(catalog.head(&publisher.channel).map(|h| h.head.seq), Some(2));
    catalog.offer_head(&expired, Offer::Link, NOW).expect("an expired link still leads on");
}

#[test]
fn a_head_far_ahead_asks_for_the_links_between_and_is_not_trusted() {
    let publisher = Publisher::new();
    let mut catalog = publisher.catalog();
    let ahead = publisher.sign(&publisher.head(1 << 63, Some(Digest::of(b"x")), &[]), &[1, 2]);
    let missing =
        HeadOutcome::Missing { channel: publisher.channel.clone(), have: 0, offered: 1 << 63 };
    assert_eq!(catalog.offer_head(&ahead, Offer::News, NOW), Ok(missing));
    assert!(catalog.head(&publisher.channel).is_none());
}

#[test]
fn a_manifest_is_taken_only_as_what_a_trusted_head_lists() {
    let publisher = Publisher::new();
    let mut catalog = publisher.catalog();
    let listed = publisher.sign(&publisher.manifest("1.0.0"), &[1, 2]);
    let stray = publisher.sign(&publisher.manifest("2.0.0"), &[1, 2]);
    let mut lie = publisher.head(1, None, &[&listed]);
    lie.releases[0].version = "3.0.0".parse().expect("a version");
    let mut deceived = catalog.clone();
    deceived.offer_head(&publisher.sign(&lie, &[1, 2]), Offer::News, NOW).expect("signed");
    assert_eq!(deceived.offer_manifest(&listed).expect_err("a lie").label(), "listed_otherwise");

    catalog
        .offer_head(
            &publisher.sign(&publisher.head(1, None, &[&listed]), &[1, 2]),
            Offer::News,
            NOW,
        )
        .expect("ok");
    assert_eq!(catalog.offer_manifest(&stray).expect_err("stray").label(), "not_listed");
    let half = publisher.sign(&publisher.manifest("1.0.0"), &[1]);
    assert_eq!(catalog.offer_manifest(&half).expect_err("half").label(), "threshold_not_met");
    assert!(catalog.offer_manifest(&listed).is_ok());
}

#[test]
fn a_release_that_is_no_longer_listed_is_forgotten() {
    let publisher = Publisher::new();
    let mut catalog = publisher.catalog();
    let release = publisher.sign(&publisher.manifest("1.0.0"), &[1, 2]);
    let first = publisher.sign(&publisher.head(1, None, &[&release]), &[1, 2]);
    catalog.offer_head(&first, Offer::News, NOW).expect("first");
    catalog.offer_manifest(&release).expect("listed");
    let second = publisher.sign(&publisher.head(2, Some(first.digest()), &[]), &[1, 2]);
    catalog.offer_head(&second, Offer::News, NOW).expect("second");
    assert!(catalog.manifest(&release.digest()).is_none());
}

#[test]
fn judging_a_bundle_takes_nothing() {
    let publisher = Publisher::new();
    let catalog = publisher.catalog();
    let release = publisher.sign(&publisher.manifest("1.0.0"), &[1, 2]);
    let head = publisher.sign(&publisher.head(1, None, &[&release]), &[1, 2]);
    assert_eq!(catalog.judge(&head, &release, NOW), Ok(()));
    assert!(catalog.head(&publisher.channel).is_none());
}

#[test]
fn a_new_root_takes_back_what_removed_keys_alone_had_signed() {
    let publisher = Publisher::new();
    let mut catalog = publisher.catalog();
    let release = publisher.sign(&publisher.manifest("1.0.0"), &[1, 2]);
    let head = publisher.sign(&publisher.head(1, None, &[&release]), &[1, 2]);
    catalog.offer_head(&head, Offer::News, NOW).expect("signed");
    catalog.offer_manifest(&release).expect("listed");
    let mut next = catalog.root().clone().into_inner();
    (next.version, next.prev) = (2, Some(catalog.root().digest()));
    let keys = [2, 3, 4].map(|n| Publisher::key(n).public()).to_vec();
    next.release[0].role = Role::new(2, keys).expect("a role");
    next.channel_base.push(ChannelBase { channel: publisher.channel.clone(), seq: 0, head: None });
    let mut unchanged = catalog.clone();
    let begun_anew = vec![publisher.channel.clone()];
    let outcome = catalog.offer_root(&publisher.sign(&next, &[100]));
    assert_eq!(outcome, Ok(RootOutcome { version: 2, begun_anew }));
    assert!(
        catalog.head(&publisher.channel).is_none() && catalog.manifest(&release.digest()).is_none()
    );
    assert!(unchanged.offer_root(&publisher.sign(&next, &[1])).is_err(), "not by the root's keys");
    assert!(unchanged.manifest(&release.digest()).is_some());
}

/// A key takes itself back.
fn takes_itself_back(publisher: &Publisher, n: u8, catalog: &mut Catalog) {
    let key = Publisher::key(n).public().id();
    let reason = "stolen".to_owned();
    let revocation = Revocation { network: publisher.network, key, time: NOW, reason };
    let signed = publisher.sign(&revocation, &[n]).as_ref().clone();
    let outcome = catalog.offer_statement(&Arc::new(Statement::Revocation(signed)), NOW);
    assert!(matches!(outcome, Ok(StatementOutcome::Accepted(_))), "{outcome:?}");
}

#[test]
fn a_root_key_that_takes_itself_back_still_counts_for_the_root() {
    let publisher = Publisher::new();
    let mut catalog = publisher.catalog();
    takes_itself_back(&publisher, 100, &mut catalog);
    assert_eq!(catalog.alarms().len(), 1, "it is shown");
    let mut next = catalog.root().clone().into_inner();
    (next.version, next.prev) = (2, Some(catalog.root().digest()));
    let outcome = catalog.offer_root(&publisher.sign(&next, &[100]));
    assert_eq!(outcome, Ok(RootOutcome { version: 2, begun_anew: Vec::new() }));
}

#[test]
fn a_thief_does_not_undo_the_proof_of_two_heads_by_taking_the_keys_back() {
    let publisher = Publisher::new();
    let mut catalog = publisher.catalog();
    let release = publisher.sign(&publisher.manifest("1.0.0"), &[1, 2]);
    let heads = [&[][..], &[&release]].map(|releases| {
        publisher.sign(&publisher.head(1, None, releases), &[1, 2]).as_ref().clone()
    });
    let [one, other] = heads;
    takes_itself_back(&publisher, 1, &mut catalog);
    let proof = Arc::new(Statement::Equivocation(Equivocation::new(one, other)));
    catalog.offer_statement(&proof, NOW).expect("both are signed by enough keys");
    let freeze = catalog.freeze(&publisher.channel);
    assert!(matches!(freeze, Some(Freeze::TwoHistories { seq: 1, .. })), "{freeze:?}");
}
