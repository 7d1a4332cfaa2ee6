//! What is made ready for a later day: staged beside what runs, and tried there if whoever asks demands it. Pure.
//!
//! ```text
//! Due ─> UnderWay ─> Over(it lies ready, or it is no good and why)
//!  ^        │
//!  └─────── a failure that is not the release's: nobody gave it, no room, paused meanwhile
//! ```
//!
//! The component need not be followed here: an elector tries a release that it may never install. There are as many
//! entries as callers want to be ready for; each asks for one release of one component and for one protocol: what a
//! self-test has shown for one protocol proves nothing for another. The tree on the disk is the same for all of them.

use std::{
    collections::BTreeSet,
    fmt::{Debug, Display},
    time::Duration,
};

use updraft_protocol::{ChannelName, ComponentName, Digest, ReleaseVersion};

use super::{
    action::{Action, Job, JobError, Now},
    event::What,
    lifecycle::Following,
    machine::Machine,
    operation::{OperationId, Outcome},
    order::{Extent, RouteChoice, Trial},
    told::problem,
    updates::Wish,
};
use crate::{
    catalog::{Freshness, Known},
    problem::{Code, Problem},
    trial::Tried,
};

/// What lies staged from an earlier run and nobody has asked for within this time after the start is removed.
const UNCLAIMED: Duration = Duration::from_secs(3_600);

/// What somebody wants ready: a release of a component, by its manifest, and the protocol it is to speak.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// The component.
    pub component: ComponentName,
    /// The manifest.
    pub release: Digest,
    /// The protocol.
    pub protocol: u32,
}

/// A release that lies ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    /// Its version.
    pub version: ReleaseVersion,
    /// The protocol it was staged for.
    pub protocol: u32,
    /// What its self-test has shown; `None` if it was spared one.
    pub tried: Option<Tried>,
}

/// A release that somebody wants ready.
#[derive(Debug)]
pub(super) struct Ahead {
    version: ReleaseVersion,
    channel: ChannelName,
    trial: Trial,
    by: String,
    /// The newest operation for it.
    operation: OperationId,
    /// Why the attempt before was no good, if this is another.
    failed_before: Option<String>,
    stand: Stand,
}

#[derive(Debug)]
enum Stand {
    Due,
    UnderWay,
    Over { result: Result<Staged, String>, since: Duration },
}

impl Ahead {
    /// What failed for good is wanted no more.
    const fn is_wanted(&self) -> bool {
        !matches!(self.stand, Stand::Over { result: Err(_), .. })
    }

    /// Whether it is what somebody asks for. What has passed or may pass its self-test serves those who spare it one,
    /// too; what has not is no worse for them than before.
    fn serves(&self, trial: Trial) -> bool {
        let stronger = self.trial == Trial::Demanded && self.is_wanted();
        self.trial == trial || stronger
    }
}

impl<P: Copy + Ord + Debug + Display> Machine<P> {
    /// Wants a release staged for a protocol, and tried for it if that is demanded; begins as soon as the component is
    /// at rest. Asking again for the same is free: it gives the operation that there is, and does not try again what
    /// failed for good.
    #[expect(
        clippy::too_many_arguments,
        reason = "what, for which protocol, how, for whom, and when"
    )]
    pub fn stage(
        &mut self,
        component: &ComponentName,
        release: &Known,
        protocol: u32,
        trial: Trial,
        by: &str,
        now: Now,
        actions: &mut Vec<Action<P>>,
    ) -> OperationId {
        let (name, digest) = (component.clone(), release.signed.digest());
        let key = Wanted { component: name, release: digest, protocol };
        if let Some(ahead) = self.ahead.get(&key).filter(|ahead| ahead.serves(trial)) {
            return ahead.operation;
        }
        self.know(component);
        let channel = release.manifest.channel.clone();
        let wish = staging(&channel, protocol, trial, by);
        let operation = self.note(component, release, &wish, now);
        let (version, by) = (release.manifest.version.clone(), by.to_owned());
        let stand = Stand::Due;
        let failed_before = None;
        let ahead = Ahead { version, channel, trial, by, operation, failed_before, stand };
        if let Some(before) = self.ahead.insert(key, ahead)
            && matches!(before.stand, Stand::Due)
        {
            self.never_begun(&before, "it is wanted in another way by now", now);
        }
        self.begin_staging(now, actions);
        operation
    }

    /// Whether a release that somebody wanted ready for a protocol is: `None` while nobody knows yet, or nobody asked.
    pub fn staged(
        &self,
        component: &ComponentName,
        release: &Digest,
        protocol: u32,
    ) -> Option<&Result<Staged, String>> {
        let key = Wanted { component: component.clone(), release: *release, protocol };
        match &self.ahead.get(&key)?.stand {
            Stand::Over { result, .. } => Some(result),
            Stand::Due | Stand::UnderWay => None,
        }
    }

    /// Why a release that somebody wants ready was no good the last time, also while it is tried again.
    pub(super) fn known_to_fail(&self, what: &Wanted) -> Option<&str> {
        let ahead = self.ahead.get(what)?;
        match &ahead.stand {
            Stand::Over { result, .. } => result.as_ref().err().map(String::as_str),
            Stand::Due | Stand::UnderWay => ahead.failed_before.as_deref(),
        }
    }

    /// Tries a release again that was no good, if that is so long ago.
    pub(super) fn try_again(
        &mut self,
        what: &Wanted,
        pause: Duration,
        now: Now,
        actions: &mut Vec<Action<P>>,
    ) {
        let Some(ahead) = self.ahead.get_mut(what) else { return };
        if let Stand::Over { result: Err(reason), since } = &ahead.stand
            && now.elapsed >= *since + pause
        {
            ahead.failed_before = Some(reason.clone());
            ahead.stand = Stand::Due;
            self.begin_staging(now, actions);
        }
    }

    /// Nobody wants the release ready for this protocol any more: what was staged of it is removed, unless it is live
    /// or wanted for another. Whoever stages it again begins anew.
    pub fn unstage(&mut self, what: &Wanted, now: Now, actions: &mut Vec<Action<P>>) {
        let Some(ahead) = self.ahead.remove(what) else { return };
        let reason = "nobody wants it ready any more";
        match ahead.stand {
            Stand::Due => self.never_begun(&ahead, reason, now),
            Stand::UnderWay => actions.push(Action::CallOff(ahead.operation, reason.to_owned())),
            Stand::Over { .. } => {}
        }
        let component = &what.component;
        actions.push(Action::KeepAhead(component.clone(), self.wanted_ahead(component)));
    }

    /// The same for everything that `by` asked for and that is not wanted any more.
    pub fn unstage_unless(
        &mut self,
        by: &str,
        wanted: impl Fn(&Wanted) -> bool,
        now: Now,
        actions: &mut Vec<Action<P>>,
    ) {
        // What is under way ends first: to call it off would look like a failure to whoever watches.
        let ended = |ahead: &Ahead| !matches!(ahead.stand, Stand::UnderWay);
        let own = self.ahead.iter().filter(|(_, ahead)| ahead.by == by && ended(ahead));
        let gone: Vec<Wanted> =
            own.map(|(key, _)| key).filter(|key| !wanted(key)).cloned().collect();
        for what in gone {
            self.unstage(&what, now, actions);
        }
    }

    /// The versions of a component that are to stay although they are not live.
    pub(super) fn wanted_ahead(&self, component: &ComponentName) -> BTreeSet<ReleaseVersion> {
        let own = self.ahead.iter().filter(|(key, _)| key.component == *component);
        own.filter(|(_, ahead)| ahead.is_wanted()).map(|(_, a)| a.version.clone()).collect()
    }

    /// What follows from any input: forgets what left its channel, and begins what is due.
    pub(super) fn stage_ahead(&mut self, now: Now, actions: &mut Vec<Action<P>>) {
        let has_left = |(key, ahead): &(&Wanted, &Ahead)| {
            self.catalog.manifest(&key.release).is_none()
                || self.catalog.withdrawn(&ahead.channel, &key.release).is_some()
        };
        let gone: Vec<Wanted> =
            self.ahead.iter().filter(has_left).map(|(key, _)| key.clone()).collect();
        for what in gone {
            self.unstage(&what, now, actions);
        }
        if !self.unclaimed_swept && now.elapsed >= UNCLAIMED {
            self.unclaimed_swept = true;
            for component in self.components.keys() {
                let wanted = self.wanted_ahead(component);
                actions.push(Action::KeepAhead(component.clone(), wanted));
            }
        }
        self.begin_staging(now, actions);
    }

    fn begin_staging(&mut self, now: Now, actions: &mut Vec<Action<P>>) {
        let due: Vec<Wanted> = (self.ahead.iter())
            .filter(|(_, ahead)| matches!(ahead.stand, Stand::Due))
            .map(|(key, _)| key.clone())
            .collect();
        for what in due {
            self.begin_one(&what, now, actions);
        }
    }

    fn begin_one(&mut self, what: &Wanted, now: Now, actions: &mut Vec<Action<P>>) {
        let Wanted { component, release, protocol } = what;
        let may_begin = (self.components.get(component))
            .is_some_and(|component| component.may_begin(release, now.elapsed));
        let (Some(known), Some(ahead)) =
            (self.catalog.manifest(release).cloned(), self.ahead.get(what))
        else {
            return;
        };
        // A self-test is code that runs: what nobody is to install now is not tried now either.
        let is_fresh =
            matches!(self.catalog.freshness(&ahead.channel, now.wall), Freshness::Fresh { .. });
        let is_barred = !is_fresh
            || self.waits_for_statements(now)
            || self.distrust(&ahead.channel, &known, now).is_some();
        if !may_begin || is_barred {
            return;
        }
        let wish = staging(&ahead.channel, *protocol, ahead.trial, &ahead.by);
        let mut id = ahead.operation;
        if self.operations.get(id).is_none_or(|operation| operation.ended.is_some()) {
            id = self.note(component, &known, &wish, now);
        }
        let begun = self.launch(id, component, &known, wish, now, actions);
        if let Some(ahead) = self.ahead.get_mut(what) {
            ahead.operation = id;
            if begun.is_some() {
                ahead.stand = Stand::UnderWay;
            }
        }
    }

    pub(super) fn on_staged(
        &mut self,
        id: OperationId,
        result: Result<Staged, JobError>,
        now: Now,
    ) -> Vec<Action<P>> {
        let Some(job) = self.jobs.get(&id).cloned() else { return Vec::new() };
        let mut actions = Vec::new();
        match result {
            Ok(staged) => {
                actions.push(Action::Emit(What::ReleaseStaged {
                    component: job.component.clone(),
                    version: staged.version.clone(),
                    protocol: staged.protocol,
                    said: staged.tried.as_ref().map(|tried| tried.said.clone()),
                }));
                self.end_well(&job, now);
                self.is_over(&job, Ok(staged), now);
            }
            Err(JobError::WrongRoute { blob, error }) => {
                self.go_another_way(job, blob, error, now, &mut actions);
            }
            Err(error) => self.not_staged(&job, &error, now, &mut actions),
        }
        actions
    }

    /// A staging failed. What is the release's own fault is not tried again until somebody asks anew.
    pub(super) fn not_staged(
        &mut self,
        job: &Job,
        error: &JobError,
        now: Now,
        actions: &mut Vec<Action<P>>,
    ) {
        self.jobs.remove(&job.id);
        let text = error.to_string();
        self.operations.finish(job.id, Outcome::Failed(problem(job, error)), now.wall);
        actions.push(Action::Emit(What::UpdateFailed {
            component: job.component.clone(),
            to: job.manifest.version.clone(),
            error: text.clone(),
        }));
        let is_final = matches!(error, JobError::Unfit(_) | JobError::Damaged(_));
        let Some(component) = self.components.get_mut(&job.component) else { return };
        let moved = if is_final {
            component.rest(job.id)
        } else {
            component.failed(job.id, error.wait_reason(), text.clone(), now.elapsed)
        };
        if matches!(error, JobError::Damaged(_)) {
            component.quarantined.insert(job.release, text.clone());
            // What is kept of a component makes it one that is followed.
            if component.following == Following::Yes {
                actions.push(Action::KeepComponent(job.component.clone()));
            }
        }
        self.legal(moved, job.id, now);
        if is_final {
            self.is_over(job, Err(text), now);
            let wanted = self.wanted_ahead(&job.component);
            actions.push(Action::KeepAhead(job.component.clone(), wanted));
        } else if let Some(ahead) = self.entry(job) {
            ahead.stand = Stand::Due;
        }
    }

    fn is_over(&mut self, job: &Job, result: Result<Staged, String>, now: Now) {
        if let Some(ahead) = self.entry(job) {
            ahead.stand = Stand::Over { result, since: now.elapsed };
        }
    }

    /// What a job is for; `None` if nobody wants it any more, or in another way by now.
    fn entry(&mut self, job: &Job) -> Option<&mut Ahead> {
        let Extent::Stage { protocol, .. } = job.extent else { return None };
        let (component, release) = (job.component.clone(), job.release);
        let ahead = self.ahead.get_mut(&Wanted { component, release, protocol })?;
        (ahead.operation == job.id).then_some(ahead)
    }

    fn never_begun(&mut self, ahead: &Ahead, reason: &str, now: Now) {
        let problem = Problem::new(Code::Failed, reason);
        self.operations.finish(ahead.operation, Outcome::Failed(problem), now.wall);
    }
}

fn staging(channel: &ChannelName, protocol: u32, trial: Trial, by: &str) -> Wish {
    Wish {
        channel: channel.clone(),
        route: RouteChoice::Cheapest,
        extent: Extent::Stage { protocol, trial },
        by: by.to_owned(),
    }
}
