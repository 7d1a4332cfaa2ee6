//! What is said beside heads: taken in from people, listed, and handed on as it was signed.
//!
//! The node checks and never signs. A statement is decoded here and judged by the agent.

use axum::{
    Extension, Json,
    extract::{Path, Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use updraft_protocol::Digest;

use super::{
    auth::Caller,
    body::{STATEMENT_TYPE, is_statement, parse, read_statement},
    error::{Answered, Refused},
    objects::bytes,
    router::Api,
    types::{Page, Said, StatementLine},
};
use crate::problem::Code;

/// `POST /api/v1/statements`.
pub(super) async fn say(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Answered<Response> {
    if !is_statement(&request) {
        return Err(Refused::new(Code::MediaTypeUnsupported, "this address takes a statement")
            .hint(format!("send `Content-Type: {STATEMENT_TYPE}`")));
    }
    let said = api.agent().say(read_statement(request).await?, caller.by()).await?;
    let location = format!("/api/v1/statements/{}", said.id);
    let body = Json(Said::from(&said));
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], body).into_response())
}

/// Every statement that is believed and still matters; a node keeps a bounded number of each kind.
pub(super) async fn list(State(api): State<Api>) -> Answered<Json<Page<StatementLine>>> {
    let lines = api.agent().statements().await?;
    let items = lines.iter().map(StatementLine::from).collect();
    Ok(Json(Page { items, next: None }))
}

/// One statement, as it was signed.
pub(super) async fn one(State(api): State<Api>, Path(id): Path<String>) -> Answered<Response> {
    let id: Digest = parse(&id)?;
    let lines = api.agent().statements().await?;
    let found = lines.into_iter().find(|line| line.id == id).ok_or_else(|| {
        Refused::new(Code::StatementUnknown, format!("statement {id} is not believed here"))
    })?;
    Ok(bytes(STATEMENT_TYPE, found.bytes))
}
