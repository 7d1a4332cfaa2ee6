//! The one place where the agent meets the second version of transfer in the network room: who offers it, and how it
//! is asked. Says nothing about whether it may be spoken; that is decided by the vote ([`super::context::Packs`]).
//!
//! The network room speaks the first version and no other. So nobody is known to offer the second one, and a packed
//! question is asked in the words of the first: of the chunks the first alone, which is an answer that a pack may have.

use updraft_protocol::{ChunkRange, PackedAnswer, PackedRequest, TransferAnswer, TransferRequest};

use crate::network::{Network, PeerId, PeerInfo, RequestError};

/// Whether a peer offers packs; `None` until it has said what it speaks.
pub(super) fn offers_packs(peer: &PeerInfo) -> Option<bool> {
    peer.speaks_updraft.map(|_| false)
}

/// Asks a peer a packed question.
pub(super) async fn ask(
    network: &Network,
    peer: PeerId,
    request: PackedRequest,
) -> Result<PackedAnswer, RequestError> {
    let one = match request {
        PackedRequest::One(one) => {
            return Ok(PackedAnswer::One(network.transfer(peer, one).await?));
        }
        PackedRequest::Chunks { blob, ranges } => {
            let Some(index) = ChunkRange::unpack(&ranges).next() else {
                return Ok(PackedAnswer::Chunks(Vec::new()));
            };
            TransferRequest::Chunk { blob, index }
        }
    };
    Ok(match network.transfer(peer, one).await? {
        TransferAnswer::Chunk(bytes) => PackedAnswer::Chunks(vec![bytes]),
        other => PackedAnswer::One(other),
    })
}
