//! Whoever was there from the first day and whoever comes tomorrow end at the same heads.

use std::sync::Arc;

use updraft_protocol::{
    ChannelBase, Equivocation, Head, Heartbeat, Revocation, Role, Signed, Statement, codec,
};

use super::*;
use crate::{
    catalog::{Freeze, HeadOutcome, Link, Offer, Verdict, Witness, Word},
    testing::{NOW, Publisher},
};

/// Heads 1 to n of a channel, each by these keys.
fn chain(publisher: &Publisher, signers: &[&[u8]]) -> Vec<Arc<Signed<Head>>> {
    let mut chain: Vec<Arc<Signed<Head>>> = Vec::new();
    for (seq, keys) in (1..).zip(signers) {
        let prev = chain.last().map(|head| head.digest());
        chain.push(publisher.sign(&publisher.head(seq, prev, &[]), keys));
    }
    chain
}

fn follow(catalog: &mut Catalog, heads: &[Arc<Signed<Head>>]) {
    for head in heads {
        let taken = catalog.offer_head(head, Offer::Link, NOW);
        assert!(matches!(taken, Ok(HeadOutcome::Accepted { .. })), "{taken:?}");
    }
}

/// The next root, in which these keys publish, from `base` on.
fn next_root(catalog: &Catalog, keys: &[u8], base: &Signed<Head>) -> Root {
    let mut next = catalog.root().clone().into_inner();
    (next.version, next.prev) = (next.version + 1, Some(catalog.root().digest()));
    next.release[0].role = role(keys);
    let seq = base.peek().expect("a head").seq;
    let channel = next.release[0].channel.clone();
    next.channel_base = vec![ChannelBase { channel, seq, head: Some(base.digest()) }];
    next
}

fn role(keys: &[u8]) -> Role {
    Publisher::role(2, keys)
}

fn seq(catalog: &Catalog, publisher: &Publisher) -> Option<u64> {
    catalog.head(&publisher.channel).map(|known| known.head.seq)
}

#[test]
fn heads_after_the_base_stay_if_the_new_keys_bear_every_one_of_them() {
    let publisher = Publisher::new();
    let heads = chain(&publisher, &[&[1, 2], &[2, 3], &[2, 3]]);
    let mut catalog = publisher.catalog();
    follow(&mut catalog, &heads);
    let root = publisher.sign(&next_root(&catalog, &[2, 3, 4], &heads[0]), &[100]);
    assert_eq!(catalog.offer_root(&root).expect("the next").begun_anew, []);
    assert_eq!(seq(&catalog, &publisher), Some(3));
}

/// Head 2 is by a key that the root takes away, so whoever comes now never gets past it: nor does anybody else.
#[test]
fn a_head_between_the_base_and_the_newest_that_the_new_keys_do_not_bear_ends_the_chain() {
    let publisher = Publisher::new();
    let heads = chain(&publisher, &[&[1, 2], &[1, 2], &[2, 3]]);
    let mut catalog = publisher.catalog();
    let mut newcomer = catalog.clone();
    follow(&mut catalog, &heads);
    let root = publisher.sign(&next_root(&catalog, &[2, 3, 4], &heads[0]), &[100]);
    let begun_anew = catalog.offer_root(&root).expect("the next").begun_anew;
    assert_eq!(begun_anew, vec![publisher.channel.clone()]);
    newcomer.offer_root(&root).expect("the next");
    for catalog in [&mut catalog, &mut newcomer] {
        follow(catalog, &heads[..1]);
        assert!(catalog.offer_head(&heads[1], Offer::Link, NOW).is_err());
        assert_eq!(seq(catalog, &publisher), Some(1));
    }
}

/// The root came while the node did not run, or the power went before its channel began anew.
#[test]
fn a_kept_head_is_taken_up_only_if_the_root_bears_every_one_after_its_base() {
    let publisher = Publisher::new();
    let heads = chain(&publisher, &[&[1, 2], &[1, 2], &[2, 3]]);
    let mut catalog = publisher.catalog();
    follow(&mut catalog, &heads[..1]);
    let root = publisher.sign(&next_root(&catalog, &[2, 3, 4], &heads[0]), &[100]);
    catalog.offer_root(&root).expect("the next");
    let links = |catalog: &Catalog| {
        let link = |head: &Arc<Signed<Head>>| Link {
            digest: head.digest(),
            signers: catalog.signers(&publisher.channel, head),
        };
        (1..).zip(heads.iter().map(link)).collect::<BTreeMap<u64, Link>>()
    };
    let kept = links(&catalog);
    let refusal =
        catalog.restore_head(&heads[2], kept).expect_err("head 2 is by a key that is gone");
    assert_eq!(refusal, Refusal::OffTheBase(publisher.channel.clone()));
    let mut before = publisher.catalog();
    let kept = links(&before);
    before.restore_head(&heads[2], kept).expect("under the root of before");
    assert_eq!(seq(&before, &publisher), Some(3));
}

#[test]
fn who_signed_when_fewer_were_asked_for_is_no_liar() {
    let publisher = Publisher::new();
    let heads = chain(&publisher, &[&[1, 2], &[1, 2], &[1]]);
    let mut catalog = publisher.catalog();
    follow(&mut catalog, &heads[..1]);
    let rejected = catalog.clone().offer_head(&heads[2], Offer::Link, NOW).expect_err("one key");
    assert_eq!(rejected.verdict(), Verdict::Reject, "no root asked for one");
    let mut next = next_root(&catalog, &[1, 2, 3], &heads[0]);
    next.release[0].role = Publisher::role(3, &[1, 2, 3]);
    catalog.offer_root(&publisher.sign(&next, &[100])).expect("the next");
    let refusal = catalog.offer_head(&heads[1], Offer::Link, NOW).expect_err("two of three");
    assert_eq!((refusal.label(), refusal.verdict()), ("too_few_now", Verdict::Ignore));
}

#[test]
fn a_key_that_took_itself_back_does_not_lock_out_newcomers() {
    let publisher = Publisher::new();
    let heads = chain(&publisher, &[&[1, 2], &[1, 3], &[2, 3], &[1, 2], &[2, 3]]);
    let mut catalog = publisher.catalog();
    let key = Publisher::key(1).public().id();
    let revocation =
        Revocation { network: publisher.network, key, time: NOW, reason: "stolen".to_owned() };
    let said = Statement::Revocation(publisher.sign(&revocation, &[1]).as_ref().clone());
    catalog.offer_statement(&Arc::new(said), NOW).expect("its own signature");
    assert!(catalog.offer_head(&heads[0], Offer::Link, NOW).is_err(), "alone it has one signer");
    assert_eq!(catalog.offer_run(&heads[..2], NOW), 0, "no later one bears them yet");
    assert_eq!(catalog.offer_run(&heads, NOW), 3, "head 3 has enough signers, and names head 2");
    assert_eq!(catalog.offer_run(&heads[3..4], NOW), 0);
    assert_eq!(catalog.offer_run(&heads[3..], NOW), 2);
    assert_eq!(seq(&catalog, &publisher), Some(5));
}

#[test]
fn a_later_head_bears_no_other_history_than_its_own() {
    let publisher = Publisher::new();
    let heads = chain(&publisher, &[&[1, 2], &[2, 3]]);
    let mut other = publisher.head(1, None, &[]);
    other.expires = other.expires.plus(1);
    let other = publisher.sign(&other, &[1, 2]);
    let mut catalog = publisher.catalog();
    let key = Publisher::key(1).public().id();
    let revocation =
        Revocation { network: publisher.network, key, time: NOW, reason: String::new() };
    let said = Statement::Revocation(publisher.sign(&revocation, &[1]).as_ref().clone());
    catalog.offer_statement(&Arc::new(said), NOW).expect("its own signature");
    assert_eq!(catalog.offer_run(&[other, heads[1].clone()], NOW), 0);
    assert_eq!(catalog.offer_run(&[heads[1].clone()], NOW), 0, "it is not the next");
    assert_eq!(catalog.offer_run(&heads, NOW), 2);
}

#[test]
fn a_settled_fork_does_not_freeze_the_channel_again_when_it_is_told_again() {
    let publisher = Publisher::new();
    let mut root = publisher.root();
    root.release[0].role = role(&[1, 2, 3, 4]);
    let mut catalog = publisher.catalog_under(&root);
    let signers: &[u8] = &[1, 2, 3];
    let heads = chain(&publisher, &[signers]);
    let mut other = publisher.head(1, None, &[]);
    other.expires = other.expires.plus(1);
    let other = publisher.sign(&other, signers).as_ref().clone();
    follow(&mut catalog, &heads);
    let proof = Arc::new(Statement::Equivocation(Equivocation::new(
        heads[0].as_ref().clone(),
        other.clone(),
    )));
    catalog.offer_statement(&proof, NOW).expect("two heads");
    assert!(matches!(catalog.freeze(&publisher.channel), Some(Freeze::TwoHistories { .. })));
    let root = publisher.sign(&next_root(&catalog, &[2, 3, 4], &heads[0]), &[100]);
    catalog.offer_root(&root).expect("the next");
    assert_eq!(catalog.freeze(&publisher.channel), None, "people have said which one holds");
    assert_eq!(catalog.alarms().len(), 2, "of the keys that stay");
    catalog.offer_statement(&proof, NOW).expect("known");
    // Whoever leaves out who has gone, or adds somebody, gets no further.
    for keys in [&[2, 3][..], &[2, 3, 4], &[2, 3, 9]] {
        let [one, other] = [&heads[0], &other]
            .map(|head| publisher.sign(&head.peek().expect("a head"), keys).as_ref().clone());
        let again = Arc::new(Statement::Equivocation(Equivocation::new(one, other)));
        let _ = catalog.offer_statement(&again, NOW);
        assert_eq!(catalog.freeze(&publisher.channel), None, "{keys:?}");
    }
}

/// The root goes on from head 1 once more, because of keys that signed head 2 and were taken away.
#[test]
fn a_witness_speaks_again_after_its_channel_was_thrown_back_to_the_base_of_before() {
    let publisher = Publisher::new();
    let mut root = publisher.root();
    root.witness = Some(Publisher::role(1, &[11]));
    let mut catalog = publisher.catalog_under(&root);
    let heads = chain(&publisher, &[&[1, 2], &[1, 2]]);
    follow(&mut catalog, &heads);
    let root = publisher.sign(&next_root(&catalog, &[1, 2, 4], &heads[0]), &[100]);
    assert_eq!(catalog.offer_root(&root).expect("the next").begun_anew, []);
    let by = Publisher::key(11).public().id();
    let mut witness = Witness::new(by, 3_600, BTreeMap::new());
    let said = |said: Vec<(Heartbeat, Word)>| {
        said.into_iter().map(|(heartbeat, _)| heartbeat.seq).collect::<Vec<_>>()
    };
    assert_eq!(said(witness.speak(&catalog, NOW)), [2]);
    let root = publisher.sign(&next_root(&catalog, &[2, 3, 4], &heads[0]), &[100]);
    assert_eq!(catalog.offer_root(&root).expect("the next").begun_anew.len(), 1);
    follow(&mut catalog, &heads[..1]);
    assert_eq!(said(witness.speak(&catalog, NOW.plus(60))), [1], "people have thrown it back");
}

#[test]
fn beginnings_are_those_of_the_roots_whoever_counts_them() {
    let publisher = Publisher::new();
    let mut catalog = publisher.catalog();
    let heads = chain(&publisher, &[&[1, 2]]);
    follow(&mut catalog, &heads);
    let mut counted = Beginnings::of(catalog.root());
    let mut at = vec![counted.at(&publisher.channel)];
    for keys in [&[1, 2, 3][..], &[1, 2, 3], &[2, 3, 4]] {
        let next = next_root(&catalog, keys, &heads[0]);
        counted.follow(catalog.root(), &next);
        catalog.offer_root(&publisher.sign(&next, &[100])).expect("the next");
        assert_eq!(counted, catalog.begun);
        at.push(counted.at(&publisher.channel));
    }
    assert_eq!(at, [1, 2, 2, 4], "a base, nothing, other keys");
}

/// A proof's name says who signed. With a bad signature in it a weak one would have the name of the strong one.
#[test]
fn a_spoilt_proof_does_not_keep_the_good_one_away() {
    let publisher = Publisher::new();
    let mut catalog = publisher.catalog();
    let one = publisher.sign(&publisher.head(1, None, &[]), &[1, 2]).as_ref().clone();
    let mut other = publisher.head(1, None, &[]);
    other.expires = other.expires.plus(1);
    let other = publisher.sign(&other, &[1, 2]).as_ref().clone();
    let good = Equivocation::new(one, other);
    let mut bytes = codec::encode(&good).expect("a proof");
    *bytes.last_mut().expect("not empty") ^= 1;
    let spoilt: Equivocation = codec::decode(&bytes).expect("only a signature is another");
    assert_eq!(spoilt.id(), good.id());
    let refusal = catalog
        .offer_statement(&Arc::new(Statement::Equivocation(spoilt.clone())), NOW)
        .expect_err("a bad signature");
    assert_eq!((refusal.label(), refusal.verdict()), ("spoilt_proof", Verdict::Ignore));
    let clean = catalog.accusation(&spoilt).expect("two heads");
    assert_ne!(clean.id(), good.id(), "what a node makes of it itself has another name");
    catalog
        .offer_statement(&Arc::new(Statement::Equivocation(clean)), NOW)
        .expect("a double signer");
    assert_eq!(catalog.freeze(&publisher.channel), None);
    catalog.offer_statement(&Arc::new(Statement::Equivocation(good)), NOW).expect("two histories");
    assert!(catalog.freeze(&publisher.channel).is_some());
}
