//! Of two copies of a head, or of a manifest, the good signatures are kept, whichever came first.

use std::{collections::BTreeSet, fmt::Debug};

use updraft_protocol::{Head, KeyId, Manifest, Signable, Signed, codec, limits::MAX_SIGNATURES};

use super::*;
use crate::testing::Publisher;

fn ids(keys: &[u8]) -> BTreeSet<KeyId> {
    keys.iter().map(|n| Publisher::key(*n).public().id()).collect()
}

fn by<T: Signable + Clone>(value: &T, keys: &[u8]) -> Signed<T> {
    Publisher::new().sign(value, keys).as_ref().clone()
}

/// A copy of which one byte is another, counted from its end.
fn rotten<T: Signable>(signed: &Signed<T>, from_end: usize) -> Signed<T> {
    let mut bytes = codec::encode(signed).expect("within limits");
    let at = bytes.len() - from_end;
    bytes[at] ^= 1;
    codec::decode(&bytes).expect("only a signature is another")
}

/// A byte of the last signature, and one of the id of its key.
const ROTS: [usize; 2] = [1, 64 + 1];

fn head() -> Head {
    Publisher::new().head(1, None, &[])
}

fn manifest() -> Manifest {
    Publisher::new().manifest("1.0.0")
}

/// What is held of a value after these copies of it came, each with the keys whose signatures were found good.
trait Kept: Signable + Clone + PartialEq + Debug {
    fn after(copies: &[(&Signed<Self>, &[u8])]) -> Signed<Self>;
}

impl Kept for Head {
    fn after(copies: &[(&Signed<Self>, &[u8])]) -> Signed<Self> {
        let dir = folder();
        let store = open(&dir);
        for (copy, good) in copies {
            store.accept_head(copy, &ids(good), None).expect("taken");
        }
        let channel = "stable".parse().expect("a channel");
        store.newest_head(&channel).expect("reads").expect("held")
    }
}

impl Kept for Manifest {
    fn after(copies: &[(&Signed<Self>, &[u8])]) -> Signed<Self> {
        let dir = folder();
        let store = open(&dir);
        for (copy, good) in copies {
            store.put_manifest(copy, &ids(good)).expect("taken");
        }
        store.manifest(&copies[0].0.digest()).expect("reads").expect("held")
    }
}

fn what_fewer_keys_signed_replaces_nothing<T: Kept>(value: &T) {
    let (whole, part, other) = (by(value, &[1, 2]), by(value, &[1]), by(value, &[3]));
    assert_eq!(T::after(&[(&whole, &[1, 2]), (&part, &[1])]), whole);
    assert_eq!(T::after(&[(&part, &[1]), (&whole, &[1, 2])]), whole);
    assert_eq!(T::after(&[(&whole, &[1, 2]), (&other, &[3])]), by(value, &[1, 2, 3]));
}

fn what_rotted_is_healed<T: Kept>(value: &T) {
    let good = by(value, &[1, 2]);
    for rot in ROTS {
        let healed = T::after(&[(&rotten(&good, rot), &[]), (&good, &[1, 2])]);
        let left = healed.signatures().iter().filter(|one| good.signatures().contains(one));
        assert_eq!(left.count(), 2, "rotten {rot} bytes from the end");
    }
}

fn what_was_not_found_good_is_not_taken<T: Kept>(value: &T) {
    let good = by(value, &[1, 2]);
    // One of the keys, whichever comes last, signs garbage.
    let garbage = rotten(&good, 1);
    let last = garbage.signatures()[1].key;
    let first = if ids(&[1]).contains(&last) { 2 } else { 1 };
    assert_eq!(T::after(&[(&good, &[1, 2]), (&garbage, &[first])]), good);
    assert_eq!(T::after(&[(&good, &[1, 2]), (&by(value, &[3]), &[])]), good);
}

fn worthless_signatures_do_not_keep_good_ones_out<T: Kept>(value: &T) {
    let most = u8::try_from(MAX_SIGNATURES).expect("few");
    let strangers: Vec<u8> = (100..100 + most).collect();
    let stuffed = by(value, &strangers);
    let good = by(value, &[1, 2]);
    assert_eq!(T::after(&[(&stuffed, &[]), (&good, &[1, 2])]), good);
}

/// The same promises for both.
fn both(head_keeps: impl Fn(&Head), manifest_keeps: impl Fn(&Manifest)) {
    head_keeps(&head());
    manifest_keeps(&manifest());
}

#[test]
fn fewer_signers_replace_nothing_and_others_are_added() {
    both(what_fewer_keys_signed_replaces_nothing, what_fewer_keys_signed_replaces_nothing);
}

#[test]
fn a_signature_that_rotted_is_healed_by_a_good_copy() {
    both(what_rotted_is_healed, what_rotted_is_healed);
}

#[test]
fn a_signature_that_nobody_found_good_is_not_taken() {
    both(what_was_not_found_good_is_not_taken, what_was_not_found_good_is_not_taken);
}

#[test]
fn good_signatures_find_a_place_however_many_worthless_ones_are_held() {
    both(
        worthless_signatures_do_not_keep_good_ones_out,
        worthless_signatures_do_not_keep_good_ones_out,
    );
}

#[test]
fn a_manifest_that_cannot_be_read_any_more_gives_way_to_a_good_copy() {
    let dir = folder();
    let store = open(&dir);
    let good = by(&manifest(), &[1]);
    let another = by(&Manifest { notes: "Another.".to_owned(), ..manifest() }, &[1]);
    let another = codec::encode(&another).expect("within limits");
    for row in [b"garbage".as_slice(), &another] {
        store.inner.meta.damage("manifests", good.digest().as_bytes(), row);
        store.put_manifest(&good, &ids(&[1])).expect("kept");
        assert_eq!(store.manifest(&good.digest()).expect("reads"), Some(good.clone()));
    }
}
