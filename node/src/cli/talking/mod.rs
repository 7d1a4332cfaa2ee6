//! Commands against a real server over its socket and its port; behind it is a fake that answers orders.

mod commands;
mod downloads;
mod finding;

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Parser;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_util::sync::CancellationToken;
use updraft_protocol::FileMode;

use super::{
    Exit, check,
    client::{Client, Places},
    get, history, install, list,
    output::{Format, Output, Page},
    peers, rollback, show, status,
};
use crate::{
    agent::{
        Available, ComponentState, ComponentStatus, Held, HistoryLine, HoldReason, Plan,
        fake::{
            FakeAgent, STARTED, peer,
            release::{Publisher, file, program, tree, version},
        },
    },
    api::{ApiSettings, MetricsAccess, SocketFile, TokenHash, serve},
    clock::Clock,
    metrics::Metrics,
    problem::{Code, Problem},
};

const TOKEN: &str = "updt_0123456789012345678901234567890123456789abc";

/// A node that runs, as far as a command can see.
struct Desk {
    agent: FakeAgent,
    folder: TempDir,
    address: SocketAddr,
    stop: CancellationToken,
}

impl Desk {
    async fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let agent = FakeAgent::start();
        let settings = ApiSettings {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            socket: Some(SocketFile { path: folder.path().join("api.sock"), mode: 0o600 }),
            address_file: Some(folder.path().join("http.addr")),
            allowed_hosts: Vec::new(),
            token: TokenHash::of(TOKEN),
            metrics: MetricsAccess::Open,
            max_body: 4_096,
            max_bundle: 1_000_000,
            uploads: folder.path().join("tmp"),
            clock: Clock::moved_by_hand(STARTED).0,
        };
        let stop = CancellationToken::new();
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry, STARTED, crate::build::Build::THIS);
        let handle = agent.handle.clone();
        let serving = serve(settings, handle, Arc::new(registry), metrics, stop.clone()).await;
        let address = *serving.http.as_ref().expect("asked for").as_ref().expect("bound");
        tokio::spawn(serving.stopped());
        Self { agent, folder, address, stop }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write_token(&self, token: &str) -> PathBuf {
        let path = self.path("api.token");
        fs::write(&path, token).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("own file");
        path
    }

    async fn client(&self) -> Client {
        let places = Places { sockets: vec![self.path("api.sock")], ..Places::default() };
        Client::find(&places).await.expect("it answers")
    }

    /// Places without a socket, so that TCP is taken.
    fn over_tcp(&self) -> Places {
        Places {
            named: None,
            sockets: vec![self.path("nobody.sock")],
            address_file: self.path("http.addr"),
            token_file: self.path("api.token"),
        }
    }

    fn has_component(&self) {
        self.agent.set_status(|status| {
            status.components = vec![ComponentStatus {
                name: "demo-app".parse().expect("a name"),
                channel: "stable".parse().expect("a name"),
                target: "any".parse().expect("a target"),
                installed: Some(version("1.0.0")),
                available: Some(Available {
                    version: version("1.1.0"),
                    manifest: updraft_protocol::Digest::of(b"m"),
                    kind: updraft_protocol::ReleaseKind::Feature,
                    severity: updraft_protocol::Severity::Normal,
                    whole_bytes: 13_631_488,
                    patch_bytes: Some(421_888),
                }),
                state: ComponentState::Held,
                held: Some(Held {
                    reason: HoldReason::Policy,
                    until: None,
                    detail: "Feature updates wait for you".to_owned(),
                }),
                kept: vec![version("0.9.0")],
                fault: None,
                concerns: Vec::new(),
                last_update: None,
            }];
        });
        self.agent.world().plan = Some(Plan {
            from: Some(version("1.0.0")),
            to: version("1.1.0"),
            route: vec!["1.0.0".to_owned(), "1.1.0".to_owned()],
            fetch_bytes: 421_888,
            whole_bytes: 13_631_488,
            disk_bytes: 27_262_976,
            warnings: Vec::new(),
        });
    }
}

/// The arguments that a line of a shell would give.
fn arguments<T: clap::Args>(line: &str) -> T {
    let command = T::augment_args(clap::Command::new("test").no_binary_name(true));
    let words = line.split(' ').filter(|word| !word.is_empty());
    T::from_arg_matches(&command.get_matches_from(words)).expect("arguments")
}

fn pages(format: Format) -> (Output, [Page; 2]) {
    Output::to_pages(format)
}

fn document(page: &Page) -> Value {
    serde_json::from_str(&page.text()).unwrap_or_else(|error| panic!("{error}: {}", page.text()))
}

fn lines(page: &Page) -> Vec<Value> {
    page.text().lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}
