//! The rules of thousands of nodes on a virtual clock, network and disk.
//!
//! ```text
//! course ─┐                            ┌─> letters ─> ways, lines ─┐
//!  queue ─┼─> the next event ─> node ──┤                           ├─> queue
//!  lines ─┘      (one at a time)       └─> timers, disk, DHT ──────┘
//! ```
//!
//! The rules are the node's own machines: what is simulated is only what they stand on. One event is dealt with wholly before
//! the next; what happens depends on the scenario and the seed and on nothing else, so a run can be had again to the byte. No
//! clock of the machine is read here, no map is walked in the order of its hashes, no thread is started.

mod carrying;
pub mod chance;
mod deadlines;
pub mod dht;
mod effects;
mod faults;
mod giving;
pub mod gossip;
mod held_back;
mod installing;
mod judging;
pub mod ledger;
mod letters;
pub mod lines;
mod lying;
mod measure;
mod meeting;
pub mod node;
pub mod people;
mod promises;
pub mod queue;
pub mod releases;
pub mod slots;
mod starting;
mod talk;
mod telling;
mod voted;
pub mod ways;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use updraft_node::agent::Input;
use updraft_protocol::{Digest, proven};

use self::{
    chance::Chance,
    deadlines::Deadlines,
    dht::Dht,
    gossip::Gossiping,
    letters::{Held, Letter, LetterId},
    lines::{Lines, Micros},
    measure::Measured,
    node::{Node, Task},
    people::People,
    promises::{Promises, Traces},
    queue::Queue,
    releases::Releases,
    slots::Slots,
    talk::{Question, QuestionId},
    ways::Ways,
};
use crate::{
    course::{self, Happening, Saying, Sayings},
    outcome::{Ended, Outcome},
    run::{Progress, RunError, RunOptions, Watch},
    scenario::Scenario,
};

/// Events between two looks at whether the run is to stop: for each node one, and within these bounds. Looking takes a
/// while among many nodes, and in a small world these are seconds of its time.
const LOOK_EVERY: (u64, u64) = (256, 65_536);
/// Bytes of events that are hashed together: many chunks at once are several times as fast.
const HASHED_AT_ONCE: usize = 64 * 1024;
/// Time for which a world goes on when all that was to come has come: what goes wrong late is seen.
const AFTERWARDS: Micros = 5_000_000;

/// Runs a scenario as a world.
///
/// # Errors
/// None that is not the scenario's.
pub fn run(
    scenario: &Scenario,
    options: &RunOptions,
    watch: &mut dyn Watch,
    stop: &AtomicBool,
) -> Result<Outcome, RunError> {
    // All nodes check the same signatures on this thread.
    proven::remember();
    let course = options.course.clone().unwrap_or_else(|| course::pick(scenario, options.seed));
    let mut world = World::new(Arc::new(scenario.clone()), options.seed, course);
    world.watch(options.node.as_deref());
    let look_every = scenario.nodes().clamp(LOOK_EVERY.0, LOOK_EVERY.1);
    let until = scenario.until.0;
    let mut ends = until;
    let mut ended = Ended::TimeUp;
    let mut look_at = look_every;
    while world.step(ends) {
        if !world.promises.broken.is_empty() {
            ended = Ended::Broken;
            break;
        }
        if world.count < look_at {
            continue;
        }
        look_at = world.count + look_every;
        let (nodes_done, nodes_wanted) = world.done();
        let seconds = |micros: Micros| micros as f64 / 1e6;
        watch.progress(Progress {
            seconds: seconds(world.now),
            of: seconds(until),
            events: world.count,
            nodes_done,
            nodes_wanted,
        });
        if stop.load(Ordering::Relaxed) {
            ended = Ended::Stopped;
            break;
        }
        if ended == Ended::TimeUp && world.is_over() {
            ended = Ended::Done;
            ends = until.min(world.now + AFTERWARDS);
        }
    }
    let mut outcome = world.outcome(options, ended);
    outcome.judged = world.judge_all();
    outcome.broken = world.promises.broken;
    Ok(outcome)
}

/// Something that is to happen.
#[derive(Debug)]
enum Event {
    /// Something of the course happens.
    Happens(usize),
    /// A node's machine wants to be woken, in this life of it.
    Wake(u32, u32),
    /// A fetch wants to be woken.
    WakeTask(u32, u32, Task),
    /// A small letter is there.
    Arrives(LetterId),
    /// A node has judged the message that waits longest.
    Judged(u32, u32),
    /// A node gives an answer that its upload limit has held back.
    Answers(u32, u32, Box<held_back::Waiting>),
    /// Meshes are mended.
    Heartbeat,
    /// A node looks for peers.
    Dials(u32, u32),
    /// Something that a node does by itself has ended.
    Ended(u32, u32, Box<Input<u32>>),
    /// A lookup in the DHT has ended: for a fetch, of a blob.
    Named(u32, u32, Task, Digest),
    /// An installation begins to change the disk.
    Installs(u32, u32, Box<installing::Installation>),
    /// A node starts.
    Starts(u32),
    /// An elector votes.
    Votes(Saying),
    /// What stands at this place of the course is said, after so many tries.
    Says(usize, u32),
    /// A node's line is whole again.
    Whole(u32),
    /// A node's disk is whole again.
    Mends(u32),
}

/// Streams of chance, one for each use.
#[derive(Debug)]
struct Chances {
    ways: Chance,
    gossip: Chance,
    dht: Chance,
    meeting: Chance,
    nodes: Chance,
}

/// Everything that there is.
#[derive(Debug)]
pub struct World {
    scenario: Arc<Scenario>,
    now: Micros,
    /// Events so far.
    count: u64,
    queue: Queue<Event>,
    lines: Lines,
    ways: Ways,
    gossip: Gossiping,
    dht: Dht,
    nodes: Vec<Node>,
    letters: Slots<Letter>,
    /// What waits for lines that are cut.
    held: Vec<Held>,
    /// Connections whose line is cut, and since when.
    dying: BTreeMap<(u32, u32), Micros>,
    questions: BTreeMap<QuestionId, Question>,
    deadlines: Deadlines,
    next_question: u64,
    people: People,
    releases: Releases,
    chances: Chances,
    /// Nodes that newcomers dial.
    known: Vec<u32>,
    /// What happens, in the order of time.
    course: Vec<Happening>,
    /// How much of it has not happened yet.
    untold: usize,
    /// Nodes by their names.
    names: BTreeMap<String, u32>,
    /// What electors are to say.
    sayings: Sayings,
    measured: Measured,
    promises: Promises,
    /// Who is judging which message, and what he had kept before.
    judging: Option<(u32, u64, Traces)>,
    /// Since when nothing goes wrong any more.
    calm_since: Option<Micros>,
    /// Digest of all events so far, but for those that are not hashed yet.
    log: blake3::Hasher,
    unhashed: Vec<u8>,
}

impl World {
    /// A scenario at its beginning.
    pub fn new(scenario: Arc<Scenario>, seed: u64, course: Vec<Happening>) -> Self {
        let people = People::of(&scenario);
        let chance = |called| Chance::of(seed, called);
        let mut world = Self {
            now: 0,
            count: 0,
            queue: Queue::default(),
            lines: Lines::default(),
            ways: Ways::default(),
            gossip: Gossiping::default(),
            dht: Dht::default(),
            nodes: Vec::new(),
            letters: Slots::default(),
            held: Vec::new(),
            dying: BTreeMap::new(),
            questions: BTreeMap::new(),
            deadlines: Deadlines::default(),
            next_question: 0,
            people,
            releases: Releases::default(),
            chances: Chances {
                ways: chance("ways"),
                gossip: chance("gossip"),
                dht: chance("dht"),
                meeting: chance("meeting"),
                nodes: chance("nodes"),
            },
            known: Vec::new(),
            untold: course.len(),
            course,
            names: BTreeMap::new(),
            sayings: Sayings::default(),
            measured: Measured::default(),
            promises: Promises::default(),
            judging: None,
            calm_since: None,
            log: blake3::Hasher::new(),
            unhashed: Vec::new(),
            scenario,
        };
        world.populate();
        world.plan_course();
        world.queue.put(gossip::HEARTBEAT * 1_000, Event::Heartbeat);
        world
    }

    /// The time.
    pub fn now(&self) -> Micros {
        self.now
    }

    /// Events so far.
    pub fn events(&self) -> u64 {
        self.count
    }

    /// Digest of all events so far.
    pub fn hash(&self) -> blake3::Hash {
        self.log.clone().update(&self.unhashed).finalize()
    }

    /// Whether the story is told, everybody knows of what was published last and runs it, and no vote is under way.
    fn is_over(&mut self) -> bool {
        let (done, wanted) = self.done();
        if self.untold > 0 || done < wanted {
            return false;
        }
        let (heard, there) = self.hearers();
        heard == there && !self.is_voting()
    }

    /// Lets the next event happen, if it happens by `until`. Says whether one did.
    pub fn step(&mut self, until: Micros) -> bool {
        let (queued, carried) = (self.queue.next(), self.lines.next());
        let questions = &self.questions;
        let given_up = self.deadlines.next(|question| questions.contains_key(&question));
        let Some(at) = [queued, carried, given_up].into_iter().flatten().min() else {
            return false;
        };
        if at > until {
            return false;
        }
        self.now = at;
        if given_up == Some(at) {
            self.count += 1;
            if let Some(question) = self.deadlines.take(at) {
                self.give_up(question);
            }
            self.look_at_promises();
            return true;
        }
        if carried == Some(at) {
            if let Some(delivery) = self.lines.step() {
                self.count += 1;
                self.note("carried", delivery.to, delivery.token);
                self.deliver(LetterId::of(delivery.token));
                self.look_at_promises();
            }
            return true;
        }
        if let Some((_, event)) = self.queue.take() {
            self.count += 1;
            self.happen(event);
            self.look_at_promises();
        }
        true
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Happens(place) => self.happens(place),
            Event::Wake(node, life) => self.wake(node, life),
            Event::WakeTask(node, life, task) => self.wake_task(node, life, task),
            Event::Arrives(letter) => self.deliver(letter),
            Event::Judged(node, life) => self.judge(node, life),
            Event::Answers(node, life, waiting) => self.answer_at_last(node, life, *waiting),
            Event::Heartbeat => self.beat(),
            Event::Dials(node, life) => self.dial(node, life),
            Event::Ended(node, life, input) => self.hand(node, life, *input),
            Event::Named(node, life, task, blob) => self.named(node, life, task, blob),
            Event::Installs(node, life, installation) => self.install(node, life, *installation),
            Event::Starts(node) => self.start(node),
            Event::Votes(saying) => self.cast(saying),
            Event::Says(place, tries) => {
                self.untold -= 1;
                self.say(place, tries);
            }
            Event::Whole(node) => self.make_whole(node),
            Event::Mends(node) => self.mend_disk(node),
        }
    }

    /// Writes an event into the log of the run.
    fn note(&mut self, what: &str, node: u32, detail: u64) {
        self.unhashed.extend_from_slice(&self.now.to_le_bytes());
        self.unhashed.extend_from_slice(what.as_bytes());
        self.unhashed.extend_from_slice(&node.to_le_bytes());
        self.unhashed.extend_from_slice(&detail.to_le_bytes());
        if self.unhashed.len() >= HASHED_AT_ONCE {
            self.log.update(&self.unhashed);
            self.unhashed.clear();
        }
    }

    fn node(&mut self, node: u32) -> &mut Node {
        &mut self.nodes[node as usize]
    }

    /// Whether a node's program still is the one that something was meant for.
    fn lives(&self, node: u32, life: u32) -> bool {
        let node = &self.nodes[node as usize];
        node.life == life && node.running.is_some()
    }
}

#[cfg(test)]
#[path = "world_tests.rs"]
mod tests;
