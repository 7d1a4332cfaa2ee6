//! Bodies about installing: what is asked, what it would do, how far it is.

use serde::{Deserialize, Serialize};

use super::time;
use crate::{
    agent::{self, OperationKind, Outcome, Phase},
    problem::Problem,
};

/// Phases of an operation, in their order.
const PHASES: [Phase; 5] =
    [Phase::Planning, Phase::Fetching, Phase::Staging, Phase::Switching, Phase::Committed];

/// Body of `POST /api/v1/components/{name}/install`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InstallBody {
    /// Which version; the newest if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// From which channel; the followed one if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Fetch only.
    #[serde(default)]
    pub download_only: bool,
    /// Consent to breaking changes and to releases that failed here.
    #[serde(default)]
    pub force: bool,
    /// Consent to a lower version.
    #[serde(default)]
    pub allow_downgrade: bool,
    /// The whole artifact, no patches.
    #[serde(default)]
    pub no_delta: bool,
    /// Answer with the plan and do nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// Body of `POST /api/v1/components/{name}/rollback`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RollbackBody {
    /// To which kept version; the one before if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Why, for the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What an installation would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Of what.
    pub component: String,
    /// From which version.
    pub from: Option<String>,
    /// To which.
    pub to: String,
    /// `whole`, or the versions of a chain of patches.
    pub path: Vec<String>,
    /// Bytes to fetch.
    pub fetch_bytes: u64,
    /// Bytes of the whole artifact.
    pub full_bytes: u64,
    /// Bytes of disk the new version takes.
    pub disk_bytes: u64,
    /// What a person should know before.
    #[serde(default)]
    pub warnings: Vec<String>,
}

impl Plan {
    /// The plan for `component`.
    pub fn of(component: &str, plan: &agent::Plan) -> Self {
        Self {
            component: component.to_owned(),
            from: plan.from.as_ref().map(ToString::to_string),
            to: plan.to.to_string(),
            path: plan.route.clone(),
            fetch_bytes: plan.fetch_bytes,
            full_bytes: plan.whole_bytes,
            disk_bytes: plan.disk_bytes,
            warnings: plan.warnings.clone(),
        }
    }
}

/// How many of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// So far.
    pub done: u64,
    /// In the end.
    pub total: u64,
    /// Of what.
    #[serde(default)]
    pub unit: Unit,
}

/// What progress is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    /// Bytes.
    #[default]
    Bytes,
}

impl Progress {
    /// Progress in bytes.
    pub const fn bytes(done: u64, total: u64) -> Self {
        Self { done, total, unit: Unit::Bytes }
    }
}

/// A peer that bytes came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// Its id.
    pub peer: String,
    /// How many.
    pub bytes: u64,
}

/// Long work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// `op-81`.
    pub id: String,
    /// `install` or `rollback`.
    pub kind: String,
    /// Of what.
    pub component: String,
    /// From which version.
    pub from: Option<String>,
    /// To which.
    pub to: String,
    /// `running`, `done` or `failed`.
    pub state: String,
    /// Where it is.
    pub phase: String,
    /// All phases in order.
    pub phases: Vec<String>,
    /// Bytes so far, while fetching.
    pub progress: Option<Progress>,
    /// Peers that bytes came from.
    pub sources: Vec<Source>,
    /// Of their bytes, bytes of patches.
    pub patch_bytes: u64,
    /// When it started.
    pub started_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// Who asked.
    pub by: String,
    /// Why it failed.
    pub problem: Option<Problem>,
}

impl From<&agent::Operation> for Operation {
    fn from(operation: &agent::Operation) -> Self {
        let kind = match operation.kind {
            OperationKind::Install => "install",
            OperationKind::Stage => "stage",
            OperationKind::Rollback => "rollback",
        };
        let (state, problem) = match &operation.outcome {
            Outcome::Running => ("running", None),
            Outcome::Done => ("done", None),
            Outcome::Failed(problem) => ("failed", Some(problem.clone())),
        };
        Self {
            id: operation.id.to_string(),
            kind: kind.to_owned(),
            component: operation.component.to_string(),
            from: operation.from.as_ref().map(ToString::to_string),
            to: operation.to.to_string(),
            state: state.to_owned(),
            phase: operation.phase.as_str().to_owned(),
            phases: PHASES.iter().map(|phase| phase.as_str().to_owned()).collect(),
            progress: operation.progress.map(|(done, total)| Progress::bytes(done, total)),
            sources: operation
                .sources
                .iter()
                .map(|(peer, bytes)| Source { peer: peer.clone(), bytes: *bytes })
                .collect(),
            patch_bytes: operation.patch_bytes,
            started_at: time(operation.started),
            ended_at: operation.ended.map(time),
            by: operation.by.clone(),
            problem,
        }
    }
}

/// Answer to an order that began an operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
    /// The operation's id.
    pub id: String,
    /// Where it can be followed.
    pub location: String,
}
