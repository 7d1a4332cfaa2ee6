//! What is told, what is kept and what is forgotten of votes.

use std::{collections::BTreeMap, sync::Arc};

use updraft_protocol::{
    Ballot, Digest, KeyId, Proposal, Root, Signed, Stance, Statement, Timestamp,
    vote::{Activation, Decision},
};

use crate::{
    governance::{Elector, Event, Governance, Refusal, State},
    testing::{
        Publisher,
        votes::{self, ready, signed},
    },
};

fn root() -> Root {
    votes::root(1, &[1, 2, 3])
}

fn governance() -> Governance {
    Governance::new(&root())
}

/// A vote that elector `by` opens, with its last epoch of voting.
fn proposal(by: u8, ends: u64) -> Statement {
    let (activation, grace_end) = (Activation::Epoch(ends + 5), ends + 10);
    let proposal =
        Proposal { lock_deadline: ends, activation, grace_end, ..votes::proposal(by, ends - 5) };
    Statement::Proposal(signed(&proposal, by))
}

fn id(statement: &Statement) -> Digest {
    let Statement::Proposal(signed) = statement else { panic!("a proposal") };
    signed.digest()
}

#[test]
fn of_votes_that_came_to_nothing_the_last_two_of_each_elector_are_kept() {
    let mut governance = governance();
    let votes: Vec<Statement> = (1..=4).map(|n| proposal(1, n * 10)).collect();
    for (n, vote) in (1..).zip(&votes) {
        governance.offer(vote, n * 10 - 5).expect("the one before has failed");
    }
    let other = proposal(2, 12);
    governance.offer(&other, 10).expect("another elector's");
    governance.forget(39);
    assert_eq!(governance.proposals().count(), 4, "the fourth is open");
    governance.forget(42);
    let kept = |vote: &Statement| governance.proposal(&id(vote)).is_some();
    let kept: Vec<bool> = votes.iter().chain([&other]).map(kept).collect();
    assert_eq!(kept, [false, false, true, true, true]);
    assert!(!governance.is_kept(&votes[0], 42) && governance.is_kept(&votes[3], 42));
}

fn ballot(by: u8, about: &Statement, seq: u32, stance: Stance, epoch: u64) -> Statement {
    Statement::Ballot(signed(&Ballot { seq, ..votes::ballot(by, id(about), stance, epoch) }, by))
}

#[test]
fn what_was_kept_decides_nothing_before_all_of_it_is_here() {
    let vote = proposal(1, 10);
    let yes: Vec<Statement> = (1..=3).map(|n| ballot(n, &vote, 1, ready(), 6)).collect();
    // Elector 3 has changed its mind; its first ballot was not struck off before the power went.
    let no = ballot(3, &vote, 2, Stance::No, 7);
    let mut governance = governance();
    for statement in [&vote, &yes[0], &yes[1], &yes[2], &no] {
        let events = governance.restore(statement).expect("it was taken once");
        assert!(!events.iter().any(|event| matches!(event, Event::Decided(_))));
    }
    assert_eq!(governance.settle(8), [Event::Rejected(id(&vote))], "two of three are too few");
    assert_eq!(governance.state(&id(&vote), 8, None), Some(State::Rejected));
}

#[test]
fn a_decision_that_was_lost_before_it_was_kept_is_made_again_while_the_vote_is_on_and_not_later() {
    let vote = proposal(1, 10);
    let restored = || {
        let mut governance = governance();
        governance.restore(&vote).expect("kept");
        for n in 1..=3 {
            governance.restore(&ballot(n, &vote, 1, ready(), 6)).expect("kept");
        }
        governance
    };
    let decided = |events: &[Event]| matches!(events, [Event::Decided(_)]);
    assert!(decided(&restored().settle(11)), "one epoch after the end it is on its way");
    let mut late = restored();
    assert!(late.settle(12).is_empty(), "nobody else may have all of them");
    assert_eq!(late.state(&id(&vote), 12, None), Some(State::Failed));
}

#[test]
fn an_elector_cannot_cast_more_ballots_than_its_time_allows() {
    let vote = proposal(1, 10);
    let mut governance = governance();
    governance.offer(&vote, 5).expect("an elector's");
    let most = ballot(2, &vote, 32, Stance::Yes, 6);
    let more = ballot(2, &vote, 33, Stance::No, 6);
    assert_eq!(governance.offer(&more, 6), Err(Refusal::TooMany(33)));
    governance.offer(&most, 6).expect("sixteen an epoch, in two");
    governance.offer(&ballot(2, &vote, 33, Stance::No, 7), 7).expect("an epoch later");
}

#[test]
fn a_vote_that_opens_when_nobody_lives_any_more_is_refused() {
    let mut governance = governance();
    let far = proposal(1, u64::MAX / 2);
    assert!(matches!(governance.offer(&far, 5), Err(Refusal::FromTheFuture(_))));
}

#[test]
fn whoever_learns_late_of_a_decision_has_others_around_him_who_get_their_grace() {
    let vote = proposal(1, 10);
    let mut governance = governance();
    governance.offer(&vote, 5).expect("an elector's");
    for n in 1..=3 {
        governance.offer(&ballot(n, &vote, 1, ready(), 6), 6).expect("its vote");
    }
    let line = "updraft".parse().expect("a name");
    assert_eq!(governance.forks(&line, 50, None).past[0].grace_end, 20);
    assert!(governance.note_learnt(&id(&vote), 50), "it is to be kept");
    assert_eq!(governance.forks(&line, 50, None).past[0].grace_end, 51, "a development network's");
    assert!(!governance.note_learnt(&id(&vote), 60), "the first time counts");
    assert_eq!(governance.forks(&line, 60, None).past[0].grace_end, 51);
    assert_eq!(governance.next_change(50), Some(52));
    assert_eq!(governance.learn_by_a_clock_set_right(49), [], "clocks differ by so much");
    assert_eq!(governance.learn_by_a_clock_set_right(30), [id(&vote)]);
    assert_eq!(governance.forks(&line, 30, None).past[0].grace_end, 31);
    assert_eq!(governance.learn_by_a_clock_set_right(30), []);
}

#[test]
fn what_was_kept_is_taken_up_again_whatever_time_it_is() {
    let mut governance = governance();
    let vote = proposal(1, 10);
    let late = governance.offer(&vote, 11);
    assert!(late.is_err(), "it comes after its end");
    governance.restore(&vote).expect("it was in time when it came");
    assert_eq!(governance.state(&id(&vote), 12, None), Some(State::Failed));
    let heartbeat_like = Statement::Revocation(
        Signed::unsigned(&updraft_protocol::Revocation {
            network: Publisher::new().network,
            key: Publisher::key(1).public().id(),
            time: Timestamp::from_seconds(1),
            reason: String::new(),
        })
        .expect("valid"),
    );
    assert!(governance.restore(&Arc::new(heartbeat_like)).is_err(), "it is not about a vote");
}

/// A ballot in epoch 6 of an elector that has kept none.
fn cast(by: u8, governance: &Governance, about: &Statement, stance: Stance) -> Statement {
    let mut elector = Elector::new(key(by), BTreeMap::new());
    let network = Publisher::new().network;
    let ballot = elector.cast(governance, network, &id(about), stance, String::new(), 6);
    Statement::Ballot(signed(&ballot.expect("it may"), by))
}

fn key(n: u8) -> KeyId {
    Publisher::key(n).public().id()
}

#[test]
fn an_elector_that_knows_its_ballot_from_a_certificate_only_gives_the_next_one_another_number() {
    let vote = proposal(1, 10);
    let mut first = governance();
    first.offer(&vote, 5).expect("proposed");
    let ballots = [1, 2, 3].map(|n| cast(n, &first, &vote, ready()));
    for ballot in ballots {
        first.offer(&ballot, 6).expect("taken");
    }
    let held = first.proposal(&id(&vote)).expect("held");
    let decided = held.certificate(Decision::LockIn).expect("decided");
    let said = held.last_said(&key(1)).expect("it is in it");

    let mut later = governance();
    later.offer(&Statement::Certificate(Box::new(decided.as_ref().clone())), 6).expect("taken");
    let held = later.proposal(&id(&vote)).expect("held");
    assert!(held.ballot_of(&key(1)).is_none() && held.last_said(&key(1)) == Some(said));
    let cancel = cast(1, &later, &vote, Stance::Cancel);
    later.spares_a_slip(&cancel).expect("no slip");
    later.offer(&cancel, 6).expect("taken");
}
