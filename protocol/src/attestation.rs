//! A builder says what it got when it built a release again from its sources.
//!
//! A node can ask for several builders who agree before it installs. Two results from one source are shown, with
//! both digests, whoever is right.

use bincode::{Decode, Encode};

use crate::{
    codec::Wire,
    digest::Digest,
    key::KeyId,
    limits::MAX_SENTENCE,
    name::{ComponentName, Target},
    network::NetworkId,
    signed::{Sentence, Signable},
    time::Timestamp,
    version::ReleaseVersion,
};

/// One builder's result.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct BuildAttestation {
    /// The network.
    pub network: NetworkId,
    /// The builder's key.
    pub by: KeyId,
    /// What was built.
    pub component: ComponentName,
    /// Its version.
    pub version: ReleaseVersion,
    /// For which machines.
    pub target: Target,
    /// Digest of the sources.
    pub source: Digest,
    /// Digest of the [`Tree`](crate::Tree) that came out.
    pub tree: Digest,
    /// When it was built.
    pub time: Timestamp,
}

impl Wire for BuildAttestation {
    const NAME: &'static str = "build attestation";
    const MAX: usize = MAX_SENTENCE;
}

impl Signable for BuildAttestation {
    const DOMAIN: &'static str = "updraft/build-attestation/v1";

    fn network(&self) -> &NetworkId {
        &self.network
    }
}

impl Sentence for BuildAttestation {
    fn speaker(&self) -> KeyId {
        self.by
    }
}
