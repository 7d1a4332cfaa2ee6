//! Takes a new root in. Nothing of it is believed here: the agent verifies it by the root in force.

use axum::{
    Extension, Json,
    extract::{Request, State},
    http::StatusCode,
};
use updraft_protocol::{Root, Signed, codec};

use super::{
    auth::{Caller, MAX_ROOT_BODY},
    body::{ROOT_TYPE, read},
    error::{Answered, Refused, content_type},
    router::Api,
    types::RootTaken,
};
use crate::problem::{Code, Problem};

/// `POST /api/v1/trust/root`.
pub(super) async fn offer(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Answered<(StatusCode, Json<RootTaken>)> {
    if content_type(request.headers()) != Some(ROOT_TYPE) {
        return Err(Refused::new(Code::MediaTypeUnsupported, "this address takes a signed root")
            .hint(format!("send `Content-Type: {ROOT_TYPE}`")));
    }
    let bytes = read(request.into_body(), MAX_ROOT_BODY).await?;
    let root: Signed<Root> = codec::decode(&bytes)
        .map_err(|error| Refused(Problem::from_error(Code::SignatureInvalid, &error)))?;
    let digest = root.digest().to_string();
    let version = api.agent().offer_root(root, caller.by()).await?;
    Ok((StatusCode::CREATED, Json(RootTaken { version, root: digest })))
}
