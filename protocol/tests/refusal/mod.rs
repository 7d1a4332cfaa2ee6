//! Every refusal of the library by name, so that attacks can say which one they expect, and none goes untried.

use std::error::Error as _;

use updraft_protocol::{
    codec::DecodeError,
    equivocation::ProvesNothing,
    head::ChainError,
    root::RootError,
    signed::VerifyError,
    vote::{MalformedProposal, NoDoubleVote, NotDecided},
};

/// What a victim says: which refusal, step by step, and in which words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// One of [`ALL`], or a step of one and what was met in it.
    pub(crate) kind: String,
    /// The words, those of its sources behind it.
    pub(crate) says: String,
}

/// Every refusal there is but `NotCanonical`, which no type of the wire can earn: the codec's own tests do.
pub(crate) const ALL: [&str; 50] = [
    "decode too large",
    "decode unknown kind",
    "decode malformed",
    "decode trailing bytes",
    "decode invalid",
    "verify threshold",
    "verify wrong network",
    "verify other than named",
    "verify decode trailing bytes",
    "verify decode invalid",
    "root not the one named",
    "root wrong version",
    "root wrong link",
    "root old keys: verify threshold",
    "root old keys: verify wrong network",
    "root own keys: verify threshold",
    "root own keys: verify decode malformed",
    "root forgets",
    "root drops channel",
    "root no base",
    "root electorate",
    "root uncounts",
    "chain older",
    "chain forked",
    "chain gap",
    "chain wrong link",
    "chain known",
    "proof verify wrong network",
    "proof verify decode malformed",
    "proof no conflict",
    "proof unknown channel",
    "proof no culprit",
    "vote too short",
    "vote without lead",
    "vote without grace",
    "vote too long",
    "certificate verify threshold",
    "certificate verify wrong network",
    "certificate verify decode malformed",
    "certificate vote without lead",
    "certificate other electorate",
    "certificate other proposal",
    "certificate other artifact",
    "certificate twice",
    "certificate unordered",
    "certificate outside the vote",
    "certificate too few",
    "double vote verify threshold",
    "double vote verify wrong network",
    "double vote no conflict",
];

fn decode_kind(error: &DecodeError) -> &'static str {
    match error {
        DecodeError::TooLarge { .. } => "decode too large",
        DecodeError::UnknownKind { .. } => "decode unknown kind",
        DecodeError::Malformed { .. } => "decode malformed",
        DecodeError::TrailingBytes { .. } => "decode trailing bytes",
        DecodeError::NotCanonical { .. } => "decode not canonical",
        DecodeError::Invalid { .. } => "decode invalid",
    }
}

fn verify_kind(error: &VerifyError) -> String {
    match error {
        VerifyError::Decode(error) => format!("verify {}", decode_kind(error)),
        VerifyError::WrongNetwork { .. } => "verify wrong network".to_owned(),
        VerifyError::OtherThanNamed { .. } => "verify other than named".to_owned(),
        VerifyError::Threshold(_) => "verify threshold".to_owned(),
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        Self { kind: decode_kind(&error).to_owned(), says: error.to_string() }
    }
}

impl From<VerifyError> for Refusal {
    fn from(error: VerifyError) -> Self {
        Self { kind: verify_kind(&error), says: error.to_string() }
    }
}

impl From<RootError> for Refusal {
    fn from(error: RootError) -> Self {
        let kind = match &error {
            RootError::NotTheOneNamed { .. } => "root not the one named".to_owned(),
            RootError::WrongVersion { .. } => "root wrong version".to_owned(),
            RootError::WrongLink { .. } => "root wrong link".to_owned(),
            RootError::OldKeys { source, .. } => format!("root old keys: {}", verify_kind(source)),
            RootError::OwnKeys { source, .. } => format!("root own keys: {}", verify_kind(source)),
            RootError::DropsChannel { .. } => "root drops channel".to_owned(),
            RootError::Forgets { .. } => "root forgets".to_owned(),
            RootError::NoBase { .. } => "root no base".to_owned(),
            RootError::Electorate { .. } => "root electorate".to_owned(),
            RootError::Uncounts { .. } => "root uncounts".to_owned(),
        };
        let says = match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        Self { kind, says }
    }
}

impl From<ChainError> for Refusal {
    fn from(error: ChainError) -> Self {
        let kind = match &error {
            ChainError::Older { .. } => "chain older",
            ChainError::Forked { .. } => "chain forked",
            ChainError::Gap { .. } => "chain gap",
            ChainError::WrongLink { .. } => "chain wrong link",
            ChainError::Known { .. } => "chain known",
        };
        Self { kind: kind.to_owned(), says: error.to_string() }
    }
}

impl From<ProvesNothing> for Refusal {
    fn from(error: ProvesNothing) -> Self {
        let kind = match &error {
            ProvesNothing::Unverified(source) => format!("proof {}", verify_kind(source)),
            ProvesNothing::NoConflict => "proof no conflict".to_owned(),
            ProvesNothing::UnknownChannel(_) => "proof unknown channel".to_owned(),
            ProvesNothing::NoCulprit(_) => "proof no culprit".to_owned(),
        };
        Self { kind, says: error.to_string() }
    }
}

fn vote_kind(error: &MalformedProposal) -> &'static str {
    match error {
        MalformedProposal::Voting { .. } => "vote too short",
        MalformedProposal::Lead { .. } => "vote without lead",
        MalformedProposal::Grace { .. } => "vote without grace",
        MalformedProposal::Life { .. } => "vote too long",
        MalformedProposal::Readiness { .. } => "vote untried",
    }
}

impl From<MalformedProposal> for Refusal {
    fn from(error: MalformedProposal) -> Self {
        Self { kind: vote_kind(&error).to_owned(), says: error.to_string() }
    }
}

impl From<NotDecided> for Refusal {
    fn from(error: NotDecided) -> Self {
        let kind = match &error {
            NotDecided::Unverified(source) => verify_kind(source),
            NotDecided::Malformed(source) => vote_kind(source).to_owned(),
            NotDecided::Electorate { .. } => "other electorate".to_owned(),
            NotDecided::OtherProposal => "other proposal".to_owned(),
            NotDecided::OtherArtifact => "other artifact".to_owned(),
            NotDecided::Twice => "twice".to_owned(),
            NotDecided::Unordered => "unordered".to_owned(),
            NotDecided::OutsideTheVote { .. } => "outside the vote".to_owned(),
            NotDecided::TooFew => "too few".to_owned(),
        };
        Self { kind: format!("certificate {kind}"), says: error.to_string() }
    }
}

impl From<NoDoubleVote> for Refusal {
    fn from(error: NoDoubleVote) -> Self {
        let kind = match &error {
            NoDoubleVote::Unverified(source) => format!("double vote {}", verify_kind(source)),
            NoDoubleVote::NoConflict => "double vote no conflict".to_owned(),
        };
        Self { kind, says: error.to_string() }
    }
}
