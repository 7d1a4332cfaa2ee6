//! What the node says itself, as a witness: when it may speak, and that it believes its own word as any other.

use std::{
    fmt::{Debug, Display},
    sync::Arc,
    time::Duration,
};

use updraft_protocol::{Digest, Heartbeat, Signed, Statement};

use super::{
    action::{Action, Now},
    believing::tell,
    machine::Machine,
};

/// What a node answers for the name of all that is said, as long as nobody has told it and it came with nothing: it
/// does not know. Two newcomers that meet must not take each other's ignorance for an answer.
pub(super) const UNTOLD: Digest = Digest::from_bytes([0; 32]);

/// What a witness has heard from peers in this run. Before it has heard all of both it says nothing: its store
/// may be lost or an older copy, and its peers know what it said last.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CaughtUp {
    pub(super) news: bool,
    pub(super) statements: bool,
}

/// How long updates wait for what a peer has to say beside heads. Who gives a release and keeps silent about its
/// pause holds up this node for so long, and others tell meanwhile.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

impl<P: Copy + Ord + Debug + Display> Machine<P> {
    /// Whether what is said beside heads is still to come: nothing is installed by itself before some peer has told
    /// all it knows, because a release may be paused, its channel frozen, or its keys revoked.
    pub(super) fn waits_for_statements(&self, now: Now) -> bool {
        // Whoever comes back into a network that has changed its rules does nothing by those it remembers.
        if self.knows_no_rules_of_others(now) {
            return true;
        }
        !self.caught_up.statements
            && self.sync.peers().next().is_some()
            && self.met.is_some_and(|met| now.elapsed < met + PATIENCE)
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
}

#[cfg(test)]
#[path = "statements_tests.rs"]
mod tests;
