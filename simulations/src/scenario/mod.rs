//! A scenario: who takes part, over which lines, what happens, and what is expected to come of it.
//!
//! Read from TOML (`read.rs`), checked as a whole before anything runs (`check/`). `keys.toml` has every key with its
//! default; a test reads it, so it cannot be wrong. Pure: says what is to happen and makes nothing happen.

mod act;
mod check;
mod expect;
#[cfg(test)]
mod keys_tests;
mod places;
mod quantity;
mod read;
mod words;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use updraft_node::build::Speaks;

pub use self::{
    act::{Act, Departure, DiskFault, Loot, Step, Word},
    check::{Fault, MAX_CLUSTER_NODES, MAX_CLUSTER_TIME, check, only_in_a_world},
    expect::{Counted, Expectation},
    quantity::{LineRate, Share, Size, Skew, Span, Time, Version},
    read::{MAX_NODES, MAX_TEXT, Unreadable, read},
};

/// Every key of a scenario, with its default.
pub const KEYS: &str = include_str!("keys.toml");

/// What is simulated, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The rules of thousands of nodes on a virtual clock.
    #[default]
    World,
    /// Real nodes in one process, in real time.
    Cluster,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::World => "world",
            Self::Cluster => "cluster",
        })
    }
}

/// Everything that a run is made of, but for the seed of its chances.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// A line for lists.
    pub title: String,
    /// What it teaches, in a few sentences.
    pub teaches: String,
    /// How it runs if nobody says otherwise.
    #[serde(default)]
    pub kind: Kind,
    /// The seed if nobody gives one.
    #[serde(default = "one")]
    pub seed: u64,
    /// When the run ends at the latest.
    #[serde(default = "ten_minutes")]
    pub until: Time,
    /// Who signs, who votes, and under which floors.
    #[serde(default)]
    pub network: Network,
    /// What lines are like of which a group says nothing.
    #[serde(default)]
    pub links: Links,
    /// Nodes, by kind.
    #[serde(rename = "group")]
    pub groups: Vec<Group>,
    /// Releases that a story may publish, and those that run at the beginning.
    #[serde(rename = "release", default)]
    pub releases: Vec<Release>,
    /// What happens.
    #[serde(default)]
    pub story: Vec<Step>,
    /// What is to come of it.
    #[serde(rename = "expect", default)]
    pub expectations: Vec<Expectation>,
}

const fn one() -> u64 {
    1
}

const fn ten_minutes() -> Time {
    Time::from_secs(600)
}

impl Scenario {
    /// Nodes of all groups.
    pub fn nodes(&self) -> u64 {
        self.groups.iter().map(|group| u64::from(group.count)).sum()
    }

    /// Whether one of its nodes is called so: the name of a group and a number from 1 to its count.
    pub fn has_node(&self, name: &str) -> bool {
        let Some((group, number)) = name.rsplit_once('-') else { return false };
        let number = number.parse().ok().filter(|n: &u32| *n > 0 && n.to_string() == number);
        number.is_some_and(|number| {
            self.groups.iter().any(|known| known.name == group && number <= known.count)
        })
    }
}

/// Which floors the times and shares of a vote have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Floors {
    /// Those of networks for real use: days.
    Production,
    /// Those of networks for trying things out: seconds.
    #[default]
    Development,
}

/// The network that is simulated.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// Production networks have floors for the times and shares of a vote.
    pub kind: Floors,
    /// Keys that sign releases.
    pub publishers: u8,
    /// How many of them have to sign.
    pub threshold: u8,
    /// How long a head is good.
    pub head_lifetime: Time,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            kind: Floors::Development,
            publishers: 3,
            threshold: 2,
            head_lifetime: Time::from_secs(7 * 86_400),
        }
    }
}

/// What the lines of nodes are like. A group may say each of them for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Links {
    /// One way between two nodes, half of it at each end.
    pub latency: Time,
    /// By how much a way may take longer, by chance.
    pub jitter: Time,
    /// Packets that have to be sent again. What is sent again comes later.
    pub loss: Share,
    /// Away from a node.
    pub up: LineRate,
    /// To a node.
    pub down: LineRate,
    /// Nodes that nobody can dial.
    pub nat: Share,
}

impl Default for Links {
    fn default() -> Self {
        let rate = LineRate(12_500_000);
        Self {
            latency: Time(20_000),
            jitter: Time(0),
            loss: Share(0),
            up: rate,
            down: rate,
            nat: Share(0),
        }
    }
}

/// What a node is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Keeps, gives and installs.
    #[default]
    Full,
    /// Keeps and gives all releases, installs none.
    Seed,
    /// Installs, gives nothing.
    Client,
}

/// What a node does with a release that it may install.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Updates {
    /// It installs it.
    #[default]
    Automatic,
    /// It waits for somebody to say so, who never comes: it hears of releases, and votes, and fetches nothing.
    Manual,
}

/// How a hostile node behaves. In all that is not named it does as others do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hostility {
    /// Gives chunks with other bytes than those that are signed for.
    Corrupt,
    /// Takes questions for chunks and never answers.
    Stall,
    /// Says that it has everything, and has nothing.
    Pretend,
    /// Tells of heads that were replaced, and of nothing newer.
    Replay,
    /// Passes nothing on that it hears.
    Silence,
    /// Says over and over what everybody knows, as fast as its line carries it.
    Flood,
    /// Comes under many names, and votes with keys that nobody has listed.
    Sybil,
    /// Takes all the places around its victims, and keeps news from them.
    Eclipse,
}

/// Nodes of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its name; its nodes are called `name-1`, `name-2` and so on.
    pub name: String,
    /// How many there are.
    #[serde(default = "one_node")]
    pub count: u32,
    /// What they are for.
    #[serde(default)]
    pub role: Role,
    /// When each of them starts. What is away at the beginning joins by the story.
    #[serde(default)]
    pub starts: Span,
    /// Whether they are there only once a story lets them join.
    #[serde(default)]
    pub waits: bool,
    /// Whether they install what is published by themselves.
    #[serde(default)]
    pub updates: Updates,
    /// The version of the component that runs on them at the beginning.
    #[serde(default)]
    pub runs: Option<Version>,
    /// Connections that a node looks for.
    #[serde(default = "eight")]
    pub peers: u16,
    /// Whether newcomers dial them first. If no group says so, the first one is dialled.
    #[serde(default)]
    pub bootstrap: bool,
    /// How many of them have the key of an elector.
    #[serde(default)]
    pub electors: u32,
    /// Weight of each of these electors.
    #[serde(default = "one_vote")]
    pub weight: u32,
    /// How many of them are witnesses.
    #[serde(default)]
    pub witnesses: u32,
    /// The newest protocol that their program speaks.
    #[serde(default = "newest_protocol")]
    pub speaks: u32,
    /// By how much their clocks are wrong.
    #[serde(default)]
    pub clock: Skew,
    /// Room on their disks.
    #[serde(default)]
    pub disk: Option<Size>,
    /// How much of its line a node gives away at most, as its settings have it.
    #[serde(default)]
    pub upload_limit: Option<LineRate>,
    /// How they lie, if they do.
    #[serde(default)]
    pub hostile: Option<Hostility>,
    /// One way, instead of that of `links`; the same for the others.
    #[serde(default)]
    pub latency: Option<Time>,
    /// See `latency`.
    #[serde(default)]
    pub jitter: Option<Time>,
    /// See `latency`.
    #[serde(default)]
    pub loss: Option<Share>,
    /// See `latency`.
    #[serde(default)]
    pub up: Option<LineRate>,
    /// See `latency`.
    #[serde(default)]
    pub down: Option<LineRate>,
    /// See `latency`.
    #[serde(default)]
    pub nat: Option<Share>,
}

const fn one_node() -> u32 {
    1
}

const fn one_vote() -> u32 {
    1
}

const fn eight() -> u16 {
    8
}

const fn newest_protocol() -> u32 {
    Speaks::THIS.newest
}

impl Group {
    /// What its lines are like.
    pub fn links(&self, standard: &Links) -> Links {
        Links {
            latency: self.latency.unwrap_or(standard.latency),
            jitter: self.jitter.unwrap_or(standard.jitter),
            loss: self.loss.unwrap_or(standard.loss),
            up: self.up.unwrap_or(standard.up),
            down: self.down.unwrap_or(standard.down),
            nat: self.nat.unwrap_or(standard.nat),
        }
    }
}

/// A release of the component that the network keeps up to date.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Its version.
    pub version: Version,
    /// Bytes of the whole artifact on the way.
    #[serde(default = "one_mebibyte")]
    pub size: Size,
    /// Bytes of the patches that are published with it, by the version they start from.
    #[serde(default)]
    pub patches: BTreeMap<Version, Size>,
    /// Whether its patches make something else than the release.
    #[serde(default)]
    pub wrong_patches: bool,
    /// Of what: the network's component, or `updraft`, the program of the nodes themselves.
    #[serde(default)]
    pub component: Option<String>,
    /// The newest protocol that it speaks.
    #[serde(default)]
    pub speaks: Option<u32>,
    /// The protocol of the component without which it does not run.
    #[serde(default)]
    pub needs_protocol: Option<u32>,
}

const fn one_mebibyte() -> Size {
    Size(1 << 20)
}
