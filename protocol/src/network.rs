//! Which network: its id, and the names of topics and protocols that follow from it.

use std::fmt;

use bincode::{Decode, Encode};

use crate::{
    digest::{Digest, Hasher},
    key::fingerprint,
};

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

    /// The rules that the network began with, and those that came after: votes in force, in their order.
    pub fn fork_digest(&self, in_force: &[Digest]) -> ForkDigest {
        let mut hasher = Hasher::with_context("updraft fork digest v1");
        hasher.update(&self.0);
        for proposal in in_force {
            hasher.update(proposal.as_bytes());
        }
        let [a, b, c, d, ..] = *hasher.finish().as_bytes();
        ForkDigest([a, b, c, d])
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

/// First four bytes of the hash of everything that changes what peers say to each other: nodes of different
/// networks, or under different rules, have different ones, so their gossip never meets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct ForkDigest(pub [u8; 4]);

impl ForkDigest {
    /// The gossip topic on which news are told under these rules.
    pub fn topic(&self) -> String {
        format!("updraft/{self}/heads")
    }

    /// Whether a topic could be one of ours.
    pub fn is_topic(topic: &str) -> bool {
        let fork = topic.strip_prefix("updraft/").and_then(|rest| rest.strip_suffix("/heads"));
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        fork.is_some_and(|fork| fork.len() == 8 && fork.bytes().all(hex))
    }
}

impl fmt::Display for ForkDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ForkDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Which rules a node follows, and when it expects others: what EIP-2124 calls a fork id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct ForkId {
    /// The network and every change in force.
    pub digest: ForkDigest,
    /// The epoch of the next change that is decided; `None` if none is known.
    pub next: Option<u64>,
}

/// What a connection says it is, by identify.
pub const IDENTIFY_PROTOCOL: &str = "/updraft/1";
/// The Kademlia of Updraft nodes.
pub const KAD_PROTOCOL: &str = "/updraft/kad/1";
/// For newcomers, and for nodes that were away or are too old for the rest. Frozen: no vote may change it.
pub const BOOTSTRAP_PROTOCOL: &str = "/updraft/bootstrap/1";
/// Heads and manifests for nodes that missed the gossip.
pub const CATCHUP_PROTOCOL: &str = "/updraft/catchup/1";
/// Objects and chunks.
pub const TRANSFER_PROTOCOL: &str = "/updraft/transfer/1";
/// Objects and many chunks at once; spoken from [`PACKED_SINCE`] on.
pub const PACKED_TRANSFER_PROTOCOL: &str = "/updraft/transfer/2";
/// The version of the node's protocol that brought packs of chunks, and [`PACKED_TRANSFER_PROTOCOL`] with them.
pub const PACKED_SINCE: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_networks_never_share_a_topic() {
        let (a, b) = (NetworkId::from_bytes([1; 32]), NetworkId::from_bytes([2; 32]));
        assert_ne!(a.fork_digest(&[]).topic(), b.fork_digest(&[]).topic());
        assert!(a.fork_digest(&[]).topic().starts_with("updraft/"));
    }

    #[test]
    fn what_is_in_force_and_in_which_order_makes_another_digest() {
        let network = NetworkId::from_bytes([1; 32]);
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let digests = [vec![], vec![a], vec![b], vec![a, b], vec![b, a]];
        let mut seen: Vec<ForkDigest> = digests.iter().map(|f| network.fork_digest(f)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), digests.len());
    }

    #[test]
    fn only_topics_of_this_form_are_taken_for_ours() {
        let topic = NetworkId::from_bytes([1; 32]).fork_digest(&[]).topic();
        assert!(ForkDigest::is_topic(&topic));
        for other in [
            "updraft/12345678/head",
            "updraft/1234567/heads",
            "updraft/1234567G/heads",
            "",
            "heads",
        ] {
            assert!(!ForkDigest::is_topic(other), "{other}");
        }
    }
}
