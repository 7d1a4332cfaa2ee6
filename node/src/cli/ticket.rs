//! `updraft ticket`: a line of text that lets others join.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};
use updraft_protocol::{
    Ticket,
    limits::{MAX_ADDRESS, MAX_TICKET_ADDRESSES},
};

use super::{
    Context, Exit, node_ledger,
    output::Format,
    publisher::{Publisher, data_directory, read_text},
};
use crate::{
    fingerprint::Fingerprint,
    join,
    network::Address,
    problem::{Code, Problem},
    publish::ledger::{Ledger, OnlyRoots},
};

/// A ticket has about 1,000 characters; a file of one may have a line end or two.
const MAX_TICKET_FILE: u64 = 4 * 1024;

/// What to do with tickets.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a ticket for the network of this directory or of this machine's node
    Create {
        /// Where newcomers may ask, with its /p2p/ part; the running node's addresses if left out
        #[arg(long, value_name = "MULTIADDR")]
        address: Vec<Address>,
    },
    /// Show what a ticket says
    Show {
        /// Ticket (updraft1…), or a file that holds one
        ticket: String,
    },
}

pub(super) fn run(command: Command, context: &Context) -> Result<Exit, Problem> {
    match command {
        Command::Create { address } => create(&address, context),
        Command::Show { ticket } => {
            let ticket = parse(&ticket)?;
            match context.output.format() {
                Format::Json => context.output.document("ticket", &in_json(&ticket))?,
                Format::Text => {
                    context.output.line(&format!("network      {}", ticket.name));
                    context.output.line(&format!("id           {}", ticket.network));
                    context.output.line(&format!("root         {}", Fingerprint::of(&ticket.root)));
                    for address in &ticket.addresses {
                        context.output.line(&format!("ask at       {address}"));
                    }
                }
            }
            Ok(Exit::Done)
        }
    }
}

fn in_json(ticket: &Ticket) -> Value {
    let fingerprint = Fingerprint::of(&ticket.root);
    json!({
        "ticket": ticket.to_string(),
        "network": ticket.name.as_str(),
        "root": ticket.root.to_string(),
        "fingerprint": fingerprint.digits(),
        "words": fingerprint.words(),
        "addresses": ticket.addresses,
    })
}

/// Reads a ticket, or a file that holds one.
pub(super) fn parse(text: &str) -> Result<Ticket, Problem> {
    let invalid = |error| {
        Problem::from_error(Code::RequestInvalid, &error)
            .hint("a ticket is one line; copy all of it, or give the file that holds it")
    };
    match text.parse::<Ticket>() {
        Ok(ticket) => Ok(ticket),
        Err(error) if !Path::new(text).exists() => Err(invalid(error)),
        Err(_) => read_text(&PathBuf::from(text), MAX_TICKET_FILE)?.parse().map_err(invalid),
    }
}

fn create(named: &[Address], context: &Context) -> Result<Exit, Problem> {
    if let Some(nameless) = named.iter().find(|address| address.peer().is_none()) {
        return Err(Problem::new(
            Code::RequestInvalid,
            format!("{nameless} does not say which peer"),
        )
        .hint("an address of a ticket ends in /p2p/PEER-ID; `updraft status` shows the node's"));
    }
    let publisher = Publisher::here(context)?;
    let node = node_ledger::find(context)?;
    let listening = match &node {
        Some(node) => node.listening()?,
        None => join::bootstrap(&context.dirs()?.data)?,
    };
    let root = match (publisher.project.as_ref().map(|project| project.root()), node) {
        (Some(root), _) if root.as_ref().is_ok_and(Option::is_some) => root?,
        (_, Some(node)) => node.root(1).map_err(Problem::from)?,
        (_, None) => data_directory(context)?.store.roots(0, 1)?.into_iter().next(),
    };
    let root = OnlyRoots(vec![root.ok_or_else(|| {
        Problem::new(Code::ConfigInvalid, "this machine has no network to make a ticket for")
            .hint("make one with `updraft init`, or enter one with `updraft join TICKET`")
    })?]);
    let trusted = publisher.trust(&root)?;
    let addresses = useful(named, &listening);
    if addresses.is_empty() {
        return Err(Problem::new(
            Code::NodeNotRunning,
            "no address is known that newcomers could ask",
        )
        .hint("start the node with `updraft run`, or name an address with `--address`"));
    }
    let ticket = Ticket {
        network: trusted.root().network,
        name: trusted.root().name.clone(),
        root: trusted.root().digest(),
        addresses,
    };
    match context.output.format() {
        Format::Json => context.output.document("ticket", &in_json(&ticket))?,
        Format::Text => {
            context.output.say(&format!("To join {}, run this on another machine:", ticket.name));
            context.output.say(&format!("  updraft join {ticket}"));
            context.output.line(&ticket.to_string());
        }
    }
    Ok(Exit::Done)
}

/// At most four addresses: those named, else those that others can reach first, loopback last.
fn useful(named: &[Address], listening: &[String]) -> Vec<String> {
    let mut addresses: Vec<Address> = if named.is_empty() {
        listening.iter().filter_map(|text| text.parse().ok()).collect()
    } else {
        named.to_vec()
    };
    addresses.retain(|address| !address.is_unspecified() && address.peer().is_some());
    addresses.sort_by_key(Address::is_loopback);
    let texts = addresses.iter().map(ToString::to_string);
    texts.filter(|text| text.len() <= MAX_ADDRESS).take(MAX_TICKET_ADDRESSES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "/p2p/12D3KooWGRUfh5mWyUoHTCmrZyUfPFyu1v2LPWvbGoVDCXYiuXW1";

    #[test]
    fn addresses_that_others_can_reach_come_first_and_useless_ones_not_at_all() {
        let at = |address: &str| format!("{address}{PEER}");
        let listening = [
            at("/ip4/127.0.0.1/tcp/1"),
            at("/ip4/0.0.0.0/tcp/1"),
            "/ip4/192.0.2.7/tcp/1".to_owned(),
            at("/ip4/192.0.2.1/tcp/1"),
            at("/ip4/192.0.2.1/udp/1/quic-v1"),
        ];
        let expected = [listening[3].clone(), listening[4].clone(), listening[0].clone()];
        assert_eq!(useful(&[], &listening), expected);
        let many: Vec<_> = (0..9).map(|n| at(&format!("/ip4/192.0.2.{n}/tcp/1"))).collect();
        assert_eq!(useful(&[], &many).len(), MAX_TICKET_ADDRESSES);
        let named = [at("/dns4/seed.example/tcp/1").parse().expect("an address")];
        assert_eq!(useful(&named, &listening), [at("/dns4/seed.example/tcp/1")]);
    }

    #[test]
    fn a_ticket_is_read_from_its_text_or_from_a_file() {
        let ticket = Ticket {
            network: updraft_protocol::NetworkId::from_bytes([1; 32]),
            name: "demo".parse().expect("a name"),
            root: updraft_protocol::Digest::of(b"root"),
            addresses: Vec::new(),
        };
        assert_eq!(parse(&ticket.to_string()).expect("text"), ticket);
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), format!("{ticket}\n")).expect("written");
        assert_eq!(parse(file.path().to_str().expect("text")).expect("a file"), ticket);
        assert_eq!(parse("updraft1nonsense").expect_err("no ticket").code, Code::RequestInvalid);
    }
}
