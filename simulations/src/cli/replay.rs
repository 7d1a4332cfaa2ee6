//! `updraft-sim replay`: runs a recording again, and tells whether it is the same run.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use updraft_node::problem::{Code, Problem};

use super::{
    Exit, files,
    output::Output,
    run::{Runner, exit_of, listen, report_of, tell, watched},
    signals::Signals,
    source::{self, Instead, Source},
};
use crate::{
    outcome::Ended,
    recording::{MAX_RECORDING, Recording},
    run::{RunOptions, run as run_scenario},
};

/// Run a recording again
///
/// `run --report` writes a recording beside the report: the scenario as it was, the seed, what happened, and the digest of
/// all events. A world has to give the same digest again; if it does not, the program has changed since.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  updraft-sim replay out/first-release-7.recording.json")]
pub(super) struct Args {
    /// A file that ends with .recording.json
    #[arg(value_name = "FILE")]
    recording: PathBuf,
    /// Write outcome, page and recording into this folder
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Exit, Problem> {
    let signals = listen()?;
    run_with(args, output, run_scenario, &signals)
}

/// What a recording says is to be run, and the digest of its events.
pub(super) fn read(recording: &Path) -> Result<(Source, RunOptions, Option<String>), Problem> {
    let path = recording.display();
    let text = source::text_of(recording, MAX_RECORDING)?;
    let Recording { name, kind, seed, node, hash, course, counts, text, .. } =
        Recording::from_json(&text).map_err(|error| {
            let problem = Problem::new(Code::ScenarioInvalid, format!("{path} is no recording"));
            problem.because(Some(&error)).hint("`updraft-sim run … --report DIR` writes recordings")
        })?;
    let instead = Instead { kind: Some(kind), counts };
    let source = source::parse(name.clone(), &format!("the scenario in {path}"), text, &instead)?;
    Ok((source, RunOptions { name, seed, node, course }, hash))
}

pub(super) fn run_with(
    args: &Args,
    output: &mut Output,
    runner: Runner,
    signals: &Signals,
) -> Result<Exit, Problem> {
    let (source, options, hash) = read(&args.recording)?;
    let began = Instant::now();
    let outcome = watched(&source, &options, output, runner, signals)?;
    let took = began.elapsed();
    let written = match &args.report {
        Some(folder) => files::write(folder, &report_of(&source, &options, &outcome)?)?,
        None => Vec::new(),
    };
    tell(&outcome, took, &written, output)?;
    match (&hash, &outcome.hash) {
        // What was stopped before its end cannot be the same.
        _ if outcome.ended == Ended::Stopped => {}
        (Some(then), Some(now)) if then == now => {
            output.say("It is the same run, event for event.");
        }
        (Some(then), Some(now)) => {
            return Err(Problem::new(Code::Failed, "this is not the run that was recorded")
                .cause(format!("its events had the digest {then}"))
                .cause(format!("now they have {now}"))
                .hint(
                    "the program has changed since; a recording is for the version that wrote it",
                ));
        }
        _ => output.say("A cluster is never the same twice."),
    }
    Ok(exit_of(&outcome, signals))
}
