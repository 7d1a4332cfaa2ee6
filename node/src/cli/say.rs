//! `updraft say`: hands a statement that travelled in a file to the node, which tells everybody.

use std::path::PathBuf;

use super::{Context, Exit, node_ledger, statement};
use crate::{
    agent::in_words,
    problem::{Code, Problem},
};

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
    let words = in_words(&said, |release| format!("release {}", release.short()));
    context.output.say(&format!("Says: {}", super::words::clean(&words)));
    statement::say(&node, &said, context)
}
