//! What `updraft publish` says on the way: words for people, JSON lines for programs.

use serde_json::{Value, json};

use super::super::{Context, output::Format, publisher::codec_word, words};
use crate::{problem::Problem, publish::Step};

pub(super) fn tell_step(step: &Step, context: &Context) {
    let (words, members) = said(step);
    match context.output.format() {
        Format::Text => context.output.say(&words),
        Format::Json => {
            // A reader that went away is told of at the end.
            let _ = line("progress", members, context);
        }
    }
}

/// A step in words, and for programs.
fn said(step: &Step) -> (String, Value) {
    match step {
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
        Step::Patching { done, of, eta } => (
            match eta {
                Some(eta) if done < of => {
                    format!("    Patching {done} of {of}, about {} left", words::span(*eta))
                }
                _ => format!("    Patching {done} of {of}"),
            },
            json!({
                "step": "patching",
                "done": done,
                "of": of,
                "etaSeconds": eta.map(|eta| eta.as_secs()),
            }),
        ),
        Step::Patch { from, codec, bytes, whole } => (
            format!(
                "    Patching from {from}, {}   {}   ({})",
                codec_word(*codec),
                words::size(*bytes),
                words::share(*bytes, *whole)
            ),
            json!({
                "step": "patch",
                "from": from.to_string(),
                "codec": codec_word(*codec),
                "bytes": bytes,
                "wholeBytes": whole,
            }),
        ),
        Step::NoPatch { from, why } => (
            format!("    No patch from {from}: {why}"),
            json!({ "step": "noPatch", "from": from.to_string(), "reason": why }),
        ),
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use updraft_protocol::PatchCodec;

    use super::*;

    #[test]
    fn patches_are_told_with_how_long_the_others_take() {
        let patching = |done, eta| said(&Step::Patching { done, of: 3, eta });
        let (words, members) = patching(0, None);
        assert_eq!(words, "    Patching 0 of 3");
        assert_eq!(members, json!({ "step": "patching", "done": 0, "of": 3, "etaSeconds": null }));
        let (words, members) = patching(1, Some(Duration::from_millis(125_900)));
        assert_eq!(words, "    Patching 1 of 3, about 2 min 5 s left");
        assert_eq!(members["etaSeconds"], 125);
        assert_eq!(patching(3, Some(Duration::ZERO)).0, "    Patching 3 of 3");
        let from = "1.0.0".parse().expect("a version");
        let codec = PatchCodec::RefdiffDense;
        let (words, members) = said(&Step::Patch { from, codec, bytes: 300, whole: 1_000 });
        assert_eq!(words, "    Patching from 1.0.0, dense   300 B   (30.0 %)");
        assert_eq!(members["codec"], "dense");
    }
}
