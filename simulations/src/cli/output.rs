//! The only place that prints. Standard output is data, standard error is talk.
//!
//! With `--json`, data is one document or JSON lines and talk falls silent, apart from a problem at the end. A reader
//! that went away (`updraft-sim list | head`) ends the output quietly; any other failure is told at the end.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use serde_json::{Map, Value};
use updraft_node::{
    cli::words::clean,
    problem::{Code, Problem},
};

use super::Global;

/// What standard output carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Words and tables for people.
    Text,
    /// Documents and lines for programs.
    Json,
}

/// Whether bars may move on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bars {
    /// People watch.
    Shown,
    /// A line now and then.
    Hidden,
}

/// Prints for one command.
pub struct Output {
    data: Box<dyn Write>,
    talk: Box<dyn Write>,
    format: Format,
    bars: Bars,
    /// Why data could not be written; nothing more is then.
    lost: Option<io::Error>,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output").field("format", &self.format).finish_non_exhaustive()
    }
}

impl Output {
    /// Prints to the process's own streams, as the options and the environment want it.
    pub(super) fn of_process(global: &Global) -> Self {
        let watched = io::stderr().is_terminal() && std::env::var_os("CI").is_none();
        let bars = watched && !global.no_progress && !global.json;
        let format = if global.json { Format::Json } else { Format::Text };
        let bars = if bars { Bars::Shown } else { Bars::Hidden };
        Self::new(Box::new(io::stdout()), Box::new(io::stderr()), format, bars)
    }

    /// Prints to any two streams.
    pub(super) fn new(
        data: Box<dyn Write>,
        talk: Box<dyn Write>,
        format: Format,
        bars: Bars,
    ) -> Self {
        Self { data, talk, format, bars, lost: None }
    }

    /// What standard output carries.
    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// Whether bars may move on standard error.
    pub(super) fn bars(&self) -> Bars {
        self.bars
    }

    /// Data as it is. Text of somebody else's has to be cleaned before.
    pub(super) fn raw(&mut self, text: &str) {
        if self.lost.is_none() {
            let written = self.data.write_all(text.as_bytes()).and_then(|()| self.data.flush());
            self.lost = written.err();
        }
    }

    /// A line of data for people.
    pub(super) fn line(&mut self, text: &str) {
        self.raw(&format!("{text}\n"));
    }

    /// The one document of a command: `{"schema":"updraft.sim.<command>/1", …}` with the members of `members`.
    pub(super) fn document(
        &mut self,
        command: &str,
        members: &impl Serialize,
    ) -> Result<(), Problem> {
        let Value::Object(members) =
            serde_json::to_value(members).map_err(|error| no_json(&error))?
        else {
            return Err(Problem::new(Code::Failed, "the answer is not a JSON object"));
        };
        self.json_line(&Document { schema: format!("updraft.sim.{command}/1"), members })
    }

    /// One JSON line.
    pub(super) fn json_line(&mut self, members: &impl Serialize) -> Result<(), Problem> {
        let text = serde_json::to_string(members).map_err(|error| no_json(&error))?;
        self.line(&text);
        Ok(())
    }

    /// A line of talk: what is going on. Silent with `--json`.
    pub(super) fn say(&mut self, text: &str) {
        if self.format == Format::Text {
            self.tell(&clean(text));
        }
    }

    /// A warning. Silent with `--json`.
    pub(super) fn warn(&mut self, text: &str) {
        self.say(&format!("warning: {text}"));
    }

    /// The problem a command ends with: words for people, with `--json` the document that a node's API would send.
    pub(super) fn problem(&mut self, problem: &Problem) {
        let text = match self.format {
            Format::Json => serde_json::to_string(problem)
                .unwrap_or_else(|_| format!("{{\"code\":\"{}\"}}", problem.code)),
            // Its texts may come from a file of somebody else's; only the lines are our own.
            Format::Text => problem.to_string().lines().map(clean).collect::<Vec<_>>().join("\n"),
        };
        self.tell(&text);
    }

    fn tell(&mut self, text: &str) {
        // Nobody could be told that nobody can be told.
        let _ = writeln!(self.talk, "{text}");
    }

    /// Tells whether all data was written, or nobody wanted it any more.
    pub(super) fn finish(&mut self) -> Result<(), Problem> {
        match self.lost.take() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Problem::new(Code::FileUnusable, "cannot write standard output")
                    .cause(error.to_string()))
            }
            _ => Ok(()),
        }
    }
}

/// A document with its schema in front, where people and `head` look first.
#[derive(Serialize)]
struct Document {
    schema: String,
    #[serde(flatten)]
    members: Map<String, Value>,
}

fn no_json(error: &serde_json::Error) -> Problem {
    Problem::from_error(Code::Failed, error).cause("while writing JSON")
}
