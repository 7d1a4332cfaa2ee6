//! Signed and content-addressed bytes, as they are; whoever asks verifies them.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;
use updraft_protocol::{Digest, Root, Signed, codec};

use super::{
    body::parse,
    error::{Answered, Refused},
    router::Api,
    types::Trust,
};
use crate::problem::{Code, Problem};

/// Media type of a signed manifest.
pub(super) const MANIFEST_TYPE: &str = "application/vnd.updraft.manifest";
/// Media type of a signed head.
const HEAD_TYPE: &str = "application/vnd.updraft.head";
/// Media type of a signed root.
const ROOT_TYPE: &str = "application/vnd.updraft.root";
/// Media type of objects and blobs.
const BYTES_TYPE: &str = "application/octet-stream";
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
    // No more than was announced, whatever happens to the file meanwhile.
    let file = tokio::fs::File::from_std(blob.file).take(blob.size);
    let body = Body::from_stream(ReaderStream::with_capacity(file, PIECE));
    let mut response = ([(header::CONTENT_TYPE, BYTES_TYPE)], body).into_response();
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(blob.size));
    Ok(response)
}
