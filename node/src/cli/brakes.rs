//! `updraft brakes`: the pauses in force, as the node knows them.

use serde_json::json;

use super::{
    Context, Exit,
    output::Format,
    publisher::warn_of_kind_word,
    status::moment,
    words::{clean, relative},
};
use crate::{api::types::Status, clock::Clock, problem::Problem};

/// Digits of a key's id that people compare.
const KEY_DIGITS: usize = 16;

/// List the pauses in force
#[derive(Debug, clap::Args)]
pub struct Args {}

pub(super) fn run(_args: &Args, context: &Context) -> Result<Exit, Problem> {
    context.talk(async |client| {
        let status: Status = client.get("/api/v1/status").await?;
        let output = &context.output;
        warn_of_kind_word(&status.node.network_kind, output);
        let pauses = || {
            let channels = status.channels.iter();
            channels.flat_map(|channel| channel.pauses.iter().map(|pause| (&channel.name, pause)))
        };
        if output.format() == Format::Json {
            let brakes: Vec<_> = pauses()
                .map(|(channel, pause)| json!({ "channel": channel, "pause": pause }))
                .collect();
            let kind = &status.node.network_kind;
            output.document("brakes", &json!({ "networkKind": kind, "brakes": brakes }))?;
            return Ok(Exit::Done);
        }
        if pauses().next().is_none() {
            output.say("Nothing is paused.");
            return Ok(Exit::Done);
        }
        let now = Clock::system().now();
        output.table(
            ["CHANNEL", "RELEASE", "ENDS", "BY", "REASON"],
            pauses().map(|(channel, pause)| {
                let ends = moment(&pause.until).map(|until| relative(until, now));
                [
                    channel.clone(),
                    pause.release.clone().unwrap_or_else(|| "everything".to_owned()),
                    ends.unwrap_or_else(|| pause.until.clone()),
                    pause.by.chars().take(KEY_DIGITS).collect(),
                    clean(&pause.reason),
                ]
            }),
        );
        Ok(Exit::Done)
    })
}
