//! The agent's state as people see it. Decides nothing.

use std::{
    collections::BTreeMap,
    fmt::{Debug, Display},
};

use super::{
    action::Now,
    lifecycle::{Component, Following, Stage},
    machine::Machine,
    operation::{OperationId, Phase},
    status::{
        Available, ComponentState, ComponentStatus, Concern, ConcernKind, Held, HoldReason,
        LastUpdate,
    },
    updates::frozen,
};
use crate::{
    catalog::{self, Known, Staleness},
    policy::{Decision, Distrust, Hold},
};
use updraft_protocol::{ChannelName, VersionChange};

impl<P: Copy + Ord + Debug + Display> Machine<P> {
    /// Every component that is followed. `progress` has the bytes of the fetches under way.
    pub fn component_statuses(
        &self,
        progress: &BTreeMap<OperationId, (u64, u64)>,
        now: Now,
    ) -> Vec<ComponentStatus> {
        self.components
            .values()
            .filter(|component| component.following == Following::Yes)
            .map(|component| self.component_status(component, progress, now))
            .collect()
    }

    fn component_status(
        &self,
        component: &Component,
        progress: &BTreeMap<OperationId, (u64, u64)>,
        now: Now,
    ) -> ComponentStatus {
        let newest = self.newest(component);
        let installed = component.installed.as_ref();
        let newer = newest.filter(|known| {
            installed.is_none_or(|installed| {
                known.manifest.version.change_from(&installed.version) == VersionChange::Update
            })
        });
        let concerns = self.concerns(component);
        let held = match newer {
            Some(known) => self.held_by(component, known, now),
            None => installed
                .and_then(|_| withdrawn(&concerns).or_else(|| self.unproven(component, now))),
        };
        let state = match component.stage() {
            Stage::Fetching { job, .. } => {
                let (done, total) = progress.get(job).copied().unwrap_or_default();
                ComponentState::Fetching { done, total }
            }
            Stage::Installing { job, .. } => {
                match self.operations.get(*job).map(|operation| operation.phase) {
                    Some(Phase::Switching) => ComponentState::Switching,
                    _ => ComponentState::Staging,
                }
            }
            Stage::Waiting { .. } if newer.is_some() && held.is_none() => ComponentState::Failed,
            Stage::Idle | Stage::Waiting { .. } => match (&held, newer, installed) {
                (Some(held), _, _) if held.reason == HoldReason::Pin => ComponentState::Pinned,
                (Some(_), _, _) => ComponentState::Held,
                (None, Some(_), _) => ComponentState::Available,
                (None, None, Some(_)) => ComponentState::UpToDate,
                (None, None, None) => ComponentState::Absent,
            },
        };
        ComponentStatus {
            name: component.name.clone(),
            channel: component.channel.clone(),
            target: component.target.clone(),
            installed: installed.map(|installed| installed.version.clone()),
            available: newer.map(|known| available(component, known)),
            state,
            held,
            kept: component.kept.iter().map(|kept| kept.version.clone()).collect(),
            last_update: waiting_error(component).or_else(|| component.last_update.clone()),
            concerns,
            fault: None,
        }
    }

    /// Why a node cannot say that what runs is the newest, if it cannot: nobody may be taken for up to date who
    /// has not heard from his channel for longer than its word is good.
    fn unproven(&self, component: &Component, now: Now) -> Option<Held> {
        let (name, channel) = (&component.name, &component.channel);
        if let Some(freeze) = self.catalog.freeze(channel) {
            let detail = format!(
                "`{channel}` is frozen: {}; newer releases of {name} are not taken before",
                frozen(&freeze)
            );
            return Some(Held { reason: HoldReason::Revoked, until: None, detail });
        }
        let catalog::Freshness::Stale { since, why } = self.catalog.freshness(channel, now.wall)
        else {
            return None;
        };
        let detail = match why {
            Staleness::NoHead => format!(
                "nothing has been heard from `{channel}` yet, so newer releases of {name} may exist"
            ),
            Staleness::Root => {
                format!("the trust root expired at {since}; its owners have to sign a new one")
            }
            Staleness::Clock { .. } => {
                format!("{why}; set it right, and updates go on")
            }
            Staleness::Head | Staleness::Witnesses { .. } => format!(
                "cannot prove freshness since {since}: {why}; newer releases of {name} may be withheld from this node"
            ),
        };
        Some(Held { reason: HoldReason::Approval, until: None, detail })
    }

    pub(super) fn held_by(&self, component: &Component, known: &Known, now: Now) -> Option<Held> {
        let release = known.manifest.release_name();
        // A release that is not to be taken at all waits for that, whatever went wrong before.
        if let Stage::Waiting { release: failed, reason, error, .. } = component.stage()
            && *failed == known.signed.digest()
            && self.distrust(&component.channel, known, now).is_none()
            && let Some(reason) = reason.hold()
        {
            return Some(Held { reason, until: None, detail: format!("{release}: {error}") });
        }
        let Decision::Hold(hold) = self.decide(component, known, now) else { return None };
        let name = &component.name;
        let (reason, detail) = match hold {
            Hold::Pinned => (
                HoldReason::Pin,
                format!(
                    "{release} waits because this node went back; `updraft install {name}` goes forward again"
                ),
            ),
            Hold::Quarantined(why) => (
                HoldReason::Quarantine,
                format!(
                    "{release} failed here ({why}); `updraft install {name} --force` tries it again"
                ),
            ),
            Hold::Floor(floor) => (
                HoldReason::Floor,
                format!("{release} needs {floor} first: `updraft install {name} {floor}`"),
            ),
            Hold::Protocol(needs) => (
                HoldReason::Requirement,
                format!(
                    "{release} needs protocol {needs} of {name}, which no vote has put in force yet: `updraft votes` shows them"
                ),
            ),
            Hold::Breaking => (
                HoldReason::Breaking,
                format!(
                    "{release} is marked as breaking; `updraft install {name} --force` accepts it"
                ),
            ),
            Hold::Kind(kind) => (
                HoldReason::Policy,
                format!(
                    "settings do not install a {} release without asking; `updraft install {name}` does it now",
                    format!("{kind:?}").to_lowercase()
                ),
            ),
            Hold::Disabled => (
                HoldReason::Policy,
                format!(
                    "settings install nothing without asking; `updraft install {name}` does it now"
                ),
            ),
            Hold::Stale(since) => (
                HoldReason::Approval,
                format!(
                    "cannot prove freshness since {since}, so a release newer than {release} may be withheld; `updraft install {name}` takes it all the same"
                ),
            ),
            Hold::Distrusted(distrust) => {
                let (reason, detail) = distrusted(&release, &component.channel, &distrust);
                let until = match distrust {
                    Distrust::Paused { until, .. } => Some(until),
                    _ => None,
                };
                return Some(Held { reason, until, detail });
            }
        };
        Some(Held { reason, until: None, detail })
    }
}

/// Nobody is up to date who runs what was withdrawn.
fn withdrawn(concerns: &[Concern]) -> Option<Held> {
    let concern = concerns.iter().find(|concern| concern.kind == ConcernKind::Withdrawn)?;
    Some(Held { reason: HoldReason::Revoked, until: None, detail: concern.detail.clone() })
}

/// Why nobody is to install a release, in words.
pub(super) fn distrusted(
    release: &str,
    channel: &ChannelName,
    distrust: &Distrust,
) -> (HoldReason, String) {
    match distrust {
        Distrust::Frozen(why) => {
            (HoldReason::Revoked, format!("{release} waits because `{channel}` is frozen: {why}"))
        }
        Distrust::Withdrawn(why) => {
            (HoldReason::Revoked, format!("{release} was withdrawn by its publisher: {why}"))
        }
        Distrust::SignerRevoked => (
            HoldReason::Revoked,
            format!(
                "a key that signed {release} or its channel's head has revoked itself; it waits for its publisher to sign again"
            ),
        ),
        Distrust::Paused { until, reason } => {
            (HoldReason::Paused, format!("{release} is paused until {until}: {reason}"))
        }
        Distrust::Builders { have, need } => (
            HoldReason::Requirement,
            format!("{have} of the {need} independent builders needed got the same as {release}"),
        ),
    }
}

fn available(component: &Component, known: &Known) -> Available {
    let manifest = &known.manifest;
    let installed = component.installed.as_ref();
    let patch = installed.and_then(|installed| manifest.smallest_patch_from(&installed.tree));
    Available {
        version: manifest.version.clone(),
        manifest: known.signed.digest(),
        kind: manifest.kind,
        severity: manifest.severity,
        whole_bytes: manifest.whole.size,
        patch_bytes: patch.map(|patch| patch.blob.size),
    }
}

/// The last attempt's error stays in sight while its pause runs.
fn waiting_error(component: &Component) -> Option<LastUpdate> {
    let Stage::Waiting { error, .. } = component.stage() else { return None };
    let last = component.last_update.clone()?;
    Some(LastUpdate { error: Some(error.clone()), ..last })
}
