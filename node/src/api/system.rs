//! About the node itself: is it alive, is it ready, what does it count, what happened.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;
use updraft_protocol::Digest;

use super::{
    auth::MetricsAccess,
    body::{Asked, parse},
    error::{Answered, Refused},
    router::Api,
    types::{HistoryEntry, Page, Readiness, Status, VersionInfo},
};
use crate::{metrics, problem::Code};

/// How long the store may take to say whether it has something.
const STORE_TIME: Duration = Duration::from_secs(2);
/// Items of a page when nothing is asked.
pub(super) const DEFAULT_LIMIT: usize = 100;
/// Most items of a page.
pub(super) const MAX_LIMIT: usize = 500;

/// The process lives.
pub(super) async fn healthz() -> &'static str {
    "ok"
}

/// 200 when the node can do its work, 503 when not; the body says why either way.
pub(super) async fn readyz(State(api): State<Api>) -> Response {
    // Nothing has this digest; the question is whether the store answers at all.
    let nothing = Digest::of_with_context("updraft readiness v1", &[]);
    let store = match timeout(STORE_TIME, api.agent().object(nothing)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(problem)) => Err(problem.detail),
        Err(_) => Err(format!("no answer within {} s", STORE_TIME.as_secs())),
    };
    let readiness = Readiness::of(&api.agent().status(), store, api.now());
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

/// Everything counted, for Prometheus.
pub(super) async fn numbers(State(api): State<Api>, headers: HeaderMap) -> Answered<Response> {
    if api.settings().metrics == MetricsAccess::Off {
        return Err(
            Refused::new(Code::AddressUnknown, "metrics are off").hint("metrics.enabled = true")
        );
    }
    let text = metrics::encode(api.registry())
        .map_err(|error| Refused::new(Code::Failed, format!("cannot write metrics: {error}")))?;
    let wants_open = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("application/openmetrics-text"));
    let kind =
        if wants_open { metrics::CONTENT_TYPE } else { "text/plain; version=0.0.4; charset=utf-8" };
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// Where things are.
pub(super) async fn index(State(api): State<Api>) -> Json<Value> {
    Json(json!({
        "name": "updraft",
        "version": api.agent().status().node.version,
        "links": {
            "status": "/api/v1/status",
            "components": "/api/v1/components",
            "releases": "/api/v1/releases",
            "statements": "/api/v1/statements",
            "proposals": "/api/v1/proposals",
            "trust": "/api/v1/trust",
            "peers": "/api/v1/peers",
            "history": "/api/v1/history",
            "events": "/api/v1/events",
            "updatesCheck": "/api/v1/updates/check",
            "metrics": "/metrics",
        },
    }))
}

/// Which build this is.
pub(super) async fn version(State(api): State<Api>) -> Json<VersionInfo> {
    Json(VersionInfo::of(&api.agent().status().node))
}

/// The whole status.
pub(super) async fn status(State(api): State<Api>) -> Json<Status> {
    Json(Status::at(&api.agent().status(), api.now()))
}

#[derive(Debug, Deserialize)]
pub(super) struct HistoryQuery {
    component: Option<String>,
    limit: Option<usize>,
}

/// The newest lines of the history, newest first.
pub(super) async fn history(
    State(api): State<Api>,
    Asked(query): Asked<HistoryQuery>,
) -> Answered<Json<Page<HistoryEntry>>> {
    let component = query.component.as_deref().map(parse).transpose()?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
    let lines = api.agent().history(component, limit).await?;
    let items = lines.iter().take(limit).map(HistoryEntry::from).collect();
    Ok(Json(Page { items, next: None }))
}
