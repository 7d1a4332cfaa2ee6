//! Why an offered object was not taken, and what that says about whoever sent it.

use updraft_protocol::{
    ChannelName, Digest, Timestamp, codec::DecodeError, head::ChainError, root::RootError,
    signed::VerifyError,
};

/// What gossip is told about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Good; pass it on.
    Accept,
    /// Of no use, through nobody's fault; do not pass it on.
    Ignore,
    /// No honest node would have sent it; its sender pays.
    Reject,
}

/// Why something was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The bytes or the signatures do not stand.
    #[error(transparent)]
    Unverified(#[from] VerifyError),
    /// The channel is not in the trust root.
    #[error("channel `{0}` is not in the trust root")]
    UnknownChannel(ChannelName),
    /// It does not continue its channel.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The root chain does not lead to it.
    #[error(transparent)]
    Root(#[from] RootError),
    /// It was signed later than any clock error explains.
    #[error("it is signed for {signed}, which is in the future")]
    FromTheFuture {
        /// Its time.
        signed: Timestamp,
    },
    /// It was offered as news and had already run out.
    #[error("it expired at {expired}")]
    Expired {
        /// When.
        expired: Timestamp,
    },
    /// No trusted head lists the manifest.
    #[error("no trusted head lists manifest {0}")]
    NotListed(Digest),
    /// A head lists it as something else than it is.
    #[error("the head lists manifest {manifest} as `{listed}`, it is `{is}`")]
    ListedOtherwise {
        /// Its digest.
        manifest: Digest,
        /// What the head says.
        listed: String,
        /// What it says.
        is: String,
    },
}

impl Refusal {
    /// What gossip should hear. Only what no honest node sends is rejected; being late, early or ahead is not.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Unverified(VerifyError::Decode(DecodeError::UnknownKind { .. })) => {
                Verdict::Ignore
            }
            Self::Unverified(_) | Self::ListedOtherwise { .. } => Verdict::Reject,
            Self::Root(RootError::OldKeys { .. } | RootError::OwnKeys { .. }) => Verdict::Reject,
            // A node on another root version may know other channels and other keys.
            Self::UnknownChannel(_)
            | Self::Chain(_)
            | Self::Root(_)
            | Self::FromTheFuture { .. }
            | Self::Expired { .. }
            | Self::NotListed(_) => Verdict::Ignore,
        }
    }

    /// Whether a node that follows a newer root could have taken it.
    pub fn may_be_a_newer_root(&self) -> bool {
        matches!(self, Self::UnknownChannel(_) | Self::Unverified(VerifyError::Threshold(_)))
    }

    /// The word for metrics: a closed list.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Unverified(VerifyError::Decode(_)) => "undecodable",
            Self::Unverified(VerifyError::WrongNetwork { .. }) => "wrong_network",
            Self::Unverified(VerifyError::OtherThanNamed { .. }) => "other_than_named",
            Self::Unverified(VerifyError::Threshold(_)) => "threshold_not_met",
            Self::UnknownChannel(_) => "unknown_channel",
            Self::Chain(ChainError::Older { .. } | ChainError::Known { .. }) => "older_than_seen",
            Self::Chain(ChainError::Forked { .. }) => "forked",
            Self::Chain(ChainError::Gap { .. } | ChainError::WrongLink { .. }) => "not_linked",
            Self::Root(_) => "root",
            Self::FromTheFuture { .. } => "future",
            Self::Expired { .. } => "expired",
            Self::NotListed(_) => "not_listed",
            Self::ListedOtherwise { .. } => "listed_otherwise",
        }
    }

    /// Every word that [`Refusal::label`] can give.
    pub const LABELS: [&'static str; 13] = [
        "undecodable",
        "wrong_network",
        "other_than_named",
        "threshold_not_met",
        "unknown_channel",
        "older_than_seen",
        "forked",
        "not_linked",
        "root",
        "future",
        "expired",
        "not_listed",
        "listed_otherwise",
    ];
}
