//! `updraft-sim compare`: two outcomes side by side.

use std::path::{Path, PathBuf};

use updraft_node::problem::{Code, Problem};

use super::{
    Exit, files,
    output::{Format, Output},
    source,
};
use crate::{
    outcome::Outcome,
    report::{self, Document, MAX_OUTCOME, Seal},
};

/// Put two outcomes side by side, with the ratio of every number
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: does another seed, or another version of the program, change anything?
  updraft-sim compare out/first-release-7.json out/first-release-8.json --report out"
)]
pub(super) struct Args {
    /// An outcome that `run --report` wrote
    #[arg(value_name = "FILE")]
    first: PathBuf,
    /// Another one
    #[arg(value_name = "OTHER")]
    second: PathBuf,
    /// Write the comparison as a page and as JSON into this folder
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Exit, Problem> {
    let (first, second) = (outcome(&args.first, output)?, outcome(&args.second, output)?);
    let comparison = report::compare(&first, &second);
    if output.format() == Format::Json {
        output.document("compare", &comparison)?;
    } else {
        output.raw(&report::comparison_table(&comparison));
    }
    if let Some(folder) = &args.report {
        let json = serde_json::to_string_pretty(&comparison)
            .map_err(|error| Problem::from_error(Code::Failed, &error))?;
        let page = report::comparison_html(&comparison);
        let pair = [("compare.json", json + "\n"), ("compare.html", page)];
        let written = files::write(folder, &pair.map(|(name, text)| (name.to_owned(), text)))?;
        written.iter().for_each(|path| output.say(&format!("wrote {}", path.display())));
    }
    Ok(Exit::Good)
}

/// Reads an outcome; warns if somebody changed it since it was written.
pub(super) fn outcome(path: &Path, output: &mut Output) -> Result<Outcome, Problem> {
    let text = source::text_of(path, MAX_OUTCOME)?;
    let Document { outcome, seal } = report::from_json(&text).map_err(|error| {
        Problem::new(Code::RequestInvalid, format!("{} is no outcome", path.display()))
            .because(Some(&error))
            .hint("`updraft-sim run … --report DIR` writes outcomes")
    })?;
    if seal == Seal::Differs {
        let path = path.display();
        output.warn(&format!("{path} is not as it was written, or another version wrote it"));
    }
    Ok(outcome)
}
