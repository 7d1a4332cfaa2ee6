//! One simulated node: the real machines, what it keeps, and what it has asked.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use updraft_node::agent::{
    Bucket, Errand, Job, JobError, Listening, Machine, Now, OperationId, Speech, Telling,
};
use updraft_node::fetch::{BlobFetch, ObjectSearch};
use updraft_protocol::{
    ChunkList, Digest, ForkDigest, Holding, ReleaseVersion, SecretKey, Timestamp,
};

use super::{
    faults::Doom, gossip::MessageId, installing::Folders, ledger::Kept, lines::Micros,
    people::BEGIN, talk::QuestionId,
};
use crate::{
    disk::Capacity,
    scenario::{Hostility, Role},
};

/// What a carrying is for: a job of the agent's, or a mirror of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Task {
    /// A job.
    Job(OperationId),
    /// A mirror of the release with this manifest.
    Mirror(Digest),
}

/// A release on its way to a node.
#[derive(Debug)]
pub struct Carrying {
    /// Decides what is done next.
    pub errand: Errand<u32>,
    /// Since when.
    pub begun: Micros,
    /// The job, if it is for one.
    pub job: Option<Job>,
    /// The object that is looked for, and since when.
    pub object: Option<(Digest, ObjectSearch<u32>, Micros)>,
    /// The blob that is fetched.
    pub blob: Option<Fetching>,
    /// When it was last told that it would be woken.
    pub wakes: Option<Micros>,
}

/// A blob on its way to a node.
#[derive(Debug)]
pub struct Fetching {
    /// Which.
    pub digest: Digest,
    /// Its chunks.
    pub list: Arc<ChunkList>,
    /// Decides who is asked for what.
    pub fetch: BlobFetch<u32>,
    /// Since when.
    pub begun: Micros,
}

/// What lies on a node's disk of a blob: verified chunks.
#[derive(Debug, Clone, Default)]
pub struct Shelf {
    /// One flag for each chunk.
    pub held: Vec<bool>,
    /// Whether it lies there under its name.
    pub is_complete: bool,
    /// Whether a chunk is in it that is not what was signed for.
    pub is_spoilt: bool,
}

impl Shelf {
    /// What the node says that it has.
    pub fn holding(&self) -> Holding {
        match self.is_complete {
            true => Holding::Everything,
            false if self.held.is_empty() => Holding::Nothing,
            false => Holding::from_flags(&self.held),
        }
    }
}

/// What stays the same of a node over all its starts.
#[derive(Debug)]
pub struct Character {
    /// Its group, by place in the scenario.
    pub group: u32,
    /// Its number in the group.
    pub number: u32,
    /// What it is for.
    pub role: Role,
    /// Connections that it looks for.
    pub peers: usize,
    /// The key with which it votes, and that with which it bears witness.
    pub elector: Option<Arc<SecretKey>>,
    /// See `elector`.
    pub witness: Option<Arc<SecretKey>>,
}

/// What it counts: for reports.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    /// DHT lookups.
    pub lookups: u64,
    /// Chunk bytes that were asked for and came, and that went out.
    pub got: u64,
    /// See `got`.
    pub gave: u64,
    /// Chunk bytes that came twice.
    pub twice: u64,
    /// Lies that it noticed.
    pub accused: u64,
    /// Installations that failed.
    pub failed: u64,
    /// Gossip that it had no room for.
    pub unheard: u64,
}

/// A program that runs.
#[derive(Debug)]
pub struct Running {
    /// Decides.
    pub machine: Machine<u32>,
    /// Since when.
    pub since: Micros,
    /// When it is woken next, as far as was planned.
    pub wakes: Option<Micros>,
    /// What peers get who have missed something.
    pub telling: Telling,
    /// Where it talks and listens.
    pub listening: Option<Listening>,
    /// How it asks and answers.
    pub speech: Option<Speech>,
    /// Releases on their way.
    pub carrying: BTreeMap<Task, Carrying>,
    /// Installations that must not go live, and why.
    pub called_off: BTreeMap<OperationId, String>,
    /// Gossip that waits to be judged, and who brought it.
    pub unjudged: VecDeque<(MessageId, u32)>,
    /// Messages given to the machine, by the names they have there.
    pub tokens: BTreeMap<u64, (MessageId, u32)>,
    /// The next such name.
    pub next_token: u64,
    /// Requests of peers that are being answered, by weight.
    pub serving: BTreeMap<u32, u32>,
    /// Whom it met since it started.
    pub met: BTreeSet<u32>,
    /// When it looks around next although it has enough peers.
    pub walks_at: Micros,
    /// Questions under way.
    pub(super) asked: BTreeSet<QuestionId>,
}

/// A node.
#[derive(Debug)]
pub struct Node {
    /// What stays the same.
    pub character: Character,
    /// The program, while it runs.
    pub running: Option<Running>,
    /// How often it has started: what was meant for an earlier program reaches no later one.
    pub life: u32,
    /// What it keeps.
    pub kept: Kept,
    /// Its components' folders.
    pub folders: Folders,
    /// Room on its disk.
    pub room: Capacity,
    /// Blobs on its disk.
    pub shelves: BTreeMap<Digest, Shelf>,
    /// Listings and chunk lists on its disk.
    pub objects: BTreeSet<Digest>,
    /// Who is connected.
    pub peers: BTreeSet<u32>,
    /// Before this no idle connection makes room for another.
    pub makes_room_at: Micros,
    /// Who is not let in until when.
    pub banned: BTreeMap<u32, Micros>,
    /// By how much its clock is wrong, in seconds.
    pub skew: i64,
    /// The version of its own program, and the newest protocol that it speaks.
    pub program: ReleaseVersion,
    /// See `program`.
    pub speaks: u32,
    /// What it gives away at most, if that has a limit.
    pub upload: Option<Bucket>,
    /// How it lies, if it does.
    pub hostile: Option<Hostility>,
    /// When its program is going to end in the middle of an installation.
    pub doom: Option<Doom>,
    /// For reports.
    pub counters: Counters,
}

impl Node {
    /// Whether it counts when it is asked what nodes know: it runs, and does not lie.
    pub fn counts(&self) -> bool {
        self.running.is_some() && self.hostile.is_none()
    }

    /// The time by both its clocks.
    pub fn now(&self, now: Micros) -> Now {
        let since = self.running.as_ref().map_or(now, |running| running.since);
        let elapsed = std::time::Duration::from_micros(now.saturating_sub(since));
        Now { wall: self.wall(now), elapsed }
    }

    /// What its clock shows.
    pub fn wall(&self, now: Micros) -> Timestamp {
        let right = BEGIN.saturating_add(now / 1_000_000);
        Timestamp::from_seconds(right.saturating_add_signed(self.skew))
    }

    /// Where it talks.
    pub fn topic(&self) -> Option<ForkDigest> {
        self.running.as_ref()?.listening.as_ref().map(|listening| listening.current)
    }

    /// Whether it listens there.
    pub fn listens(&self, topic: ForkDigest) -> bool {
        let listening = self.running.as_ref().and_then(|running| running.listening.as_ref());
        listening
            .is_some_and(|listening| listening.current == topic || listening.also.contains(&topic))
    }

    /// What it holds of a blob.
    pub fn holding(&self, blob: &Digest) -> Holding {
        self.shelves.get(blob).map_or(Holding::Nothing, Shelf::holding)
    }
}

/// How an installation ended before it began.
pub fn failed(why: &str) -> JobError {
    JobError::Failed(why.to_owned())
}
