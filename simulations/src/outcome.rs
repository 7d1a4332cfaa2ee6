//! What came of a run, measured. Reports, comparisons and judgements are made of this and of nothing else.
//!
//! Of a world it is the same for the same scenario and seed, to the last digit: nothing here depends on how long the run
//! took or where it ran. Times are seconds of the run's own clock, sizes are bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::scenario::{Counted, Hostility, Kind};

/// Points of a curve that are kept at most.
pub const MAX_POINTS: usize = 400;
/// Nodes that have a line of their own at most; of more, every n-th has one.
pub const MAX_NODES: usize = 1_000;
/// Lines of a node's story that are kept at most.
pub const MAX_TIMELINE: usize = 2_000;

/// A run, measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The name of the scenario's file without its ending.
    pub scenario: String,
    /// Its line for lists.
    pub title: String,
    /// How it ran.
    pub kind: Kind,
    /// The seed of its chances.
    pub seed: u64,
    /// Digest of every event in order, in hex. A cluster has none: no two runs are the same.
    pub hash: Option<String>,
    /// How it ended.
    pub ended: Ended,
    /// How long it took by its own clock.
    pub seconds: f64,
    /// Events.
    pub events: u64,
    /// Nodes that took part.
    pub nodes: u64,
    /// Releases, in the order in which they were published.
    pub releases: Vec<ReleaseLine>,
    /// Groups, in the order of the scenario.
    pub groups: Vec<GroupLine>,
    /// Nodes, or some of them: see [`MAX_NODES`].
    pub machines: Vec<NodeLine>,
    /// Votes, in the order in which they were proposed.
    pub votes: Vec<VoteLine>,
    /// Numbers over all nodes.
    pub counted: BTreeMap<Counted, f64>,
    /// Promises that were broken, the first first.
    pub broken: Vec<Broken>,
    /// What the scenario expected, in its order.
    pub judged: Vec<Judged>,
    /// What happened at the chosen node.
    pub timeline: Timeline,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ended {
    /// Everything that was expected has happened, or nothing more could.
    Done,
    /// The scenario's time was up.
    TimeUp,
    /// A promise was broken.
    Broken,
    /// Somebody stopped it: the numbers are of what had happened until then.
    Stopped,
}

/// How a release spread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseLine {
    /// Its version.
    pub version: String,
    /// When it was published.
    pub published: f64,
    /// Bytes of the whole artifact.
    pub size: u64,
    /// Nodes that were to run it.
    pub wanted: u64,
    /// Nodes that do.
    pub installed: u64,
    /// Seconds since it was published, and how many nodes ran it by then; at most [`MAX_POINTS`].
    pub coverage: Vec<(f64, u64)>,
    /// Seconds until this part of the nodes ran it, by percent: 50, 90, 99, 100; absent if it never came so far.
    pub reached: BTreeMap<u8, f64>,
    /// Seconds until this part of the nodes that are there and do not lie knew of it, by percent, as above.
    pub heard: BTreeMap<u8, f64>,
    /// Seconds that the lines alone would have needed, if that can be said.
    pub optimum: Option<Optimum>,
    /// Verified chunk bytes by the group they came from.
    pub sources: BTreeMap<String, u64>,
    /// Of these, from the nodes that had the release first.
    pub from_seeders: u64,
    /// Chunk bytes of patches.
    pub patches: u64,
    /// Chunk bytes that came twice.
    pub duplicates: u64,
    /// Chunks that came and were wrong.
    pub wrong: u64,
}

/// The shortest time that lines allow, and what sets it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Optimum {
    /// Seconds.
    pub seconds: f64,
    /// What sets it: the seeders' lines up, the slowest line down, or all lines up together.
    pub bound: String,
}

/// A group, measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupLine {
    /// Its name.
    pub name: String,
    /// Nodes.
    pub nodes: u64,
    /// How they lie, if they do.
    pub hostile: Option<Hostility>,
    /// Bytes a second of one node's line, up and down.
    pub rates: (u64, u64),
    /// Part of what the lines could have carried while releases spread, up and down: 0 to 1.
    pub used: (f64, f64),
    /// Gossip bytes heard by a node: mean and most.
    pub gossip: (f64, u64),
    /// DHT lookups of a node: mean and most.
    pub lookups: (f64, u64),
    /// Chunk bytes got by a node: mean and most.
    pub fetched: (f64, u64),
    /// Chunk bytes given by all of them.
    pub served: u64,
}

/// A node, measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeLine {
    /// Its name, such as `machines-3`.
    pub name: String,
    /// Its group.
    pub group: String,
    /// What runs on it at the end.
    pub runs: Option<String>,
    /// When it got what runs on it.
    pub since: Option<f64>,
    /// Bytes that its line carried, up and down.
    pub carried: (u64, u64),
    /// Gossip bytes heard and said.
    pub gossip: (u64, u64),
    /// DHT lookups.
    pub lookups: u64,
    /// Chunk bytes got, and given to others.
    pub chunks: (u64, u64),
    /// Chunk bytes that came twice.
    pub duplicates: u64,
}

/// A vote, as the nodes that do not lie saw it at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VoteLine {
    /// Its number.
    pub number: u32,
    /// When it was proposed.
    pub proposed: f64,
    /// How many nodes see it so, by the word for its state.
    pub states: BTreeMap<String, u64>,
    /// Seconds from the first ballot until every node knew of the decision, if it was decided.
    pub known: Option<f64>,
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Broken {
    /// When.
    pub at: f64,
    /// The event after which it was seen.
    pub event: u64,
    /// At which node.
    pub node: String,
    /// Which promise.
    pub promise: String,
    /// What was seen.
    pub detail: String,
}

/// What was expected, and whether it came so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Judged {
    /// In words.
    pub expected: String,
    /// Whether it came so.
    pub met: bool,
    /// What came.
    pub got: String,
}

/// What happened at one node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    /// Which.
    pub node: String,
    /// When, and what; at most [`MAX_TIMELINE`].
    pub lines: Vec<(f64, String)>,
}

impl Outcome {
    /// Whether everything came as expected and no promise was broken.
    pub fn is_good(&self) -> bool {
        self.broken.is_empty() && self.judged.iter().all(|judged| judged.met)
    }
}
