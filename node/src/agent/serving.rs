//! Answers what peers ask: the root chain, heads, manifests, objects and chunks, all from the store. What a peer has
//! missed is put together in `answering.rs`.
//!
//! Gives out only what was verified before it was kept. The network room bounds how many requests are under way;
//! here the upload rate is kept, and a chunk that would have to wait too long is answered with `Busy`. Of a pack
//! goes out what the rate has room for.

use std::time::Duration;

use updraft_protocol::{
    BootstrapAnswer, BootstrapRequest, CatchUpAnswer, CatchUpRequest, ChunkRange, Digest, ForkId,
    Holding, NetworkId, PackedAnswer, PackedRequest, TransferAnswer, TransferRequest,
    limits::{MAX_PACK_BYTES, MAX_PACK_CHUNKS, MAX_ROOTS_PER_ANSWER},
};

use super::{
    answering::answer,
    context::{Context, lock},
    limiter::Limiter,
};
use crate::{
    metrics::{Direction, Source},
    network::InboundRequest,
    store::{Store, StoreError},
};

/// A chunk that has to wait longer for the upload rate is refused: its asker has other peers. Below the eight
/// seconds after which the network room gives an answer up.
pub const PATIENCE: Duration = Duration::from_secs(4);

/// What is given to peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Generosity {
    /// Everything held.
    All,
    /// Records only; no bytes.
    RecordsOnly,
}

/// What every answer depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// The network; others get nothing.
    pub(super) network: NetworkId,
    /// What is given.
    pub(super) generosity: Generosity,
    /// The rules that this node follows now.
    pub(super) fork: ForkId,
}

/// Answers one request; says how many chunk bytes went out.
pub(super) async fn serve(context: &Context, terms: Terms, request: InboundRequest) -> u64 {
    match request {
        InboundRequest::Bootstrap(request, responder) => {
            let (answer, sent) = bootstrap(context, terms, request).await;
            responder.answer(answer);
            sent
        }
        InboundRequest::CatchUp(request, responder) => {
            responder.answer(catch_up(context, terms.network, request).await);
            0
        }
        InboundRequest::Transfer(request, responder) => {
            let (answer, sent) = give(context, terms.generosity, request).await;
            responder.answer(answer);
            sent
        }
        InboundRequest::Packed(request, responder) => {
            let (answer, sent) = packed(context, terms.generosity, request).await;
            responder.answer(answer);
            sent
        }
    }
}

/// Answers what every node understands.
async fn bootstrap(
    context: &Context,
    terms: Terms,
    request: BootstrapRequest,
) -> (BootstrapAnswer, u64) {
    let answer = match request {
        BootstrapRequest::Roots { network, .. } | BootstrapRequest::Fork { network, .. }
            if network != terms.network =>
        {
            BootstrapAnswer::OtherNetwork
        }
        BootstrapRequest::Roots { after, .. } => {
            let roots = read(context, move |store| store.roots(after, MAX_ROOTS_PER_ANSWER)).await;
            BootstrapAnswer::Roots(roots.unwrap_or_default())
        }
        BootstrapRequest::Fork { .. } => BootstrapAnswer::Fork(terms.fork),
        BootstrapRequest::CatchUp(request) => {
            BootstrapAnswer::CatchUp(catch_up(context, terms.network, request).await)
        }
        BootstrapRequest::Transfer(request) => {
            let (answer, sent) = give(context, terms.generosity, request).await;
            return (BootstrapAnswer::Transfer(answer), sent);
        }
    };
    (answer, 0)
}

async fn catch_up(context: &Context, network: NetworkId, request: CatchUpRequest) -> CatchUpAnswer {
    let said = lock(&context.said).clone();
    let answered = read(context, move |store| answer(store, &said, network, request)).await;
    answered.unwrap_or(CatchUpAnswer::NotHeld)
}

/// Bytes, and how many of a chunk went out.
async fn give(
    context: &Context,
    generosity: Generosity,
    request: TransferRequest,
) -> (TransferAnswer, u64) {
    if generosity == Generosity::RecordsOnly {
        return (TransferAnswer::NotHeld, 0);
    }
    let answer = read(context, move |store| transfer(store, request)).await;
    let answer = answer.unwrap_or(TransferAnswer::NotHeld);
    let TransferAnswer::Chunk(bytes) = &answer else { return (answer, 0) };
    let sent = bytes.len() as u64;
    if !context.upload.pass(sent, PATIENCE).await {
        return (TransferAnswer::Busy, 0);
    }
    context.metrics.chunk_moved(Direction::Out, Source::Peer, sent);
    (answer, sent)
}

/// Many chunks at once, and how many bytes of them went out.
async fn packed(
    context: &Context,
    generosity: Generosity,
    request: PackedRequest,
) -> (PackedAnswer, u64) {
    let (blob, ranges) = match request {
        PackedRequest::One(request) => {
            let (answer, sent) = give(context, generosity, request).await;
            return (PackedAnswer::One(answer), sent);
        }
        PackedRequest::Chunks { blob, ranges } => (blob, ranges),
    };
    if generosity == Generosity::RecordsOnly {
        return (PackedAnswer::Chunks(Vec::new()), 0);
    }
    let chunks = read(context, move |store| pack(store, &blob, &ranges)).await;
    let (answer, sent) = as_fast_as_allowed(&context.upload, chunks.unwrap_or_default()).await;
    context.metrics.chunk_moved(Direction::Out, Source::Peer, sent);
    (answer, sent)
}

/// A pack, or as much of its beginning as need not wait too long: on a slow line a whole one could go only after
/// everybody else has been silent for a while. Says how many bytes go.
async fn as_fast_as_allowed(upload: &Limiter, mut chunks: Vec<Vec<u8>>) -> (PackedAnswer, u64) {
    loop {
        let bytes = chunks.iter().map(Vec::len).sum::<usize>() as u64;
        if bytes == 0 || upload.pass(bytes, PATIENCE).await {
            return (PackedAnswer::Chunks(chunks), bytes);
        }
        if chunks.len() == 1 {
            return (PackedAnswer::One(TransferAnswer::Busy), 0);
        }
        chunks.truncate(chunks.len() / 2);
    }
}

/// Reads from the store on a thread that may block. A store that fails is our trouble, not the asker's.
async fn read<T: Send + 'static>(
    context: &Context,
    work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
) -> Option<T> {
    let store = context.store.clone();
    match tokio::task::spawn_blocking(move || work(&store)).await {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(error)) => {
            tracing::warn!(error = %crate::problem::chain(&error), "the store cannot answer a peer");
            None
        }
        Err(_) => None,
    }
}

fn transfer(store: &Store, request: TransferRequest) -> Result<TransferAnswer, StoreError> {
    Ok(match request {
        TransferRequest::Object(digest) => {
            store.object(&digest)?.map_or(TransferAnswer::NotHeld, TransferAnswer::Object)
        }
        TransferRequest::Have(digest) => match store.holding(&digest) {
            Holding::Nothing => TransferAnswer::NotHeld,
            holding => TransferAnswer::Have(holding),
        },
        TransferRequest::Chunk { blob, index } => {
            store.read_chunk(&blob, index)?.map_or(TransferAnswer::NotHeld, TransferAnswer::Chunk)
        }
    })
}

/// The chunks of these ranges, in order, up to the first that is not held or does not fit.
fn pack(store: &Store, blob: &Digest, ranges: &[ChunkRange]) -> Result<Vec<Vec<u8>>, StoreError> {
    let (mut chunks, mut bytes) = (Vec::new(), 0);
    for index in ChunkRange::unpack(ranges).take(MAX_PACK_CHUNKS) {
        let Some(chunk) = store.read_chunk(blob, index)? else { break };
        bytes += chunk.len();
        if bytes > MAX_PACK_BYTES {
            break;
        }
        chunks.push(chunk);
    }
    Ok(chunks)
}

#[cfg(test)]
#[path = "serving_tests.rs"]
mod tests;
