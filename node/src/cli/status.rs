//! `updraft status`: what this node runs, what is available, and what it waits for.

use std::time::Duration;

use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};
use updraft_protocol::{ComponentName, NetworkKind, Timestamp};

use super::{
    Context, Exit,
    client::Client,
    output::{Format, Output, Style},
    words::{DEV_NETWORK, clean, relative, size, span},
};
use crate::{
    api::types::{Component, Status, network_kind},
    clock::Clock,
    problem::{Code, Problem},
};

/// How often `--watch` looks.
const WATCH: Duration = Duration::from_secs(1);
/// Clears a terminal and goes to its first line.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

/// Show what this node runs, what is available and what it waits for
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this component
    pub component: Option<ComponentName>,
    /// Refresh until interrupted
    #[arg(short, long)]
    pub watch: bool,
    /// Exit 10 when something needs attention
    #[arg(long)]
    pub exit_code: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    context.talk(async |client| {
        if args.watch {
            return watch(args, &client, &context.output).await;
        }
        status(args, &client, context.data()).await
    })
}

/// Shows the status once; shows nothing without an output.
pub(super) async fn status(
    args: &Args,
    client: &Client,
    output: Option<&Output>,
) -> Result<Exit, Problem> {
    let status = fetch(args, client).await?;
    match output.map(|output| (output, output.format())) {
        None => {}
        Some((output, Format::Json)) => output.document("status", &status)?,
        Some((output, Format::Text)) => show(&status, output, Clock::system().now()),
    }
    Ok(if args.exit_code && needs_attention(&status) { Exit::ConditionTrue } else { Exit::Done })
}

/// Shows the status again and again, until the reader goes away or Ctrl-C.
async fn watch(args: &Args, client: &Client, output: &Output) -> Result<Exit, Problem> {
    let mut ticks = interval(WATCH);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !output.is_closed() {
        ticks.tick().await;
        let status = fetch(args, client).await?;
        match output.format() {
            Format::Json => {
                let mut line = json!(status);
                line["type"] = "status".into();
                output.json_line(&line)?;
            }
            Format::Text => {
                if output.is_terminal() {
                    output.raw(CLEAR);
                }
                show(&status, output, Clock::system().now());
            }
        }
    }
    Ok(Exit::Done)
}

async fn fetch(args: &Args, client: &Client) -> Result<Status, Problem> {
    let mut status: Status = client.get("/api/v1/status").await?;
    if let Some(name) = &args.component {
        let known: Vec<_> = status.components.iter().map(|c| c.name.clone()).collect();
        status.components.retain(|component| component.name == name.as_str());
        if status.components.is_empty() {
            return Err(unknown(name, &known));
        }
    }
    Ok(status)
}

/// The problem of a component that this node does not have.
pub(super) fn unknown(name: &ComponentName, known: &[String]) -> Problem {
    let problem =
        Problem::new(Code::ComponentUnknown, format!("this node has no component named `{name}`"));
    match known {
        [] => problem.hint("`updraft list --all` shows what is on offer"),
        known => problem.hint(format!("it has {}; `updraft list --all`", known.join(", "))),
    }
}

/// Whether a person should look.
fn needs_attention(status: &Status) -> bool {
    let wants = |component: &Component| {
        component.available.is_some() || matches!(component.state.as_str(), "held" | "failed")
    };
    !status.problems.is_empty() || status.components.iter().any(wants)
}

fn show(status: &Status, output: &Output, now: Timestamp) {
    let node = &status.node;
    let up = moment(&node.started_at).map_or(String::new(), |started| {
        format!(" · up {}", span(Duration::from_secs(now.since(started))))
    });
    output.line(&format!(
        "{}  {} · {} · {} · protocol {}{up}",
        output.paint(Style::Strong, "NODE    "),
        clean(&node.name),
        clean(&node.network),
        count(status.peers.connected, "peer"),
        node.protocol,
    ));
    if node.network_kind == network_kind(NetworkKind::Development) {
        output.line(&output.paint(Style::Warning, DEV_NETWORK));
    }
    if status.components.is_empty() {
        output.line("no component is installed or followed yet");
    } else {
        output.table(
            ["COMPONENT", "INSTALLED", "CHANNEL", "AVAILABLE", "STATE"],
            status.components.iter().map(|component| {
                [
                    component.name.clone(),
                    dash(component.installed.as_ref()),
                    component.channel.clone(),
                    dash(component.available.as_ref()),
                    state(component, now),
                ]
            }),
        );
    }
    let sentences: Vec<_> = status.components.iter().filter_map(sentence).collect();
    if !sentences.is_empty() || !status.problems.is_empty() {
        output.line("");
    }
    for sentence in &sentences {
        output.line(&clean(sentence));
    }
    for problem in &status.problems {
        let word = output.paint(Style::Warning, &format!("{}:", problem.code));
        output.line(&format!("{word} {}", clean(&problem.detail)));
        if let Some(hint) = &problem.hint {
            output.line(&format!("  {}", clean(hint)));
        }
    }
    if status.votes_open > 0 {
        output.hint(&format!("{} open: `updraft votes`", count(status.votes_open, "vote")));
    }
    // What waits for a vote nobody can install.
    let may = |component: &&Component| {
        component.available.is_some()
            && component.held_by.as_ref().is_none_or(|held| held.reason != "requirement")
    };
    let waiting = status.components.iter().find(may);
    if let Some(component) = waiting {
        output.hint(&format!("`updraft install {}` installs it now", clean(&component.name)));
    }
}

/// What a component is doing, in a few words.
pub(super) fn state(component: &Component, now: Timestamp) -> String {
    let words = match component.state.as_str() {
        "absent" => "not installed",
        "upToDate" => "up to date",
        "staged" => "checking files",
        "applying" => "switching",
        "fetching" => {
            return component.progress.map_or("fetching".to_owned(), |progress| {
                let share = u128::from(progress.done) * 100 / u128::from(progress.total.max(1));
                format!("fetching {share} %")
            });
        }
        "held" => {
            return component.held_by.as_ref().map_or("held".to_owned(), |held| {
                let until = held.until.as_deref().and_then(moment);
                let until = until.map(|until| format!(" until {}", relative(until, now)));
                format!("held: {}{}", held.reason, until.unwrap_or_default())
            });
        }
        other => other,
    };
    words.to_owned()
}

/// One sentence for a component that waits or is wrong.
fn sentence(component: &Component) -> Option<String> {
    let version = component.available.as_ref()?;
    let name = &component.name;
    let about: Vec<String> = [
        component.kind.clone(),
        component.severity.clone().filter(|severity| severity != "normal"),
        component.plan.as_ref().map(|plan| {
            let patch = if plan.fetch_bytes < plan.full_bytes { "patch" } else { "whole" };
            format!("{} {patch}", size(plan.fetch_bytes))
        }),
    ]
    .into_iter()
    .flatten()
    .collect();
    let what = format!("{name} {version} ({}) is available", about.join(", "));
    match (&component.held_by, component.state.as_str()) {
        (Some(held), _) => Some(format!("{what}. {}.", held.detail.trim_end_matches('.'))),
        (None, "available") => Some(format!("{what} and will be fetched.")),
        (None, _) => Some(format!("{what}.")),
    }
}

/// Reads a moment that the API wrote.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(moment.as_second()).ok().map(Timestamp::from_seconds)
}

/// A value, or a dash.
pub(super) fn dash(value: Option<&String>) -> String {
    value.cloned().unwrap_or_else(|| "-".to_owned())
}

/// `1 peer`, `2 peers`.
pub(super) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}
