//! A node of the random runs: its governance, and what it keeps of what it hears, as `agent/votes.rs` and
//! `agent/restore.rs` do it.

use std::{collections::BTreeMap, sync::Arc};

use updraft_node::governance::{Event, Governance, Refusal};
use updraft_protocol::{Certificate, Digest, KeyId, Root, Statement, vote::Decision};

use super::model::Record;

/// What was in force at a node, each change with what it led from and to.
pub(super) type InForce = Vec<(Digest, u32, u32)>;

/// A node, and what it keeps when it is stopped.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) governance: Governance,
    /// Roots that it has followed after the first.
    pub(super) followed: usize,
    /// The key of which it has heard that it took itself back.
    revoked: Option<KeyId>,
    kept: BTreeMap<Digest, Arc<Statement>>,
    /// Certificates that its root does not count.
    shelved: BTreeMap<Digest, Arc<Statement>>,
    /// Every decision that it has told of, with the proof that it had for it; also those that a root has undone.
    pub(super) decided: BTreeMap<(Digest, Decision), Arc<Certificate>>,
    /// What it has taken of what electors said.
    pub(super) taken: Record,
    pub(super) height: Option<u64>,
    /// What was in force after the last step, and how many roots and decisions were known then.
    pub(super) in_force: ((usize, usize), InForce),
}

fn is_certificate(statement: &Statement) -> bool {
    matches!(statement, Statement::Certificate(_))
}

impl Node {
    pub(super) fn new(first: &Root) -> Self {
        Self {
            governance: Governance::new(first),
            followed: 0,
            revoked: None,
            kept: BTreeMap::new(),
            shelved: BTreeMap::new(),
            decided: BTreeMap::new(),
            taken: Record::default(),
            height: None,
            in_force: ((0, 0), Vec::new()),
        }
    }

    /// Heights never go back.
    pub(super) fn reach(&mut self, height: u64) {
        self.height = self.height.max(Some(height));
    }

    /// Whether it may have forgotten a vote that others know, or hear no more of one of its electors.
    pub(super) fn has_heard_of_changes(&self) -> bool {
        self.followed > 0 || self.revoked.is_some()
    }

    /// It hears something, and keeps it if it is news.
    pub(super) fn hear(
        &mut self,
        message: &Arc<Statement>,
        epoch: u64,
    ) -> Result<Vec<Event>, Refusal> {
        if self.kept.contains_key(&message.id()) {
            return Ok(Vec::new());
        }
        let events = self.governance.offer(message, epoch)?;
        self.taken.note(message, &events);
        let two_faced = events.iter().any(|event| matches!(event, Event::Lied { .. }));
        if !events.is_empty() && (!two_faced || matches!(**message, Statement::DoubleVote(_))) {
            self.keep(message.clone());
        }
        Ok(events)
    }

    pub(super) fn keep(&mut self, statement: Arc<Statement>) {
        self.kept.insert(statement.id(), statement);
    }

    pub(super) fn drop_kept(&mut self, id: &Digest) {
        self.kept.remove(id);
    }

    /// The next root reaches it. Gives how many decisions that undoes, and what follows from those it counts again.
    pub(super) fn follow(&mut self, root: &Root, epoch: u64) -> (usize, Vec<Event>) {
        let struck_off = self.governance.follow(root);
        self.taken.strike_off(&struck_off);
        self.followed += 1;
        let governance = &self.governance;
        let goes =
            |_: &Digest, kept: &mut Arc<Statement>| is_certificate(kept) && !governance.knows(kept);
        self.shelved.extend(self.kept.extract_if(.., goes));
        self.forget(epoch);
        let mut events = Vec::new();
        for (id, statement) in std::mem::take(&mut self.shelved) {
            match self.hear(&statement, epoch) {
                Ok(follows) => events.extend(follows),
                Err(_) => _ = self.shelved.insert(id, statement),
            }
        }
        (struck_off.iter().filter(|vote| vote.was_decided).count(), events)
    }

    /// It hears that a key has taken itself back.
    pub(super) fn take_back(&mut self, key: KeyId, epoch: u64) {
        self.revoked = Some(key);
        let struck_off = self.governance.take_back(key);
        assert!(struck_off.iter().all(|vote| !vote.was_decided), "what is decided stands");
        self.taken.strike_off(&struck_off);
        // The roots after the first have other electors: the key that was one votes no more, and what it said when it
        // did is theirs to judge.
        if self.followed == 0 {
            let decided = &self.decided;
            self.taken.silence(&key, |id, decision| decided.contains_key(&(*id, decision)));
        }
        self.forget(epoch);
    }

    fn forget(&mut self, epoch: u64) {
        let governance = &self.governance;
        self.kept.retain(|_, statement| governance.is_kept(statement, epoch));
    }

    /// It comes back with what it has kept and nothing else.
    pub(super) fn restart(&mut self, roots: &[Root], epoch: u64) -> Vec<Event> {
        let mut governance = Governance::new(&roots[0]);
        for root in &roots[1..=self.followed] {
            governance.follow(root);
        }
        self.revoked.map(|key| governance.take_back(key));
        let mut on_disk: Vec<Arc<Statement>> = std::mem::take(&mut self.kept)
            .into_values()
            .chain(std::mem::take(&mut self.shelved).into_values())
            .collect();
        on_disk.sort_by_key(|statement| match **statement {
            Statement::Certificate(_) => 0,
            Statement::Proposal(_) => 1,
            Statement::DoubleVote(_) => 2,
            _ => 3,
        });
        self.taken = Record::default();
        for statement in on_disk {
            match governance.restore(&statement) {
                Ok(events) => {
                    self.taken.note(&statement, &events);
                    self.keep(statement);
                }
                Err(_) if is_certificate(&statement) => {
                    self.shelved.insert(statement.id(), statement);
                }
                Err(_) => {}
            }
        }
        self.governance = governance;
        self.governance.settle(epoch)
    }
}
