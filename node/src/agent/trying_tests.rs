//! Staging ahead with real folders and real programs: what is asked of them, what they must not do, and what stays.

use std::{
    fs, io,
    num::NonZeroU32,
    path::PathBuf,
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
    agent::{OperationId, RouteChoice, limiter::Limiter},
    build::Build,
    clock::Clock,
    fetch,
    install::Installer,
    metrics::Metrics,
    network::{DhtMode, Network, NetworkMetrics, NetworkSettings, NodeKey},
    store::{Store, StoreOptions, VerifyOnStart},
    testing,
};

/// A node that has a release of `updraft` staged, whose program is a script.
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
    async fn with(script: &str) -> Self {
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
            keep_versions: 3,
            witness: None,
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
            extent: Extent::Stage { protocol: 2 },
            ahead: BTreeSet::new(),
        };
        Self { context, job, place, stop }
    }

    async fn run(&self) -> Result<Staged, JobError> {
        // Nothing is fetched: what is there is all that there is.
        stage_and_try(&self.context, self.job.clone(), Fetched::default(), Vec::new()).await
    }

    fn versions(&self) -> Vec<String> {
        let found = fs::read_dir(self.place.path().join("updraft/versions")).expect("own folder");
        found.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into()).collect()
    }

    fn marker(&self) -> PathBuf {
        self.place.path().join("marker")
    }
}

#[tokio::test]
async fn what_lies_staged_is_tried_without_a_byte_fetched_and_can_go_live_afterwards() {
    let desk = Desk::with("#!/bin/sh\necho \"$UPDRAFT_COMPONENT $UPDRAFT_VERSION $*\"\n").await;
    assert!(installing::is_staged(&desk.context, &desk.job));
    let staged = desk.run().await.expect("it works");
    assert_eq!(staged.said, "updraft 2.0.0 --selftest 2");
    assert_eq!(staged.printed, Digest::of(format!("{}\n", staged.said).as_bytes()));
    assert!(!desk.place.path().join("updraft/current").exists(), "nothing is switched");
    let job = Job { extent: Extent::Install, ..desk.job.clone() };
    let installed =
        installing::install(&desk.context, &job, &Fetched::default()).expect("goes live");
    assert_eq!(installed.installed.version, staged.version);
    let program = installing::live_program(&desk.context, &name()).expect("it has one");
    assert_eq!(program, desk.place.path().join("updraft/current/updraft"));
    assert_eq!(desk.run().await, Ok(staged), "what is live is tried where it is");
}

#[tokio::test]
async fn a_program_that_fails_makes_its_release_unfit() {
    let desk = Desk::with("#!/bin/sh\necho 'no such protocol' >&2\nexit 2\n").await;
    let failed = desk.run().await.expect_err("it fails");
    assert_eq!(failed, JobError::Unfit("`updraft` ended with 2: no such protocol".to_owned()));
}

#[tokio::test]
async fn a_program_that_changes_its_own_release_makes_it_unfit_and_is_thrown_away() {
    for script in ["#!/bin/sh\ntouch log\n", "#!/bin/sh\necho '#!/bin/sh' >updraft\n"] {
        let desk = Desk::with(script).await;
        let failed = desk.run().await.expect_err("it is not what was signed any more");
        assert!(
            matches!(&failed, JobError::Unfit(why) if why.contains("changes the release")),
            "{failed}"
        );
        assert!(desk.versions().is_empty(), "{:?}", desk.versions());
    }
}

#[tokio::test]
async fn what_was_called_off_while_it_was_built_does_not_run() {
    let desk = Desk::with("").await;
    let script = format!("#!/bin/sh\ntouch {}\n", desk.marker().display());
    let other = Desk::with(&script).await;
    other.context.call_off(other.job.id, "its channel is frozen".to_owned());
    assert_eq!(other.run().await, Err(JobError::Failed("its channel is frozen".to_owned())));
    assert!(!desk.marker().exists());
    other.run().await.expect("a later one runs");
    assert!(desk.marker().exists(), "the marker shows what it is to show");
}

#[tokio::test]
async fn without_a_known_program_the_reason_says_where_one_is_looked_for() {
    let desk = Desk::with("#!/bin/sh\n").await;
    let named = vec!["bin/check".to_owned()];
    let run = stage_and_try(&desk.context, desk.job.clone(), Fetched::default(), named);
    let failed = run.await.expect_err("it has no such program");
    assert_eq!(failed, JobError::Unfit("`bin/check` is no program of the release".to_owned()));
    let job = Job { component: "other".parse().expect("a name"), ..desk.job.clone() };
    let installer = desk.context.installer(&name()).expect("open");
    lock(&desk.context.installers).insert(job.component.clone(), installer);
    let run = stage_and_try(&desk.context, job, Fetched::default(), Vec::new());
    let failed = run.await.expect_err("no program has the component's name").to_string();
    assert!(
        failed.contains("`bin/other`") && failed.contains("components.other.selftest"),
        "{failed}"
    );
}

#[tokio::test]
async fn a_staged_slot_that_rotted_is_not_used_and_the_next_attempt_fetches() {
    let desk = Desk::with("#!/bin/sh\necho fine\n").await;
    fs::write(desk.place.path().join("updraft/versions/2.0.0/updraft"), "#!/bin/sh\n")
        .expect("rots");
    let failed = desk.run().await.expect_err("it is not what was signed");
    assert!(matches!(failed, JobError::Failed(_)), "another attempt may help: {failed}");
    assert!(!installing::is_staged(&desk.context, &desk.job), "so that it is fetched");
}
