//! The agent's rules: what a node does about what it hears. Pure.
//!
//! Every input is handled wholly before the next; actions are carried out in their order, and what is to be
//! kept stands before what is said about it. When something cannot be kept, what stands behind it is not done
//! ([`Action::given_up`] says what the machine hears instead), and what is believed is read again
//! ([`Machine::believe_again`]). `effects.rs` does so for a node; disks of simulated ledgers never fail.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{Debug, Display},
    time::Duration,
};

use updraft_protocol::{CatchUpRequest, ComponentName, Digest, Timestamp};

use super::{
    action::{Action, Input, Job, JobError, Now},
    event::What,
    lifecycle::{Component, InstalledVersion},
    operation::{OperationId, Operations},
    rules::{Duty, Rules, Upload},
    staging::{Ahead, Wanted},
    statements::{CaughtUp, PATIENCE},
    sync::{Question, Sync},
    votes::Votes,
};
use crate::{
    catalog::{Catalog, Freshness, Witness},
    governance::Governance,
};

/// Seconds by which trusted time has to have gone on before it is kept again.
const TIME_STEP: u64 = 300;

/// A copy that a seed makes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mirror {
    pub(super) attempts: u32,
    pub(super) until: Duration,
    pub(super) running: bool,
    pub(super) done: bool,
}

/// All that the agent knows.
#[derive(Debug)]
pub struct Machine<P> {
    pub(super) rules: Rules,
    pub(super) catalog: Catalog,
    pub(super) sync: Sync<P>,
    pub(super) components: BTreeMap<ComponentName, Component>,
    pub(super) operations: Operations,
    pub(super) jobs: BTreeMap<OperationId, Job>,
    /// Whether a component was pinned before a rollback that is under way.
    pub(super) pins_before: BTreeMap<OperationId, bool>,
    pub(super) mirrors: BTreeMap<Digest, Mirror>,
    /// Blobs that are complete in the store.
    pub(super) held: BTreeSet<Digest>,
    pub(super) last_check: Option<Timestamp>,
    /// Answers to questions for news since the start, and heads they brought: for whoever waits for a check.
    pub(super) news_answers: u64,
    pub(super) new_heads: u64,
    /// Something may have become of no use since the last sweep.
    pub(super) sweep_due: bool,
    /// What this node has to say as a witness, if it is one.
    pub(super) witness: Option<Witness>,
    pub(super) caught_up: CaughtUp,
    /// It came with nothing, and nobody has told it what there is to know.
    pub(super) newcomer: bool,
    /// Peers are answered that this node knows nothing, as far as it has said how to answer them.
    untold: bool,
    /// Jobs that were called off.
    pub(super) called_off: BTreeSet<OperationId>,
    /// When the channel of each job was seen fresh last.
    pub(super) fresh: BTreeMap<OperationId, (Duration, Timestamp)>,
    /// What is made ready for a later day, by component and manifest.
    pub(super) ahead: BTreeMap<Wanted, Ahead>,
    /// Whether what earlier runs had staged and nobody wants was removed.
    pub(super) unclaimed_swept: bool,
    /// When the first peer came.
    pub(super) met: Option<Duration>,
    /// What is proposed and decided.
    pub(super) votes: Votes<P>,
    /// Why this node was not replaced by the program that was to take its place.
    pub(super) not_started_again: Option<String>,
    /// The signed time that is kept.
    kept_time: Timestamp,
    /// When something came last: everything that was due by then has been seen to.
    looked_at: Now,
    /// Who passed on a witness's word about a head that is not here, too soon after its last one to be remembered.
    pub(super) early_word: Option<P>,
}

impl<P: Copy + Ord + Debug + Display> Machine<P> {
    /// Begins with what was kept: a catalog, the components followed, and the blobs held.
    pub fn new(
        rules: Rules,
        catalog: Catalog,
        components: Vec<Component>,
        held: BTreeSet<Digest>,
    ) -> Self {
        let components =
            components.into_iter().map(|component| (component.name.clone(), component)).collect();
        let newcomer = knows_nothing(&catalog);
        let kept_time = catalog.time_floor();
        let votes = Votes::new(Governance::new(catalog.root()), Vec::new());
        Self {
            rules,
            kept_time,
            catalog,
            sync: Sync::default(),
            components,
            operations: Operations::default(),
            jobs: BTreeMap::new(),
            pins_before: BTreeMap::new(),
            mirrors: BTreeMap::new(),
            held,
            last_check: None,
            news_answers: 0,
            new_heads: 0,
            sweep_due: false,
            witness: None,
            caught_up: CaughtUp::default(),
            newcomer,
            untold: newcomer,
            called_off: BTreeSet::new(),
            fresh: BTreeMap::new(),
            ahead: BTreeMap::new(),
            unclaimed_swept: false,
            met: None,
            votes,
            not_started_again: None,
            looked_at: Now { wall: kept_time, elapsed: Duration::ZERO },
            early_word: None,
        }
    }

    /// The same, with what is known of votes.
    pub fn with_votes(mut self, votes: Votes<P>) -> Self {
        self.votes = votes;
        self
    }

    /// The same, but also a witness.
    pub fn with_witness(mut self, witness: Option<Witness>) -> Self {
        self.catalog = self.catalog.with_own_key(witness.as_ref().map(Witness::key));
        self.witness = witness;
        self
    }

    /// What is believed.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Every component that is known, by name.
    pub fn components(&self) -> impl Iterator<Item = &Component> {
        self.components.values()
    }

    /// Takes note of what lies in a component's folder: what runs, and what is kept, the newest first. To be said when
    /// a node has started, before its first input; later, installations tell.
    pub fn note_installed(
        &mut self,
        name: &ComponentName,
        installed: Option<InstalledVersion>,
        kept: Vec<InstalledVersion>,
    ) {
        if let Some(component) = self.components.get_mut(name) {
            component.installed = installed;
            component.kept = kept;
        }
    }

    /// Blobs that are complete in the store.
    pub fn held(&self) -> &BTreeSet<Digest> {
        &self.held
    }

    /// A component that is followed.
    pub fn component(&self, name: &ComponentName) -> Option<&Component> {
        self.components.get(name)
    }

    /// Operations of this run.
    pub fn operations(&self) -> &Operations {
        &self.operations
    }

    /// Takes up what was kept, after something else could not be. What a peer has told may be what was lost: all are
    /// asked again after a pause, and waited for as at the start.
    pub fn believe_again(&mut self, catalog: Catalog, votes: Votes<P>) {
        self.catalog = catalog.with_own_key(self.witness.as_ref().map(Witness::key));
        let peers = std::mem::take(&mut self.votes.peers);
        let elector = self.votes.elector.take();
        self.votes = Votes { peers, elector, ..votes };
        self.caught_up = CaughtUp::default();
        self.newcomer = knows_nothing(&self.catalog);
        self.untold = self.newcomer;
        let now = self.looked_at.elapsed;
        self.met = self.met.map(|_| now);
        self.sync.begin_again(now);
    }

    /// Notes where a job is, for people.
    pub fn set_phase(&mut self, job: OperationId, phase: super::operation::Phase) {
        self.operations.update(job, |operation| operation.phase = phase);
    }

    /// Whether anything is being fetched or built.
    pub fn is_fetching(&self) -> bool {
        !self.jobs.is_empty() || self.mirrors.values().any(|mirror| mirror.running)
    }

    /// Digests of everything that must stay in the store: what the believed manifests name. A seed also keeps what
    /// was withdrawn, because its publisher may offer it again.
    pub fn needed(&self) -> BTreeSet<Digest> {
        let listed = self.catalog.listings().map(|(_, listing)| listing.manifest);
        let withdrawn = self.remembered().into_iter().filter(|_| self.rules.duty == Duty::Seed);
        listed.chain(withdrawn).collect()
    }

    /// Manifests that stay in the store although nobody is to fetch what they name: of withdrawn releases, which
    /// somebody may still run.
    pub fn remembered(&self) -> BTreeSet<Digest> {
        self.catalog.withdrawals().map(|(_, withdrawn, _)| withdrawn.manifest).collect()
    }

    /// Asks every peer for news. Says how many, and how many answers came so far.
    pub fn check(&mut self, now: Now) -> (usize, u64, Vec<Action<P>>) {
        let asked = self.sync.ask_all();
        (asked, self.news_answers, self.finish(Vec::new(), now))
    }

    /// Answers to questions for news, and new heads, since the start.
    pub fn news_counts(&self) -> (u64, u64) {
        (self.news_answers, self.new_heads)
    }

    /// Takes one input and says what to do, in order.
    pub fn handle(&mut self, input: Input<P>, now: Now) -> Vec<Action<P>> {
        self.catalog.pass(now.elapsed);
        let actions = match input {
            Input::Gossip { token, from, message } => self.on_gossip(token, from, message, now),
            Input::Missed(peer) => {
                // Its answer shows what is missing, whatever it was.
                self.sync.ask_once_more(peer, Question::News);
                Vec::new()
            }
            Input::PeerCame(peer) => {
                self.sync.peer_came(peer);
                self.met.get_or_insert(now.elapsed);
                self.components.values_mut().for_each(|component| component.peer_came(now.elapsed));
                let (network, fork) = (self.catalog.root().network, self.fork_id(now));
                vec![
                    Action::Emit(What::PeerConnected { peer: peer.to_string() }),
                    Action::AskFork(peer, network, fork),
                ]
            }
            Input::PeerWent(peer) => {
                self.sync.peer_went(peer);
                self.votes.peers.remove(&peer);
                vec![Action::Emit(What::PeerDisconnected { peer: peer.to_string() })]
            }
            Input::News(peer, answer) => self.on_news(peer, answer, now),
            Input::Roots(peer, answer) => self.on_roots(peer, answer, now),
            Input::Statements(peer, after, answer) => self.on_statements(peer, after, answer, now),
            Input::Proved(proof) => self.on_proved(*proof, now),
            Input::Vouched(heartbeat) => self.on_vouched(*heartbeat, now),
            Input::Cast(ballot) => self.on_cast(*ballot, now),
            Input::Forked(peer, fork) => self.on_forked(peer, fork, now),
            Input::Height(height) => self.on_height(height, now),
            Input::Manifest(peer, digest, answer) => self.on_manifest(peer, digest, answer, now),
            Input::Imported { head, manifest, by } => self.on_imported(&head, &manifest, by, now),
            Input::Fetched(job, result) => self.on_fetched(job, result, now),
            Input::Installed(job, result) => self.on_installed(job, result, now),
            Input::Staged(job, result) => self.on_staged(job, result, now),
            Input::Mirrored(release, result) => self.on_mirrored(release, result, now),
            Input::NotStartedAgain(reason) => self.on_not_started_again(reason, now),
            Input::Tick => {
                self.catalog.forget_what_ran_out(now.wall);
                self.forget_votes(now).into_iter().collect()
            }
        };
        self.finish(actions, now)
    }

    /// When to send [`Input::Tick`] if nothing else comes first. It stays what it is until something has come: a moment
    /// that passes while nobody looks is not forgotten.
    pub fn next_wakeup(&self) -> Duration {
        let at = self.looked_at;
        let now = at.elapsed;
        let pauses = self.components.values().filter_map(|component| match component.stage() {
            super::lifecycle::Stage::Waiting { until, .. } => Some(*until),
            _ => None,
        });
        let mirrors = self.mirrors.values().filter(|m| !m.running && !m.done).map(|m| m.until);
        // Both are moments of the other clock. One that has passed waits for something else, not for time.
        let fresh = self.catalog.channels().filter_map(|(channel, _)| {
            match self.catalog.freshness(channel, at.wall) {
                Freshness::Fresh { until } => Some(until.plus(1)),
                Freshness::Stale { .. } => None,
            }
        });
        let word = self.witness.as_ref().and_then(|w| w.next(&self.catalog, at.wall));
        let moments = fresh
            .chain(word)
            .chain(self.next_epoch_of_votes(at))
            .filter(|moment| *moment > at.wall);
        let signed = moments.map(|moment| now + Duration::from_secs(moment.since(at.wall)));
        let heard = self.waits_for_statements(at).then(|| self.met.unwrap_or(now) + PATIENCE);
        let dues = pauses.chain(mirrors).chain(signed).chain(heard);
        let dues = dues.chain([self.sync.next_wakeup(now)]).chain(self.votes.passed_on.next());
        dues.filter(|at| *at > now).min().unwrap_or(now + Duration::from_secs(60))
    }

    /// Whether this node knows so little that peers must not take it for the whole.
    pub fn is_untold(&self) -> bool {
        self.newcomer && !self.caught_up.statements
    }

    /// What follows from any input: questions that are due, and updates that may begin.
    pub(super) fn finish(&mut self, mut actions: Vec<Action<P>>, now: Now) -> Vec<Action<P>> {
        self.looked_at = now;
        self.sync.want(&self.catalog.missing_manifests(), now.elapsed);
        for (peer, question) in self.sync.due(now.elapsed) {
            actions.push(self.put(peer, question));
        }
        let gone = self.catalog.take_gone();
        if !gone.is_empty() {
            actions.push(Action::ForgetStatements(gone));
        }
        self.newcomer &= !self.caught_up.statements;
        if std::mem::replace(&mut self.untold, self.newcomer) && !self.newcomer {
            actions.push(Action::Told);
        }
        self.keep_time(&mut actions);
        self.pass_ballots_on(now, &mut actions);
        self.follow_rules(now, &mut actions);
        self.call_off(now, &mut actions);
        self.let_go_of_what_is_over(now, &mut actions);
        self.stage_ahead(now, &mut actions);
        match self.left_behind(now) {
            // It says nothing and begins nothing: what it would do, it would do by rules that are over.
            Some(behind) => {
                self.catch_up_with_the_rest(&behind, now, &mut actions);
                actions.retain(|action| !matches!(action, Action::Announce(_)));
            }
            None => {
                self.vouch(now, &mut actions);
                self.get_ready(now, &mut actions);
                self.follow_decisions(now, &mut actions);
                self.begin_updates(now, &mut actions);
                self.begin_mirrors(now, &mut actions);
            }
        }
        // Last: a manifest keeps what it names only once it is kept itself, and what is being fetched or
        // built may go through a release that has just left its channel.
        if self.sweep_due && !self.is_fetching() {
            self.sweep_due = false;
            actions.push(Action::Sweep);
        }
        actions
    }

    fn on_not_started_again(&mut self, reason: String, _: Now) -> Vec<Action<P>> {
        self.not_started_again = Some(reason);
        Vec::new()
    }

    /// Why this node goes on although another program was to take its place, if one was.
    pub fn not_started_again(&self) -> Option<&str> {
        self.not_started_again.as_deref()
    }

    /// Signed time is kept in steps: what is lost by a power cut is at most one of them.
    fn keep_time(&mut self, actions: &mut Vec<Action<P>>) {
        let floor = self.catalog.time_floor();
        if floor.since(self.kept_time) >= TIME_STEP {
            self.kept_time = floor;
            actions.push(Action::KeepTime(floor));
        }
    }

    fn put(&self, peer: P, question: Question) -> Action<P> {
        let root = self.catalog.root();
        match question {
            Question::News => Action::AskNews(
                peer,
                CatchUpRequest::Since {
                    network: root.network,
                    root_version: root.version,
                    marks: self.sync.wanted_from(peer, self.catalog.marks()),
                },
            ),
            Question::Roots => Action::AskRoots(peer, root.network, root.version),
            Question::Manifest(digest) => Action::AskManifest(peer, digest),
            Question::Statements(after) => Action::AskStatements(peer, root.network, after),
        }
    }

    pub(super) fn on_mirrored(
        &mut self,
        release: Digest,
        result: Result<Vec<Digest>, JobError>,
        now: Now,
    ) -> Vec<Action<P>> {
        let Some(mirror) = self.mirrors.get_mut(&release) else { return Vec::new() };
        mirror.running = false;
        match result {
            Ok(blobs) => {
                mirror.done = true;
                self.held.extend(blobs.iter().copied());
                if self.rules.upload == Upload::On {
                    vec![Action::Provide(blobs)]
                } else {
                    Vec::new()
                }
            }
            Err(_) => {
                mirror.attempts = mirror.attempts.saturating_add(1);
                let pause = Duration::from_secs(2)
                    .saturating_mul(2_u32.saturating_pow(mirror.attempts.min(8)));
                mirror.until = now.elapsed + pause;
                Vec::new()
            }
        }
    }

    /// A seed copies every listed release, the newest first, one at a time.
    fn begin_mirrors(&mut self, now: Now, actions: &mut Vec<Action<P>>) {
        if self.rules.duty != Duty::Seed {
            return;
        }
        let listed: BTreeSet<Digest> =
            self.catalog.listings().map(|(_, listing)| listing.manifest).collect();
        self.mirrors.retain(|digest, mirror| mirror.running || listed.contains(digest));
        if self.mirrors.values().any(|mirror| mirror.running) {
            return;
        }
        let next = listed
            .iter()
            .filter_map(|digest| Some((digest, self.catalog.manifest(digest)?)))
            .filter(|(digest, known)| {
                let mirror = self.mirrors.get(digest).copied().unwrap_or_default();
                let held = known.manifest.blobs().all(|blob| self.held.contains(&blob.digest));
                !mirror.done && mirror.until <= now.elapsed && !held
            })
            .max_by_key(|(_, known)| known.manifest.created);
        if let Some((digest, known)) = next {
            actions.push(Action::Mirror(*digest, known.manifest.clone()));
            self.mirrors.entry(*digest).or_default().running = true;
        }
    }
}

/// Whether a node that has kept this came with nothing.
fn knows_nothing(catalog: &Catalog) -> bool {
    catalog.channels().all(|(_, head)| head.is_none()) && catalog.said().is_empty()
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
