//! `updraft-sim list`: the scenarios that come with the program.

use serde_json::json;
use updraft_node::problem::Problem;

use super::{
    Exit,
    output::{Format, Output},
    source,
};
use crate::builtin;

/// List the scenarios that come with the program
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args, output: &mut Output) -> Result<Exit, Problem> {
    let names = builtin::ALL.iter().map(|builtin| builtin.name);
    let sources = names
        .map(|name| source::load(name, &source::Instead::default()))
        .collect::<Result<Vec<_>, _>>()?;
    if output.format() == Format::Json {
        let scenarios: Vec<_> = sources
            .iter()
            .map(|source| {
                let scenario = &source.scenario;
                json!({
                    "name": source.name, "kind": scenario.kind, "nodes": scenario.nodes(),
                    "title": scenario.title,
                })
            })
            .collect();
        output.document("list", &json!({ "scenarios": scenarios }))?;
        return Ok(Exit::Good);
    }
    let width = sources.iter().map(|source| source.name.len()).max().unwrap_or(0).max(4);
    output.line(&format!("{:width$}  KIND     NODES  TITLE", "NAME"));
    for source in &sources {
        let scenario = &source.scenario;
        let kind = scenario.kind.to_string();
        let (name, nodes) = (&source.name, scenario.nodes());
        output.line(&format!("{name:width$}  {kind:7}  {nodes:5}  {}", scenario.title));
    }
    Ok(Exit::Good)
}
