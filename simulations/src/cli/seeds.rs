//! `updraft-sim seeds`: many seeds of one scenario.

use std::{
    path::PathBuf,
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use updraft_node::problem::{Code, Problem};

use super::{
    Exit, files,
    output::{Format, Output},
    run::{Runner, listen, report_of},
    shrink::shorten,
    signals::Signals,
    source::{self, Source},
};
use crate::{
    outcome::{Ended, Outcome},
    run::{RunError, RunOptions, Unwatched, run as run_scenario},
    scenario::Kind,
    shrink::Failure,
};

/// Between two lines that say how far it is.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// Failed seeds that are written and shrunk; a program that fails more often is told enough by these.
const MAX_WRITTEN: usize = 10;

/// Run a scenario with many seeds and tell which of them fail
///
/// Rare courses of events are found by trying many. Every seed is a run of its own; of those that fail, --report writes
/// the recording, and what is left when all is left out that it does not need.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  updraft-sim seeds chaos --count 200
  updraft-sim seeds chaos --from 5000 --count 20000 --jobs 2 --report out")]
pub(super) struct Args {
    /// A name of `updraft-sim list`, or a file
    #[arg(value_name = "NAME|FILE")]
    scenario: String,
    /// How many seeds
    #[arg(long, value_name = "N", default_value_t = 200)]
    count: u64,
    /// The first of them
    #[arg(long, value_name = "N", default_value_t = 0)]
    from: u64,
    /// Runs at once; as many as there are processors if it is not said
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Write recordings of seeds that fail into this folder
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Exit, Problem> {
    let signals = listen()?;
    run_with(args, output, run_scenario, &signals)
}

/// What came of a seed.
type Came = (u64, Result<Outcome, RunError>);

pub(super) fn run_with(
    args: &Args,
    output: &mut Output,
    runner: Runner,
    signals: &Signals,
) -> Result<Exit, Problem> {
    let source = source::load(&args.scenario, &source::Instead::kind(Kind::World))?;
    let jobs = args.jobs.or_else(|| thread::available_parallelism().ok().map(Into::into));
    let jobs = jobs.unwrap_or(1).clamp(1, 1_024);
    let next = AtomicU64::new(args.from);
    let end = args.from.saturating_add(args.count);
    let (tell, told) = mpsc::sync_channel::<Came>(jobs);
    let tally = thread::scope(|scope| {
        for _ in 0..jobs {
            let (tell, next, source) = (tell.clone(), &next, &source);
            scope.spawn(move || {
                while !signals.stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let options = options(source, seed);
                    let came = runner(&source.scenario, &options, &mut Unwatched, &signals.stop);
                    if tell.send((seed, came)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(tell);
        Tally::of(&told, args.count, output)
    });
    let mut tally = tally?;
    tally.failed.sort_unstable_by_key(|(seed, _)| *seed);
    if let Some(folder) = &args.report {
        for (seed, outcome) in tally.failed.iter().take(MAX_WRITTEN) {
            write(&source, *seed, outcome, folder, output, (runner, signals))?;
        }
    }
    tally.tell(output)?;
    if signals.stop.load(Ordering::Relaxed) {
        return Ok(signals.exit());
    }
    Ok(if tally.failed.is_empty() { Exit::Good } else { Exit::Bad })
}

fn options(source: &Source, seed: u64) -> RunOptions {
    RunOptions { seed, ..RunOptions::of(&source.name, &source.scenario) }
}

/// Writes a run that failed, and the shortest that fails like it.
fn write(
    source: &Source,
    seed: u64,
    outcome: &Outcome,
    folder: &std::path::Path,
    output: &mut Output,
    (runner, signals): (Runner, &Signals),
) -> Result<(), Problem> {
    let mut options = options(source, seed);
    let mut written = files::write(folder, &report_of(source, &options, outcome)?)?;
    if let Some(failure) = Failure::of(outcome) {
        output.say(&format!("seed {seed}:"));
        let (shrunk, outcome) = shorten(source, &options, &failure, output, (runner, signals))?;
        options.name.push_str("-shrunk");
        options.course = Some(shrunk.course);
        written.extend(files::write(folder, &report_of(source, &options, &outcome)?)?);
    }
    written.iter().for_each(|path| output.say(&format!("wrote {}", path.display())));
    Ok(())
}

/// What came of all of them.
#[derive(Debug, Default)]
struct Tally {
    ran: u64,
    events: u64,
    failed: Vec<(u64, Outcome)>,
}

impl Tally {
    fn of(told: &mpsc::Receiver<Came>, count: u64, output: &mut Output) -> Result<Self, Problem> {
        let mut tally = Self::default();
        let began = Instant::now();
        let mut said = began;
        for (seed, came) in told {
            let outcome =
                came.map_err(|error| Problem::from_error(Code::ScenarioInvalid, &error))?;
            if outcome.ended == Ended::Stopped {
                continue;
            }
            tally.ran += 1;
            tally.events += outcome.events;
            if !outcome.is_good() {
                output.say(&format!("seed {seed}: {}", why(&outcome)));
                tally.failed.push((seed, outcome));
            }
            if said.elapsed() >= LINE_EVERY {
                said = Instant::now();
                let (ran, failed) = (tally.ran, tally.failed.len());
                let seconds = began.elapsed().as_secs();
                output.say(&format!("{ran} of {count} seeds, {failed} failed, {seconds} s"));
            }
        }
        Ok(tally)
    }

    fn tell(&self, output: &mut Output) -> Result<(), Problem> {
        let Self { ran, events, failed } = self;
        if output.format() == Format::Json {
            let failed: Vec<_> = failed
                .iter()
                .map(|(seed, outcome)| json!({ "seed": seed, "why": why(outcome) }))
                .collect();
            return output
                .document("seeds", &json!({ "ran": ran, "events": events, "failed": failed }));
        }
        output.line(&format!("{ran} seeds, {events} events, {} failed", failed.len()));
        for (seed, outcome) in failed {
            output.line(&format!("  seed {seed}: {}", why(outcome)));
        }
        Ok(())
    }
}

/// Why a run is not good, in a line.
fn why(outcome: &Outcome) -> String {
    if let Some(broken) = outcome.broken.first() {
        return format!(
            "{} ({}, {:.1} s: {})",
            broken.promise, broken.node, broken.at, broken.detail
        );
    }
    let unmet = outcome.judged.iter().find(|judged| !judged.met);
    unmet.map_or_else(String::new, |judged| format!("{}: {}", judged.expected, judged.got))
}
