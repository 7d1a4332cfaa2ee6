//! Staging ahead with real folders: what is tried, what a program must not do, and what stays. The programs are the
//! tests themselves; `tests/trial.rs` runs real ones.

use std::{
    fs, io,
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::Duration,
};

use prometheus_client::registry::Registry;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use updraft_protocol::{
    Digest, Entry, FileMode, Manifest, NetworkId, Node, ObjectRef, Tree, TreeRef, codec,
};

use super::*;
use crate::{
    agent::{OperationId, RouteChoice, limiter::Limiter, measuring::Gauges, order},
    build::Build,
    clock::Clock,
    fetch,
    install::Installer,
    metrics::Metrics,
    network::{DhtMode, Network, NetworkMetrics, NetworkSettings, NodeKey},
    store::{Store, StoreOptions, VerifyOnStart},
    testing,
    trial::Trial,
};

/// A node that has a release of `updraft` staged.
struct Desk {
    context: Context,
    job: Job,
    place: TempDir,
    stop: CancellationToken,
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn name() -> ComponentName {
    "updraft".parse().expect("a name")
}

fn tree(script: &str) -> Tree {
    let node = Node::File {
        mode: FileMode::Executable,
        size: script.len() as u64,
        digest: Digest::of(script.as_bytes()),
    };
    Tree { entries: vec![Entry { path: "updraft".parse().expect("a path"), node }] }
}

async fn network(stop: &CancellationToken) -> Network {
    let settings = NetworkSettings {
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().expect("an address")],
        dht: DhtMode::Client,
        peers_min: 0,
        peers_max: NonZeroU32::new(1).expect("one"),
        ..NetworkSettings::new(NetworkId::from_bytes([9; 32]))
    };
    let metrics = NetworkMetrics::register(&mut Registry::default());
    Network::start(settings, NodeKey::generate(), metrics, stop.clone())
        .await
        .expect("starts")
        .network
}

impl Desk {
    async fn new() -> Self {
        let script = "#!/bin/sh\n";
        let place = tempfile::tempdir().expect("a folder");
        let stop = CancellationToken::new();
        let temporary = place.path().join("tmp");
        fs::create_dir(&temporary).expect("own folder");
        let options =
            StoreOptions { max_size: 1 << 20, min_free_disk: 0, verify: VerifyOnStart::None };
        let clock = Clock::system();
        let context = Context {
            network: network(&stop).await,
            store: Store::open(place.path(), options).expect("opens"),
            installers: Arc::default(),
            metrics: Metrics::register(&mut Registry::default(), clock.now(), Build::THIS),
            clock,
            progress: Arc::default(),
            limits: fetch::Limits { in_flight: 1, peers: 1 },
            chunk_timeout: Duration::from_secs(1),
            download: Arc::new(Limiter::new(None)),
            upload: Arc::new(Limiter::new(None)),
            temporary,
            gauges: Gauges::open(place.path().join("rates")),
            keep_versions: 3,
            witness: None,
            voter: None,
            packs: Default::default(),
            said: Arc::default(),
            called_off: Arc::default(),
        };
        let tree = tree(script);
        let encoded = codec::encode(&tree).expect("a listing");
        let object = ObjectRef {
            digest: Digest::of(&encoded),
            size: u32::try_from(encoded.len()).expect("small"),
        };
        let manifest = Manifest {
            tree: TreeRef { object, entries: 1, bytes: script.len() as u64 },
            ..testing::manifest("updraft", "2.0.0")
        };
        let mut installer =
            Installer::open(&place.path().join("updraft"), name(), 0).expect("opens");
        let fill = |out: &mut dyn io::Write| out.write_all(script.as_bytes());
        installer.stage(&manifest.version, &object.digest, &tree, fill).expect("staged");
        lock(&context.installers).insert(name(), Arc::new(Mutex::new(installer)));
        let job = Job {
            id: OperationId(1),
            component: name(),
            channel: manifest.channel.clone(),
            release: Digest::of(b"manifest"),
            manifest: Arc::new(manifest),
            others: Vec::new(),
            base: None,
            route: RouteChoice::Cheapest,
            excluded: BTreeSet::new(),
            extent: Extent::Stage { protocol: 2, trial: order::Trial::Demanded },
            ahead: BTreeSet::new(),
        };
        Self { context, job, place, stop }
    }

    async fn run(
        &self,
        program: impl FnOnce(Trial) -> Result<Tried, TrialError>,
    ) -> Result<Staged, JobError> {
        // Nothing is fetched: what is there is all that there is.
        let (job, fetched) = (self.job.clone(), Fetched::default());
        stage_and_try(&self.context, job, fetched, 2, Vec::new(), async |trial| program(trial))
            .await
    }

    fn versions(&self) -> Vec<String> {
        let found = fs::read_dir(self.place.path().join("updraft/versions")).expect("own folder");
        found.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into()).collect()
    }
}

/// A program that passes.
fn passes(_: Trial) -> Result<Tried, TrialError> {
    Ok(Tried { printed: Digest::of(b"fine\n"), said: "fine".to_owned() })
}

#[tokio::test]
async fn what_lies_staged_is_tried_without_a_byte_fetched_and_can_go_live_afterwards() {
    let desk = Desk::new().await;
    assert!(installing::is_staged(&desk.context, &desk.job));
    let mut asked = None;
    let staged = desk.run(|trial| {
        assert_eq!(fs::read(trial.folder.join("updraft")).expect("whole"), b"#!/bin/sh\n");
        asked = Some((trial.command.clone(), trial.protocol, trial.version.to_string()));
        passes(trial)
    });
    let staged = staged.await.expect("it works");
    let command = vec!["updraft".to_owned(), "--selftest".to_owned()];
    assert_eq!(asked, Some((command, 2, "2.0.0".to_owned())));
    let printed = staged.tried.as_ref().map(|tried| tried.printed);
    assert_eq!((printed, staged.protocol), (Some(Digest::of(b"fine\n")), 2));
    assert!(!desk.place.path().join("updraft/current").exists(), "nothing is switched");
    let job = Job { extent: Extent::Install, ..desk.job.clone() };
    let installed =
        installing::install(&desk.context, &job, &Fetched::default()).expect("goes live");
    assert_eq!(installed.installed.version, staged.version);
    let (program, version) =
        installing::live_program(&desk.context, &name(), &[]).expect("it has one");
    assert_eq!(program, desk.place.path().join("updraft/current/updraft"));
    assert_eq!(version, staged.version);
    assert_eq!(desk.run(passes).await, Ok(staged), "what is live is tried where it is");
}

#[tokio::test]
async fn a_program_that_fails_makes_its_release_unfit_and_a_machine_that_cannot_run_it_does_not() {
    let desk = Desk::new().await;
    let slow = |trial: Trial| {
        Err(TrialError::TooSlow { program: trial.command[0].clone(), limit: trial::LIMIT })
    };
    let failed = desk.run(slow).await.expect_err("it fails");
    assert_eq!(failed, JobError::Unfit("`updraft` took more than 30 s".to_owned()));
    let start = |kind: io::ErrorKind| {
        move |trial: Trial| {
            Err(TrialError::Start { program: trial.command[0].clone(), source: kind.into() })
        }
    };
    let failed = desk.run(start(io::ErrorKind::PermissionDenied)).await.expect_err("it fails");
    assert!(matches!(failed, JobError::Unfit(_)), "{failed}");
    let full = |_| Err(TrialError::Temporary(io::ErrorKind::StorageFull.into()));
    let failed = desk.run(full).await.expect_err("it cannot be run");
    assert!(matches!(failed, JobError::Failed(_)), "another attempt may help: {failed}");
    let failed = desk.run(start(io::ErrorKind::OutOfMemory)).await.expect_err("it cannot be run");
    assert!(matches!(failed, JobError::Failed(_)), "another attempt may help: {failed}");
}

#[tokio::test]
async fn a_program_that_changes_its_own_release_makes_it_unfit_and_is_thrown_away() {
    for (file, bytes) in [("log", "I was here"), ("updraft", "#!/bin/evil\n")] {
        let desk = Desk::new().await;
        let changes = |trial: Trial| {
            fs::write(trial.folder.join(file), bytes).expect("writes");
            passes(trial)
        };
        let failed = desk.run(changes).await.expect_err("it is not what was signed any more");
        let is_told =
            matches!(&failed, JobError::Unfit(why) if why.contains("changes the release"));
        assert!(is_told, "{failed}");
        assert!(desk.versions().is_empty(), "{:?}", desk.versions());
    }
}

#[tokio::test]
async fn what_was_called_off_while_it_was_built_does_not_run() {
    let desk = Desk::new().await;
    desk.context.call_off(desk.job.id, "its channel is frozen".to_owned());
    let mut runs = 0;
    let mut counts = |trial| {
        runs += 1;
        passes(trial)
    };
    let failed = desk.run(&mut counts).await;
    assert_eq!(failed, Err(JobError::Failed("its channel is frozen".to_owned())));
    desk.run(&mut counts).await.expect("a later one runs");
    assert_eq!(runs, 1);
}

#[tokio::test]
async fn without_a_known_program_the_reason_says_where_one_is_looked_for() {
    let desk = Desk::new().await;
    let attempt = async |job: Job, named: Vec<String>| {
        let fetched = Fetched::default();
        let run = stage_and_try(&desk.context, job, fetched, 2, named, async |_| {
            panic!("nothing that is known runs")
        });
        run.await.expect_err("there is no such program").to_string()
    };
    let failed = attempt(desk.job.clone(), vec!["bin/check".to_owned()]).await;
    assert_eq!(failed, "`bin/check` is no program of the release");
    let job = Job { component: "other".parse().expect("a name"), ..desk.job.clone() };
    let installer = desk.context.installer(&name()).expect("open");
    lock(&desk.context.installers).insert(job.component.clone(), installer);
    let failed = attempt(job, Vec::new()).await;
    let says = ["`bin/other`", "components.other.selftest"];
    assert!(says.iter().all(|part| failed.contains(part)), "{failed}");
}

#[tokio::test]
async fn a_staged_slot_that_rotted_is_not_used_and_the_next_attempt_fetches() {
    let desk = Desk::new().await;
    let program = desk.place.path().join("updraft/versions/2.0.0/updraft");
    fs::write(program, "#!/bin/evil\n").expect("rots");
    let failed = desk.run(passes).await.expect_err("it is not what was signed");
    assert!(matches!(failed, JobError::Failed(_)), "another attempt may help: {failed}");
    assert!(!installing::is_staged(&desk.context, &desk.job), "so that it is fetched");
}

#[tokio::test]
async fn what_is_spared_its_self_test_is_staged_without_a_program_that_would_be_one() {
    let desk = Desk::new().await;
    let digest = desk.job.manifest.tree.object.digest;
    let job = Job { component: "other".parse().expect("a name"), ..desk.job.clone() };
    let installer = desk.context.installer(&name()).expect("open");
    lock(&desk.context.installers).insert(job.component.clone(), installer);
    let staged = stage_only(&desk.context, job.clone(), Fetched::default(), 2).await;
    let expected = Staged { version: job.manifest.version.clone(), protocol: 2, tried: None };
    assert_eq!(staged, Ok(expected));
    let installer = desk.context.installer(&name()).expect("open");
    let slots = lock(&installer).state().slots().clone();
    assert_eq!(slots.get(&job.manifest.version).map(|slot| slot.tree), Some(digest));
    desk.context.call_off(job.id, "its channel is frozen".to_owned());
    let failed = stage_only(&desk.context, job, Fetched::default(), 2).await;
    assert_eq!(failed, Err(JobError::Failed("its channel is frozen".to_owned())));
}

#[tokio::test]
async fn the_program_that_the_settings_name_is_the_one_to_become() {
    let desk = Desk::new().await;
    let job = Job { extent: Extent::Install, ..desk.job.clone() };
    installing::install(&desk.context, &job, &Fetched::default()).expect("goes live");
    // A component whose release has no program of its name.
    let other: ComponentName = "other".parse().expect("a name");
    let installer = desk.context.installer(&name()).expect("open");
    lock(&desk.context.installers).insert(other.clone(), installer);
    assert_eq!(installing::live_program(&desk.context, &other, &[]), None);
    let named = ["updraft".to_owned(), "--check".to_owned()];
    let found = installing::live_program(&desk.context, &other, &named);
    assert_eq!(
        found.map(|(program, _)| program),
        Some(desk.place.path().join("updraft/current/updraft"))
    );
}
