//! What the node hears, from peers and from its own operator: offered to the catalog, and what follows.
//!
//! Whatever is believed is kept before anything is said about it. What was learnt by asking is told on, because
//! the gossip about it is over and neighbours may have missed it as well.

use std::{
    fmt::{Debug, Display},
    sync::Arc,
};

use updraft_protocol::{
    BootstrapAnswer, CatchUpAnswer, Digest, Gossip, Head, Manifest, Root, Signed, Statement,
    limits::MAX_ROOTS_PER_ANSWER,
};

use super::{
    action::{Action, Now},
    event::What,
    machine::Machine,
    order::HistoryLine,
    rules::Upload,
    sync::{Page, Question},
};
use crate::catalog::{HeadOutcome, Offer, Refusal, Standing, StatementOutcome, Verdict};

impl<P: Copy + Ord + Debug + Display> Machine<P> {
    pub(super) fn on_gossip(
        &mut self,
        token: u64,
        from: P,
        message: Gossip,
        now: Now,
    ) -> Vec<Action<P>> {
        let mut actions = Vec::new();
        let verdict = match message {
            Gossip::Announcement { head, manifest } => {
                self.on_announcement(from, Arc::new(head), manifest, &mut actions, now)
            }
            Gossip::Root(root) => self.on_gossiped_root(from, root, &mut actions),
            Gossip::Statement(statement) => {
                match self.offer_statement(Arc::new(statement), &mut actions, now) {
                    Ok(outcome) => {
                        self.follow_up(from, &outcome);
                        match outcome {
                            StatementOutcome::Accepted(_) => Verdict::Accept,
                            StatementOutcome::Known => Verdict::Ignore,
                        }
                    }
                    Err(refusal) => self.refuse_from(&refusal, from, &mut actions),
                }
            }
        };
        actions.push(Action::Verdict(token, verdict));
        actions
    }

    fn on_announcement(
        &mut self,
        from: P,
        head: Arc<Signed<Head>>,
        manifest: Option<Signed<Manifest>>,
        actions: &mut Vec<Action<P>>,
        now: Now,
    ) -> Verdict {
        match self.offer_head(head, Offer::News, actions, now) {
            Ok(HeadOutcome::Accepted { .. }) => manifest
                .and_then(|manifest| {
                    self.offer_manifest_from(Arc::new(manifest), from, actions, now)
                })
                .unwrap_or(Verdict::Accept),
            // Its signatures are good and it is ahead of us: whoever is behind us may need it too.
            Ok(HeadOutcome::Missing { .. }) => {
                self.sync.ask(from, Question::News);
                let vouched = manifest.is_none_or(|manifest| self.catalog.vouches_for(&manifest));
                if vouched { Verdict::Accept } else { Verdict::Ignore }
            }
            Ok(HeadOutcome::Known) => Verdict::Ignore,
            Err(refusal) => self.refuse_from(&refusal, from, actions),
        }
    }

    fn on_gossiped_root(
        &mut self,
        from: P,
        root: Signed<Root>,
        actions: &mut Vec<Action<P>>,
    ) -> Verdict {
        let trusted = self.catalog.root().version;
        // Only the next one can be judged; of those further ahead the chain has to be asked for, and nothing is
        // believed of them until it has come.
        match root.peek().map(|root| root.version) {
            Ok(version) if version == trusted.saturating_add(1) => {
                match self.offer_root(root, actions) {
                    Ok(()) => Verdict::Accept,
                    Err(refusal) => self.refuse(&refusal, from, actions),
                }
            }
            Ok(version) => {
                if version > trusted {
                    self.sync.ask(from, Question::Roots);
                }
                Verdict::Ignore
            }
            Err(error) => self.refuse(&Refusal::Unverified(error.into()), from, actions),
        }
    }

    pub(super) fn on_news(
        &mut self,
        peer: P,
        answer: Option<CatchUpAnswer>,
        now: Now,
    ) -> Vec<Action<P>> {
        self.sync.answered(peer, Question::News);
        self.news_answers += 1;
        match answer {
            None => self.sync.news_failed(peer, now.elapsed),
            Some(_) => self.sync.news_came(peer),
        }
        let mut actions = Vec::new();
        let (root_version, heads, more, statements) = match answer {
            Some(CatchUpAnswer::News { root_version, heads, more, statements }) => {
                (root_version, heads, more, statements)
            }
            Some(CatchUpAnswer::NotHeld) | None => return actions,
            Some(_) => return vec![Action::Accuse(peer)],
        };
        self.last_check = Some(now.wall);
        // A claim: it makes us ask and excuses nothing.
        if root_version > self.catalog.root().version {
            self.sync.ask(peer, Question::Roots);
        }
        if statements == Statement::fingerprint(self.catalog.said().keys()) {
            self.caught_up.statements = true;
        } else {
            self.sync.ask(peer, Question::Statements(None));
        }
        let mut all = !more && root_version <= self.catalog.root().version;
        let mut newest = None;
        for head in heads {
            let head = Arc::new(head);
            match self.offer_head(head.clone(), Offer::Link, &mut actions, now) {
                Ok(HeadOutcome::Accepted { .. }) => newest = Some(head),
                Ok(HeadOutcome::Known) => {}
                // The links between should have been in this very answer.
                Ok(HeadOutcome::Missing { .. }) => {
                    all = false;
                    break;
                }
                Err(refusal) => {
                    all = false;
                    if self.refuse_from(&refusal, peer, &mut actions) == Verdict::Reject {
                        actions.push(Action::Accuse(peer));
                    }
                    break;
                }
            }
        }
        self.caught_up.news |= all;
        if let Some(newest) = newest {
            if more {
                self.sync.ask(peer, Question::News);
            } else {
                actions.push(Action::Announce(Gossip::announce(newest.as_ref().clone(), None)));
            }
        }
        actions
    }

    pub(super) fn on_roots(
        &mut self,
        peer: P,
        answer: Option<BootstrapAnswer>,
        now: Now,
    ) -> Vec<Action<P>> {
        self.sync.answered(peer, Question::Roots);
        let mut actions = Vec::new();
        let Some(BootstrapAnswer { roots }) = answer else { return actions };
        let full = roots.len() >= MAX_ROOTS_PER_ANSWER;
        self.sync.roots_came(peer, if full { Page::Full } else { Page::Last });
        let mut newest = None;
        for root in roots {
            match self.offer_root(root.clone(), &mut actions) {
                Ok(()) => newest = Some(root),
                Err(refusal) => {
                    if self.refuse(&refusal, peer, &mut actions) == Verdict::Reject {
                        actions.push(Action::Accuse(peer));
                    }
                    break;
                }
            }
        }
        if let Some(newest) = newest {
            self.last_check = Some(now.wall);
            self.sync.ask(peer, if full { Question::Roots } else { Question::News });
            if !full {
                actions.push(Action::Announce(Gossip::Root(newest)));
            }
        }
        actions
    }

    pub(super) fn on_manifest(
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
            Some(CatchUpAnswer::NotHeld) | None => self.sync.has_not(peer, digest, now.elapsed),
            Some(_) => {
                self.sync.has_not(peer, digest, now.elapsed);
                actions.push(Action::Accuse(peer));
            }
        }
        actions
    }

    pub(super) fn on_imported(
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
        let standing = match self.catalog.offer_named(manifest) {
            Ok(standing) => standing,
            Err(refusal) => {
                actions.push(Action::CountRefusal(refusal.label()));
                return actions;
            }
        };
        let Some(known) = self.catalog.manifest(&manifest.digest()) else { return actions };
        let release = known.manifest.clone();
        let what = match standing {
            Standing::Listed => "publish",
            Standing::Withdrawn => "withdraw",
        };
        actions.push(Action::Record(HistoryLine {
            at: now.wall,
            component: release.component.clone(),
            from: None,
            to: release.version.clone(),
            what: what.to_owned(),
            error: None,
            by,
            detail: format!("on {}", release.channel),
        }));
        let told = match standing {
            Standing::Listed => {
                self.believed(manifest, &release, "publisher", &mut actions, now);
                let blobs: Vec<Digest> = release.blobs().map(|blob| blob.digest).collect();
                self.held.extend(blobs.iter().copied());
                if self.rules.upload == Upload::On {
                    actions.push(Action::Provide(blobs));
                }
                Some(manifest.as_ref().clone())
            }
            // Its manifest is kept for whoever runs it, and nobody is to fetch it.
            Standing::Withdrawn => {
                actions.push(Action::KeepManifest(manifest.clone()));
                None
            }
        };
        actions.push(Action::Announce(Gossip::announce(head.as_ref().clone(), told)));
        actions
    }

    /// Takes the next root that the operator hands in, and tells everybody.
    pub fn take_root(&mut self, root: Signed<Root>, now: Now) -> Result<Vec<Action<P>>, Refusal> {
        let mut actions = Vec::new();
        self.offer_root(root.clone(), &mut actions)?;
        actions.push(Action::Announce(Gossip::Root(root)));
        Ok(self.finish(actions, now))
    }

    fn offer_root(
        &mut self,
        root: Signed<Root>,
        actions: &mut Vec<Action<P>>,
    ) -> Result<(), Refusal> {
        let changed = self.catalog.offer_root(&root)?;
        let version = changed.version;
        self.sweep_due = true;
        actions.push(Action::KeepRoot(Arc::new(root), version));
        for channel in changed.begun_anew {
            let base = self.catalog.base(&channel).cloned();
            actions.push(Action::BeginAnew(channel, base));
        }
        actions.push(Action::Emit(What::RootChanged { version }));
        // What newer keys signed could not be judged before.
        self.sync.ask_all();
        Ok(())
    }

    fn offer_head(
        &mut self,
        head: Arc<Signed<Head>>,
        offer: Offer,
        actions: &mut Vec<Action<P>>,
        now: Now,
    ) -> Result<HeadOutcome, Refusal> {
        let outcome = match self.catalog.offer_head(&head, offer, now.wall) {
            Ok(outcome) => outcome,
            Err(refusal) => {
                self.look_for_contradiction(head, actions, now);
                return Err(refusal);
            }
        };
        if let HeadOutcome::Accepted { channel, .. } = &outcome {
            self.new_heads += 1;
            actions.push(Action::KeepHead(head, self.catalog.base(channel).cloned()));
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
            Err(refusal) => Some(self.refuse_from(&refusal, from, actions)),
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

    /// Refuses, and asks the sender for roots if a newer one may explain it.
    pub(super) fn refuse_from(
        &mut self,
        refusal: &Refusal,
        from: P,
        actions: &mut Vec<Action<P>>,
    ) -> Verdict {
        if refusal.may_be_a_newer_root() {
            self.sync.ask(from, Question::Roots);
        }
        self.refuse(refusal, from, actions)
    }

    pub(super) fn refuse(
        &self,
        refusal: &Refusal,
        from: P,
        actions: &mut Vec<Action<P>>,
    ) -> Verdict {
        actions.push(Action::CountRefusal(refusal.label()));
        actions.push(Action::Emit(What::ReleaseRejected {
            reason: refusal.to_string(),
            from: from.to_string(),
        }));
        refusal.verdict()
    }
}
