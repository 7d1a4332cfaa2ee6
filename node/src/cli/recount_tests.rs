//! Who votes, what counts, and what does not.

use std::cell::Cell;

use updraft_protocol::{DoubleVote, Root, SecretKey};

use super::*;
use crate::{
    agent::fake::vote::Vote,
    publish::ledger::{Ledger, LedgerError, OnlyRoots, TrustError},
};

/// Who votes in the network of [`Vote`].
pub(in crate::cli) fn governance() -> Governance {
    let roots = OnlyRoots(vec![Vote::root()]);
    roster(&Trusted::follow(&roots, Some(&Vote::root().digest())).expect("sound"))
}

fn ballot(vote: &Vote, elector: usize, stance: Stance, seq: u32) -> Statement {
    Statement::Ballot(Vote::sign(&vote.ballot(elector, stance, seq), elector))
}

fn recount(vote: &Vote, said: Vec<Statement>) -> Recount {
    let proposal = Statement::Proposal(vote.signed());
    Recount::of(governance(), said.into_iter().chain([proposal]).collect())
}

fn counted(recount: &Recount) -> (VoteCount, Vec<Verdict>) {
    let held = recount.proposals().next().expect("one");
    let verdicts = recount.lines(held).into_iter().map(|line| line.verdict);
    (recount.count(held), verdicts.collect())
}

#[test]
fn the_last_ballot_of_each_elector_counts_in_whatever_order_they_come() {
    let vote = Vote::new();
    let said = || {
        vec![
            ballot(&vote, 0, Stance::Yes, 2),
            ballot(&vote, 1, Stance::Abstain, 1),
            ballot(&vote, 0, Stance::No, 1),
        ]
    };
    for said in [said(), said().into_iter().rev().collect()] {
        let (count, verdicts) = counted(&recount(&vote, said));
        assert_eq!((count.yes, count.no, count.abstain, count.total), (1, 0, 1, 3));
        let silent = verdicts.iter().filter(|verdict| **verdict == Verdict::Silent);
        assert_eq!(silent.count(), 1);
    }
}

#[test]
fn enough_that_are_ready_decide_it_and_the_ballots_prove_it() {
    let vote = Vote::new();
    let said = (0..3).map(|elector| ballot(&vote, elector, vote.ready(), 1)).collect();
    let recount = recount(&vote, said);
    let held = recount.proposals().next().expect("one");
    assert_eq!(recount.decided(held), BTreeMap::from([(Decision::LockIn, 3)]));
    assert_eq!(recount.state(held, vote.proposal.lock_deadline), State::LockedIn);
    assert!(recount.missing(held, State::LockedIn).is_empty());
}

#[test]
fn what_does_not_stand_is_told_with_its_reason_and_counts_nothing() {
    let vote = Vote::new();
    let id = vote.signed().digest();
    let late = Ballot { epoch: vote.proposal.lock_deadline + 1, ..vote.ballot(0, Stance::Yes, 1) };
    let forged = Statement::Ballot(Vote::sign(&vote.ballot(1, Stance::Yes, 1), 2));
    let stranger = SecretKey::from_seed(&[99; 32]);
    let strange = Ballot { by: stranger.public().id(), ..vote.ballot(2, Stance::Yes, 1) };
    let mut signed = Signed::unsigned(&strange).expect("within limits");
    signed.sign(&stranger, &strange.network);
    let said = vec![Statement::Ballot(Vote::sign(&late, 0)), forged, Statement::Ballot(signed)];
    let recount = recount(&vote, said);
    let (count, verdicts) = counted(&recount);
    assert_eq!((count.yes, verdicts), (0, vec![Verdict::Silent; 3]));
    let why: Vec<_> = recount.refused(&id).iter().map(|refused| refused.why.label()).collect();
    assert_eq!(why, ["vote_outside", "vote_unverified", "vote_not_an_elector"]);
}

#[test]
fn a_liar_counts_for_nothing_and_whoever_is_for_two_rivals_counts_for_both() {
    let vote = Vote::new();
    let mut rival = Vote::new();
    rival.proposal.number = 4;
    rival.proposal.to = 3;
    let one = Vote::sign(&vote.ballot(0, Stance::Yes, 1), 0);
    let other = Vote::sign(&vote.ballot(0, Stance::No, 1), 0);
    let said = vec![
        Statement::Ballot(one.clone()),
        Statement::DoubleVote(DoubleVote::new(one, other)),
        Statement::Proposal(rival.signed()),
        ballot(&vote, 1, Stance::Yes, 1),
        ballot(&rival, 1, Stance::Yes, 1),
        ballot(&vote, 2, Stance::Yes, 1),
    ];
    let recount = recount(&vote, said);
    let id = vote.signed().digest();
    let held = recount.proposals().find(|held| held.id() == id).expect("it stands");
    assert_eq!(recount.count(held).yes, 2);
    let of = |n: usize| {
        let key = Vote::key(n).public().id();
        recount.lines(held).into_iter().find(|line| line.key == key).expect("in it").verdict
    };
    assert!(matches!(of(0), Verdict::Void(why) if why.contains("one number")));
    assert_eq!((of(1), of(2)), (Verdict::Counts, Verdict::Counts));
}

/// Tells the true root once, and then another one, which begins another network.
struct Turncoat {
    asked: Cell<usize>,
}

impl Ledger for Turncoat {
    fn root(&self, version: u64) -> Result<Option<Signed<Root>>, LedgerError> {
        if version > 1 {
            return Ok(None);
        }
        let before = self.asked.replace(self.asked.get() + 1);
        if before == 0 {
            return Ok(Some(Vote::root()));
        }
        let key = SecretKey::from_seed(&[1; 32]);
        let mut root = Vote::root().peek().expect("a root");
        root.electorate = None;
        let mut signed = Signed::unsigned(&root).expect("a root");
        signed.sign(&key, &root.network);
        Ok(Some(signed))
    }
}

#[test]
fn who_votes_follows_from_the_roots_that_were_verified_and_from_no_second_answer() {
    let named = Vote::root().digest();
    let ledger = Turncoat { asked: Cell::new(0) };
    let trusted = Trusted::follow(&ledger, Some(&named)).expect("the true one");
    assert_eq!(roster(&trusted).electorate(), Some(1));
    assert_eq!((ledger.asked.get(), trusted.first().digest()), (1, named));
    let lied = Trusted::follow(&ledger, Some(&named)).map(|_| ());
    assert!(matches!(lied, Err(TrustError::Root(_))), "the next answer is another root");
}
