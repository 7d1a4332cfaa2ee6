//! `updraft list`: components, and with `--all` every release known.

use updraft_protocol::ChannelName;

/// List components and their versions
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Every release known, not only installed ones
    #[arg(short, long)]
    pub all: bool,
    /// Only this channel
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<ChannelName>,
}
