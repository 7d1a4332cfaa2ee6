//! `updraft delta`: the engine alone, for files and folders that nobody published.
//!
//! ```text
//!  create    OLD, NEW ─▶ PATCH, applied and compared before it is written
//!  apply     OLD, PATCH ─▶ NEW, whole or not at all
//!  inspect   PATCH ─▶ what it says about itself
//!
//!  side.rs   what OLD and NEW are, read in order or by position      patch_file.rs   the file of a patch, bounded
//!  stats.rs  time, memory and sizes                                  refusal.rs      errors as problems
//!  interruptible.rs   Ctrl-C and SIGTERM, which leave nothing
//! ```
//!
//! Needs no node, no configuration and no data directory. There are no signatures here: who applies a patch trusts
//! whoever gave it, and learns only that it fits what it is applied to and that nothing was damaged on the way.

pub mod apply;
pub mod create;
pub mod inspect;
mod interruptible;
mod patch_file;
mod refusal;
mod side;
mod stats;
#[cfg(test)]
mod tests;

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};
use updraft_delta::{Sides, patch};
use updraft_protocol::PatchCodec;

use super::{Context, Exit};
use crate::problem::Problem;

/// What to do with patches.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a patch that turns OLD into NEW
    Create(create::Args),
    /// Turn OLD into NEW by a patch
    Apply(apply::Args),
    /// Show what a patch says about itself
    Inspect(inspect::Args),
}

pub(super) fn run(command: Command, context: &Context) -> Result<Exit, Problem> {
    match command {
        Command::Create(args) => create::run(&args, context),
        Command::Apply(args) => apply::run(&args, context),
        Command::Inspect(args) => inspect::run(&args, context),
    }
}

/// How a patch is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Codec {
    /// What a publisher offers: dense if that saves 3 %, else fast; plain if that is too large for both
    Auto,
    /// For contents of any kind up to 2 GiB; applied in 48 MiB of memory
    Plain,
    /// Knows executables and archives; applied in memory
    Fast,
    /// The smallest, and slow to make and to apply
    Dense,
}

impl Codec {
    fn named(self) -> Option<PatchCodec> {
        match self {
            Self::Auto => None,
            Self::Plain => Some(PatchCodec::BsdiffZstd),
            Self::Fast => Some(PatchCodec::RefdiffFast),
            Self::Dense => Some(PatchCodec::RefdiffDense),
        }
    }
}

/// The name of a codec, as `--codec` takes it.
fn name_of(codec: PatchCodec) -> &'static str {
    match codec {
        PatchCodec::BsdiffZstd => "plain",
        PatchCodec::RefdiffFast => "fast",
        PatchCodec::RefdiffDense => "dense",
    }
}

/// What both sides of a patch are, for programs.
fn word_of(sides: Sides) -> &'static str {
    match sides {
        Sides::Files => "files",
        Sides::Folders => "folders",
    }
}

/// What a patch says about itself, for programs. `bytes` are those of its file.
fn in_json(header: &patch::Header, sides: Sides, bytes: u64) -> Value {
    json!({
        "between": word_of(sides),
        "codec": name_of(header.codec),
        "patchBytes": bytes,
        "old": { "bytes": header.old_size, "check": header.old_check.to_string() },
        "new": { "bytes": header.new_size, "check": header.new_check.to_string() },
    })
}
