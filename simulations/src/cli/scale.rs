//! `updraft-sim scale`: one scenario with ever more nodes.

use std::{
    io,
    process::{Command, Stdio},
    sync::atomic::Ordering,
};

use serde::Deserialize;
use serde_json::json;
use updraft_node::problem::{Code, Problem};

use super::{
    Exit,
    output::{Format, Output},
    run::listen,
    signals::Signals,
    source,
};
use crate::{outcome::Outcome, report, scale, scale::Row, scenario::Kind};

/// Run a scenario with ever more nodes and tell how cost grows
///
/// Each size runs in a process of its own, so that its memory is its own. The last line has an exponent for each column:
/// 0 means that a node does not notice how many there are, 1 that cost grows as their number does.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  updraft-sim scale                                     news and a vote, up to 100,000 machines: some minutes
  updraft-sim scale mine.toml --group machines --nodes 100,300,1000")]
pub(super) struct Args {
    /// A name of `updraft-sim list`, or a file
    #[arg(value_name = "NAME|FILE", default_value = "scale")]
    scenario: String,
    /// The group that grows; the largest if it is not said
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// How many nodes the group has, one run each
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [100, 1_000, 10_000, 100_000])]
    nodes: Vec<u32>,
    /// The seed of all chances, instead of the scenario's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Exit, Problem> {
    let signals = listen()?;
    let scenario = source::load(&args.scenario, &source::Instead::kind(Kind::World))?.scenario;
    let largest = || scenario.groups.iter().max_by_key(|group| group.count);
    let group = args.group.clone().or_else(|| largest().map(|group| group.name.clone()));
    let group = group.unwrap_or_default();
    for nodes in &args.nodes {
        // Everything that is wrong is told before the first of many minutes.
        let counts = [(group.clone(), *nodes)].into();
        source::load(&args.scenario, &source::Instead { kind: Some(Kind::World), counts })?;
    }
    let mut rows = Vec::new();
    for nodes in &args.nodes {
        let row = one(args, &group, *nodes, &signals)?;
        let Some(row) = row.filter(|_| !signals.stop.load(Ordering::SeqCst)) else { break };
        let took = report::seconds(row.took);
        output.say(&format!("{} `{group}`: {took}", report::count(u64::from(*nodes))));
        rows.push(row);
    }
    tell(&rows, output)?;
    if signals.stop.load(Ordering::SeqCst) {
        return Ok(signals.exit());
    }
    Ok(if rows.iter().all(|row| row.good) { Exit::Good } else { Exit::Bad })
}

/// The last line of `run --json`, as far as it matters here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    took: f64,
    peak_memory: Option<u64>,
    outcome: Outcome,
}

/// Runs one size in a process of its own; `None` if it was stopped.
fn one(args: &Args, group: &str, nodes: u32, signals: &Signals) -> Result<Option<Row>, Problem> {
    let failed = |error: &dyn std::fmt::Display| {
        Problem::new(Code::Failed, format!("the run with {nodes} nodes did not end as it should"))
            .cause(error.to_string())
    };
    let program = std::env::current_exe().map_err(|error: io::Error| failed(&error))?;
    let mut command = Command::new(program);
    command.args(["run", &args.scenario, "--kind", "world", "--json"]);
    command.args(["--count", &format!("{group}={nodes}")]);
    if let Some(seed) = args.seed {
        command.args(["--seed", &seed.to_string()]);
    }
    let ran = command.stderr(Stdio::inherit()).output().map_err(|error| failed(&error))?;
    if signals.stop.load(Ordering::SeqCst) {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&ran.stdout);
    let last = text.lines().last().unwrap_or_default();
    let done: Done = serde_json::from_str(last).map_err(|error| failed(&error))?;
    Ok(Some(Row::of(&done.outcome, done.took, done.peak_memory)))
}

fn tell(rows: &[Row], output: &mut Output) -> Result<(), Problem> {
    if output.format() == Format::Json {
        let exponents = scale::exponents(rows);
        return output.document("scale", &json!({ "rows": rows, "exponents": exponents }));
    }
    output.raw(&report::aligned(scale::HEADINGS, scale::cells(rows)));
    Ok(())
}
