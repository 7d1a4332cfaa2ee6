//! Which network: its id, and the names of topics and protocols that follow from it.

use std::fmt;

use bincode::{Decode, Encode};

use crate::{digest::Digest, key::fingerprint};

/// Random 32 bytes drawn when a network is made; part of every signature, so that networks never mix.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct NetworkId([u8; 32]);

impl NetworkId {
    /// Takes 32 bytes as an id. Whoever makes a network answers for their randomness.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// First four bytes of the hash of everything that changes what peers say to each other. Nodes of
    /// different networks have different digests, so their gossip never meets.
    pub fn fork_digest(&self) -> [u8; 4] {
        let digest = Digest::of_with_context("updraft fork digest v1", &self.0);
        let [a, b, c, d, ..] = *digest.as_bytes();
        [a, b, c, d]
    }

    /// The gossip topic on which heads of this network are announced.
    pub fn heads_topic(&self) -> String {
        let fork = self.fork_digest();
        format!("updraft/{:02x}{:02x}{:02x}{:02x}/heads", fork[0], fork[1], fork[2], fork[3])
    }
}

impl fmt::Display for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fingerprint(&Digest::from_bytes(self.0), f)
    }
}

impl fmt::Debug for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a connection says it is, by identify.
pub const IDENTIFY_PROTOCOL: &str = "/updraft/1";
/// The Kademlia of Updraft nodes.
pub const KAD_PROTOCOL: &str = "/updraft/kad/1";
/// Root chain for newcomers and for nodes that were away. Frozen: no upgrade of the protocol may change it.
pub const BOOTSTRAP_PROTOCOL: &str = "/updraft/bootstrap/1";
/// Heads and manifests for nodes that missed the gossip.
pub const CATCHUP_PROTOCOL: &str = "/updraft/catchup/1";
/// Objects and chunks.
pub const TRANSFER_PROTOCOL: &str = "/updraft/transfer/1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_networks_never_share_a_topic() {
        let (a, b) = (NetworkId::from_bytes([1; 32]), NetworkId::from_bytes([2; 32]));
        assert_ne!(a.heads_topic(), b.heads_topic());
        assert!(a.heads_topic().starts_with("updraft/"));
    }
}
