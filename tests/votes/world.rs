//! The network of the random runs: its nodes, and what reaches them. What holds whatever happens is in `invariants.rs`.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use updraft_node::governance::{CannotVote, Elector, Event};
use updraft_protocol::{
    Ballot, Certificate, ComponentName, Digest, Electorate, KeyId, NetworkKind, Proposal,
    RevokedKey, Root, Signed, Stance, Statement, Timestamp,
    root::{trust_first, trust_next},
    vote::{Activation, Decision, Fraction, Rules},
};

use super::{
    actions::{Action, Word},
    invariants::Standing,
    model::Model,
    node::Node,
    people::{self, NETWORK, key},
};

/// Nodes; each is where some electors vote.
pub(super) const NODES: usize = 3;
/// Electors, each of one weight. Two thirds of seven are more than four.
pub(super) const ELECTORS: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];
/// Those of them who lie: fewer than a third.
pub(super) const LIARS: usize = 2;
/// What is proposed: two of them would change the same thing, one of these at a height; the third begins where that one
/// leads.
pub(super) const PROPOSALS: usize = 3;
/// The height that one of them waits for.
pub(super) const HEIGHT: u64 = 7;
/// Whose key takes itself back: it has opened the last of them.
const TAKEN_BACK: &str = "e";
/// Which of them the second root leaves out. The third counts it again.
const LEFT_OUT: usize = 0;

/// What all proposals are about.
pub(super) fn line() -> ComponentName {
    "demo-app".parse().expect("a name")
}

/// The root that replaces the electors without counting everything, and the one that counts all of it. Whatever a node
/// takes for a root passes as one.
fn later_roots(first: &Root, proposals: &[Digest]) -> [Root; 2] {
    let before = people::signed(first, "root");
    let before = trust_first(&before, &before.digest()).expect("a first root");
    let since = Timestamp::from_seconds(1);
    let key = key(TAKEN_BACK).public().id();
    let revoked = vec![RevokedKey { key, reason: "stolen".to_owned(), since }];
    let others = ["a", "b", "c", "d", "f", "g", "h"];
    let next = |version, prev, left_out: Option<usize>| {
        let counted = proposals.iter().enumerate().filter(|(nth, _)| Some(*nth) != left_out);
        let mut counts: Vec<Digest> = counted.map(|(_, id)| *id).collect();
        counts.sort();
        let (prev, revoked) = (Some(prev), revoked.clone());
        Root { version, prev, revoked, counts, ..people::root(2, &others) }
    };
    let second = people::signed(&next(2, before.digest(), Some(LEFT_OUT)), "root");
    let second = trust_next(&before, &second).expect("the next root");
    let third = people::signed(&next(3, second.digest(), None), "root");
    let third = trust_next(&second, &third).expect("the last root");
    [second.into_inner(), third.into_inner()]
}

fn is_certificate(message: &Statement) -> bool {
    matches!(message, Statement::Certificate(_))
}

/// A network of some nodes, and everything that was ever said on it.
#[derive(Clone)]
pub(super) struct World {
    pub(super) epoch: u64,
    pub(super) roots: Vec<Root>,
    pub(super) nodes: Vec<Node>,
    /// Whom something has reached since the last check: a message, a height, the time.
    pub(super) touched: [bool; NODES],
    /// What each believed after the last check.
    pub(super) standings: [Standing; NODES],
    electors: Vec<Elector>,
    /// What each elector keeps of its last ballots.
    cast: Vec<BTreeMap<Digest, (u32, Stance)>>,
    electorate: Electorate,
    pub(super) model: Model,
    pub(super) proposals: Vec<Digest>,
    messages: Vec<Arc<Statement>>,
    /// How often somebody was compared with another who knew the same decisions, before the end.
    pub(super) compared: usize,
    /// Whether something was in force at some node before the end.
    was_in_force: bool,
    /// Decisions that a root has undone at some node, and that stood there again under a later one.
    pub(super) undone: (usize, usize),
}

impl World {
    /// The same beginning for every run.
    pub(super) fn new() -> Self {
        static BEGINNING: LazyLock<World> = LazyLock::new(World::begin);
        BEGINNING.clone()
    }

    fn begin() -> Self {
        let mut roots = vec![people::root(1, &ELECTORS)];
        let electorate = roots[0].electorate.clone().expect("one");
        let keys: Vec<KeyId> = ELECTORS.iter().map(|name| key(name).public().id()).collect();
        let mut world = Self {
            epoch: 10,
            nodes: (0..NODES).map(|_| Node::new(&roots[0])).collect(),
            electors: keys.into_iter().map(|key| Elector::new(key, BTreeMap::new())).collect(),
            cast: vec![BTreeMap::new(); ELECTORS.len()],
            touched: [true; NODES],
            standings: Default::default(),
            model: Model::new(&electorate, &Rules::of(NetworkKind::Development)),
            electorate,
            proposals: Vec::new(),
            messages: Vec::new(),
            compared: 0,
            was_in_force: false,
            undone: (0, 0),
            roots: Vec::new(),
        };
        let changes = [
            (1, 3, Activation::Epoch(35)),
            (1, 2, Activation::Height { height: HEIGHT, not_before: 30 }),
            (2, 3, Activation::Epoch(40)),
        ];
        for (number, (from, to, activation)) in changes.into_iter().enumerate() {
            let opener = ELECTORS[LIARS + number];
            let proposal = Proposal {
                network: NETWORK,
                by: key(opener).public().id(),
                number: u32::try_from(number).expect("small") + 1,
                line: line(),
                from,
                to,
                release: "2.0.0".parse().expect("a version"),
                artifacts: vec![Digest::of(b"artifact")],
                electorate: 1,
                opens: 10,
                lock_deadline: 20,
                activation,
                grace_end: 50,
                threshold: Fraction { num: 2, den: 3 },
                min_ready: Fraction { num: 1, den: 2 },
                notes: number.to_string(),
            };
            let signed = people::signed(&proposal, opener);
            world.proposals.push(signed.digest());
            let statement = Arc::new(Statement::Proposal(signed));
            (0..NODES).for_each(|node| world.hear(node, &statement));
            world.messages.push(statement);
        }
        roots.extend(later_roots(&roots[0], &world.proposals));
        world.roots = roots;
        world
    }

    /// Whether some node has seen a decision about anything.
    pub(super) fn has_seen(&self, decision: Decision) -> bool {
        self.decisions().any(|(_, seen)| *seen == decision)
    }

    /// Whether two decisions that start from the same protocol are known.
    pub(super) fn has_rivals(&self) -> bool {
        let locked = |nth: usize| {
            self.decisions().any(|seen| *seen == (self.proposals[nth], Decision::LockIn))
        };
        locked(0) && locked(1)
    }

    fn decisions(&self) -> impl Iterator<Item = &(Digest, Decision)> {
        self.nodes.iter().flat_map(|node| node.decided.keys())
    }

    /// Whether something came into force at some node while anything might still happen.
    pub(super) fn was_in_force_before_the_end(&self) -> bool {
        self.was_in_force
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Wait(epochs) => self.wait(epochs),
            Action::Vote(elector, proposal, word) => {
                let elector = LIARS + elector % (ELECTORS.len() - LIARS);
                self.vote(elector, proposal % PROPOSALS, word);
            }
            Action::Lie(liar, proposal, word, seq, epoch, node) => {
                let name = ELECTORS[liar % LIARS];
                let ballot = Ballot {
                    network: NETWORK,
                    by: key(name).public().id(),
                    proposal: self.proposals[proposal % PROPOSALS],
                    seq: seq.max(1),
                    epoch: epoch.max(1),
                    stance: word.stance(),
                    reason: String::new(),
                };
                let message = Arc::new(Statement::Ballot(people::signed(&ballot, name)));
                self.messages.push(message.clone());
                self.hear(node % NODES, &message);
            }
            Action::Tell(message, node) => {
                let message = self.messages[message % self.messages.len()].clone();
                self.hear(node % NODES, &message);
            }
            Action::Spread(messages) => {
                let from = self.messages.len().saturating_sub(messages);
                let latest = self.messages[from..].to_vec();
                for message in &latest {
                    (0..NODES).for_each(|node| self.hear(node, message));
                }
            }
            Action::Height(height, node) => self.reach(height, node % NODES),
            Action::Restart(node) => self.restart(node % NODES),
            Action::Root(node) => self.follow(node % NODES),
            Action::Revoke(node) => {
                let key = key(TAKEN_BACK).public().id();
                self.nodes[node % NODES].take_back(key, self.epoch);
                self.touched[node % NODES] = true;
            }
        }
    }

    /// Time goes on, for everybody.
    fn wait(&mut self, epochs: u64) {
        self.epoch += epochs;
        self.touched = [true; NODES];
    }

    fn reach(&mut self, height: u64, number: usize) {
        self.nodes[number].reach(height);
        self.touched[number] = true;
    }

    /// The next root reaches a node.
    fn follow(&mut self, number: usize) {
        let node = &mut self.nodes[number];
        let Some(root) = self.roots.get(node.followed + 1) else { return };
        let (undone, events) = node.follow(root, self.epoch);
        self.undone.0 += undone;
        self.undone.1 += events.len();
        self.touched[number] = true;
        self.take(number, events);
    }

    /// A node comes back with what it has kept; and its electors with it.
    fn restart(&mut self, number: usize) {
        let events = self.nodes[number].restart(&self.roots, self.epoch);
        self.touched[number] = true;
        self.take(number, events);
        for elector in (number..ELECTORS.len()).step_by(NODES) {
            let (key, last) = (self.electors[elector].key(), self.cast[elector].clone());
            self.electors[elector] = Elector::new(key, last);
        }
    }

    fn vote(&mut self, elector: usize, proposal: usize, word: Word) {
        let (node, proposal) = (elector % NODES, self.proposals[proposal]);
        let cast = self.electors[elector].cast(
            &self.nodes[node].governance,
            NETWORK,
            &proposal,
            word.stance(),
            String::new(),
            self.epoch,
        );
        let ballot = match cast {
            Ok(ballot) => ballot,
            Err(CannotVote::NotAnElector(_) | CannotVote::Unknown)
                if !self.nodes[node].has_heard_of_changes() =>
            {
                panic!("{cast:?}")
            }
            Err(_) => return,
        };
        self.cast[elector].insert(proposal, (ballot.seq, ballot.stance));
        let message = Arc::new(Statement::Ballot(people::signed(&ballot, ELECTORS[elector])));
        self.messages.push(message.clone());
        self.hear(node, &message);
    }

    /// A node hears something.
    fn hear(&mut self, number: usize, message: &Arc<Statement>) {
        // Also what it refuses may not leave anything behind.
        self.touched[number] = true;
        let Ok(events) = self.nodes[number].hear(message, self.epoch) else { return };
        self.take(number, events);
    }

    /// What follows from what was heard is kept as well.
    fn take(&mut self, node: usize, events: Vec<Event>) {
        for event in events {
            let keeper = &mut self.nodes[node];
            match event {
                Event::Voted { before: Some(before), .. } => {
                    keeper.drop_kept(&Statement::Ballot(before.as_ref().clone()).id());
                }
                Event::Lied { proof, .. } => {
                    let proof = Arc::new(Statement::DoubleVote(proof.as_ref().clone()));
                    keeper.keep(proof);
                }
                Event::Decided(certificate) => {
                    let id = certificate.proposal.digest();
                    let rules = Rules::of(NetworkKind::Development);
                    let judged = certificate.judge(&NETWORK, &self.electorate, &rules);
                    judged.expect("whatever is taken for decided is proved");
                    let decision = (id, certificate.decision);
                    keeper.decided.entry(decision).or_insert_with(|| certificate.clone());
                    let certificate = Box::new(certificate.as_ref().clone());
                    let certificate = Arc::new(Statement::Certificate(certificate));
                    keeper.keep(certificate.clone());
                    self.messages.push(certificate);
                }
                Event::Proposed(_) | Event::Voted { .. } | Event::Rejected(_) => {}
            }
        }
    }

    /// Every decision that anybody could prove who has kept all that was ever said, also what was taken back since.
    fn forge(&mut self) {
        let mut forged = Vec::new();
        for message in &self.messages {
            let Statement::Proposal(proposal) = &**message else { continue };
            for decision in [Decision::LockIn, Decision::Cancel] {
                let mut best: BTreeMap<KeyId, (u8, &Signed<Ballot>)> = BTreeMap::new();
                for message in &self.messages {
                    let Statement::Ballot(signed) = &**message else { continue };
                    let ballot = signed.peek().expect("said before");
                    let worth = match (decision, ballot.stance) {
                        (Decision::LockIn, Stance::Ready { .. }) => 2,
                        (Decision::LockIn, Stance::Yes) | (Decision::Cancel, Stance::Cancel) => 1,
                        _ => continue,
                    };
                    let better = best.get(&ballot.by).is_none_or(|(known, _)| *known < worth);
                    if ballot.proposal == proposal.digest() && better {
                        best.insert(ballot.by, (worth, signed));
                    }
                }
                let ballots = best.into_values().map(|(_, signed)| signed.clone()).collect();
                let made = Certificate { decision, proposal: proposal.clone(), ballots };
                if made
                    .judge(&NETWORK, &self.electorate, &Rules::of(NetworkKind::Development))
                    .is_ok()
                {
                    forged.push(Arc::new(Statement::Certificate(Box::new(made))));
                }
            }
        }
        self.messages.extend(forged);
    }

    /// Everybody hears of every decision, each in an order of its own, and who has the same root agrees about all
    /// proposals; then all follow every root, and all agree, for ever.
    fn heal(&mut self) -> Result<(), String> {
        self.forge();
        self.tell_decisions();
        self.check()?;
        self.check_agreement()?;
        for _ in 1..self.roots.len() {
            (0..NODES).for_each(|node| self.follow(node));
            self.check()?;
            self.tell_decisions();
            self.check()?;
            self.check_agreement()?;
        }
        self.was_in_force = self.nodes.iter().any(|node| !node.in_force.1.is_empty());
        for later in [0, 5, 10, 20] {
            self.wait(later);
            self.check()?;
            self.check_agreement()?;
        }
        (0..NODES).for_each(|node| self.reach(HEIGHT, node));
        for later in [0, 5, 50] {
            self.wait(later);
            self.check()?;
            self.check_agreement()?;
        }
        Ok(())
    }

    /// Everybody hears of every decision, also of those that follow from hearing of them.
    fn tell_decisions(&mut self) {
        let latest = self.messages.clone();
        for node in 0..NODES {
            let mut order = latest.clone();
            order.rotate_left(node * latest.len() / NODES);
            for message in order.iter().filter(|m| is_certificate(m)) {
                self.hear(node, message);
            }
        }
        loop {
            let before = self.messages.len();
            for message in self.messages.clone() {
                if is_certificate(&message) {
                    (0..NODES).for_each(|node| self.hear(node, &message));
                }
            }
            if self.messages.len() == before {
                break;
            }
        }
    }

    pub(super) fn run(actions: &[Action]) -> Result<Self, String> {
        let mut world = Self::new();
        for action in actions {
            world.act(*action);
            world.check().map_err(|wrong| format!("after {action}: {wrong}"))?;
        }
        let compared = world.compared;
        world.heal().map_err(|wrong| format!("in the end: {wrong}"))?;
        world.compared = compared;
        Ok(world)
    }
}
