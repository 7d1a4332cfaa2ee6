//! Follows an operation of the node to its end: a bar or lines for people, JSON lines for programs.
//!
//! The node does the work; whoever follows may go away at any time and the work goes on.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};

use super::{
    client::{Client, segment},
    output::{Format, Output},
    progress::Progress,
    status::count,
};
use crate::{
    api::types::Operation,
    problem::{Code, Problem},
};

/// How often the node is asked.
const POLL: Duration = Duration::from_millis(200);

/// What an order that began an operation answers; more may stand there.
#[derive(Debug, Deserialize)]
pub(super) struct Begun {
    /// The operation's id.
    pub(super) id: String,
}

/// What a command that is asked for JSON tells while it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    /// A line for each step.
    EachStep,
    /// Nothing; the command ends with one document.
    None,
}

/// Waits for the end of an operation.
///
/// # Errors
/// The problem with which the operation failed, or why it cannot be followed.
pub(super) async fn follow(
    client: &Client,
    output: &Output,
    id: &str,
    lines: Lines,
) -> Result<Operation, Problem> {
    let path = format!("/api/v1/operations/{}", segment(id));
    let mut ticks = interval(POLL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut telling = Telling { output, lines, bar: None, last: None };
    loop {
        ticks.tick().await;
        let operation: Operation = client.get(&path).await?;
        telling.tell(&operation)?;
        match operation.state.as_str() {
            "running" => {}
            "done" => {
                telling.end();
                return Ok(operation);
            }
            _ => {
                telling.end();
                return Err(operation.problem.unwrap_or_else(|| {
                    Problem::new(Code::Failed, format!("{id} failed without a reason"))
                }));
            }
        }
    }
}

/// What was told last, so that nothing is told twice.
struct Telling<'a> {
    output: &'a Output,
    lines: Lines,
    bar: Option<Progress>,
    last: Option<(String, Option<u64>)>,
}

impl Telling<'_> {
    fn tell(&mut self, operation: &Operation) -> Result<(), Problem> {
        let now = (operation.phase.clone(), operation.progress.map(|progress| progress.done));
        if self.last.as_ref() == Some(&now) {
            return Ok(());
        }
        let new_phase = self.last.as_ref().is_none_or(|(phase, _)| *phase != operation.phase);
        self.last = Some(now);
        if self.output.format() == Format::Json && self.lines == Lines::None {
            return Ok(());
        }
        if self.output.format() == Format::Json {
            return self.output.json_line(&json!({
                "type": "progress", "operation": operation.id, "phase": operation.phase,
                "done": operation.progress.map(|progress| progress.done),
                "total": operation.progress.map(|progress| progress.total),
            }));
        }
        match (operation.phase.as_str(), operation.progress) {
            ("fetching", Some(progress)) => {
                let output = self.output;
                let bar = self
                    .bar
                    .get_or_insert_with(|| Progress::begin(output, "Fetching", progress.total));
                let peers = count(operation.sources.len(), "peer");
                bar.reach(progress.done, &format!("from {peers}"));
            }
            (phase, _) if new_phase => {
                self.end();
                if let Some(words) = words(phase, operation) {
                    self.output.say(&format!("{words:>12}"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.end();
        }
    }
}

fn words(phase: &str, operation: &Operation) -> Option<String> {
    match phase {
        "staging" => Some("Staging, checking every file".to_owned()),
        "switching" => Some(format!("Switching to {}", operation.to)),
        _ => None,
    }
}
