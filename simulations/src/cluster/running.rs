//! A cluster while it runs: what is to happen, what has happened, and the loop that waits for both.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, MissedTickBehavior},
};
use updraft_node::agent::AgentHandle;
use updraft_protocol::{Digest, ReleaseVersion};

use super::{
    Failure,
    desk::{Character, Kept, keep},
    making::Works,
    measure::Measured,
    seat::{Account, MAX_NEWS, News, Running},
    wire::Wire,
};
use crate::{
    course::{self, Happening, Saying, Sayings},
    judging::Facts as _,
    outcome::{Ended, Outcome},
    run::{Progress, RunOptions, Watch},
    scenario::{Departure, Scenario, Span, Time},
    world::{chance::Chance, lines::Micros, people::People},
};

/// How often it is told how far the run is, and looked whether it is to stop.
const LOOK: Duration = Duration::from_millis(200);
/// How often nodes are asked how votes stand, while there are any.
const ASK_VOTES: Micros = 1_000_000;
/// Time for which a cluster goes on when all that was to come has come: what goes wrong late is seen.
const AFTERWARDS: Micros = 3_000_000;
/// How long a node may take to say what it has done.
const ACCOUNT_TIME: Duration = Duration::from_secs(5);

/// Something that is to happen.
#[derive(Debug, Clone)]
pub(super) enum Due {
    /// Something of the course happens.
    Happens(usize),
    /// A node starts, or has its line again.
    Starts(u32),
    /// A node goes, and comes back after that time.
    Leaves(u32, Departure, Option<Time>),
    /// The line of a node is whole again.
    Whole(u32),
    /// An elector votes.
    Votes(Saying),
}

/// Something that took a while has ended.
#[derive(Debug)]
pub(super) enum Done {
    /// A node has started, or not.
    Started(u32, Result<Box<Running>, Failure>),
    /// A node has ended; what it had done.
    Gone(u32, Box<Account>),
    /// A release was handed to a node.
    Published(u32, ReleaseVersion, Result<(), Failure>),
    /// A vote was proposed.
    Proposed(Result<Digest, Failure>),
    /// An elector has voted, or could not.
    Voted(Saying, Result<(), Failure>),
    /// The publisher has taken something back.
    Withdrawn(Result<(), Failure>),
    /// A node says what it has done so far, in this life of it.
    Said(u32, u32, Box<Account>),
}

/// Where a node is in its life.
#[derive(Debug)]
pub(super) enum Life {
    /// It does not run.
    Away,
    /// It is being started.
    Starting,
    /// It runs.
    Here(Box<Running>),
    /// It is ending.
    Going,
}

/// A node and its place.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) character: Arc<Character>,
    /// How often it has started.
    lives: u32,
    /// Its port, while it does not run.
    kept: Option<Kept>,
    pub(super) life: Life,
    /// What is to be done as soon as it has started or ended.
    then: Option<Due>,
}

impl Seat {
    /// Whom to ask, if it runs.
    pub(super) fn agent(&self) -> Option<&AgentHandle> {
        match &self.life {
            Life::Here(running) => Some(&running.agent),
            Life::Away | Life::Starting | Life::Going => None,
        }
    }
}

/// Everything that there is.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) scenario: Arc<Scenario>,
    pub(super) options: RunOptions,
    pub(super) people: People,
    pub(super) works: Works,
    pub(super) seats: Vec<Seat>,
    pub(super) wire: Wire,
    pub(super) folder: PathBuf,
    pub(super) measured: Measured,
    pub(super) chance: Chance,
    /// Nodes whose line is dead.
    pub(super) clogged: BTreeSet<u32>,
    /// What happens, in the order of time.
    pub(super) course: Vec<Happening>,
    /// How much of it has not come to its end yet.
    pub(super) untold: usize,
    pub(super) sayings: Sayings,
    pub(super) jobs: JoinSet<Done>,
    queue: BTreeMap<(Micros, u64), Due>,
    order: u64,
    news: (mpsc::Sender<News>, mpsc::Receiver<News>),
    votes_asked: Micros,
}

impl Cluster {
    /// A cluster at its beginning: nobody runs yet.
    pub(super) fn new(
        scenario: &Scenario,
        options: &RunOptions,
        (people, works): (People, Works),
        nodes: Vec<(Character, Kept)>,
        wire: Wire,
        folder: &Path,
    ) -> Self {
        let seat = |(character, kept): (Character, Kept)| Seat {
            character: Arc::new(character),
            lives: 0,
            kept: Some(kept),
            life: Life::Away,
            then: None,
        };
        let picked = || course::pick(scenario, options.seed);
        let course = options.course.clone().unwrap_or_else(picked);
        let mut cluster = Self {
            scenario: Arc::new(scenario.clone()),
            options: options.clone(),
            people,
            works,
            seats: nodes.into_iter().map(seat).collect(),
            wire,
            folder: folder.to_owned(),
            measured: Measured::default(),
            chance: Chance::of(options.seed, "nodes"),
            clogged: BTreeSet::new(),
            untold: course.len(),
            course,
            sayings: Sayings::default(),
            jobs: JoinSet::new(),
            queue: BTreeMap::new(),
            order: 0,
            news: mpsc::channel(MAX_NEWS),
            votes_asked: 0,
        };
        cluster.begin_measuring();
        let numbered =
            cluster.seats.iter().map(|seat| (seat.character.number, seat.character.group));
        for (number, group) in numbered.collect::<Vec<_>>() {
            let group = &cluster.scenario.groups[group];
            if !group.waits {
                let at = cluster.pick(group.starts);
                cluster.plan(at, Due::Starts(number));
            }
        }
        for place in 0..cluster.course.len() {
            cluster.plan(cluster.course[place].at.0, Due::Happens(place));
        }
        cluster
    }

    /// A moment of a span.
    pub(super) fn pick(&mut self, span: Span) -> Micros {
        self.chance.between(span.from.0, span.to.0)
    }

    /// Something is to happen then.
    pub(super) fn plan(&mut self, at: Micros, due: Due) {
        self.order += 1;
        self.queue.insert((at, self.order), due);
    }

    /// Runs until it is over.
    pub(super) async fn run(
        mut self,
        watch: &mut dyn Watch,
        stop: &AtomicBool,
    ) -> Result<Outcome, Failure> {
        let began = Instant::now() - Duration::from_micros(self.wire.now());
        let until = self.scenario.until.0;
        let (mut ends, mut ended) = (until, Ended::TimeUp);
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.wire.now() < ends {
            let next = self.queue.keys().next().map_or(ends, |(at, _)| ends.min(*at));
            let wakes = began + Duration::from_micros(next);
            // All are cancel-safe: what is not taken stays where it is.
            tokio::select! {
                () = tokio::time::sleep_until(wakes) => self.do_what_is_due(),
                Some(news) = self.news.1.recv() => self.hear(news),
                Some(done) = self.jobs.join_next() => {
                    self.note(done.map_err(Failure::of(|| "a bug: a job has failed".to_owned()))?)?;
                }
                _ = look.tick() => {
                    self.look(watch);
                    if stop.load(Ordering::Relaxed) {
                        ended = Ended::Stopped;
                        break;
                    }
                }
            }
            if ended == Ended::TimeUp && self.is_over() {
                ended = Ended::Done;
                ends = until.min(self.wire.now() + AFTERWARDS);
            }
        }
        let at = self.wire.now();
        self.end(ended).await?;
        Ok(self.outcome(ended, at))
    }

    fn do_what_is_due(&mut self) {
        let now = self.wire.now();
        while let Some(first) = self.queue.first_entry().filter(|first| first.key().0 <= now) {
            match first.remove() {
                Due::Happens(place) => self.happens(place),
                Due::Starts(node) => self.start(node),
                Due::Leaves(node, how, back_after) => self.leave(node, how, back_after),
                Due::Whole(node) => self.set_clogged(node, false),
                Due::Votes(saying) => self.cast(saying),
            }
        }
    }

    fn look(&mut self, watch: &mut dyn Watch) {
        let (nodes_done, nodes_wanted) = self.done();
        let now = self.wire.now();
        watch.progress(Progress {
            seconds: now as f64 / 1e6,
            of: self.scenario.until.seconds(),
            events: self.wire.events(),
            nodes_done,
            nodes_wanted,
        });
        if self.measured.has_votes() && now >= self.votes_asked + ASK_VOTES {
            self.votes_asked = now;
            self.ask_for_accounts();
        }
    }

    /// Asks every node what it has done so far.
    fn ask_for_accounts(&mut self) {
        for seat in &self.seats {
            if let Life::Here(running) = &seat.life {
                let (number, agent) = (seat.character.number, running.agent.clone());
                let (numbers, life) = (running.numbers(), seat.lives);
                self.jobs.spawn(async move {
                    Done::Said(number, life, Box::new(account(agent, numbers).await))
                });
            }
        }
    }

    /// Whether the story is told, everybody runs what was published last, and no vote is under way.
    fn is_over(&self) -> bool {
        let (done, wanted) = self.done();
        self.untold == 0 && done == wanted && !self.is_voting()
    }

    /// A node starts, if it does not run; if only its line was dead, it has it again.
    pub(super) fn start(&mut self, number: u32) {
        self.set_clogged(number, false);
        let (wire, news) = (self.wire.clone(), self.news.0.clone());
        let seat = &mut self.seats[number as usize];
        match seat.life {
            Life::Away => {}
            Life::Here(_) | Life::Starting => return,
            Life::Going => return seat.then = Some(Due::Starts(number)),
        }
        seat.life = Life::Starting;
        seat.lives += 1;
        seat.kept = None;
        let character = seat.character.clone();
        self.jobs.spawn_blocking(move || {
            let started = Running::start(&character, wire.of(number), &wire, news);
            Done::Started(number, started.map(Box::new))
        });
    }

    /// A node's program ends.
    pub(super) fn stop(&mut self, number: u32, how: Departure) {
        if how == Departure::Vanish {
            return self.set_clogged(number, true);
        }
        let seat = &mut self.seats[number as usize];
        let running = match std::mem::replace(&mut seat.life, Life::Going) {
            Life::Here(running) => running,
            Life::Starting => {
                seat.life = Life::Starting;
                return seat.then = Some(Due::Leaves(number, how, None));
            }
            other => return seat.life = other,
        };
        let wire = self.wire.clone();
        self.jobs.spawn(async move {
            let account = account(running.agent.clone(), running.numbers()).await;
            if how == Departure::Kill {
                wire.change(|ways| ways.set_cut(number, true));
            }
            let end = move || if how == Departure::Kill { running.kill() } else { running.stop() };
            if let Err(error) = tokio::task::spawn_blocking(end).await {
                tracing::error!(%error, "a node ended badly");
            }
            if how == Departure::Kill {
                wire.reset(number);
            }
            Done::Gone(number, Box::new(account))
        });
    }

    fn note(&mut self, done: Done) -> Result<(), Failure> {
        match done {
            Done::Started(number, started) => {
                let running = started?;
                self.has_started(number, &running.agent);
                let seat = &mut self.seats[number as usize];
                seat.life = Life::Here(running);
                self.go_on(number);
            }
            Done::Gone(number, account) => {
                self.wire.change(|ways| ways.set_cut(number, self.clogged.contains(&number)));
                self.keep_account(number, *account);
                self.forget(number);
                let seat = &mut self.seats[number as usize];
                seat.life = Life::Away;
                let place = seat.character.place;
                // If somebody has taken it meanwhile, the start says so.
                seat.kept = keep(Some(place)).ok().map(|(_, kept)| kept);
                self.go_on(number);
            }
            Done::Published(number, version, result) => {
                result?;
                self.untold -= 1;
                self.published(&version, number);
            }
            Done::Withdrawn(result) => {
                result?;
                self.untold -= 1;
            }
            Done::Proposed(result) => {
                let id = result?;
                self.untold -= 1;
                self.measured.proposed(id, self.wire.now());
            }
            Done::Voted(saying, result) => self.has_voted(saying, result),
            // What a node said that is gone is how it saw things, and not how it does.
            Done::Said(number, life, account) => {
                let seat = &self.seats[number as usize];
                if seat.lives == life && matches!(seat.life, Life::Here(_)) {
                    self.take_note(number, &account);
                }
            }
        }
        Ok(())
    }

    /// What had to wait until a node had started or ended.
    fn go_on(&mut self, number: u32) {
        if let Some(due) = self.seats[number as usize].then.take() {
            self.plan(self.wire.now(), due);
        }
    }

    /// Hears everybody out, and ends all nodes.
    async fn end(&mut self, ended: Ended) -> Result<(), Failure> {
        for number in 0..u32::try_from(self.seats.len()).expect("at most 64") {
            // Whoever asked for the end does not want to wait for goodbyes.
            let how = if ended == Ended::Stopped { Departure::Kill } else { Departure::Stop };
            self.stop(number, how);
        }
        while let Some(done) = self.jobs.join_next().await {
            let Ok(done) = done else { continue };
            match done {
                Done::Gone(number, account) => {
                    self.take_note(number, &account);
                    self.keep_account(number, *account);
                }
                // Started too late to be of use.
                Done::Started(number, Ok(running)) => {
                    self.seats[number as usize].life = Life::Here(running);
                    self.stop(number, Departure::Kill);
                }
                _ => {}
            }
        }
        while let Ok(news) = self.news.1.try_recv() {
            self.hear(news);
        }
        Ok(())
    }
}

/// What a node says of itself, or nothing if it takes too long.
async fn account(agent: AgentHandle, numbers: String) -> Account {
    let said = Running::account(agent, numbers.clone());
    let said = tokio::time::timeout(ACCOUNT_TIME, said).await;
    said.unwrap_or(Account { numbers, ..Account::default() })
}
