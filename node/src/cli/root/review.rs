//! `updraft root review`: recommendations about the keys in force.

use serde_json::json;

use super::Desk;
use crate::{
    cli::{Context, Exit, output::Format, words::clean},
    clock::Clock,
    problem::Problem,
    publish::{
        ledger::Trusted,
        review::{Offered, Picture, review as recommend},
    },
};

pub(super) fn review(context: &Context) -> Result<Exit, Problem> {
    let desk = Desk::here(context)?;
    desk.trusting(|trusted| {
        let names = desk.names();
        let (heads, offered) = on_offer(trusted)?;
        let lines = recommend(&Picture {
            root: trusted.root(),
            heads: &heads,
            offered: &offered,
            names: &names,
            now: Clock::system().now(),
        });
        match context.output.format() {
            Format::Json => context.output.document(
                "root",
                &json!({ "rootVersion": trusted.root().version, "recommendations": lines }),
            )?,
            Format::Text if lines.is_empty() => context.output.line("Nothing to recommend."),
            Format::Text => {
                lines.iter().for_each(|line| context.output.line(&format!("- {}", clean(line))));
            }
        }
        Ok(Exit::Done)
    })
}

fn on_offer(trusted: &Trusted<'_>) -> Result<(Vec<updraft_protocol::Head>, Vec<Offered>), Problem> {
    let (mut heads, mut offered) = (Vec::new(), Vec::new());
    for entry in &trusted.root().release {
        let Some(head) = trusted.head(&entry.channel)? else { continue };
        for listing in &head.releases {
            if let Some(held) = trusted.named_manifest(&entry.channel, listing)? {
                offered.push(Offered {
                    channel: entry.channel.clone(),
                    manifest: held.signed,
                    name: held.verified.release_name(),
                });
            }
        }
        heads.push(head.into_inner());
    }
    Ok((heads, offered))
}
