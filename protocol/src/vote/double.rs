//! Two ballots of one elector with one number: whom it told what depends on who asked.

use bincode::{Decode, Encode};

use crate::{
    codec::{Invalid, Wire},
    digest::{Digest, Hasher},
    key::KeyId,
    network::NetworkId,
    root::Electorate,
    signed::{Signed, VerifyError},
};

use super::ballot::Ballot;

/// Two ballots that exclude each other, as they were received.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DoubleVote {
    first: Signed<Ballot>,
    second: Signed<Ballot>,
}

/// Why two ballots prove nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoDoubleVote {
    /// One of them is not by an elector, or not for this network.
    #[error(transparent)]
    Unverified(#[from] VerifyError),
    /// They are of different keys, proposals or numbers, or the same.
    #[error("the two ballots do not exclude each other")]
    NoConflict,
}

impl DoubleVote {
    /// Puts two ballots together, in the order of their digests.
    pub fn new(one: Signed<Ballot>, other: Signed<Ballot>) -> Self {
        let (first, second) =
            if one.digest() <= other.digest() { (one, other) } else { (other, one) };
        Self { first, second }
    }

    /// Both ballots.
    pub fn ballots(&self) -> [&Signed<Ballot>; 2] {
        [&self.first, &self.second]
    }

    /// Its name: of both payloads.
    pub fn id(&self) -> Digest {
        let mut hasher = Hasher::new();
        hasher.update(self.first.digest().as_bytes());
        hasher.update(self.second.digest().as_bytes());
        hasher.finish()
    }

    /// The proposal that the first is about: whose electorate has to judge.
    pub fn proposal(&self) -> Option<Digest> {
        self.first.peek().ok().map(|ballot| ballot.proposal)
    }

    /// The elector whom it accuses, rightly or not.
    pub fn by(&self) -> Option<KeyId> {
        self.first.peek().ok().map(|ballot| ballot.by)
    }

    /// The proposal, and the elector who lied about it, to whoever knows the electorate.
    pub fn judge(
        &self,
        electorate: &Electorate,
        network: &NetworkId,
    ) -> Result<(Digest, KeyId), NoDoubleVote> {
        let [one, other] = [&self.first, &self.second]
            .map(|signed| electorate.verify(signed, network).map_err(NoDoubleVote::from));
        let (one, other) = (one?, other?);
        let same = (one.by, one.proposal, one.seq) == (other.by, other.proposal, other.seq);
        if !same || one.digest() == other.digest() {
            return Err(NoDoubleVote::NoConflict);
        }
        Ok((one.proposal, one.by))
    }
}

impl Wire for DoubleVote {
    const NAME: &'static str = "proof of two ballots";
    const MAX: usize = 2 * Signed::<Ballot>::MAX;

    fn check(&self) -> Result<(), Invalid> {
        self.first.check()?;
        self.second.check()?;
        let digests = [self.first.digest(), self.second.digest()];
        Invalid::if_unsorted("the two ballots", digests.iter())
    }
}
