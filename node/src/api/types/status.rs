//! The status of a node, and the findings that follow from it.

use serde::{Deserialize, Serialize};
use updraft_protocol::{ReleaseKind, Severity, Timestamp};

use super::{
    health::{Finding, findings},
    install::Progress,
    network_kind, time,
};
use crate::agent::{self, ComponentState, Freshness};

/// `GET /api/v1/status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// `updraft.status/1`.
    pub schema: String,
    /// Who the node is.
    pub node: Node,
    /// `ok`, or `degraded` when there are problems.
    pub health: String,
    /// What a person should know or do.
    pub problems: Vec<Finding>,
    /// Connections.
    pub peers: Peers,
    /// Addresses peers can dial, with the node's id.
    pub listening: Vec<String>,
    /// The trust root in force.
    pub root: Root,
    /// Channels followed.
    pub channels: Vec<Channel>,
    /// Bytes moved since the start.
    pub totals: Totals,
    /// The store.
    pub store: Store,
    /// Components on this node, by name.
    pub components: Vec<Component>,
    /// The network's protocol, and whether this node follows it.
    #[serde(default)]
    pub protocol: Protocol,
    /// Votes that are open.
    #[serde(default)]
    pub votes_open: usize,
    /// Keys that are not to be relied on.
    #[serde(default)]
    pub alarms: Vec<Alarm>,
    /// When peers were last asked for news.
    pub last_check_at: Option<String>,
}

/// Who a node is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// Its peer id.
    pub id: String,
    /// What its operator calls it.
    pub name: String,
    /// The network's name.
    pub network: String,
    /// `production` or `development`.
    pub network_kind: String,
    /// `full`, `seed` or `client`.
    pub role: String,
    /// Version of the program.
    pub version: String,
    /// The protocol in force.
    pub protocol: u32,
    /// When it started.
    pub started_at: String,
}

/// The network's protocol, as a node sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Protocol {
    /// The one in force.
    pub active: u32,
    /// The oldest that the program speaks.
    pub oldest: u32,
    /// The newest.
    pub newest: u32,
    /// The fork digest, as it stands in the names of topics.
    pub fork: String,
    /// Whether the node stays out because it cannot follow.
    pub left_behind: bool,
    /// What people should know; the same are among the problems.
    pub warnings: Vec<String>,
}

/// Connections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Peers {
    /// All.
    pub connected: usize,
    /// Below this the node is degraded.
    pub needed: usize,
    /// Those that dialled this node.
    pub inbound: usize,
}

/// The trust root in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Root {
    /// Its number.
    pub version: u64,
    /// Digest of root 1, which people compare.
    pub first: String,
    /// When it goes stale.
    pub expires_at: String,
}

/// How far a channel is followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Channel {
    /// Its name.
    pub name: String,
    /// Number of the trusted head; 0 before the first.
    pub seq: u64,
    /// `fresh`, `stale`, `frozen` or `unknown`.
    pub freshness: String,
    /// Until when it is proved that the head is the newest, unless that is renewed.
    #[serde(default)]
    pub fresh_until: Option<String>,
    /// Since when it cannot be proved.
    #[serde(default)]
    pub stale_since: Option<String>,
    /// Why it is not fresh.
    #[serde(default)]
    pub why: Option<String>,
    /// Witnesses who vouch for the head, where the network has some.
    #[serde(default)]
    pub witnesses: Option<WitnessCount>,
    /// Pauses in force.
    #[serde(default)]
    pub pauses: Vec<Pause>,
    /// When the head itself runs out.
    pub expires_at: Option<String>,
}

/// How many witnesses vouch for a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WitnessCount {
    /// Those whose word counts now.
    pub have: usize,
    /// Those needed.
    pub need: usize,
}

/// A pause in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    /// `component@version`, or the digest of its manifest; `null` for all of the channel.
    pub release: Option<String>,
    /// The id of the brake key.
    pub by: String,
    /// When it ends by itself.
    pub until: String,
    /// Why.
    pub reason: String,
}

/// A key that is not to be relied on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alarm {
    /// Its id.
    pub key_id: String,
    /// What it did, or says of itself.
    pub reason: String,
}

/// Something that is wrong with what a component runs or is offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Concern {
    /// `withdrawn`, `unsupported` or `buildsDiffer`.
    pub kind: String,
    /// The whole sentence.
    pub detail: String,
}

/// Bytes moved since the start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Received and verified.
    pub received: u64,
    /// Of these, bytes of patches.
    pub received_patches: u64,
    /// Sent.
    pub sent: u64,
    /// Not needed, thanks to patches.
    pub saved_by_delta: u64,
}

/// The store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Store {
    /// Bytes of blobs held.
    pub bytes: u64,
    /// Bytes allowed.
    pub limit_bytes: u64,
    /// Complete blobs.
    pub blobs: usize,
}

/// A component on this node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    /// Its name.
    pub name: String,
    /// The machine it is for.
    pub target: String,
    /// What runs.
    pub installed: Option<String>,
    /// The channel it follows.
    pub channel: String,
    /// A newer release.
    pub available: Option<String>,
    /// Why the newer release was made.
    pub kind: Option<String>,
    /// How urgent it is.
    pub severity: Option<String>,
    /// `absent upToDate available fetching staged applying held failed pinned`.
    pub state: String,
    /// Bytes so far, while fetching.
    pub progress: Option<Progress>,
    /// Why it waits.
    pub held_by: Option<HeldBy>,
    /// Versions kept for going back, newest first.
    pub kept: Vec<String>,
    /// What the newer release would cost.
    pub plan: Option<PlanSizes>,
    /// How the last update ended.
    pub last_update: Option<LastUpdate>,
    /// What is wrong with what runs or is offered.
    #[serde(default)]
    pub concerns: Vec<Concern>,
}

/// Why a component waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldBy {
    /// A word of the closed list.
    pub reason: String,
    /// When it ends by itself.
    pub until: Option<String>,
    /// The whole sentence.
    pub detail: String,
}

/// Bytes of an update.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanSizes {
    /// To fetch.
    pub fetch_bytes: u64,
    /// Of the whole artifact.
    pub full_bytes: u64,
    /// Versions on the way.
    pub path: Vec<String>,
}

/// How an update ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastUpdate {
    /// When.
    pub at: String,
    /// From which version.
    pub from: Option<String>,
    /// To which.
    pub to: String,
    /// `ok` or `failed`.
    pub result: String,
    /// What went wrong.
    pub error: Option<String>,
}

/// The word for why a release was made.
pub(super) fn kind_word(kind: ReleaseKind) -> String {
    match kind {
        ReleaseKind::Security => "security",
        ReleaseKind::Feature => "feature",
        ReleaseKind::Bugfix => "bugfix",
        ReleaseKind::Performance => "performance",
        ReleaseKind::Protocol => "protocol",
        ReleaseKind::Dependency => "dependency",
    }
    .to_owned()
}

/// The word for how urgent a release is.
pub(super) fn severity_word(severity: Severity) -> String {
    match severity {
        Severity::Low => "low",
        Severity::Normal => "normal",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
    .to_owned()
}

impl From<&agent::ComponentStatus> for Component {
    fn from(component: &agent::ComponentStatus) -> Self {
        let available = component.available.as_ref();
        let installed = component.installed.as_ref().map(ToString::to_string);
        let progress = match component.state {
            ComponentState::Fetching { done, total } => Some(Progress::bytes(done, total)),
            _ => None,
        };
        Self {
            name: component.name.to_string(),
            target: component.target.to_string(),
            channel: component.channel.to_string(),
            available: available.map(|offer| offer.version.to_string()),
            kind: available.map(|offer| kind_word(offer.kind)),
            severity: available.map(|offer| severity_word(offer.severity)),
            state: component.state.as_str().to_owned(),
            progress,
            held_by: component.held.as_ref().map(|held| HeldBy {
                reason: held.reason.as_str().to_owned(),
                until: held.until.map(time),
                detail: held.detail.clone(),
            }),
            kept: component.kept.iter().map(ToString::to_string).collect(),
            plan: available.map(|offer| PlanSizes {
                fetch_bytes: offer.patch_bytes.unwrap_or(offer.whole_bytes),
                full_bytes: offer.whole_bytes,
                path: installed.iter().cloned().chain([offer.version.to_string()]).collect(),
            }),
            last_update: component.last_update.as_ref().map(|last| LastUpdate {
                at: time(last.at),
                from: last.from.as_ref().map(ToString::to_string),
                to: last.to.to_string(),
                result: if last.error.is_none() { "ok" } else { "failed" }.to_owned(),
                error: last.error.clone(),
            }),
            concerns: component
                .concerns
                .iter()
                .map(|concern| Concern {
                    kind: concern.kind.as_str().to_owned(),
                    detail: concern.detail.clone(),
                })
                .collect(),
            installed,
        }
    }
}

impl Status {
    /// The status as the API tells it at `now`.
    pub fn at(status: &agent::Status, now: Timestamp) -> Self {
        let problems = findings(status, now);
        let peers = status.peers;
        Self {
            schema: "updraft.status/1".to_owned(),
            node: Node::of(&status.node),
            health: if problems.is_empty() { "ok" } else { "degraded" }.to_owned(),
            problems,
            peers: Peers {
                connected: peers.connected,
                needed: peers.needed,
                inbound: peers.inbound,
            },
            listening: status.listening.clone(),
            root: Root {
                version: status.root.version,
                first: status.root.first.to_string(),
                expires_at: time(status.root.expires),
            },
            channels: status.channels.iter().map(Channel::from).collect(),
            totals: Totals {
                received: status.totals.received,
                received_patches: status.totals.received_patches,
                sent: status.totals.sent,
                saved_by_delta: status.totals.saved,
            },
            store: Store {
                bytes: status.store.bytes,
                limit_bytes: status.store.limit,
                blobs: status.store.blobs,
            },
            components: status.components.iter().map(Component::from).collect(),
            protocol: Protocol::from(&status.protocol),
            votes_open: status.votes_open,
            alarms: status
                .alarms
                .iter()
                .map(|alarm| Alarm { key_id: alarm.key.to_hex(), reason: alarm.reason.clone() })
                .collect(),
            last_check_at: status.last_check.map(time),
        }
    }
}

impl Node {
    fn of(node: &agent::NodeStatus) -> Self {
        Self {
            id: node.id.clone(),
            name: node.name.clone(),
            network: node.network.to_string(),
            network_kind: network_kind(node.kind).to_owned(),
            role: node.role.to_owned(),
            version: node.version.to_owned(),
            protocol: node.protocol,
            started_at: time(node.started),
        }
    }
}

impl From<&agent::ProtocolStatus> for Protocol {
    fn from(protocol: &agent::ProtocolStatus) -> Self {
        Self {
            active: protocol.active,
            oldest: protocol.oldest,
            newest: protocol.newest,
            fork: protocol.fork.clone(),
            left_behind: protocol.left_behind,
            warnings: protocol.warnings.iter().map(|warning| warning.detail.clone()).collect(),
        }
    }
}

impl From<&agent::ChannelStatus> for Channel {
    fn from(channel: &agent::ChannelStatus) -> Self {
        let (word, until, since) = match channel.freshness {
            Freshness::FreshUntil(until) => ("fresh", Some(until), None),
            Freshness::StaleSince(since) => ("stale", None, Some(since)),
            Freshness::Unknown => ("unknown", None, None),
        };
        Self {
            name: channel.name.to_string(),
            seq: channel.seq,
            freshness: if channel.frozen.is_some() { "frozen" } else { word }.to_owned(),
            fresh_until: until.map(time),
            stale_since: since.map(time),
            why: channel.frozen.clone().or_else(|| channel.why.clone()),
            witnesses: channel
                .witnesses
                .map(|count| WitnessCount { have: count.have, need: count.need }),
            pauses: channel
                .pauses
                .iter()
                .map(|pause| Pause {
                    release: pause.release.clone(),
                    by: pause.by.to_hex(),
                    until: time(pause.until),
                    reason: pause.reason.clone(),
                })
                .collect(),
            expires_at: channel.expires.map(time),
        }
    }
}
