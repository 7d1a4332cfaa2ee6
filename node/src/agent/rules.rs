//! What the operator decided, as far as the machine depends on it. Values only; [`super::start`] fills them
//! from the settings.

use updraft_protocol::{ChannelName, ReleaseVersion, Target};

use crate::{build::Speaks, policy::AutoUpdate};

/// What a node is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Stores, serves, installs.
    Full,
    /// Stores and serves every release; installs nothing.
    Seed,
    /// Installs; serves nothing.
    Client,
}

impl Duty {
    /// The word of the settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Seed => "seed",
            Self::Client => "client",
        }
    }
}

/// Whether bytes are given to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upload {
    /// They are, and the DHT is told.
    On,
    /// They are not.
    Off,
}

/// What the operator decided, as far as the rules depend on it.
#[derive(Debug, Clone)]
pub struct Rules {
    /// What the node is for.
    pub duty: Duty,
    /// Whether bytes are given to others.
    pub upload: Upload,
    /// The machine it runs on.
    pub target: Target,
    /// What is installed without asking, unless a component says otherwise.
    pub auto: AutoUpdate,
    /// Independent builders who have to have got the same from a release's sources.
    pub builders: usize,
    /// The version of this program.
    pub program: ReleaseVersion,
    /// Protocols of the network that it speaks.
    pub speaks: Speaks,
    /// Whether a protocol is switched to when a vote has put it in force.
    pub auto_activate: bool,
    /// Whether an elector says so when its node is ready.
    pub signal_ready: bool,
    /// Whether the operator has named a source of heights.
    pub knows_heights: bool,
    /// Whether peers are likely to come soon after the start: an address of one is known, or the local network is
    /// searched.
    pub awaits_peers: bool,
    /// The channel that a component follows unless it says otherwise.
    pub channel: ChannelName,
}
