//! What `updraft publish` says on the way: words for people, JSON lines for programs.

use serde_json::{Value, json};

use super::super::{Context, output::Format, words};
use crate::{problem::Problem, publish::Step};

pub(super) fn tell_step(step: &Step, context: &Context) {
    let (words, members) = match step {
        Step::Compressing { files, bytes } => (
            format!(" Compressing {files} files, {}", words::size(*bytes)),
            json!({ "step": "compressing", "files": files, "bytes": bytes }),
        ),
        Step::Compressed { bytes, blob, chunks } => (
            format!(
                "    Chunking {} → {} in {chunks} chunks",
                words::size(*bytes),
                words::size(*blob)
            ),
            json!({ "step": "compressed", "bytes": bytes, "wholeBytes": blob, "chunks": chunks }),
        ),
        Step::Patch { from, bytes, whole } => (
            format!(
                "    Patching from {from}   {}   ({})",
                words::size(*bytes),
                words::share(*bytes, *whole)
            ),
            json!({ "step": "patch", "from": from.to_string(), "bytes": bytes, "wholeBytes": whole }),
        ),
        Step::NoPatch { from, why } => (
            format!("    No patch from {from}: {why}"),
            json!({ "step": "noPatch", "from": from.to_string(), "reason": why }),
        ),
    };
    match context.output.format() {
        Format::Text => context.output.say(&words),
        Format::Json => {
            // A reader that went away is told of at the end.
            let _ = line("progress", members, context);
        }
    }
}

fn line(kind: &str, mut members: Value, context: &Context) -> Result<(), Problem> {
    members["schema"] = json!("updraft.publish/1");
    members["type"] = json!(kind);
    context.output.json_line(&members)
}

pub(super) fn tell_replicas(held: usize, wanted: usize, context: &Context) {
    match context.output.format() {
        Format::Text => {
            context.output.say(&format!("     Waiting {held} of {wanted} peers hold it"))
        }
        Format::Json => {
            let members = json!({ "step": "replicas", "replicas": held, "wanted": wanted });
            // As in `tell_step`.
            let _ = line("progress", members, context);
        }
    }
}

pub(super) fn finish(members: Value, words: &str, context: &Context) -> Result<(), Problem> {
    match context.output.format() {
        Format::Json => line("result", members, context),
        Format::Text => {
            context.output.line(words);
            Ok(())
        }
    }
}
