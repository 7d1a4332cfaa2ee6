//! What stops an update that has begun: much may be said while bytes come and files are written.
//!
//! It is asked when the bytes have come and, because the switch itself cannot be taken back, for the last time just
//! before it.

use std::{
    fmt::{Debug, Display},
    time::Duration,
};

use updraft_protocol::Timestamp;

use super::{
    action::{Action, Job, Now},
    ending::own_component,
    machine::Machine,
    operation::OperationId,
    order::Extent,
    updates::POLICY,
};
use crate::{catalog::Freshness, policy::Distrust};

/// How long a channel may be stale while an update that began fresh goes on: a new head has no witness yet.
const STALE_GRACE: Duration = Duration::from_secs(600);

impl<P: Copy + Ord + Debug + Display> Machine<P> {
    /// Calls off what is under way and has been stopped since it began. Each once.
    pub(super) fn call_off(&mut self, now: Now, actions: &mut Vec<Action<P>>) {
        let moment = self.moment(now);
        for job in self.jobs.values() {
            let freshness = self.catalog.freshness(&job.channel, now.wall);
            if matches!(freshness, Freshness::Fresh { .. }) || !self.fresh.contains_key(&job.id) {
                self.fresh.insert(job.id, moment);
            }
        }
        let jobs = &self.jobs;
        self.fresh.retain(|id, _| jobs.contains_key(id));
        let stopped: Vec<(OperationId, String)> = self
            .jobs
            .values()
            .filter(|job| job.extent != Extent::Download && !self.called_off.contains(&job.id))
            .filter_map(|job| Some((job.id, self.stopped_meanwhile(job, now)?)))
            .collect();
        for (id, reason) in stopped {
            self.called_off.insert(id);
            actions.push(Action::CallOff(id, reason));
        }
        let jobs = &self.jobs;
        self.called_off.retain(|id| jobs.contains_key(id));
    }

    /// Now, by the clock that nobody sets and by the one that goes on while a machine sleeps.
    pub(super) fn moment(&self, now: Now) -> (Duration, Timestamp) {
        (now.elapsed, self.catalog.trusted_time(now.wall))
    }

    fn is_long_ago(&self, (elapsed, time): (Duration, Timestamp), now: Now) -> bool {
        let since = Duration::from_secs(self.catalog.trusted_time(now.wall).since(time));
        now.elapsed.saturating_sub(elapsed).max(since) >= STALE_GRACE
    }

    /// Why a release that was fetched must not go live after all. Whoever asked for it by hand has answered for a
    /// pause and for missing builds; nobody answers for the rest.
    pub(super) fn stopped_meanwhile(&self, job: &Job, now: Now) -> Option<String> {
        let release = job.manifest.release_name();
        if job.component != own_component() && self.left_behind(now).is_some() {
            return Some(format!("{release} is not installed by rules that are over"));
        }
        let Some(known) = self.catalog.manifest(&job.release) else {
            return Some(format!("{release} is not on offer any more"));
        };
        // Nobody who asks for a staging answers for the code that is run by it.
        let asked_for = job.extent == Extent::Install
            && self.operations.get(job.id).is_some_and(|operation| operation.by != POLICY);
        if !asked_for
            && let Freshness::Stale { since, why } = self.catalog.freshness(&job.channel, now.wall)
            && self.fresh.get(&job.id).is_none_or(|last| self.is_long_ago(*last, now))
        {
            return Some(format!("cannot prove freshness since {since}: {why}"));
        }
        match self.distrust(&job.channel, known, now)? {
            Distrust::Paused { .. } | Distrust::Builders { .. } if asked_for => None,
            Distrust::Paused { until, reason } => {
                Some(format!("{release} is paused until {until}: {reason}"))
            }
            Distrust::Builders { have, need } => {
                Some(format!("{have} of the {need} builders needed got the same as {release}"))
            }
            Distrust::Frozen(why) => Some(format!("`{}` is frozen: {why}", job.channel)),
            Distrust::Withdrawn(why) => Some(format!("{release} was withdrawn: {why}")),
            Distrust::SignerRevoked => Some(format!(
                "a key that signed {release} or its channel's head has revoked itself"
            )),
        }
    }
}
