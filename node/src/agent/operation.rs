//! Long work that a person asked for: its id, how far it is, how it ended.
//!
//! The table is bounded; the oldest finished operations are forgotten first, running ones never.

use std::collections::BTreeMap;

use updraft_protocol::{ComponentName, ReleaseVersion, Timestamp};

use crate::problem::Problem;

/// Finished operations remembered.
const MAX_FINISHED: usize = 256;

/// Names an operation: `op-81`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OperationId(pub u64);

impl std::fmt::Display for OperationId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "op-{}", self.0)
    }
}

impl std::str::FromStr for OperationId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.strip_prefix("op-").unwrap_or(text).parse().map(Self)
    }
}

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKind {
    /// Install or update.
    Install,
    /// Make ready for a later day.
    Stage,
    /// Go back.
    Rollback,
}

/// Where an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Finding out who holds what and the cheapest route.
    Planning,
    /// Fetching chunks.
    Fetching,
    /// Building the new tree and reading it back.
    Staging,
    /// Switching `current`.
    Switching,
    /// Done.
    Committed,
}

impl Phase {
    /// The word used by API and CLI.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planning => "planning",
            Self::Fetching => "fetching",
            Self::Staging => "staging",
            Self::Switching => "switching",
            Self::Committed => "committed",
        }
    }
}

/// How an operation stands.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Under way.
    Running,
    /// It went well.
    Done,
    /// It did not.
    Failed(Problem),
}

/// One operation.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its id.
    pub id: OperationId,
    /// What was asked.
    pub kind: OperationKind,
    /// Of which component.
    pub component: ComponentName,
    /// The version it started from.
    pub from: Option<ReleaseVersion>,
    /// The version it leads to.
    pub to: ReleaseVersion,
    /// Where it is.
    pub phase: Phase,
    /// Bytes fetched of bytes needed, while fetching.
    pub progress: Option<(u64, u64)>,
    /// Peers that bytes came from, and how many bytes.
    pub sources: BTreeMap<String, u64>,
    /// Of these bytes, bytes of patches.
    pub patch_bytes: u64,
    /// Bytes that came and were here already.
    pub duplicates: u64,
    /// Chunks that came and did not match their digest.
    pub wrong: u64,
    /// When it started.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Who asked: `socket:uid`, `token`, `policy`.
    pub by: String,
    /// Why, in the words of whoever asked.
    pub reason: Option<String>,
    /// How it stands.
    pub outcome: Outcome,
}

/// The operations of this run of the node.
#[derive(Debug, Default)]
pub struct Operations {
    next: u64,
    table: BTreeMap<OperationId, Operation>,
}

impl Operations {
    /// Adds an operation that starts now; its id is filled in.
    pub fn begin(&mut self, mut operation: Operation) -> OperationId {
        self.next += 1;
        operation.id = OperationId(self.next);
        self.table.insert(operation.id, operation);
        OperationId(self.next)
    }

    /// Changes an operation that is still running; others stay as they ended.
    pub fn update(&mut self, id: OperationId, change: impl FnOnce(&mut Operation)) {
        if let Some(operation) = self.table.get_mut(&id)
            && matches!(operation.outcome, Outcome::Running)
        {
            change(operation);
        }
    }

    /// Ends an operation and forgets the oldest finished ones past the limit.
    pub fn finish(&mut self, id: OperationId, outcome: Outcome, now: Timestamp) {
        self.update(id, |operation| {
            if matches!(outcome, Outcome::Done) {
                operation.phase = Phase::Committed;
            }
            operation.outcome = outcome;
            operation.ended = Some(now);
        });
        let finished: Vec<_> =
            self.table.values().filter(|o| o.ended.is_some()).map(|o| o.id).collect();
        for id in finished.iter().take(finished.len().saturating_sub(MAX_FINISHED)) {
            self.table.remove(id);
        }
    }

    /// One operation.
    pub fn get(&self, id: OperationId) -> Option<&Operation> {
        self.table.get(&id)
    }

    /// All operations, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Operation> {
        self.table.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation() -> Operation {
        Operation {
            id: OperationId(0),
            kind: OperationKind::Install,
            component: "demo-app".parse().expect("a name"),
            from: None,
            to: "1.0.0".parse().expect("a version"),
            phase: Phase::Planning,
            progress: None,
            sources: BTreeMap::new(),
            patch_bytes: 0,
            duplicates: 0,
            wrong: 0,
            started: Timestamp::from_seconds(1),
            ended: None,
            by: "test".to_owned(),
            reason: None,
            outcome: Outcome::Running,
        }
    }

    #[test]
    fn a_finished_operation_does_not_change_any_more() {
        let mut operations = Operations::default();
        let id = operations.begin(operation());
        operations.finish(id, Outcome::Done, Timestamp::from_seconds(2));
        operations.update(id, |operation| operation.phase = Phase::Planning);
        assert_eq!(operations.get(id).map(|o| o.phase), Some(Phase::Committed));
    }

    #[test]
    fn old_finished_operations_are_forgotten_and_running_ones_are_not() {
        let mut operations = Operations::default();
        let running = operations.begin(operation());
        for _ in 0..MAX_FINISHED + 10 {
            let id = operations.begin(operation());
            operations.finish(id, Outcome::Done, Timestamp::from_seconds(2));
        }
        assert_eq!(operations.iter().count(), MAX_FINISHED + 1);
        assert!(operations.get(running).is_some());
    }

    #[test]
    fn ids_read_back() {
        assert_eq!("op-81".parse(), Ok(OperationId(81)));
        assert_eq!(OperationId(81).to_string(), "op-81");
    }
}
