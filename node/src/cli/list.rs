//! `updraft list`: components, and with `--all` every release known.

use serde_json::json;
use updraft_protocol::ChannelName;

use super::{
    Context, Exit,
    client::Client,
    output::{Format, Output},
    releases,
    status::{dash, state},
    words::size,
};
use crate::{
    api::types::{Component, Release},
    clock::Clock,
    problem::Problem,
};

/// List components and their versions
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Every release known, not only installed ones
    #[arg(short, long)]
    pub all: bool,
    /// Only this channel
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<ChannelName>,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    context.talk(async |client| list(args, &client, &context.output).await)
}

/// Does it and prints.
pub(super) async fn list(args: &Args, client: &Client, output: &Output) -> Result<Exit, Problem> {
    let channel = args.channel.as_ref().map(ChannelName::as_str);
    if args.all {
        let releases = releases::all(client, None, channel).await?;
        match output.format() {
            Format::Json => output.document("list", &json!({ "releases": releases }))?,
            Format::Text if releases.is_empty() => output.say("No release has been heard of yet."),
            Format::Text => output.table(
                ["COMPONENT", "VERSION", "CHANNEL", "TARGET", "KIND", "SIZE", "SIGNED", "HERE"],
                releases.iter().map(release_row),
            ),
        }
        return Ok(Exit::Done);
    }
    let mut components: Vec<Component> = client.get("/api/v1/components").await?;
    components.retain(|component| channel.is_none_or(|name| component.channel == name));
    let now = Clock::system().now();
    match output.format() {
        Format::Json => output.document("list", &json!({ "components": components }))?,
        Format::Text if components.is_empty() => {
            output.say("No component is installed or followed yet.");
            output.hint("`updraft list --all` shows what is on offer");
        }
        Format::Text => output.table(
            ["COMPONENT", "INSTALLED", "CHANNEL", "AVAILABLE", "STATE"],
            components.iter().map(|component| {
                [
                    component.name.clone(),
                    dash(component.installed.as_ref()),
                    component.channel.clone(),
                    dash(component.available.as_ref()),
                    state(component, now),
                ]
            }),
        ),
    }
    Ok(Exit::Done)
}

fn release_row(release: &Release) -> [String; 8] {
    [
        release.component.clone(),
        match (&release.withdrawn, &release.barred) {
            (Some(reason), _) => format!("{} (withdrawn: {reason})", release.version),
            (None, Some(_)) => format!("{} (not to be installed now)", release.version),
            (None, None) => release.version.clone(),
        },
        release.channel.clone(),
        release.target.clone(),
        dash(release.kind.as_ref()),
        release.size_bytes.map_or("-".to_owned(), size),
        format!("{} of {}", release.signatures.len(), release.threshold),
        if release.held { "yes" } else { "-" }.to_owned(),
    ]
}
