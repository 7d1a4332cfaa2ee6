//! How this node votes, if its operator takes part. Pure.
//!
//! A ballot is kept before it is said, so that an elector never says two things with one number.

use std::collections::BTreeMap;

use updraft_protocol::{Ballot, Digest, KeyId, NetworkId, Proposal, Stance, vote::Decision};

use super::{
    held::State,
    machine::{Governance, most_ballots},
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
    /// It would say the same again.
    #[error("it has said so")]
    SaidSo,
}

/// The number of an elector's next ballot about a proposal, after the `last` one that is known of it; `None` if it has
/// changed its mind too often in this epoch. Who signs a ballot takes its number from here, and from nowhere else.
///
/// Numbers grow with time, so that a store which was lost, or is an older copy, or a node that has not heard everything,
/// does not make an elector say two things with one number.
pub fn next_ballot(proposal: &Proposal, last: Option<u32>, epoch: u64) -> Option<u32> {
    let by_time = u32::try_from(epoch.saturating_sub(proposal.opens)).unwrap_or(u32::MAX);
    let number = last.unwrap_or(0).max(by_time).checked_add(1)?;
    (u64::from(number) <= most_ballots(proposal, epoch)).then_some(number)
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
        let has = governance.weights(held).is_some_and(|weights| weights.has(&self.key));
        if !has {
            return Err(CannotVote::NotAnElector(self.key));
        }
        let state = governance.state(proposal, epoch, None).ok_or(CannotVote::Unknown)?;
        let may = match stance {
            Stance::Cancel => {
                epoch >= held.proposal.opens && matches!(state, State::Open(_) | State::LockedIn)
            }
            _ => matches!(state, State::Open(_)),
        };
        // Ballots of others may still be on their way; one of now would be too late.
        let last = held.proposal.last_epoch(Decision::about(&stance), governance.rules());
        if !may || epoch > last {
            return Err(CannotVote::Closed(state.word()));
        }
        // Peers may know of ballots that a store which was lost, or is an older copy, does not.
        let heard = held.ballots.get(&self.key).map(|cast| (cast.ballot.seq, cast.ballot.stance));
        let kept = self.last.get(proposal).copied();
        let last = heard.into_iter().chain(kept).max_by_key(|(seq, _)| *seq);
        // What was kept and is not heard of was lost before it was said.
        if last.is_some_and(|(_, last)| last == stance) && heard == last {
            return Err(CannotVote::SaidSo);
        }
        let seq = next_ballot(&held.proposal, last.map(|(seq, _)| seq), epoch)
            .ok_or(CannotVote::TooOften)?;
        self.last.insert(*proposal, (seq, stance));
        Ok(Ballot { network, by: self.key, proposal: *proposal, seq, epoch, stance, reason })
    }
}
