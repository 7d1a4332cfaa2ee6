//! A decision that carries its proof: the proposal and the ballots that decided it.
//!
//! Whoever has the root chain needs nothing else to check it, now or in ten years. It is signed by nobody: anybody who
//! holds the ballots can make it, and two of them for one proposal say the same.
//!
//! Signed objects may carry signatures that mean nothing. Here they may not: anybody on the way can add them, and a
//! certificate of such ballots would outgrow its limit, and take its reader a second to check.

use std::{cmp::Ordering, collections::BTreeMap};

use bincode::{Decode, Encode};

use crate::{
    codec::{Invalid, Wire},
    digest::{Digest, Hasher},
    key::KeyId,
    limits::{MAX_CERTIFICATE, MAX_ELECTORS},
    network::NetworkId,
    root::Electorate,
    signed::{Signed, Verified, VerifyError},
};

use super::{
    ballot::{Ballot, Stance},
    proposal::{MalformedProposal, Proposal},
    rules::Rules,
    tally::{Tally, Weights},
};

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Decision {
    /// The new protocol will be spoken.
    LockIn,
    /// It will not, after all.
    Cancel,
}

impl Decision {
    /// The word for it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::LockIn => "lockIn",
            Self::Cancel => "cancel",
        }
    }
}

/// A decision and the ballots that prove it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Certificate {
    /// What was decided.
    pub decision: Decision,
    /// About what.
    pub proposal: Signed<Proposal>,
    /// By whom: one ballot an elector, by key id.
    pub ballots: Vec<Signed<Ballot>>,
}

/// Why a certificate proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDecided {
    /// The proposal or a ballot is not by an elector, or not for this network.
    #[error(transparent)]
    Unverified(#[from] VerifyError),
    /// The proposal could not have been decided here.
    #[error(transparent)]
    Malformed(#[from] MalformedProposal),
    /// It is of another electorate than the one at hand.
    #[error("it is decided by electorate {of}, and this is electorate {have}")]
    Electorate {
        /// The one it names.
        of: u64,
        /// The one at hand.
        have: u64,
    },
    /// A ballot is about another proposal.
    #[error("a ballot is about another proposal")]
    OtherProposal,
    /// An elector is in it twice.
    #[error("an elector is counted twice")]
    Twice,
    /// Its ballots are not by key id.
    #[error("the ballots are not in order")]
    Unordered,
    /// An elector is ready for something else.
    #[error("a ballot is ready for an artifact that the proposal does not name")]
    OtherArtifact,
    /// A ballot was cast before the vote or after it.
    #[error("a ballot of epoch {epoch} lies outside the vote")]
    OutsideTheVote {
        /// Its epoch.
        epoch: u64,
    },
    /// The ballots are too few.
    #[error("the ballots weigh too little")]
    TooFew,
}

impl Certificate {
    /// Puts it together from what was received: by key id, and of all signatures each elector's own. Says nothing about
    /// whether the ballots decide anything; [`Certificate::judge`] does.
    pub fn new<'a>(
        decision: Decision,
        proposal: &Signed<Proposal>,
        ballots: impl IntoIterator<Item = &'a Signed<Ballot>>,
        network: &NetworkId,
        electorate: &Electorate,
    ) -> Result<Self, VerifyError> {
        let mut by_key = BTreeMap::new();
        for signed in ballots {
            by_key.insert(signed.peek()?.by, electorate.bare(signed, network)?);
        }
        let proposal = electorate.bare(proposal, network)?;
        Ok(Self { decision, proposal, ballots: by_key.into_values().collect() })
    }

    /// Its name: what it decides about which proposal. Certificates that say the same have one name.
    pub fn id(&self) -> Digest {
        let mut hasher = Hasher::new();
        hasher.update(&[self.decision as u8]);
        hasher.update(self.proposal.digest().as_bytes());
        hasher.finish()
    }

    /// Checks it against the electorate that the proposal names, and gives the proposal.
    pub fn judge(
        &self,
        network: &NetworkId,
        electorate: &Electorate,
        rules: &Rules,
    ) -> Result<Verified<Proposal>, NotDecided> {
        let proposal = electorate.verify(&self.proposal, network)?;
        if proposal.electorate != electorate.epoch {
            return Err(NotDecided::Electorate { of: proposal.electorate, have: electorate.epoch });
        }
        proposal.keeps_to(rules)?;
        let last = match self.decision {
            Decision::LockIn => proposal.lock_deadline,
            Decision::Cancel => proposal.cancel_deadline(rules),
        };
        let mut ballots: BTreeMap<KeyId, Stance> = BTreeMap::new();
        for signed in &self.ballots {
            let ballot = electorate.verify(signed, network)?;
            match ballots.last_key_value().map(|(last, _)| last.cmp(&ballot.by)) {
                Some(Ordering::Equal) => return Err(NotDecided::Twice),
                Some(Ordering::Greater) => return Err(NotDecided::Unordered),
                Some(Ordering::Less) | None => {}
            }
            if ballot.proposal != proposal.digest() {
                return Err(NotDecided::OtherProposal);
            }
            let epoch = ballot.epoch;
            if epoch < proposal.opens || epoch > last {
                return Err(NotDecided::OutsideTheVote { epoch });
            }
            if let Stance::Ready { artifact, .. } = ballot.stance
                && !proposal.artifacts.contains(&artifact)
            {
                return Err(NotDecided::OtherArtifact);
            }
            ballots.insert(ballot.by, ballot.stance);
        }
        let weights = Weights::of(electorate, rules);
        let count = Tally { proposal: &proposal, weights: &weights }.count(&ballots);
        let decided = match self.decision {
            Decision::LockIn => count.is_decided(&proposal),
            Decision::Cancel => count.is_cancelled(&proposal),
        };
        if decided { Ok(proposal) } else { Err(NotDecided::TooFew) }
    }
}

impl Wire for Certificate {
    const NAME: &'static str = "certificate";
    const MAX: usize = MAX_CERTIFICATE;

    fn check(&self) -> Result<(), Invalid> {
        self.proposal.check()?;
        Invalid::if_over("ballots", self.ballots.len(), MAX_ELECTORS)?;
        self.ballots.iter().try_for_each(Wire::check)?;
        let ballots = self.ballots.iter().map(Signed::signatures);
        if ballots.chain([self.proposal.signatures()]).any(|signatures| signatures.len() != 1) {
            return Err(Invalid::new(
                "certificate",
                "holds something without exactly one signature",
            ));
        }
        Ok(())
    }
}
