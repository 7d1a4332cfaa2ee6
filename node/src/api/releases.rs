//! Releases that trusted heads list, and their signed manifests.

use axum::{
    Json,
    extract::{Path, State},
    response::Response,
};
use serde::Deserialize;
use updraft_protocol::{ChannelName, ComponentName, ReleaseVersion, Target};

use super::{
    body::{Asked, parse, parse_version},
    components::unknown_component,
    error::{Answered, Refused},
    objects::{MANIFEST_TYPE, bytes},
    router::Api,
    system::{DEFAULT_LIMIT, MAX_LIMIT},
    types::{Page, Release},
};
use crate::{agent, problem::Code};

#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    component: Option<String>,
    channel: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Releases by component, then the newest first.
pub(super) async fn list(
    State(api): State<Api>,
    Asked(query): Asked<ListQuery>,
) -> Answered<Json<Page<Release>>> {
    let component: Option<ComponentName> = query.component.as_deref().map(parse).transpose()?;
    let channel: Option<ChannelName> = query.channel.as_deref().map(parse).transpose()?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let skip: usize = query.cursor.as_deref().map(parse).transpose()?.unwrap_or(0);
    let mut releases = api.agent().releases().await?;
    releases.retain(|release| {
        component.as_ref().is_none_or(|name| release.listing.component == *name)
            && channel.as_ref().is_none_or(|name| release.channel == *name)
    });
    releases.sort_by(|a, b| {
        let name = |release: &agent::Release| release.listing.component.clone();
        name(a)
            .cmp(&name(b))
            .then_with(|| b.listing.version.cmp(&a.listing.version))
            .then_with(|| a.channel.cmp(&b.channel))
            .then_with(|| a.listing.target.cmp(&b.listing.target))
    });
    let end = skip.saturating_add(limit);
    let next = (end < releases.len()).then(|| end.to_string());
    let items = releases.iter().skip(skip).take(limit).map(Release::from).collect();
    Ok(Json(Page { items, next }))
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct OneQuery {
    channel: Option<String>,
    target: Option<String>,
}

/// One release.
pub(super) async fn one(
    State(api): State<Api>,
    Path((component, version)): Path<(String, String)>,
    Asked(query): Asked<OneQuery>,
) -> Answered<Json<Release>> {
    let release = find(&api, &component, &version, &query).await?;
    Ok(Json(Release::from(&release)))
}

/// The signed manifest of a release, as its publisher encoded it.
pub(super) async fn manifest(
    State(api): State<Api>,
    Path((component, version)): Path<(String, String)>,
    Asked(query): Asked<OneQuery>,
) -> Answered<Response> {
    let release = find(&api, &component, &version, &query).await?;
    let digest = release.listing.manifest;
    let encoded = api.agent().signed_manifest(digest).await?.ok_or_else(|| {
        let detail = format!("the manifest of {component}@{version} has not come yet");
        Refused::new(Code::ReleaseUnknown, detail).hint("`updraft check` asks peers")
    })?;
    Ok(bytes(MANIFEST_TYPE, encoded))
}

/// The release of this name. When several channels or targets have it and none is asked for, the one for
/// this node's target goes first.
async fn find(
    api: &Api,
    component: &str,
    version: &str,
    query: &OneQuery,
) -> Answered<agent::Release> {
    let name: ComponentName = parse(component)?;
    let version: ReleaseVersion = parse_version(version)?;
    let channel: Option<ChannelName> = query.channel.as_deref().map(parse).transpose()?;
    let target: Option<Target> = query.target.as_deref().map(parse).transpose()?;
    let releases = api.agent().releases().await?;
    let own = own_target(api, &name);
    let of_component: Vec<_> =
        releases.iter().filter(|release| release.listing.component == name).collect();
    if of_component.is_empty() {
        let known = releases.iter().map(|release| release.listing.component.as_str());
        return Err(unknown_component(&name, known));
    }
    let found = of_component
        .iter()
        .filter(|release| release.listing.version == version)
        .filter(|release| channel.as_ref().is_none_or(|name| release.channel == *name))
        .filter(|release| target.as_ref().is_none_or(|name| release.listing.target == *name))
        .min_by_key(|release| own.as_ref().is_none_or(|own| !release.listing.target.runs_on(own)));
    found.map(|release| (*release).clone()).ok_or_else(|| {
        let mut versions: Vec<_> = of_component.iter().map(|r| &r.listing.version).collect();
        versions.sort_unstable();
        versions.dedup();
        let newest: Vec<_> = versions.iter().rev().take(3).map(ToString::to_string).collect();
        Refused::new(Code::ReleaseUnknown, format!("no release {name}@{version} is on offer"))
            .hint(format!("the newest are {}", newest.join(", ")))
    })
}

/// The target for which this node installs a component.
pub(super) fn own_target(api: &Api, name: &ComponentName) -> Option<Target> {
    let status = api.agent().status();
    status.components.iter().find(|c| c.name == *name).map(|c| c.target.clone())
}
