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
use updraft_protocol::{
    ChannelBase, ChannelName, ComponentName, Digest, Root, SecretKey, Statement, Timestamp,
    Verified, root,
};

use super::{
    AgentHandle, MAX_EVENTS, MAX_ORDERS,
    context::{Context, lock},
    installing,
    lifecycle::Component,
    limiter::Limiter,
    machine::Machine,
    rules::{Duty, Rules, Upload},
    serving::Generosity,
    status::{NodeStatus, PeerCounts, RootStatus, Status, StoreStatus, Totals},
    task::{Agent, Identity, Wires, jittered},
};
use crate::{
    catalog::{Catalog, Refusal, Witness, Word},
    clock::Clock,
    config::{self, Settings},
    fetch,
    install::Installer,
    metrics::Metrics,
    network::{Network, NetworkEvent},
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
    /// What happens on it.
    pub network_events: mpsc::Receiver<NetworkEvent>,
    /// The wall clock.
    pub clock: Clock,
    /// The unlocked key of `trust.witness_key`.
    pub witness: Option<Arc<SecretKey>>,
    /// Where things are counted.
    pub metrics: Metrics,
    /// A folder for files that exist only while something is under way; made anew at start.
    pub temporary: PathBuf,
    /// Ends the agent.
    pub stop: CancellationToken,
}

/// A verified chain of roots.
#[derive(Debug, Clone)]
pub struct Trust {
    /// Digest of the first root: what people compare.
    pub first: Digest,
    /// The root in force.
    pub newest: Verified<Root>,
}

impl Trust {
    /// Follows the kept chain from its first root to its last. `None` if no network was joined.
    pub fn load(store: &Store) -> Result<Option<Self>, Problem> {
        let damaged = |error: &(dyn std::error::Error + 'static)| {
            Problem::from_error(Code::TrustDamaged, error)
                .hint("restore the folder `trust` from a backup, or join the network again with an empty data directory")
        };
        let roots = store.roots(0, usize::MAX).map_err(|error| damaged(&error))?;
        let mut roots = roots.into_iter();
        let Some(first) = roots.next() else { return Ok(None) };
        let digest = first.digest();
        let mut newest = root::trust_first(&first, &digest).map_err(|error| damaged(&error))?;
        for next in roots {
            newest = root::trust_next(&newest, &next).map_err(|error| damaged(&error))?;
        }
        Ok(Some(Self { first: digest, newest }))
    }
}

/// Starts the agent. The task ends when `stop` is cancelled or the network ends.
pub async fn start(parts: Parts) -> Result<(AgentHandle, JoinHandle<()>), Problem> {
    let settings = parts.settings.clone();
    let context = context(&parts);
    prepare_temporary(&parts.temporary)?;
    let catalog = on_thread({
        let (store, root) = (parts.store.clone(), parts.trust.newest.clone());
        let clock = parts.clock.now();
        let skew = settings.trust.max_clock_skew;
        move || restore_catalog(&store, root, clock, skew)
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
    let components = components(&settings, records);
    let duty = match settings.node.role {
        config::Role::Full => Duty::Full,
        config::Role::Seed => Duty::Seed,
        config::Role::Client => Duty::Client,
    };
    let standard = settings.component(&"updraft".parse().expect("`updraft` is a component name"));
    let rules = Rules {
        duty,
        upload: if generosity(&settings, duty) == Generosity::All {
            Upload::On
        } else {
            Upload::Off
        },
        target: standard.target,
        auto: auto(&settings, true),
        builders: usize::try_from(settings.trust.require_builders).unwrap_or(usize::MAX),
        channel: standard.channel,
    };
    let identity = identity(&parts, duty);
    parts.metrics.refusals_begin(&Refusal::LABELS);
    let provided: Vec<Digest> =
        catalog_blobs(&catalog).filter(|blob| held.contains(blob)).collect();
    let (orders, order_inbox) = mpsc::channel(MAX_ORDERS);
    let (status, status_view) = watch::channel(Arc::new(first_status(&identity, &parts.trust)));
    let (events, _) = broadcast::channel(MAX_EVENTS);
    let now = Instant::now();
    let mut agent = Agent {
        machine: Machine::new(rules, catalog, components, held).with_witness(witness),
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
        sent: 0,
        totals: Totals::default(),
        started: now,
        next_check: now + jittered(identity.check_interval),
        next_status: now,
        status_is_old: true,
        identity,
        audit: super::audit::Audit::new(settings.log.audit_file.clone()),
        settings,
    };
    let names: Vec<ComponentName> = agent.machine.components.keys().cloned().collect();
    for name in &names {
        agent.open_installer(name).await;
    }
    if agent.identity.generosity == Generosity::All && !provided.is_empty() {
        agent.carry_out(vec![super::action::Action::Provide(provided)]).await;
    }
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
        if let Some(component) = self.machine.components.get_mut(name) {
            component.installed = installed;
            component.kept = kept;
        }
    }
}

/// What this node kept of its words as a witness, if it is one.
async fn witness(parts: &Parts) -> Result<Option<Witness>, Problem> {
    let Some(key) = &parts.witness else { return Ok(None) };
    let store = parts.store.clone();
    let kept = on_thread(move || store.vouched()).await?;
    let word = |channel: &ChannelName, kept: crate::store::Vouched| Word {
        root_version: kept.root_version,
        base: kept.base.map(|(seq, head)| ChannelBase { channel: channel.clone(), seq, head }),
        seq: kept.seq,
        head: kept.head,
        time: kept.time,
    };
    let last = kept.into_iter().map(|(channel, kept)| (channel.clone(), word(&channel, kept)));
    let lifetime = parts.settings.trust.heartbeat_lifetime.as_secs();
    let id = key.public().id();
    let role = parts.trust.newest.witness.as_ref();
    if role.is_none_or(|role| role.key(&id).is_none()) {
        tracing::warn!(key = %id, "trust.witness_key is no witness of the trust root, so nothing is said with it");
    }
    // The settings allow at most a week.
    let lifetime = u32::try_from(lifetime).unwrap_or(u32::MAX);
    Ok(Some(Witness::new(id, lifetime, last.collect())))
}

fn context(parts: &Parts) -> Context {
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
        download: Arc::new(Limiter::new(transfer.download_limit.bytes_per_second())),
        upload: Arc::new(Limiter::new(transfer.upload_limit.bytes_per_second())),
        temporary: parts.temporary.clone(),
        keep_versions: usize::from(settings.store.keep_versions.get()),
        witness: parts.witness.clone(),
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
            version: crate::build::VERSION,
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
        alarms: Vec::new(),
        totals: Totals::default(),
        store: StoreStatus::default(),
        last_check: None,
    }
}

/// Everything that was believed before. What no longer verifies is left out and asked for again; a channel whose
/// newest head is lost keeps its place, so that nothing older is taken instead.
pub(super) fn restore_catalog(
    store: &Store,
    root: Verified<Root>,
    clock: Timestamp,
    skew: Duration,
) -> Result<Catalog, StoreError> {
    let channels: Vec<_> = root.release.iter().map(|entry| entry.channel.clone()).collect();
    let mut catalog = Catalog::new(root, store.time()?).with_clock_skew(skew.as_secs());
    for channel in channels {
        restore_channel(store, &channel, &mut catalog)?;
    }
    for digest in catalog.missing_manifests() {
        match store.manifest(&digest) {
            Ok(Some(manifest)) => {
                if let Err(refusal) = catalog.offer_manifest(&Arc::new(manifest)) {
                    tracing::warn!(manifest = %digest, %refusal, "a kept manifest does not verify");
                }
            }
            Ok(None) => {}
            // Peers have it; a record that has rotted must not keep the node from starting.
            Err(error) => {
                tracing::warn!(manifest = %digest, error = %chain(&error), "a kept manifest is damaged")
            }
        }
    }
    restore_withdrawn(store, &mut catalog);
    restore_statements(store, &mut catalog, clock)?;
    Ok(catalog)
}

/// Nothing rests on these: they only tell a node whether what it runs was withdrawn.
fn restore_withdrawn(store: &Store, catalog: &mut Catalog) {
    let withdrawn: Vec<Digest> =
        catalog.withdrawals().map(|(_, withdrawn, _)| withdrawn.manifest).collect();
    for digest in withdrawn {
        match store.manifest(&digest) {
            Ok(Some(manifest)) => {
                if let Err(refusal) = catalog.restore_withdrawn(&Arc::new(manifest)) {
                    tracing::debug!(manifest = %digest, %refusal, "a withdrawn release is not remembered");
                }
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(manifest = %digest, error = %chain(&error), "a kept manifest is damaged")
            }
        }
    }
}

fn restore_channel(
    store: &Store,
    channel: &ChannelName,
    catalog: &mut Catalog,
) -> Result<(), StoreError> {
    let Some(head) = store.newest_head(channel)? else { return Ok(()) };
    let base = catalog.base(channel).cloned();
    let links = store.head_links(channel, base.as_ref().map_or(1, |base| base.seq.max(1)))?;
    let head = Arc::new(head);
    match catalog.restore_head(&head, links) {
        Ok(()) => {}
        // The root was kept and the power went before the channel had begun anew.
        Err(Refusal::OffTheBase(_)) => store.begin_anew(channel, base.as_ref())?,
        Err(refusal) if base.is_some() => {
            tracing::warn!(%channel, %refusal, "the channel begins at the root's base again");
            store.begin_anew(channel, base.as_ref())?;
        }
        Err(refusal) => {
            tracing::warn!(%channel, %refusal, "the kept head does not verify under the trust root");
            if let Ok(claim) = head.peek() {
                let head = Some(head.digest());
                let channel = channel.clone();
                catalog.restore_place(ChannelBase { channel, seq: claim.seq, head });
            }
        }
    }
    Ok(())
}

/// Statements are offered again in an order in which none stands against another that came before it; what has
/// run out is dropped, proofs stay.
fn restore_statements(
    store: &Store,
    catalog: &mut Catalog,
    clock: Timestamp,
) -> Result<(), StoreError> {
    let mut statements = store.statements()?;
    statements.sort_by_key(|statement| match statement {
        Statement::Equivocation(_) => 0,
        Statement::Brake(brake) => 1 + brake.peek().map_or(0, |brake| brake.issued.as_seconds()),
        _ => u64::MAX - u64::from(matches!(statement, Statement::Heartbeat(_))),
    });
    for statement in statements {
        let statement = Arc::new(statement);
        if let Err(refusal) = catalog.offer_statement(&statement, clock) {
            tracing::debug!(kind = statement.kind(), %refusal, "a kept statement is of no use");
            if matches!(refusal, Refusal::Expired { .. }) {
                store.remove_statement(&statement)?;
            }
        }
    }
    Ok(())
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
