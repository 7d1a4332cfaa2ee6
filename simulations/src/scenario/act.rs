//! What happens in a scenario, and when.

use serde::{Deserialize, Serialize};

use super::{Hostility, Share, Skew, Span, Time, Version};

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "Timed")]
pub struct Step {
    /// When; chance picks it where a span is given.
    pub at: Span,
    /// What.
    pub act: Act,
}

/// A step as it is read: the key `at`, then the other keys.
#[derive(Deserialize)]
#[serde(rename = "at")]
struct Timed(Span, Act);

impl From<Timed> for Step {
    fn from(Timed(at, act): Timed) -> Self {
        Self { at, act }
    }
}

/// What can happen. `group` names nodes; without it all of them are meant that do not lie.
///
/// The name by which serde knows it is the key that says which it is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Act {
    /// A release is signed and handed to a node.
    Publish {
        /// Which.
        release: Version,
        /// To the first node of this group; of the first group if it is not said.
        #[serde(default)]
        group: Option<String>,
    },
    /// The publisher takes a release back.
    Withdraw {
        /// Which.
        release: Version,
        /// At the first node of this group.
        #[serde(default)]
        group: Option<String>,
    },
    /// Nodes that waited start, or start again.
    Join {
        /// Of which group.
        group: String,
        /// How many; all if it is not said.
        #[serde(default)]
        count: Option<u32>,
        /// Within which time.
        #[serde(default)]
        over: Time,
    },
    /// Nodes go.
    Leave {
        /// Of which group.
        #[serde(default)]
        group: Option<String>,
        /// How many of them.
        #[serde(default = "all")]
        share: Share,
        /// How they go.
        #[serde(default)]
        how: Departure,
        /// They start again after that time; never if it is not said.
        #[serde(default)]
        back_after: Option<Span>,
    },
    /// Nodes go and come for a while.
    Churn {
        /// Of which group.
        #[serde(default)]
        group: Option<String>,
        /// How many of them go in a minute.
        share: Share,
        /// For how long.
        lasts: Time,
        /// How long each is away.
        away: Span,
        /// How they go.
        #[serde(default)]
        how: Departure,
    },
    /// The network falls apart.
    Partition {
        /// Groups that are cut off from all others.
        #[serde(default)]
        groups: Vec<String>,
        /// Or a share of all nodes, by chance.
        #[serde(default)]
        share: Option<Share>,
        /// Whether they still hear the others, and are not heard.
        #[serde(default)]
        one_way: bool,
    },
    /// Single nodes are cut off one after the other, and come back in another order.
    SwizzleClog {
        /// How many of all nodes.
        share: Share,
        /// How long it takes until all of them are cut off, and again until all are back.
        lasts: Time,
    },
    /// What was cut is whole again.
    Heal,
    /// Messages get lost, come twice, or in another order.
    Weather {
        /// Lost.
        #[serde(default)]
        loss: Share,
        /// Twice.
        #[serde(default)]
        twice: Share,
        /// Later than others that were sent after them.
        #[serde(default)]
        late: Share,
    },
    /// Programs end at the n-th change that an installation makes to the disk.
    CrashAt {
        /// Of which group.
        #[serde(default)]
        group: Option<String>,
        /// The number of the change, from 1 on; by chance among the first 40 if it is not said.
        #[serde(default)]
        change: Option<u32>,
        /// How they go.
        #[serde(default)]
        how: Departure,
        /// They start again after that time.
        #[serde(default)]
        back_after: Span,
    },
    /// Clocks are set.
    Clock {
        /// Of which group.
        #[serde(default)]
        group: Option<String>,
        /// How many of them.
        #[serde(default = "all")]
        share: Share,
        /// How wrong they are from then on.
        by: Skew,
    },
    /// Disks fail.
    Disk {
        /// Of which group.
        #[serde(default)]
        group: Option<String>,
        /// How many of them.
        #[serde(default = "all")]
        share: Share,
        /// How.
        fault: DiskFault,
        /// For how long.
        lasts: Time,
    },
    /// Nodes begin to lie.
    Turn {
        /// Of which group.
        #[serde(default)]
        group: Option<String>,
        /// How many of them.
        share: Share,
        /// How.
        into: Hostility,
    },
    /// Keys are stolen, and used.
    Steal {
        /// Keys of whom.
        from: Loot,
        /// How many.
        count: u8,
        /// The release that a thief makes with keys of publishers; some version that nobody has if it is not said.
        #[serde(default)]
        release: Option<Version>,
    },
    /// The first elector proposes another protocol.
    Propose {
        /// Of which component; of the nodes themselves if it is not said.
        #[serde(default)]
        component: Option<String>,
        /// From which.
        #[serde(default = "one")]
        from: u32,
        /// To which.
        to: u32,
        /// The release that speaks it.
        release: Version,
        /// How long it is voted on.
        voting: Time,
        /// How long until it is in force after that.
        lead: Time,
        /// How long both are spoken then.
        grace: Time,
    },
    /// Electors vote on what was proposed last.
    Vote {
        /// How many of all electors, by number.
        #[serde(default = "all")]
        share: Share,
        /// What they say.
        #[serde(default)]
        says: Word,
        /// Within which time.
        #[serde(default)]
        over: Time,
    },
    /// Everything that was broken is whole again and nobody lies any more: from here on all has to come right.
    Calm,
}

const fn all() -> Share {
    Share::ALL
}

const fn one() -> u32 {
    1
}

/// How a node goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Departure {
    /// It ends in order, and closes its connections.
    #[default]
    Stop,
    /// The program is killed.
    Kill,
    /// The power fails: what was not synced may be lost.
    PowerCut,
    /// Its line is dead; it goes on by itself.
    Vanish,
}

/// How a disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskFault {
    /// It is full.
    Full,
    /// Every change fails.
    Io,
}

/// Whose keys are stolen, and what is done with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loot {
    /// Of publishers: a release of the thief is signed with them.
    Publishers,
    /// Of publishers: two heads with one number are signed with them.
    PublishersTwice,
    /// Of electors: two ballots with one number are signed with each of them.
    Electors,
}

/// What an elector says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// For it; its node says that it is ready when it is.
    #[default]
    Yes,
    /// Against it.
    No,
    /// Neither.
    Abstain,
    /// It is to be called off.
    Cancel,
}
