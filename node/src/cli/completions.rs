//! `updraft completions`: a script that teaches a shell this program's commands.

use clap_complete::Shell;
use serde_json::json;

use super::{Context, Exit, help, output::Format};
use crate::problem::{Code, Problem};

/// Shell completions
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell the script is for
    shell: Shell,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut help::command(), "updraft", &mut script);
    let script =
        String::from_utf8(script).map_err(|error| Problem::from_error(Code::Failed, &error))?;
    match context.output.format() {
        Format::Text => context.output.raw(&script),
        Format::Json => {
            let shell = args.shell.to_string();
            context.output.document("completions", &json!({ "shell": shell, "script": script }))?;
        }
    }
    Ok(Exit::Done)
}
