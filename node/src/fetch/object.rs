//! Fetching an object (a tree, a chunk list) by its digest: from one holder after the other until it is right.

use updraft_protocol::{Digest, ObjectRef, TransferAnswer, TransferRequest};

use super::{Lie, Peers};

/// The object's bytes, verified; `None` if none of `holders` gave them.
///
/// Ends in the time of `holders.len()` requests at most.
pub async fn fetch_object<P: Peers>(
    peers: &P,
    object: ObjectRef,
    holders: &[P::Id],
) -> Option<Vec<u8>> {
    for holder in holders {
        match peers.transfer(*holder, TransferRequest::Object(object.digest)).await {
            Ok(TransferAnswer::Object(bytes)) if Digest::of(&bytes) == object.digest => {
                return Some(bytes);
            }
            Ok(TransferAnswer::Object(_)) => peers.accuse(*holder, Lie::WrongBytes),
            Ok(TransferAnswer::Have(_) | TransferAnswer::Chunk(_)) => {
                peers.accuse(*holder, Lie::WrongAnswer)
            }
            Ok(TransferAnswer::NotHeld | TransferAnswer::Busy) => {}
            Err(error) => {
                tracing::debug!(peer = %holder, object = %object.digest, %error, "no object")
            }
        }
    }
    None
}
