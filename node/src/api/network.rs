//! Peers, news and who holds what.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use updraft_protocol::Digest;

use super::{
    body::{JsonBody, parse},
    error::Answered,
    router::Api,
    types::{BanBody, CheckReport, DialBody, Peer, Replicas},
};

/// How long a ban lasts unless something else is asked: a day.
const DEFAULT_BAN: u64 = 24 * 3_600;
/// Longest ban: a year. A peer that must never come back belongs into the settings.
const MAX_BAN: u64 = 365 * 24 * 3_600;

/// Asks connected peers for news and waits for their answers.
pub(super) async fn check(State(api): State<Api>) -> Answered<Json<CheckReport>> {
    let report = api.agent().check().await?;
    Ok(Json(CheckReport { asked: report.asked, new_heads: report.new_heads }))
}

/// Peers connected or banned.
pub(super) async fn peers(State(api): State<Api>) -> Answered<Json<Vec<Peer>>> {
    Ok(Json(api.agent().peers().await?.iter().map(Peer::from).collect()))
}

/// Dials an address.
pub(super) async fn dial(
    State(api): State<Api>,
    JsonBody(body): JsonBody<DialBody>,
) -> Answered<StatusCode> {
    api.agent().dial(body.addr).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Disconnects a peer and keeps it out.
pub(super) async fn ban(
    State(api): State<Api>,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<BanBody>,
) -> Answered<StatusCode> {
    let seconds = body.seconds.unwrap_or(DEFAULT_BAN).min(MAX_BAN);
    api.agent().ban(id, Duration::from_secs(seconds)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a banned peer in again.
pub(super) async fn unban(State(api): State<Api>, Path(id): Path<String>) -> Answered<StatusCode> {
    api.agent().unban(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How many connected peers hold a release whole.
pub(super) async fn replicas(
    State(api): State<Api>,
    Path(digest): Path<String>,
) -> Answered<Json<Replicas>> {
    let manifest: Digest = parse(&digest)?;
    let replicas = api.agent().replicas(manifest).await?;
    Ok(Json(Replicas { manifest: manifest.to_string(), replicas }))
}
