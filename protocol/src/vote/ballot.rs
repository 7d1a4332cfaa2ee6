//! How one elector stands on one proposal.
//!
//! An elector may change its mind until there is a certificate: of its ballots the one with the highest number counts.
//! Two different ones with one number prove that it has lied to somebody.

use bincode::{Decode, Encode};

use crate::{
    codec::{Invalid, Wire},
    digest::Digest,
    key::KeyId,
    limits::{MAX_REASON, MAX_SENTENCE},
    network::NetworkId,
    signed::{Sentence, Signable},
};

/// For it, against it, or neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Stance {
    /// For it; its node is not known to be able to.
    Yes,
    /// Against it.
    No,
    /// Neither. Counts like silence.
    Abstain,
    /// For it, and its node has the release staged and has tried it. Said by the node, not by hand.
    Ready {
        /// The manifest that was staged: one of the proposal's artifacts.
        artifact: Digest,
        /// Digest of what its self-test printed.
        selftest: Digest,
    },
    /// Call it off, also after it was decided, until shortly before the activation.
    Cancel,
}

impl Stance {
    /// Whether it is for the proposal.
    pub const fn is_for(&self) -> bool {
        matches!(self, Self::Yes | Self::Ready { .. })
    }

    /// The word for it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Abstain => "abstain",
            Self::Ready { .. } => "ready",
            Self::Cancel => "cancel",
        }
    }

    /// The stance that this word says in full; `None` for one that needs more than a word, as `ready` does, and for
    /// what is no stance.
    pub fn plain(word: &str) -> Option<Self> {
        [Self::Yes, Self::No, Self::Abstain, Self::Cancel]
            .into_iter()
            .find(|stance| stance.word() == word)
    }
}

/// One elector's word about one proposal.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Ballot {
    /// The network.
    pub network: NetworkId,
    /// The elector's key.
    pub by: KeyId,
    /// Digest of the proposal.
    pub proposal: Digest,
    /// Its number among this elector's ballots about this proposal, from 1.
    pub seq: u32,
    /// The epoch in which it was cast.
    pub epoch: u64,
    /// How it stands.
    pub stance: Stance,
    /// Why, in words.
    pub reason: String,
}

impl Wire for Ballot {
    const NAME: &'static str = "ballot";
    const MAX: usize = MAX_SENTENCE;

    fn check(&self) -> Result<(), Invalid> {
        Invalid::if_over("bytes of a reason", self.reason.len(), MAX_REASON)?;
        if self.seq == 0 {
            return Err(Invalid::new("ballot", "has number 0, and ballots begin at 1"));
        }
        Ok(())
    }
}

impl Signable for Ballot {
    const DOMAIN: &'static str = "updraft/ballot/v1";
    // The elector's. What somebody added on the way would be kept, passed on and put into certificates.
    const MOST_SIGNATURES: usize = 1;

    fn network(&self) -> &NetworkId {
        &self.network
    }
}

impl Sentence for Ballot {
    fn speaker(&self) -> KeyId {
        self.by
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stance_without_digests_is_said_by_its_word_and_by_no_other() {
        for stance in [Stance::Yes, Stance::No, Stance::Abstain, Stance::Cancel] {
            assert_eq!(Stance::plain(stance.word()), Some(stance));
        }
        let digest = Digest::of(b"release");
        let ready = Stance::Ready { artifact: digest, selftest: digest };
        for other in [ready.word(), "", "YES", "perhaps"] {
            assert_eq!(Stance::plain(other), None, "{other:?}");
        }
    }
}
