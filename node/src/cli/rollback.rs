//! `updraft rollback`: back to a version that is kept.

use serde_json::json;
use updraft_protocol::{ComponentName, ReleaseVersion};

use super::{
    Context, Exit,
    client::{Client, segment},
    follow::{Begun, Lines, follow},
    install::end_of,
    output::{Format, Output},
};
use crate::{
    api::types::{Component, RollbackBody},
    problem::Problem,
};

/// Return to an earlier version
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What goes back
    pub component: ComponentName,
    /// Which kept version; the previous one if left out
    #[arg(long, value_name = "VERSION", conflicts_with = "list")]
    pub to: Option<ReleaseVersion>,
    /// Only list the versions there are
    #[arg(long)]
    pub list: bool,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    context.talk(async |client| rollback(args, &client, &context.output).await)
}

/// Does it and prints.
pub(super) async fn rollback(
    args: &Args,
    client: &Client,
    output: &Output,
) -> Result<Exit, Problem> {
    let path = format!("/api/v1/components/{}", segment(args.component.as_str()));
    if args.list {
        let component: Component = client.get(&path).await?;
        match output.format() {
            Format::Json => output.document(
                "rollback",
                &json!({
                    "component": component.name, "installed": component.installed,
                    "kept": component.kept,
                }),
            )?,
            Format::Text if component.kept.is_empty() => {
                output.say(&format!("No earlier version of {} is kept.", args.component));
            }
            Format::Text => {
                output.table(["VERSION"], component.kept.into_iter().map(|version| [version]));
            }
        }
        return Ok(Exit::Done);
    }
    let body =
        RollbackBody { to: args.to.as_ref().map(ToString::to_string), reason: args.reason.clone() };
    let begun: Begun = client.post(&format!("{path}/rollback"), &body).await?;
    let operation = follow(client, output, &begun.id, Lines::None).await?;
    match output.format() {
        Format::Json => output.document("rollback", &operation)?,
        Format::Text => output.line(&end_of("Rolled back", &operation)),
    }
    Ok(Exit::Done)
}
