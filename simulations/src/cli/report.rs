//! `updraft-sim report`: the page of an outcome, again.

use std::path::{Path, PathBuf};

use serde_json::json;
use updraft_node::problem::{Code, Problem};

use super::{
    Exit, compare, files,
    output::{Format, Output},
};
use crate::report;

/// Make the page of an outcome again
///
/// The page is made of the outcome alone, so it can be made anew wherever there is one: in a CI that keeps only the JSON,
/// or with a newer version of the program.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// An outcome that `run --report` wrote
    #[arg(value_name = "FILE")]
    outcome: PathBuf,
    /// Write the page into this folder, instead of beside the file
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Exit, Problem> {
    let outcome = compare::outcome(&args.outcome, output)?;
    let page = report::html(&outcome).map_err(|error| Problem::from_error(Code::Failed, &error))?;
    let beside = args.outcome.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = args.report.as_deref().or(beside).unwrap_or(Path::new("."));
    let stem = args.outcome.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    let written = files::write(folder, &[(format!("{}.html", files::harmless(&stem)), page)])?;
    if output.format() == Format::Json {
        let files: Vec<_> = written.iter().map(|path| path.display().to_string()).collect();
        output.document("report", &json!({ "files": files }))?;
    } else {
        output.raw(&report::table(&outcome));
        written.iter().for_each(|path| output.say(&format!("wrote {}", path.display())));
    }
    Ok(Exit::Good)
}
