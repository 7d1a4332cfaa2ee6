//! One component on this node: its stages and the legal moves between them. Read this file first.
//!
//! ```text
//!            ┌────────── failed ──────────┐
//!            v                            │
//!  Idle ─begin─> Fetching ─fetched─> Installing ─installed─> Idle
//!    ^  <──────── downloaded ─┘           │
//!    └── Waiting <──────── failed ────────┘      (Waiting ─begin─> Fetching when its pause is over)
//! ```
//!
//! A move that is not drawn is a bug of ours: it is refused with the names of both ends and changes nothing.
//! Fetching always comes before anything that the running version could notice.

use std::{collections::BTreeMap, time::Duration};

use updraft_protocol::{ChannelName, ComponentName, Digest, ReleaseVersion, Target};

use super::{
    operation::OperationId,
    status::{HoldReason, LastUpdate},
};
use crate::policy::AutoUpdate;

/// First pause after a failed attempt; doubles with each failure of one release up to [`MAX_PAUSE`].
const MIN_PAUSE: Duration = Duration::from_secs(2);
/// Longest pause between two attempts.
const MAX_PAUSE: Duration = Duration::from_secs(600);

/// A version whose contents are on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledVersion {
    /// Its version.
    pub version: ReleaseVersion,
    /// Digest of its tree.
    pub tree: Digest,
}

/// Where a component is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Nothing is under way.
    Idle,
    /// Bytes of a release are coming.
    Fetching {
        /// The operation.
        job: OperationId,
        /// The release's manifest.
        release: Digest,
    },
    /// A release is being built, checked and switched to.
    Installing {
        /// The operation.
        job: OperationId,
        /// The release's manifest.
        release: Digest,
    },
    /// An attempt failed; the next one may begin at `until` (time since the node started).
    Waiting {
        /// The release's manifest.
        release: Digest,
        /// Attempts that failed.
        attempts: u32,
        /// When the pause is over.
        until: Duration,
        /// The kind of reason.
        reason: WaitReason,
        /// What went wrong.
        error: String,
    },
}

impl Stage {
    const fn name(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Fetching { .. } => "fetching",
            Self::Installing { .. } => "installing",
            Self::Waiting { .. } => "waiting",
        }
    }
}

/// Why an attempt failed, as far as it matters for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitReason {
    /// Nobody who holds it was reached: a new peer ends the pause.
    Peers,
    /// There is no room.
    Disk,
    /// Something else.
    Fault,
}

impl WaitReason {
    /// The word of the closed list, if it has one.
    pub const fn hold(self) -> Option<HoldReason> {
        match self {
            Self::Peers => Some(HoldReason::Peers),
            Self::Disk => Some(HoldReason::Disk),
            Self::Fault => None,
        }
    }
}

/// A move that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{component}` cannot go from {from} to {to}")]
pub struct IllegalMove {
    component: ComponentName,
    from: &'static str,
    to: &'static str,
}

/// Whether a component is kept up to date here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Following {
    /// It is: by the settings, or because somebody installed it.
    Yes,
    /// It is not: a release of it is downloaded into the store and that is all.
    No,
}

/// A component that this node knows.
#[derive(Debug, Clone)]
pub struct Component {
    /// Its name.
    pub name: ComponentName,
    /// The channel it follows.
    pub channel: ChannelName,
    /// The machine it is for.
    pub target: Target,
    /// What is installed without asking.
    pub auto: AutoUpdate,
    /// Whether it is this node's to keep up to date, or only known because somebody downloads it.
    pub following: Following,
    /// Whether the operator went back and stays there.
    pub pinned: bool,
    /// Releases that failed here, by manifest, with the reason.
    pub quarantined: BTreeMap<Digest, String>,
    /// What runs.
    pub installed: Option<InstalledVersion>,
    /// Versions kept for going back, newest first, without the installed one.
    pub kept: Vec<InstalledVersion>,
    /// How the last update ended.
    pub last_update: Option<LastUpdate>,
    stage: Stage,
    /// The release whose last attempts failed, and how many did in a row.
    failures: Option<(Digest, u32)>,
}

impl Component {
    /// A component at rest.
    pub fn new(
        name: ComponentName,
        channel: ChannelName,
        target: Target,
        auto: AutoUpdate,
    ) -> Self {
        Self {
            name,
            channel,
            target,
            auto,
            following: Following::Yes,
            pinned: false,
            quarantined: BTreeMap::new(),
            installed: None,
            kept: Vec::new(),
            last_update: None,
            stage: Stage::Idle,
            failures: None,
        }
    }

    /// Where it is.
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// The operation under way, if there is one.
    pub fn busy(&self) -> Option<OperationId> {
        match self.stage {
            Stage::Fetching { job, .. } | Stage::Installing { job, .. } => Some(job),
            Stage::Idle | Stage::Waiting { .. } => None,
        }
    }

    /// Whether settings alone may begin with a release now: nothing is under way, and no pause after an
    /// earlier failure of this very release is running.
    pub fn may_begin(&self, release: &Digest, now: Duration) -> bool {
        match &self.stage {
            Stage::Idle => true,
            Stage::Waiting { release: failed, until, .. } => failed != release || *until <= now,
            Stage::Fetching { .. } | Stage::Installing { .. } => false,
        }
    }

    /// Begins to fetch. A person may begin at any time that nothing is under way.
    pub fn begin(&mut self, job: OperationId, release: Digest) -> Result<(), IllegalMove> {
        match self.stage {
            Stage::Idle | Stage::Waiting { .. } => {
                self.stage = Stage::Fetching { job, release };
                Ok(())
            }
            Stage::Fetching { .. } | Stage::Installing { .. } => Err(self.illegal("fetching")),
        }
    }

    /// Everything is here: goes on to install.
    pub fn fetched(&mut self, job: OperationId) -> Result<(), IllegalMove> {
        match self.stage {
            Stage::Fetching { job: current, release } if current == job => {
                self.stage = Stage::Installing { job, release };
                Ok(())
            }
            _ => Err(self.illegal("installing")),
        }
    }

    /// A patch did not lead to the release: goes back to fetching by another route.
    pub fn refetch(&mut self, job: OperationId) -> Result<(), IllegalMove> {
        match self.stage {
            Stage::Installing { job: current, release } if current == job => {
                self.stage = Stage::Fetching { job, release };
                Ok(())
            }
            _ => Err(self.illegal("fetching")),
        }
    }

    /// Going back needs nothing fetched.
    pub fn begin_rollback(&mut self, job: OperationId, release: Digest) -> Result<(), IllegalMove> {
        match self.stage {
            Stage::Idle | Stage::Waiting { .. } => {
                self.stage = Stage::Installing { job, release };
                Ok(())
            }
            Stage::Fetching { .. } | Stage::Installing { .. } => Err(self.illegal("installing")),
        }
    }

    /// The attempt ended well: what was asked for is done.
    pub fn rest(&mut self, job: OperationId) -> Result<(), IllegalMove> {
        if self.busy() != Some(job) {
            return Err(self.illegal("idle"));
        }
        self.stage = Stage::Idle;
        self.failures = None;
        Ok(())
    }

    /// The attempt failed. The pause grows with the failures of one release in a row.
    pub fn failed(
        &mut self,
        job: OperationId,
        reason: WaitReason,
        error: String,
        now: Duration,
    ) -> Result<(), IllegalMove> {
        let (Stage::Fetching { job: current, release }
        | Stage::Installing { job: current, release }) = self.stage
        else {
            return Err(self.illegal("waiting"));
        };
        if current != job {
            return Err(self.illegal("waiting"));
        }
        let attempts = match self.failures {
            Some((failed, attempts)) if failed == release => attempts.saturating_add(1),
            _ => 1,
        };
        self.failures = Some((release, attempts));
        let pause = MIN_PAUSE.saturating_mul(2_u32.saturating_pow(attempts - 1)).min(MAX_PAUSE);
        self.stage = Stage::Waiting { release, attempts, until: now + pause, reason, error };
        Ok(())
    }

    /// Somebody new is there to ask: a pause for want of holders ends.
    pub fn peer_came(&mut self, now: Duration) {
        if let Stage::Waiting { reason: WaitReason::Peers, until, .. } = &mut self.stage {
            *until = (*until).min(now);
        }
    }

    fn illegal(&self, to: &'static str) -> IllegalMove {
        IllegalMove { component: self.name.clone(), from: self.stage.name(), to }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: OperationId = OperationId(1);
    const OTHER: OperationId = OperationId(2);

    fn component() -> Component {
        let auto = AutoUpdate {
            enabled: true,
            security: true,
            feature: true,
            bugfix: true,
            breaking: false,
        };
        let name = |text: &str| text.parse().expect("a name");
        Component::new(
            name("demo-app"),
            "stable".parse().expect("a name"),
            "any".parse().expect("a target"),
            auto,
        )
    }

    fn release() -> Digest {
        Digest::of(b"release")
    }

    #[test]
    fn the_straight_way_leads_back_to_rest() {
        let mut component = component();
        component.begin(JOB, release()).expect("idle");
        component.fetched(JOB).expect("fetching");
        component.rest(JOB).expect("installing");
        assert_eq!(component.stage(), &Stage::Idle);
    }

    #[test]
    fn moves_that_do_not_exist_are_refused_and_change_nothing() {
        let mut component = component();
        assert!(component.fetched(JOB).is_err() && component.rest(JOB).is_err());
        component.begin(JOB, release()).expect("idle");
        let before = component.stage().clone();
        assert_eq!(
            component.begin(OTHER, release()).map_err(|e| e.to_string()),
            Err("`demo-app` cannot go from fetching to fetching".to_owned())
        );
        assert!(component.fetched(OTHER).is_err() && component.rest(OTHER).is_err());
        assert!(
            component.begin_rollback(OTHER, release()).is_err() && component.refetch(JOB).is_err()
        );
        assert_eq!(component.stage(), &before);
    }

    #[test]
    fn pauses_grow_for_one_release_and_do_not_hold_up_another() {
        let mut component = component();
        let mut now = Duration::ZERO;
        let mut last_pause = Duration::ZERO;
        for attempt in 1..=20 {
            component.begin(JOB, release()).expect("at rest");
            component.failed(JOB, WaitReason::Fault, "no".to_owned(), now).expect("fetching");
            let Stage::Waiting { until, attempts, .. } = *component.stage() else {
                panic!("waiting")
            };
            assert_eq!(attempts, attempt);
            assert!(
                !component.may_begin(&release(), now) && component.may_begin(&release(), until)
            );
            assert!(component.may_begin(&Digest::of(b"another"), now));
            assert!(until - now >= last_pause && until - now <= MAX_PAUSE);
            (last_pause, now) = (until - now, until);
        }
    }

    #[test]
    fn a_new_peer_ends_a_pause_for_want_of_holders_and_no_other() {
        for (reason, ends) in
            [(WaitReason::Peers, true), (WaitReason::Disk, false), (WaitReason::Fault, false)]
        {
            let mut component = component();
            component.begin(JOB, release()).expect("idle");
            component.failed(JOB, reason, "no".to_owned(), Duration::ZERO).expect("fetching");
            component.peer_came(Duration::ZERO);
            assert_eq!(component.may_begin(&release(), Duration::ZERO), ends);
        }
    }
}
