//! `updraft join`: from a ticket to a network this node believes.

use serde_json::json;
use updraft_protocol::Ticket;

use super::{Answer, Context, Exit, output::Format, publisher::warn_of_kind, ticket::parse};
use crate::{
    api::types::network_kind,
    fingerprint::Fingerprint,
    join::{self, Chain},
    problem::{Code, Problem},
};

/// Join an update network from a ticket
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Ticket (updraft1…), or a file that holds one
    pub ticket: String,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    let ticket = parse(&args.ticket)?;
    let output = &context.output;
    output.say(&format!("Network {}, from ticket", ticket.name));
    output.say(&format!("  root  {}", Fingerprint::of(&ticket.root)));
    let chain = context.runtime()?.block_on(join::ask(&ticket))?;
    warn_of_kind(chain.newest(), output);
    let question = "Compare this with what the publisher shows. Trust it?";
    if context.ask(question) == Answer::No {
        return Err(Problem::new(Code::Failed, "the network was not joined")
            .hint("`--yes` answers yes, when the ticket itself came from where you trust"));
    }
    join::keep(&context.dirs()?.data, &chain, &ticket.addresses)?;
    tell(&ticket, &chain, context)
}

fn tell(ticket: &Ticket, chain: &Chain, context: &Context) -> Result<Exit, Problem> {
    let root = chain.newest();
    let fingerprint = Fingerprint::of(&ticket.root);
    let channels: Vec<_> = root.release.iter().map(|role| role.channel.as_str()).collect();
    match context.output.format() {
        Format::Json => context.output.document(
            "join",
            &json!({
                "network": root.name.as_str(),
                "kind": network_kind(root.kind),
                "root": ticket.root.to_string(),
                "fingerprint": fingerprint.digits(),
                "words": fingerprint.words(),
                "rootVersion": root.version,
                "expires": root.expires.to_string(),
                "channels": channels,
                "bootstrap": ticket.addresses,
            }),
        )?,
        Format::Text => {
            let (name, addresses) = (&root.name, ticket.addresses.len());
            context.output.line(&format!(
                "Joined {name}. Root {}, {addresses} bootstrap addresses, channels {}",
                root.version,
                channels.join(", ")
            ));
            context.output.hint("start the node with `updraft run`, then `updraft list --all`");
        }
    }
    Ok(Exit::Done)
}
