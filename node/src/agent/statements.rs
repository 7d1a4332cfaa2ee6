//! Statements that the node hears, hands on, or says itself as a witness: offered to the catalog, and what follows.

use std::{
    fmt::{Debug, Display},
    sync::Arc,
};

use updraft_protocol::{
    CatchUpAnswer, Digest, Equivocation, Gossip, Head, Heartbeat, Signed, Statement,
    equivocation::Finding,
};

use super::{
    action::{Action, Now},
    event::What,
    machine::Machine,
    sync::Question,
};
use crate::catalog::{Contradiction, Heard, Refusal, StatementOutcome, Verdict, Vouched};

/// What a witness has heard from peers in this run. Before it has heard all of both it says nothing: its store
/// may be lost or an older copy, and its peers know what it said last.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CaughtUp {
    pub(super) news: bool,
    pub(super) statements: bool,
}

impl<P: Copy + Ord + Debug + Display> Machine<P> {
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
            Some(CatchUpAnswer::NotHeld) | None => return actions,
            Some(_) => return vec![Action::Accuse(peer)],
        };
        let last = statements.last().map(Statement::id);
        for statement in statements {
            let statement = Arc::new(statement);
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
                        actions.push(Action::Accuse(peer));
                        return actions;
                    }
                }
            }
        }
        // A page has to lead on, or a peer could keep us asking for ever.
        if more && last.is_some() && last > after {
            self.sync.ask(peer, Question::Statements(last));
        } else {
            self.caught_up.statements = true;
        }
        actions
    }

    /// Two heads that were put together after one of them had been looked up.
    pub(super) fn on_proved(&mut self, proof: Equivocation, now: Now) -> Vec<Action<P>> {
        let mut actions = Vec::new();
        self.accuse_keys(proof, &mut actions, now);
        actions
    }

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

    /// Says what is due as a witness, once some peer has told all it knows. The words are kept, then signed, then
    /// come back as [`Input::Vouched`](super::Input::Vouched).
    pub(super) fn vouch(&mut self, now: Now, actions: &mut Vec<Action<P>>) {
        if !(self.caught_up.news && self.caught_up.statements) {
            return;
        }
        let Some(witness) = &mut self.witness else { return };
        for (heartbeat, word) in witness.speak(&self.catalog, now.wall) {
            actions.push(Action::Vouch(Box::new(heartbeat), word));
        }
    }

    /// A word of this witness is kept and signed: now it is said.
    pub(super) fn on_vouched(&mut self, signed: Signed<Heartbeat>, now: Now) -> Vec<Action<P>> {
        let mut actions = Vec::new();
        let statement = Arc::new(Statement::Heartbeat(signed));
        match self.offer_statement(statement.clone(), &mut actions, now) {
            Ok(_) => tell(&statement, &mut actions),
            // The head or the root changed while it was signed: the next word is about the new one.
            Err(refusal) => actions.push(Action::CountRefusal(refusal.label())),
        }
        actions
    }

    /// A refused head that some key of its channel did sign may prove something against that key.
    pub(super) fn look_for_contradiction(
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
    fn accuse_keys(&mut self, proof: Equivocation, actions: &mut Vec<Action<P>>, now: Now) {
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
        }
        Ok(outcome)
    }

    /// A witness that vouches for a head we do not have says whom to ask for it: whoever sent its word on.
    pub(super) fn follow_up(&mut self, from: P, outcome: &StatementOutcome) {
        let unknown = Heard::is_about_an_unknown_head;
        if matches!(outcome, StatementOutcome::Accepted(heard) if unknown(heard)) {
            self.sync.ask(from, Question::News);
        }
    }

    fn emit_heard(&self, heard: &Heard, actions: &mut Vec<Action<P>>) {
        let key_alarm = |key, reason| Action::Emit(What::KeyAlarm { key, reason });
        match heard {
            Heard::Heartbeat { .. } => {}
            Heard::Paused { channel, release, until, reason, .. } => {
                actions.push(Action::Emit(What::ReleasePaused {
                    channel: channel.clone(),
                    release: *release,
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

/// Gossips a statement if it fits into a message; otherwise peers get it by asking.
fn tell<P>(statement: &Arc<Statement>, actions: &mut Vec<Action<P>>) {
    let gossip = Gossip::Statement(statement.as_ref().clone());
    if updraft_protocol::codec::encode(&gossip).is_ok() {
        actions.push(Action::Announce(gossip));
    }
}

#[cfg(test)]
#[path = "statements_tests.rs"]
mod tests;
