//! `updraft rollback`: back to a version that is kept.

use updraft_protocol::{ComponentName, ReleaseVersion};

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
