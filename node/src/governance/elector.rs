//! How this node votes, if its operator takes part. Pure.
//!
//! A ballot is kept before it is said, so that an elector never says two things with one number.

use std::collections::BTreeMap;

use updraft_protocol::{
    Ballot, Digest, KeyId, NetworkId, Proposal, Stance,
    vote::{Decision, Rules},
};

use super::{
    held::State,
    machine::Governance,
    pace::{epoch_of, most_ballots, most_ballots_before},
};

/// Why a ballot is not cast.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotVote {
    /// The proposal has not come.
    #[error("no such proposal is known here")]
    Unknown,
    /// Its key is not in the electorate that votes on this.
    #[error("key {0} is not in the electorate that votes on this")]
    NotAnElector(KeyId),
    /// The vote has not begun, or is over.
    #[error("the vote is {0}")]
    Closed(&'static str),
    /// It has changed its mind too often.
    #[error("it has changed its mind too often; it may again in the next epoch")]
    TooOften,
    /// Its last ballot is dated ahead. Others may hold that, and count it when its time has come.
    #[error(
        "its last ballot is dated {0} epochs after this machine's clock, and one of the two is wrong: it may vote again when they are over"
    )]
    Ahead(u64),
    /// It would say the same again.
    #[error("it has said so")]
    SaidSo,
}

/// The number of an elector's next ballot about a proposal, after the `last` one that is known of it. There is none if it
/// has changed its mind too often in this epoch, or has used the numbers of a later one. Who signs a ballot takes its
/// number from here, and from nowhere else.
///
/// A store that was lost, or is an older copy, or a node that has not heard everything, makes no elector say two things
/// with one number in another epoch than that of the ballots it does not know. Within one epoch it may: so whoever casts
/// asks first, and waits until it knows what peers know.
pub fn next_ballot(proposal: &Proposal, last: Option<u32>, epoch: u64) -> Result<u32, CannotVote> {
    let ahead = last.map_or(0, |last| epoch_of(proposal, last).saturating_sub(epoch));
    if ahead > 0 {
        return Err(CannotVote::Ahead(ahead));
    }
    let by_time = u32::try_from(most_ballots_before(proposal, epoch)).unwrap_or(u32::MAX);
    let number = last.unwrap_or(0).max(by_time).checked_add(1);
    let number = number.filter(|number| u64::from(*number) <= most_ballots(proposal, epoch));
    number.ok_or(CannotVote::TooOften)
}

/// Whether a ballot that says so may be cast in this epoch, on a proposal that stands so. Others would not take it, and its
/// number would be used up: so it is asked before anything is signed.
pub fn may_cast(
    proposal: &Proposal,
    state: State,
    stance: &Stance,
    epoch: u64,
    rules: &Rules,
) -> Result<(), CannotVote> {
    let decision = Decision::about(stance);
    let may = match decision {
        Decision::LockIn => matches!(state, State::Open(_)),
        // What is overtaken takes effect as soon as what has overtaken it is called off.
        Decision::Cancel => matches!(state, State::Open(_) | State::LockedIn | State::Overtaken),
    };
    // Ballots of others may still be on their way after the last epoch; one of now would be too late.
    if may && (proposal.opens..=proposal.last_epoch(decision, rules)).contains(&epoch) {
        return Ok(());
    }
    Err(CannotVote::Closed(match state {
        // Ballots that are on their way are waited for, and no more are cast.
        State::Open(_) => "over",
        other => other.word(),
    }))
}

/// An elector at work: its key's name, and what it said last. The key itself stays with whoever signs.
#[derive(Debug, Clone)]
pub struct Elector {
    key: KeyId,
    last: BTreeMap<Digest, (u32, Stance)>,
}

impl Elector {
    /// An elector with what it kept of its last ballots: number and stance, by proposal.
    pub fn new(key: KeyId, last: BTreeMap<Digest, (u32, Stance)>) -> Self {
        Self { key, last }
    }

    /// The name of its key.
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// Casts a ballot; taken for said from here on. To be kept, then signed, then said.
    pub fn cast(
        &mut self,
        governance: &Governance,
        network: NetworkId,
        proposal: &Digest,
        stance: Stance,
        reason: String,
        epoch: u64,
    ) -> Result<Ballot, CannotVote> {
        let held = governance.proposal(proposal).ok_or(CannotVote::Unknown)?;
        let of = held.proposal.electorate;
        let has = governance.weights(held).is_some_and(|weights| weights.has(&self.key));
        if !has || !governance.roster.hears(&self.key, of) {
            return Err(CannotVote::NotAnElector(self.key));
        }
        let state = governance.state(proposal, epoch, None).ok_or(CannotVote::Unknown)?;
        may_cast(&held.proposal, state, &stance, epoch, governance.rules())?;
        // Peers may know of ballots that a store which was lost, or is an older copy, does not.
        let heard = held.last_said(&self.key);
        let kept = self.last.get(proposal).copied();
        let last = heard.into_iter().chain(kept).max_by_key(|(seq, _)| *seq);
        // What was kept and is not heard of was lost before it was said.
        if last.is_some_and(|(_, last)| last == stance) && heard == last {
            return Err(CannotVote::SaidSo);
        }
        let seq = next_ballot(&held.proposal, last.map(|(seq, _)| seq), epoch)?;
        self.last.insert(*proposal, (seq, stance));
        Ok(Ballot { network, by: self.key, proposal: *proposal, seq, epoch, stance, reason })
    }
}

#[cfg(test)]
mod tests {
    use updraft_protocol::{NetworkKind, vote::Outlook};

    use super::*;
    use crate::testing::votes::{proposal, ready};

    /// Open from epoch 10 to 20, in force at 30 on a development network.
    #[test]
    fn a_ballot_is_cast_only_in_the_epochs_in_which_others_take_it() {
        let rules = Rules::of(NetworkKind::Development);
        let open = State::Open(Outlook::Undecided);
        let may = |state, stance: Stance, epoch| {
            may_cast(&proposal(1, 10), state, &stance, epoch, &rules).is_ok()
        };
        for stance in [Stance::Yes, Stance::No, Stance::Abstain, ready()] {
            assert!(
                !may(State::Announced, stance, 9) && may(open, stance, 10) && may(open, stance, 20)
            );
            assert!(!may(open, stance, 21) && !may(State::LockedIn, stance, 15), "{stance:?}");
        }
        assert!(
            !may(State::Announced, Stance::Cancel, 9) && may(State::LockedIn, Stance::Cancel, 28)
        );
        assert!(
            may(State::Overtaken, Stance::Cancel, 28) && !may(State::Overtaken, Stance::Cancel, 29)
        );
        assert!(
            !may(State::LockedIn, Stance::Cancel, 29) && !may(State::Failed, Stance::Cancel, 25)
        );
    }

    #[test]
    fn no_number_of_an_epoch_is_one_of_an_earlier_epoch() {
        let vote = proposal(1, 10);
        let numbers = |epoch| {
            std::iter::successors(next_ballot(&vote, None, epoch).ok(), move |last| {
                next_ballot(&proposal(1, 10), Some(*last), epoch).ok()
            })
        };
        assert!(numbers(10).eq(1..=16) && numbers(11).eq(17..=32) && numbers(20).eq(161..=176));
        assert_eq!(next_ballot(&vote, Some(16), 10), Err(CannotVote::TooOften));
        assert_eq!(next_ballot(&vote, Some(u32::MAX), u64::MAX), Err(CannotVote::TooOften));
    }

    #[test]
    fn who_has_used_numbers_of_a_later_epoch_waits_for_it() {
        let vote = proposal(1, 10);
        let early = next_ballot(&vote, None, 14).expect("by a clock that is ahead");
        for epoch in 10..14 {
            let waits = Err(CannotVote::Ahead(14 - epoch));
            assert_eq!(next_ballot(&vote, Some(early), epoch), waits);
        }
        assert_eq!(next_ballot(&vote, Some(early), 14), Ok(early + 1));
    }
}
