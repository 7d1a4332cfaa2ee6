//! `updraft delta inspect`: what a patch says about itself. Nothing of it is applied or believed.

use std::path::PathBuf;

use updraft_delta::{Sides, patch};

use super::{
    super::{Context, Exit, output::Format, words::size},
    in_json, name_of,
    patch_file::PatchFile,
    refusal::of_patch,
    side::named,
    stats::{parts_in_json, show_parts},
};
use crate::problem::Problem;

/// What to look at.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The patch
    pub patch: PathBuf,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    let file = PatchFile::open(named(&args.patch)?)?;
    let parts = patch::parts(&file.patch()).map_err(|error| of_patch(file.path(), &error))?;
    let header = &file.header;
    let output = &context.output;
    match output.format() {
        Format::Json => {
            let mut members = in_json(header, file.sides, file.bytes());
            members["parts"] = parts_in_json(&parts).into();
            output.document("delta-inspect", &members)?;
        }
        Format::Text => {
            let between = match file.sides {
                Sides::Files => "two files",
                Sides::Folders => "two folders",
            };
            output.line(&format!("between      {between}"));
            output.line(&format!("codec        {}", name_of(header.codec)));
            output.line(&format!("patch        {}", bytes(file.bytes())));
            let side = |size: u64, check: patch::Check| format!("{}, check {check}", bytes(size));
            output.line(&format!("old          {}", side(header.old_size, header.old_check)));
            output.line(&format!("new          {}", side(header.new_size, header.new_check)));
            output.line("");
            show_parts(&parts, output);
        }
    }
    Ok(Exit::Done)
}

/// A size to read, and to compare.
fn bytes(bytes: u64) -> String {
    if bytes < 1024 { size(bytes) } else { format!("{} ({bytes} B)", size(bytes)) }
}
