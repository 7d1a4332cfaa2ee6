//! Why what an elector is said to have said was not taken.

use updraft_protocol::{
    signed::VerifyError,
    vote::{MalformedProposal, NoDoubleVote, NotDecided},
};

/// Why something was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The bytes or the signature do not stand, or its key may not vote.
    #[error(transparent)]
    Unverified(#[from] VerifyError),
    /// The trust root has no electorate of this number, or not yet.
    #[error("electorate {0} is not known here")]
    UnknownElectorate(u64),
    /// It was opened by an electorate that votes no more.
    #[error("it was opened by electorate {of}, and electorate {current} votes now")]
    FormerElectorate {
        /// The one it names.
        of: u64,
        /// The one in force.
        current: u64,
    },
    /// It keeps to no floors.
    #[error(transparent)]
    Malformed(#[from] MalformedProposal),
    /// A ballot about a proposal that has not come.
    #[error("the proposal it is about is not known here")]
    UnknownProposal,
    /// Its elector has another proposal open.
    #[error("its elector has another proposal open")]
    AnotherIsOpen,
    /// The vote has not begun, or is over.
    #[error("it was cast in epoch {cast}, and the vote lasts from epoch {opens} to {ends}")]
    OutsideTheVote {
        /// The epoch of the ballot, or of its arrival.
        cast: u64,
        /// The first.
        opens: u64,
        /// The last.
        ends: u64,
    },
    /// It was cast in an epoch that has not come.
    #[error("it was cast in epoch {0}, which has not come")]
    FromTheFuture(u64),
    /// The elector has said something newer.
    #[error("its elector has said something newer")]
    Outdated,
    /// The elector was found to have said two things.
    #[error("its elector has said two different things")]
    Liar,
    /// It names an artifact that the proposal does not.
    #[error("it is ready for an artifact that the proposal does not name")]
    OtherArtifact,
    /// Two ballots that prove nothing.
    #[error(transparent)]
    NoDoubleVote(#[from] NoDoubleVote),
    /// A certificate that proves nothing.
    #[error(transparent)]
    NotDecided(#[from] NotDecided),
    /// Another proposal for the same protocol was decided.
    #[error("another proposal for the same protocol was decided")]
    RivalDecided,
}
