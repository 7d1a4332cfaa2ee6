//! Who a node is on the network: its key, and the name others know it by.
//!
//! This file never reads or writes key files; whoever starts the room hands the 32 bytes over. A node key
//! proves which machine is speaking and nothing else: no release and no vote is believed because of it.

use std::{fmt, str::FromStr};

use libp2p::identity::{DecodingError, Keypair};

/// Bytes that a peer id takes: a hash header of two bytes and at most 64 of contents.
const MAX_PEER_ID: usize = 66;

/// The name of a node: a hash of its public key, so nobody can take another's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(libp2p::PeerId);

/// Bytes or text that name no peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a peer id: expected text like `12D3KooW…` (52 characters)")]
pub struct InvalidPeerId;

impl PeerId {
    /// Reads the binary form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidPeerId> {
        if bytes.len() > MAX_PEER_ID {
            return Err(InvalidPeerId);
        }
        libp2p::PeerId::from_bytes(bytes).map(Self).map_err(|_| InvalidPeerId)
    }

    /// The binary form.
    pub fn to_bytes(self) -> Vec<u8> {
        self.0.to_bytes()
    }

    /// The last eight characters: what differs between peers, whose ids all begin alike.
    pub fn short(&self) -> String {
        let text = self.0.to_base58();
        text.get(text.len().saturating_sub(8)..).unwrap_or(&text).to_owned()
    }

    pub(super) const fn inner(self) -> libp2p::PeerId {
        self.0
    }
}

impl From<libp2p::PeerId> for PeerId {
    fn from(id: libp2p::PeerId) -> Self {
        Self(id)
    }
}

impl FromStr for PeerId {
    type Err = InvalidPeerId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > 2 * MAX_PEER_ID {
            return Err(InvalidPeerId);
        }
        text.parse().map(Self).map_err(|_| InvalidPeerId)
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

/// The ed25519 key of a node. Shows only its public name.
#[derive(Clone)]
pub struct NodeKey(Keypair);

impl NodeKey {
    /// Takes a secret of 32 bytes, which are overwritten; the same secret is the same node.
    pub fn from_seed(mut seed: [u8; 32]) -> Result<Self, InvalidNodeKey> {
        Keypair::ed25519_from_bytes(&mut seed).map(Self).map_err(InvalidNodeKey)
    }

    /// Draws a new key from the system's randomness.
    pub fn generate() -> Self {
        Self(Keypair::generate_ed25519())
    }

    /// The name others know this node by.
    pub fn peer_id(&self) -> PeerId {
        PeerId(self.0.public().to_peer_id())
    }

    pub(super) fn into_keypair(self) -> Keypair {
        self.0
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKey({:?})", self.peer_id())
    }
}

/// Bytes that are no ed25519 secret.
#[derive(Debug, thiserror::Error)]
#[error("not a node key")]
pub struct InvalidNodeKey(#[source] DecodingError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_is_one_node() {
        let key = |byte| NodeKey::from_seed([byte; 32]).expect("any 32 bytes are a key");
        assert_eq!(key(7).peer_id(), key(7).peer_id());
        assert_ne!(key(7).peer_id(), key(8).peer_id());
    }

    #[test]
    fn a_peer_id_reads_back_from_text_and_bytes() {
        let id = NodeKey::generate().peer_id();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(PeerId::from_bytes(&id.to_bytes()), Ok(id));
        assert!(id.to_string().ends_with(&id.short()));
    }

    #[test]
    fn text_that_names_nobody_is_refused() {
        assert_eq!("".parse::<PeerId>(), Err(InvalidPeerId));
        assert_eq!("x".repeat(10_000).parse::<PeerId>(), Err(InvalidPeerId));
        assert_eq!(PeerId::from_bytes(&[0; 4_096]), Err(InvalidPeerId));
    }

    #[test]
    fn a_key_never_shows_its_secret() {
        let key = NodeKey::from_seed([9; 32]).expect("any 32 bytes are a key");
        assert_eq!(format!("{key:?}"), format!("NodeKey({})", key.peer_id().short()));
    }
}
