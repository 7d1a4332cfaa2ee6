//! `updraft check`: asks the network now what is new.

use updraft_protocol::ComponentName;

/// Look for updates now
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only these components
    pub components: Vec<ComponentName>,
    /// Exit 10 when an update is available
    #[arg(long)]
    pub exit_code: bool,
    /// Use only what is already known
    #[arg(long)]
    pub offline: bool,
}
