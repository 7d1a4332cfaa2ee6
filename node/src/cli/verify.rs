//! `updraft verify`: compares files with a signed release, offline.

use std::path::PathBuf;

use super::reference::ReleaseRef;

/// Verify files against a signed release, offline
#[derive(Debug, clap::Args)]
pub struct Args {
    /// COMPONENT@VERSION
    pub release: ReleaseRef,
    /// The file or directory to compare
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
}
