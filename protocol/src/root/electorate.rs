//! Who votes on upgrades of the protocol: a list that the root signs, never "whoever is there", because whoever
//! makes the most keys would decide. Must not count votes; that is the tally's business.

use bincode::{Decode, Encode};

use crate::{
    codec::Invalid,
    key::{KeyId, PublicKey},
    limits::MAX_ELECTORS,
    name::OperatorName,
    network::NetworkId,
    signed::{Sentence, Signed, Verified, VerifyError},
    threshold::{Role, ThresholdNotMet},
};

/// One key that votes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Elector {
    /// Its key, which a node holds.
    pub key: PublicKey,
    /// What its vote weighs, at least 1.
    pub weight: u32,
    /// Whoever runs the node: weights of one operator are capped together.
    pub operator: OperatorName,
}

/// Everybody who votes, from one epoch on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Electorate {
    /// The number of the list, which grows with every change of it; a proposal names the one that votes on it.
    pub epoch: u64,
    /// The electors, by key id.
    pub electors: Vec<Elector>,
}

impl Electorate {
    /// These electors, in the order that a root demands.
    pub fn new(epoch: u64, mut electors: Vec<Elector>) -> Self {
        electors.sort_by_key(|elector| elector.key.id());
        Self { epoch, electors }
    }

    /// Weight of all electors together.
    pub fn total_weight(&self) -> u64 {
        self.electors.iter().map(|elector| u64::from(elector.weight)).sum()
    }

    /// The elector of this key.
    pub fn elector(&self, key: &KeyId) -> Option<&Elector> {
        let at = self.electors.binary_search_by_key(key, |elector| elector.key.id());
        at.ok().map(|at| &self.electors[at])
    }

    /// Believes what an elector says alone, in `network`.
    pub fn verify<T: Sentence>(
        &self,
        signed: &Signed<T>,
        network: &NetworkId,
    ) -> Result<Verified<T>, VerifyError> {
        let speaker = signed.peek()?.speaker();
        let nobody = || VerifyError::Threshold(ThresholdNotMet { have: 0, need: 1 });
        let elector = self.elector(&speaker).ok_or_else(nobody)?;
        let role = Role::new(1, vec![elector.key]).map_err(|_| nobody())?;
        signed.verify_sentence(network, &role)
    }

    pub(super) fn check(&self) -> Result<(), Invalid> {
        Invalid::if_over("electors", self.electors.len(), MAX_ELECTORS)?;
        Invalid::if_unsorted("electors", self.electors.iter().map(|elector| elector.key.id()))?;
        if self.electors.is_empty() {
            return Err(Invalid::new("electorate", "has nobody in it"));
        }
        if self.electors.iter().any(|elector| elector.weight == 0) {
            return Err(Invalid::new("electorate", "has a vote that weighs nothing"));
        }
        Ok(())
    }
}
