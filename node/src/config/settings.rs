//! The settings in force: every value checked, every path resolved, every unit gone.
//!
//! Only `check.rs` makes these, so whoever holds one need not check again.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    num::{NonZeroU16, NonZeroU32},
    path::PathBuf,
    time::Duration,
};

use updraft_protocol::{ChannelName, ComponentName, NetworkName, Target};

use super::quantity::Rate;

/// Everything the operator can decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Who this node is.
    pub node: Node,
    /// Whom it talks to.
    pub p2p: P2p,
    /// How much it moves, and how fast.
    pub transfer: Transfer,
    /// What it keeps.
    pub store: Store,
    /// What it believes.
    pub trust: Trust,
    /// How it takes part in votes, and follows them.
    pub governance: Governance,
    /// What it installs without being asked.
    pub auto_update: AutoUpdate,
    /// Components that have a table of their own.
    pub components: BTreeMap<ComponentName, Component>,
    /// What every other component gets; its `root` is the folder that holds one folder for each component.
    pub(super) standard: Component,
    /// Where people and programs talk to it.
    pub http: Http,
    /// What it counts.
    pub metrics: Metrics,
    /// What it writes down.
    pub log: Log,
}

impl Settings {
    /// What holds for a component, whether it has a table or not.
    pub fn component(&self, name: &ComponentName) -> Component {
        self.components.get(name).cloned().unwrap_or_else(|| Component {
            root: self.standard.root.join(name.as_str()),
            ..self.standard.clone()
        })
    }
}

/// `[node]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Shown to peers; 1 to 64 characters, none of them a control character.
    pub name: String,
    /// Which joined network to run; `None` is the only one joined.
    pub network: Option<NetworkName>,
    /// What the node does for others and for itself.
    pub role: Role,
}

/// What a node does for others and for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Stores, serves and installs.
    Full,
    /// Stores and serves, installs nothing.
    Seed,
    /// Installs, serves nothing.
    Client,
}

/// `[p2p]`. Addresses and peer ids are text in the right form; only the network room understands them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct P2p {
    /// Multiaddresses to listen on.
    pub listen: Vec<String>,
    /// Multiaddresses to announce.
    pub external: Vec<String>,
    /// Multiaddresses of peers to meet first, each with its `/p2p/` part.
    pub bootstrap: Vec<String>,
    /// Whether to look for peers on the local network.
    pub mdns: bool,
    /// The part taken in the DHT.
    pub dht: DhtMode,
    /// With fewer peers the node counts as degraded.
    pub peers_min: NonZeroU32,
    /// Most peers connected at once; not below `peers_min`.
    pub peers_max: NonZeroU32,
    /// If not empty, nobody else is talked to.
    pub allow_peers: Vec<String>,
    /// Never talked to.
    pub deny_peers: Vec<String>,
    /// A connection without use is closed after this.
    pub idle_timeout: Duration,
}

/// The part a node takes in the DHT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DhtMode {
    /// Server as soon as others can reach it.
    Auto,
    /// Asks only.
    Client,
    /// Answers always.
    Server,
}

/// `[transfer]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// What may come in.
    pub download_limit: Rate,
    /// Whether chunks are served to others.
    pub upload: bool,
    /// What may go out.
    pub upload_limit: Rate,
    /// Chunks asked for at once.
    pub parallel_chunks: NonZeroU16,
    /// Peers asked at once for one release.
    pub peers_per_release: NonZeroU16,
    /// A peer that needs longer for one chunk loses it.
    pub chunk_timeout: Duration,
}

/// `[store]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Most bytes kept.
    pub max_size: u64,
    /// Downloads stop when fewer bytes are free on the disk.
    pub min_free_disk: u64,
    /// Versions kept of each component, besides the installed one.
    pub keep_versions: NonZeroU16,
    /// What is read again when the node starts.
    pub verify_on_start: VerifyOnStart,
}

/// What of the store is read and compared with its digests when the node starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyOnStart {
    /// Nothing; each chunk is still checked when it is used.
    None,
    /// Some of it.
    Sample,
    /// All of it.
    Full,
}

/// `[trust]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// How far in the future a signed time may lie.
    pub max_clock_skew: Duration,
    /// The key with which this node is a witness: `NAME` or `file:PATH`, as key commands take it.
    pub witness_key: Option<String>,
    /// How long a heartbeat of this witness counts.
    pub heartbeat_lifetime: Duration,
    /// Independent builders who have to have got the same from a release's sources.
    pub require_builders: u32,
}

/// `[governance]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Governance {
    /// Whether this node votes.
    pub voter: bool,
    /// The key with which it does, as key commands take it.
    pub voter_key: Option<String>,
    /// Whether it switches protocol when a vote puts another one in force.
    pub auto_activate: bool,
    /// Whether it says so when it is ready for one.
    pub signal_ready: bool,
    /// Where heights come from.
    pub height: Option<HeightSource>,
    /// How often they are asked for.
    pub height_interval: Duration,
}

/// Where heights come from, for votes that come into force at one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeightSource {
    /// A program that prints a number, and its arguments.
    Command(Vec<String>),
    /// An address that answers with a number; `http` only.
    Url(String),
}

/// `[auto_update]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutoUpdate {
    /// Whether anything is installed without being asked for.
    pub enabled: bool,
    /// How often peers are asked for what is new.
    pub check_interval: Duration,
    /// Whether releases that mend security problems are installed.
    pub security_updates: bool,
    /// Whether releases with new features are installed.
    pub feature_updates: bool,
    /// Whether releases that mend bugs are installed.
    pub bugfix_updates: bool,
    /// Whether releases marked as breaking are installed.
    pub breaking_changes: bool,
}

/// `[components.<name>]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// The channel it follows.
    pub channel: ChannelName,
    /// Whether it is updated without being asked for.
    pub auto_update: bool,
    /// The kind of machine its artifacts are for.
    pub target: Target,
    /// The folder that holds its versions.
    pub root: PathBuf,
    /// The program inside a release that tries it, and its arguments; empty for the usual one.
    pub selftest: Vec<String>,
}

/// `[http]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// The address of the HTTP listener, if there is one.
    pub listen: Option<SocketAddr>,
    /// The path of the Unix socket, if there is one; short enough for the system.
    pub socket: Option<PathBuf>,
    /// Permission bits of the socket.
    pub socket_mode: u32,
    /// Host names answered besides loopback and the listen address; lower case.
    pub allowed_hosts: Vec<String>,
    /// The file that holds the API token.
    pub token_file: PathBuf,
    /// Most bytes of a request's body.
    pub max_body: usize,
}

/// `[metrics]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    /// Whether `/metrics` is answered.
    pub enabled: bool,
    /// Whether `/metrics` asks for the token.
    pub require_token: bool,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// A filter tracing-subscriber understands.
    pub level: String,
    /// How a line looks.
    pub format: LogFormat,
    /// Where lines go; `None` is standard error.
    pub file: Option<PathBuf>,
    /// Where changes asked for by people are written.
    pub audit_file: PathBuf,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty on a terminal, plain elsewhere.
    Auto,
    /// For eyes: colours where they are wanted.
    Pretty,
    /// One line without colours.
    Plain,
    /// One JSON object for each line.
    Json,
}
