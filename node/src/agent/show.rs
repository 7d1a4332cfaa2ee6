//! What people and metrics see of the running agent. Decides nothing.

use std::collections::BTreeMap;

use updraft_protocol::ComponentName;

use super::{
    context::lock,
    event::What,
    operation::{OperationId, Phase},
    status::{Freshness, Status, StoreStatus},
    task::Agent,
};
use crate::{
    metrics::{ChannelNumbers, Expiring},
    problem::chain,
};

impl Agent {
    pub(super) async fn store_status(&self) -> StoreStatus {
        let store = self.context.store.clone();
        let usage = tokio::task::spawn_blocking(move || store.usage()).await;
        // A store that cannot be read shows as empty here; whatever needs it says why.
        let usage = usage.ok().and_then(Result::ok).unwrap_or_default();
        StoreStatus { bytes: usage.bytes, limit: self.identity.store_limit, blobs: usage.complete }
    }

    /// What is wrong with components' folders. One that is being installed is not looked at: its `current` is
    /// about to change.
    pub(super) async fn folder_faults(&self) -> BTreeMap<ComponentName, String> {
        let installers = self.context.installers.clone();
        let look = move || {
            let installers = lock(&installers);
            let faults = installers.iter().filter_map(|(name, installer)| {
                let fault = installer.try_lock().ok()?.check_current().err()?;
                Some((name.clone(), chain(&fault)))
            });
            faults.collect()
        };
        // Nothing is known if the look itself fails; whoever installs next looks again.
        tokio::task::spawn_blocking(look).await.unwrap_or_default()
    }

    /// Tells watchers how far fetches are, and notes it in the operations.
    pub(super) fn show_progress(&mut self, progress: &BTreeMap<OperationId, (u64, u64)>) {
        for (id, bytes) in progress {
            let before = self.machine.operations.get(*id).and_then(|operation| operation.progress);
            if before == Some(*bytes) {
                continue;
            }
            self.machine.operations.update(*id, |operation| operation.progress = Some(*bytes));
            let Some(operation) = self.machine.operations.get(*id) else { continue };
            let what = What::UpdateProgress {
                operation: id.to_string(),
                component: operation.component.clone(),
                phase: Phase::Fetching.as_str(),
                progress: Some(*bytes),
            };
            // Nobody watching is the usual case.
            let _ = self
                .wires
                .events
                .send(super::event::Event { time: self.context.clock.now(), what });
        }
        let ended: Vec<OperationId> = progress
            .keys()
            .filter(|id| self.machine.operations.get(**id).is_none_or(|o| o.ended.is_some()))
            .copied()
            .collect();
        let mut table = lock(&self.context.progress);
        ended.iter().for_each(|id| {
            table.remove(id);
        });
    }

    pub(super) fn measure(&self, status: &Status) {
        let metrics = &self.context.metrics;
        metrics.store_holds(status.store.bytes, status.store.limit);
        metrics.protocol_is(status.node.protocol);
        let network = status.node.network.as_str();
        metrics.metadata_expires(network, Expiring::Root, status.root.expires);
        if let Some(at) = status.channels.iter().filter_map(|channel| channel.expires).min() {
            metrics.metadata_expires(network, Expiring::Release, at);
        }
        let now = self.context.clock.now();
        let channels = status.channels.iter().map(|channel| ChannelNumbers {
            name: channel.name.as_str(),
            fresh: matches!(channel.freshness, Freshness::FreshUntil(_))
                && channel.frozen.is_none(),
            stale_seconds: match channel.freshness {
                Freshness::StaleSince(since) => now.since(since),
                Freshness::FreshUntil(_) | Freshness::Unknown => 0,
            },
            frozen: channel.frozen.is_some(),
        });
        metrics.channels_are(channels);
        metrics.keys_alarm(status.alarms.len());
        metrics.rules_are(status.protocol.active, &self.machine.proposal_numbers(self.now()));
        if let Some(at) = status.last_check {
            metrics.checked(at);
        }
        for component in &status.components {
            let name = component.name.as_str();
            if let Some(version) = &component.installed {
                let state = component.state.as_str();
                metrics.component_is(name, component.channel.as_str(), &version.to_string(), state);
            }
            let severity = component.available.as_ref().map(|available| match available.severity {
                updraft_protocol::Severity::Low => "low",
                updraft_protocol::Severity::Normal => "normal",
                updraft_protocol::Severity::High => "high",
                updraft_protocol::Severity::Critical => "critical",
            });
            metrics.update_available(name, severity);
            metrics.update_held(name, component.held.as_ref().map(|held| held.reason.as_str()));
        }
    }
}
