//! `updraft devnet`: a whole network on this machine, of real processes of this program.

use std::{path::PathBuf, time::Duration};

use crate::config::parse_duration;

/// A whole network on this machine
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Nodes besides the publisher
    #[arg(short, long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub nodes: u16,
    /// Publish two releases and watch them travel
    #[arg(long)]
    pub demo: bool,
    /// The first release: a file or a directory of yours
    #[arg(long, value_name = "PATH", requires = "new")]
    pub old: Option<PathBuf>,
    /// The second release
    #[arg(long, value_name = "PATH", requires = "old")]
    pub new: Option<PathBuf>,
    /// End with 0 when all nodes run the last release
    #[arg(long)]
    pub exit_when_done: bool,
    /// With --exit-when-done: end with 1 after this long
    #[arg(long, value_name = "DURATION", default_value = "120s", value_parser = parse_duration)]
    pub timeout: Duration,
    /// Keep the files here instead of a temporary directory
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}
