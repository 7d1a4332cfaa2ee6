//! What a draft takes over from the electorate that it replaces, what people may change about that, and that they read it.

use std::collections::BTreeMap;

use updraft_protocol::{
    Digest, KeyId, NetworkId, NetworkKind, PublicKey, Root, SecretKey, Timestamp, Verified,
    root::trust_first,
};

use super::Progress;
use crate::publish::{
    founding::{Holders, first_root},
    rootdraft::{Change, DraftError, Known, Leaving, RootDraft, Target, Vote, Votes, words},
};

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

fn enrol(n: u8) -> Change {
    let vote = (Some(1), Some("acme".parse().expect("a name")));
    Change::adding(Target::Electorate, key(n).public(), vote).expect("an elector")
}

fn dismiss(n: u8) -> Change {
    let (target, key) = (Target::Electorate, key(n).public().id());
    Change::Remove { target, key, leaving: Leaving::Rotated }
}

fn id(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

/// Votes of electorate 1: one open, one decided, one over.
fn known() -> Known {
    let vote = |number, progress| {
        let subject = "protocol 2".to_owned();
        Vote { number, subject, electorate: 1, progress }
    };
    let votes = Votes::from([
        (id("open"), vote(1, Progress::Open)),
        (id("decided"), vote(2, Progress::Decided)),
        (id("over"), vote(3, Progress::Over)),
    ]);
    Known { votes, ..Known::default() }
}

fn draft_of(trusted: &Verified<Root>, changes: &[Change]) -> RootDraft {
    let mut draft = RootDraft::begin(trusted, "electors", NOW).expect("begun");
    for change in changes {
        draft.edit(trusted, change, &known()).expect("edited");
    }
    draft
}

fn in_force(trusted: &Verified<Root>, changes: &[Change]) -> Verified<Root> {
    let mut draft = draft_of(trusted, changes);
    draft.sign(trusted, &[key(1), key(2)]).expect("signed");
    draft.judge(trusted).expect("in force")
}

/// Root 2: keys 1, 2, 3 change it, keys 7 and 8 vote.
fn trusted() -> Verified<Root> {
    let holders = |threshold, keys: &[u8]| Holders {
        threshold,
        keys: keys.iter().map(|n| key(*n).public()).collect::<Vec<PublicKey>>(),
    };
    let signed = first_root(
        NetworkId::from_bytes([1; 32]),
        "demo".parse().expect("a name"),
        NetworkKind::Production,
        holders(2, &[1, 2, 3]),
        holders(1, &[4]),
        &[key(1), key(2), key(3)],
        Timestamp::from_seconds(1_000),
    )
    .expect("a root");
    let first = trust_first(&signed, &signed.digest()).expect("trusted");
    in_force(&first, &[enrol(7), enrol(8)])
}

fn sorted(names: &[&str]) -> Vec<Digest> {
    let mut ids: Vec<Digest> = names.iter().map(|name| id(name)).collect();
    ids.sort();
    ids
}

fn said(trusted: &Verified<Root>, draft: &RootDraft) -> String {
    let names: BTreeMap<KeyId, String> = BTreeMap::new();
    words::diff(trusted, draft, &names, Some(&known().votes)).join("\n")
}

#[test]
fn a_draft_that_replaces_the_electorate_takes_over_what_is_open_or_decided_and_says_so() {
    let root = trusted();
    assert!(root.counts.is_empty(), "the first electorate takes nothing over");
    let unchanged = draft_of(&root, &[Change::Expire { at: NOW.plus(60), now: NOW }]);
    assert!(unchanged.root().counts.is_empty(), "what the electorate in force decides counts");
    let draft = draft_of(&root, &[enrol(9)]);
    assert_eq!(draft.root().counts, sorted(&["open", "decided"]));
    let said = said(&root, &draft);
    for part in [
        "+ electorate: vote p-1 about protocol 2, open ",
        "+ electorate: vote p-2 about protocol 2, decided ",
        "~ electorate: of former electors 2 votes count and no others",
    ] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
    // Also when all leave before others join; and only once.
    let emptied = draft_of(&root, &[dismiss(7), dismiss(8)]);
    assert_eq!((&emptied.root().electorate, emptied.root().counts.len()), (&None, 0));
    let others = draft_of(&root, &[dismiss(7), dismiss(8), enrol(9), enrol(10)]);
    assert_eq!(others.root().counts, sorted(&["open", "decided"]));
}

#[test]
fn what_people_strike_off_stays_so_and_they_read_what_becomes_of_it() {
    let root = trusted();
    let strike = |name| Change::Uncount(id(name));
    let draft = draft_of(&root, &[enrol(9), strike("open"), strike("decided"), enrol(10)]);
    assert!(draft.root().counts.is_empty());
    let said = said(&root, &draft);
    for part in [
        "- electorate: vote p-1 about protocol 2, open",
        "ends with its electors",
        "! electorate: vote p-2 about protocol 2, decided",
        "is undone",
        "no vote of former electors counts",
    ] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
    assert!(!said.contains("p-3"), "what is over does not matter:\n{said}");
}

#[test]
fn what_a_root_counts_is_kept_and_nobody_strikes_it_off() {
    let root = trusted();
    let by_hand = Change::Count(id("by hand"));
    let said_of_it = said(&root, &draft_of(&root, std::slice::from_ref(&by_hand)));
    assert!(said_of_it.contains("which is not known here, goes on counting"), "{said_of_it}");
    let next = in_force(&root, &[enrol(9), by_hand.clone()]);
    assert_eq!(next.counts, sorted(&["open", "decided", "by hand"]));
    let mut draft = draft_of(&next, &[enrol(10)]);
    assert_eq!(draft.root().counts, next.counts);
    let before = draft.clone();
    let counted = draft.edit(&next, &Change::Uncount(id("open")), &known());
    assert_eq!(counted, Err(DraftError::Counted(id("open"))));
    let unlisted = draft.edit(&next, &Change::Uncount(id("over")), &known());
    assert_eq!(unlisted, Err(DraftError::NotCounted(id("over"))));
    let mut nobody = draft_of(&next, &[dismiss(7), dismiss(8), dismiss(9)]);
    let refused = nobody.edit(&next, &by_hand, &known());
    assert_eq!(refused, Err(DraftError::NoRole("electorate".to_owned())));
    assert_eq!(draft, before, "what is refused changes nothing");
    let said = said(&next, &draft);
    assert!(said.contains("3 votes count and no others"), "{said}");
}

#[test]
fn where_votes_are_not_known_a_root_that_replaces_electors_says_so() {
    let root = trusted();
    let lines = |draft: &RootDraft| words::diff(&root, draft, &BTreeMap::new(), None).join("\n");
    let unknown = "votes are not known on this machine";
    let replaced = draft_of(&root, &[enrol(9), Change::Uncount(id("decided"))]);
    assert!(lines(&replaced).contains(unknown), "{}", lines(&replaced));
    assert!(said(&root, &replaced).contains("is undone"), "where they are known it is listed");
    assert!(!said(&root, &replaced).contains(unknown));
    let gone = draft_of(&root, &[dismiss(7), dismiss(8)]);
    assert!(lines(&gone).contains(unknown), "{}", lines(&gone));
    let kept = draft_of(&root, &[Change::Expire { at: NOW.plus(60), now: NOW }]);
    assert!(!lines(&kept).contains(unknown), "its electors stay, and so does what they decide");
}
