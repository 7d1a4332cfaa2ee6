//! Signed and content-addressed bytes, as they are; whoever asks verifies them.

use std::io::{self, Read as _};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures::Stream;
use updraft_protocol::{Digest, Root, Signed, codec};

use super::{
    body::parse,
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
/// Media type of a signed root.
const ROOT_TYPE: &str = "application/vnd.updraft.root";
/// Media type of objects and blobs.
const BYTES_TYPE: &str = "application/octet-stream";
/// Pieces of a blob read before the client has taken the earlier ones.
const PIECES_AHEAD: usize = 4;
/// Bytes of a blob read at once.
const PIECE: usize = 64 * 1024;

/// An answer of bytes.
pub(super) fn bytes(kind: &'static str, bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, kind)], bytes).into_response()
}

fn unknown(what: &str) -> Refused {
    Refused::new(Code::ReleaseUnknown, format!("{what} is not on this node"))
}

/// The trusted head of a channel.
pub(super) async fn head(
    State(api): State<Api>,
    Path(channel): Path<String>,
) -> Answered<Response> {
    let head = api.agent().signed_head(parse(&channel)?).await?;
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
    Ok(Json(Trust::of(&root, &api.agent().status().root.first.to_string())))
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
    let blob = api.agent().blob(digest).await?;
    let blob = blob.ok_or_else(|| unknown(&format!("blob {digest}")))?;
    let size = blob.size;
    let body = Body::from_stream(pieces(blob));
    let mut response = ([(header::CONTENT_TYPE, BYTES_TYPE)], body).into_response();
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    Ok(response)
}

/// Reads on a thread that may block, at most [`PIECES_AHEAD`] pieces ahead of whoever takes them. A reader that
/// fails ends the body short of its announced length, which the client sees as an error.
fn pieces(blob: BlobFile) -> impl Stream<Item = io::Result<Bytes>> {
    let (sender, receiver) = tokio::sync::mpsc::channel(PIECES_AHEAD);
    tokio::task::spawn_blocking(move || {
        // No more than was announced, whatever happens to the blob meanwhile.
        let mut reader = blob.reader.take(blob.size);
        loop {
            let mut piece = vec![0; PIECE];
            let next = match reader.read(&mut piece) {
                Ok(0) => return,
                Ok(read) => {
                    piece.truncate(read);
                    Ok(Bytes::from(piece))
                }
                Err(error) => Err(error),
            };
            let failed = next.is_err();
            // The client has gone: nobody is left to read for.
            if sender.blocking_send(next).is_err() || failed {
                return;
            }
        }
    });
    futures::stream::unfold(receiver, |mut receiver| async move {
        let piece = receiver.recv().await?;
        Some((piece, receiver))
    })
}
