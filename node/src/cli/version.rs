//! `updraft version`: what this program is and what it was built from.

use serde_json::json;

use super::{Context, Exit, output::Format};
use crate::{build, problem::Problem};

/// Version and build
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args, context: &Context) -> Result<Exit, Problem> {
    if context.output.format() == Format::Json {
        let protocol = json!({ "min": build::PROTOCOL_MIN, "max": build::PROTOCOL_MAX });
        context.output.document(
            "version",
            &json!({
                "version": build::VERSION, "commit": build::COMMIT, "target": build::TARGET,
                "rustc": build::RUSTC, "protocol": protocol, "features": [],
            }),
        )?;
    } else {
        context.output.line(&format!("updraft {} ({})", build::VERSION, build::COMMIT));
        if context.global.verbose > 0 {
            let protocol = (build::PROTOCOL_MIN, build::PROTOCOL_MAX);
            context.output.line(&format!("target    {}", build::TARGET));
            context.output.line(&format!("protocol  {} to {}", protocol.0, protocol.1));
            context.output.line(&format!("rustc     {}", build::RUSTC));
        }
    }
    Ok(Exit::Done)
}
