//! The arguments of `updraft publish`, and the words of a release as they are typed.

use std::path::PathBuf;

use clap::ValueEnum;
use updraft_protocol::{
    ChannelName, ComponentName, Digest, ReleaseKind, ReleaseVersion, Severity, Target,
};

use crate::config::parse_size;

/// Build, sign and announce a release
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file or a directory; the release file's path if left out
    pub path: Option<PathBuf>,
    /// What is released; the release file's, or the path's name if left out
    #[arg(long, value_name = "NAME")]
    pub component: Option<ComponentName>,
    /// Its version
    #[arg(long = "as", value_name = "VERSION", required_unless_present_any = ["bundle", "refresh"])]
    pub version: Option<ReleaseVersion>,
    /// The channel it is offered on; the release file's, or `stable` if left out
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<ChannelName>,
    /// Target triple of the artifact, or 'any'; the release file's, or this machine's if left out
    #[arg(long, value_name = "TRIPLE")]
    pub target: Option<Target>,
    /// Why it was made; nodes decide by it what they install without asking
    #[arg(long, value_enum, default_value_t = Kind::Feature)]
    pub kind: Kind,
    /// How much it matters to install it
    #[arg(long, value_enum, default_value_t = Weight::Normal)]
    pub severity: Weight,
    /// It changes something its users rely on
    #[arg(long)]
    pub breaking: bool,
    /// Lowest version that may go straight to this one
    #[arg(long, value_name = "VERSION")]
    pub min_version: Option<ReleaseVersion>,
    /// A version that updates from below must install and run first; may be given several times
    #[arg(long, value_name = "VERSION")]
    pub barrier: Vec<ReleaseVersion>,
    /// The component's protocol without which the release does not run: nodes hold it back until a vote has put that
    /// protocol in force
    #[arg(long, value_name = "PROTOCOL")]
    pub needs_protocol: Option<u32>,
    /// Lowest version that is looked after from now on; nodes below it say so
    #[arg(long, value_name = "VERSION")]
    pub min_supported: Option<ReleaseVersion>,
    /// Digest of the sources, for those who build the release again and say what they got
    #[arg(long, value_name = "BLAKE3")]
    pub source_digest: Option<Digest>,
    /// Release notes
    #[arg(long, value_name = "FILE")]
    pub notes: Option<PathBuf>,
    /// How many earlier versions get a patch
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=16))]
    pub deltas: u8,
    /// Memory that making patches may take, such as 4GiB; half of what is free if left out. A patch that takes more is
    /// left out, others wait for each other
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub memory: Option<u64>,
    /// Sign with this key: a name, or file:PATH; without it, with the role's keys that are here
    #[arg(short, long, value_name = "KEY")]
    pub key: Vec<String>,
    /// Write a bundle for more signatures instead of announcing
    #[arg(short, long, value_name = "BUNDLE")]
    pub out: Option<PathBuf>,
    /// Announce a bundle that has all its signatures
    #[arg(long, value_name = "BUNDLE", conflicts_with_all = ["path", "version", "out", "key", "dry_run", "refresh"])]
    pub bundle: Option<PathBuf>,
    /// Sign what the channel offers anew, before it expires
    #[arg(long, conflicts_with_all = ["path", "version", "dry_run"])]
    pub refresh: bool,
    /// Do everything but sign and announce
    #[arg(long, conflicts_with = "out")]
    pub dry_run: bool,
    /// Stay until so many peers hold the release
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub wait_replicas: u16,
}

/// Why a release was made, as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Closes a hole
    Security,
    /// Adds something
    Feature,
    /// Mends something
    Bugfix,
    /// Makes something faster
    Performance,
    /// Speaks a new protocol version
    Protocol,
    /// Takes newer libraries in
    Dependency,
}

impl From<Kind> for ReleaseKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Security => Self::Security,
            Kind::Feature => Self::Feature,
            Kind::Bugfix => Self::Bugfix,
            Kind::Performance => Self::Performance,
            Kind::Protocol => Self::Protocol,
            Kind::Dependency => Self::Dependency,
        }
    }
}

/// How much it matters to install a release, as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Weight {
    /// Whenever it suits
    Low,
    /// With the next round
    Normal,
    /// Soon
    High,
    /// Now
    Critical,
}

impl From<Weight> for Severity {
    fn from(weight: Weight) -> Self {
        match weight {
            Weight::Low => Self::Low,
            Weight::Normal => Self::Normal,
            Weight::High => Self::High,
            Weight::Critical => Self::Critical,
        }
    }
}
