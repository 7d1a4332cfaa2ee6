//! What a draft takes over from the electorate that it replaces, what people may change about that, and that they read it.

use std::collections::BTreeMap;

use updraft_protocol::{Digest, KeyId, NetworkKind, Root, Verified, limits::MAX_COUNTED};

use super::Progress;
use crate::publish::rootdraft::{
    Change, DraftError, Known, Leaving, RootDraft, Target, Vote, Votes,
    tests::{NOW, founded, key},
    words,
};

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
    in_force(&founded(NetworkKind::Production), &[enrol(7), enrol(8)])
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

/// As many votes of electorate 1 as a network has no room for; the first twenty are decided.
fn crowd() -> Known {
    let vote = |number: u32| {
        let progress = if number < 20 { Progress::Decided } else { Progress::Open };
        let vote = Vote { number, subject: "protocol 2".to_owned(), electorate: 1, progress };
        (Digest::of(&number.to_le_bytes()), vote)
    };
    Known { votes: (0..300).map(vote).collect(), ..Known::default() }
}

#[test]
fn electors_can_be_replaced_whatever_they_have_opened_and_decisions_have_the_first_places() {
    let root = trusted();
    let known = crowd();
    let mut draft = draft_of(&root, &[Change::Count(id("by hand"))]);
    draft.edit(&root, &enrol(9), &known).expect("there is a place for each that is listed");
    let counts = &draft.root().counts;
    assert_eq!(counts.len(), MAX_COUNTED);
    assert!(counts.contains(&id("by hand")), "what people chose is not pushed out");
    let left: Vec<_> = super::left_out(&root, draft.root(), &known.votes).collect();
    assert_eq!(left.len(), 300 + 1 - MAX_COUNTED);
    assert!(left.iter().all(|(_, vote)| vote.progress == Progress::Open));
    let lines = words::diff(&root, &draft, &BTreeMap::new(), Some(&known.votes)).join("\n");
    assert!(lines.contains("! electorate: no root counts more than 256 votes: 45 "), "{lines}");
    assert!(RootDraft::parse(&draft.to_text().expect("text")).is_ok_and(|read| read == draft));
    let mut other = draft.clone();
    let (out, _) = left[0];
    other.edit(&root, &Change::Count(*out), &known).expect("another gives way");
    assert!(other.root().counts.contains(out) && other.root().counts.len() == MAX_COUNTED);
    // A vote that is struck off makes room for the next.
    draft.edit(&root, &Change::Uncount(id("by hand")), &known).expect("edited");
    assert_eq!(draft.root().counts.len(), MAX_COUNTED);
    assert!(!draft.root().counts.contains(&id("by hand")));
}

#[test]
fn more_votes_than_a_root_counts_are_chosen_by_nobody() {
    let root = trusted();
    let mut draft = draft_of(&root, &[enrol(9)]);
    for number in 0..MAX_COUNTED {
        let vote = Digest::of(&number.to_le_bytes());
        draft.edit(&root, &Change::Count(vote), &known()).expect("there is a place");
    }
    let text = draft.to_text().expect("text");
    assert_eq!(RootDraft::parse(&text), Ok(draft.clone()));
    let refused = draft.edit(&root, &Change::Count(id("one more")), &known());
    assert!(matches!(refused, Err(DraftError::Role { .. })), "{refused:?}");
    for number in 0..MAX_COUNTED {
        let vote = Digest::of(&number.to_le_bytes());
        draft.edit(&root, &Change::Uncount(vote), &known()).expect("struck off");
    }
    assert_eq!(draft.root().counts, sorted(&["open", "decided"]));
    let refused = draft.edit(&root, &Change::Uncount(id("open")), &known());
    assert!(matches!(refused, Err(DraftError::Role { .. })), "{refused:?}");
}

#[test]
fn what_people_chose_outlives_electors_that_leave_and_come_and_travels_with_the_draft() {
    let root = trusted();
    let chosen = [enrol(9), Change::Uncount(id("open")), Change::Count(id("by hand"))];
    let mut draft = draft_of(&root, &chosen);
    for elector in [7, 8, 9] {
        draft = RootDraft::parse(&draft.to_text().expect("text")).expect("a draft");
        draft.edit(&root, &dismiss(elector), &known()).expect("edited");
    }
    assert!(draft.root().electorate.is_none() && draft.root().counts.is_empty());
    draft = RootDraft::parse(&draft.to_text().expect("text")).expect("a draft");
    let mut other = draft.clone();
    other.edit(&root, &Change::Uncount(id("by hand")), &known()).expect("it was listed");
    other.edit(&root, &enrol(10), &known()).expect("edited");
    assert_eq!(other.root().counts, sorted(&["decided"]));
    draft.edit(&root, &enrol(10), &known()).expect("edited");
    assert_eq!(draft.root().counts, sorted(&["decided", "by hand"]));
    draft.edit(&root, &Change::Count(id("open")), &known()).expect("edited");
    assert_eq!(draft.root().counts, sorted(&["open", "decided", "by hand"]));
    let text = draft.to_text().expect("text");
    let uncounted = text.replace(&id("open").to_string(), &id("over").to_string());
    let struck = text.replace("root   ", &format!("struck   {}\nroot   ", id("open")));
    for contradiction in [uncounted, struck] {
        assert!(contradiction != text && RootDraft::parse(&contradiction).is_err());
    }
}

#[test]
fn an_electorate_that_is_not_replaced_after_all_takes_nothing_over() {
    let root = trusted();
    let back = draft_of(&root, &[enrol(9), dismiss(9)]);
    assert_eq!(back.root().electorate, root.electorate);
    assert!(back.root().counts.is_empty(), "the list is for ever, and nothing needs it");
    let again = draft_of(&root, &[enrol(9), dismiss(9), enrol(10)]);
    assert_eq!(again.root().counts, sorted(&["open", "decided"]));
    // What the root in force counts stays in any case.
    let next = in_force(&root, &[enrol(9)]);
    let kept = draft_of(&next, &[enrol(10), dismiss(10)]);
    assert_eq!(kept.root().counts, next.counts);
}

#[test]
fn a_machine_that_knows_of_no_votes_keeps_what_another_listed() {
    let root = trusted();
    let mut draft = draft_of(&root, &[enrol(9), Change::Uncount(id("open"))]);
    draft.edit(&root, &enrol(10), &Known::default()).expect("edited");
    assert_eq!(draft.root().counts, sorted(&["decided"]));
    // A vote that came to nothing meanwhile needs no place.
    let mut over = known();
    over.votes.get_mut(&id("decided")).expect("known").progress = Progress::Over;
    draft.edit(&root, &enrol(11), &over).expect("edited");
    assert!(draft.root().counts.is_empty());
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
