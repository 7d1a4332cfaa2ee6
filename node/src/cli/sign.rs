//! `updraft sign`: adds signatures to a bundle.

use std::path::PathBuf;

/// Add a signature to a bundle
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The bundle
    pub file: PathBuf,
    /// Sign with this key: a name, or file:PATH
    #[arg(short, long, value_name = "KEY", required = true)]
    pub key: Vec<String>,
}
