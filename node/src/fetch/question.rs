//! One question for chunks: asks a peer, and hands what came to the store.
//!
//! One chunk is asked for as ever, several in a pack. Chunks are kept in the order in which they were asked for, up to
//! the first that is wrong; nothing after it is looked at. Decides nothing about whom to ask, nor what an answer is
//! worth.

use std::sync::Arc;

use updraft_protocol::{Digest, TransferRequest};

use super::{
    Chunks, FetchError, KeepError, Peers,
    judging::{End, Outcome, judge_chunk, judge_pack},
};

/// Asks `peer` for chunks of a blob. Cancel-safe: what is kept stays.
pub(super) async fn ask<P: Peers, C: Chunks>(
    peers: &P,
    chunks: &Arc<C>,
    peer: P::Id,
    blob: Digest,
    asked: Vec<u32>,
) -> Result<Outcome, FetchError> {
    let answer = match asked.as_slice() {
        [index] => one(peers, peer, blob, *index).await.map(|bytes| vec![bytes]),
        _ => pack(peers, peer, blob, &asked).await,
    };
    let came = match answer {
        Ok(came) => came,
        Err(end) => return Ok(Outcome { asked, kept: Vec::new(), end }),
    };
    let wanted = asked.clone();
    let kept = blocking(chunks, move |chunks| keep(chunks, &wanted, &came)).await;
    let (kept, end) = kept.map_err(|error| FetchError::Store(Box::new(error)))??;
    Ok(Outcome { asked, kept, end })
}

async fn one<P: Peers>(peers: &P, peer: P::Id, blob: Digest, index: u32) -> Result<Vec<u8>, End> {
    let answer = peers.transfer(peer, TransferRequest::Chunk { blob, index }).await;
    if let Err(error) = &answer {
        tracing::debug!(%peer, index, %error, "no chunk");
    }
    judge_chunk(answer)
}

async fn pack<P: Peers>(
    peers: &P,
    peer: P::Id,
    blob: Digest,
    asked: &[u32],
) -> Result<Vec<Vec<u8>>, End> {
    let answer = peers.chunks(peer, blob, asked.to_vec()).await;
    if let Err(error) = &answer {
        tracing::debug!(%peer, chunks = asked.len(), %error, "no pack");
    }
    judge_pack(asked.len(), answer)
}

/// Keeps what came until one is refused. Blocks.
fn keep<C: Chunks>(
    chunks: &C,
    asked: &[u32],
    came: &[Vec<u8>],
) -> Result<(Vec<u64>, End), FetchError> {
    let mut kept = Vec::with_capacity(came.len());
    for (index, bytes) in asked.iter().zip(came) {
        match chunks.keep(*index, bytes) {
            Ok(()) => kept.push(bytes.len() as u64),
            Err(KeepError::WrongDigest) => return Ok((kept, End::Wrong)),
            Err(KeepError::Store(error)) => return Err(FetchError::Store(error)),
        }
    }
    Ok((kept, End::Given))
}

/// Does something with the store on a thread that may block.
pub(super) async fn blocking<C: Chunks, T: Send + 'static>(
    chunks: &Arc<C>,
    work: impl FnOnce(&C) -> T + Send + 'static,
) -> Result<T, FetchError> {
    let chunks = chunks.clone();
    tokio::task::spawn_blocking(move || work(&chunks)).await.map_err(|_| FetchError::Stopped)
}
