//! The table of addresses, and what every handler is handed.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use axum::{
    Router,
    extract::MatchedPath,
    middleware,
    routing::{MethodRouter, get, post, put},
};
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use updraft_protocol::Timestamp;

use super::{
    auth::{Guard, MetricsAccess, TokenHash, guard, literal_host},
    components,
    count::count,
    error::{Refused, dress},
    events::{self, Feed},
    network, objects, proposals, releases, roots,
    socket::SocketFile,
    statements, system, updates, upload,
};
use crate::{
    agent::AgentHandle, clock::Clock, config, dirs::Dirs, identity::ApiToken, metrics::Metrics,
    problem::Code,
};

/// How the API is set up.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// The TCP address; `None` for no TCP.
    pub listen: Option<SocketAddr>,
    /// The Unix socket; `None` for no socket.
    pub socket: Option<SocketFile>,
    /// The file in which commands find the TCP address that was bound.
    pub address_file: Option<PathBuf>,
    /// Host names answered besides loopback and the literal address.
    pub allowed_hosts: Vec<String>,
    /// The token asked for on TCP.
    pub token: TokenHash,
    /// Who may read `/metrics`.
    pub metrics: MetricsAccess,
    /// Most bytes of a JSON body.
    pub max_body: u64,
    /// Most bytes of a bundle.
    pub max_bundle: u64,
    /// The folder for bundles that are coming in; on the data directory's file system.
    pub uploads: PathBuf,
    /// The clock.
    pub clock: Clock,
}

impl ApiSettings {
    /// Most bytes of a bundle unless a test says otherwise: 4 GiB.
    pub const MAX_BUNDLE: u64 = 4 * 1024 * 1024 * 1024;

    /// The API of a node with these settings, folders and token.
    pub fn of_node(
        http: &config::Http,
        metrics: &config::Metrics,
        dirs: &Dirs,
        token: &ApiToken,
        clock: Clock,
    ) -> Self {
        let mode = http.socket_mode;
        Self {
            listen: http.listen,
            socket: http.socket.clone().map(|path| SocketFile { path, mode }),
            address_file: Some(dirs.http_address_file()),
            allowed_hosts: http.allowed_hosts.clone(),
            token: TokenHash::of(token.expose()),
            metrics: match (metrics.enabled, metrics.require_token) {
                (false, _) => MetricsAccess::Off,
                (true, true) => MetricsAccess::Token,
                (true, false) => MetricsAccess::Open,
            },
            max_body: http.max_body as u64,
            max_bundle: Self::MAX_BUNDLE,
            uploads: dirs.data.join("tmp"),
            clock,
        }
    }
}

/// What every handler is handed.
#[derive(Clone)]
pub(super) struct Api(Arc<Inner>);

struct Inner {
    agent: AgentHandle,
    settings: ApiSettings,
    registry: Arc<Registry>,
    metrics: Metrics,
    feed: Arc<Feed>,
    checksums: updates::Checksums,
    blob_streams: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Api {
    pub(super) fn new(
        agent: AgentHandle,
        settings: ApiSettings,
        registry: Arc<Registry>,
        metrics: Metrics,
        feed: Arc<Feed>,
        stop: CancellationToken,
    ) -> Self {
        let checksums = updates::Checksums::default();
        let blob_streams = Arc::new(Semaphore::new(objects::MAX_BLOB_STREAMS));
        Self(Arc::new(Inner {
            agent,
            settings,
            registry,
            metrics,
            feed,
            checksums,
            blob_streams,
            stop,
        }))
    }

    pub(super) fn agent(&self) -> &AgentHandle {
        &self.0.agent
    }

    pub(super) fn settings(&self) -> &ApiSettings {
        &self.0.settings
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.0.registry
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(super) fn feed(&self) -> &Arc<Feed> {
        &self.0.feed
    }

    pub(super) fn checksums(&self) -> &updates::Checksums {
        &self.0.checksums
    }

    pub(super) fn blob_streams(&self) -> &Arc<Semaphore> {
        &self.0.blob_streams
    }

    pub(super) fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.settings.clock.now()
    }
}

/// Every address, behind the guard. `bound` is the TCP address listened on.
pub(super) fn router(api: &Api, bound: Option<SocketAddr>) -> Router {
    let settings = api.settings();
    let hosts = settings.allowed_hosts.iter().map(|host| host.to_ascii_lowercase());
    let checks = Arc::new(Guard {
        token: settings.token,
        hosts: hosts.chain(bound.map(literal_host)).collect(),
        metrics: settings.metrics,
        max_body: settings.max_body,
        max_bundle: settings.max_bundle,
    });
    let routes =
        ROUTES.iter().fold(Router::new(), |router, (path, answer)| router.route(path, answer()));
    routes
        .fallback(|| async { Refused::new(Code::AddressUnknown, "nothing is at this address") })
        .with_state(api.clone())
        // The last layer added is the first that a request meets.
        .layer(middleware::from_fn_with_state(checks, guard))
        .layer(middleware::from_fn(dress))
        .layer(middleware::from_fn_with_state(api.0.metrics.clone(), count))
}

/// An address's template, and what makes the handlers of its methods.
type Route = (&'static str, fn() -> MethodRouter<Api>);

/// Every address.
const ROUTES: &[Route] = &[
    ("/healthz", || get(system::healthz)),
    ("/readyz", || get(system::readyz)),
    ("/metrics", || get(system::numbers)),
    ("/api/v1", || get(system::index)),
    ("/api/v1/version", || get(system::version)),
    ("/api/v1/status", || get(system::status)),
    ("/api/v1/history", || get(system::history)),
    ("/api/v1/check", || post(network::check)),
    ("/api/v1/components", || get(components::list)),
    ("/api/v1/components/{name}", || get(components::one)),
    ("/api/v1/components/{name}/plan", || get(components::plan)),
    ("/api/v1/components/{name}/install", || post(components::install)),
    ("/api/v1/components/{name}/rollback", || post(components::rollback)),
    ("/api/v1/operations", || get(components::operations)),
    ("/api/v1/operations/{id}", || get(components::operation)),
    ("/api/v1/releases", || get(releases::list).post(upload::publish)),
    ("/api/v1/releases/{component}/{version}", || get(releases::one)),
    ("/api/v1/releases/{component}/{version}/manifest", || get(releases::manifest)),
    ("/api/v1/statements", || get(statements::list).post(statements::say)),
    ("/api/v1/statements/{id}", || get(statements::one)),
    ("/api/v1/proposals", || get(proposals::list).post(proposals::open)),
    ("/api/v1/proposals/draft", || post(proposals::draft)),
    ("/api/v1/proposals/{id}", || get(proposals::one)),
    ("/api/v1/proposals/{id}/ballots", || get(proposals::ballots).post(proposals::vote)),
    ("/api/v1/channels/{channel}/head", || get(objects::head)),
    ("/api/v1/trust", || get(objects::trust)),
    ("/api/v1/trust/root", || get(objects::newest_root).post(roots::offer)),
    ("/api/v1/trust/root/{version}", || get(objects::root)),
    ("/api/v1/objects/{digest}", || get(objects::object)),
    ("/api/v1/blobs/{digest}", || get(objects::blob)),
    ("/api/v1/replicas/{digest}", || get(network::replicas)),
    ("/api/v1/peers", || get(network::peers).post(network::dial)),
    ("/api/v1/peers/{id}/ban", || put(network::ban).delete(network::unban)),
    ("/api/v1/events", || get(events::events)),
    ("/api/v1/updates/check", || get(updates::check)),
];

/// The template that matched, as a label of metrics: from this table, so that labels cannot grow.
pub(super) fn label(matched: Option<&MatchedPath>) -> &'static str {
    let found = matched.and_then(|path| ROUTES.iter().find(|(route, _)| *route == path.as_str()));
    found.map_or("other", |(route, _)| *route)
}
