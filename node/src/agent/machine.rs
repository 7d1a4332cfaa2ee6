//! The agent's rules: what a node does about what it hears. Pure.
//!
//! Every input is handled wholly before the next; actions are carried out in their order, and what is to be
//! kept stands before what is said about it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{Debug, Display},
    sync::Arc,
    time::Duration,
};

use updraft_protocol::{
    BootstrapAnswer, BootstrapRequest, CatchUpAnswer, CatchUpRequest, ComponentName, Digest,
    Gossip, Head, Manifest, Signed,
};

use super::{
    action::{Action, Input, Job, JobError, Now},
    event::What,
    lifecycle::Component,
    operation::{OperationId, Operations},
    order::HistoryLine,
    rules::{Duty, Rules, Upload},
    sync::{Question, Sync},
};
use crate::catalog::{Catalog, HeadOutcome, Offer, Refusal, Verdict};

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
    pub(super) last_check: Option<updraft_protocol::Timestamp>,
    /// Answers to questions for news since the start, and heads they brought: for whoever waits for a check.
    pub(super) news_answers: u64,
    pub(super) new_heads: u64,
    /// Something may have become of no use since the last sweep.
    pub(super) sweep_due: bool,
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
        Self {
            rules,
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
        }
    }

    /// What is believed.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// A component that is followed.
    pub fn component(&self, name: &ComponentName) -> Option<&Component> {
        self.components.get(name)
    }

    /// Operations of this run.
    pub fn operations(&self) -> &Operations {
        &self.operations
    }

    /// Takes up what was kept, after something else could not be.
    pub fn believe_again(&mut self, catalog: Catalog) {
        self.catalog = catalog;
    }

    /// Notes where a job is, for people.
    pub fn set_phase(&mut self, job: OperationId, phase: super::operation::Phase) {
        self.operations.update(job, |operation| operation.phase = phase);
    }

    /// Whether anything is being fetched or built.
    pub fn is_fetching(&self) -> bool {
        !self.jobs.is_empty() || self.mirrors.values().any(|mirror| mirror.running)
    }

    /// Digests of everything that must stay in the store: what the believed manifests name.
    pub fn needed(&self) -> BTreeSet<Digest> {
        self.catalog.listings().map(|(_, listing)| listing.manifest).collect()
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
        let actions = match input {
            Input::Gossip { token, from, message } => self.on_gossip(token, from, message, now),
            Input::PeerCame(peer) => {
                self.sync.peer_came(peer);
                self.components.values_mut().for_each(|component| component.peer_came(now.elapsed));
                vec![Action::Emit(What::PeerConnected { peer: peer.to_string() })]
            }
            Input::PeerWent(peer) => {
                self.sync.peer_went(peer);
                vec![Action::Emit(What::PeerDisconnected { peer: peer.to_string() })]
            }
            Input::News(peer, answer) => self.on_news(peer, answer, now),
            Input::Roots(peer, answer) => self.on_roots(peer, answer),
            Input::Manifest(peer, digest, answer) => self.on_manifest(peer, digest, answer, now),
            Input::Imported { head, manifest, by } => self.on_imported(&head, &manifest, by, now),
            Input::Fetched(job, result) => self.on_fetched(job, result, now),
            Input::Installed(job, result) => self.on_installed(job, result, now),
            Input::Mirrored(release, result) => self.on_mirrored(release, result, now),
            Input::Tick => Vec::new(),
        };
        self.finish(actions, now)
    }

    /// When to send [`Input::Tick`] if nothing else comes first; later than `now`.
    pub fn next_wakeup(&self, now: Duration) -> Duration {
        let pauses = self.components.values().filter_map(|component| match component.stage() {
            super::lifecycle::Stage::Waiting { until, .. } => Some(*until),
            _ => None,
        });
        let mirrors = self.mirrors.values().filter(|m| !m.running && !m.done).map(|m| m.until);
        let dues = pauses.chain(mirrors).chain([self.sync.next_wakeup(now)]);
        dues.filter(|at| *at > now).min().unwrap_or(now + Duration::from_secs(60))
    }

    /// What follows from any input: questions that are due, and updates that may begin.
    pub(super) fn finish(&mut self, mut actions: Vec<Action<P>>, now: Now) -> Vec<Action<P>> {
        self.sync.want(&self.catalog.missing_manifests());
        for (peer, question) in self.sync.due(now.elapsed) {
            actions.push(self.put(peer, question));
        }
        self.begin_updates(now, &mut actions);
        self.begin_mirrors(now, &mut actions);
        // Last: a manifest keeps what it names only once it is kept itself, and what is being fetched or
        // built may go through a release that has just left its channel.
        if self.sweep_due && !self.is_fetching() {
            self.sweep_due = false;
            actions.push(Action::Sweep);
        }
        actions
    }

    fn put(&self, peer: P, question: Question) -> Action<P> {
        let root = self.catalog.root();
        match question {
            Question::News => Action::AskNews(
                peer,
                CatchUpRequest::Since {
                    network: root.network,
                    root_version: root.version,
                    marks: self.catalog.marks(),
                },
            ),
            Question::Roots => Action::AskRoots(
                peer,
                BootstrapRequest { network: root.network, after: root.version },
            ),
            Question::Manifest(digest) => Action::AskManifest(peer, digest),
        }
    }

    fn on_gossip(&mut self, token: u64, from: P, message: Gossip, now: Now) -> Vec<Action<P>> {
        let mut actions = Vec::new();
        let (head, manifest) = match message {
            Gossip::Announcement { head, manifest } => (head, manifest),
            Gossip::Root(_) | Gossip::Statement(_) => {
                return vec![Action::Verdict(token, Verdict::Ignore)];
            }
        };
        let verdict = match self.offer_head(Arc::new(head), Offer::News, &mut actions, now) {
            Ok(HeadOutcome::Accepted { .. }) => manifest
                .and_then(|manifest| {
                    self.offer_manifest_from(Arc::new(manifest), from, &mut actions, now)
                })
                .unwrap_or(Verdict::Accept),
            // Its signatures are good and it is ahead of us: whoever is behind us may need it too.
            Ok(HeadOutcome::Missing { .. }) => {
                self.sync.ask(from, Question::News);
                let vouched = manifest.is_none_or(|manifest| self.catalog.vouches_for(&manifest));
                if vouched { Verdict::Accept } else { Verdict::Ignore }
            }
            Ok(HeadOutcome::Known) => Verdict::Ignore,
            Err(refusal) => {
                // Keys or channels that we do not know may be in a newer root.
                if refusal.may_be_a_newer_root() {
                    self.sync.ask(from, Question::Roots);
                }
                self.refuse(&refusal, from, &mut actions)
            }
        };
        actions.push(Action::Verdict(token, verdict));
        actions
    }

    fn on_news(&mut self, peer: P, answer: Option<CatchUpAnswer>, now: Now) -> Vec<Action<P>> {
        self.sync.answered(peer, Question::News);
        self.news_answers += 1;
        match answer {
            None => self.sync.news_failed(peer, now.elapsed),
            Some(_) => self.sync.news_came(peer),
        }
        let mut actions = Vec::new();
        let (root_version, heads, more) = match answer {
            Some(CatchUpAnswer::News { root_version, heads, more, .. }) => {
                (root_version, heads, more)
            }
            Some(CatchUpAnswer::Manifest(_) | CatchUpAnswer::Statements { .. }) => {
                return vec![Action::Accuse(peer)];
            }
            Some(CatchUpAnswer::NotHeld) | None => return actions,
        };
        self.last_check = Some(now.wall);
        let behind = root_version > self.catalog.root().version;
        if behind {
            self.sync.ask(peer, Question::Roots);
        }
        let mut progress = false;
        for head in heads {
            match self.offer_head(Arc::new(head), Offer::Link, &mut actions, now) {
                Ok(HeadOutcome::Accepted { .. }) => progress = true,
                Ok(HeadOutcome::Known) => {}
                // The links between should have been in this very answer.
                Ok(HeadOutcome::Missing { .. }) => break,
                Err(refusal) => {
                    // On an old root we cannot judge what newer keys signed.
                    if !behind && self.refuse(&refusal, peer, &mut actions) == Verdict::Reject {
                        actions.push(Action::Accuse(peer));
                    }
                    break;
                }
            }
        }
        if more && progress {
            self.sync.ask(peer, Question::News);
        }
        actions
    }

    fn on_roots(&mut self, peer: P, answer: Option<BootstrapAnswer>) -> Vec<Action<P>> {
        self.sync.answered(peer, Question::Roots);
        let mut actions = Vec::new();
        let Some(BootstrapAnswer { roots }) = answer else { return actions };
        let full = roots.len() >= updraft_protocol::limits::MAX_ROOTS_PER_ANSWER;
        let mut progress = false;
        for root in roots {
            match self.catalog.offer_root(&root) {
                Ok(version) => {
                    progress = true;
                    self.sweep_due = true;
                    actions.push(Action::KeepRoot(Arc::new(root), version));
                    actions.push(Action::Emit(What::RootChanged { version }));
                }
                Err(refusal) => {
                    if self.refuse(&refusal, peer, &mut actions) == Verdict::Reject {
                        actions.push(Action::Accuse(peer));
                    }
                    break;
                }
            }
        }
        if progress {
            self.sync.ask(peer, if full { Question::Roots } else { Question::News });
        }
        actions
    }

    fn on_manifest(
        &mut self,
        peer: P,
        digest: Digest,
        answer: Option<CatchUpAnswer>,
        now: Now,
    ) -> Vec<Action<P>> {
        self.sync.answered(peer, Question::Manifest(digest));
        let mut actions = Vec::new();
        match answer {
            Some(CatchUpAnswer::Manifest(manifest)) if manifest.digest() == digest => {
                let offered = self.offer_manifest_from(Arc::new(manifest), peer, &mut actions, now);
                if offered == Some(Verdict::Reject) {
                    actions.push(Action::Accuse(peer));
                }
                if offered.is_some() {
                    self.sync.has_not(peer, digest, now.elapsed);
                }
            }
            Some(
                CatchUpAnswer::Manifest(_)
                | CatchUpAnswer::News { .. }
                | CatchUpAnswer::Statements { .. },
            ) => {
                self.sync.has_not(peer, digest, now.elapsed);
                actions.push(Action::Accuse(peer));
            }
            Some(CatchUpAnswer::NotHeld) | None => self.sync.has_not(peer, digest, now.elapsed),
        }
        actions
    }

    fn on_imported(
        &mut self,
        head: &Arc<Signed<Head>>,
        manifest: &Arc<Signed<Manifest>>,
        by: String,
        now: Now,
    ) -> Vec<Action<P>> {
        let mut actions = Vec::new();
        let accepted = self.offer_head(head.clone(), Offer::News, &mut actions, now);
        if let Err(refusal) = accepted {
            // It was judged good and another head came between: the publisher is told when it asks.
            actions.push(Action::CountRefusal(refusal.label()));
            return actions;
        }
        match self.catalog.offer_manifest(manifest) {
            Ok(known) => {
                let release = known.manifest.clone();
                self.believed(manifest, &release, "publisher", &mut actions, now);
                self.held.extend(release.blobs().map(|blob| blob.digest));
                actions.push(Action::Record(HistoryLine {
                    at: now.wall,
                    component: release.component.clone(),
                    from: None,
                    to: release.version.clone(),
                    what: "publish".to_owned(),
                    error: None,
                    by,
                    detail: format!("on {}", release.channel),
                }));
                if self.rules.upload == Upload::On {
                    actions
                        .push(Action::Provide(release.blobs().map(|blob| blob.digest).collect()));
                }
                let gossip =
                    Gossip::announce(head.as_ref().clone(), Some(manifest.as_ref().clone()));
                actions.push(Action::Announce(gossip));
            }
            Err(refusal) => actions.push(Action::CountRefusal(refusal.label())),
        }
        actions
    }

    fn offer_head(
        &mut self,
        head: Arc<Signed<Head>>,
        offer: Offer,
        actions: &mut Vec<Action<P>>,
        now: Now,
    ) -> Result<HeadOutcome, Refusal> {
        let outcome = self.catalog.offer_head(&head, offer, now.wall)?;
        if matches!(outcome, HeadOutcome::Accepted { .. }) {
            self.new_heads += 1;
            actions.push(Action::KeepHead(head));
            self.sweep_due = true;
        }
        Ok(outcome)
    }

    /// Offers a manifest; `None` when it is believed, else the verdict on whoever sent it.
    fn offer_manifest_from(
        &mut self,
        manifest: Arc<Signed<Manifest>>,
        from: P,
        actions: &mut Vec<Action<P>>,
        now: Now,
    ) -> Option<Verdict> {
        match self.catalog.offer_manifest(&manifest) {
            Ok(known) => {
                let release = known.manifest.clone();
                self.believed(&manifest, &release, &from.to_string(), actions, now);
                None
            }
            Err(refusal) => Some(self.refuse(&refusal, from, actions)),
        }
    }

    fn believed(
        &mut self,
        signed: &Arc<Signed<Manifest>>,
        release: &Manifest,
        from: &str,
        actions: &mut Vec<Action<P>>,
        now: Now,
    ) {
        actions.push(Action::KeepManifest(signed.clone()));
        actions.push(Action::CountManifest(now.wall.since(release.created)));
        actions.push(Action::Emit(What::ReleaseDiscovered {
            component: release.component.clone(),
            version: release.version.clone(),
            channel: release.channel.clone(),
            from: from.to_owned(),
        }));
    }

    fn refuse(&self, refusal: &Refusal, from: P, actions: &mut Vec<Action<P>>) -> Verdict {
        actions.push(Action::CountRefusal(refusal.label()));
        actions.push(Action::Emit(What::ReleaseRejected {
            reason: refusal.to_string(),
            from: from.to_string(),
        }));
        refusal.verdict()
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

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
