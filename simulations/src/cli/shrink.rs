//! `updraft-sim shrink`: makes a failure as short as it can be.

use std::path::PathBuf;

use serde_json::json;
use updraft_node::problem::{Code, Problem};

use super::{
    Exit, files,
    output::{Format, Output},
    replay,
    run::{Runner, exit_of, listen, report_of},
    signals::Signals,
    source::Source,
};
use crate::{
    course::{self, Happening},
    outcome::Outcome,
    run::{RunError, RunOptions, Unwatched, run as run_scenario},
    scenario::Kind,
    shrink::{Failure, Shrunk, shrink},
};

/// Leave out of a failed run what it does not need to fail
///
/// Runs a recording again and again with ever less of what happened in it, as long as it fails in the same way. What is
/// left is told line by line, and written beside the recording as one that can be replayed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  updraft-sim run chaos --seed 17 --report out        a promise is broken
  updraft-sim shrink out/chaos-17.recording.json --report out
  updraft-sim replay out/chaos-shrunk-17.recording.json")]
pub(super) struct Args {
    /// A file that ends with .recording.json, of a run that failed
    #[arg(value_name = "FILE")]
    recording: PathBuf,
    /// Write outcome, page and recording of what is left into this folder
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Exit, Problem> {
    let signals = listen()?;
    run_with(args, output, run_scenario, &signals)
}

pub(super) fn run_with(
    args: &Args,
    output: &mut Output,
    runner: Runner,
    signals: &Signals,
) -> Result<Exit, Problem> {
    let (source, options, _) = replay::read(&args.recording)?;
    let path = args.recording.display();
    if source.scenario.kind == Kind::Cluster {
        let problem = Problem::new(Code::ScenarioInvalid, format!("{path} is of a cluster"));
        return Err(
            problem.hint("no two runs of a cluster are the same; only a world can be shrunk")
        );
    }
    let first = unwatched(&source, &options, runner, signals)?;
    let Some(failure) = Failure::of(&first) else {
        let problem =
            Problem::new(Code::ScenarioInvalid, format!("the run in {path} does not fail"));
        return Err(problem.hint("there is nothing to leave out of a run in which all came right"));
    };
    let (shrunk, outcome) = shorten(&source, &options, &failure, output, (runner, signals))?;
    let options = RunOptions {
        name: format!("{}-shrunk", options.name),
        course: Some(shrunk.course.clone()),
        ..options
    };
    let written = match &args.report {
        Some(folder) => files::write(folder, &report_of(&source, &options, &outcome)?)?,
        None => Vec::new(),
    };
    tell(&shrunk, &failure, &outcome, output)?;
    written.iter().for_each(|path| output.say(&format!("wrote {}", path.display())));
    Ok(exit_of(&outcome, signals))
}

/// The shortest course that fails so, and what comes of it.
pub(super) fn shorten(
    source: &Source,
    options: &RunOptions,
    failure: &Failure,
    output: &mut Output,
    (runner, signals): (Runner, &Signals),
) -> Result<(Shrunk, Outcome), Problem> {
    let picked = || course::pick(&source.scenario, options.seed);
    let whole = options.course.clone().unwrap_or_else(picked);
    output.say(&format!("{} things happen; leaving out what can be left out", whole.len()));
    let with =
        |course: &[Happening]| RunOptions { course: Some(course.to_vec()), ..options.clone() };
    let mut refused = None;
    let shrunk =
        shrink(whole, failure, |course| match unwatched(source, &with(course), runner, signals) {
            Ok(outcome) if outcome.ended == crate::outcome::Ended::Stopped => None,
            Ok(outcome) => {
                let fails = Failure::of(&outcome).as_ref() == Some(failure);
                if fails {
                    output.say(&format!("{} are enough", course.len()));
                }
                Some(fails)
            }
            Err(problem) => {
                refused = Some(problem);
                None
            }
        });
    if let Some(problem) = refused {
        return Err(problem);
    }
    // Whoever stopped it gets the report of what is left all the same.
    let outcome = unwatched(source, &with(&shrunk.course), runner, &Signals::default())?;
    Ok((shrunk, outcome))
}

fn unwatched(
    source: &Source,
    options: &RunOptions,
    runner: Runner,
    signals: &Signals,
) -> Result<Outcome, Problem> {
    let ended = runner(&source.scenario, options, &mut Unwatched, &signals.stop);
    ended.map_err(|error: RunError| Problem::from_error(Code::ScenarioInvalid, &error))
}

fn tell(
    shrunk: &Shrunk,
    failure: &Failure,
    outcome: &Outcome,
    output: &mut Output,
) -> Result<(), Problem> {
    if output.format() == Format::Json {
        return output.document(
            "shrink",
            &json!({
                "course": shrunk.course, "runs": shrunk.runs, "isMinimal": shrunk.is_minimal,
                "outcome": outcome,
            }),
        );
    }
    let failed = match failure {
        Failure::Promise(promise) => format!("a promise is broken: {promise}"),
        Failure::Expectation(expected) => format!("it does not come so: {expected}"),
    };
    output.line(&format!("After {} runs, this is what it takes until {failed}", shrunk.runs));
    if shrunk.course.is_empty() {
        output.line("  nothing: it happens by itself");
    }
    for happening in &shrunk.course {
        output.line(&format!("  {happening}"));
    }
    if let Some(broken) = outcome.broken.first() {
        output.line(&format!("At {:.3} s, {}: {}", broken.at, broken.node, broken.detail));
    }
    if !shrunk.is_minimal {
        output.warn("there was no time to try everything; some of it may not be needed");
    }
    Ok(())
}
