//! The agent's rules about one component's updates: when to begin, and what follows from each end.

use std::{
    collections::BTreeSet,
    fmt::{Debug, Display},
    sync::Arc,
};

use updraft_protocol::{ChannelName, ComponentName, Digest, ReleaseVersion};

use super::{
    action::{Action, Fetched, Installation, Job, JobError, Now},
    event::What,
    lifecycle::{Component, Following, IllegalMove},
    machine::Machine,
    operation::{Operation, OperationId, OperationKind, Outcome, Phase},
    order::{Extent, RouteChoice},
    rules::{Duty, Upload},
    status::LastUpdate,
    told::{history, problem},
};
use crate::{
    catalog::{Freeze, Freshness, Known, Obstacle},
    policy::{self, AutoUpdate, Decision, Distrust, Facts},
    problem::{Code, Problem},
};

/// Who asks for what settings install without asking.
pub(super) const POLICY: &str = "policy";

impl<P: Copy + Ord + Debug + Display> Machine<P> {
    /// Begins every update that settings allow and nothing holds.
    pub(super) fn begin_updates(&mut self, now: Now, actions: &mut Vec<Action<P>>) {
        if self.rules.duty == Duty::Seed || self.waits_for_statements(now) {
            return;
        }
        let ready: Vec<(ComponentName, ChannelName, Known)> = self
            .components
            .values()
            .filter(|component| component.following == Following::Yes)
            .filter(|component| !self.awaits_manifests(component, now))
            .filter_map(|component| {
                let best = self.best(component, now)?;
                Some((component.name.clone(), component.channel.clone(), best.clone()))
            })
            .collect();
        for (name, channel, known) in ready {
            let wish = Wish {
                channel,
                route: RouteChoice::Cheapest,
                extent: Extent::Install,
                by: POLICY.to_owned(),
            };
            self.begin(&name, &known, wish, now, actions);
        }
    }

    /// Whether something that is on offer, and newer than what is installed, is about to become known: who was away learns
    /// of several releases at once, and would run one after the other, or fetch the first whole because he does not know
    /// of the patches between them.
    fn awaits_manifests(&self, component: &Component, now: Now) -> bool {
        let installed = component.installed.as_ref().map(|installed| &installed.version);
        self.catalog
            .unknown_candidates(&component.name, &component.channel, &component.target)
            .filter(|listing| Some(&listing.version) > installed)
            .any(|listing| self.sync.is_awaited(&listing.manifest, now.elapsed))
    }

    /// The highest release that settings allow now: one that waits for a person must not hide a lower one that
    /// mends something.
    fn best(&self, component: &Component, now: Now) -> Option<&Known> {
        self.catalog
            .candidates(&component.name, &component.channel, &component.target)
            .filter(|known| {
                self.decide(component, known, now) == Decision::Install
                    && component.may_begin(&known.signed.digest(), now.elapsed)
            })
            .max_by_key(|known| {
                (known.manifest.version.clone(), known.manifest.target == component.target)
            })
    }

    /// The newest release on the channel that a component follows.
    pub(super) fn newest(&self, component: &Component) -> Option<&Known> {
        self.catalog.newest(&component.name, &component.channel, &component.target)
    }

    /// What settings and facts say about a release.
    pub(super) fn decide(&self, component: &Component, known: &Known, now: Now) -> Decision {
        let stale_since = match self.catalog.freshness(&component.channel, now.wall) {
            Freshness::Fresh { .. } => None,
            Freshness::Stale { since, .. } => Some(since),
        };
        policy::decide(
            &known.manifest,
            &Facts {
                installed: component.installed.as_ref().map(|installed| &installed.version),
                pinned: component.pinned,
                distrust: self.distrust(&component.channel, known, now),
                quarantined: component.quarantined.get(&known.signed.digest()).map(String::as_str),
                stale_since,
                protocol: self.protocol_of(&component.name, now),
                auto: self.auto_of(component, known, now),
            },
        )
    }

    /// What settings install without asking. What a vote has put in force is asked for by that.
    fn auto_of(&self, component: &Component, known: &Known, now: Now) -> AutoUpdate {
        if self.rules.auto_activate && self.is_voted(component, known, now) {
            return AutoUpdate { breaking: true, ..AutoUpdate::EVERYTHING };
        }
        component.auto
    }

    /// What stands against a release of a channel itself, whoever asks for it.
    pub(super) fn distrust(
        &self,
        channel: &ChannelName,
        known: &Known,
        now: Now,
    ) -> Option<Distrust> {
        match self.catalog.obstacle(channel, known, now.wall) {
            Some(Obstacle::Frozen(freeze)) => return Some(Distrust::Frozen(frozen(&freeze))),
            Some(Obstacle::Withdrawn { reason }) => return Some(Distrust::Withdrawn(reason)),
            Some(Obstacle::SignerRevoked) => return Some(Distrust::SignerRevoked),
            Some(Obstacle::Paused { until, reason, .. }) => {
                return Some(Distrust::Paused { until, reason });
            }
            None => {}
        }
        let need = self.rules.builders;
        let have = self.catalog.builds(&known.manifest).agree.len();
        (have < need).then_some(Distrust::Builders { have, need })
    }

    /// Begins to bring a release here. The component is at rest: callers have looked.
    pub(super) fn begin(
        &mut self,
        name: &ComponentName,
        known: &Known,
        wish: Wish,
        now: Now,
        actions: &mut Vec<Action<P>>,
    ) -> Option<OperationId> {
        self.components.get(name)?;
        let id = self.note(name, known, &wish, now);
        self.launch(id, name, known, wish, now, actions)
    }

    /// Notes an operation that has not begun to do anything.
    pub(super) fn note(
        &mut self,
        name: &ComponentName,
        known: &Known,
        wish: &Wish,
        now: Now,
    ) -> OperationId {
        let installed = self.components.get(name).and_then(|c| c.installed.as_ref());
        self.operations.begin(Operation {
            id: OperationId(0),
            kind: match wish.extent {
                Extent::Install | Extent::Download => OperationKind::Install,
                Extent::Stage { .. } => OperationKind::Stage,
            },
            component: name.clone(),
            from: installed.map(|base| base.version.clone()),
            to: known.manifest.version.clone(),
            phase: Phase::Planning,
            progress: None,
            sources: Default::default(),
            patch_bytes: 0,
            duplicates: 0,
            wrong: 0,
            started: now.wall,
            ended: None,
            by: wish.by.clone(),
            reason: None,
            outcome: Outcome::Running,
        })
    }

    /// Begins what was noted. The component is at rest: callers have looked.
    pub(super) fn launch(
        &mut self,
        id: OperationId,
        name: &ComponentName,
        known: &Known,
        wish: Wish,
        now: Now,
        actions: &mut Vec<Action<P>>,
    ) -> Option<OperationId> {
        let release = known.signed.digest();
        let component = self.components.get(name)?;
        let others = self
            .catalog
            .candidates(name, &component.channel, &component.target)
            .filter(|other| other.manifest.tree.object.digest != known.manifest.tree.object.digest)
            .map(|other| other.manifest.clone())
            .collect();
        let base = component.installed.clone();
        let moved = self.components.get_mut(name)?.begin(id, release);
        if !self.legal(moved, id, now) {
            return None;
        }
        let job = Job {
            id,
            component: name.clone(),
            channel: wish.channel,
            release,
            manifest: known.manifest.clone(),
            others,
            base,
            route: wish.route,
            excluded: BTreeSet::new(),
            extent: wish.extent,
            ahead: self.wanted_ahead(name),
        };
        self.jobs.insert(id, job.clone());
        self.fresh.insert(id, self.moment(now));
        actions.push(Action::Fetch(job));
        Some(id)
    }

    pub(super) fn on_fetched(
        &mut self,
        id: OperationId,
        result: Result<Fetched, JobError>,
        now: Now,
    ) -> Vec<Action<P>> {
        let Some(job) = self.jobs.get(&id).cloned() else { return Vec::new() };
        let mut actions = Vec::new();
        match result {
            Ok(fetched) => {
                // What is here in part goes again when the release is staged.
                let complete = fetched.route.iter().filter(|leg| !leg.in_part);
                let blobs: Vec<Digest> = complete.map(|leg| leg.blob).collect();
                self.held.extend(blobs.iter().copied());
                if self.rules.upload == Upload::On {
                    actions.push(Action::Provide(blobs));
                }
                self.operations.update(id, |operation| {
                    for (peer, bytes) in &fetched.sources {
                        *operation.sources.entry(peer.clone()).or_default() += bytes;
                    }
                    operation.patch_bytes += fetched.patch_bytes;
                    operation.duplicates += fetched.duplicates;
                    operation.wrong += fetched.wrong;
                });
                if job.extent == Extent::Download {
                    self.end_well(&job, now);
                    return actions;
                }
                // Much may have been said while the bytes came.
                if let Some(reason) = self.stopped_meanwhile(&job, now) {
                    self.end_badly(&job, JobError::Failed(reason), now, &mut actions);
                    return actions;
                }
                let Some(component) = self.components.get_mut(&job.component) else {
                    return actions;
                };
                let moved = component.fetched(id);
                self.called_off.remove(&id);
                if self.legal(moved, id, now) {
                    self.operations.update(id, |operation| operation.phase = Phase::Staging);
                    actions.push(match job.extent {
                        Extent::Stage { .. } => Action::Stage(job, fetched),
                        Extent::Install | Extent::Download => Action::Install(job, fetched),
                    });
                }
            }
            Err(JobError::WrongRoute { blob, error }) => {
                self.try_another_route(job, blob, error, now, &mut actions)
            }
            Err(error) => self.end_badly(&job, error, now, &mut actions),
        }
        actions
    }

    pub(super) fn on_installed(
        &mut self,
        id: OperationId,
        result: Result<Installation, JobError>,
        now: Now,
    ) -> Vec<Action<P>> {
        let Some(operation) = self.operations.get(id).cloned() else { return Vec::new() };
        let mut actions = Vec::new();
        match (result, self.jobs.get(&id).cloned()) {
            (Ok(installation), job) => {
                self.installed(&operation, installation, now, &mut actions);
                if let Some(job) = job {
                    actions.push(Action::Emit(What::UpdateCompleted {
                        component: operation.component.clone(),
                        from: operation.from.clone(),
                        to: operation.to.clone(),
                        fetched: operation.sources.values().sum(),
                        patches: operation.patch_bytes,
                        whole: job.manifest.whole.size,
                        peers: operation.sources.len(),
                    }));
                    self.end_well(&job, now);
                } else {
                    self.rolled_back(&operation, now, &mut actions);
                }
            }
            (Err(JobError::WrongRoute { blob, error }), Some(job)) => {
                self.go_another_way(job, blob, error, now, &mut actions);
            }
            (Err(error), Some(job)) => self.end_badly(&job, error, now, &mut actions),
            (Err(error), None) => {
                let problem = Problem::new(Code::RollbackFailed, error.to_string());
                self.operations.finish(id, Outcome::Failed(problem), now.wall);
                if let Some(component) = self.components.get_mut(&operation.component) {
                    // It stays at the version that the operator wanted to leave: nothing is held back by that.
                    component.pinned = self.pins_before.remove(&id).unwrap_or(false);
                    actions.push(Action::KeepComponent(operation.component.clone()));
                    let moved = component.rest(id);
                    self.legal(moved, id, now);
                }
                actions.push(history(&operation, Some(error.to_string()), now));
            }
        }
        actions
    }

    fn installed(
        &mut self,
        operation: &Operation,
        installation: Installation,
        now: Now,
        actions: &mut Vec<Action<P>>,
    ) {
        let Some(component) = self.components.get_mut(&operation.component) else { return };
        component.installed = Some(installation.installed);
        component.kept = installation.kept;
        component.last_update = Some(LastUpdate {
            at: now.wall,
            from: operation.from.clone(),
            to: operation.to.clone(),
            error: None,
        });
        actions.push(Action::KeepComponent(operation.component.clone()));
        actions.push(history(operation, None, now));
    }

    fn rolled_back(&mut self, operation: &Operation, now: Now, actions: &mut Vec<Action<P>>) {
        self.pins_before.remove(&operation.id);
        let Some(component) = self.components.get_mut(&operation.component) else { return };
        let moved = component.rest(operation.id);
        if !self.legal(moved, operation.id, now) {
            return;
        }
        self.operations.finish(operation.id, Outcome::Done, now.wall);
        actions.push(Action::Emit(What::RolledBack {
            component: operation.component.clone(),
            from: operation.from.clone(),
            to: operation.to.clone(),
        }));
    }

    /// What was built is not the release: back to fetching, by another route.
    pub(super) fn go_another_way(
        &mut self,
        job: Job,
        blob: Digest,
        error: String,
        now: Now,
        actions: &mut Vec<Action<P>>,
    ) {
        let Some(component) = self.components.get_mut(&job.component) else { return };
        let moved = component.refetch(job.id);
        if self.legal(moved, job.id, now) {
            self.operations.update(job.id, |operation| operation.phase = Phase::Planning);
            self.try_another_route(job, blob, error, now, actions);
        }
    }

    fn try_another_route(
        &mut self,
        mut job: Job,
        blob: Digest,
        error: String,
        now: Now,
        actions: &mut Vec<Action<P>>,
    ) {
        // The whole artifact is the last route: when it is wrong, the release itself is.
        if blob == job.manifest.whole.digest || !job.excluded.insert(blob) {
            self.end_badly(&job, JobError::Damaged(error), now, actions);
            return;
        }
        self.jobs.insert(job.id, job.clone());
        actions.push(Action::Fetch(job));
    }

    pub(super) fn end_well(&mut self, job: &Job, now: Now) {
        self.jobs.remove(&job.id);
        self.operations.finish(job.id, Outcome::Done, now.wall);
        if let Some(component) = self.components.get_mut(&job.component) {
            let moved = component.rest(job.id);
            self.legal(moved, job.id, now);
        }
    }

    fn end_badly(&mut self, job: &Job, error: JobError, now: Now, actions: &mut Vec<Action<P>>) {
        if let Extent::Stage { .. } = job.extent {
            return self.not_staged(job, &error, now, actions);
        }
        self.jobs.remove(&job.id);
        let text = error.to_string();
        self.operations.finish(job.id, Outcome::Failed(problem(job, &error)), now.wall);
        actions.push(Action::Emit(What::UpdateFailed {
            component: job.component.clone(),
            to: job.manifest.version.clone(),
            error: text.clone(),
        }));
        if let Some(operation) = self.operations.get(job.id) {
            actions.push(history(operation, Some(text.clone()), now));
        }
        let Some(component) = self.components.get_mut(&job.component) else { return };
        if job.extent == Extent::Install {
            component.last_update = Some(LastUpdate {
                at: now.wall,
                from: job.base.as_ref().map(|base| base.version.clone()),
                to: job.manifest.version.clone(),
                error: Some(text.clone()),
            });
        }
        if let JobError::Damaged(_) = error {
            component.quarantined.insert(job.release, text.clone());
            actions.push(Action::KeepComponent(job.component.clone()));
        }
        let moved = component.failed(job.id, error.wait_reason(), text, now.elapsed);
        self.legal(moved, job.id, now);
    }

    /// A move that does not exist is a bug of ours: it is shown, and its operation ends.
    pub(super) fn legal(
        &mut self,
        moved: Result<(), IllegalMove>,
        id: OperationId,
        now: Now,
    ) -> bool {
        let Err(illegal) = moved else { return true };
        debug_assert!(false, "{illegal}");
        tracing::error!(%illegal, operation = %id, "a move that does not exist");
        self.jobs.remove(&id);
        let problem = Problem::new(Code::Failed, illegal.to_string());
        self.operations.finish(id, Outcome::Failed(problem), now.wall);
        false
    }

    /// A version's release, as far as any channel still lists it.
    pub(super) fn release_of(
        &self,
        component: &Component,
        version: &ReleaseVersion,
    ) -> Option<Arc<Known>> {
        self.catalog
            .release(&component.name, &component.channel, &component.target, version)
            .map(|known| Arc::new(known.clone()))
    }
}

/// Why a channel is frozen, in words.
pub(super) fn frozen(freeze: &Freeze) -> String {
    match freeze {
        Freeze::TwoHistories { seq, .. } => format!(
            "two different heads {seq} are signed; it waits for a trust root that takes a key away and says which holds"
        ),
        Freeze::TooFewKeys => {
            "so many of its keys revoked themselves that nobody can sign; it waits for a new trust root"
                .to_owned()
        }
    }
}

/// What an operation is to do beyond the release itself.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    /// Where the release is on offer.
    pub(super) channel: ChannelName,
    pub(super) route: RouteChoice,
    pub(super) extent: Extent,
    pub(super) by: String,
}
