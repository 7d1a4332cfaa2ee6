//! `updraft history`: what happened on this node, who asked for it, how it ended.

use serde_json::json;
use updraft_protocol::ComponentName;

use super::{
    Context, Exit,
    client::{Client, segment},
    output::{Format, Output},
    reference::Since,
    status::{dash, moment},
};
use crate::{
    api::types::{HistoryEntry, Page},
    clock::Clock,
    problem::Problem,
};

/// What happened on this node
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this component
    pub component: Option<ComponentName>,
    /// At most so many entries, the newest
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub limit: u32,
    /// Only what happened since then: 3d, or an RFC 3339 time
    #[arg(long, value_name = "WHEN")]
    pub since: Option<Since>,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    context.talk(async |client| history(args, &client, &context.output).await)
}

/// Does it and prints.
pub(super) async fn history(
    args: &Args,
    client: &Client,
    output: &Output,
) -> Result<Exit, Problem> {
    let mut path = format!("/api/v1/history?limit={}", args.limit);
    if let Some(component) = &args.component {
        path.push_str(&format!("&component={}", segment(component.as_str())));
    }
    let mut page: Page<HistoryEntry> = client.get(&path).await?;
    if let Some(since) = args.since {
        let since = since.moment(Clock::system().now());
        page.items.retain(|entry| moment(&entry.at).is_none_or(|at| at >= since));
    }
    match output.format() {
        Format::Json => output.document("history", &json!({ "items": page.items }))?,
        Format::Text if page.items.is_empty() => output.say("Nothing has happened yet."),
        Format::Text => output.table(
            ["TIME", "COMPONENT", "WHAT", "FROM", "TO", "RESULT", "BY", "DETAIL"],
            page.items.iter().map(|entry| {
                [
                    entry.at.clone(),
                    entry.component.clone(),
                    entry.what.clone(),
                    dash(entry.from.as_ref()),
                    entry.to.clone(),
                    entry.result.clone(),
                    entry.by.clone(),
                    entry.error.clone().unwrap_or_else(|| entry.detail.clone()),
                ]
            }),
        ),
    }
    Ok(Exit::Done)
}
