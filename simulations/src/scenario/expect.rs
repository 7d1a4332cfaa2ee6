//! What is expected of a run. Each is judged when the run is over, by what was measured.

use serde::Deserialize;

use super::{Share, Time, Version};

/// One promise that a scenario asks for. The name by which serde knows it is the key that says which it is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename = "that", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Expectation {
    /// So many nodes run a release.
    Installed {
        /// Which.
        release: Version,
        /// Of which group; of all that follow the component if it is not said.
        #[serde(default)]
        group: Option<String>,
        /// How many of them.
        #[serde(default = "all")]
        share: Share,
        /// By when; by the end if it is not said.
        #[serde(default)]
        by: Option<Time>,
    },
    /// So many nodes have heard of a release, and believe it.
    Heard {
        /// Which.
        release: Version,
        /// How many of those who are there and do not lie.
        #[serde(default = "all")]
        share: Share,
        /// By when; by the end if it is not said.
        #[serde(default)]
        by: Option<Time>,
    },
    /// Nobody ever runs a release.
    NeverInstalled {
        /// Which.
        release: Version,
        /// Of which group.
        #[serde(default)]
        group: Option<String>,
    },
    /// A release is everywhere within so many times the time that is possible over these lines.
    NearOptimum {
        /// Which.
        release: Version,
        /// 1.5 means: half as long again.
        factor: f64,
    },
    /// A number is at most so large.
    AtMost {
        /// Which.
        what: Counted,
        /// Of which group; of all nodes if it is not said.
        #[serde(default)]
        group: Option<String>,
        /// The bound, in the unit of what is counted.
        value: f64,
    },
    /// A number is at least so large.
    AtLeast {
        /// Which.
        what: Counted,
        /// Of which group.
        #[serde(default)]
        group: Option<String>,
        /// The bound.
        value: f64,
    },
    /// What was proposed last has come to this at every node that does not lie.
    Decided {
        /// The word of `updraft votes` for it: `active`, `failed`, `cancelled` …
        state: String,
        /// By when.
        #[serde(default)]
        by: Option<Time>,
    },
    /// All nodes that do not lie know the same and run the same.
    Converged {
        /// How long after the story is calm.
        within: Time,
    },
}

const fn all() -> Share {
    Share::ALL
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counted {
    /// Bytes of gossip that one node hears, the most of any.
    GossipBytes,
    /// Lookups in the DHT of one node, the most of any.
    Lookups,
    /// Part of all chunk bytes that came from the first node that had the release.
    SeederShare,
    /// Part of all chunk bytes that came twice.
    Duplicates,
    /// Chunk bytes that one node got, the most of any.
    FetchedBytes,
    /// Lies that were noticed.
    Accusations,
    /// Installations that failed.
    FailedInstalls,
    /// Nodes that hold a proof that the keys of a channel have said two things.
    Alarms,
}
