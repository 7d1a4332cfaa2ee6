//! `updraft say`: hands a statement that travelled in a file to the node, which tells everybody.

use std::path::PathBuf;

use super::{Context, Exit, deliver, node_ledger, publisher::Publisher, statement, words::clean};
use crate::problem::{Code, Problem};

/// Hand a signed statement in a file to the node
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file, as written by `--out`
    pub file: PathBuf,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    let Some(said) = statement::read(&args.file)? else {
        let detail = format!("{} holds no statement", args.file.display());
        return Err(Problem::new(Code::SourceRefused, detail)
            .hint("a release in a bundle is announced with `updraft publish --bundle`"));
    };
    let node = node_ledger::require(context)?;
    let publisher = Publisher::here(context)?;
    let words = statement::told(&said, &publisher.trust(&node)?);
    context.output.say(&format!("Says: {}", clean(&words)));
    deliver::say(&node, &[said], context)
}
