//! What is told, what is kept and what is forgotten of votes.

use std::sync::Arc;

use updraft_protocol::{
    Digest, Elector, Electorate, NetworkId, NetworkKind, Proposal, Root, SecretKey, Signed,
    Statement, Timestamp,
    threshold::Role,
    vote::{Activation, Fraction},
};

use crate::governance::{Governance, State};

const NETWORK: NetworkId = NetworkId::from_bytes([7; 32]);

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

fn governance() -> Governance {
    let elector = |n: u8| Elector {
        key: key(n).public(),
        weight: 1,
        operator: format!("operator-{n}").parse().expect("a name"),
    };
    let mut electors: Vec<Elector> = (1..=3).map(elector).collect();
    electors.sort_by_key(|elector| elector.key.id());
    let role = Role::new(1, vec![key(9).public()]).expect("a role");
    let name = "test".parse().expect("a name");
    let first = Root::first(NETWORK, name, role, Timestamp::from_seconds(1));
    let electorate = Some(Electorate { epoch: 1, electors });
    Governance::new(&Root { kind: NetworkKind::Development, electorate, ..first })
}

/// A vote that elector `by` opens, with its last epoch of voting.
fn proposal(by: u8, ends: u64) -> Statement {
    let proposal = Proposal {
        network: NETWORK,
        by: key(by).public().id(),
        number: 1,
        line: "updraft".parse().expect("a name"),
        from: 1,
        to: 2,
        release: "2.0.0".parse().expect("a version"),
        artifacts: vec![Digest::of(b"artifact")],
        electorate: 1,
        opens: ends - 5,
        lock_deadline: ends,
        activation: Activation::Epoch(ends + 5),
        grace_end: ends + 10,
        threshold: Fraction { num: 2, den: 3 },
        min_ready: Fraction { num: 1, den: 2 },
        notes: String::new(),
    };
    let mut signed = Signed::unsigned(&proposal).expect("valid");
    signed.sign(&key(by), &NETWORK);
    Statement::Proposal(signed)
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
            network: NETWORK,
            key: key(1).public().id(),
            time: Timestamp::from_seconds(1),
            reason: String::new(),
        })
        .expect("valid"),
    );
    assert!(governance.restore(&Arc::new(heartbeat_like)).is_err(), "it is not about a vote");
}
