//! How this node votes, if its operator takes part. Pure.
//!
//! A ballot is kept before it is said, so that an elector never says two things with one number; and it is never for two
//! proposals that would change the same thing.

use std::collections::BTreeMap;

use updraft_protocol::{Ballot, Digest, KeyId, NetworkId, Stance};

use super::{
    held::{Held, State},
    machine::Governance,
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
    /// It is for a rival already.
    #[error("it is for proposal {0} already, which would change the same thing")]
    ForARival(Digest),
    /// It would say the same again.
    #[error("it has said so")]
    SaidSo,
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

    /// Its stance on a proposal, if it has one.
    pub fn stance(&self, proposal: &Digest) -> Option<Stance> {
        self.last.get(proposal).map(|(_, stance)| *stance)
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
                epoch >= held.proposal.opens
                    && epoch <= held.proposal.cancel_deadline(governance.rules())
                    && matches!(state, State::Open(_) | State::LockedIn)
            }
            // Ballots of others may still be on their way; one of now would be too late.
            _ => matches!(state, State::Open(_)) && epoch <= held.proposal.lock_deadline,
        };
        if !may {
            return Err(CannotVote::Closed(state.word()));
        }
        if stance.is_for()
            && let Some(rival) = self.rival(governance, held, epoch)
        {
            return Err(CannotVote::ForARival(rival));
        }
        // Peers may know of ballots that a store which was lost, or is an older copy, does not.
        let heard = held.ballots.get(&self.key).map(|cast| (cast.ballot.seq, cast.ballot.stance));
        let last = self.last.get(proposal).copied().max_by_seq(heard);
        // What was kept and is not heard of was lost before it was said.
        if last.is_some_and(|(_, last)| last == stance) && heard == last {
            return Err(CannotVote::SaidSo);
        }
        let seq = last.map_or(1, |(seq, _)| seq.saturating_add(1));
        self.last.insert(*proposal, (seq, stance));
        Ok(Ballot { network, by: self.key, proposal: *proposal, seq, epoch, stance, reason })
    }

    /// A proposal of the same line that it is for and that may still be decided.
    fn rival(&self, governance: &Governance, held: &Held, epoch: u64) -> Option<Digest> {
        let rivals = governance
            .proposals()
            .filter(|other| other.id() != held.id() && other.proposal.is_rival_of(&held.proposal));
        let may_be_decided = |other: &&Held| {
            let state = governance.state(&other.id(), epoch, None);
            matches!(
                state,
                Some(State::Announced | State::Open(_) | State::LockedIn | State::Failed)
            ) && epoch <= other.proposal.activation.earliest()
        };
        rivals
            .filter(may_be_decided)
            .find(|other| self.stance(&other.id()).is_some_and(|stance| stance.is_for()))
            .map(Held::id)
    }
}

/// The later one of two ballots.
trait MaxBySeq {
    fn max_by_seq(self, other: Self) -> Self;
}

impl MaxBySeq for Option<(u32, Stance)> {
    fn max_by_seq(self, other: Self) -> Self {
        match (self, other) {
            (Some(a), Some(b)) => Some(if b.0 > a.0 { b } else { a }),
            (a, b) => a.or(b),
        }
    }
}
