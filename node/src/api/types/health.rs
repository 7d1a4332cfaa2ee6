//! What is wrong with a node, and whether it can do its work: judged from its status alone.

use serde::{Deserialize, Serialize};
use updraft_protocol::Timestamp;

use crate::{
    agent::{self, ComponentState, Freshness},
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
    if now > status.root.expires {
        findings.push(Finding::new(
            Code::MetadataExpired,
            format!("the trust root expired at {}", status.root.expires),
            "the network's root keys have to sign a new root; check this machine's clock too",
        ));
    }
    for channel in &status.channels {
        if let Freshness::StaleSince(since) = channel.freshness {
            findings.push(Finding::new(
                Code::MetadataExpired,
                format!("nothing proves that `{}` is current since {since}", channel.name),
                "`updraft check` asks peers for news",
            ));
        }
    }
    for component in &status.components {
        if let Some(fault) = &component.fault {
            findings.push(Finding::new(
                Code::FileUnusable,
                format!("{}: {fault}", component.name),
                "nothing is installed over it; what runs is not what this node put there",
            ));
        }
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
