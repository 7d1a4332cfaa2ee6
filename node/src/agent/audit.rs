//! Who changed what: one JSON line for each order that changes something, whether it was followed or refused.
//!
//! The file is only ever appended to. A line that cannot be written is shown in the log and stops nothing: an
//! update must not fail because a disk for notes is full.

use std::{fs::OpenOptions, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::PathBuf};

use serde_json::{Value, json};
use updraft_protocol::Timestamp;

use super::order::Order;

/// Where the lines go.
#[derive(Debug, Clone)]
pub(super) struct Audit(PathBuf);

impl Audit {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Appends what an order asks for, if it changes anything. Waits until the line is written.
    pub(super) async fn note(&self, order: &Order, at: Timestamp) {
        let Some(mut line) = line_of(order) else { return };
        line["time"] = at.to_string().into();
        let path = self.0.clone();
        let written = tokio::task::spawn_blocking(move || append(&path, &line)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(path = %self.0.display(), %error, "the audit log cannot be written");
        }
    }
}

fn append(path: &PathBuf, line: &Value) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    file.write_all(format!("{line}\n").as_bytes())
}

fn line_of(order: &Order) -> Option<Value> {
    Some(match order {
        Order::Install { order, .. } => json!({
            "order": "install", "component": order.component.as_str(),
            "version": order.version.as_ref().map(ToString::to_string),
            "downgrade": order.consent.downgrade, "force": order.consent.force, "by": order.by,
        }),
        Order::Rollback { order, .. } => json!({
            "order": "rollback", "component": order.component.as_str(),
            "version": order.to.as_ref().map(ToString::to_string), "reason": order.reason, "by": order.by,
        }),
        Order::OfferRoot { root, by, .. } => {
            json!({ "order": "root", "root": root.digest().to_string(), "by": by })
        }
        Order::Import { by, .. } => json!({ "order": "publish", "by": by }),
        Order::Say { statement, by, .. } => json!({
            "order": "say", "kind": statement.kind(), "statement": statement.id().to_string(), "by": by,
        }),
        Order::Vote { proposal, stance, reason, by, .. } => json!({
            "order": "vote", "proposal": proposal.to_string(), "stance": stance.word(), "reason": reason, "by": by,
        }),
        Order::Dial { address, .. } => json!({ "order": "dial", "address": address }),
        Order::Ban { peer, time, .. } => {
            json!({ "order": "ban", "peer": peer, "seconds": time.as_secs() })
        }
        Order::Unban { peer, .. } => json!({ "order": "unban", "peer": peer }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn orders_that_change_something_leave_a_line_and_questions_do_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.jsonl");
        let audit = Audit::new(path.clone());
        let (reply, _answer) = tokio::sync::oneshot::channel();
        audit
            .note(&Order::Unban { peer: "p\n1".to_owned(), reply }, Timestamp::from_seconds(0))
            .await;
        let (reply, _answer) = tokio::sync::oneshot::channel();
        audit.note(&Order::Peers { reply }, Timestamp::from_seconds(0)).await;
        let text = std::fs::read_to_string(path).expect("written");
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines.len(), 1);
        assert_eq!(
            (lines[0]["order"].as_str(), lines[0]["peer"].as_str()),
            (Some("unban"), Some("p\n1"))
        );
    }
}
