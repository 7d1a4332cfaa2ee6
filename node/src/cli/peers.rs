//! `updraft peers`: who is connected, and whom this node wants or does not want.

use std::time::Duration;

use clap::Subcommand;

use crate::config::parse_duration;

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
        /// For so long; until unbanned if left out
        #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
        span: Option<Duration>,
    },
    /// Take a ban back
    Unban {
        /// Peer id, or its last 8 characters
        peer: String,
    },
    /// Measure how long a peer takes to answer
    Ping {
        /// Peer id, or its last 8 characters
        peer: String,
    },
}
