//! `updraft show`: one release: notes, signatures, artifacts, and how it would be fetched.

use updraft_protocol::ReleaseVersion;

use super::reference::ReleaseRef;

/// Show a release: notes, signatures, artifacts, patch plan
#[derive(Debug, clap::Args)]
pub struct Args {
    /// COMPONENT or COMPONENT@VERSION
    pub release: ReleaseRef,
    /// Which way would be taken from this version
    #[arg(long, value_name = "VERSION")]
    pub from: Option<ReleaseVersion>,
}
