//! `updraft install`: plan, fetch, verify, stage, switch.

use std::time::Duration;

use serde_json::{Value, json};
use updraft_protocol::{ChannelName, ComponentName, ReleaseVersion};

use super::{
    Context, Exit,
    client::{Client, segment},
    follow::{Begun, Lines, follow},
    output::{Format, Output},
    status::moment,
    words::{clean, size, span},
};
use crate::{
    api::types::{InstallBody, Operation, Plan},
    problem::Problem,
};

/// Install or update a component
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to install
    pub component: ComponentName,
    /// Which version; the channel's newest if left out
    pub version: Option<ReleaseVersion>,
    /// Take the newest of this channel
    #[arg(long, value_name = "CHANNEL", conflicts_with = "version")]
    pub channel: Option<ChannelName>,
    /// Fetch and verify, but do not install
    #[arg(long)]
    pub download_only: bool,
    /// Print the plan and exit
    #[arg(long)]
    pub dry_run: bool,
    /// Accept a release marked as breaking
    #[arg(short, long)]
    pub force: bool,
    /// Accept a lower version
    #[arg(long)]
    pub allow_downgrade: bool,
    /// Whole artifact, no patches
    #[arg(long)]
    pub no_delta: bool,
    /// Return at once; follow with 'updraft status --watch'
    #[arg(long)]
    pub no_wait: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    let ended = context.talk(async |client| install(args, &client, &context.output).await);
    if matches!(ended, Ok(Exit::Interrupted)) {
        context.output.say("Detached; the node goes on. `updraft status` shows how far it is.");
    }
    ended
}

/// Does it and prints.
pub(super) async fn install(
    args: &Args,
    client: &Client,
    output: &Output,
) -> Result<Exit, Problem> {
    let path = format!("/api/v1/components/{}/install", segment(args.component.as_str()));
    let body = InstallBody {
        version: args.version.as_ref().map(ToString::to_string),
        channel: args.channel.as_ref().map(ToString::to_string),
        download_only: args.download_only,
        force: args.force,
        allow_downgrade: args.allow_downgrade,
        no_delta: args.no_delta,
        dry_run: true,
    };
    let plan: Plan = client.post(&path, &body).await?;
    tell_plan(&plan, args, output)?;
    let there = plan.from.as_ref() == Some(&plan.to) && !args.download_only;
    if args.dry_run || there {
        return Ok(Exit::Done);
    }
    // What was planned is what is installed, even if a newer release is heard of meanwhile.
    let body = InstallBody { version: Some(plan.to.clone()), dry_run: false, ..body };
    let begun: Begun = client.post(&path, &body).await?;
    if args.no_wait {
        match output.format() {
            Format::Json => output.json_line(&json!({ "type": "begun", "operation": begun.id }))?,
            Format::Text => output.line(&format!("{} has begun", clean(&begun.id))),
        }
        return Ok(Exit::Done);
    }
    let operation = follow(client, output, &begun.id, Lines::EachStep).await?;
    match output.format() {
        Format::Json => typed("done", json!(operation), output)?,
        Format::Text => {
            let what = if args.download_only { "Fetched" } else { "Updated" };
            output.line(&end_of(what, &operation));
        }
    }
    Ok(Exit::Done)
}

fn tell_plan(plan: &Plan, args: &Args, output: &Output) -> Result<(), Problem> {
    if output.format() == Format::Json {
        return typed("plan", json!(plan), output);
    }
    if plan.from.as_ref() == Some(&plan.to) && !args.download_only {
        output.line(&clean(&format!("{} {} is installed already.", plan.component, plan.to)));
        return Ok(());
    }
    for warning in &plan.warnings {
        output.warn(&clean(warning));
    }
    let from = plan.from.as_ref().map_or(String::new(), |from| format!("{from} → "));
    let instead = if plan.fetch_bytes < plan.full_bytes {
        format!(" instead of {}", size(plan.full_bytes))
    } else {
        String::new()
    };
    let text = format!(
        "{} {from}{}   {} to fetch{instead}, {} of disk",
        plan.component,
        plan.to,
        size(plan.fetch_bytes),
        size(plan.disk_bytes)
    );
    // The plan is the data of a dry run, and talk before a real one.
    if args.dry_run {
        output.line(&clean(&text))
    } else {
        output.say(&clean(&text))
    }
    Ok(())
}

/// The sentence at a good end: `Updated demo-app 1.0.0 → 1.1.0 in 4 s.`
pub(super) fn end_of(what: &str, operation: &Operation) -> String {
    let started = moment(&operation.started_at);
    let ended = operation.ended_at.as_deref().and_then(moment);
    let took = started
        .zip(ended)
        .map(|(started, ended)| format!(" in {}", span(Duration::from_secs(ended.since(started)))));
    let (what, from) = match &operation.from {
        Some(from) => (what, format!("{from} → ")),
        None if what == "Updated" => ("Installed", String::new()),
        None => (what, String::new()),
    };
    let (component, to) = (&operation.component, &operation.to);
    clean(&format!("{what} {component} {from}{to}{}.", took.unwrap_or_default()))
}

/// A JSON line of `members` with its type.
fn typed(kind: &str, mut members: Value, output: &Output) -> Result<(), Problem> {
    members["type"] = kind.into();
    output.json_line(&members)
}
