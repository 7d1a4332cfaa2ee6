//! After a channel's keys have changed: where it goes on, and what has to be signed again.

use updraft_protocol::{ChannelBase, PublicKey, Verified, signed::VerifyError};

use super::*;
use crate::publish::{
    ledger::{OnlyRoots, WithRoots},
    review::{Offered, Picture, review},
    rootdraft::{Bases, Change, Known, Leaving, RootDraft, Target},
};

fn add(n: u8) -> Change {
    Change::Add { target: Target::Release(None), key: key(n).public() }
}

/// The root after `first`, in which key 5 publishes instead of key 4, from `base` on.
fn rotated(first: &Signed<Root>, bases: Bases, base: Option<ChannelBase>) -> Signed<Root> {
    let known = Known { bases, ..Known::default() };
    let trusted = trust_first(first, &first.digest()).expect("trusted");
    let now = Timestamp::from_seconds(NOW);
    let mut draft = RootDraft::begin(&trusted, "rotate", now).expect("begun");
    let (target, key4) = (Target::Release(None), PublicKey::id(&key(4).public()));
    let leave = Change::Remove { target, key: key4, leaving: Leaving::Rotated };
    for change in [add(5), leave].into_iter().chain(base.map(Change::Base)) {
        draft.edit(&trusted, &change, &known).expect("edited");
    }
    draft.sign(&trusted, &[key(1)]).expect("signed");
    draft.judge(&trusted).expect("in force");
    draft.signed().clone()
}

fn newest(head: &Verified<Head>) -> Bases {
    let base = ChannelBase { channel: stable(), seq: head.seq, head: Some(head.digest()) };
    Bases::from([(stable(), base)])
}

#[test]
fn the_next_keys_go_on_where_the_last_ones_were_and_sign_again_what_is_on_offer() {
    let first = root(1, &[key(4)]);
    let desk = Desk::new(&first);
    desk.publish("1.0.0", &[key(4)]);
    let before = {
        let trusted = Trusted::follow(&desk.store, None).expect("trusted");
        trusted.head(&stable()).expect("believed").expect("there")
    };
    desk.store.append_root(&rotated(&first, newest(&before), None)).expect("kept");

    let trusted = Trusted::follow(&desk.store, None).expect("trusted");
    assert_eq!(trusted.head(&stable()).expect("named by the root").expect("there"), {
        let signed = desk.store.newest_head(&stable()).expect("read").expect("there");
        signed.verify_named(&NETWORK, &before.digest()).expect("the same")
    });
    let listing = &before.releases[0];
    let unsigned = trusted.manifest(&stable(), listing);
    assert!(matches!(
        unsigned,
        Err(TrustError::Manifest { source: VerifyError::Threshold(_), .. })
    ));

    desk.edit(1);
    let mut told = Vec::new();
    let prepared = desk.prepare_told("1.1.0", &mut |step| told.push(step)).expect("prepared");
    assert_eq!((prepared.head.seq, prepared.head.prev), (2, Some(before.digest())));
    assert_eq!(prepared.head.releases.len(), 2, "what was on offer stays");
    let why = told.iter().find_map(|step| match step {
        Step::NoPatch { why, .. } => Some(why.as_str()),
        _ => None,
    });
    assert_eq!(why, Some("today's keys have not signed it"));

    let place = Place {
        network: NETWORK,
        channel: &stable(),
        now: Timestamp::from_seconds(NOW + 10),
        lifetime: 100,
    };
    let (_, again) = renew(&trusted, place).expect("renewed");
    assert_eq!(again.digest(), listing.manifest, "what lacks signatures is named, to be signed");

    let held = trusted.named_manifest(&stable(), listing).expect("read").expect("there");
    let offered = Offered { channel: stable(), manifest: held.signed, name: "demo@1".into() };
    let lines = review(&Picture {
        root: trusted.root(),
        heads: &[],
        offered: &[offered],
        names: &BTreeMap::new(),
        now: Timestamp::from_seconds(NOW),
    });
    assert!(lines.iter().any(|line| line.contains("demo@1 on stable has 0 of 1")), "{lines:#?}");
}

#[test]
fn a_head_that_only_old_keys_signed_is_believed_by_the_links_back_from_the_base() {
    let first = root(1, &[key(4)]);
    let desk = Desk::new(&first);
    desk.publish("1.0.0", &[key(4)]);
    desk.edit(1);
    desk.publish("1.1.0", &[key(4)]);
    let read = |seq| desk.store.head(&stable(), seq).expect("read").expect("there");
    let (one, two) = (read(1), read(2));
    let base = |seq, head: &Signed<Head>| ChannelBase {
        channel: stable(),
        seq,
        head: Some(head.digest()),
    };
    let follow = |newest: ChannelBase| {
        let rotated = rotated(&first, Bases::from([(stable(), newest)]), None);
        WithRoots { ledger: &desk.store, roots: OnlyRoots(vec![first.clone(), rotated]) }
    };
    let ledger = follow(base(2, &two));
    let trusted = Trusted::follow(&ledger, None).expect("trusted");
    for (seq, expected) in [(1, &one), (2, &two)] {
        let head = trusted.head_at(&stable(), seq).expect("believed").expect("there");
        assert_eq!(head.digest(), expected.digest());
    }
    assert_eq!(trusted.head_at(&stable(), 3).expect("asked"), None);
    // After the base only today's keys count.
    let ledger = follow(base(1, &one));
    let trusted = Trusted::follow(&ledger, None).expect("trusted");
    let refused = trusted.head_at(&stable(), 2);
    assert!(matches!(refused, Err(TrustError::Head { .. })), "{refused:?}");
}

#[test]
fn a_channel_that_begins_anew_has_no_head_and_one_whose_base_is_missing_is_not_published_on() {
    let first = root(1, &[key(4)]);
    let desk = Desk::new(&first);
    desk.publish("1.0.0", &[key(4)]);
    let anew = OnlyRoots(vec![first.clone(), rotated(&first, Bases::new(), None)]);
    let ledger = WithRoots { ledger: &desk.store, roots: anew };
    let trusted = Trusted::follow(&ledger, None).expect("trusted");
    assert_eq!(trusted.head(&stable()).expect("begins anew"), None);

    let gone = ChannelBase { channel: stable(), seq: 9, head: Some(Digest::of(b"gone")) };
    let roots = OnlyRoots(vec![first.clone(), rotated(&first, Bases::new(), Some(gone))]);
    let ledger = WithRoots { ledger: &desk.store, roots };
    let trusted = Trusted::follow(&ledger, None).expect("trusted");
    let refused = trusted.head(&stable());
    assert!(matches!(refused, Err(TrustError::NoBase { seq: 9, .. })), "{refused:?}");
}
