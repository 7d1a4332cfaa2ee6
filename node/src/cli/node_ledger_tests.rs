//! A publisher whose node runs: two releases over a real socket, the second with a patch from the first.

use std::{fs, io::Read as _, sync::Arc};

use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use updraft_delta::Level;
use updraft_protocol::{
    Compatibility, NetworkId, NetworkKind, ReleaseKind, SecretKey, Severity, Timestamp,
};

use super::*;
use crate::{
    agent::{
        self,
        fake::{FakeAgent, STARTED},
    },
    api::{ApiSettings, MetricsAccess, SocketFile, TokenHash, serve},
    bundle::Bundle,
    clock::Clock,
    metrics::Metrics,
    publish::{
        Effort, Prepared,
        build::Draft,
        founding::{Holders, first_root},
        ledger::Trusted,
        prepare,
        source::Source,
    },
};

const NETWORK: NetworkId = NetworkId::from_bytes([3; 32]);

fn key() -> SecretKey {
    SecretKey::from_seed(&[4; 32])
}

fn root() -> Signed<Root> {
    let holders = || Holders { threshold: 1, keys: vec![key().public()] };
    let (name, kind) = ("demo".parse().expect("a name"), NetworkKind::Development);
    first_root(NETWORK, name, kind, holders(), holders(), &[key()], STARTED).expect("a root")
}

fn encoded<T: Wire>(value: &T) -> Vec<u8> {
    codec::encode(value).expect("within limits")
}

/// A node with a root and nothing published, and a publisher who talks to it.
struct Desk {
    agent: FakeAgent,
    node: NodeLedger,
    home: tempfile::TempDir,
    _stop: tokio_util::sync::DropGuard,
}

impl Desk {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("threads");
        let home = tempfile::tempdir().expect("a folder");
        fs::create_dir(home.path().join("app")).expect("made");
        let socket = home.path().join("api.sock");
        let stop = CancellationToken::new();
        let settings = ApiSettings {
            listen: None,
            socket: Some(SocketFile { path: socket.clone(), mode: 0o600 }),
            address_file: None,
            allowed_hosts: Vec::new(),
            token: TokenHash::of("unused: a socket's mode is its guard"),
            metrics: MetricsAccess::Open,
            max_body: 4_096,
            max_bundle: 1_000_000,
            uploads: home.path().join("tmp"),
            clock: Clock::moved_by_hand(STARTED).0,
        };
        let (agent, client) = runtime.block_on(async {
            let agent = FakeAgent::start();
            let mut registry = Registry::default();
            let metrics = Metrics::register(&mut registry, STARTED, crate::build::Build::THIS);
            let (handle, registry) = (agent.handle.clone(), Arc::new(registry));
            let serving = serve(settings, handle, registry, metrics, stop.clone()).await;
            tokio::spawn(serving.stopped());
            let places = Places { sockets: vec![socket], ..Places::default() };
            (agent, Client::find(&places).await.expect("it answers"))
        });
        agent.world().roots = vec![encoded(&root())];
        let node = NodeLedger { client, runtime };
        Self { agent, node, home, _stop: stop.drop_guard() }
    }

    fn prepare(&self, version: &str, changed: u8) -> Prepared {
        let mut state = 1_u32;
        let noise = (0..30_000).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        });
        let mut bytes: Vec<u8> = noise.collect();
        bytes[15_000] = changed;
        fs::write(self.home.path().join("app/demo"), bytes).expect("written");
        let draft = Draft {
            network: NETWORK,
            component: "demo-app".parse().expect("a name"),
            version: version.parse().expect("a version"),
            target: "any".parse().expect("a target"),
            channel: "stable".parse().expect("a channel"),
            created: Timestamp::from_seconds(STARTED.as_seconds() + 10),
            kind: ReleaseKind::Feature,
            severity: Severity::Normal,
            compatibility: Compatibility::Compatible,
            min_version: None,
            barriers: Vec::new(),
            needs_protocol: None,
            min_supported: None,
            source: None,
            notes: String::new(),
        };
        let named = root().digest();
        let trusted = Trusted::follow(&self.node, Some(&named)).expect("the root");
        let source = Source::read(&self.home.path().join("app")).expect("a tree");
        let (memory, threads) = (1 << 30, std::num::NonZeroUsize::MIN);
        let effort = Effort { deltas: 3, level: Level::FAST, memory, threads };
        prepare(&source, draft, &trusted, effort, self.home.path(), &mut |_| {}).expect("prepared")
    }

    fn publish(&self, prepared: &Prepared) -> Bundle {
        let path = self.home.path().join("release.bundle");
        prepared.write(&path).expect("written");
        let mut bundle = Bundle::open(&path).expect("opens");
        bundle.sign(&[key()], &NETWORK).expect("signed");
        let manifest = bundle.manifest().clone();
        self.agent.world().published = Some(agent::Published {
            component: manifest.component.clone(),
            version: manifest.version.clone(),
            channel: manifest.channel.clone(),
            seq: bundle.head().seq,
            manifest: bundle.signed_manifest().digest(),
            reached: 3,
        });
        let published = self.node.upload(&path).expect("taken");
        assert_eq!((published.seq, published.reached), (bundle.head().seq, 3));
        assert_eq!(self.agent.world().imported, fs::read(&path).expect("read"));
        self.keep(&bundle);
        bundle
    }

    /// What an agent does with a bundle that it believes.
    fn keep(&self, bundle: &Bundle) {
        let mut world = self.agent.world();
        let (head, manifest) = (bundle.head(), bundle.manifest());
        let digest = bundle.signed_manifest().digest();
        world.heads.insert(head.channel.clone(), encoded(bundle.signed_head()));
        world.manifests.insert(digest, encoded(bundle.signed_manifest()));
        for object in bundle.objects() {
            let bytes = bundle.object(&object.digest).expect("there");
            world.objects.insert(object.digest, bytes);
        }
        for blob in bundle.blobs() {
            let mut bytes = Vec::new();
            bundle.blob_reader(&blob).expect("there").read_to_end(&mut bytes).expect("read");
            world.blobs.insert(blob, bytes);
        }
        world.releases.push(agent::Release {
            channel: head.channel.clone(),
            listing: head.listing(&digest).expect("listed").clone(),
            manifest: Some(Arc::new(manifest.clone())),
            signers: vec![key().public().id()],
            threshold: 1,
            held: true,
            withdrawn: None,
            barred: None,
            agree: Vec::new(),
            differ: Vec::new(),
        });
    }
}

#[test]
fn a_second_release_continues_the_first_and_offers_a_patch_from_it() {
    let desk = Desk::new();
    let first = desk.prepare("1.0.0", 0);
    assert_eq!((first.head.seq, first.built.manifest.patches.len()), (1, 0));
    desk.publish(&first);
    let second = desk.prepare("1.1.0", 9);
    assert_eq!(second.head.seq, 2);
    assert_eq!(second.head.releases.len(), 2);
    assert_eq!(second.built.manifest.patches.len(), 1);
    desk.publish(&second);
}

#[test]
fn what_a_node_does_not_hold_is_absent_and_what_it_refuses_is_told() {
    let desk = Desk::new();
    let nothing = Digest::of(b"nothing");
    assert!(desk.node.root(2).expect("answered").is_none());
    assert!(desk.node.head(&"stable".parse().expect("a channel")).expect("answered").is_none());
    assert!(desk.node.object(&nothing).expect("answered").is_none());
    let prepared = desk.prepare("1.0.0", 0);
    let blob = prepared.built.manifest.whole;
    assert!(!desk.node.blob(&blob, &mut Vec::new()).expect("answered"));
    let path = desk.home.path().join("unsigned.bundle");
    prepared.write(&path).expect("written");
    let refused = desk.node.upload(&path).expect_err("nobody signed");
    assert_eq!(refused.code, Code::ThresholdNotMet);
}

#[test]
fn waiting_ends_when_enough_peers_hold_the_release() {
    let desk = Desk::new();
    let mut told = Vec::new();
    let manifest = Digest::of(b"a manifest");
    let held = desk.node.wait_for_replicas(&manifest, 2, |held| told.push(held));
    assert_eq!(held.expect("two hold it"), 2);
    assert_eq!(told, [2]);
}

#[test]
fn a_node_that_gives_rubbish_is_not_believed() {
    let desk = Desk::new();
    desk.agent.world().roots = vec![b"rubbish".to_vec()];
    assert!(desk.node.root(1).is_err());
    desk.agent.world().roots = vec![vec![0; <Signed<Root> as Wire>::MAX + 1]];
    assert!(desk.node.root(1).is_err(), "refused before it is read");
}
