//! Real nodes in one process, in real time, over lines that are shaped: up to 64 of them.
//!
//! ```text
//!  scenario ─> desk: keys, root, releases, data directories        (making, desk)
//!  story ─────> nodes, each with a runtime of its own               (telling, faults, seat)
//!                 │ real sockets on loopback
//!                 └─> wire ─> shaper: rates, lengths, losses, cuts  (the only thing that is not real)
//!  what nodes tell and count ─> measured ─> outcome                 (measure)
//! ```
//!
//! What a world simulates is real here: libp2p, files, clocks, threads. So a cluster shows whether a world is right, and is
//! never the same twice. What needs a disk, a clock or a program that is not real is refused before anything runs.

mod desk;
mod faults;
mod making;
mod measure;
mod numbers;
mod running;
mod seat;
mod shaper;
mod telling;
mod wire;

use std::{error::Error, sync::atomic::AtomicBool};

use updraft_node::clock::Clock;

use self::{making::Works, running::Cluster, shaper::Shaper, wire::Wire};
use crate::{
    outcome::Outcome,
    run::{RunError, RunOptions, Watch},
    scenario::{Kind, Scenario, only_in_a_world},
    world::people::People,
};

/// Something around the run failed.
#[derive(Debug)]
struct Failure {
    what: String,
    source: Box<dyn Error + Send + Sync>,
}

impl Failure {
    /// What makes one of an error, for `map_err`.
    fn of<E: Into<Box<dyn Error + Send + Sync>>>(
        what: impl FnOnce() -> String,
    ) -> impl FnOnce(E) -> Self {
        |source| Self { what: what(), source: source.into() }
    }
}

impl From<Failure> for RunError {
    fn from(failure: Failure) -> Self {
        Self::Failed { what: failure.what, source: failure.source }
    }
}

/// Runs a scenario as a cluster. The calling thread waits for it.
///
/// # Errors
/// [`RunError::Unsupported`] with everything that only a world can do; [`RunError::Failed`] if a folder, a socket or a node
/// cannot be had.
pub fn run(
    scenario: &Scenario,
    options: &RunOptions,
    watch: &mut dyn Watch,
    stop: &AtomicBool,
) -> Result<Outcome, RunError> {
    let refused = only_in_a_world(scenario);
    if !refused.is_empty() {
        let refused: Vec<String> = refused.iter().map(ToString::to_string).collect();
        let what = format!("{}; a world can (`--kind world`)", refused.join("; "));
        return Err(RunError::Unsupported { kind: Kind::Cluster, what });
    }
    let failed = || "a cluster cannot be set up".to_owned();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("lines")
        .enable_all()
        .build()
        .map_err(Failure::of(failed))?;
    let folder = tempfile::Builder::new().prefix("updraft-cluster-").tempdir();
    let folder = folder.map_err(Failure::of(failed))?;
    let now = Clock::system().now();
    let people = People::at(scenario, now);
    let releases = folder.path().join("releases");
    std::fs::create_dir_all(&releases).map_err(Failure::of(failed))?;
    let works = Works::make(&people, scenario, options.seed, &releases, now)?;
    let mut shaper = Shaper::new(options.seed);
    for group in &scenario.groups {
        (0..group.count).for_each(|_| shaper.add(group.links(&scenario.links)));
    }
    let is_hidden = |node| shaper.ways.is_hidden(node);
    let nodes = desk::lay(scenario, &people, &works, folder.path(), now, is_hidden)?;
    // From here on time runs.
    let wire = Wire::new(shaper, runtime.handle().clone());
    let cluster = Cluster::new(scenario, options, (people, works), nodes, wire, folder.path());
    let outcome = runtime.block_on(cluster.run(watch, stop));
    Ok(outcome?)
}
