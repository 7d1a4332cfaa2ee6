//! How the end of an update is told: as a problem with a hint, and as a line of the history. Decides nothing.

use super::{
    action::{Action, Job, JobError, Now},
    event::count_peers,
    operation::{Operation, OperationKind},
    order::HistoryLine,
};
use crate::problem::{Code, Problem};

/// The end of a job that failed, as people are told of it.
pub(super) fn problem(job: &Job, error: &JobError) -> Problem {
    let release = job.manifest.release_name();
    match error {
        JobError::NoHolders(text) => Problem::new(Code::NoProviders, format!("{release}: {text}"))
            .hint("`updraft peers` shows who is connected; a seed or the publisher has to be reachable once"),
        JobError::Disk(text) => Problem::new(Code::DiskFull, format!("{release}: {text}"))
            .hint("make room, or set store.max_size and store.min_free_disk otherwise"),
        JobError::Damaged(text) => Problem::new(Code::ChunkMismatch, format!("{release}: {text}"))
            .hint("the release is not tried again here; tell its publisher"),
        JobError::Unfit(text) => Problem::new(Code::SelftestFailed, format!("{release}: {text}"))
            .hint("it is not tried again before the node starts anew; tell its publisher"),
        JobError::WrongRoute { error: text, .. } | JobError::Failed(text) => {
            Problem::new(Code::Failed, format!("{release}: {text}"))
        }
    }
}

/// The end of an operation as a line of the history.
pub(super) fn history<P>(operation: &Operation, error: Option<String>, now: Now) -> Action<P> {
    let (what, done) = match operation.kind {
        OperationKind::Install => (
            "install",
            format!(
                "{} bytes from {}",
                operation.sources.values().sum::<u64>(),
                count_peers(operation.sources.len())
            ),
        ),
        OperationKind::Stage => ("stage", String::new()),
        OperationKind::Rollback => ("rollback", String::new()),
    };
    Action::Record(HistoryLine {
        at: now.wall,
        component: operation.component.clone(),
        from: operation.from.clone(),
        to: operation.to.clone(),
        what: what.to_owned(),
        error,
        by: operation.by.clone(),
        detail: operation.reason.clone().unwrap_or(done),
    })
}
