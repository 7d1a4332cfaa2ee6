//! Reading a request: bounded JSON bodies, names in addresses, queries. Nothing here acts on them.

use std::{fmt::Display, str::FromStr, time::Duration};

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Query, Request},
    http::request::Parts,
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use updraft_protocol::{Statement, Wire as _, codec};

use super::{
    auth::too_large,
    error::{Answered, Refused, content_type},
    router::Api,
};
use crate::problem::{Code, Problem};

/// Media type of JSON.
pub(super) const JSON_TYPE: &str = "application/json";
/// Media type of a bundle: a signed release with everything it names.
pub const BUNDLE_TYPE: &str = "application/vnd.updraft.bundle";
/// Media type of an encoded statement.
pub const STATEMENT_TYPE: &str = "application/vnd.updraft.statement";
/// A body that takes longer is given up.
pub(super) const BODY_TIME: Duration = Duration::from_secs(30);

/// A JSON body of type `T`; an empty body is an empty object.
#[derive(Debug)]
pub(super) struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Api> for JsonBody<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Refused> {
        let limit = api.settings().max_body;
        let is_json = content_type(request.headers()).is_none_or(|kind| kind == JSON_TYPE);
        if !is_json {
            return Err(Refused::new(Code::MediaTypeUnsupported, "this address takes JSON")
                .hint(format!("send `Content-Type: {JSON_TYPE}`")));
        }
        let bytes = read(request.into_body(), limit).await?;
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        serde_json::from_slice(text).map(Self).map_err(|error| {
            Refused::new(Code::RequestInvalid, format!("the body cannot be read: {error}"))
        })
    }
}

/// The media type of a signed root.
pub const ROOT_TYPE: &str = "application/vnd.updraft.root";

/// Reads a body of at most `limit` bytes.
pub(super) async fn read(body: Body, limit: u64) -> Answered<Vec<u8>> {
    let bytes = usize::try_from(limit).unwrap_or(usize::MAX);
    let collected = timeout(BODY_TIME, Limited::new(body, bytes).collect()).await;
    match collected {
        Ok(Ok(collected)) => Ok(collected.to_bytes().to_vec()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        Ok(Err(error)) => {
            Err(Refused::new(Code::RequestInvalid, format!("the body broke off: {error}")))
        }
        Err(_) => Err(too_slow()),
    }
}

/// The refusal of a body that does not come.
pub(super) fn too_slow() -> Refused {
    let detail = format!("the body did not come within {} s", BODY_TIME.as_secs());
    Refused::new(Code::RequestInvalid, detail)
}

/// The query of an address as `T`.
#[derive(Debug)]
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for Asked<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Refused> {
        Query::try_from_uri(&parts.uri).map(|Query(query)| Self(query)).map_err(|error| {
            let cause = std::error::Error::source(&error)
                .map_or(String::new(), |source| format!(": {source}"));
            Refused::new(Code::RequestInvalid, format!("the query cannot be read{cause}"))
        })
    }
}

/// Whether a body is an encoded statement, by its type.
pub(super) fn is_statement(request: &Request) -> bool {
    content_type(request.headers()) == Some(STATEMENT_TYPE)
}

/// Reads a statement. Nobody has judged it.
pub(super) async fn read_statement(request: Request) -> Answered<Statement> {
    let encoded = read(request.into_body(), Statement::MAX as u64).await?;
    codec::decode(&encoded)
        .map_err(|error| Refused(Problem::from_error(Code::SignatureInvalid, &error)))
}

/// Parses a name from an address, a query or a body.
pub(super) fn parse<T>(text: &str) -> Answered<T>
where
    T: FromStr,
    T::Err: Display,
{
    text.parse().map_err(|error: T::Err| Refused::new(Code::RequestInvalid, error.to_string()))
}

/// Parses a version, which has a code of its own.
pub(super) fn parse_version(text: &str) -> Answered<updraft_protocol::ReleaseVersion> {
    text.parse().map_err(|error: <updraft_protocol::ReleaseVersion as FromStr>::Err| {
        Refused::new(Code::VersionInvalid, error.to_string())
            .hint("a semantic version, for example 2.4.1")
    })
}
