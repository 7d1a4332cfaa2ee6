//! What the node hears, from peers and from its own operator: offered to the catalog, and what follows.
//!
//! Whatever is believed is kept before anything is said about it. What was learnt by asking is told on, because
//! the gossip about it is over and neighbours may have missed it as well.

use std::{
    collections::BTreeSet,
    fmt::{Debug, Display},
    sync::Arc,
};

use updraft_protocol::{
    CatchUpAnswer, ChannelName, Digest, Equivocation, Gossip, Head, Manifest, Root, Signed,
    Statement, limits::MAX_ROOTS_PER_ANSWER,
};

use super::{
    action::{Action, Now},
    believing::tell,
    machine::Machine,
    order::HistoryLine,
    rules::Upload,
    statements::UNTOLD,
    sync::{Page, Question, Word},
};
use crate::catalog::{HeadOutcome, Offer, Refusal, Standing, StatementOutcome, Verdict};

/// How far the heads of a channel led.
enum Followed {
    /// To the last of them.
    Wholly,
    /// Links are missing before the next.
    Missing,
    /// The next is refused, through nobody's fault.
    UpTo,
    /// One was sent that no honest node sends.
    Lied,
}

/// Heads of one channel, in order.
type Run = Vec<Arc<Signed<Head>>>;

/// An answer's heads by channel. The order within each stays.
fn runs(heads: Vec<Signed<Head>>) -> Vec<(Option<ChannelName>, Run)> {
    let mut runs: Vec<(Option<ChannelName>, Run)> = Vec::new();
    for head in heads {
        let channel = head.peek().ok().map(|claim| claim.channel);
        let head = Arc::new(head);
        match runs.iter_mut().find(|(of, _)| *of == channel) {
            Some((_, run)) => run.push(head),
            None => runs.push((channel, vec![head])),
        }
    }
    runs
}

impl<P: Copy + Ord + Debug + Display> Machine<P> {
    pub(super) fn on_gossip(
        &mut self,
        token: u64,
        from: P,
        message: Gossip,
        now: Now,
    ) -> Vec<Action<P>> {
        let mut actions = Vec::new();
        // What is said under rules that this program does not speak is not for it to judge. The network follows no gossip
        // while that is so; this is for what was on its way.
        if self.left_behind(now).is_some() {
            return vec![Action::Verdict(token, Verdict::Ignore)];
        }
        let verdict = match message {
            Gossip::Announcement { head, manifest } => {
                self.on_announcement(from, Arc::new(head), manifest, &mut actions, now)
            }
            Gossip::Root(root) => self.on_gossiped_root(from, root, &mut actions),
            Gossip::Statement(statement) if statement.is_about_a_vote() => {
                self.on_gossiped_vote(from, &Arc::new(statement), &mut actions, now)
            }
            Gossip::Statement(statement) => {
                let statement = Arc::new(statement);
                match self.offer_statement(statement.clone(), &mut actions, now) {
                    Ok(outcome) => {
                        self.follow_up(from, &outcome);
                        match outcome {
                            StatementOutcome::Accepted(_) => Verdict::Accept,
                            StatementOutcome::Known => Verdict::Ignore,
                        }
                    }
                    Err(refusal) => {
                        if refusal == Refusal::TooSoon
                            && self.catalog.vouches_for_a_later_head(&statement)
                        {
                            self.on_early_word(from);
                        }
                        self.refuse_from(&refusal, from, &mut actions)
                    }
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
            Ok(HeadOutcome::Accepted { .. }) => {
                // Whoever has news may also know what else there is to know.
                if !self.caught_up.statements {
                    self.sync.had_news(from);
                }
                manifest
                    .and_then(|manifest| {
                        self.offer_manifest_from(Arc::new(manifest), from, actions, now)
                    })
                    .unwrap_or(Verdict::Accept)
            }
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
        if !matches!(answer, Some(CatchUpAnswer::News { .. })) {
            self.sync.news_failed(peer, now.elapsed);
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
        // Who is behind us, or does not know yet what there is to know, cannot tell that there is nothing else.
        let knows = root_version >= self.catalog.root().version && statements != UNTOLD;
        self.sync.tells(peer, if knows { Word::Counts } else { Word::TellsLittle });
        if statements == Statement::fingerprint(self.said(now).keys()) {
            self.caught_up.statements |= knows;
        } else if statements != UNTOLD {
            self.sync.ask(peer, Question::Statements(None));
        }
        let mut all = !more && statements != UNTOLD && root_version == self.catalog.root().version;
        let mut newest = Vec::new();
        let mut stuck = BTreeSet::new();
        for (channel, run) in runs(heads) {
            let (last, followed) = self.follow_run(&run, peer, &mut actions, now);
            newest.extend(last);
            match followed {
                Followed::Wholly => {}
                Followed::UpTo => stuck.extend(channel),
                Followed::Missing => {
                    all = false;
                    stuck.extend(channel);
                }
                Followed::Lied => {
                    actions.push(Action::Accuse(peer));
                    return actions;
                }
            }
        }
        self.caught_up.news |= all;
        // Who could not tell us all may be able to, soon; until somebody does, this node keeps silent and still.
        match self.caught_up.news && self.caught_up.statements || knows {
            true => self.sync.news_came(peer),
            false => self.sync.news_failed(peer, now.elapsed),
        }
        // Where this peer does not get us on it is asked for the rest alone, so that it cannot hide it.
        // Whoever invents channels makes no difference by it.
        stuck.retain(|channel| self.catalog.channels().any(|(known, _)| known == channel));
        let without_them = self.sync.is_stuck_with(peer, stuck);
        let rest = !self.sync.wanted_from(peer, self.catalog.marks()).is_empty();
        if more && rest && (!newest.is_empty() || without_them) {
            self.sync.ask(peer, Question::News);
        } else {
            self.sync.told_all(peer);
            let told = |head: Arc<Signed<Head>>| Gossip::announce(head.as_ref().clone(), None);
            actions.extend(newest.into_iter().map(told).map(Action::Announce));
        }
        actions
    }

    /// Takes the heads of one channel, in order, as far as they lead on. Gives the newest that was not known before.
    fn follow_run(
        &mut self,
        run: &[Arc<Signed<Head>>],
        peer: P,
        actions: &mut Vec<Action<P>>,
        now: Now,
    ) -> (Option<Arc<Signed<Head>>>, Followed) {
        let mut newest = None;
        let mut rest = run;
        while let Some((head, after)) = rest.split_first() {
            match self.offer_head(head.clone(), Offer::Link, actions, now) {
                Ok(HeadOutcome::Accepted { .. }) => newest = Some(head.clone()),
                Ok(HeadOutcome::Known) => {}
                // The links between should have been in this very answer.
                Ok(HeadOutcome::Missing { .. }) => return (newest, Followed::Missing),
                // A later one, by keys that still count, may bear it.
                Err(Refusal::RevokedKey) => {
                    let borne = self.offer_run(rest, actions, now);
                    let (taken, after) = rest.split_at(borne);
                    let Some(last) = taken.last() else {
                        self.refuse_from(&Refusal::RevokedKey, peer, actions);
                        return (newest, Followed::UpTo);
                    };
                    newest = Some(last.clone());
                    rest = after;
                    continue;
                }
                Err(refusal) => {
                    if self.refuse_from(&refusal, peer, actions) == Verdict::Reject {
                        return (newest, Followed::Lied);
                    }
                    return (newest, Followed::UpTo);
                }
            }
            rest = after;
        }
        (newest, Followed::Wholly)
    }

    pub(super) fn on_roots(
        &mut self,
        peer: P,
        answer: Option<Vec<Signed<Root>>>,
        now: Now,
    ) -> Vec<Action<P>> {
        self.sync.answered(peer, Question::Roots);
        let mut actions = Vec::new();
        let Some(roots) = answer else { return actions };
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

    /// The rest of what a peer that lies tells is not looked at; it is asked again after a pause, if it is still there.
    fn statements_are_wrong(
        &mut self,
        peer: P,
        mut actions: Vec<Action<P>>,
        now: Now,
    ) -> Vec<Action<P>> {
        self.sync.statements_failed(peer, now.elapsed);
        actions.push(Action::Accuse(peer));
        actions
    }

    pub(super) fn on_statements(
        &mut self,
        peer: P,
        after: Option<Digest>,
        answer: Option<CatchUpAnswer>,
        now: Now,
    ) -> Vec<Action<P>> {
        self.sync.answered(peer, Question::Statements(after));
        let mut actions = Vec::new();
        let (statements, more) = match answer {
            Some(CatchUpAnswer::Statements { statements, more }) => (statements, more),
            // What it knows and this node does not is still missing.
            Some(CatchUpAnswer::NotHeld) | None => {
                self.sync.statements_failed(peer, now.elapsed);
                return actions;
            }
            Some(_) => return self.statements_are_wrong(peer, actions, now),
        };
        let last = statements.last().map(Statement::id);
        let statements = statements.into_iter().map(Arc::new);
        let (votes, others): (Vec<_>, Vec<_>) =
            statements.partition(|statement| statement.is_about_a_vote());
        if self.on_caught_up_votes(peer, votes, &mut actions, now) == Verdict::Reject {
            return self.statements_are_wrong(peer, actions, now);
        }
        for statement in others {
            match self.offer_statement(statement.clone(), &mut actions, now) {
                Ok(outcome) => {
                    self.follow_up(peer, &outcome);
                    // Heartbeats come by themselves; the rest is said once.
                    let said_once = !matches!(
                        statement.as_ref(),
                        Statement::Heartbeat(_) | Statement::Attestation(_)
                    );
                    if said_once && matches!(outcome, StatementOutcome::Accepted(_)) {
                        tell(&statement, &mut actions);
                    }
                }
                Err(refusal) => {
                    if self.refuse_from(&refusal, peer, &mut actions) == Verdict::Reject {
                        return self.statements_are_wrong(peer, actions, now);
                    }
                }
            }
        }
        // A page has to lead on, or a peer could keep us asking for ever.
        let leads_on = more && last.is_some() && last > after;
        let page = if leads_on { Page::Full } else { Page::Last };
        if self.sync.statements_came(peer, page, now.elapsed) {
            self.sync.ask(peer, Question::Statements(last));
        } else if self.sync.is_worth_another_pass(peer) {
            self.sync.ask(peer, Question::Statements(None));
        } else if !more && self.sync.word_of(peer) == Word::Counts {
            self.caught_up.statements = true;
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

    /// Two heads that were put together after one of them had been looked up.
    pub(super) fn on_proved(&mut self, proof: Equivocation, now: Now) -> Vec<Action<P>> {
        let mut actions = Vec::new();
        self.accuse_keys(proof, &mut actions, now);
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
        let accepted = self.offer_head(head.clone(), Offer::Own, &mut actions, now);
        if let Err(refusal) = accepted {
            // It was judged good and another head came between: the publisher is told when it asks.
            actions.push(Action::CountRefusal(refusal.label()));
            return actions;
        }
        let channel = match head.peek() {
            Ok(head) => head.channel,
            // It was accepted just now.
            Err(_) => return actions,
        };
        // Who publishes the first head, or the one at which the channel begins, knows what there is.
        let begins =
            self.catalog.base(&channel).is_some_and(|base| base.head == Some(head.digest()));
        self.newcomer &= !begins && head.peek().is_ok_and(|head| head.seq > 1);
        let standing = match self.catalog.offer_named(&channel, manifest) {
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
                let signers = self.catalog.signers(&release.channel, manifest);
                actions.push(Action::KeepManifest(manifest.clone(), signers));
                None
            }
        };
        actions.push(Action::Announce(Gossip::announce(head.as_ref().clone(), told)));
        actions
    }
}
