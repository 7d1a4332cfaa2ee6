//! One question for chunks: asks a peer, judges the kind of its answer, and hands the chunks to the store.
//!
//! One chunk is asked for as ever, several in a pack. Chunks are kept in the order in which they were asked for, up to
//! the first that is wrong; nothing after it is looked at. Decides nothing about whom to ask.

use std::sync::Arc;

use updraft_protocol::{Digest, PackedAnswer, TransferAnswer, TransferRequest};

use super::{Chunks, FetchError, KeepError, Peers, machine::Failure};

/// What became of a question.
pub(super) struct Outcome {
    pub(super) asked: Vec<u32>,
    /// Bytes of each chunk that came and is kept: the first of those asked for.
    pub(super) kept: Vec<u64>,
    pub(super) end: End,
}

/// Why no more chunks were kept.
pub(super) enum End {
    /// The peer gave no more.
    Given,
    /// The next one came and was wrong.
    Wrong,
    /// None came.
    Failed(Failure),
    /// What came is no answer to this question.
    Lied,
    /// The store did not take the next one.
    Store(Box<dyn std::error::Error + Send + Sync>),
}

/// Asks `peer` for chunks of a blob. Cancel-safe: what is kept stays.
pub(super) async fn ask<P: Peers, C: Chunks>(
    peers: &P,
    chunks: &Arc<C>,
    peer: P::Id,
    blob: Digest,
    asked: Vec<u32>,
) -> Outcome {
    let answer = match asked.as_slice() {
        [index] => one(peers, peer, blob, *index).await,
        _ => pack(peers, peer, blob, &asked).await,
    };
    let came = match answer {
        Ok(came) => came,
        Err(end) => return Outcome { asked, kept: Vec::new(), end },
    };
    let wanted = asked.clone();
    match blocking(chunks, move |chunks| keep(chunks, &wanted, &came)).await {
        Ok((kept, end)) => Outcome { asked, kept, end },
        Err(error) => Outcome { asked, kept: Vec::new(), end: End::Store(Box::new(error)) },
    }
}

async fn one<P: Peers>(
    peers: &P,
    peer: P::Id,
    blob: Digest,
    index: u32,
) -> Result<Vec<Vec<u8>>, End> {
    match peers.transfer(peer, TransferRequest::Chunk { blob, index }).await {
        Ok(TransferAnswer::Chunk(bytes)) => Ok(vec![bytes]),
        Ok(other) => Err(no_chunk(&other)),
        Err(error) => {
            tracing::debug!(%peer, index, %error, "no chunk");
            Err(End::Failed(Failure::NoAnswer))
        }
    }
}

async fn pack<P: Peers>(
    peers: &P,
    peer: P::Id,
    blob: Digest,
    asked: &[u32],
) -> Result<Vec<Vec<u8>>, End> {
    match peers.chunks(peer, blob, asked.to_vec()).await {
        Ok(PackedAnswer::Chunks(came)) if came.len() > asked.len() => Err(End::Lied),
        Ok(PackedAnswer::Chunks(came)) => Ok(came),
        Ok(PackedAnswer::One(other)) => Err(no_chunk(&other)),
        Err(error) => {
            tracing::debug!(%peer, chunks = asked.len(), %error, "no pack");
            Err(End::Failed(Failure::NoAnswer))
        }
    }
}

/// What an answer means that is none of the chunks asked for.
fn no_chunk(answer: &TransferAnswer) -> End {
    match answer {
        TransferAnswer::NotHeld => End::Failed(Failure::NotHeld),
        TransferAnswer::Busy => End::Failed(Failure::Busy),
        // A chunk answers a question for one chunk, which is dealt with, and no question for a pack.
        TransferAnswer::Object(_) | TransferAnswer::Have(_) | TransferAnswer::Chunk(_) => End::Lied,
    }
}

/// Keeps what came until one is refused. Blocks.
fn keep<C: Chunks>(chunks: &C, asked: &[u32], came: &[Vec<u8>]) -> (Vec<u64>, End) {
    let mut kept = Vec::with_capacity(came.len());
    for (index, bytes) in asked.iter().zip(came) {
        match chunks.keep(*index, bytes) {
            Ok(()) => kept.push(bytes.len() as u64),
            Err(KeepError::WrongDigest) => return (kept, End::Wrong),
            Err(KeepError::Store(error)) => return (kept, End::Store(error)),
        }
    }
    (kept, End::Given)
}

/// Does something with the store on a thread that may block.
pub(super) async fn blocking<C: Chunks, T: Send + 'static>(
    chunks: &Arc<C>,
    work: impl FnOnce(&C) -> T + Send + 'static,
) -> Result<T, FetchError> {
    let chunks = chunks.clone();
    tokio::task::spawn_blocking(move || work(&chunks)).await.map_err(|_| FetchError::Stopped)
}
