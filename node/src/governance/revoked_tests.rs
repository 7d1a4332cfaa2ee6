//! What becomes of what a key said that has taken itself back, in whatever order it comes.

use std::collections::BTreeMap;

use updraft_protocol::{
    Ballot, Certificate, KeyId, Proposal, Root, Signed, Stance, Statement, vote::Decision,
};

use crate::{
    governance::{CannotVote, Elector, Governance, Refusal, State, StruckOff},
    testing::{
        Publisher,
        votes::{self, ready, signed},
    },
};

/// All of them have one weight; four decide.
const ELECTORS: [u8; 5] = [1, 2, 3, 4, 5];
/// The one whose key is stolen.
const STOLEN: u8 = 4;
const NOW: u64 = 12;

fn id(key: u8) -> KeyId {
    Publisher::key(key).public().id()
}

fn governance() -> Governance {
    Governance::new(&votes::root(1, &ELECTORS))
}

fn proposal(by: u8) -> Signed<Proposal> {
    signed(&votes::proposal(by, 10), by)
}

fn ballot(by: u8, about: &Signed<Proposal>, seq: u32, stance: Stance) -> Signed<Ballot> {
    signed(&Ballot { seq, ..votes::ballot(by, about.digest(), stance, NOW) }, by)
}

fn offer(governance: &mut Governance, statement: Statement) -> Result<(), Refusal> {
    governance.offer(&statement, NOW).map(drop)
}

fn vote(
    governance: &mut Governance,
    by: u8,
    about: &Signed<Proposal>,
    stance: Stance,
) -> Result<(), Refusal> {
    let seq = if stance == Stance::Cancel { 2 } else { 1 };
    offer(governance, Statement::Ballot(ballot(by, about, seq, stance)))
}

fn yes(governance: &Governance, about: &Signed<Proposal>) -> u64 {
    let held = governance.proposal(&about.digest()).expect("held");
    governance.vote_count(held).expect("its electors").yes
}

#[test]
fn a_key_that_took_itself_back_counts_nothing_in_what_is_undecided_whichever_came_first() {
    let open = proposal(1);
    let voters = [2, STOLEN, 3];
    for before in 0..=voters.len() {
        let mut governance = governance();
        offer(&mut governance, Statement::Proposal(open.clone())).expect("an elector's");
        for by in &voters[..before] {
            vote(&mut governance, *by, &open, ready()).expect("its vote");
        }
        assert_eq!(governance.take_back(id(STOLEN)), []);
        for by in &voters[before..] {
            let heard = vote(&mut governance, *by, &open, ready());
            assert_eq!(heard.is_ok(), *by != STOLEN, "{heard:?}");
        }
        assert_eq!(yes(&governance, &open), 2, "{before} came before the revocation");
        vote(&mut governance, 1, &open, ready()).expect("its vote");
        let stands = governance.state(&open.digest(), NOW, None);
        assert!(matches!(stands, Some(State::Open(_))), "three of five are too few: {stands:?}");
        let late = Statement::Ballot(ballot(STOLEN, &open, 1, ready()));
        assert!(!governance.is_kept(&late, NOW));
        let opened = offer(&mut governance, Statement::Proposal(proposal(STOLEN)));
        assert_eq!(opened, Err(Refusal::NotAnElector(id(STOLEN))));
        assert!(!governance.is_elector(&id(STOLEN)) && governance.is_elector(&id(1)));
        let cast = Elector::new(id(STOLEN), BTreeMap::new()).cast(
            &governance,
            Publisher::new().network,
            &open.digest(),
            Stance::Yes,
            String::new(),
            NOW,
        );
        assert_eq!(cast, Err(CannotVote::NotAnElector(id(STOLEN))), "no number is used up");
    }
}

#[test]
fn what_it_has_opened_is_struck_off_and_tells_nobody_that_he_missed_something() {
    let open = proposal(STOLEN);
    let mut governance = governance();
    offer(&mut governance, Statement::Proposal(open.clone())).expect("an elector's");
    let struck_off = StruckOff { proposal: open.digest(), number: 1, was_decided: false };
    assert_eq!(governance.take_back(id(STOLEN)), [struck_off]);
    assert_eq!(governance.proposals().count(), 0);
    for by in [1, 2, 3] {
        let heard = vote(&mut governance, by, &open, ready());
        assert_eq!(heard, Err(Refusal::UnknownProposal));
    }
    assert_eq!(governance.unknown_weight(NOW).map(|(unknown, _)| unknown), Some(0));
}

#[test]
fn what_was_decided_stands_and_the_stolen_key_does_not_call_it_off() {
    let open = proposal(STOLEN);
    let enough = [1, 2, 3, STOLEN];
    let mut ballots: Vec<_> = enough.iter().map(|by| ballot(*by, &open, 1, ready())).collect();
    ballots.sort_by_key(|signed| signed.peek().expect("a ballot").by);
    let (decision, about) = (Decision::LockIn, open.clone());
    let decided =
        Statement::Certificate(Box::new(Certificate { decision, proposal: about, ballots }));
    let calls_off = |governance: &mut Governance| {
        for by in [1, 2, 3] {
            vote(governance, by, &open, Stance::Cancel).expect("its vote");
        }
        governance.state(&open.digest(), NOW, None)
    };
    // It has voted to call it off before anybody heard of the theft, or comes with that after.
    let mut first = governance();
    offer(&mut first, decided.clone()).expect("proved");
    vote(&mut first, STOLEN, &open, Stance::Cancel).expect("not taken back yet");
    assert_eq!(first.take_back(id(STOLEN)), []);
    let mut later = governance();
    assert_eq!(later.take_back(id(STOLEN)), []);
    offer(&mut later, decided).expect("proved, with a ballot that may be dated back");
    let heard = vote(&mut later, STOLEN, &open, Stance::Cancel);
    assert_eq!(heard, Err(Refusal::NotAnElector(id(STOLEN))));
    for governance in [&mut first, &mut later] {
        assert_eq!(calls_off(governance), Some(State::LockedIn), "three of five are too few");
        vote(governance, 5, &open, Stance::Cancel).expect("its vote");
        assert_eq!(governance.state(&open.digest(), NOW, None), Some(State::Cancelled));
    }
}

#[test]
fn a_key_of_a_former_electorate_counts_in_what_the_root_lists() {
    let open = proposal(1);
    let mut governance = governance();
    offer(&mut governance, Statement::Proposal(open.clone())).expect("an elector's");
    vote(&mut governance, STOLEN, &open, ready()).expect("its vote");
    let next = Root { counts: vec![open.digest()], ..votes::root(2, &[STOLEN, 5, 6]) };
    assert_eq!(governance.follow(&next), []);
    assert_eq!(governance.take_back(id(STOLEN)), []);
    assert_eq!(yes(&governance, &open), 1);
}

#[test]
fn only_keys_that_the_newest_root_names_are_remembered() {
    let mut governance = governance();
    assert_eq!(governance.take_back(id(9)), [], "of no electorate");
    governance.take_back(id(STOLEN));
    governance.follow(&votes::root(2, &[1, 2, 3]));
    governance.follow(&votes::root(3, &[1, 2, STOLEN, 9]));
    // As the catalog does it, of which whoever comes now hears nothing either.
    assert!(governance.is_elector(&id(STOLEN)) && governance.is_elector(&id(9)));
}
