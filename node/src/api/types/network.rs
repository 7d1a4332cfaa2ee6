//! Bodies about the network: peers, trust, history, versions.

use serde::{Deserialize, Serialize};
use updraft_protocol::{Digest, NetworkKind, RoleName, Root, vote};

use super::time;
use crate::{
    agent::{self, NodeStatus},
    build,
};

/// A peer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Peer {
    /// Its id.
    pub id: String,
    /// Its addresses.
    pub addrs: Vec<String>,
    /// `in` or `out`.
    pub direction: String,
    /// What it says it runs.
    pub agent: Option<String>,
    /// Round trip in milliseconds.
    pub rtt_ms: Option<u64>,
    /// Its gossip score.
    pub score: f64,
    /// How it was found.
    pub found_by: String,
    /// Connected since.
    pub since: String,
    /// Banned until.
    pub banned: Option<String>,
}

impl From<&agent::Peer> for Peer {
    fn from(peer: &agent::Peer) -> Self {
        Self {
            id: peer.id.clone(),
            addrs: peer.addresses.clone(),
            direction: peer.direction.to_owned(),
            agent: peer.agent.clone(),
            rtt_ms: peer.rtt.map(|rtt| u64::try_from(rtt.as_millis()).unwrap_or(u64::MAX)),
            score: peer.score,
            found_by: peer.found_by.to_owned(),
            since: time(peer.since),
            banned: peer.banned.map(time),
        }
    }
}

/// Body of `POST /api/v1/peers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DialBody {
    /// The address to dial, a multiaddr.
    pub addr: String,
}

/// Body of `PUT /api/v1/peers/{id}/ban`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BanBody {
    /// For how many seconds; a day if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

/// Answer to `POST /api/v1/check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// Peers that answered.
    pub asked: usize,
    /// Heads that were new.
    pub new_heads: usize,
}

/// Answer to `GET /api/v1/replicas/{digest}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Replicas {
    /// Digest of the manifest.
    pub manifest: String,
    /// Connected peers that hold the whole artifact.
    pub replicas: usize,
}

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// When.
    pub at: String,
    /// Of what.
    pub component: String,
    /// `install`, `rollback` or `publish`.
    pub what: String,
    /// From which version.
    pub from: Option<String>,
    /// To which.
    pub to: String,
    /// `ok` or `failed`.
    pub result: String,
    /// What went wrong.
    pub error: Option<String>,
    /// Who asked.
    pub by: String,
    /// More, for people.
    pub detail: String,
}

impl From<&agent::HistoryLine> for HistoryEntry {
    fn from(line: &agent::HistoryLine) -> Self {
        Self {
            at: time(line.at),
            component: line.component.to_string(),
            what: line.what.clone(),
            from: line.from.as_ref().map(ToString::to_string),
            to: line.to.to_string(),
            result: if line.error.is_none() { "ok" } else { "failed" }.to_owned(),
            error: line.error.clone(),
            by: line.by.clone(),
            detail: line.detail.clone(),
        }
    }
}

/// `GET /api/v1/trust`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trust {
    /// The network's name.
    pub network: String,
    /// The network's id.
    pub network_id: String,
    /// `production` or `development`.
    pub kind: String,
    /// Number of the root in force.
    pub root_version: u64,
    /// Digest of the root in force.
    pub root: String,
    /// Digest of root 1, which people compare.
    pub first_root: String,
    /// When the root in force was made.
    pub issued_at: String,
    /// When the root goes stale.
    pub expires_at: String,
    /// Who may sign what.
    pub roles: Vec<Role>,
    /// Who votes on upgrades of the protocol.
    pub electors: Vec<Elector>,
    /// Digests of former electorates' proposals that go on counting.
    #[serde(default)]
    pub counts: Vec<String>,
    /// Where channels begin that do not begin at number 1.
    pub bases: Vec<Base>,
    /// Keys that count nowhere any more.
    pub revoked: Vec<Revoked>,
}

/// A key that votes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Elector {
    /// Id of the key.
    pub key: String,
    /// What its vote weighs.
    pub weight: u32,
    /// Who runs it.
    pub operator: String,
    /// What all electors of this operator count together, capped, in thousandths of all weight.
    #[serde(default)]
    pub operator_permille: u64,
}

/// Where the heads of a channel begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Base {
    /// The channel.
    pub channel: String,
    /// Number of the head; 0 if the channel begins anew.
    pub seq: u64,
    /// Digest of the head.
    pub head: Option<String>,
}

/// A key that was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revoked {
    /// Id of the key.
    pub key: String,
    /// Why.
    pub reason: String,
    /// Since when it is not to be relied on.
    pub since: String,
}

/// Answer to `POST /api/v1/trust/root`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RootTaken {
    /// Number of the root in force.
    pub version: u64,
    /// Its digest.
    pub root: String,
}

/// Keys that may sign for something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Role {
    /// `root`, `release`, `witness`, `brake` or `builder`.
    pub role: String,
    /// The channel of a release role.
    pub channel: Option<String>,
    /// Signatures needed.
    pub threshold: usize,
    /// Ids of the keys.
    pub keys: Vec<String>,
}

impl Trust {
    /// What `root` says, whose digest is `digest`, on a network whose first root has the digest `first`.
    pub fn of(root: &Root, digest: &Digest, first: &Digest) -> Self {
        let roles = root.roles().map(|(name, role)| {
            let (word, channel) = match name {
                RoleName::Release(channel) => ("release".to_owned(), Some(channel.to_string())),
                alone => (alone.to_string(), None),
            };
            Role {
                role: word,
                channel,
                threshold: role.threshold(),
                keys: role.keys().iter().map(|key| key.id().to_hex()).collect(),
            }
        });
        Self {
            network: root.name.to_string(),
            network_id: Digest::from_bytes(*root.network.as_bytes()).to_hex(),
            kind: network_kind(root.kind).to_owned(),
            root_version: root.version,
            root: digest.to_string(),
            first_root: first.to_string(),
            issued_at: time(root.issued),
            expires_at: time(root.expires),
            roles: roles.collect(),
            electors: electors(root),
            counts: root.counts.iter().map(ToString::to_string).collect(),
            bases: root
                .channel_base
                .iter()
                .map(|base| Base {
                    channel: base.channel.to_string(),
                    seq: base.seq,
                    head: base.head.map(|head| head.to_string()),
                })
                .collect(),
            revoked: root
                .revoked
                .iter()
                .map(|revoked| Revoked {
                    key: revoked.key.to_hex(),
                    reason: revoked.reason.clone(),
                    since: time(revoked.since),
                })
                .collect(),
        }
    }
}

fn electors(root: &Root) -> Vec<Elector> {
    let Some(electorate) = &root.electorate else { return Vec::new() };
    let weights = vote::Weights::of(electorate, &vote::Rules::of(root.kind));
    let total = weights.total().max(1);
    let shown = electorate.electors.iter().map(|elector| {
        let of_the_same = electorate.electors.iter().filter(|e| e.operator == elector.operator);
        let keys: Vec<_> = of_the_same.map(|elector| elector.key.id()).collect();
        Elector {
            key: elector.key.id().to_hex(),
            weight: elector.weight,
            operator: elector.operator.to_string(),
            operator_permille: u64::try_from(weights.together(&keys) * 1_000 / total)
                .unwrap_or(1_000),
        }
    });
    shown.collect()
}

/// The word for a network's kind.
pub(crate) fn network_kind(kind: NetworkKind) -> &'static str {
    match kind {
        NetworkKind::Production => "production",
        NetworkKind::Development => "development",
    }
}

/// `GET /api/v1/version`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionInfo {
    /// Version of the program.
    pub version: String,
    /// The commit of a release build.
    pub commit: String,
    /// The machine it was built for.
    pub target: String,
    /// Protocol versions.
    pub protocol: ProtocolRange,
}

/// Protocol versions that a node can speak, and the one in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProtocolRange {
    /// Lowest.
    pub min: u32,
    /// Highest.
    pub max: u32,
    /// In force.
    pub active: u32,
}

impl VersionInfo {
    /// The program that a node is.
    pub fn of(node: &NodeStatus) -> Self {
        Self {
            version: node.version.to_owned(),
            commit: build::COMMIT.to_owned(),
            target: build::TARGET.to_owned(),
            protocol: ProtocolRange {
                min: node.speaks.oldest,
                max: node.speaks.newest,
                active: node.protocol,
            },
        }
    }
}
