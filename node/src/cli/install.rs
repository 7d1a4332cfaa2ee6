//! `updraft install`: plan, fetch, verify, stage, switch.

use updraft_protocol::{ChannelName, ComponentName, ReleaseVersion};

/// Install or update a component
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to install
    pub component: ComponentName,
    /// Which version; the channel's newest if left out
    pub version: Option<ReleaseVersion>,
    /// Take the newest of this channel
    #[arg(long, value_name = "CHANNEL", conflicts_with = "version")]
    pub channel: Option<ChannelName>,
    /// Fetch, verify and stage, but do not switch
    #[arg(long)]
    pub download_only: bool,
    /// Switch to what is staged, without looking for anything newer
    #[arg(long, conflicts_with_all = ["download_only", "version", "channel"])]
    pub staged: bool,
    /// Print the plan and exit
    #[arg(long)]
    pub dry_run: bool,
    /// Accept a release marked as breaking
    #[arg(short, long)]
    pub force: bool,
    /// Accept a lower version
    #[arg(long)]
    pub allow_downgrade: bool,
    /// Whole artifact, no patches
    #[arg(long)]
    pub no_delta: bool,
    /// Return at once; follow with 'updraft status --watch'
    #[arg(long)]
    pub no_wait: bool,
}
