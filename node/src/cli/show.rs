//! `updraft show`: one release: notes, signatures, artifacts, and how it would be fetched.

use serde_json::json;
use updraft_protocol::ReleaseVersion;

use super::{
    Context, Exit,
    client::Client,
    output::{Format, Output},
    reference::ReleaseRef,
    releases,
    words::{clean, size},
};
use crate::{
    api::types::{Delta, Release},
    problem::Problem,
};

/// Digits of a key's id that people compare.
const KEY_DIGITS: usize = 16;

/// Show a release: notes, signatures, artifacts, patch plan
#[derive(Debug, clap::Args)]
pub struct Args {
    /// COMPONENT or COMPONENT@VERSION
    pub release: ReleaseRef,
    /// Which way would be taken from this version
    #[arg(long, value_name = "VERSION")]
    pub from: Option<ReleaseVersion>,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    context.talk(async |client| show(args, &client, &context.output).await)
}

/// Does it and prints.
pub(super) async fn show(args: &Args, client: &Client, output: &Output) -> Result<Exit, Problem> {
    let release = releases::named(client, &args.release, None).await?;
    let from = args.from.as_ref().map(ToString::to_string);
    let patch = from.as_ref().and_then(|from| release.deltas.iter().find(|d| d.from == *from));
    match output.format() {
        Format::Json => {
            let plan = from.as_ref().map(|from| {
                json!({
                    "from": from, "to": release.version,
                    "path": patch.map_or(json!(["whole"]), |_| json!([from, release.version])),
                    "fetchBytes": patch.map_or(release.size_bytes, |patch| Some(patch.size_bytes)),
                    "fullBytes": release.size_bytes,
                })
            });
            output.document("show", &json!({ "release": release, "plan": plan }))?;
        }
        Format::Text => {
            print(&release, output);
            if let Some(from) = &from {
                print_plan(&release, from, patch, output);
            }
        }
    }
    Ok(Exit::Done)
}

fn print(release: &Release, output: &Output) {
    let breaking = if release.breaking == Some(true) { ", breaking" } else { "" };
    let word = |word: &Option<String>| clean(word.as_deref().unwrap_or("unknown"));
    output.line(&clean(&format!("{} {}", release.component, release.version)));
    let fact = |name: &str, text: String| output.line(&format!("  {name:<10} {}", clean(&text)));
    if let Some(reason) = &release.withdrawn {
        fact("WITHDRAWN", reason.clone());
    } else if let Some(why) = &release.barred {
        fact("WAITS", why.clone());
    }
    fact("channel", release.channel.clone());
    fact("target", release.target.clone());
    fact("kind", format!("{}, {}{breaking}", word(&release.kind), word(&release.severity)));
    if let Some(made) = &release.created_at {
        fact("made", made.clone());
    }
    if let (Some(whole), Some(installed)) = (release.size_bytes, release.installed_bytes) {
        let entries = release.entries.unwrap_or(0);
        let text = format!(
            "{} to fetch whole, {} installed, {entries} entries",
            size(whole),
            size(installed)
        );
        fact("size", text);
    }
    if let Some(floor) = &release.minimum_version {
        fact("from", format!("{floor} or newer"));
    }
    fact("signed", format!("{} of {} needed", release.signatures.len(), release.threshold));
    for signer in &release.signatures {
        fact("", signer.key_id.chars().take(KEY_DIGITS).collect());
    }
    for build in &release.builds {
        let key: String = build.key_id.chars().take(KEY_DIGITS).collect();
        let verdict = if build.agrees { "got the same" } else { "got ANOTHER tree" };
        fact("builder", format!("{key}  {verdict}, {}", build.tree));
    }
    for delta in &release.deltas {
        let what = format!("from {}  {}  {}", delta.from, size(delta.size_bytes), delta.format);
        fact("patch", what);
    }
    fact("manifest", release.manifest.clone());
    fact("here", if release.held { "whole" } else { "no" }.to_owned());
    match release.notes.as_deref().map(str::trim) {
        None => output.say("The manifest has not come yet; `updraft check` asks peers."),
        Some("") => {}
        Some(notes) => {
            output.line("");
            notes.lines().for_each(|line| output.line(&clean(line)));
        }
    }
}

fn print_plan(release: &Release, from: &str, patch: Option<&Delta>, output: &Output) {
    let whole = release.size_bytes.map_or("unknown".to_owned(), size);
    let way = patch.map_or(format!("whole, {whole}: no patch from there is on offer"), |patch| {
        format!("patch, {} instead of {whole}", size(patch.size_bytes))
    });
    output.line("");
    output.line(&clean(&format!("{from} → {}  {way}", release.version)));
}
