//! The table of addresses, and what every handler is handed.

use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc};

use axum::{
    Router, middleware,
    routing::{get, post, put},
};
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use updraft_protocol::Timestamp;

use super::{
    auth::{Guard, MetricsAccess, TokenHash, guard, literal_host},
    components,
    error::{Refused, dress},
    events::{self, Feed},
    metrics::{HttpMetrics, count},
    network, objects, releases,
    socket::SocketFile,
    system, updates, upload,
};
use crate::{agent::AgentHandle, problem::Code};

/// Tells the time; handed in so that nothing here reads a clock.
#[derive(Clone)]
pub struct Now(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Now {
    /// Time as `read` tells it.
    pub fn new(read: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The present.
    pub fn get(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Now {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Now({})", self.get())
    }
}

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
    pub now: Now,
}

impl ApiSettings {
    /// Most bytes of a bundle unless a test says otherwise: 4 GiB.
    pub const MAX_BUNDLE: u64 = 4 * 1024 * 1024 * 1024;
}

/// What every handler is handed.
#[derive(Clone)]
pub(super) struct Api(Arc<Inner>);

struct Inner {
    agent: AgentHandle,
    settings: ApiSettings,
    registry: Arc<Registry>,
    metrics: Arc<HttpMetrics>,
    feed: Arc<Feed>,
    checksums: updates::Checksums,
    stop: CancellationToken,
}

impl Api {
    pub(super) fn new(
        agent: AgentHandle,
        settings: ApiSettings,
        registry: Arc<Registry>,
        metrics: HttpMetrics,
        feed: Arc<Feed>,
        stop: CancellationToken,
    ) -> Self {
        let metrics = Arc::new(metrics);
        let checksums = updates::Checksums::default();
        Self(Arc::new(Inner { agent, settings, registry, metrics, feed, checksums, stop }))
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

    pub(super) fn metrics(&self) -> &HttpMetrics {
        &self.0.metrics
    }

    pub(super) fn feed(&self) -> &Arc<Feed> {
        &self.0.feed
    }

    pub(super) fn checksums(&self) -> &updates::Checksums {
        &self.0.checksums
    }

    pub(super) fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.settings.now.get()
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
    routes()
        .fallback(|| async { Refused::new(Code::AddressUnknown, "nothing is at this address") })
        .with_state(api.clone())
        // The last layer added is the first that a request meets.
        .layer(middleware::from_fn_with_state(checks, guard))
        .layer(middleware::from_fn(dress))
        .layer(middleware::from_fn_with_state(api.0.metrics.clone(), count))
}

fn routes() -> Router<Api> {
    Router::new()
        .route("/healthz", get(system::healthz))
        .route("/readyz", get(system::readyz))
        .route("/metrics", get(system::metrics))
        .route("/api/v1", get(system::index))
        .route("/api/v1/version", get(system::version))
        .route("/api/v1/status", get(system::status))
        .route("/api/v1/history", get(system::history))
        .route("/api/v1/check", post(network::check))
        .route("/api/v1/components", get(components::list))
        .route("/api/v1/components/{name}", get(components::one))
        .route("/api/v1/components/{name}/plan", get(components::plan))
        .route("/api/v1/components/{name}/install", post(components::install))
        .route("/api/v1/components/{name}/rollback", post(components::rollback))
        .route("/api/v1/operations", get(components::operations))
        .route("/api/v1/operations/{id}", get(components::operation))
        .route("/api/v1/releases", get(releases::list).post(upload::publish))
        .route("/api/v1/releases/{component}/{version}", get(releases::one))
        .route("/api/v1/releases/{component}/{version}/manifest", get(releases::manifest))
        .route("/api/v1/channels/{channel}/head", get(objects::head))
        .route("/api/v1/trust", get(objects::trust))
        .route("/api/v1/trust/root", get(objects::newest_root))
        .route("/api/v1/trust/root/{version}", get(objects::root))
        .route("/api/v1/objects/{digest}", get(objects::object))
        .route("/api/v1/blobs/{digest}", get(objects::blob))
        .route("/api/v1/replicas/{digest}", get(network::replicas))
        .route("/api/v1/peers", get(network::peers).post(network::dial))
        .route("/api/v1/peers/{id}/ban", put(network::ban).delete(network::unban))
        .route("/api/v1/events", get(events::events))
        .route("/api/v1/updates/check", get(updates::check))
}
