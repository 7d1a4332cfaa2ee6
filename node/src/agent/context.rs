//! What every effect of the agent works with; cheap to clone.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use updraft_protocol::{ComponentName, SecretKey};

use super::{answering::Telling, limiter::Limiter, measuring::Gauges, operation::OperationId};
use crate::{
    clock::Clock, fetch, install::Installer, metrics::Metrics, network::Network, store::Store,
};

/// Bytes done of bytes needed, by operation; read by the status, written by fetches.
pub(super) type ProgressTable = Arc<Mutex<BTreeMap<OperationId, (u64, u64)>>>;
/// Reasons by operation.
pub(super) type CalledOff = Arc<Mutex<BTreeMap<OperationId, String>>>;
/// Replaced as a whole.
pub(super) type Said = Arc<Mutex<Telling>>;
/// One installer for each component; whoever installs holds its lock for as long as it takes, on a thread that
/// may block.
pub(super) type Installers = Arc<Mutex<BTreeMap<ComponentName, Arc<Mutex<Installer>>>>>;

/// Whether the second version of transfer is in force here. Not at the start: until whoever counts votes says so, peers
/// are asked chunk by chunk. All clones are one switch.
#[derive(Debug, Clone, Default)]
pub(super) struct Packs(Arc<AtomicBool>);

impl Packs {
    /// Says that the version came into force, or is not any more. Questions under way are not affected.
    pub(super) fn set(&self, in_force: bool) {
        self.0.store(in_force, Ordering::Relaxed);
    }

    /// Whether it is in force now.
    pub(super) fn in_force(&self) -> bool {
        // Nothing else is read because of it, so nothing has to be in order with it.
        self.0.load(Ordering::Relaxed)
    }
}

/// The rooms, and what is shared between effects.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub(super) network: Network,
    pub(super) store: Store,
    pub(super) installers: Installers,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    pub(super) progress: ProgressTable,
    pub(super) limits: fetch::Limits,
    pub(super) chunk_timeout: std::time::Duration,
    pub(super) packs: Packs,
    pub(super) download: Arc<Limiter>,
    pub(super) upload: Arc<Limiter>,
    /// For files that exist only while something is under way; emptied at start.
    pub(super) temporary: PathBuf,
    pub(super) keep_versions: usize,
    /// How fast this machine is.
    pub(super) gauges: Gauges,
    /// The key with which this node is a witness; shared, so that there is one copy of it in memory.
    pub(super) witness: Option<Arc<SecretKey>>,
    /// The key with which this node votes.
    pub(super) voter: Option<Arc<SecretKey>>,
    /// What is said beside heads and still matters.
    pub(super) said: Said,
    /// Installations that must not go live, and why: asked for at the last moment before the switch.
    pub(super) called_off: CalledOff,
}

impl Context {
    pub(super) fn note_progress(&self, job: OperationId, done: u64, total: u64) {
        lock(&self.progress).insert(job, (done, total));
    }

    pub(super) fn forget_progress(&self, job: OperationId) {
        lock(&self.progress).remove(&job);
    }

    pub(super) fn call_off(&self, job: OperationId, reason: String) {
        lock(&self.called_off).insert(job, reason);
    }

    /// Why a job must not go on, if it was called off. Asked once.
    pub(super) fn called_off(&self, job: OperationId) -> Option<String> {
        lock(&self.called_off).remove(&job)
    }

    pub(super) fn installer(&self, component: &ComponentName) -> Option<Arc<Mutex<Installer>>> {
        lock(&self.installers).get(component).cloned()
    }
}

/// A panic of one effect must not stop the others: what it guarded is only read or replaced as a whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_are_off_at_the_start_and_one_switch_for_all_clones() {
        let packs = Packs::default();
        let clone = packs.clone();
        assert!(!clone.in_force());
        packs.set(true);
        assert!(clone.in_force());
        packs.set(false);
        assert!(!clone.in_force());
    }
}
