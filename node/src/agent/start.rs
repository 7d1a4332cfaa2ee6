//! Brings the agent up from what was kept: roots, heads, manifests, components, blobs.
//!
//! Everything signed is verified again: disks rot, and a root may have changed what a key may sign.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::{broadcast, mpsc, watch},
    task::{JoinHandle, JoinSet},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use updraft_protocol::{ComponentName, Digest, KeyId, SecretKey};

use super::{
    AgentHandle, MAX_EVENTS, MAX_ORDERS,
    context::{Context, Packs, lock},
    ending::{Ending, own_component},
    installing,
    lifecycle::Component,
    limiter::Limiter,
    machine::Machine,
    measuring::Gauges,
    restore::{Trust, restore_catalog, restore_elector, restore_votes, restore_witness},
    rules::{Duty, Rules, Upload},
    serving::Generosity,
    status::{NodeStatus, PeerCounts, ProtocolStatus, RootStatus, Status, StoreStatus, Totals},
    task::{Agent, Identity, Wires, jittered},
    votes::Votes,
};
use crate::{
    again::{Again, LASTING},
    build::{Build, FIRST_PROTOCOL},
    catalog::{Catalog, Refusal, Witness},
    clock::Clock,
    config::{self, Settings},
    fetch,
    governance::{self, Elector},
    install::Installer,
    metrics::Metrics,
    network::{Network, NetworkEvent, PeerId},
    policy::AutoUpdate,
    problem::{Code, Problem, chain},
    store::{BlobState, ComponentRecord, Store, StoreError},
};

/// What the agent is made of.
#[derive(Debug)]
pub struct Parts {
    /// What the operator decided.
    pub settings: Arc<Settings>,
    /// The opened store.
    pub store: Store,
    /// The trust root in force.
    pub trust: Trust,
    /// The running network.
    pub network: Network,
    /// Addresses that it dials first: those of the settings, and those that came with a ticket.
    pub addresses: usize,
    /// What happens on it.
    pub network_events: mpsc::Receiver<NetworkEvent>,
    /// The wall clock.
    pub clock: Clock,
    /// What this program is.
    pub build: Build,
    /// What decides whether this process may become another program.
    pub again: Again,
    /// The unlocked key of `trust.witness_key`.
    pub witness: Option<Arc<SecretKey>>,
    /// The unlocked key of `governance.voter_key`.
    pub voter: Option<Arc<SecretKey>>,
    /// Where things are counted.
    pub metrics: Metrics,
    /// A folder for files that exist only while something is under way; made anew at start.
    pub temporary: PathBuf,
    /// The file in which it is kept how fast this machine is.
    pub rates: PathBuf,
    /// Ends the agent.
    pub stop: CancellationToken,
}

/// Starts the agent. The task ends when `stop` is cancelled, the network ends, or another program is to take over.
pub async fn start(parts: Parts) -> Result<(AgentHandle, JoinHandle<Ending>), Problem> {
    let settings = parts.settings.clone();
    let rates = parts.rates.clone();
    let gauges = on_thread(move || Ok(Gauges::open(rates))).await?;
    let context = context(&parts, gauges);
    prepare_temporary(&parts.temporary)?;
    let catalog = on_thread({
        let (mut store, trust) = (parts.store.clone(), parts.trust.clone());
        let clock = parts.clock.now();
        let skew = settings.trust.max_clock_skew;
        move || restore_catalog(&mut store, trust, clock, skew)
    })
    .await?;
    let records = on_thread({
        let store = parts.store.clone();
        move || store.components()
    })
    .await?;
    let held = on_thread({
        let store = parts.store.clone();
        move || {
            let complete = |blob: &crate::store::BlobSize| blob.state == BlobState::Complete;
            Ok(store
                .blob_sizes()?
                .into_iter()
                .filter(complete)
                .map(|blob| blob.digest)
                .collect::<BTreeSet<_>>())
        }
    })
    .await?;
    let witness = witness(&parts).await?;
    let votes = votes(&parts, catalog.revoked_keys().clone()).await?;
    let components = components(&settings, records);
    let duty = match settings.node.role {
        config::Role::Full => Duty::Full,
        config::Role::Seed => Duty::Seed,
        config::Role::Client => Duty::Client,
    };
    let rules = rules(&parts, duty);
    let identity = identity(&parts, duty);
    let labels = [Refusal::LABELS.as_slice(), governance::Refusal::LABELS.as_slice()].concat();
    parts.metrics.refusals_begin(&labels);
    let provided: Vec<Digest> =
        catalog_blobs(&catalog).filter(|blob| held.contains(blob)).collect();
    let (orders, order_inbox) = mpsc::channel(MAX_ORDERS);
    let (status, status_view) = watch::channel(Arc::new(first_status(&identity, &parts.trust)));
    let (events, _) = broadcast::channel(MAX_EVENTS);
    let now = Instant::now();
    let mut agent = Agent {
        machine: Machine::new(rules, catalog, components, held)
            .with_witness(witness)
            .with_votes(votes),
        context,
        wires: Wires {
            orders: order_inbox,
            network: parts.network_events,
            status,
            events: events.clone(),
            stop: parts.stop,
        },
        effects: JoinSet::new(),
        serving: JoinSet::new(),
        tokens: BTreeMap::new(),
        next_token: 0,
        checks: Vec::new(),
        importing: 0,
        ending: None,
        lasts_at: (!parts.again.starts.is_none()).then_some(now + LASTING),
        again: parts.again,
        sent: 0,
        totals: Totals::default(),
        started: now,
        next_check: now + jittered(identity.check_interval),
        next_status: now,
        next_height: Some(now),
        status_is_old: true,
        identity,
        audit: super::audit::Audit::new(settings.log.audit_file.clone()),
        settings,
    };
    agent.serve_what_is_said();
    agent.machine.look_for_a_successor(agent.now());
    let names: Vec<ComponentName> = agent.machine.components.keys().cloned().collect();
    for name in &names {
        agent.open_installer(name).await;
    }
    if agent.identity.generosity == Generosity::All && !provided.is_empty() {
        agent.carry_out(vec![super::action::Action::Provide(provided)]).await;
    }
    // Whoever asks first sees what is known, and no empty page.
    agent.publish_status().await;
    let task = tokio::spawn(agent.run());
    Ok((AgentHandle { orders, status: status_view, events }, task))
}

impl Agent {
    /// Opens a component's folder, which comes to rest by that, and learns what is installed. A folder that
    /// cannot be opened keeps this one component from being installed; the log says why.
    pub(super) async fn open_installer(&mut self, name: &ComponentName) {
        if self.context.installer(name).is_some() {
            return;
        }
        let root = self.settings.component(name).root;
        let (component, reserve) = (name.clone(), self.settings.store.min_free_disk);
        let opened =
            tokio::task::spawn_blocking(move || Installer::open(&root, component, reserve)).await;
        let installer = match opened {
            Ok(Ok(installer)) => installer,
            Ok(Err(error)) => {
                tracing::error!(component = %name, error = %chain(&error), "the component's folder cannot be opened");
                return;
            }
            Err(error) => {
                return tracing::error!(component = %name, %error, "opening a folder ended badly");
            }
        };
        lock(&self.context.installers).insert(name.clone(), Arc::new(Mutex::new(installer)));
        self.look_at_folder(name).await;
    }

    /// Learns from a component's folder what is installed and what is kept.
    pub(super) async fn look_at_folder(&mut self, name: &ComponentName) {
        let Some(installer) = self.context.installer(name) else { return };
        let looked =
            tokio::task::spawn_blocking(move || installing::inventory(&lock(&installer))).await;
        let Ok((installed, kept)) = looked else { return };
        self.machine.note_installed(name, installed, kept);
    }
}

/// What this node kept of its words as a witness, if it is one.
async fn witness(parts: &Parts) -> Result<Option<Witness>, Problem> {
    let Some(key) = &parts.witness else { return Ok(None) };
    let lifetime = parts.settings.trust.heartbeat_lifetime.as_secs();
    let id = key.public().id();
    let role = parts.trust.newest.witness.as_ref();
    if role.is_none_or(|role| role.key(&id).is_none()) {
        tracing::warn!(key = %id, "trust.witness_key is no witness of the trust root, so nothing is said with it");
    }
    // The settings allow at most a week.
    let lifetime = u32::try_from(lifetime).unwrap_or(u32::MAX);
    let store = parts.store.clone();
    on_thread(move || restore_witness(&store, id, lifetime)).await.map(Some)
}

fn rules(parts: &Parts, duty: Duty) -> Rules {
    let settings = &parts.settings;
    let standard = settings.component(&own_component());
    Rules {
        duty,
        upload: if generosity(settings, duty) == Generosity::All {
            Upload::On
        } else {
            Upload::Off
        },
        target: standard.target,
        auto: auto(settings, true),
        program: parts.build.version.parse().expect("the version of a package is one"),
        speaks: parts.build.speaks,
        auto_activate: settings.governance.auto_activate,
        signal_ready: settings.governance.signal_ready,
        knows_heights: settings.governance.height.is_some(),
        awaits_peers: parts.addresses > 0 || settings.p2p.mdns,
        builders: usize::try_from(settings.trust.require_builders).unwrap_or(usize::MAX),
        channel: standard.channel,
    }
}

/// What was kept of votes.
async fn votes(parts: &Parts, revoked: BTreeSet<KeyId>) -> Result<Votes<PeerId>, Problem> {
    let (mut store, trust) = (parts.store.clone(), parts.trust.clone());
    let kept: Votes<PeerId> =
        on_thread(move || restore_votes(&mut store, &trust, &revoked)).await?;
    Ok(kept.with_elector(elector(parts).await?))
}

/// What this node kept of its ballots, if it votes.
async fn elector(parts: &Parts) -> Result<Option<Elector>, Problem> {
    let Some(key) = &parts.voter else { return Ok(None) };
    let id = key.public().id();
    let electorate = parts.trust.newest.electorate.as_ref();
    if electorate.is_none_or(|electorate| electorate.elector(&id).is_none()) {
        tracing::warn!(key = %id, "governance.voter_key is no elector of the trust root, so it has no vote");
    }
    let store = parts.store.clone();
    on_thread(move || restore_elector(&store, id)).await.map(Some)
}

fn context(parts: &Parts, gauges: Gauges) -> Context {
    let settings = &parts.settings;
    let transfer = &settings.transfer;
    Context {
        network: parts.network.clone(),
        store: parts.store.clone(),
        installers: Arc::default(),
        clock: parts.clock.clone(),
        metrics: parts.metrics.clone(),
        progress: Arc::default(),
        limits: fetch::Limits {
            in_flight: usize::from(transfer.parallel_chunks.get()),
            peers: usize::from(transfer.peers_per_release.get()),
        },
        chunk_timeout: transfer.chunk_timeout,
        packs: Packs::default(),
        download: Arc::new(Limiter::new(transfer.download_limit.bytes_per_second())),
        upload: Arc::new(Limiter::new(transfer.upload_limit.bytes_per_second())),
        temporary: parts.temporary.clone(),
        keep_versions: usize::from(settings.store.keep_versions.get()),
        gauges,
        witness: parts.witness.clone(),
        voter: parts.voter.clone(),
        called_off: Default::default(),
        said: Arc::default(),
    }
}

fn identity(parts: &Parts, duty: Duty) -> Identity {
    let settings = &parts.settings;
    let root = &parts.trust.newest;
    let generosity = generosity(settings, duty);
    Identity {
        node: NodeStatus {
            id: parts.network.peer_id().to_string(),
            name: settings.node.name.clone(),
            network: root.name.clone(),
            kind: root.kind,
            role: duty.as_str(),
            version: parts.build.version,
            speaks: parts.build.speaks,
            protocol: FIRST_PROTOCOL,
            started: parts.clock.now(),
        },
        first_root: parts.trust.first,
        peers_needed: usize::try_from(settings.p2p.peers_min.get()).unwrap_or(usize::MAX),
        generosity,
        check_interval: settings.auto_update.check_interval.max(Duration::from_secs(60)),
        store_limit: settings.store.max_size,
    }
}

fn generosity(settings: &Settings, duty: Duty) -> Generosity {
    let gives = duty != Duty::Client && settings.transfer.upload;
    if gives { Generosity::All } else { Generosity::RecordsOnly }
}

fn first_status(identity: &Identity, trust: &Trust) -> Status {
    Status {
        node: identity.node.clone(),
        root: RootStatus {
            version: trust.newest.version,
            first: trust.first,
            expires: trust.newest.expires,
        },
        listening: Vec::new(),
        peers: PeerCounts { needed: identity.peers_needed, ..PeerCounts::default() },
        channels: Vec::new(),
        components: Vec::new(),
        protocol: ProtocolStatus {
            active: FIRST_PROTOCOL,
            oldest: identity.node.speaks.oldest,
            newest: identity.node.speaks.newest,
            fork: trust.newest.network.fork_digest(&[]).to_string(),
            left_behind: false,
            warnings: Vec::new(),
        },
        votes_open: 0,
        alarms: Vec::new(),
        totals: Totals::default(),
        store: StoreStatus::default(),
        last_check: None,
    }
}

fn catalog_blobs(catalog: &Catalog) -> impl Iterator<Item = Digest> {
    catalog
        .listings()
        .filter_map(|(_, listing)| catalog.manifest(&listing.manifest))
        .flat_map(|known| known.manifest.blobs().map(|blob| blob.digest).collect::<Vec<_>>())
}

/// Components with a table of their own, and those that were followed before.
fn components(
    settings: &Settings,
    records: Vec<(ComponentName, ComponentRecord)>,
) -> Vec<Component> {
    let mut components: BTreeMap<ComponentName, Component> = BTreeMap::new();
    for name in settings.components.keys() {
        components.insert(name.clone(), component(settings, name));
    }
    for (name, record) in records {
        let configured = settings.components.contains_key(&name);
        let component =
            components.entry(name.clone()).or_insert_with(|| component(settings, &name));
        // What the operator writes down goes before what was chosen by a command.
        if !configured {
            component.channel = record.channel;
        }
        component.pinned = record.hold.is_some();
        component.quarantined =
            record.quarantined.into_iter().map(|q| (q.manifest, q.reason)).collect();
    }
    components.into_values().collect()
}

fn component(settings: &Settings, name: &ComponentName) -> Component {
    let own = settings.component(name);
    Component::new(name.clone(), own.channel, own.target, auto(settings, own.auto_update))
}

fn auto(settings: &Settings, enabled: bool) -> AutoUpdate {
    let auto = &settings.auto_update;
    AutoUpdate {
        enabled: auto.enabled && enabled,
        security: auto.security_updates,
        feature: auto.feature_updates,
        bugfix: auto.bugfix_updates,
        breaking: auto.breaking_changes,
    }
}

fn prepare_temporary(folder: &std::path::Path) -> Result<(), Problem> {
    let made = match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => std::fs::create_dir_all(folder),
    };
    made.map_err(|error| {
        Problem::new(Code::FileUnusable, format!("the folder {} cannot be used", folder.display()))
            .cause(error.to_string())
    })
}

async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Problem::from_error(Code::FileUnusable, &error)),
        Err(error) => Err(Problem::new(Code::Failed, format!("a bug: {error}"))),
    }
}
