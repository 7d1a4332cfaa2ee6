//! `updraft version`: what this program is and what it was built from.

use serde_json::json;

use super::{Context, Exit, output::Format};
use crate::{
    build::{self, Build},
    problem::Problem,
};

/// Version and build
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args, context: &Context) -> Result<Exit, Problem> {
    let Build { version, speaks } = context.build;
    if context.output.format() == Format::Json {
        let protocol = json!({ "min": speaks.oldest, "max": speaks.newest });
        context.output.document(
            "version",
            &json!({
                "version": version, "commit": build::COMMIT, "target": build::TARGET,
                "rustc": build::RUSTC, "protocol": protocol, "features": [],
            }),
        )?;
    } else {
        context.output.line(&format!("updraft {version} ({})", build::COMMIT));
        if context.global.verbose > 0 {
            context.output.line(&format!("target    {}", build::TARGET));
            context.output.line(&format!("protocol  {} to {}", speaks.oldest, speaks.newest));
            context.output.line(&format!("rustc     {}", build::RUSTC));
        }
    }
    Ok(Exit::Done)
}
