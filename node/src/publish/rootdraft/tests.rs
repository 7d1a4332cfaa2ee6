//! What a draft promises: it follows, it stays takeable, it says all it changes, it gathers signatures, and what
//! comes of it is what the protocol takes.

use std::collections::BTreeMap;

use updraft_protocol::{
    ChannelBase, ChannelName, Digest, KeyId, NetworkId, NetworkKind, PublicKey, Root, SecretKey,
    Signed, Timestamp, Verified,
    root::{RootError, trust_first},
};

use super::{Bases, Change, DraftError, Known, Leaving, RootDraft, Target, Votes, words};
use crate::publish::founding::{Holders, first_root};

pub(super) const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

pub(super) fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

fn public(n: u8) -> PublicKey {
    key(n).public()
}

fn id(n: u8) -> KeyId {
    public(n).id()
}

fn target(text: &str) -> Target {
    text.parse().expect("a role")
}

fn stable() -> ChannelName {
    "stable".parse().expect("a channel")
}

/// Root 1: keys 1, 2, 3 of which two sign; key 4 publishes.
pub(super) fn founded(kind: NetworkKind) -> Verified<Root> {
    let holders = |threshold, keys: &[u8]| Holders {
        threshold,
        keys: keys.iter().map(|n| public(*n)).collect(),
    };
    let signed = first_root(
        NetworkId::from_bytes([1; 32]),
        "demo".parse().expect("a name"),
        kind,
        holders(2, &[1, 2, 3]),
        holders(1, &[4]),
        &[key(1), key(2), key(3)],
        Timestamp::from_seconds(1_000),
    )
    .expect("a root");
    trust_first(&signed, &signed.digest()).expect("trusted")
}

fn trusted() -> Verified<Root> {
    founded(NetworkKind::Production)
}

fn heads() -> Bases {
    let head = Some(Digest::of(b"head 7"));
    Bases::from([(stable(), ChannelBase { channel: stable(), seq: 7, head })])
}

fn known_at(bases: &Bases) -> Known {
    Known { bases: bases.clone(), votes: Votes::new() }
}

fn known() -> Known {
    known_at(&heads())
}

fn begun(trusted: &Verified<Root>) -> RootDraft {
    RootDraft::begin(trusted, "rotate carol", NOW).expect("begun")
}

fn add(text: &str, n: u8) -> Change {
    Change::Add { target: target(text), key: public(n) }
}

fn remove(text: &str, n: u8) -> Change {
    Change::Remove { target: target(text), key: id(n), leaving: Leaving::Rotated }
}

fn revoke(text: &str, n: u8) -> Change {
    let leaving = Leaving::Revoked { reason: "compromised".into(), since: NOW };
    Change::Remove { target: target(text), key: id(n), leaving }
}

#[track_caller]
fn edited(trusted: &Verified<Root>, changes: &[Change]) -> RootDraft {
    let mut draft = begun(trusted);
    for change in changes {
        draft.edit(trusted, change, &known()).expect("edited");
    }
    draft
}

#[track_caller]
fn refused(trusted: &Verified<Root>, changes: &[Change], last: &Change) -> DraftError {
    let mut draft = edited(trusted, changes);
    let before = draft.clone();
    let error = draft.edit(trusted, last, &known()).expect_err("refused");
    assert_eq!(draft, before, "what is refused changes nothing");
    error
}

#[test]
fn a_key_is_rotated_by_two_of_three_on_two_copies_of_one_file() {
    let root = trusted();
    let draft = edited(&root, &[add("root", 5), remove("root", 3)]);
    let text = draft.to_text().expect("text");
    let mut alice = RootDraft::parse(&text).expect("a draft");
    // Mail changes line ends.
    let mut bob = RootDraft::parse(&text.replace('\n', "\r\n")).expect("a draft");
    alice.sign(&root, &[key(1)]).expect("signed");
    bob.sign(&root, &[key(2)]).expect("signed");
    assert!(matches!(alice.judge(&root), Err(DraftError::Refused(RootError::OldKeys { .. }))));
    let alice_text = alice.to_text().expect("text");
    alice = RootDraft::parse(&alice_text).expect("a draft");
    alice.merge(&bob, &root).expect("one root");
    let next = alice.judge(&root).expect("in force");
    assert_eq!((next.version, next.root.keys().len()), (2, 3));
    assert!(next.root.key(&id(5)).is_some() && next.root.key(&id(3)).is_none());
}

#[test]
fn both_thresholds_have_to_be_met() {
    let root = trusted();
    let mut draft =
        edited(&root, &[add("root", 5), add("root", 6), remove("root", 2), remove("root", 3)]);
    draft.sign(&root, &[key(5), key(6)]).expect("signed");
    let standing = draft.standing(&root, &BTreeMap::from([(id(1), "alice".to_owned())]));
    assert_eq!((standing.old.signed.len(), standing.new.signed.len()), (0, 2));
    assert!(!standing.is_complete() && standing.could().contains(&"alice".to_owned()));
    draft.sign(&root, &[key(1)]).expect("signed");
    assert!(draft.judge(&root).is_err(), "one of the old is not two of the old");
    draft.sign(&root, &[key(3)]).expect("a key that leaves may still sign");
    assert!(draft.standing(&root, &BTreeMap::new()).is_complete());
    assert!(draft.judge(&root).is_ok());
}

#[test]
fn an_edit_drops_the_signatures_for_what_it_was() {
    let root = trusted();
    let mut draft = edited(&root, &[add("witness", 7)]);
    draft.sign(&root, &[key(1), key(2)]).expect("signed");
    draft.edit(&root, &add("brake", 8), &known()).expect("edited");
    assert!(draft.signed().signatures().is_empty());
}

#[test]
fn a_stranger_cannot_sign_and_a_bad_signature_pushes_out_no_good_one() {
    let root = trusted();
    let mut draft = begun(&root);
    assert_eq!(draft.sign(&root, &[key(1), key(9)]), Err(DraftError::NoSay(id(9))));
    assert!(draft.signed().signatures().is_empty(), "nothing was signed");
    draft.sign(&root, &[key(1)]).expect("signed");
    // A copy in which somebody put rubbish under alice's id.
    let mut bytes = updraft_protocol::codec::encode(draft.signed()).expect("bytes");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let spoilt: Signed<Root> = updraft_protocol::codec::decode(&bytes).expect("decodes");
    let mut copy = draft.clone();
    copy.signed = spoilt;
    draft.merge(&copy, &root).expect("one root");
    assert_eq!(draft.standing(&root, &BTreeMap::new()).old.signed.len(), 1);
    copy.merge(&draft, &root).expect("one root");
    assert_eq!(copy.standing(&root, &BTreeMap::new()).old.signed.len(), 1, "healed");
}

#[test]
fn drafts_of_different_roots_are_not_merged() {
    let root = trusted();
    let (mut one, other) = (begun(&root), edited(&root, &[add("witness", 7)]));
    assert_eq!(one.merge(&other, &root), Err(DraftError::Different));
}

#[test]
fn a_draft_that_does_not_follow_is_refused() {
    let root = trusted();
    let mut draft = begun(&root);
    let other = founded(NetworkKind::Development);
    assert_eq!(draft.follows(&other), Err(DraftError::DoesNotFollow { draft: 2, trusted: 1 }));
    draft.sign(&root, &[key(1), key(2)]).expect("signed");
    let next = draft.judge(&root).expect("in force");
    assert_eq!(draft.follows(&next), Err(DraftError::Stale { draft: 2, trusted: 2 }));
    assert_eq!(draft.sign(&next, &[key(1)]), Err(DraftError::Stale { draft: 2, trusted: 2 }));
}

#[test]
fn a_root_without_a_spare_key_is_signed_by_nobody_but_in_a_network_for_trying_out() {
    let strict = Change::Threshold { target: Target::Root, threshold: 3 };
    for (kind, safe) in [(NetworkKind::Production, false), (NetworkKind::Development, true)] {
        let root = founded(kind);
        let mut draft = edited(&root, std::slice::from_ref(&strict));
        assert_eq!(draft.is_safe().is_ok(), safe, "{kind:?}");
        draft.sign(&root, &[key(1), key(2), key(3)]).expect("signed");
        assert_eq!(draft.judge(&root).is_ok(), safe, "{kind:?}");
    }
}

#[test]
fn a_channel_with_other_keys_goes_on_from_its_newest_head_unless_somebody_chooses() {
    let root = trusted();
    let rotated = [add("release:stable", 5), remove("release:stable", 4)];
    let draft = edited(&root, &rotated);
    assert_eq!(draft.root().base(&stable()), heads().get(&stable()));
    assert_eq!(draft.root().channel_base.len(), 1, "the other channels have the same keys");
    let chosen = ChannelBase { channel: stable(), seq: 3, head: Some(Digest::of(b"head 3")) };
    let mut draft = edited(&root, &[rotated[0].clone(), Change::Base(chosen.clone())]);
    draft.edit(&root, &rotated[1], &known()).expect("edited");
    assert_eq!(draft.root().base(&stable()), Some(&chosen), "a choice stays");
    let back = edited(&root, &[add("release:stable", 5), remove("release:stable", 5)]);
    assert_eq!(back.root().base(&stable()), None, "nothing changed after all");
    let canary = edited(&root, &[add("release:canary", 5)]);
    let canary = canary.root().channel_base.clone();
    assert_eq!((canary[0].seq, canary[0].head), (0, None), "a channel without heads begins anew");
}

fn base(seq: u64) -> ChannelBase {
    ChannelBase { channel: stable(), seq, head: Some(Digest::of(&seq.to_be_bytes())) }
}

/// The root after `root`, signed.
fn next(root: &Verified<Root>, changes: &[Change]) -> Verified<Root> {
    let mut draft = edited(root, changes);
    draft.sign(root, &[key(1), key(2)]).expect("signed");
    draft.judge(root).expect("in force")
}

#[test]
fn people_may_say_where_a_channel_goes_on_although_its_keys_stay() {
    let root = trusted();
    let draft = edited(&root, &[Change::Base(base(3)), add("brake", 9)]);
    assert_eq!(draft.root().base(&stable()), Some(&base(3)), "it stays when more is changed");
    let lines = words::diff(&root, &draft, &BTreeMap::new(), Some(&Votes::new()));
    let said = lines.iter().find(|line| line.contains("stable goes on from head 3"));
    assert!(said.is_some_and(|line| line.contains("its keys stay")), "{lines:#?}");
    let nightly = ChannelBase { channel: "nightly".parse().expect("a channel"), ..base(3) };
    let unknown = nightly.channel.clone();
    assert_eq!(refused(&root, &[], &Change::Base(nightly)), DraftError::NoChannel(unknown));

    // A later root goes back to where an earlier one was, with other keys again: that is a choice, too.
    let second = next(&root, &[Change::Base(base(3))]);
    assert_eq!(second.base(&stable()), Some(&base(3)));
    let rotate = [add("release:stable", 5), remove("release:stable", 4)];
    let usual = edited(&second, &rotate);
    assert_eq!(usual.root().base(&stable()), heads().get(&stable()));
    let chosen = [Change::Base(base(3)), rotate[0].clone(), rotate[1].clone()];
    let kept = edited(&second, &chosen);
    assert_eq!(kept.root().base(&stable()), Some(&base(3)));
    let lines = words::diff(&second, &kept, &BTreeMap::new(), Some(&Votes::new()));
    assert!(lines.iter().any(|line| line.contains("stable goes on from head 3")), "{lines:#?}");
}

#[test]
fn a_head_that_came_after_the_draft_is_given_up_only_by_choice() {
    let root = trusted();
    let rotate = [add("release:stable", 5), remove("release:stable", 4)];
    let newer = Bases::from([(stable(), base(9))]);
    let mut draft = edited(&root, &rotate);
    assert_eq!(draft.goes_on_as_meant(&root, &heads()), Ok(()));
    let refused = DraftError::NotChosen { channel: stable(), base: 7, newest: 9 };
    assert_eq!(draft.goes_on_as_meant(&root, &newer), Err(refused.clone()));
    draft.sign(&root, &[key(1)]).expect("signed");
    let told = RootDraft::parse(&draft.to_text().expect("text")).expect("a draft");
    assert_eq!(told.goes_on_as_meant(&root, &newer), Err(refused));

    // To keep to it on purpose signs nothing anew, and travels with the file.
    let same = Change::Base(heads()[&stable()].clone());
    draft.edit(&root, &same, &known_at(&newer)).expect("edited");
    assert_eq!(draft.signed().signatures().len(), 1, "what is signed is the same");
    let told = RootDraft::parse(&draft.to_text().expect("text")).expect("a draft");
    assert_eq!(told, draft);
    assert_eq!(told.goes_on_as_meant(&root, &newer), Ok(()));
    // Whatever else is edited takes up the newest.
    let mut draft = edited(&root, &rotate);
    draft.edit(&root, &add("brake", 9), &known_at(&newer)).expect("edited");
    assert_eq!(draft.goes_on_as_meant(&root, &newer), Ok(()));
    assert_eq!(draft.root().base(&stable()), Some(&base(9)));
}

#[test]
fn the_only_release_key_may_leave_before_the_next_joins() {
    let root = trusted();
    let mut draft = edited(&root, &[remove("release", 4), add("release", 5)]);
    assert_eq!(draft.root().release.len(), 3, "every channel is back");
    assert_eq!(draft.root().base(&stable()).map(|base| base.seq), Some(7));
    draft.sign(&root, &[key(1), key(2)]).expect("signed");
    draft.judge(&root).expect("in force");
}

#[test]
fn a_revoked_key_leaves_everywhere_and_comes_never_back() {
    let root = trusted();
    let steps = [add("release", 5), add("witness", 4), add("witness", 6), revoke("release", 4)];
    let draft = edited(&root, &steps);
    assert!(draft.root().key(&id(4)).is_none());
    assert_eq!(draft.root().revoked[0].reason, "compromised");
    assert_eq!(refused(&root, &steps, &add("brake", 4)), DraftError::Revoked(id(4)));
    let rotated = edited(&root, &[add("release", 5), remove("release", 4)]);
    assert!(rotated.root().revoked.is_empty(), "a rotated key is not revoked");
}

#[test]
fn what_the_protocol_would_not_take_is_refused_before_anybody_signs() {
    let root = trusted();
    let threshold = |text: &str, threshold| Change::Threshold { target: target(text), threshold };
    let past = Change::Expire { at: Timestamp::from_seconds(1), now: NOW };
    let many = "x".repeat(513);
    let long = Leaving::Revoked { reason: many, since: NOW };
    let cases: [(&str, Vec<Change>, Change); 12] = [
        ("already", vec![], add("root", 1)),
        ("not in `root`", vec![], remove("root", 9)),
        ("left with 1", vec![remove("root", 1)], remove("root", 2)),
        ("cannot be like that", vec![], threshold("root", 4)),
        ("cannot be like that", vec![], threshold("release:stable", 2)),
        ("no channel `nightly`", vec![], threshold("release:nightly", 1)),
        ("nobody has the role `witness`", vec![], threshold("witness", 1)),
        ("has no threshold", vec![add("brake", 7)], threshold("brake", 1)),
        ("not in `electorate`", vec![], remove("electorate", 1)),
        ("is past", vec![], past),
        ("at most 512", vec![], Change::Remove { target: Target::Root, key: id(1), leaving: long }),
        ("not in `brake`", vec![], revoke("brake", 1)),
    ];
    for (says, before, last) in cases {
        let error = refused(&root, &before, &last).to_string();
        assert!(error.contains(says), "{says}: {error}");
    }
    assert_eq!(
        Change::adding(Target::Electorate, public(1), (None, None)),
        Err(DraftError::Weight)
    );
    assert_eq!(Change::adding(Target::Root, public(1), (Some(1), None)), Err(DraftError::Weight));
}

#[test]
fn another_list_of_electors_is_another_epoch() {
    let root = trusted();
    let enrol = |n| {
        let vote = (Some(u32::from(n)), Some("acme".parse().expect("a name")));
        Change::adding(Target::Electorate, public(n), vote).expect("an elector")
    };
    let mut draft = edited(&root, &[enrol(7), enrol(8), remove("electorate", 8)]);
    assert_eq!(draft.root().electorate.as_ref().map(|list| list.epoch), Some(1));
    draft.sign(&root, &[key(1), key(2)]).expect("signed");
    let second = draft.judge(&root).expect("in force");
    let kept = edited(&second, &[add("brake", 9)]);
    assert_eq!(kept.root().electorate, second.electorate, "the same list, the same epoch");
    let third = edited(&second, &[enrol(8)]);
    assert_eq!(third.root().electorate.as_ref().map(|list| list.epoch), Some(2));
    assert_eq!(edited(&second, &[remove("electorate", 7)]).root().electorate, None);
}

#[test]
fn every_change_is_said_in_words() {
    let root = trusted();
    let names = BTreeMap::from([(id(3), "carol".to_owned()), (id(5), "dana".to_owned())]);
    let vote = (Some(3), Some("acme".parse().expect("a name")));
    let elector = Change::adding(Target::Electorate, public(9), vote).expect("an elector");
    for (change, says) in [
        (add("root", 5), "+ root: dana "),
        (remove("root", 3), "- root: carol "),
        (Change::Threshold { target: Target::Root, threshold: 1 }, "root: 1 of 3 have to sign"),
        (add("release:stable", 5), "stable goes on from head 7"),
        (add("release:canary", 5), "canary begins anew"),
        (add("release:nightly", 5), "+ release:nightly is new, 1 of 1 key"),
        (remove("release:beta", 4), "! release:beta is gone, with 1 key; it needs another"),
        (add("witness", 5), "+ witness: dana"),
        (add("brake", 5), "+ brake: dana"),
        (add("builder", 5), "+ builder: dana"),
        (elector, "joins for acme, weight 3"),
        (revoke("root", 3), "! carol "),
        (Change::Expire { at: NOW.plus(60), now: NOW }, &NOW.plus(60).to_string()),
    ] {
        let lines = words::diff(&root, &edited(&root, &[change]), &names, Some(&Votes::new()));
        assert!(lines.iter().any(|line| line.contains(says)), "{says}: {lines:#?}");
        assert!(lines[2].contains("rotate carol"));
    }
    let nothing = words::diff(&root, &begun(&root), &names, Some(&Votes::new()));
    assert!(nothing.iter().any(|line| line.contains("no key, role or threshold changes")));
}

#[test]
fn a_text_that_was_damaged_on_its_way_is_refused() {
    let text = edited(&trusted(), &[add("root", 5)]).to_text().expect("text");
    let parsed = RootDraft::parse(&text).expect("a draft");
    assert_eq!(parsed.to_text().expect("text"), text);
    let lines: Vec<_> = text.lines().collect();
    for wrong in [
        String::new(),
        "root".to_owned(),
        text.replace("updraft-root-draft/1", "updraft-root-draft/2"),
        text.replace("signed\n", ""),
        text.replace("chosen   -", "chosen   stable"),
        text.replace("chosen   -", "chosen   No Channel"),
        text.replace("chosen   -\n", ""),
        text.replace("root     ", "counted  p-3\nroot     "),
        text.replace("root     ", "struck   p-3\nroot     "),
        lines[..lines.len() - 1].join("\n"),
        text.replacen("  00", "  +0", 1),
        text.replacen("b3:", "b3:0", 1),
        format!("{text}00\n"),
        format!("{text}ä\n"),
        "x".repeat(super::MAX_DRAFT + 1),
    ] {
        assert!(RootDraft::parse(&wrong).is_err(), "{wrong:.40}");
    }
    // Any digit of the payload.
    let at = text.find("signed\n").expect("there") + 200;
    let mut bytes = text.clone().into_bytes();
    bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
    assert!(RootDraft::parse(&String::from_utf8(bytes).expect("text")).is_err());
    assert_eq!(RootDraft::begin(&trusted(), "two\nlines", NOW), Err(DraftError::Message));
}

#[test]
fn a_draft_that_leaves_a_channel_without_keys_is_signed_by_nobody() {
    let root = trusted();
    let mut draft = edited(&root, &[remove("release:beta", 4)]);
    let refused = draft.sign(&root, &[key(1)]).expect_err("channels stay for ever");
    assert!(matches!(&refused, DraftError::NobodyLeft(channel) if channel.as_str() == "beta"));
    draft.edit(&root, &add("release:beta", 5), &known()).expect("another key");
    draft.sign(&root, &[key(1)]).expect("signed");
}
