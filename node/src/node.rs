//! Puts a node together from its settings, and takes it apart again. No rules of its own.
//!
//! The order of starting is that of needing: lock, identity, store and trust, network, agent, API. The order of
//! stopping is the reverse: nobody is left talking to something that has gone.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use prometheus_client::registry::Registry;
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;
use updraft_protocol::SecretKey;

use crate::{
    again::{self, Again, Keys, StartAgain, Starts},
    agent::{self, AgentHandle, Ending, Parts, Trust},
    api::{self, ApiSettings, MetricsAccess, Serving, SocketFile, TokenHash},
    build::Build,
    clock::Clock,
    config::{self, Settings},
    dirs::Dirs,
    identity::{self, ApiToken, IdentityError},
    join,
    keys::{KeyError, KeyFolder, Lock, PasswordSource},
    lock::{DataLock, LockError},
    metrics::{self, Metrics},
    network::{
        Address, DhtMode, Mdns, Medium, Network, NetworkMetrics, NetworkSettings, NodeKey, PeerId,
        StartError, Started,
    },
    problem::{Code, Problem, chain},
    store::{Store, StoreError, StoreOptions, VerifyOnStart},
};

/// Folder below the data directory for files that exist only while something is under way.
const TEMPORARY: &str = "tmp";
/// How long the agent may take to end after the network has.
const LAST_WORD: Duration = Duration::from_secs(5);

/// A running node.
#[derive(Debug)]
pub struct Node {
    /// To ask things of it.
    pub agent: AgentHandle,
    /// Where it can be reached.
    pub ready: Ready,
    agent_task: JoinHandle<Ending>,
    network_task: JoinHandle<()>,
    api: Serving,
    registry: Arc<Registry>,
    stop: CancellationToken,
    /// Held until everything else is gone.
    lock: DataLock,
}

/// Where a node can be reached.
#[derive(Debug, Clone)]
pub struct Ready {
    /// Its peer id.
    pub peer_id: String,
    /// Addresses it listens on, with its peer id.
    pub listen: Vec<String>,
    /// The address of the HTTP API, if it listens.
    pub http: Option<String>,
    /// The socket of the API, if there is one.
    pub socket: Option<PathBuf>,
    /// Listeners of the API that could not be had.
    pub without: Vec<String>,
}

/// What is opened before anything runs: enough to say whether a node could.
#[derive(Debug)]
pub struct Opened {
    lock: DataLock,
    store: Store,
    trust: Trust,
    key: identity::NodeKey,
    token: ApiToken,
    witness: Option<Arc<SecretKey>>,
    voter: Option<Arc<SecretKey>>,
    bootstrap: Vec<String>,
    again: Again,
}

/// Opens the data directory of a node: the lock, the identity, the store, the trust root. Blocks.
///
/// # Errors
/// A problem with a hint: the directory is in use, a secret can be read by others, no network was joined, the
/// trust kept on disk is damaged, a file cannot be read.
pub fn open(
    settings: &Settings,
    dirs: &Dirs,
    passwords: &PasswordSource,
) -> Result<Opened, Problem> {
    let lock = DataLock::acquire(&dirs.data).map_err(|error| in_use(&error))?;
    let key = identity::NodeKey::load_or_create(&dirs.identity_key())
        .map_err(|error| no_identity(&error))?;
    let token =
        ApiToken::load_or_create(&settings.http.token_file).map_err(|error| no_identity(&error))?;
    let options = StoreOptions {
        max_size: settings.store.max_size,
        min_free_disk: settings.store.min_free_disk,
        verify: match settings.store.verify_on_start {
            config::VerifyOnStart::None => VerifyOnStart::None,
            config::VerifyOnStart::Sample => VerifyOnStart::Sample,
            config::VerifyOnStart::Full => VerifyOnStart::Full,
        },
    };
    let store = Store::open(&dirs.data, options).map_err(|error| no_store(&error))?;
    let trust = Trust::load(&store)?.ok_or_else(|| not_joined(dirs))?;
    if let Some(wanted) = &settings.node.network
        && *wanted != trust.newest.name
    {
        let detail =
            format!("this data directory has joined `{}`, not `{wanted}`", trust.newest.name);
        return Err(Problem::new(Code::ConfigInvalid, detail)
            .hint("name another data directory with `-d`, or change node.network"));
    }
    let bootstrap = join::bootstrap(&dirs.data)
        .map_err(|error| Problem::from_error(Code::FileUnusable, &error))?;
    let witness = own_key("trust.witness_key", settings.trust.witness_key.as_deref());
    let (witness, witness_stays) = unlock(witness, dirs, passwords)?;
    let voter = own_key("governance.voter_key", settings.governance.voter_key.as_deref())
        .filter(|_| settings.governance.voter);
    let (voter, voter_stays) = unlock(voter, dirs, passwords)?;
    let file = dirs.starts_file();
    let starts = again::kept::read(&file)
        .map_err(|error| Problem::from_error(Code::FileUnusable, &error))?;
    let keys = if witness_stays == Keys::Stay { voter_stays } else { witness_stays };
    let again = Again { starts, file, keys };
    Ok(Opened { lock, store, trust, key, token, witness, voter, bootstrap, again })
}

/// A setting that names a key of this node, and the key.
type OwnKey<'a> = Option<(&'static str, &'a str)>;

fn own_key<'a>(setting: &'static str, named: Option<&'a str>) -> OwnKey<'a> {
    named.map(|named| (setting, named))
}

/// A key that this node signs with by itself, unlocked, and whether another program could unlock it as well.
fn unlock(
    own: OwnKey<'_>,
    dirs: &Dirs,
    passwords: &PasswordSource,
) -> Result<(Option<Arc<SecretKey>>, Keys), Problem> {
    let Some((setting, named)) = own else { return Ok((None, Keys::Stay)) };
    let folder = KeyFolder::new(dirs.keys());
    let load = |named: &str| -> Result<(SecretKey, Lock), KeyError> {
        let file = folder.load(&named.parse()?)?;
        Ok((file.unlock_with(passwords)?, file.lock()))
    };
    match load(named) {
        Ok((key, lock)) => {
            let stays = lock == Lock::None || passwords.can_be_had_again();
            let keys = if stays { Keys::Stay } else { Keys::AreLost(setting) };
            Ok((Some(Arc::new(key)), keys))
        }
        Err(error) => {
            let detail = format!("{setting}: the key `{named}` cannot be used");
            Err(Problem::new(Code::KeyLocked, detail).because(Some(&error)).hint(
                "give its password in a file named by UPDRAFT_KEY_PASSWORD_FILE, or take the setting out",
            ))
        }
    }
}

impl Opened {
    /// The trust root in force.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }
}

impl Node {
    /// Starts a node. A listener of the API that cannot be had is told in [`Ready::without`] and does not keep
    /// the node from running; one of the network does.
    pub async fn start(
        settings: Settings,
        dirs: &Dirs,
        opened: Opened,
        build: Build,
        starts: Starts,
    ) -> Result<Self, Problem> {
        Self::start_with(settings, dirs, opened, build, starts, None).await
    }

    /// The same over a medium, for many nodes in one process: see [`Network::start_over`].
    pub async fn start_over(
        medium: Arc<dyn Medium>,
        settings: Settings,
        dirs: &Dirs,
        opened: Opened,
        build: Build,
    ) -> Result<Self, Problem> {
        Self::start_with(settings, dirs, opened, build, Starts::none(), Some(medium)).await
    }

    async fn start_with(
        settings: Settings,
        dirs: &Dirs,
        opened: Opened,
        build: Build,
        starts: Starts,
        medium: Option<Arc<dyn Medium>>,
    ) -> Result<Self, Problem> {
        let settings = Arc::new(settings);
        let clock = Clock::system();
        let stop = CancellationToken::new();
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry, clock.now(), build);
        let updraft = registry.sub_registry_with_prefix("updraft");
        let network_metrics = NetworkMetrics::register(updraft);
        let network_settings = network_settings(&settings, &opened, build)?;
        let key = NodeKey::from_seed(*opened.key.expose()).map_err(|error| {
            Problem::from_error(Code::FileUnusable, &error).hint("the file identity.key is damaged")
        })?;
        let addresses = network_settings.bootstrap.len();
        let ends = stop.clone();
        let started = match medium {
            None => Network::start(network_settings, key, network_metrics, ends).await,
            Some(medium) => {
                Network::start_over(medium, network_settings, key, network_metrics, ends).await
            }
        };
        let Started { network, events, task: network_task } =
            started.map_err(|error| no_network(&error))?;
        let temporary = dirs.data.join(TEMPORARY);
        let parts = Parts {
            settings: settings.clone(),
            store: opened.store,
            trust: opened.trust,
            network: network.clone(),
            addresses,
            network_events: events,
            clock: clock.clone(),
            build,
            again: Again { starts: starts.or_later(opened.again.starts), ..opened.again },
            witness: opened.witness,
            voter: opened.voter,
            metrics: metrics.clone(),
            temporary: temporary.clone(),
            rates: dirs.rates_file(),
            stop: stop.clone(),
        };
        let (agent, agent_task) = agent::start(parts).await?;
        let api_settings = api_settings(&settings, dirs, &opened.token, temporary, clock);
        let registry = Arc::new(registry);
        let api = api::serve(
            api_settings,
            agent.clone(),
            registry.clone(),
            metrics.clone(),
            stop.clone(),
        )
        .await;
        let ready = ready(&network, &api).await;
        let lock = opened.lock;
        Ok(Self { agent, ready, agent_task, network_task, api, registry, stop, lock })
    }

    /// All that the node counts, as it stands at `/metrics`.
    ///
    /// # Errors
    /// If a number cannot be written as text.
    pub fn metrics(&self) -> Result<String, fmt::Error> {
        metrics::encode(&self.registry)
    }

    /// Stops the node: no new questions, then the agent, then the network. What was under way goes on from
    /// where it was when the node starts again.
    ///
    /// The lock is given back, to be dropped when nothing writes any more: an installation under way ends on its
    /// thread.
    pub async fn stop(self) -> DataLock {
        self.stop.cancel();
        self.api.stopped().await;
        last_word("agent", self.agent_task).await;
        last_word("network", self.network_task).await;
        self.lock
    }

    /// Ends when the node is to stop and the process to become another program.
    ///
    /// # Errors
    /// If a part of the node has ended by itself, which is a bug: a node without its agent or its network only looks
    /// alive.
    pub async fn ended(&mut self) -> Result<StartAgain, Problem> {
        let (part, ended) = tokio::select! {
            ended = &mut self.agent_task => match ended {
                Ok(Ending::StartAgain(again)) => return Ok(again),
                ended => ("agent", ended.map(drop)),
            },
            ended = &mut self.network_task => {
                // It also ends because the agent has. The agent ends either way, and its last word counts.
                let agent = timeout(LAST_WORD, &mut self.agent_task).await;
                if let Ok(Ok(Ending::StartAgain(again))) = agent {
                    return Ok(again);
                }
                ("network", ended)
            }
        };
        let problem =
            Problem::new(Code::Failed, format!("the {part} of the node has ended by itself"));
        Err(ended.err().map_or(problem.clone(), |error| problem.cause(error.to_string())))
    }
}

/// Waits for a part of the node. One that has ended was told of by [`Node::ended`], and cannot be waited for twice.
async fn last_word<T>(part: &str, task: JoinHandle<T>) {
    if !task.is_finished()
        && let Err(error) = task.await
    {
        tracing::error!(%error, "the {part} ended badly");
    }
}

async fn ready(network: &Network, api: &Serving) -> Ready {
    let me = network.peer_id();
    let listen = network.listen_addresses().await.unwrap_or_default();
    let failed =
        [api.http.as_ref().and_then(|bound| bound.as_ref().err()), api.address_file.as_ref()];
    let socket_failed = api.socket.as_ref().and_then(|bound| bound.as_ref().err());
    Ready {
        peer_id: me.to_string(),
        listen: listen.iter().map(|address| address.with_peer(me).to_string()).collect(),
        http: api
            .http
            .as_ref()
            .and_then(|bound| bound.as_ref().ok())
            .map(|address| format!("http://{address}")),
        socket: api.socket.as_ref().and_then(|bound| bound.as_ref().ok()).cloned(),
        without: failed
            .into_iter()
            .flatten()
            .chain(socket_failed)
            .map(|error| chain(error))
            .collect(),
    }
}

fn network_settings(
    settings: &Settings,
    opened: &Opened,
    build: Build,
) -> Result<NetworkSettings, Problem> {
    let p2p = &settings.p2p;
    let mut network = NetworkSettings::new(opened.trust.newest.network);
    network.agent = format!("updraft/{}", build.version);
    network.newest_protocol = build.speaks.newest;
    network.listen = addresses("p2p.listen", &p2p.listen)?;
    network.external = addresses("p2p.external", &p2p.external)?;
    network.bootstrap = addresses("p2p.bootstrap", &p2p.bootstrap)?;
    // What a ticket brought was checked when it was kept; a line that is damaged is not worth stopping for.
    network
        .bootstrap
        .extend(opened.bootstrap.iter().filter_map(|text| text.parse::<Address>().ok()));
    network.mdns = if p2p.mdns { Mdns::On } else { Mdns::Off };
    network.dht = match p2p.dht {
        config::DhtMode::Auto => DhtMode::Auto,
        config::DhtMode::Client => DhtMode::Client,
        config::DhtMode::Server => DhtMode::Server,
    };
    network.peers_min = p2p.peers_min.get();
    network.peers_max = p2p.peers_max;
    network.allow_peers = peers("p2p.allow_peers", &p2p.allow_peers)?;
    network.deny_peers = peers("p2p.deny_peers", &p2p.deny_peers)?;
    network.idle_timeout = p2p.idle_timeout;
    Ok(network)
}

fn addresses(key: &str, texts: &[String]) -> Result<Vec<Address>, Problem> {
    let parse = |text: &String| {
        text.parse::<Address>().map_err(|error| {
            Problem::new(Code::ConfigInvalid, format!("{key}: `{text}` is no address of a node"))
                .cause(chain(&error))
        })
    };
    texts.iter().map(parse).collect()
}

fn peers(key: &str, texts: &[String]) -> Result<Vec<PeerId>, Problem> {
    let parse = |text: &String| {
        text.parse::<PeerId>().map_err(|error| {
            Problem::new(Code::ConfigInvalid, format!("{key}: `{text}`")).cause(chain(&error))
        })
    };
    texts.iter().map(parse).collect()
}

fn api_settings(
    settings: &Settings,
    dirs: &Dirs,
    token: &ApiToken,
    uploads: PathBuf,
    clock: Clock,
) -> ApiSettings {
    let http = &settings.http;
    ApiSettings {
        listen: http.listen,
        socket: http.socket.clone().map(|path| SocketFile { path, mode: http.socket_mode }),
        address_file: Some(dirs.http_address_file()),
        allowed_hosts: http.allowed_hosts.clone(),
        token: TokenHash::of(token.expose()),
        metrics: match (settings.metrics.enabled, settings.metrics.require_token) {
            (false, _) => MetricsAccess::Off,
            (true, true) => MetricsAccess::Token,
            (true, false) => MetricsAccess::Open,
        },
        max_body: u64::try_from(http.max_body).unwrap_or(u64::MAX),
        max_bundle: ApiSettings::MAX_BUNDLE,
        uploads,
        clock,
    }
}

fn in_use(error: &LockError) -> Problem {
    match error {
        LockError::InUse { .. } => Problem::from_error(Code::DataDirectoryInUse, error)
            .hint("one node for one directory: stop that one, or name another directory with `-d`"),
        LockError::Unusable { .. } => Problem::from_error(Code::FileUnusable, error),
    }
}

fn no_identity(error: &IdentityError) -> Problem {
    Problem::from_error(Code::FileUnusable, error)
}

fn no_store(error: &StoreError) -> Problem {
    Problem::from_error(Code::FileUnusable, error)
}

fn not_joined(dirs: &Dirs) -> Problem {
    Problem::new(Code::ConfigInvalid, format!("{} has not joined a network", dirs.data.display()))
        .hint("`updraft join TICKET` joins one, `updraft init` makes one, `updraft devnet --demo` shows one")
}

fn no_network(error: &StartError) -> Problem {
    match error {
        StartError::PortInUse { .. } => Problem::from_error(Code::AddressInUse, error)
            .hint("stop the other program, or choose another port: p2p.listen, or `--listen`"),
        _ => Problem::from_error(Code::Failed, error),
    }
}
