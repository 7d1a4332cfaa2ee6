//! `updraft history`: what happened on this node, who asked for it, how it ended.

use updraft_protocol::ComponentName;

use super::reference::Since;

/// What happened on this node
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this component
    pub component: Option<ComponentName>,
    /// At most so many entries, the newest
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub limit: u32,
    /// Only what happened since then: 3d, or an RFC 3339 time
    #[arg(long, value_name = "WHEN")]
    pub since: Option<Since>,
}
