//! `updraft-sim check`: whether scenarios can run, without running them.

use std::path::PathBuf;

use serde_json::json;
use updraft_node::problem::Problem;

use super::{
    Exit,
    output::{Format, Output},
    source,
};

/// Read scenarios and tell everything that is wrong with them
///
/// Nothing runs. Useful before a long run, and in the CI of whoever keeps scenarios.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files, or names of `updraft-sim list`
    #[arg(required = true, value_name = "NAME|FILE")]
    scenarios: Vec<PathBuf>,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Exit, Problem> {
    let mut checked = Vec::new();
    let mut exit = Exit::Good;
    for path in &args.scenarios {
        let what = path.to_string_lossy();
        match (source::load(&what, &source::Instead::default()), output.format()) {
            (Ok(_), Format::Text) => output.say(&format!("{what} can run")),
            (Err(problem), Format::Text) => {
                exit = Exit::Unusable;
                output.problem(&problem);
            }
            (Ok(_), Format::Json) => checked.push(json!({ "scenario": what, "canRun": true })),
            (Err(problem), Format::Json) => {
                exit = Exit::Unusable;
                checked.push(json!({ "scenario": what, "canRun": false, "problem": problem }));
            }
        }
    }
    if output.format() == Format::Json {
        output.document("check", &json!({ "scenarios": checked }))?;
    }
    Ok(exit)
}
