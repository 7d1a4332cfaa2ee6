//! What a node knows about itself, as one value: API, dashboard and CLI show this and nothing deeper.
//!
//! Nothing here decides anything. Field names follow the trade; the API gives them their JSON form.

use updraft_protocol::{
    ChannelName, ComponentName, Digest, KeyId, NetworkKind, NetworkName, ReleaseKind,
    ReleaseVersion, Severity, Target, Timestamp,
};

use crate::{build::Speaks, problem::Code};

/// A snapshot of the node.
#[derive(Debug, Clone)]
pub struct Status {
    /// Who this node is.
    pub node: NodeStatus,
    /// The trust root in force.
    pub root: RootStatus,
    /// Addresses it listens on, with its peer id.
    pub listening: Vec<String>,
    /// Peers connected now.
    pub peers: PeerCounts,
    /// Channels it follows.
    pub channels: Vec<ChannelStatus>,
    /// Components it installs, by name.
    pub components: Vec<ComponentStatus>,
    /// The network's protocol, and whether this node follows it.
    pub protocol: ProtocolStatus,
    /// Votes that are open.
    pub votes_open: usize,
    /// Keys that are not to be relied on.
    pub alarms: Vec<Alarm>,
    /// Bytes moved since the start.
    pub totals: Totals,
    /// The store.
    pub store: StoreStatus,
    /// When peers were last asked for news.
    pub last_check: Option<Timestamp>,
}

/// The network's protocol, as this node sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtocolStatus {
    /// The one in force.
    pub active: u32,
    /// The oldest that this program speaks.
    pub oldest: u32,
    /// The newest.
    pub newest: u32,
    /// The fork digest, as it stands in topics.
    pub fork: String,
    /// Whether this node stays out because it cannot follow.
    pub left_behind: bool,
    /// What people should know, the worst first.
    pub warnings: Vec<RuleWarning>,
}

/// What people should know about the rules of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleWarning {
    /// Its kind: left behind, or unclear.
    pub code: Code,
    /// In words.
    pub detail: String,
}

/// Who a node is.
#[derive(Debug, Clone)]
pub struct NodeStatus {
    /// Peer id, whole.
    pub id: String,
    /// What its operator calls it.
    pub name: String,
    /// The network.
    pub network: NetworkName,
    /// Whether the network is meant to be relied on.
    pub kind: NetworkKind,
    /// `full`, `seed` or `client`.
    pub role: &'static str,
    /// Version of this program.
    pub version: &'static str,
    /// The protocols it speaks.
    pub speaks: Speaks,
    /// The protocol in force.
    pub protocol: u32,
    /// When it started.
    pub started: Timestamp,
}

/// The trust root in force.
#[derive(Debug, Clone)]
pub struct RootStatus {
    /// Its number.
    pub version: u64,
    /// Digest of root version 1, which people compare.
    pub first: Digest,
    /// When it goes stale.
    pub expires: Timestamp,
}

/// Peers connected now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PeerCounts {
    /// All.
    pub connected: usize,
    /// Those that dialled us.
    pub inbound: usize,
    /// Below this the node is degraded.
    pub needed: usize,
}

/// How far a channel is followed.
#[derive(Debug, Clone)]
pub struct ChannelStatus {
    /// The channel.
    pub name: ChannelName,
    /// Number of the trusted head; 0 before the first.
    pub seq: u64,
    /// When the head itself runs out.
    pub expires: Option<Timestamp>,
    /// Whether the head says something about now.
    pub freshness: Freshness,
    /// Why it cannot be shown that it does.
    pub why: Option<String>,
    /// Why nothing of the channel is installed, if it is frozen.
    pub frozen: Option<String>,
    /// Witnesses who vouch for the head; `None` where the network has none.
    pub witnesses: Option<WitnessCount>,
    /// Pauses in force.
    pub pauses: Vec<Pause>,
}

/// How many witnesses vouch for a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WitnessCount {
    /// Those whose word counts now.
    pub have: usize,
    /// Those needed.
    pub need: usize,
}

/// A pause that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// `component@version`, the release's digest if its name is not known, or `None` for all of the channel.
    pub release: Option<String>,
    /// The brake key.
    pub by: KeyId,
    /// When it ends by itself.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

/// A key that is not to be relied on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// The key.
    pub key: KeyId,
    /// What it did, or says of itself.
    pub reason: String,
}

/// Something that is wrong with what a component runs, or with what it is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concern {
    /// What.
    pub kind: ConcernKind,
    /// The whole sentence.
    pub detail: String,
}

/// What can be wrong with a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConcernKind {
    /// What runs was withdrawn by its publisher.
    Withdrawn,
    /// What runs is older than what its publisher looks after.
    Unsupported,
    /// Independent builders got something else than what is signed.
    BuildsDiffer,
}

impl ConcernKind {
    /// The word used by the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Withdrawn => "withdrawn",
            Self::Unsupported => "unsupported",
            Self::BuildsDiffer => "buildsDiffer",
        }
    }
}

/// Whether what is known of a channel says something about now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It does, until then at least.
    FreshUntil(Timestamp),
    /// It does not since this moment; newer releases may be withheld from this node.
    StaleSince(Timestamp),
    /// No head was ever seen.
    Unknown,
}

/// A component on this node.
#[derive(Debug, Clone)]
pub struct ComponentStatus {
    /// Its name.
    pub name: ComponentName,
    /// The channel it follows.
    pub channel: ChannelName,
    /// The machine it is for.
    pub target: Target,
    /// What runs.
    pub installed: Option<ReleaseVersion>,
    /// The newest release on the channel, if it is newer than what runs.
    pub available: Option<Available>,
    /// What it is doing.
    pub state: ComponentState,
    /// Why it does not go on by itself.
    pub held: Option<Held>,
    /// Versions kept for going back, newest first; the installed one is not among them.
    pub kept: Vec<ReleaseVersion>,
    /// How the last update ended.
    pub last_update: Option<LastUpdate>,
    /// What is wrong with what runs, or with what is offered.
    pub concerns: Vec<Concern>,
    /// What is wrong with its folder: somebody replaced `current`, or it cannot be read.
    pub fault: Option<String>,
}

/// A release that could be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Available {
    /// Its version.
    pub version: ReleaseVersion,
    /// Digest of its manifest.
    pub manifest: Digest,
    /// Why it was made.
    pub kind: ReleaseKind,
    /// How urgent it is.
    pub severity: Severity,
    /// Bytes of the route that needs nothing installed.
    pub whole_bytes: u64,
    /// Bytes of the patch from what is installed, if one is offered.
    pub patch_bytes: Option<u64>,
}

/// What a component is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComponentState {
    /// Nothing is installed and nothing is on offer.
    Absent,
    /// The newest release runs.
    UpToDate,
    /// A newer one will be fetched.
    Available,
    /// Bytes are coming.
    Fetching {
        /// Bytes verified so far.
        done: u64,
        /// Bytes the route needs.
        total: u64,
    },
    /// The new tree is being written and verified.
    Staging,
    /// `current` is being switched.
    Switching,
    /// Something has to happen first; see `held`.
    Held,
    /// The last attempt failed; it will be tried again.
    Failed,
    /// The operator went back and stays there.
    Pinned,
}

impl ComponentState {
    /// Whether something is under way.
    pub const fn is_busy(self) -> bool {
        matches!(self, Self::Fetching { .. } | Self::Staging | Self::Switching)
    }

    /// The word used by API, metrics and CLI.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::UpToDate => "upToDate",
            Self::Available => "available",
            Self::Fetching { .. } => "fetching",
            Self::Staging => "staged",
            Self::Switching => "applying",
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Pinned => "pinned",
        }
    }
}

/// Why a component waits, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// One of the closed list.
    pub reason: HoldReason,
    /// When it ends by itself, if it does.
    pub until: Option<Timestamp>,
    /// The whole sentence.
    pub detail: String,
}

/// Reasons for waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HoldReason {
    /// Settings do not install this kind without asking.
    Policy,
    /// The operator keeps it at a version.
    Pin,
    /// A version between has to be installed first.
    Floor,
    /// It breaks something and needs consent.
    Breaking,
    /// It failed here before.
    Quarantine,
    /// Nobody who holds it can be reached.
    Peers,
    /// There is no room for it.
    Disk,
    /// Its freshness cannot be proved; a person may install it.
    Approval,
    /// It was withdrawn, or its channel or its signers are not to be relied on.
    Revoked,
    /// A brake key asks to wait.
    Paused,
    /// Something that is asked for is missing, such as independent builds.
    Requirement,
}

impl HoldReason {
    /// Every reason, for tables and metrics.
    pub const ALL: [Self; 11] = [
        Self::Policy,
        Self::Pin,
        Self::Floor,
        Self::Breaking,
        Self::Quarantine,
        Self::Peers,
        Self::Disk,
        Self::Approval,
        Self::Revoked,
        Self::Paused,
        Self::Requirement,
    ];

    /// The word used by API, metrics and CLI.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Pin => "pin",
            Self::Floor => "floor",
            Self::Breaking => "breaking",
            Self::Quarantine => "quarantine",
            Self::Peers => "peers",
            Self::Disk => "disk",
            Self::Approval => "approval",
            Self::Revoked => "revoked",
            Self::Paused => "paused",
            Self::Requirement => "requirement",
        }
    }
}

/// How an update ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastUpdate {
    /// When.
    pub at: Timestamp,
    /// What it came from.
    pub from: Option<ReleaseVersion>,
    /// What it went to.
    pub to: ReleaseVersion,
    /// `None` when it went well, else what went wrong.
    pub error: Option<String>,
}

/// Bytes moved since the node started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Chunk bytes received and verified.
    pub received: u64,
    /// Of these, bytes of patches.
    pub received_patches: u64,
    /// Chunk bytes sent.
    pub sent: u64,
    /// Bytes that patches made unnecessary.
    pub saved: u64,
}

/// The store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreStatus {
    /// Bytes of blobs held.
    pub bytes: u64,
    /// Bytes allowed.
    pub limit: u64,
    /// Complete blobs.
    pub blobs: usize,
}
