//! Why what an elector is said to have said was not taken.

use updraft_protocol::{
    KeyId,
    codec::DecodeError,
    signed::VerifyError,
    vote::{MalformedProposal, NoDoubleVote, NotDecided},
};

/// Why something was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The bytes or the signature do not stand.
    #[error(transparent)]
    Unverified(#[from] VerifyError),
    /// Its key may not vote on this, or not under the root that is known here.
    #[error("its key is not in the electorate that votes on this")]
    NotAnElector(KeyId),
    /// It is no statement about a vote.
    #[error("it is not about a vote")]
    NotAboutAVote,
    /// The trust root has no electorate of this number, or not yet.
    #[error("electorate {0} is not known here")]
    UnknownElectorate(u64),
    /// It was opened by an electorate that votes no more, and the root does not count it.
    #[error(
        "it is of electorate {of}, electorate {current} votes now, and the root does not count it"
    )]
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
    /// Its number is higher than its elector could have come by then.
    #[error("it is ballot {0}, and its elector could not have cast so many by then")]
    TooMany(u32),
    /// More ballots of its elector came in this epoch than are taken in one. Who passes them on may have counted them in
    /// two: it is no lie.
    #[error("as many ballots of its elector were taken in this epoch as are in one")]
    TooManyAtOnce(KeyId),
    /// Another ballot of its elector has its number, and whoever hands it in has the key.
    #[error(
        "another ballot of this key on this proposal has the same number and says something else: if both were known its vote would count nothing"
    )]
    Contradicted,
}

impl Refusal {
    /// Whether no honest node sends it. Being late, ahead, or of a root that is not known here is honest.
    pub fn is_a_lie(&self) -> bool {
        match self {
            Self::Unverified(VerifyError::Decode(DecodeError::UnknownKind { .. })) => false,
            Self::Unverified(_) | Self::Malformed(_) | Self::OtherArtifact | Self::TooMany(_) => {
                true
            }
            Self::NoDoubleVote(proof) => !matches!(proof, NoDoubleVote::Unverified(_)),
            Self::NotDecided(decided) => !matches!(decided, NotDecided::Unverified(_)),
            _ => false,
        }
    }

    /// Whether a node that follows a newer root could have taken it.
    pub fn may_be_a_newer_root(&self) -> bool {
        matches!(
            self,
            Self::NotAnElector(_) | Self::UnknownElectorate(_) | Self::FormerElectorate { .. }
        )
    }

    /// The word for metrics: a closed list.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Unverified(_) => "vote_unverified",
            Self::NotAnElector(_) => "vote_not_an_elector",
            Self::NotAboutAVote => "vote_other_kind",
            Self::UnknownElectorate(_) => "vote_unknown_electorate",
            Self::FormerElectorate { .. } => "vote_former_electorate",
            Self::Malformed(_) => "vote_malformed",
            Self::UnknownProposal => "vote_unknown_proposal",
            Self::AnotherIsOpen => "vote_another_is_open",
            Self::OutsideTheVote { .. } => "vote_outside",
            Self::FromTheFuture(_) => "vote_future",
            Self::Outdated => "vote_outdated",
            Self::Liar => "vote_liar",
            Self::OtherArtifact => "vote_other_artifact",
            Self::NoDoubleVote(_) => "vote_proves_nothing",
            Self::NotDecided(_) => "vote_not_decided",
            Self::TooMany(_) => "vote_too_many",
            Self::TooManyAtOnce(_) => "vote_too_many_at_once",
            Self::Contradicted => "vote_contradicted",
        }
    }

    /// Every word that [`Refusal::label`] can give.
    pub const LABELS: [&'static str; 18] = [
        "vote_unverified",
        "vote_not_an_elector",
        "vote_other_kind",
        "vote_unknown_electorate",
        "vote_former_electorate",
        "vote_malformed",
        "vote_unknown_proposal",
        "vote_another_is_open",
        "vote_outside",
        "vote_future",
        "vote_outdated",
        "vote_liar",
        "vote_other_artifact",
        "vote_proves_nothing",
        "vote_not_decided",
        "vote_too_many",
        "vote_too_many_at_once",
        "vote_contradicted",
    ];
}
