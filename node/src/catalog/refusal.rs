//! Why an offered object was not taken, and what that says about whoever sent it.

use updraft_protocol::{
    ChannelName, Digest, KeyId, Timestamp, codec::DecodeError, equivocation::ProvesNothing,
    head::ChainError, root::RootError, signed::VerifyError,
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

/// Who signed a time that this node's clock has not reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// A witness.
    Witness(KeyId),
    /// The release threshold of a channel.
    Publishers(ChannelName),
    /// Somebody on whose time nothing rests.
    Anybody,
}

/// Why something was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The bytes or the signatures do not stand.
    #[error(transparent)]
    Unverified(#[from] VerifyError),
    /// Too few keys that we know signed it; with keys that we do not know they would be enough.
    #[error(
        "signed by {have} of the {need} keys needed, and by keys that are not in the trust root"
    )]
    UnknownKeys {
        /// Distinct known keys.
        have: usize,
        /// The threshold.
        need: usize,
    },
    /// Fewer keys signed it than the role asks for, and an earlier root may have asked for fewer.
    #[error("signed by {have} of the {need} keys that are needed now")]
    TooFewNow {
        /// Distinct known keys.
        have: usize,
        /// The threshold.
        need: usize,
    },
    /// Enough keys signed it, but one of them took itself back.
    #[error("a key that signed it has revoked itself")]
    RevokedKey,
    /// The channel is not in the trust root.
    #[error("channel `{0}` is not in the trust root")]
    UnknownChannel(ChannelName),
    /// It does not continue its channel.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The root chain does not lead to it.
    #[error(transparent)]
    Root(#[from] RootError),
    /// Its channel is frozen.
    #[error("channel `{0}` is frozen: it has two histories, or too few keys")]
    Frozen(ChannelName),
    /// The kept head of the channel is not on the way that the root names.
    #[error("channel `{0}` goes on from another head now")]
    OffTheBase(ChannelName),
    /// No role of the root lets anybody say this.
    #[error("the trust root has no {0} keys")]
    NoSuchRole(&'static str),
    /// The same key has said something newer.
    #[error("it is known, or something newer is")]
    Outdated,
    /// The same key has said the same a short while ago.
    #[error("its key has said so a short while ago")]
    TooSoon,
    /// The same witness vouches for another head of this number.
    #[error("witness {by} has vouched for another head of this number")]
    Contradicted {
        /// The witness.
        by: KeyId,
    },
    /// The key's places are taken.
    #[error("key {by} has said as much as is kept of one key")]
    Full {
        /// The key.
        by: KeyId,
    },
    /// A proof with a signature that is not good.
    #[error("a signature in the proof is not good")]
    SpoiltProof,
    /// Two heads that prove nothing against anybody.
    #[error(transparent)]
    ProvesNothing(#[from] ProvesNothing),
    /// It was signed later than any clock error explains.
    #[error("it is signed for {signed}, which is in the future")]
    FromTheFuture {
        /// Its time.
        signed: Timestamp,
        /// Who says so.
        says: Says,
    },
    /// It was offered as news and had already run out.
    #[error("it expired at {expired}")]
    Expired {
        /// When.
        expired: Timestamp,
    },
    /// It is about a vote, and who votes is judged elsewhere.
    #[error("it is about a vote")]
    AboutAVote,
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
            Self::ProvesNothing(ProvesNothing::UnknownChannel(_) | ProvesNothing::NoCulprit(_)) => {
                Verdict::Ignore
            }
            Self::Unverified(_) | Self::ProvesNothing(_) => Verdict::Reject,
            Self::AboutAVote => Verdict::Ignore,
            Self::Root(RootError::OldKeys { .. } | RootError::OwnKeys { .. }) => Verdict::Reject,
            // A node on another root version may know other channels and other keys; one that was away may not
            // know what was revoked, paused or said since.
            Self::UnknownKeys { .. }
            | Self::TooFewNow { .. }
            | Self::SpoiltProof
            | Self::RevokedKey
            | Self::Frozen(_)
            | Self::OffTheBase(_)
            | Self::NoSuchRole(_)
            | Self::Outdated
            | Self::TooSoon
            | Self::Contradicted { .. }
            | Self::Full { .. }
            | Self::UnknownChannel(_)
            | Self::Chain(_)
            | Self::Root(_)
            | Self::FromTheFuture { .. }
            | Self::Expired { .. }
            | Self::NotListed(_)
            // The keys that signed the head have misnamed it, and not who gives it.
            | Self::ListedOtherwise { .. } => Verdict::Ignore,
        }
    }

    /// Whether a node that follows a newer root could have taken it.
    pub fn may_be_a_newer_root(&self) -> bool {
        matches!(self, Self::UnknownChannel(_) | Self::UnknownKeys { .. } | Self::NoSuchRole(_))
    }

    /// The word for metrics: a closed list.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Unverified(VerifyError::Decode(_)) => "undecodable",
            Self::Unverified(VerifyError::WrongNetwork { .. }) => "wrong_network",
            Self::Unverified(VerifyError::OtherThanNamed { .. }) => "other_than_named",
            Self::Unverified(VerifyError::Threshold(_)) => "threshold_not_met",
            Self::UnknownKeys { .. } => "unknown_keys",
            Self::TooFewNow { .. } => "too_few_now",
            Self::RevokedKey => "revoked_key",
            Self::Frozen(_) => "frozen",
            Self::OffTheBase(_) => "off_the_base",
            Self::NoSuchRole(_) => "no_such_role",
            Self::Outdated => "outdated",
            Self::TooSoon => "too_soon",
            Self::Contradicted { .. } => "contradicted",
            Self::Full { .. } => "full",
            Self::SpoiltProof => "spoilt_proof",
            Self::ProvesNothing(_) => "proves_nothing",
            Self::UnknownChannel(_) => "unknown_channel",
            Self::Chain(ChainError::Older { .. }) => "older_than_seen",
            Self::Chain(ChainError::Known { .. }) => "known",
            Self::Chain(ChainError::Forked { .. }) => "forked",
            Self::Chain(ChainError::Gap { .. }) => "missing_links",
            Self::Chain(ChainError::WrongLink { .. }) => "not_linked",
            Self::Root(RootError::NotTheOneNamed { .. }) => "root_other_than_named",
            Self::Root(RootError::WrongVersion { .. }) => "root_version",
            Self::Root(RootError::WrongLink { .. }) => "root_not_linked",
            Self::Root(RootError::OldKeys { .. }) => "root_old_keys",
            Self::Root(RootError::OwnKeys { .. }) => "root_own_keys",
            Self::Root(RootError::Forgets { .. }) => "root_forgets",
            Self::Root(RootError::DropsChannel { .. }) => "root_drops_channel",
            Self::Root(RootError::NoBase { .. }) => "root_no_base",
            Self::Root(RootError::Electorate { .. }) => "root_electorate",
            Self::Root(RootError::Uncounts { .. }) => "root_uncounts",
            Self::FromTheFuture { .. } => "future",
            Self::Expired { .. } => "expired",
            Self::NotListed(_) => "not_listed",
            Self::AboutAVote => "about_a_vote",
            Self::ListedOtherwise { .. } => "listed_otherwise",
        }
    }

    /// Every word that [`Refusal::label`] can give.
    pub const LABELS: [&'static str; 37] = [
        "undecodable",
        "wrong_network",
        "other_than_named",
        "threshold_not_met",
        "unknown_keys",
        "too_few_now",
        "revoked_key",
        "frozen",
        "off_the_base",
        "no_such_role",
        "outdated",
        "too_soon",
        "contradicted",
        "full",
        "spoilt_proof",
        "proves_nothing",
        "unknown_channel",
        "older_than_seen",
        "known",
        "forked",
        "missing_links",
        "not_linked",
        "root_other_than_named",
        "root_version",
        "root_not_linked",
        "root_old_keys",
        "root_own_keys",
        "root_forgets",
        "root_drops_channel",
        "root_no_base",
        "root_electorate",
        "root_uncounts",
        "future",
        "expired",
        "not_listed",
        "about_a_vote",
        "listed_otherwise",
    ];
}
