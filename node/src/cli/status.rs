//! `updraft status`: what this node runs, what is available, and what it waits for.

use updraft_protocol::ComponentName;

/// Show what this node runs, what is available and what it waits for
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this component
    pub component: Option<ComponentName>,
    /// Refresh until interrupted
    #[arg(short, long)]
    pub watch: bool,
    /// Exit 10 when something needs attention
    #[arg(long)]
    pub exit_code: bool,
}
