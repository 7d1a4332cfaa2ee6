//! What is offered to the catalog, and what follows when it is believed: it is kept before anything is said about
//! it, shown to whoever watches, and told on where nobody else will.

use std::{
    fmt::{Debug, Display},
    sync::Arc,
};

use updraft_protocol::{
    Equivocation, Gossip, Head, KeyId, Manifest, Root, Signed, Statement, codec,
    equivocation::Finding,
};

use super::{
    action::{Action, Now},
    event::What,
    machine::Machine,
    statements::CaughtUp,
    sync::Question,
};
use crate::catalog::{
    Contradiction, HeadOutcome, Heard, Offer, Refusal, StatementOutcome, Verdict, Vouched,
};

impl<P: Copy + Ord + Debug + Display> Machine<P> {
    /// Takes a statement that the operator hands in, and tells everybody.
    pub fn say(
        &mut self,
        statement: Arc<Statement>,
        now: Now,
    ) -> Result<(StatementOutcome, Vec<Action<P>>), Refusal> {
        let mut actions = Vec::new();
        let outcome = self.offer_statement(statement.clone(), &mut actions, now)?;
        tell(&statement, &mut actions);
        Ok((outcome, self.finish(actions, now)))
    }

    /// Takes the next root that the operator hands in, and tells everybody.
    pub fn take_root(&mut self, root: Signed<Root>, now: Now) -> Result<Vec<Action<P>>, Refusal> {
        let mut actions = Vec::new();
        self.offer_root(root.clone(), &mut actions)?;
        actions.push(Action::Announce(Gossip::Root(root)));
        Ok(self.finish(actions, now))
    }

    pub(super) fn offer_root(
        &mut self,
        root: Signed<Root>,
        actions: &mut Vec<Action<P>>,
    ) -> Result<(), Refusal> {
        let changed = self.catalog.offer_root(&root)?;
        let version = changed.version;
        let struck_off = self.votes.governance.follow(self.catalog.root());
        self.votes.unheard.clear();
        self.votes.root_is_new = true;
        self.sweep_due = true;
        actions.push(Action::KeepRoot(Arc::new(root), version));
        // After the root that says so: a node that stops in between still has what its older root counts.
        struck_off.iter().for_each(|vote| self.strike_off(vote, actions));
        for channel in changed.begun_anew {
            let base = self.catalog.base(&channel).cloned();
            actions.push(Action::BeginAnew(channel, base));
        }
        actions.push(Action::Emit(What::RootChanged { version }));
        // What newer keys signed could not be judged before.
        self.caught_up = CaughtUp::default();
        self.sync.ask_all();
        Ok(())
    }

    pub(super) fn offer_head(
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
        if let HeadOutcome::Accepted { .. } = &outcome {
            self.accepted(head, actions);
        }
        Ok(outcome)
    }

    /// Takes heads of which the first lacks signatures since a key took itself back, as far as a later one bears
    /// them; says how many.
    pub(super) fn offer_run(
        &mut self,
        run: &[Arc<Signed<Head>>],
        actions: &mut Vec<Action<P>>,
        now: Now,
    ) -> usize {
        let borne = self.catalog.offer_run(run, now.wall);
        for head in run.iter().take(borne) {
            self.accepted(head.clone(), actions);
        }
        borne
    }

    fn accepted(&mut self, head: Arc<Signed<Head>>, actions: &mut Vec<Action<P>>) {
        let (signers, base) = head.peek().map_or_else(
            |_| Default::default(),
            |Head { channel, seq, .. }| {
                let signers = self.catalog.signers_of_taken(&channel, seq);
                (signers, self.catalog.base(&channel).cloned())
            },
        );
        self.new_heads += 1;
        if let Some(peer) = self.early_word.take() {
            self.sync.ask(peer, Question::News);
        }
        actions.push(Action::KeepHead(head, signers, base));
        self.sweep_due = true;
    }

    /// A refused head that some key of its channel did sign may prove something against that key.
    fn look_for_contradiction(
        &mut self,
        head: Arc<Signed<Head>>,
        actions: &mut Vec<Action<P>>,
        now: Now,
    ) {
        match self.catalog.contradiction(&head) {
            Some(Contradiction::Proof(proof)) => self.accuse_keys(proof, actions, now),
            Some(Contradiction::LookUp { channel, seq }) => {
                actions.push(Action::ProveFork { channel, seq, head });
            }
            None => {}
        }
    }

    /// Believes a proof that this node put together itself, and tells everybody.
    pub(super) fn accuse_keys(
        &mut self,
        proof: Equivocation,
        actions: &mut Vec<Action<P>>,
        now: Now,
    ) {
        let Some(proof) = self.catalog.accusation(&proof) else { return };
        let statement = Arc::new(Statement::Equivocation(proof));
        // Refused when the same keys were found out before: everybody knows.
        if let Ok(StatementOutcome::Accepted(_)) =
            self.offer_statement(statement.clone(), actions, now)
        {
            tell(&statement, actions);
        }
    }

    pub(super) fn offer_statement(
        &mut self,
        statement: Arc<Statement>,
        actions: &mut Vec<Action<P>>,
        now: Now,
    ) -> Result<StatementOutcome, Refusal> {
        let outcome = self.catalog.offer_statement(&statement, now.wall)?;
        if let StatementOutcome::Accepted(heard) = &outcome {
            actions.push(Action::KeepStatement(statement));
            self.emit_heard(heard, actions);
            if let Heard::KeyRevoked { key, .. } = heard {
                self.hear_no_more_of(*key, actions, now);
            }
        }
        Ok(outcome)
    }

    /// A key that may be an elector's has taken itself back. After the revocation is kept: a node that stops in between
    /// comes to the same when it starts.
    fn hear_no_more_of(&mut self, key: KeyId, actions: &mut Vec<Action<P>>, now: Now) {
        let struck_off = self.votes.governance.take_back(key);
        struck_off.iter().for_each(|vote| self.strike_off(vote, actions));
        actions.extend(self.forget_votes(now));
    }

    /// A witness that vouches for a head we do not have says whom to ask for it: whoever sent its word on.
    pub(super) fn follow_up(&mut self, from: P, outcome: &StatementOutcome) {
        let unknown = Heard::is_about_an_unknown_head;
        if matches!(outcome, StatementOutcome::Accepted(heard) if unknown(heard)) {
            self.sync.ask(from, Question::News);
        }
    }

    /// A witness's word has overtaken its head, and is not said again soon: whoever passed it on is asked for both, now
    /// and when the head has come.
    pub(super) fn on_early_word(&mut self, from: P) {
        self.early_word = Some(from);
        self.sync.ask(from, Question::News);
    }

    fn emit_heard(&self, heard: &Heard, actions: &mut Vec<Action<P>>) {
        let key_alarm = |key, reason| Action::Emit(What::KeyAlarm { key, reason });
        match heard {
            Heard::Heartbeat { .. } => {}
            Heard::Paused { channel, release, by, until, reason } => {
                actions.push(Action::Emit(What::ReleasePaused {
                    channel: channel.clone(),
                    release: *release,
                    by: *by,
                    until: *until,
                    reason: reason.clone(),
                }));
            }
            Heard::Lifted { channel, release } => {
                let (channel, release) = (channel.clone(), *release);
                actions.push(Action::Emit(What::PauseLifted { channel, release }));
            }
            Heard::KeyRevoked { key, reason } => {
                actions.push(key_alarm(*key, format!("it has revoked itself: {reason}")));
            }
            Heard::Proved(Finding::Fork { channel, seq, keys }) => {
                let (channel, seq) = (channel.clone(), *seq);
                actions.push(Action::Emit(What::ChannelFrozen { channel, seq }));
                actions.extend(keys.iter().map(|key| key_alarm(*key, two_heads(seq))));
            }
            Heard::Proved(Finding::DoubleSigned { seq, keys, .. }) => {
                actions.extend(keys.iter().map(|key| key_alarm(*key, two_heads(*seq))));
            }
            Heard::Built(word) => {
                let release = self.catalog.listings().find(|(_, listing)| {
                    (&listing.component, &listing.target, &listing.version)
                        == (&word.component, &word.target, &word.version)
                });
                let known = release.and_then(|(_, l)| self.catalog.manifest(&l.manifest));
                if let Some(known) = known
                    && known.manifest.source == Some(word.source)
                    && known.manifest.tree.object.digest != word.tree
                {
                    actions.push(Action::Emit(What::BuildsDiffer {
                        component: word.component.clone(),
                        version: word.version.clone(),
                        by: word.by,
                        signed: known.manifest.tree.object.digest,
                        built: word.tree,
                    }));
                }
            }
        }
    }

    /// Offers a manifest; `None` when it is believed, else the verdict on whoever sent it.
    pub(super) fn offer_manifest_from(
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

    pub(super) fn believed(
        &mut self,
        signed: &Arc<Signed<Manifest>>,
        release: &Manifest,
        from: &str,
        actions: &mut Vec<Action<P>>,
        now: Now,
    ) {
        // Of this copy: the catalog knows those of the one that came first.
        let signers = self.catalog.signers(&release.channel, signed);
        actions.push(Action::KeepManifest(signed.clone(), signers));
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
        &mut self,
        refusal: &Refusal,
        from: P,
        actions: &mut Vec<Action<P>>,
    ) -> Verdict {
        self.catalog.note(refusal);
        actions.push(Action::CountRefusal(refusal.label()));
        actions.push(Action::Emit(What::ReleaseRejected {
            reason: refusal.to_string(),
            from: from.to_string(),
        }));
        refusal.verdict()
    }
}

impl Heard {
    /// Whether a witness vouches for a head that is not the trusted one nor behind it.
    fn is_about_an_unknown_head(&self) -> bool {
        matches!(self, Self::Heartbeat { vouched: Vouched::Newer | Vouched::Other, .. })
    }
}

fn two_heads(seq: u64) -> String {
    format!("it signed two different heads {seq}")
}

/// Ballots of the largest certificate that is gossiped. Who has heard the ballots makes it himself, and whoever has not
/// asks for it when peers tell of rules to come.
const MAX_GOSSIPED_BALLOTS: usize = 32;

/// Gossips a statement if it fits into a message; otherwise peers get it by asking.
pub(super) fn tell<P>(statement: &Arc<Statement>, actions: &mut Vec<Action<P>>) {
    if matches!(&**statement, Statement::Certificate(c) if c.ballots.len() > MAX_GOSSIPED_BALLOTS) {
        return;
    }
    let gossip = Gossip::Statement(statement.as_ref().clone());
    if codec::encode(&gossip).is_ok() {
        actions.push(Action::Announce(gossip));
    }
}

#[cfg(test)]
#[path = "believing_tests.rs"]
mod tests;
