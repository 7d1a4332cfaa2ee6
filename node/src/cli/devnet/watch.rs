//! What the nodes of a development network say about themselves, put into rows.

use std::collections::BTreeMap;

use crate::{
    api::types::{Operation, Release, Status},
    cli::client::Client,
    problem::Problem,
};

/// One node at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) node: String,
    /// Peers connected.
    pub(super) peers: usize,
    /// Newest head it trusts; one for each release.
    pub(super) heard: u64,
    /// What runs.
    pub(super) installed: Option<String>,
    /// What it is doing.
    pub(super) state: String,
    /// Updates that ended well, by version.
    pub(super) updates: BTreeMap<String, Update>,
}

/// One update on one node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Update {
    /// Bytes fetched.
    pub(super) fetched: u64,
    /// Of these, bytes of patches.
    pub(super) patches: u64,
    /// Bytes of the whole artifact.
    pub(super) whole: u64,
    /// Peers they came from.
    pub(super) peers: usize,
}

impl Update {
    /// `whole` or `patch`, by where most bytes came from.
    pub(super) fn route(&self) -> &'static str {
        if self.patches > 0 { "patch" } else { "whole" }
    }
}

/// Asks a node how it is.
pub(super) async fn look(name: &str, client: &Client, component: &str) -> Result<Row, Problem> {
    let status: Status = client.get("/api/v1/status").await?;
    let operations: Vec<Operation> = client.get("/api/v1/operations").await?;
    let releases: crate::api::types::Page<Release> = client.get("/api/v1/releases").await?;
    Ok(row(name, &status, &operations, &releases.items, component))
}

fn row(
    name: &str,
    status: &Status,
    operations: &[Operation],
    releases: &[Release],
    component: &str,
) -> Row {
    let followed = status.components.iter().find(|followed| followed.name == component);
    let whole = |version: &str| {
        let release = releases.iter().find(|r| r.component == component && r.version == version);
        release.and_then(|release| release.size_bytes).unwrap_or_default()
    };
    let done = operations
        .iter()
        .filter(|operation| operation.kind == "install" && operation.state == "done");
    Row {
        node: name.to_owned(),
        peers: status.peers.connected,
        heard: status.channels.iter().map(|channel| channel.seq).max().unwrap_or_default(),
        installed: followed.and_then(|component| component.installed.clone()),
        state: followed.map_or_else(|| "seeding".to_owned(), |component| component.state.clone()),
        updates: done
            .map(|operation| {
                let update = Update {
                    fetched: operation.sources.iter().map(|source| source.bytes).sum(),
                    patches: operation.patch_bytes,
                    whole: whole(&operation.to),
                    peers: operation.sources.len(),
                };
                (operation.to.clone(), update)
            })
            .collect(),
    }
}

/// What the network as a whole has moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) full: u64,
    pub(super) fetched: u64,
    pub(super) patches: u64,
    pub(super) peers_max: usize,
}

impl Totals {
    /// Adds all updates of all nodes up.
    pub(super) fn of(rows: &[Row]) -> Self {
        let updates = rows.iter().flat_map(|row| row.updates.values());
        updates.fold(Self::default(), |sum, update| Self {
            full: sum.full + update.whole,
            fetched: sum.fetched + update.fetched,
            patches: sum.patches + update.patches,
            peers_max: sum.peers_max.max(update.peers),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_add_up_over_nodes_and_releases() {
        let update = |fetched, patches, peers| Update { fetched, patches, whole: 100, peers };
        let row = |updates: [(&str, Update); 2]| Row {
            updates: updates
                .into_iter()
                .map(|(version, update)| (version.to_owned(), update))
                .collect(),
            ..Row::default()
        };
        let rows = [
            row([("1.0.0", update(100, 0, 3)), ("1.1.0", update(10, 10, 1))]),
            row([("1.0.0", update(100, 0, 2)), ("1.1.0", update(12, 12, 2))]),
        ];
        assert_eq!(
            Totals::of(&rows),
            Totals { full: 400, fetched: 222, patches: 22, peers_max: 3 }
        );
    }
}
