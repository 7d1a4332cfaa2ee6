//! `updraft get`: downloads a release, verified, without installing it.

use std::path::PathBuf;

use updraft_protocol::Target;

use super::reference::ReleaseRef;

/// Download a release without installing it
#[derive(Debug, clap::Args)]
pub struct Args {
    /// COMPONENT or COMPONENT@VERSION
    pub release: ReleaseRef,
    /// Where to put it; the component's name in the current directory if left out
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<PathBuf>,
    /// For this kind of machine instead of this one
    #[arg(long, value_name = "TRIPLE")]
    pub target: Option<Target>,
}
