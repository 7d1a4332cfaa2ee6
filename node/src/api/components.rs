//! Components on this node: what runs, what an update would do, install, go back, and how far that is.

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use updraft_protocol::{ComponentName, limits::MAX_REASON};

use super::{
    auth::Caller,
    body::{Asked, JsonBody, parse, parse_version},
    error::{Answered, Refused},
    router::Api,
    types::{Accepted, Component, InstallBody, Operation, Plan, RollbackBody},
};
use crate::{
    agent::{Consent, Extent, InstallOrder, OperationId, RollbackOrder, RouteChoice},
    problem::Code,
};

/// Every component, by name.
pub(super) async fn list(State(api): State<Api>) -> Json<Vec<Component>> {
    Json(api.agent().status().components.iter().map(Component::from).collect())
}

/// One component.
pub(super) async fn one(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Answered<Json<Component>> {
    let name: ComponentName = parse(&name)?;
    let status = api.agent().status();
    let found = status.components.iter().find(|component| component.name == name);
    found.map(|component| Json(Component::from(component))).ok_or_else(|| {
        let known = status.components.iter().map(|component| component.name.as_str());
        unknown_component(&name, known)
    })
}

/// The refusal of a component that is not there, with those that are.
pub(super) fn unknown_component<'a>(
    name: &ComponentName,
    known: impl Iterator<Item = &'a str>,
) -> Refused {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    known.dedup();
    let refused = Refused::new(Code::ComponentUnknown, format!("no component is named `{name}`"));
    if known.is_empty() {
        return refused.hint("no release has been heard of yet; `updraft check` asks peers");
    }
    // Ten names fit on a line; the whole list is a command away.
    known.truncate(10);
    refused.hint(format!("known are {}; `updraft list --all`", known.join(", ")))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlanQuery {
    to: Option<String>,
    channel: Option<String>,
    #[serde(default)]
    no_delta: bool,
}

/// What an installation would do.
pub(super) async fn plan(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    Asked(query): Asked<PlanQuery>,
) -> Answered<Json<Plan>> {
    let body = InstallBody {
        version: query.to,
        channel: query.channel,
        no_delta: query.no_delta,
        ..InstallBody::default()
    };
    let plan = api.agent().plan(order(&name, &body, caller)?).await?;
    Ok(Json(Plan::of(&name, &plan)))
}

/// Begins an installation (202), or answers what it would do (200) when only that is asked.
pub(super) async fn install(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<InstallBody>,
) -> Answered<Response> {
    let order = order(&name, &body, caller)?;
    if body.dry_run {
        let plan = api.agent().plan(order).await?;
        return Ok(Json(Plan::of(&name, &plan)).into_response());
    }
    let id = api.agent().install(order).await?;
    accepted(&api, id).await
}

/// Begins to go back.
pub(super) async fn rollback(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<RollbackBody>,
) -> Answered<Response> {
    // It is kept in the history for as long as that is.
    if body.reason.as_ref().is_some_and(|reason| reason.len() > MAX_REASON) {
        let detail = format!("the reason is over {MAX_REASON} bytes long");
        return Err(Refused::new(Code::RequestInvalid, detail));
    }
    let order = RollbackOrder {
        component: parse(&name)?,
        to: body.to.as_deref().map(parse_version).transpose()?,
        reason: body.reason,
        by: caller.by(),
    };
    let id = api.agent().rollback(order).await?;
    accepted(&api, id).await
}

fn order(name: &str, body: &InstallBody, caller: Caller) -> Answered<InstallOrder> {
    Ok(InstallOrder {
        component: parse(name)?,
        version: body.version.as_deref().map(parse_version).transpose()?,
        channel: body.channel.as_deref().map(parse).transpose()?,
        extent: if body.download_only { Extent::Download } else { Extent::Install },
        route: if body.no_delta { RouteChoice::WholeOnly } else { RouteChoice::Cheapest },
        consent: Consent { downgrade: body.allow_downgrade, force: body.force },
        by: caller.by(),
    })
}

/// 202 with the operation and where to follow it. An operation that ended so fast that it is forgotten
/// already is named by its id alone.
async fn accepted(api: &Api, id: OperationId) -> Answered<Response> {
    let location = format!("/api/v1/operations/{id}");
    let headers = [(header::LOCATION, location.clone())];
    let response = match api.agent().operation(id).await? {
        Some(operation) => Json(Operation::from(&operation)).into_response(),
        None => Json(Accepted { id: id.to_string(), location }).into_response(),
    };
    Ok((StatusCode::ACCEPTED, headers, response).into_response())
}

#[derive(Debug, Deserialize)]
pub(super) struct OperationsQuery {
    state: Option<String>,
}

/// Operations of this run, oldest first.
pub(super) async fn operations(
    State(api): State<Api>,
    Asked(query): Asked<OperationsQuery>,
) -> Answered<Json<Vec<Operation>>> {
    let operations = api.agent().operations().await?;
    let wanted =
        |operation: &Operation| query.state.as_ref().is_none_or(|state| *state == operation.state);
    Ok(Json(operations.iter().map(Operation::from).filter(wanted).collect()))
}

/// One operation.
pub(super) async fn operation(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Answered<Json<Operation>> {
    let unknown = || Refused::new(Code::OperationUnknown, format!("`{id}` is no operation here"));
    let parsed: OperationId = id.parse().map_err(|_| unknown())?;
    let operation = api.agent().operation(parsed).await?.ok_or_else(unknown)?;
    Ok(Json(Operation::from(&operation)))
}
