//! Bodies about statements.

use serde::{Deserialize, Serialize};

use super::time;
use crate::agent;

/// Answer to `POST /api/v1/statements`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// Its name.
    pub id: String,
    /// `heartbeat`, `brake`, `lift`, `revocation`, `attestation` or `equivocation`.
    pub kind: String,
    /// What it says.
    pub words: String,
    /// Whether this node had not heard it before.
    pub news: bool,
    /// Peers that were there when it was told.
    pub reached: usize,
}

impl From<&agent::Said> for Said {
    fn from(said: &agent::Said) -> Self {
        Self {
            id: said.id.to_string(),
            kind: said.kind.to_owned(),
            words: said.words.clone(),
            news: said.news,
            reached: said.reached,
        }
    }
}

/// An item of `GET /api/v1/statements`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatementLine {
    /// Its name; `/api/v1/statements/{id}` has its bytes.
    pub id: String,
    /// What it is.
    pub kind: String,
    /// What it says.
    pub words: String,
    /// When it ends by itself.
    pub expires_at: Option<String>,
}

impl From<&agent::StatementLine> for StatementLine {
    fn from(line: &agent::StatementLine) -> Self {
        Self {
            id: line.id.to_string(),
            kind: line.kind.to_owned(),
            words: line.words.clone(),
            expires_at: line.expires.map(time),
        }
    }
}
