//! What is said beside heads: by single keys, or as proof against keys. All of it stands for itself, is gossiped,
//! kept, and given to whoever asks.

use bincode::{Decode, Encode};

use crate::{
    attestation::BuildAttestation,
    brake::{Brake, Lift},
    codec::{Invalid, Wire},
    digest::{Digest, Hasher},
    equivocation::Equivocation,
    heartbeat::Heartbeat,
    limits::MAX_CERTIFICATE,
    revocation::Revocation,
    signed::Signed,
    vote::{Ballot, Certificate, DoubleVote, Proposal},
};

/// One of them; believed by nobody yet.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Statement {
    /// A witness names the newest head.
    Heartbeat(Signed<Heartbeat>),
    /// A brake key pauses a release.
    Brake(Signed<Brake>),
    /// The release keys end pauses.
    Lift(Signed<Lift>),
    /// A key takes itself back.
    Revocation(Signed<Revocation>),
    /// A builder says what it got.
    Attestation(Signed<BuildAttestation>),
    /// A channel has two histories.
    Equivocation(Equivocation),
    /// An elector opens a vote.
    Proposal(Signed<Proposal>),
    /// An elector votes.
    Ballot(Signed<Ballot>),
    /// A vote is decided.
    Certificate(Box<Certificate>),
    /// An elector has voted twice.
    DoubleVote(DoubleVote),
}

impl Statement {
    /// Its name: a hash of its kind and its payload, whoever signed it.
    pub fn id(&self) -> Digest {
        let (kind, payload): (u8, Digest) = match self {
            Self::Heartbeat(signed) => (0, signed.digest()),
            Self::Brake(signed) => (1, signed.digest()),
            Self::Lift(signed) => (2, signed.digest()),
            Self::Revocation(signed) => (3, signed.digest()),
            Self::Attestation(signed) => (4, signed.digest()),
            Self::Equivocation(proof) => (5, proof.id()),
            Self::Proposal(signed) => (6, signed.digest()),
            Self::Ballot(signed) => (7, signed.digest()),
            Self::Certificate(certificate) => (8, certificate.id()),
            Self::DoubleVote(proof) => (9, proof.id()),
        };
        let mut hasher = Hasher::new();
        hasher.update(&[kind]);
        hasher.update(payload.as_bytes());
        hasher.finish()
    }

    /// The word for what it is.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Heartbeat(_) => "heartbeat",
            Self::Brake(_) => "brake",
            Self::Lift(_) => "lift",
            Self::Revocation(_) => "revocation",
            Self::Attestation(_) => "attestation",
            Self::Equivocation(_) => "equivocation",
            Self::Proposal(_) => "proposal",
            Self::Ballot(_) => "ballot",
            Self::Certificate(_) => "certificate",
            Self::DoubleVote(_) => "double vote",
        }
    }

    /// Whether it is about a vote: those are judged by the rules of votes, all others by those of trust.
    pub const fn is_about_a_vote(&self) -> bool {
        matches!(
            self,
            Self::Proposal(_) | Self::Ballot(_) | Self::Certificate(_) | Self::DoubleVote(_)
        )
    }

    /// A name for a set of statements: two nodes that know the same have the same. Ids in ascending order.
    pub fn fingerprint<'a>(ids: impl IntoIterator<Item = &'a Digest>) -> Digest {
        let mut hasher = Hasher::new();
        for id in ids {
            hasher.update(id.as_bytes());
        }
        hasher.finish()
    }
}

impl Wire for Statement {
    const NAME: &'static str = "statement";
    const MAX: usize = {
        assert!(Equivocation::MAX < MAX_CERTIFICATE);
        4 + MAX_CERTIFICATE
    };

    fn check(&self) -> Result<(), Invalid> {
        match self {
            Self::Heartbeat(signed) => signed.check(),
            Self::Brake(signed) => signed.check(),
            Self::Lift(signed) => signed.check(),
            Self::Revocation(signed) => signed.check(),
            Self::Attestation(signed) => signed.check(),
            Self::Equivocation(proof) => proof.check(),
            Self::Proposal(signed) => signed.check(),
            Self::Ballot(signed) => signed.check(),
            Self::Certificate(certificate) => certificate.check(),
            Self::DoubleVote(proof) => proof.check(),
        }
    }
}
