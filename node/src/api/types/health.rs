//! What is wrong with a node, and whether it can do its work: judged from its status alone.

use serde::{Deserialize, Serialize};
use updraft_protocol::Timestamp;

use crate::{
    agent::{self, ComponentState, ConcernKind, Freshness},
    problem::Code,
};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The code of the table, for example `UD0701`.
    pub code: String,
    /// What.
    pub detail: String,
    /// What to do.
    pub hint: Option<String>,
}

/// `GET /readyz`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    /// Whether every check passed.
    pub ready: bool,
    /// The checks.
    pub checks: Vec<ReadinessCheck>,
}

/// One condition of being ready.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadinessCheck {
    /// `store`, `trust`, `freshness` or `listening`.
    pub name: String,
    /// Whether it holds.
    pub ok: bool,
    /// What was found.
    pub detail: String,
}

impl Finding {
    fn new(code: Code, detail: String, hint: &str) -> Self {
        Self { code: code.id().to_owned(), detail, hint: Some(hint.to_owned()) }
    }
}

/// What is wrong with a node at `now`, the gravest first.
pub(super) fn findings(status: &agent::Status, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    let root_has_expired = now > status.root.expires;
    if root_has_expired {
        findings.push(Finding::new(
            Code::MetadataExpired,
            format!("the trust root expired at {}", status.root.expires),
            "the network's root keys have to sign a new root; check this machine's clock too",
        ));
    }
    findings.extend(rules(&status.protocol));
    findings.extend(status.alarms.iter().map(alarm));
    for channel in &status.channels {
        findings.extend(frozen(channel));
        // An expired root makes every channel stale: it is said once.
        findings.extend(stale(channel).filter(|_| !root_has_expired));
        findings.extend(paused(channel));
    }
    for component in &status.components {
        if let Some(fault) = &component.fault {
            findings.push(Finding::new(
                Code::FileUnusable,
                format!("{}: {fault}", component.name),
                "nothing is installed over it; what runs is not what this node put there",
            ));
        }
        findings.extend(component.concerns.iter().map(concern));
        let error = component.last_update.as_ref().and_then(|last| last.error.as_ref());
        if let Some(error) = error.filter(|_| !component.state.is_busy()) {
            let hint = match component.state {
                ComponentState::Failed => "it is tried again; `updraft history` tells more",
                _ => "`updraft install` tries it again; `updraft history` tells more",
            };
            let detail = format!("the last update of {} failed: {error}", component.name);
            findings.push(Finding::new(Code::Failed, detail, hint));
        }
    }
    if status.peers.connected < status.peers.needed {
        let detail = format!(
            "{} peers are connected, {} are needed",
            status.peers.connected, status.peers.needed
        );
        findings.push(Finding::new(
            Code::NoPeers,
            detail,
            "`updraft peers add` dials an address; check `p2p.bootstrap`",
        ));
    }
    findings
}

/// Warnings about the rules in force; the first of a node that stays out says why it does.
fn rules(protocol: &agent::ProtocolStatus) -> impl Iterator<Item = Finding> {
    protocol.warnings.iter().enumerate().map(|(n, warning)| {
        let hint = match (warning.code, protocol.left_behind && n == 0) {
            (_, true) => {
                "what runs keeps running; a program that speaks it brings this node back, `updraft check` asks for one"
            }
            (Code::LeftBehind, false) => {
                "what runs keeps running; `updraft check` asks for the release, `updraft status` says what holds it"
            }
            _ => "`updraft votes --all` shows every vote that is known here",
        };
        Finding::new(warning.code, warning.detail.clone(), hint)
    })
}

fn alarm(alarm: &agent::Alarm) -> Finding {
    Finding::new(
        Code::KeyAlarm,
        format!("key {} is not to be relied on: {}", alarm.key, alarm.reason),
        "the network's root keys have to sign a root without it",
    )
}

fn frozen(channel: &agent::ChannelStatus) -> Option<Finding> {
    let why = channel.frozen.as_ref()?;
    Some(Finding::new(
        Code::ChannelFrozen,
        format!("`{}` is frozen: {why}", channel.name),
        "nothing of it is installed; what runs keeps running",
    ))
}

fn stale(channel: &agent::ChannelStatus) -> Option<Finding> {
    let Freshness::StaleSince(since) = channel.freshness else { return None };
    let why = channel.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    Some(Finding::new(
        Code::MetadataExpired,
        format!("cannot prove freshness of `{}` since {since}{why}", channel.name),
        "newer releases may be withheld from this node; `updraft check` asks peers for news",
    ))
}

fn paused(channel: &agent::ChannelStatus) -> impl Iterator<Item = Finding> {
    channel.pauses.iter().map(|pause| {
        let name = &channel.name;
        let what = match &pause.release {
            Some(release) => format!("{release} on `{name}`"),
            None => format!("everything on `{name}`"),
        };
        let (until, by, reason) = (pause.until, pause.by, &pause.reason);
        Finding::new(
            Code::Paused,
            format!("{what} is paused until {until} by key {by}: {reason}"),
            "it ends by itself, or when the channel's release keys lift it",
        )
    })
}

fn concern(concern: &agent::Concern) -> Finding {
    let (code, hint) = match concern.kind {
        ConcernKind::Withdrawn => (Code::ReleaseRevoked, "go back, or take the newest release"),
        ConcernKind::Unsupported => (Code::Unsupported, "`updraft check` looks for a newer one"),
        ConcernKind::BuildsDiffer => {
            (Code::BuildsDiffer, "ask the publisher and the builders which of them is right")
        }
    };
    Finding::new(code, concern.detail.clone(), hint)
}

impl Readiness {
    /// Whether a node that has this status can do its work at `now`; `store` says what is wrong with it.
    pub fn of(status: &agent::Status, store: Result<(), String>, now: Timestamp) -> Self {
        let root = &status.root;
        let check =
            |name: &str, ok, detail: String| ReadinessCheck { name: name.to_owned(), ok, detail };
        let checks = vec![
            check(
                "store",
                store.is_ok(),
                store.err().unwrap_or_else(|| format!("{} blobs", status.store.blobs)),
            ),
            check("trust", root.version > 0, format!("root {}", root.version)),
            check("freshness", now <= root.expires, format!("root expires {}", root.expires)),
            check(
                "listening",
                !status.listening.is_empty(),
                format!("{} addresses", status.listening.len()),
            ),
        ];
        Self { ready: checks.iter().all(|check| check.ok), checks }
    }
}
