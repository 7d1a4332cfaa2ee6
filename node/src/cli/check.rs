//! `updraft check`: asks the network now what is new.

use serde::Serialize;
use updraft_protocol::ComponentName;

use super::{
    Context, Exit,
    client::Client,
    output::{Format, Output},
    status::{count, state, unknown},
    words::{clean, size},
};
use crate::{
    api::types::{CheckReport, Component, HeldBy, Status},
    clock::Clock,
    problem::{Code, Problem},
};

/// Look for updates now
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only these components
    pub components: Vec<ComponentName>,
    /// Exit 10 when an update is available
    #[arg(long)]
    pub exit_code: bool,
    /// Use only what is already known
    #[arg(long)]
    pub offline: bool,
}

/// One update on offer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    component: String,
    current: Option<String>,
    available: String,
    channel: String,
    kind: Option<String>,
    severity: Option<String>,
    fetch_bytes: Option<u64>,
    full_bytes: Option<u64>,
    state: String,
    held_by: Option<HeldBy>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    peers_asked: Option<usize>,
    updates: Vec<Update>,
    /// Why it cannot be said of a component that it is up to date.
    unproven: Vec<String>,
    last_check_at: Option<String>,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    context.talk(async |client| check(args, &client, context.data()).await)
}

/// Asks and prints; prints nothing without an output.
pub(super) async fn check(
    args: &Args,
    client: &Client,
    output: Option<&Output>,
) -> Result<Exit, Problem> {
    let asked = if args.offline {
        None
    } else {
        let report: CheckReport = client.post("/api/v1/check", &serde_json::json!({})).await?;
        if report.asked == 0 {
            return Err(Problem::new(Code::NoPeers, "no peer answered, so nothing new is known")
                .hint(
                    "`updraft check --offline` shows what is known, `updraft peers` who is there",
                ));
        }
        Some(report.asked)
    };
    let status: Status = client.get("/api/v1/status").await?;
    let known: Vec<_> = status.components.iter().map(|c| c.name.clone()).collect();
    if let Some(name) =
        args.components.iter().find(|name| !known.iter().any(|k| k == name.as_str()))
    {
        return Err(unknown(name, &known));
    }
    let wanted = |component: &&Component| {
        args.components.is_empty()
            || args.components.iter().any(|name| name.as_str() == component.name)
    };
    let updates: Vec<_> = status.components.iter().filter(wanted).filter_map(update).collect();
    let unproven: Vec<_> = status
        .components
        .iter()
        .filter(wanted)
        .filter(|component| component.available.is_none())
        .filter_map(|component| component.held_by.as_ref().map(|held| held.detail.clone()))
        .collect();
    let exit = if args.exit_code && !updates.is_empty() { Exit::ConditionTrue } else { Exit::Done };
    let report =
        Report { peers_asked: asked, updates, unproven, last_check_at: status.last_check_at };
    match output.map(|output| (output, output.format())) {
        None => {}
        Some((output, Format::Json)) => output.document("check", &report)?,
        Some((output, Format::Text)) => show(&report, output),
    }
    Ok(exit)
}

fn update(component: &Component) -> Option<Update> {
    Some(Update {
        component: component.name.clone(),
        current: component.installed.clone(),
        available: component.available.clone()?,
        channel: component.channel.clone(),
        kind: component.kind.clone(),
        severity: component.severity.clone(),
        fetch_bytes: component.plan.as_ref().map(|plan| plan.fetch_bytes),
        full_bytes: component.plan.as_ref().map(|plan| plan.full_bytes),
        state: state(component, Clock::system().now()),
        held_by: component.held_by.clone(),
    })
}

fn show(report: &Report, output: &Output) {
    if let Some(asked) = report.peers_asked {
        output.say(&format!("Asked {}.", count(asked, "peer")));
    }
    for detail in &report.unproven {
        output.line(&clean(detail));
    }
    if report.updates.is_empty() && report.unproven.is_empty() {
        output.line("Everything is up to date.");
    }
    for update in &report.updates {
        let from = update.current.as_deref().unwrap_or("not installed");
        let about = update.kind.as_deref().unwrap_or("release");
        let bytes = update.fetch_bytes.map(|bytes| format!(", {}", size(bytes)));
        let line = format!(
            "{} {from} → {} ({about}{})  {}",
            update.component,
            update.available,
            bytes.unwrap_or_default(),
            update.state
        );
        output.line(&clean(&line));
        if let Some(held) = &update.held_by {
            output.line(&format!("  {}", clean(&held.detail)));
        }
    }
}
