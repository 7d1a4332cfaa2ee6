//! A key takes itself back, by its own signature: whoever finds it stolen can stop it at once, from anywhere.
//!
//! Nobody can take back the key of somebody else; that needs the root. A thief who revokes the stolen key does
//! what its owner wants.

use bincode::{Decode, Encode};

use crate::{
    codec::{Invalid, Wire},
    key::KeyId,
    limits::{MAX_REASON, MAX_SENTENCE},
    network::NetworkId,
    signed::{Sentence, Signable},
    time::Timestamp,
};

/// A key says that it counts no more.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Revocation {
    /// The network.
    pub network: NetworkId,
    /// The key that is taken back, and signs.
    pub key: KeyId,
    /// When.
    pub time: Timestamp,
    /// Why, in words.
    pub reason: String,
}

impl Wire for Revocation {
    const NAME: &'static str = "revocation";
    const MAX: usize = MAX_SENTENCE;

    fn check(&self) -> Result<(), Invalid> {
        Invalid::if_over("bytes of a reason", self.reason.len(), MAX_REASON)
    }
}

impl Signable for Revocation {
    const DOMAIN: &'static str = "updraft/revocation/v1";

    fn network(&self) -> &NetworkId {
        &self.network
    }
}

impl Sentence for Revocation {
    fn speaker(&self) -> KeyId {
        self.key
    }
}
