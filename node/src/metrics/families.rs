//! The families and what happens that they count. Each method says what happened; none of them can fail.

use std::{
    sync::atomic::{AtomicI64, AtomicU64},
    time::Duration,
};

use prometheus_client::{
    metrics::{
        counter::Counter,
        family::{Family, MetricConstructor},
        gauge::Gauge,
        histogram::Histogram,
    },
    registry::Registry,
};
use updraft_protocol::Timestamp;

use super::{
    channels::{ChannelNumbers, Channels},
    labels::{
        self, Available, ByMove, ByPhase, ByReason, ByResult, ByRole, ByRoute, BySaving, ByTrigger,
        ByVerdict, Direction, Expiring, Held, Installed, Request, Saving, Source, Trigger,
        UpdateResult, Verdict,
    },
    shapes::{Bounds, Current, LONG, Leaves, SHORT},
    votes::{ProposalNumbers, Votes},
};
use crate::build::{Build, COMMIT, RUSTC, TARGET};

/// What the names of all families begin with.
const PREFIX: &str = "updraft";

/// Seconds since the epoch, or another number that goes up and down.
pub(super) type Real = Gauge<f64, AtomicU64>;

/// All families but those of the network room. Cheap to clone; every clone counts into the same numbers.
#[derive(Debug, Clone)]
pub struct Metrics {
    manifests: Family<ByVerdict, Counter>,
    propagation: Histogram,
    refusals: Family<ByReason, Counter>,
    expiry: Family<ByRole, Real>,
    channels: Channels,
    key_alarms: Gauge,
    chunk_bytes: Family<ByMove, Counter>,
    chunks_rejected: Counter,
    bytes_saved: Family<BySaving, Counter>,
    fetch_duration: Histogram,
    store_bytes: Gauge,
    store_limit: Gauge,
    component_info: Current<Installed>,
    update_available: Current<Available>,
    update_held: Current<Held>,
    updates: Family<ByResult, Counter>,
    update_duration: Family<ByPhase, Histogram, Bounds>,
    rollbacks: Family<ByTrigger, Counter>,
    last_check: Real,
    protocol_version: Gauge,
    votes: Votes,
    requests: Family<Request, Counter>,
    request_duration: Family<ByRoute, Histogram, Bounds>,
    subscribers: Gauge<i64, AtomicI64>,
}

impl Metrics {
    /// Registers the families in `root`, of a process of this build that started at `started`. Label values known from the
    /// start begin at 0, so that a rate over them is right from the first event.
    pub fn register(root: &mut Registry, started: Timestamp, build: Build) -> Self {
        let metrics = Self {
            manifests: Family::default(),
            propagation: LONG.new_metric(),
            refusals: Family::default(),
            expiry: Family::default(),
            channels: Channels::default(),
            key_alarms: Gauge::default(),
            chunk_bytes: Family::default(),
            chunks_rejected: Counter::default(),
            bytes_saved: Family::default(),
            fetch_duration: LONG.new_metric(),
            store_bytes: Gauge::default(),
            store_limit: Gauge::default(),
            component_info: Current::new(Leaves::Nothing),
            update_available: Current::new(Leaves::Zero),
            update_held: Current::new(Leaves::Zero),
            updates: Family::default(),
            update_duration: Family::new_with_constructor(LONG),
            rollbacks: Family::default(),
            last_check: Real::default(),
            protocol_version: Gauge::default(),
            votes: Votes::default(),
            requests: Family::default(),
            request_duration: Family::new_with_constructor(SHORT),
            subscribers: Gauge::default(),
        };
        let registry = root.sub_registry_with_prefix(PREFIX);
        register_process(registry, started, build);
        metrics.register_trust(registry);
        metrics.register_release(registry);
        metrics.register_component(registry);
        metrics.register_api(registry);
        metrics.begin_at_zero();
        metrics
    }

    fn register_trust(&self, r: &mut Registry) {
        r.register("refusals", "Signed objects refused, by reason", self.refusals.clone());
        r.register(
            "metadata_expiry_timestamp_seconds",
            "When the trusted metadata of a role expires",
            self.expiry.clone(),
        );
        self.channels.register(r);
        r.register("key_alarms", "Keys that are not to be relied on", self.key_alarms.clone());
    }

    fn register_release(&self, r: &mut Registry) {
        r.register("manifests", "Manifests received, by verdict", self.manifests.clone());
        r.register(
            "manifest_propagation_seconds",
            "Time from the manifest's signing time to its acceptance here",
            self.propagation.clone(),
        );
        r.register(
            "chunk_bytes",
            "Chunk bytes moved, by direction and source",
            self.chunk_bytes.clone(),
        );
        r.register(
            "chunks_rejected",
            "Chunks that failed their hash",
            self.chunks_rejected.clone(),
        );
        r.register(
            "bytes_saved",
            "Bytes not downloaded thanks to deltas and chunks already held",
            self.bytes_saved.clone(),
        );
        r.register(
            "fetch_duration_seconds",
            "Time to fetch a release",
            self.fetch_duration.clone(),
        );
        r.register("store_bytes", "Bytes held in the chunk store", self.store_bytes.clone());
        r.register("store_limit_bytes", "Limit of the chunk store", self.store_limit.clone());
    }

    fn register_component(&self, r: &mut Registry) {
        r.register(
            "component_info",
            "Installed version of a component; always 1",
            self.component_info.family.clone(),
        );
        r.register(
            "update_available",
            "Whether a newer release is known for the component (1) or not (0)",
            self.update_available.family.clone(),
        );
        r.register(
            "update_held",
            "Whether an available update is held and why; 1 for the reason in force",
            self.update_held.family.clone(),
        );
        r.register("updates", "Update attempts, by result", self.updates.clone());
        r.register(
            "update_duration_seconds",
            "Time spent in a phase of an update",
            self.update_duration.clone(),
        );
        r.register("rollbacks", "Rollbacks, by trigger", self.rollbacks.clone());
        r.register(
            "last_check_timestamp_seconds",
            "Last successful check for updates",
            self.last_check.clone(),
        );
        r.register(
            "protocol_version",
            "Wire protocol version active now",
            self.protocol_version.clone(),
        );
        self.votes.register(r);
    }

    fn register_api(&self, r: &mut Registry) {
        r.register("http_requests", "HTTP requests answered", self.requests.clone());
        r.register(
            "http_request_duration_seconds",
            "Time to answer an HTTP request",
            self.request_duration.clone(),
        );
        r.register("event_subscribers", "Open event streams", self.subscribers.clone());
    }

    fn begin_at_zero(&self) {
        for verdict in Verdict::ALL.iter().copied() {
            drop(self.manifests.get_or_create(&ByVerdict { verdict }));
        }
        for by in Saving::ALL.iter().copied() {
            drop(self.bytes_saved.get_or_create(&BySaving { by }));
        }
        for direction in Direction::ALL.iter().copied() {
            for source in Source::ALL.iter().copied() {
                drop(self.chunk_bytes.get_or_create(&ByMove { direction, source }));
            }
        }
    }

    /// This version of the protocol is in force.
    pub fn protocol_is(&self, version: u32) {
        self.protocol_version.set(i64::from(version));
    }

    /// A manifest arrived and was judged.
    pub fn manifest_judged(&self, verdict: Verdict) {
        self.manifests.get_or_create(&ByVerdict { verdict }).inc();
    }

    /// Something signed was refused, for a reason of a closed list.
    pub fn refused(&self, reason: &'static str) {
        self.refusals.get_or_create(&ByReason { reason }).inc();
    }

    /// Every reason begins at 0, so that a rate over it is right from the first refusal.
    pub fn refusals_begin(&self, reasons: &[&'static str]) {
        for reason in reasons {
            drop(self.refusals.get_or_create(&ByReason { reason }));
        }
    }

    /// How fresh the channels are; those that are not among them are there no more.
    pub fn channels_are<'a>(&self, channels: impl Iterator<Item = ChannelNumbers<'a>>) {
        self.channels.set(channels);
    }

    /// So many keys are not to be relied on.
    pub fn keys_alarm(&self, keys: usize) {
        self.key_alarms.set(i64::try_from(keys).unwrap_or(i64::MAX));
    }

    /// The protocol in force, and how each proposal stands; those that are not among them are there no more.
    pub fn rules_are(&self, protocol: u32, proposals: &[ProposalNumbers]) {
        self.protocol_version.set(i64::from(protocol));
        self.votes.set(proposals);
    }

    /// A manifest was accepted so long after it was signed.
    pub fn manifest_travelled(&self, took: Duration) {
        self.propagation.observe(took.as_secs_f64());
    }

    /// What is trusted for this role ends at this time.
    pub fn metadata_expires(&self, network: &str, role: Expiring, at: Timestamp) {
        let labels = ByRole { network: network.to_owned(), role };
        self.expiry.get_or_create(&labels).set(moment(at));
    }

    /// Chunk bytes moved.
    pub fn chunk_moved(&self, direction: Direction, source: Source, bytes: u64) {
        self.chunk_bytes.get_or_create(&ByMove { direction, source }).inc_by(bytes);
    }

    /// A chunk did not match its digest.
    pub fn chunk_rejected(&self) {
        self.chunks_rejected.inc();
    }

    /// Bytes did not have to be fetched.
    pub fn saved(&self, by: Saving, bytes: u64) {
        self.bytes_saved.get_or_create(&BySaving { by }).inc_by(bytes);
    }

    /// A release was fetched.
    pub fn fetched(&self, took: Duration) {
        self.fetch_duration.observe(took.as_secs_f64());
    }

    /// The store holds so many bytes, of at most `limit`.
    pub fn store_holds(&self, bytes: u64, limit: u64) {
        self.store_bytes.set(whole(bytes));
        self.store_limit.set(whole(limit));
    }

    /// What is installed of a component; takes the place of what was said of it before.
    pub fn component_is(&self, component: &str, channel: &str, version: &str, state: &'static str) {
        let labels = Installed {
            component: component.to_owned(),
            channel: channel.to_owned(),
            version: version.to_owned(),
            state,
        };
        self.component_info.set(component, Some(labels));
        for result in UpdateResult::ALL.iter().copied() {
            let labels = ByResult { component: component.to_owned(), result };
            drop(self.updates.get_or_create(&labels));
        }
        for trigger in Trigger::ALL.iter().copied() {
            let labels = ByTrigger { component: component.to_owned(), trigger };
            drop(self.rollbacks.get_or_create(&labels));
        }
    }

    /// Nothing is installed of the component any more.
    pub fn component_is_gone(&self, component: &str) {
        self.component_info.set(component, None);
        self.update_available(component, None);
        self.update_held(component, None);
    }

    /// A newer release is known, of this severity; or none.
    pub fn update_available(&self, component: &str, severity: Option<&'static str>) {
        let labels =
            severity.map(|severity| Available { component: component.to_owned(), severity });
        self.update_available.set(component, labels);
    }

    /// The update is held for this reason; or not.
    pub fn update_held(&self, component: &str, reason: Option<&'static str>) {
        let labels = reason.map(|reason| Held { component: component.to_owned(), reason });
        self.update_held.set(component, labels);
    }

    /// An update came to its end.
    pub fn update_ended(&self, component: &str, result: UpdateResult) {
        self.updates.get_or_create(&ByResult { component: component.to_owned(), result }).inc();
    }

    /// One phase of an update took so long.
    pub fn update_phase_took(&self, component: &str, phase: &'static str, took: Duration) {
        let labels = ByPhase { component: component.to_owned(), phase };
        self.update_duration.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// A component went back to an earlier version.
    pub fn rolled_back(&self, component: &str, trigger: Trigger) {
        self.rollbacks.get_or_create(&ByTrigger { component: component.to_owned(), trigger }).inc();
    }

    /// Peers were asked for what is new, and answered.
    pub fn checked(&self, at: Timestamp) {
        self.last_check.set(moment(at));
    }

    /// A request was answered. `route` is the template, never the path itself.
    pub fn answered(&self, route: &'static str, method: &'static str, code: u16, took: Duration) {
        self.requests.get_or_create(&Request { route, method, code }).inc();
        self.request_duration.get_or_create(&ByRoute { route }).observe(took.as_secs_f64());
    }

    /// An event stream is open as long as the returned value lives.
    pub fn subscribed(&self) -> Subscribed {
        self.subscribers.inc();
        Subscribed(self.subscribers.clone())
    }
}

/// One open event stream.
#[derive(Debug)]
pub struct Subscribed(Gauge<i64, AtomicI64>);

impl Drop for Subscribed {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn register_process(registry: &mut Registry, started: Timestamp, build: Build) {
    let info: Family<labels::Build, Gauge> = Family::default();
    info.get_or_create(&labels::Build {
        version: build.version,
        revision: COMMIT,
        rustc: RUSTC,
        target: TARGET,
    })
    .set(1);
    registry.register("build_info", "Version of the running node; always 1", info);
    let start = Real::default();
    start.set(moment(started));
    registry.register("start_time_seconds", "Start of the process since the unix epoch", start);
}

/// Bytes as a gauge takes them; 8 EiB and more all look the same.
fn whole(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn moment(at: Timestamp) -> f64 {
    Duration::from_secs(at.as_seconds()).as_secs_f64()
}
