//! `updraft peers`: who is connected, and whom this node wants or does not want.

use std::time::Duration;

use clap::Subcommand;
use hyper::Method;
use serde_json::json;
use updraft_protocol::Timestamp;

use super::{
    Context, Exit,
    client::{Client, segment},
    output::{Format, Output},
    status::{dash, moment},
    words::relative,
};
use crate::{
    api::types::{BanBody, DialBody, Peer},
    clock::Clock,
    config::parse_duration,
    problem::{Code, Problem},
};

/// Characters at the end of a peer id by which people tell peers apart.
const SHORT: usize = 8;
/// Fewest characters that may stand for a peer.
const SHORTEST: usize = 4;

/// Peers: who, how good, from where
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do; list them if left out
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do about peers.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List peers
    List,
    /// Dial an address
    Add {
        /// Multiaddress of the peer
        address: String,
    },
    /// Talk to a peer no more
    Ban {
        /// Peer id, or its last 8 characters
        peer: String,
        /// For so long; a day if left out, a year at most
        #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
        span: Option<Duration>,
    },
    /// Take a ban back
    Unban {
        /// Peer id, or its last 8 characters
        peer: String,
    },
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    let command = args.command.as_ref().unwrap_or(&Command::List);
    context.talk(async |client| peers(command, &client, &context.output).await)
}

/// Does it and prints.
pub(super) async fn peers(
    command: &Command,
    client: &Client,
    output: &Output,
) -> Result<Exit, Problem> {
    let (action, peer) = match command {
        Command::List => {
            let peers: Vec<Peer> = client.get("/api/v1/peers").await?;
            match output.format() {
                Format::Json => output.document("peers", &json!({ "peers": peers }))?,
                Format::Text if peers.is_empty() => {
                    output.say("No peer is connected.");
                    output.hint("`updraft peers add ADDRESS` dials one");
                }
                Format::Text => table(&peers, output, Clock::system().now()),
            }
            return Ok(Exit::Done);
        }
        Command::Add { address } => {
            let body = DialBody { addr: address.clone() };
            client.order(Method::POST, "/api/v1/peers", &body).await?;
            ("dialling", address.clone())
        }
        Command::Ban { peer, span } => {
            let peer = whole_id(client, peer).await?;
            let body = BanBody { seconds: span.map(|span| span.as_secs()) };
            client.order(Method::PUT, &ban_of(&peer), &body).await?;
            ("banned", peer)
        }
        Command::Unban { peer } => {
            let peer = whole_id(client, peer).await?;
            client.order(Method::DELETE, &ban_of(&peer), &json!({})).await?;
            ("unbanned", peer)
        }
    };
    match output.format() {
        Format::Json => output.document("peers", &json!({ "action": action, "peer": peer }))?,
        Format::Text => output.line(&format!("{action} {}", super::words::clean(&peer))),
    }
    Ok(Exit::Done)
}

fn ban_of(peer: &str) -> String {
    format!("/api/v1/peers/{}/ban", segment(peer))
}

/// The whole id of the one peer whose id ends so. A text that no known peer has may be a whole id of a peer
/// that is not connected; the node judges it.
async fn whole_id(client: &Client, text: &str) -> Result<String, Problem> {
    let peers: Vec<Peer> = client.get("/api/v1/peers").await?;
    let found: Vec<_> = peers.iter().filter(|peer| peer.id.ends_with(text)).collect();
    match found.as_slice() {
        [] => Ok(text.to_owned()),
        [peer] if text.len() >= SHORTEST => Ok(peer.id.clone()),
        found => {
            let ids: Vec<_> = found.iter().map(|peer| peer.id.as_str()).collect();
            let detail = format!("`{text}` does not name one peer clearly");
            Err(Problem::new(Code::RequestInvalid, detail).cause(ids.join(", ")))
        }
    }
}

fn table(peers: &[Peer], output: &Output, now: Timestamp) {
    let ago = |text: &str| moment(text).map_or(text.to_owned(), |at| relative(at, now));
    output.table(
        ["PEER", "DIR", "AGENT", "RTT", "SCORE", "FOUND BY", "SINCE", "ADDRESS"],
        peers.iter().map(|peer| {
            let start = peer.id.char_indices().rev().nth(SHORT - 1).map_or(0, |(at, _)| at);
            let since = peer
                .banned
                .as_deref()
                .map_or_else(|| ago(&peer.since), |until| format!("banned, ends {}", ago(until)));
            [
                peer.id[start..].to_owned(),
                peer.direction.clone(),
                dash(peer.agent.as_ref()),
                peer.rtt_ms.map_or("-".to_owned(), |ms| format!("{ms} ms")),
                format!("{:.2}", peer.score),
                peer.found_by.clone(),
                since,
                dash(peer.addrs.first()),
            ]
        }),
    );
}
