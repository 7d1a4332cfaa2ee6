//! `updraft-sim run`: runs a scenario, prints what came of it, writes a report.

use std::{
    path::PathBuf,
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

use clap::ValueEnum;
use serde_json::json;
use updraft_node::problem::{Code, Problem};

use super::{
    Exit, files,
    output::{Format, Output},
    signals::Signals,
    source::{self, Instead, Source},
    watching::Watching,
};
use crate::{
    outcome::{Ended, Outcome},
    recording::Recording,
    report,
    run::{RunError, RunOptions, Watch, run as run_scenario},
    scenario::{Kind, Scenario},
};

/// Run a scenario and tell what came of it
///
/// A world with the same scenario and seed is the same run on every machine, event for event. Ends with 1 if a promise
/// was broken or what the scenario expects did not come. Ctrl-C stops it and reports what has happened until then.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  updraft-sim run first-release
  updraft-sim run first-release --seed 7 --report out
  updraft-sim run mine.toml --node machines-17 --report out   all that happens at one node
  updraft-sim run eight-leechers --kind cluster               real nodes, in real time")]
pub(super) struct Args {
    /// A name of `updraft-sim list`, or a file
    #[arg(value_name = "NAME|FILE")]
    scenario: String,
    /// The seed of all chances, instead of the scenario's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How it runs, instead of what the scenario says
    #[arg(long, value_enum)]
    kind: Option<KindArg>,
    /// How many nodes a group has, instead of what the scenario says
    #[arg(long = "count", value_name = "GROUP=N", value_parser = group_count)]
    counts: Vec<(String, u32)>,
    /// Write outcome, page and recording into this folder
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Write down everything that happens at this node, such as machines-3
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
}

/// What `--kind` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KindArg {
    /// The rules of thousands of nodes on a virtual clock.
    World,
    /// Real nodes in one process, in real time.
    Cluster,
}

impl From<KindArg> for Kind {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::World => Self::World,
            KindArg::Cluster => Self::Cluster,
        }
    }
}

/// What runs a scenario; tests have another.
pub(super) type Runner =
    fn(&Scenario, &RunOptions, &mut dyn Watch, &AtomicBool) -> Result<Outcome, RunError>;

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Exit, Problem> {
    let signals = listen()?;
    run_with(args, output, run_scenario, &signals)
}

/// From now on Ctrl-C asks.
pub(super) fn listen() -> Result<std::sync::Arc<Signals>, Problem> {
    Signals::listen().map_err(|error| {
        Problem::from_error(Code::Failed, &error).cause("while listening for signals")
    })
}

pub(super) fn run_with(
    args: &Args,
    output: &mut Output,
    runner: Runner,
    signals: &Signals,
) -> Result<Exit, Problem> {
    let counts = args.counts.iter().cloned().collect();
    let instead = Instead { kind: args.kind.map(Kind::from), counts };
    let source = source::load(&args.scenario, &instead)?;
    let mut options = RunOptions::of(&source.name, &source.scenario);
    options.seed = args.seed.unwrap_or(options.seed);
    options.node.clone_from(&args.node);
    let began = Instant::now();
    let outcome = watched(&source, &options, output, runner, signals)?;
    let took = began.elapsed();
    let written = match &args.report {
        Some(folder) => files::write(folder, &report_of(&source, &options, &outcome)?)?,
        None => Vec::new(),
    };
    tell(&outcome, took, &written, output)?;
    Ok(exit_of(&outcome, signals))
}

/// Runs it, with a bar or lines.
pub(super) fn watched(
    source: &Source,
    options: &RunOptions,
    output: &mut Output,
    runner: Runner,
    signals: &Signals,
) -> Result<Outcome, Problem> {
    let mut watching = Watching::begin(output, &source.name);
    let ended = runner(&source.scenario, options, &mut watching, &signals.stop);
    watching.end();
    ended.map_err(|error| {
        let code = match &error {
            RunError::UnknownNode { .. } | RunError::Unsupported { .. } => Code::ScenarioInvalid,
            RunError::Failed { .. } => Code::Failed,
        };
        Problem::from_error(code, &error)
    })
}

/// The files of a report, with their names.
pub(super) fn report_of(
    source: &Source,
    options: &RunOptions,
    outcome: &Outcome,
) -> Result<Vec<(String, String)>, Problem> {
    let json = |error: serde_json::Error| Problem::from_error(Code::Failed, &error);
    let name = format!("{}-{}", files::harmless(&options.name), options.seed);
    let recording =
        Recording::of(&source.text, &source.scenario, options, outcome).with_counts(&source.counts);
    Ok(vec![
        (format!("{name}.json"), report::to_json(outcome).map_err(json)?),
        (format!("{name}.html"), report::html(outcome).map_err(json)?),
        (format!("{name}.recording.json"), recording.to_json().map_err(json)?),
    ])
}

/// Tells what came of a run, and where it is written.
///
/// How long it took and how much memory is of this machine, and therefore not part of the outcome.
pub(super) fn tell(
    outcome: &Outcome,
    took: Duration,
    written: &[PathBuf],
    output: &mut Output,
) -> Result<(), Problem> {
    if output.format() == Format::Json {
        let hash =
            report::hash(outcome).map_err(|error| Problem::from_error(Code::Failed, &error))?;
        let files: Vec<_> = written.iter().map(|path| path.display().to_string()).collect();
        return output.json_line(&json!({
            "type": "done", "schema": "updraft.sim.run/1", "good": outcome.is_good(),
            "reportHash": hash, "files": files, "took": took.as_secs_f64(),
            "peakMemory": peak_memory(), "outcome": outcome,
        }));
    }
    output.raw(&report::table(outcome));
    let memory = peak_memory().map(|bytes| format!(", {} of memory", report::bytes(bytes as f64)));
    output.say(&format!(
        "took {}, {:.0} events a second{}",
        report::seconds(took.as_secs_f64()),
        outcome.events as f64 / took.as_secs_f64().max(1e-9),
        memory.unwrap_or_default()
    ));
    for path in written {
        output.say(&format!("wrote {}", path.display()));
    }
    if outcome.ended == Ended::Stopped {
        output.warn("it was stopped; the report is of what had happened until then");
    }
    Ok(())
}

/// Bytes of memory that this process had at most; of systems that tell.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// `machines=1000`.
fn group_count(text: &str) -> Result<(String, u32), String> {
    let (group, count) = text.split_once('=').ok_or("a group and a number, as machines=1000")?;
    let count =
        count.parse().map_err(|error| format!("`{count}` is no number of nodes: {error}"))?;
    Ok((group.to_owned(), count))
}

/// How the command ends.
pub(super) fn exit_of(outcome: &Outcome, signals: &Signals) -> Exit {
    match outcome.ended {
        Ended::Stopped => signals.exit(),
        Ended::Done | Ended::TimeUp | Ended::Broken if outcome.is_good() => Exit::Good,
        Ended::Done | Ended::TimeUp | Ended::Broken => Exit::Bad,
    }
}
