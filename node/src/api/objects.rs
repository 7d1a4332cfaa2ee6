//! Signed and content-addressed bytes, as they are; whoever asks verifies them.

use std::io::{self, Read as _};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures::stream::{self, Stream};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use updraft_protocol::{Digest, Root, Signed, codec};

use super::{
    body::{Asked, ROOT_TYPE, parse},
    error::{Answered, Refused},
    router::Api,
    types::Trust,
};
use crate::{
    agent::BlobFile,
    problem::{Code, Problem},
};

/// Media type of a signed manifest.
pub(super) const MANIFEST_TYPE: &str = "application/vnd.updraft.manifest";
/// Media type of a signed head.
const HEAD_TYPE: &str = "application/vnd.updraft.head";
/// Media type of objects and blobs.
const BYTES_TYPE: &str = "application/octet-stream";
/// Bytes of a blob read at once.
const PIECE: usize = 64 * 1024;
/// Pieces read before they are taken.
const AHEAD: usize = 4;
/// Blobs read at once. Each holds a thread as long as its taker is slow; further ones are refused.
pub(super) const MAX_BLOB_STREAMS: usize = 32;

/// An answer of bytes.
pub(super) fn bytes(kind: &'static str, bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, kind)], bytes).into_response()
}

fn unknown(what: &str) -> Refused {
    Refused::new(Code::ReleaseUnknown, format!("{what} is not on this node"))
}

/// Which head of a channel is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct HeadAsked {
    /// Its number; the trusted one if left out.
    seq: Option<u64>,
}

/// The trusted head of a channel, or one before it.
pub(super) async fn head(
    State(api): State<Api>,
    Path(channel): Path<String>,
    Asked(asked): Asked<HeadAsked>,
) -> Answered<Response> {
    let head = api.agent().signed_head(parse(&channel)?, asked.seq).await?;
    let head = head.ok_or_else(|| unknown(&format!("a head of channel `{channel}`")))?;
    Ok(bytes(HEAD_TYPE, head))
}

/// Who may sign what, by the root in force.
pub(super) async fn trust(State(api): State<Api>) -> Answered<Json<Trust>> {
    let encoded = api.agent().signed_root(None).await?.ok_or_else(|| unknown("a trust root"))?;
    let damaged =
        |error: codec::DecodeError| Refused(Problem::from_error(Code::TrustDamaged, &error));
    let signed: Signed<Root> = codec::decode(&encoded).map_err(damaged)?;
    // The node verified it before it kept it; here it is only shown.
    let root = signed.peek().map_err(damaged)?;
    Ok(Json(Trust::of(&root, &signed.digest(), &api.agent().status().root.first)))
}

/// The root in force.
pub(super) async fn newest_root(State(api): State<Api>) -> Answered<Response> {
    let root = api.agent().signed_root(None).await?.ok_or_else(|| unknown("a trust root"))?;
    Ok(bytes(ROOT_TYPE, root))
}

/// A root by its number.
pub(super) async fn root(
    State(api): State<Api>,
    Path(version): Path<String>,
) -> Answered<Response> {
    let number: u64 = parse(&version)?;
    let root = api.agent().signed_root(Some(number)).await?;
    Ok(bytes(ROOT_TYPE, root.ok_or_else(|| unknown(&format!("root {number}")))?))
}

/// An object: a tree or a chunk list.
pub(super) async fn object(
    State(api): State<Api>,
    Path(digest): Path<String>,
) -> Answered<Response> {
    let digest: Digest = parse(&digest)?;
    let object = api.agent().object(digest).await?;
    Ok(bytes(BYTES_TYPE, object.ok_or_else(|| unknown(&format!("object {digest}")))?))
}

/// A complete blob, streamed.
pub(super) async fn blob(State(api): State<Api>, Path(digest): Path<String>) -> Answered<Response> {
    let digest: Digest = parse(&digest)?;
    let permit = api.blob_streams().clone().try_acquire_owned().map_err(|_| {
        Refused::new(Code::RateLimited, format!("{MAX_BLOB_STREAMS} blobs are being read"))
            .hint("ask again when one of them has ended")
    })?;
    let blob = api.agent().blob(digest).await?;
    let blob = blob.ok_or_else(|| unknown(&format!("blob {digest}")))?;
    let size = blob.size;
    let body = Body::from_stream(pieces(blob, permit));
    let mut response = ([(header::CONTENT_TYPE, BYTES_TYPE)], body).into_response();
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    Ok(response)
}

/// Reads a blob on a thread of its own, at most [`AHEAD`] pieces before whoever takes them.
///
/// A read that fails ends the body short, which its reader notices by the length.
fn pieces(blob: BlobFile, permit: OwnedSemaphorePermit) -> impl Stream<Item = io::Result<Bytes>> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        // No more than was announced, whatever the reader has.
        let mut reader = blob.reader.take(blob.size);
        loop {
            let mut piece = vec![0; PIECE];
            let read = match reader.read(&mut piece) {
                Ok(0) => return,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    // A taker that is gone needs no error.
                    drop(sender.blocking_send(Err(error)));
                    return;
                }
            };
            piece.truncate(read);
            if sender.blocking_send(Ok(Bytes::from(piece))).is_err() {
                return;
            }
        }
    });
    stream::unfold(receiver, async |mut receiver| {
        let piece = receiver.recv().await?;
        Some((piece, receiver))
    })
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use futures::StreamExt as _;
    use tokio::{sync::Semaphore, time::timeout};

    use super::*;

    /// Gives some bytes, then fails.
    struct Failing(usize);

    impl io::Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let read = self.0.min(buffer.len());
            self.0 -= read;
            if read == 0 { Err(io::Error::other("the disk is gone")) } else { Ok(read) }
        }
    }

    async fn place() -> (Arc<Semaphore>, OwnedSemaphorePermit) {
        let places = Arc::new(Semaphore::new(1));
        let permit = places.clone().acquire_owned().await.expect("open");
        (places, permit)
    }

    #[tokio::test]
    async fn a_read_that_fails_ends_the_body_short() {
        let (_, permit) = place().await;
        let blob = BlobFile { reader: Box::new(Failing(100_000)), size: 200_000 };
        let all: Vec<_> = pieces(blob, permit).collect().await;
        let bytes: usize = all.iter().flatten().map(Bytes::len).sum();
        assert_eq!((bytes, all.iter().filter(|piece| piece.is_err()).count()), (100_000, 1));
    }

    #[tokio::test]
    async fn no_more_than_announced_goes_out() {
        let (_, permit) = place().await;
        let blob = BlobFile { reader: Box::new(io::repeat(7)), size: 150_000 };
        let all: Vec<_> = pieces(blob, permit).collect().await;
        assert_eq!(all.iter().flatten().map(Bytes::len).sum::<usize>(), 150_000);
    }

    #[tokio::test]
    async fn a_taker_that_goes_away_gives_its_place_back() {
        let (places, permit) = place().await;
        let blob = BlobFile { reader: Box::new(io::repeat(7)), size: u64::MAX };
        let mut stream = Box::pin(pieces(blob, permit));
        stream.next().await.expect("a piece").expect("bytes");
        drop(stream);
        let back = timeout(Duration::from_secs(10), places.acquire()).await;
        assert!(back.is_ok(), "the place comes back in time");
    }
}
