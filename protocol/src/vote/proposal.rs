//! What electors vote on: that a line of software speaks another protocol from a certain epoch on.
//!
//! Every limit is an absolute epoch inside the proposal, so nothing about it can be moved once it is signed: no timeout
//! decides, and no median of anybody's clock.

use std::{fmt, str::FromStr};

use bincode::{Decode, Encode};

use crate::{
    codec::{Invalid, Wire},
    digest::Digest,
    key::KeyId,
    limits::{MAX_ARTIFACTS, MAX_PROPOSAL, MAX_PROPOSAL_NOTES},
    name::ComponentName,
    network::NetworkId,
    signed::{Sentence, Signable},
    version::ReleaseVersion,
};

use super::{decision::Decision, rules::Rules};

/// The protocol that every line of software speaks before anything was voted about it.
pub const FIRST_PROTOCOL: u32 = 1;
/// The line that nodes themselves are: what they speak to each other waits for no height.
pub const OWN_LINE: &str = "updraft";

/// A part of a whole, `num / den`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Fraction {
    /// Parts.
    pub num: u32,
    /// Of so many.
    pub den: u32,
}

impl Fraction {
    /// More than this part of all weight has to be for any proposal.
    pub const TWO_THIRDS: Self = Self { num: 2, den: 3 };
    /// At least this part of that has to be ready, unless a proposal says otherwise.
    pub const NINE_TENTHS: Self = Self { num: 9, den: 10 };
    /// Nothing of it.
    pub const NONE: Self = Self { num: 0, den: 1 };

    /// Whether `part` of `whole` is more than this.
    pub fn is_less_than(&self, part: u128, whole: u128) -> bool {
        part * u128::from(self.den) > whole * u128::from(self.num)
    }

    /// Whether `part` of `whole` is at least this.
    pub fn is_reached_by(&self, part: u128, whole: u128) -> bool {
        part * u128::from(self.den) >= whole * u128::from(self.num)
    }
}

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}

/// Text that is no part of a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no part of a whole: expected for example 2/3")]
pub struct InvalidFraction(String);

impl FromStr for Fraction {
    type Err = InvalidFraction;

    fn from_str(text: &str) -> Result<Self, InvalidFraction> {
        let number = |digits: &str| {
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse::<u32>().ok().filter(|_| plain)
        };
        let parts = text.split_once('/');
        let parts = parts.and_then(|(num, den)| Some((number(num)?, number(den)?)));
        match parts {
            Some((num, den)) if num <= den && den > 0 => Ok(Self { num, den }),
            _ => Err(InvalidFraction(text.chars().take(40).collect())),
        }
    }
}

/// When the new protocol is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Activation {
    /// From this epoch on.
    Epoch(u64),
    /// When the operator's source of heights has reached this number, but not before this epoch: for components that
    /// count blocks and not seconds.
    Height {
        /// The number.
        height: u64,
        /// The first epoch in which it may.
        not_before: u64,
    },
}

impl Activation {
    /// The first epoch in which it may come.
    pub const fn earliest(&self) -> u64 {
        match self {
            Self::Epoch(epoch) | Self::Height { not_before: epoch, .. } => *epoch,
        }
    }
}

/// Let a line of software speak another protocol.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Proposal {
    /// The network.
    pub network: NetworkId,
    /// The elector who opens it.
    pub by: KeyId,
    /// What people call it: `p-NUMBER`. The name is the digest; two proposals may share a number.
    pub number: u32,
    /// Whose protocol: `updraft` is what nodes speak to each other, anything else a component's own.
    pub line: ComponentName,
    /// The protocol that is spoken.
    pub from: u32,
    /// The protocol to speak.
    pub to: u32,
    /// The release that speaks both.
    pub release: ReleaseVersion,
    /// Digests of its manifests, one for each kind of machine, in ascending order.
    pub artifacts: Vec<Digest>,
    /// The electorate that votes.
    pub electorate: u64,
    /// First epoch of voting.
    pub opens: u64,
    /// Last epoch of voting.
    pub lock_deadline: u64,
    /// When the new protocol is spoken.
    pub activation: Activation,
    /// Last epoch in which the old one is spoken as well.
    pub grace_end: u64,
    /// More than this part of all weight has to be for it; at least two thirds.
    pub threshold: Fraction,
    /// At least this part of the weight that the threshold asks for has to be ready.
    pub min_ready: Fraction,
    /// Why, in words.
    pub notes: String,
}

/// Why a proposal does not count in a network of this kind, however well it is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedProposal {
    /// Too short a vote.
    #[error("voting lasts {got} epochs, at least {least} are needed")]
    Voting {
        /// Its epochs.
        got: u64,
        /// The floor.
        least: u64,
    },
    /// Too little time to install.
    #[error("{got} epochs lie between the vote and the activation, at least {least} are needed")]
    Lead {
        /// Its epochs.
        got: u64,
        /// The floor.
        least: u64,
    },
    /// Too short a grace.
    #[error("the old protocol is spoken for {got} epochs more, at least {least} are needed")]
    Grace {
        /// Its epochs.
        got: u64,
        /// The floor.
        least: u64,
    },
    /// It lasts too long.
    #[error("it lasts {got} epochs from opening to end, at most {most} are allowed")]
    Life {
        /// Its epochs.
        got: u64,
        /// The ceiling.
        most: u64,
    },
    /// Too few have to have tried the release.
    #[error("{got} of the weight that decides has to be ready, at least {least} is needed")]
    Readiness {
        /// Its part.
        got: Fraction,
        /// The floor.
        least: Fraction,
    },
}

impl Proposal {
    /// Whether it keeps to the floors of its network.
    pub fn keeps_to(&self, rules: &Rules) -> Result<(), MalformedProposal> {
        let between = |from: u64, to: u64| to.saturating_sub(from);
        let activation = self.activation.earliest();
        let (got, least) = (between(self.opens, self.lock_deadline), rules.min_voting);
        if got < least {
            return Err(MalformedProposal::Voting { got, least });
        }
        let (got, least) = (between(self.lock_deadline, activation), rules.min_lead);
        if got < least {
            return Err(MalformedProposal::Lead { got, least });
        }
        let (got, least) = (between(activation, self.grace_end), rules.min_grace);
        if got < least {
            return Err(MalformedProposal::Grace { got, least });
        }
        let (got, most) = (between(self.opens, self.grace_end), rules.max_life);
        if got > most {
            return Err(MalformedProposal::Life { got, most });
        }
        let (got, least) = (self.min_ready, rules.min_ready);
        if !least.is_reached_by(u128::from(got.num), u128::from(got.den)) {
            return Err(MalformedProposal::Readiness { got, least });
        }
        Ok(())
    }

    /// The last epoch in which ballots about this decision are cast. At a height, calling off ends before the first
    /// epoch in which that height may count, however late it comes.
    pub fn last_epoch(&self, decision: Decision, rules: &Rules) -> u64 {
        match decision {
            Decision::LockIn => self.lock_deadline,
            Decision::Cancel => {
                self.activation.earliest().saturating_sub(rules.cancel_margin.saturating_add(1))
            }
        }
    }
}

impl Wire for Proposal {
    const NAME: &'static str = "proposal";
    const MAX: usize = MAX_PROPOSAL;

    fn check(&self) -> Result<(), Invalid> {
        let invalid = |reason: &str| Err(Invalid::new("proposal", reason));
        Invalid::if_over("bytes of notes", self.notes.len(), MAX_PROPOSAL_NOTES)?;
        Invalid::if_over("artifacts", self.artifacts.len(), MAX_ARTIFACTS)?;
        Invalid::if_unsorted("artifacts", self.artifacts.iter())?;
        if self.artifacts.is_empty() {
            return invalid("names no artifact that speaks the new protocol");
        }
        if self.number == 0 || self.from == self.to {
            return invalid("has number 0, or changes nothing");
        }
        let activation = self.activation.earliest();
        let ordered = self.opens < self.lock_deadline
            && self.lock_deadline < activation
            && activation < self.grace_end;
        if !ordered {
            return invalid("does not open, close, activate and end in this order");
        }
        // Nodes without a source of heights could not follow, and would not know it.
        let by_height = matches!(self.activation, Activation::Height { .. });
        if by_height && self.line.as_str() == OWN_LINE {
            return invalid("lets the nodes' own protocol come into force at a height");
        }
        let Fraction { num, den } = self.threshold;
        let is_enough = Fraction::TWO_THIRDS.is_reached_by(u128::from(num), u128::from(den));
        // Two thirds and no less; all of it could never be exceeded.
        if den == 0 || num >= den || !is_enough {
            return invalid("has a threshold below two thirds, or one that cannot be exceeded");
        }
        if self.min_ready.den == 0 || self.min_ready.num > self.min_ready.den {
            return invalid("asks for more readiness than there is");
        }
        Ok(())
    }
}

impl Signable for Proposal {
    const DOMAIN: &'static str = "updraft/proposal/v1";
    // The elector's. What somebody added on the way would be kept, passed on and put into certificates.
    const MOST_SIGNATURES: usize = 1;

    fn network(&self) -> &NetworkId {
        &self.network
    }
}

impl Sentence for Proposal {
    fn speaker(&self) -> KeyId {
        self.by
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_whole_reads_back_and_more_than_all_of_it_is_none() {
        for text in ["2/3", "9/10", "0/1", "1/1"] {
            assert_eq!(text.parse::<Fraction>().map(|part| part.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "2", "3/2", "0/0", "-1/3", "+2/3", "2/3/4", "2 / 3", "99999999999/3"] {
            assert!(text.parse::<Fraction>().is_err(), "{text}");
        }
    }
}
