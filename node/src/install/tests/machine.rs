//! The machine alone: which steps may follow which, and what a start decides, as tables.

use std::collections::BTreeSet;

use super::{at, version};
use crate::install::machine::{
    Action, Facts, Phase, Pointer, Record, Soundness, State, recover, to_verify,
};
use updraft_protocol::{Digest, ReleaseVersion};

fn intent(to: &str) -> Record {
    Record::Intent { to: version(to), tree: Digest::of(to.as_bytes()), attempt: 7 }
}

fn staged(to: &str) -> Record {
    Record::Staged { to: version(to) }
}

fn tried(to: &str) -> Record {
    Record::Try { to: version(to), at: at(5) }
}

fn revert(to: Option<&str>) -> Record {
    Record::Revert { to: to.map(version), at: at(6) }
}

fn commit(to: &str) -> Record {
    Record::Commit { version: version(to) }
}

fn gone(to: &str) -> Record {
    Record::Gone { version: version(to) }
}

fn after(records: &[Record]) -> State {
    let mut state = State::default();
    for record in records {
        state = state.apply(record).expect("legal");
    }
    state
}

fn installed(names: &[&str]) -> Vec<Record> {
    names.iter().flat_map(|name| [intent(name), staged(name), tried(name), commit(name)]).collect()
}

/// 1.0.0 was live, 1.1.0 is, and then `more` happened.
fn two_and(more: &[Record]) -> State {
    after(&[installed(&["1.0.0", "1.1.0"]).as_slice(), more].concat())
}

#[test]
fn every_phase_takes_its_own_steps_and_no_others() {
    let all = [
        intent("1.2.0"),
        staged("1.2.0"),
        Record::Drop,
        tried("1.0.0"),
        tried("1.2.0"),
        revert(Some("1.0.0")),
        revert(Some("1.1.0")),
        revert(None),
        commit("1.0.0"),
        commit("1.2.0"),
        gone("1.0.0"),
        gone("1.1.0"),
    ];
    let staging = [intent("1.2.0")];
    let waiting = [intent("1.2.0"), staged("1.2.0")];
    let switching = [intent("1.2.0"), staged("1.2.0"), tried("1.2.0")];
    let reverting = [revert(Some("1.0.0"))];
    for (state, legal) in [
        (two_and(&[]), vec![0, 3, 5, 10]),
        (two_and(&staging), vec![1, 2]),
        (two_and(&waiting), vec![3, 4, 5, 10]),
        (two_and(&switching), vec![2, 5, 6, 9]),
        (two_and(&reverting), vec![2, 8]),
    ] {
        let took: Vec<usize> = (0..all.len()).filter(|n| state.apply(&all[*n]).is_ok()).collect();
        assert_eq!(took, legal, "{}", state.phase().name());
    }
}

#[test]
fn an_illegal_step_is_told_with_both_names() {
    let error = two_and(&[]).apply(&commit("1.0.0")).expect_err("illegal");
    assert_eq!(error.to_string(), "COMMIT cannot follow while the installation is idle");
}

#[test]
fn a_condensed_journal_leads_to_the_same_state() {
    for state in
        [State::default(), two_and(&[]), two_and(&[revert(Some("1.0.0")), commit("1.0.0")])]
    {
        assert_eq!(after(&state.condensed().expect("idle")), state);
    }
    assert_eq!(two_and(&[intent("1.2.0")]).condensed(), None);
}

fn facts(pointer: Pointer, present: &[&str], sound: Soundness) -> Facts {
    let present = present.iter().map(|name| version(name)).collect();
    Facts { pointer, present, attempts: BTreeSet::new(), sound }
}

fn at_version(name: &str) -> Pointer {
    Pointer::At(version(name))
}

type Row = (&'static str, State, Facts, Vec<Action>);

const TWO: [&str; 2] = ["1.0.0", "1.1.0"];
const THREE: [&str; 3] = ["1.0.0", "1.1.0", "1.2.0"];

fn point(to: &str) -> Action {
    Action::Point(Some(version(to)))
}

fn foreign() -> Pointer {
    Pointer::Foreign("a file".to_owned())
}

fn at_rest_and_staging() -> Vec<Row> {
    let staging = || two_and(&[intent("1.2.0")]);
    vec![
        ("rest", two_and(&[]), facts(at_version("1.1.0"), &TWO, Soundness::NotShown), vec![]),
        ("empty", State::default(), facts(Pointer::Missing, &[], Soundness::NotShown), vec![]),
        (
            "gone link",
            two_and(&[]),
            facts(Pointer::Missing, &TWO, Soundness::Sound),
            vec![point("1.1.0")],
        ),
        (
            "gone link, unsound",
            two_and(&[]),
            facts(Pointer::Missing, &TWO, Soundness::NotShown),
            vec![],
        ),
        ("replaced", two_and(&[]), facts(foreign(), &TWO, Soundness::NotShown), vec![]),
        (
            "led elsewhere",
            two_and(&[]),
            facts(at_version("1.0.0"), &TWO, Soundness::NotShown),
            vec![],
        ),
        (
            "old one gone",
            two_and(&[]),
            facts(at_version("1.1.0"), &["1.1.0"], Soundness::NotShown),
            vec![Action::Write(gone("1.0.0"))],
        ),
        (
            "live one gone",
            two_and(&[]),
            facts(at_version("1.1.0"), &["1.0.0"], Soundness::NotShown),
            vec![],
        ),
        (
            "staging",
            staging(),
            facts(at_version("1.1.0"), &TWO, Soundness::NotShown),
            vec![Action::Write(Record::Drop)],
        ),
        (
            "named, not said",
            staging(),
            facts(at_version("1.1.0"), &THREE, Soundness::NotShown),
            vec![Action::Discard(version("1.2.0")), Action::Write(Record::Drop)],
        ),
    ]
}

fn switching_and_reverting() -> Vec<Row> {
    let switching = || two_and(&[intent("1.2.0"), staged("1.2.0"), tried("1.2.0")]);
    let reverting = || two_and(&[revert(Some("1.0.0"))]);
    let first = || after(&[intent("1.0.0"), staged("1.0.0"), tried("1.0.0")]);
    let to_nothing = || first().apply(&revert(None)).expect("legal");
    vec![
        (
            "tried, not led",
            switching(),
            facts(at_version("1.1.0"), &THREE, Soundness::NotShown),
            vec![Action::Write(Record::Drop)],
        ),
        (
            "led, sound",
            switching(),
            facts(at_version("1.2.0"), &THREE, Soundness::Sound),
            vec![Action::Write(commit("1.2.0"))],
        ),
        (
            "led, unsound",
            switching(),
            facts(at_version("1.2.0"), &THREE, Soundness::NotShown),
            vec![
                Action::Write(Record::Revert { to: Some(version("1.1.0")), at: at(5) }),
                point("1.1.0"),
                Action::Write(Record::Drop),
            ],
        ),
        (
            "tried, link gone",
            switching(),
            facts(Pointer::Missing, &THREE, Soundness::NotShown),
            vec![point("1.1.0"), Action::Write(Record::Drop)],
        ),
        (
            "tried, replaced",
            switching(),
            facts(foreign(), &THREE, Soundness::NotShown),
            vec![Action::Write(Record::Drop)],
        ),
        (
            "first, not led",
            first(),
            facts(Pointer::Missing, &["1.0.0"], Soundness::NotShown),
            vec![Action::Point(None), Action::Write(Record::Drop)],
        ),
        (
            "first, unsound",
            first(),
            facts(at_version("1.0.0"), &["1.0.0"], Soundness::NotShown),
            vec![
                Action::Write(Record::Revert { to: None, at: at(5) }),
                Action::Point(None),
                Action::Write(Record::Drop),
            ],
        ),
        (
            "to nothing",
            to_nothing(),
            facts(at_version("1.0.0"), &["1.0.0"], Soundness::NotShown),
            vec![Action::Point(None), Action::Write(Record::Drop)],
        ),
        (
            "reverting, not led",
            reverting(),
            facts(at_version("1.1.0"), &TWO, Soundness::Sound),
            vec![point("1.0.0"), Action::Write(commit("1.0.0"))],
        ),
        (
            "reverting, unsound",
            reverting(),
            facts(at_version("1.0.0"), &TWO, Soundness::NotShown),
            vec![point("1.1.0"), Action::Write(Record::Drop)],
        ),
        (
            "reverting, replaced",
            reverting(),
            facts(foreign(), &TWO, Soundness::Sound),
            vec![Action::Write(Record::Drop)],
        ),
        (
            "reverting, led elsewhere",
            reverting(),
            facts(at_version("9.0.0"), &TWO, Soundness::Sound),
            vec![Action::Write(Record::Drop)],
        ),
    ]
}

#[test]
fn a_start_decides_by_the_journal_and_the_link_alone() {
    for (name, state, facts, expected) in
        at_rest_and_staging().into_iter().chain(switching_and_reverting())
    {
        assert_eq!(recover(&state, &facts), expected, "{name}");
    }
}

#[test]
fn a_foreign_folder_at_an_unnamed_attempts_place_is_not_discarded() {
    let mut facts = facts(at_version("1.1.0"), &["1.0.0", "1.1.0", "1.2.0"], Soundness::NotShown);
    facts.attempts.insert(7);
    assert_eq!(recover(&two_and(&[intent("1.2.0")]), &facts), [Action::Write(Record::Drop)]);
}

/// From any legal history and any facts, what is decided can be done and comes to rest.
#[test]
fn every_decision_is_legal_and_comes_to_rest() {
    let versions: Vec<ReleaseVersion> = ["1.0.0", "1.1.0", "1.2.0"].map(version).into();
    let mut pointers: Vec<Pointer> = versions.iter().cloned().map(Pointer::At).collect();
    pointers.extend([Pointer::Missing, Pointer::Foreign("a file".to_owned())]);
    let histories = [
        two_and(&[]),
        two_and(&[intent("1.2.0")]),
        two_and(&[intent("1.2.0"), staged("1.2.0")]),
        two_and(&[intent("1.2.0"), staged("1.2.0"), tried("1.2.0")]),
        two_and(&[revert(Some("1.0.0"))]),
        two_and(&[tried("1.0.0")]),
        two_and(&[tried("1.0.0"), revert(Some("1.1.0"))]),
        after(&[intent("1.0.0")]),
        after(&[intent("1.0.0"), staged("1.0.0"), tried("1.0.0")]),
        after(&[intent("1.0.0"), staged("1.0.0"), tried("1.0.0"), revert(None)]),
    ];
    for history in &histories {
        for pointer in &pointers {
            for present in 0..8_usize {
                for sound in [Soundness::Sound, Soundness::NotShown] {
                    comes_to_rest(history, pointer, present, sound, &versions);
                }
            }
        }
    }
}

fn comes_to_rest(
    history: &State,
    pointer: &Pointer,
    present: usize,
    sound: Soundness,
    versions: &[ReleaseVersion],
) {
    let (mut state, mut pointer) = (history.clone(), pointer.clone());
    let here = |n: usize| present >> n & 1 == 1;
    let mut present: BTreeSet<ReleaseVersion> =
        (0..3).filter(|n| here(*n)).map(|n| versions[n].clone()).collect();
    for _ in 0..4 {
        let is_there = to_verify(&state, &pointer).is_some_and(|v| present.contains(&v));
        let facts = Facts {
            pointer: pointer.clone(),
            present: present.clone(),
            attempts: BTreeSet::new(),
            sound: if is_there { sound } else { Soundness::NotShown },
        };
        let actions = recover(&state, &facts);
        if actions.is_empty() {
            assert!(matches!(state.phase(), Phase::Idle | Phase::Staged { .. }));
            return;
        }
        for action in actions {
            match action {
                Action::Write(record) => {
                    state = state
                        .apply(&record)
                        .unwrap_or_else(|e| panic!("{history:?} {facts:?}: {e}"));
                }
                Action::Point(to) => {
                    assert!(!matches!(pointer, Pointer::Foreign(_)), "{history:?} {facts:?}");
                    pointer = to.map_or(Pointer::Missing, Pointer::At);
                }
                Action::Discard(version) => assert!(present.remove(&version)),
            }
        }
    }
    panic!("{history:?} with {pointer:?} does not come to rest");
}
