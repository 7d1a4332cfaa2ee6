//! When people are told that something was missed, and when there is nothing to tell.

use updraft_protocol::{
    Ballot, Certificate, Digest, Proposal, Root, Signed, Stance, Statement, vote::Decision,
};

use super::{MAX_STRUCK_OFF, Unheard};
use crate::{
    governance::{Governance, Refusal},
    testing::votes::{self, ready, signed},
};

/// All of them have one weight; four decide.
const ELECTORS: [u8; 5] = [1, 2, 3, 4, 5];
/// Their rules last a week when they last a year.
const WEEK: u64 = 31_622_400 / 52;
const NOW: u64 = 12;

fn proposal() -> Signed<Proposal> {
    signed(&votes::proposal(1, 10), 1)
}

fn ballot(by: u8, about: Digest, epoch: u64) -> Signed<Ballot> {
    signed(&votes::ballot(by, about, ready(), epoch), by)
}

fn hear(governance: &mut Governance, by: u8, about: Digest, epoch: u64, now: u64) {
    let heard = governance.offer(&Statement::Ballot(ballot(by, about, epoch)), now);
    assert_eq!(heard, Err(Refusal::UnknownProposal));
}

/// How many of the electors vote on something that is not known.
fn unheard(governance: &Governance, epoch: u64) -> u128 {
    let (unknown, total) = governance.unknown_weight(epoch).expect("there are electors");
    unknown * ELECTORS.len() as u128 / total
}

fn newcomer() -> Governance {
    Governance::new(&votes::root(1, &ELECTORS))
}

#[test]
fn who_joins_late_and_gets_the_certificate_without_the_proposal_has_missed_nothing() {
    let mut governance = newcomer();
    let proposal = proposal();
    for elector in &ELECTORS[..4] {
        hear(&mut governance, *elector, proposal.digest(), NOW, NOW);
    }
    assert_eq!(unheard(&governance, NOW), 4);
    let mut ballots: Vec<Signed<Ballot>> =
        ELECTORS[..4].iter().map(|by| ballot(*by, proposal.digest(), NOW)).collect();
    ballots.sort_by_key(|signed| signed.peek().expect("a ballot").by);
    let certificate = Certificate { decision: Decision::LockIn, proposal, ballots };
    governance.offer(&Statement::Certificate(Box::new(certificate)), NOW).expect("it is proved");
    assert_eq!(unheard(&governance, NOW), 0);
}

#[test]
fn ballots_about_what_the_root_has_struck_off_are_no_sign_of_anything() {
    let mut governance = newcomer();
    let (proposal, other) = (proposal(), Digest::of(b"unheard of"));
    governance.offer(&Statement::Proposal(proposal.clone()), NOW).expect("an elector's");
    let next = |epoch, counts: Vec<Digest>| Root { counts, ..votes::root(epoch, &ELECTORS) };
    assert_eq!(governance.follow(&next(2, Vec::new())).len(), 1);
    // Peers that have not seen the root go on telling them.
    for elector in &ELECTORS[1..] {
        hear(&mut governance, *elector, proposal.digest(), NOW, NOW);
    }
    assert_eq!(unheard(&governance, NOW), 0);
    hear(&mut governance, 2, other, NOW, NOW);
    assert_eq!(unheard(&governance, NOW), 1, "this one is news");
    governance.follow(&next(3, vec![proposal.digest()]));
    hear(&mut governance, 3, proposal.digest(), NOW, NOW);
    assert_eq!(unheard(&governance, NOW), 1, "it counts again, and has to be asked for");
}

#[test]
fn what_was_struck_off_is_remembered_within_bounds() {
    let mut unheard = Unheard::default();
    let named = |n: usize| Digest::of(&n.to_le_bytes());
    unheard.strike_off((0..=MAX_STRUCK_OFF).map(named), &[]);
    for (n, alarms) in [(0, 1), (1, 1), (MAX_STRUCK_OFF, 1)] {
        let by = u8::try_from(n % 200).expect("small");
        unheard.note(&votes::ballot(by, named(n), Stance::Yes, NOW));
        assert_eq!(unheard.since(0).count(), alarms, "{n}");
    }
}

#[test]
fn a_ballot_from_the_future_is_not_remembered_and_one_of_long_ago_is_over() {
    let mut governance = newcomer();
    let other = Digest::of(b"unheard of");
    for epoch in [u64::MAX, NOW + 2] {
        hear(&mut governance, 2, other, epoch, NOW);
        assert_eq!(unheard(&governance, NOW), 0, "cast in {epoch}");
    }
    hear(&mut governance, 2, other, NOW + 1, NOW);
    hear(&mut governance, 3, other, NOW, NOW);
    assert_eq!(unheard(&governance, NOW), 2);
    assert_eq!(unheard(&governance, NOW + WEEK), 2);
    assert_eq!(unheard(&governance, NOW + WEEK + 1), 1);
    assert_eq!(unheard(&governance, u64::MAX), 0);
    // What it said before is told later, and does not hide it.
    hear(&mut governance, 2, Digest::of(b"older"), 1, NOW + WEEK + 1);
    assert_eq!(unheard(&governance, NOW + WEEK + 1), 1);
}

#[test]
fn a_ballot_before_its_proposal_is_asked_for_whoever_cast_it_and_weighs_if_its_elector_does() {
    let mut governance = newcomer();
    let other = Digest::of(b"unheard of");
    hear(&mut governance, 9, other, NOW, NOW);
    let forged = signed(&votes::ballot(2, other, ready(), NOW), 3);
    let heard = governance.offer(&Statement::Ballot(forged), NOW);
    assert_eq!(heard, Err(Refusal::UnknownProposal));
    assert_eq!(unheard(&governance, NOW), 0, "a stranger, and one in another's name");
    hear(&mut governance, 2, other, NOW, NOW);
    assert_eq!(unheard(&governance, NOW), 1);
}

#[test]
fn a_former_electors_ballot_on_a_listed_vote_may_come_before_the_proposal() {
    let mut governance = newcomer();
    let proposal = proposal();
    let counts = vec![proposal.digest()];
    governance.follow(&Root { counts, ..votes::root(2, &ELECTORS[1..]) });
    // Elector 1 has left; its ballot counts as it did.
    hear(&mut governance, 1, proposal.digest(), NOW, NOW);
    governance.offer(&Statement::Proposal(proposal.clone()), NOW).expect("it is listed");
    let again = Statement::Ballot(ballot(1, proposal.digest(), NOW));
    governance.offer(&again, NOW).expect("it counts as it did");
}
