//! Finds releases a node knows, for commands that name one.

use updraft_protocol::Target;

use super::{client::Client, client::segment, reference::ReleaseRef};
use crate::{
    api::types::{Page, Release},
    build,
    problem::{Code, Problem},
};

/// Pages read at most. A head lists 200 releases and a network has 64 channels at most.
const MAX_PAGES: usize = 64;

/// Every release that fits, by component, then the newest first.
pub(super) async fn all(
    client: &Client,
    component: Option<&str>,
    channel: Option<&str>,
) -> Result<Vec<Release>, Problem> {
    let mut releases = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let mut path = "/api/v1/releases?limit=500".to_owned();
        for (name, value) in
            [("component", component), ("channel", channel), ("cursor", cursor.as_deref())]
        {
            if let Some(value) = value {
                path.push_str(&format!("&{name}={}", segment(value)));
            }
        }
        let page: Page<Release> = client.get(&path).await?;
        releases.extend(page.items);
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    Ok(releases)
}

/// The release a person names: of the version named or the newest, for `target` or this machine.
pub(super) async fn named(
    client: &Client,
    name: &ReleaseRef,
    target: Option<&Target>,
) -> Result<Release, Problem> {
    let component = name.component.as_str();
    let releases = all(client, Some(component), None).await?;
    if releases.is_empty() {
        return Err(Problem::new(
            Code::ComponentUnknown,
            format!("no release of `{component}` is known"),
        )
        .hint("`updraft list --all` shows what is on offer, `updraft check` asks peers"));
    }
    let version = name.version.as_ref().map(ToString::to_string);
    let of_version: Vec<_> = releases
        .iter()
        .filter(|release| match &version {
            Some(version) => release.version == *version,
            // Who names no version means the newest that is on offer.
            None => release.withdrawn.is_none(),
        })
        .collect();
    if of_version.is_empty() {
        let newest: Vec<_> = releases.iter().take(3).map(|r| r.version.as_str()).collect();
        return Err(Problem::new(Code::ReleaseUnknown, format!("no release {name} is on offer"))
            .hint(format!("the newest are {}", newest.join(", "))));
    }
    let machine = target.map_or(build::TARGET, Target::as_str);
    let fits = |release: &&&Release| release.target == machine || release.target == Target::ANY;
    of_version.iter().find(fits).map(|release| (**release).clone()).ok_or_else(|| {
        let mut targets: Vec<_> = of_version.iter().map(|r| r.target.as_str()).collect();
        targets.sort_unstable();
        targets.dedup();
        Problem::new(Code::ReleaseUnknown, format!("{name} is not on offer for {machine}"))
            .hint(format!("it is for {}", targets.join(", ")))
    })
}
