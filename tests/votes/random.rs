//! Votes in which anything may happen: messages that are late, lost for a while or told to some, electors who change
//! their minds and electors who lie. After every step nobody may believe what is not proved; at the end, when all have
//! heard of every decision, all agree.
//!
//! A run is a list of actions. One that broke a promise is a file in `replays/`, and is run again for ever.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, LazyLock},
};

use proptest::{prelude::*, strategy::ValueTree};
use updraft_node::governance::{CannotVote, Elector, Event, Governance, State};
use updraft_protocol::{
    Ballot, Certificate, ComponentName, Digest, Electorate, KeyId, NetworkKind, Proposal, Signed,
    Stance, Statement,
    vote::{Activation, Decision, FIRST_PROTOCOL, Fraction, Rules},
};

use super::{
    actions::{Action, Word, from_words, in_words},
    people::{self, NETWORK, key},
};

const DEVELOPMENT: NetworkKind = NetworkKind::Development;
/// Nodes; each is where some electors vote.
const NODES: usize = 3;
/// Electors, each of one weight. Two thirds of seven are more than four.
const ELECTORS: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];
/// Those of them who lie: fewer than a third.
const LIARS: usize = 2;
/// What is proposed: two of them would change the same thing.
const PROPOSALS: usize = 3;
/// Runs of one `cargo test`; `UPDRAFT_VOTE_RUNS` says otherwise.
const RUNS: u32 = 10_000;

/// What all proposals are about.
fn line() -> ComponentName {
    "updraft".parse().expect("a name")
}

fn is_certificate(message: &Statement) -> bool {
    matches!(message, Statement::Certificate(_))
}

/// A network of some nodes, and everything that was ever said on it.
#[derive(Clone)]
struct World {
    epoch: u64,
    nodes: Vec<Governance>,
    electors: Vec<Elector>,
    electorate: Electorate,
    proposals: Vec<Digest>,
    messages: Vec<Arc<Statement>>,
    /// What each node held for decided, in every state it was in.
    decided: BTreeMap<(usize, Digest), Vec<Decision>>,
}

impl World {
    /// The same beginning for every run.
    fn new() -> Self {
        static BEGINNING: LazyLock<World> = LazyLock::new(World::begin);
        BEGINNING.clone()
    }

    fn begin() -> Self {
        let root = people::root(1, &ELECTORS);
        let keys: Vec<KeyId> = ELECTORS.iter().map(|name| key(name).public().id()).collect();
        let mut world = Self {
            epoch: 10,
            nodes: (0..NODES).map(|_| Governance::new(&root)).collect(),
            electors: keys.into_iter().map(|key| Elector::new(key, BTreeMap::new())).collect(),
            electorate: root.electorate.clone().expect("one"),
            proposals: Vec::new(),
            messages: Vec::new(),
            decided: BTreeMap::new(),
        };
        for number in 0..PROPOSALS {
            let opener = ELECTORS[LIARS + number];
            let proposal = Proposal {
                network: NETWORK,
                by: key(opener).public().id(),
                number: u32::try_from(number).expect("small") + 1,
                line: line(),
                from: if number == 2 { 2 } else { 1 },
                to: 3,
                release: "2.0.0".parse().expect("a version"),
                artifacts: vec![Digest::of(b"artifact")],
                electorate: 1,
                opens: 10,
                lock_deadline: 20,
                activation: Activation::Epoch(30),
                grace_end: 40,
                threshold: Fraction { num: 2, den: 3 },
                min_ready: Fraction { num: 1, den: 2 },
                notes: number.to_string(),
            };
            let signed = people::signed(&proposal, opener);
            world.proposals.push(signed.digest());
            let statement = Arc::new(Statement::Proposal(signed));
            for node in &mut world.nodes {
                node.offer(&statement, 10).expect("an elector's");
            }
            world.messages.push(statement);
        }
        world
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Wait(epochs) => self.epoch += epochs,
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
        }
    }

    fn vote(&mut self, elector: usize, proposal: usize, word: Word) {
        let (node, proposal) = (elector % NODES, self.proposals[proposal]);
        let cast = self.electors[elector].cast(
            &self.nodes[node],
            NETWORK,
            &proposal,
            word.stance(),
            String::new(),
            self.epoch,
        );
        let ballot = match cast {
            Ok(ballot) => ballot,
            Err(CannotVote::NotAnElector(_) | CannotVote::Unknown) => panic!("{cast:?}"),
            Err(_) => return,
        };
        let message = Arc::new(Statement::Ballot(people::signed(&ballot, ELECTORS[elector])));
        self.messages.push(message.clone());
        self.hear(node, &message);
    }

    fn hear(&mut self, node: usize, message: &Statement) {
        let heard = self.nodes[node].offer(message, self.epoch);
        for event in heard.into_iter().flatten() {
            if let Event::Decided(certificate) = event {
                let id = certificate.proposal.digest();
                let judged = certificate.judge(&NETWORK, &self.electorate, &Rules::of(DEVELOPMENT));
                judged.expect("whatever is taken for decided is proved");
                self.decided.entry((node, id)).or_default().push(certificate.decision);
                let certificate = Box::new(certificate.as_ref().clone());
                self.messages.push(Arc::new(Statement::Certificate(certificate)));
            }
        }
    }

    fn state(&self, node: usize, proposal: &Digest) -> State {
        self.nodes[node].state(proposal, self.epoch, None).expect("known to all")
    }

    /// What holds after every step.
    fn check(&self) -> Result<(), String> {
        for (number, node) in self.nodes.iter().enumerate() {
            for held in node.proposals() {
                let state = self.state(number, &held.id());
                // Of each decision that it told of, the proof was judged.
                let told = self.decided.get(&(number, held.id()));
                let proved = |decision| told.is_some_and(|told| told.contains(&decision));
                let in_force = matches!(state, State::LockedIn | State::Active | State::Final);
                if in_force && !proved(Decision::LockIn) {
                    return Err(format!("node {number}: in force without a certificate"));
                }
                if state == State::Cancelled && !proved(Decision::Cancel) {
                    return Err(format!("node {number}: called off without a certificate"));
                }
                let count = node.count(held).expect("its electors");
                let said = count.affirmative + count.against + count.abstain + count.cancel;
                if said > count.total || count.ready > count.affirmative {
                    return Err(format!("node {number}: an elector counts twice: {count:?}"));
                }
            }
            // Each change begins where the one before it has led.
            let mut protocol = FIRST_PROTOCOL;
            for (_, from, to) in &node.line(&line(), self.epoch, None).changes {
                if *from != protocol {
                    return Err(format!("node {number}: the line speaks {protocol}, not {from}"));
                }
                protocol = *to;
            }
        }
        Ok(())
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
                if made.judge(&NETWORK, &self.electorate, &Rules::of(DEVELOPMENT)).is_ok() {
                    forged.push(Arc::new(Statement::Certificate(Box::new(made))));
                }
            }
        }
        self.messages.extend(forged);
    }

    /// Everybody hears of every decision, each in an order of its own; then all agree about all proposals, for ever.
    fn heal(&mut self) -> Result<(), String> {
        self.forge();
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
        for later in [0, 5, 10, 20, 50] {
            self.epoch += later;
            self.check()?;
            // For one epoch more, ballots may be on their way.
            if self.epoch <= 21 {
                continue;
            }
            let rules = |node: usize| self.nodes[node].forks(&line(), self.epoch, None).id();
            if let Some(other) = (1..NODES).find(|node| rules(*node) != rules(0)) {
                let (one, other) = (rules(0), rules(other));
                return Err(format!("epoch {}: rules {one:?} and {other:?}", self.epoch));
            }
            for proposal in &self.proposals {
                let outcome = |node| match self.state(node, proposal) {
                    // What was not decided is one outcome, however this node came to see it.
                    State::Rejected | State::Failed => State::Failed,
                    other => other,
                };
                let first = outcome(0);
                if let Some(other) = (1..NODES).find(|node| outcome(*node) != first) {
                    return Err(format!(
                        "epoch {}: node 0 has {first:?}, node {other} has {:?}",
                        self.epoch,
                        outcome(other)
                    ));
                }
            }
        }
        Ok(())
    }

    fn run(actions: &[Action]) -> Result<Self, String> {
        let mut world = Self::new();
        for action in actions {
            world.act(*action);
            world.check().map_err(|wrong| format!("after {action}: {wrong}"))?;
        }
        world.heal()?;
        Ok(world)
    }
}

/// What most are for.
#[derive(Debug, Clone, Copy)]
enum Mood {
    ForIt,
    AgainstIt,
}

fn word(mood: Mood) -> impl Strategy<Value = Word> {
    let (ready, cancel) = match mood {
        Mood::ForIt => (6, 1),
        Mood::AgainstIt => (1, 8),
    };
    prop_oneof![
        ready => Just(Word::Ready),
        2 => Just(Word::Yes),
        1 => Just(Word::No),
        cancel => Just(Word::Cancel),
    ]
}

/// A time in which most are for it, and perhaps one in which they think better of it.
fn story() -> impl Strategy<Value = Vec<Action>> {
    let first = prop::collection::vec(action(Mood::ForIt), 1..50);
    let second = prop_oneof![
        2 => Just(Vec::new()),
        1 => prop::collection::vec(action(Mood::AgainstIt), 1..40),
    ];
    (first, second).prop_map(|(first, second)| [first, second].concat())
}

/// Most speak of one proposal, so that something is decided.
fn favourite() -> impl Strategy<Value = usize> {
    prop_oneof![3 => Just(0_usize), 1 => 0..PROPOSALS]
}

fn action(mood: Mood) -> impl Strategy<Value = Action> {
    prop_oneof![
        1 => (0..3_u64).prop_map(Action::Wait),
        8 => (0..5_usize, favourite(), word(mood)).prop_map(|(e, p, w)| Action::Vote(e, p, w)),
        3 => (0..LIARS, favourite(), word(mood), 1..4_u32, 9..23_u64, 0..NODES)
            .prop_map(|(l, p, w, s, e, n)| Action::Lie(l, p, w, s, e, n)),
        6 => (0..40_usize, 0..NODES).prop_map(|(m, n)| Action::Tell(m, n)),
        3 => (1..9_usize).prop_map(Action::Spread),
    ]
}

fn runs() -> u32 {
    std::env::var("UPDRAFT_VOTE_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(RUNS)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: runs(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_nobody_believes_what_is_not_proved_and_all_agree_in_the_end(
        actions in story(),
    ) {
        prop_assert_eq!(&from_words(&in_words(&actions)), &Ok(actions.clone()));
        if let Err(wrong) = World::run(&actions) {
            prop_assert!(false, "{wrong}\nto be kept as a file in replays/:\n{}", in_words(&actions));
        }
    }
}

#[test]
fn random_votes_do_decide_things() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = story();
    let (mut locked, mut cancelled, mut neither) = (0, 0, 0);
    for _ in 0..500 {
        let actions = strategy.new_tree(&mut runner).expect("a value").current();
        let world =
            World::run(&actions).unwrap_or_else(|wrong| panic!("{wrong}\n{}", in_words(&actions)));
        let all: Vec<&Decision> = world.decided.values().flatten().collect();
        locked += usize::from(all.contains(&&Decision::LockIn));
        cancelled += usize::from(all.contains(&&Decision::Cancel));
        neither += usize::from(all.is_empty());
    }
    assert!(locked > 20 && cancelled > 5 && neither > 20, "{locked} {cancelled} {neither}");
}

#[test]
fn what_broke_a_promise_once_does_not_break_it_again() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/votes/replays");
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a replay");
        let run = from_words(&text).and_then(|actions| World::run(&actions).map(drop));
        run.unwrap_or_else(|wrong| panic!("{}: {wrong}", path.display()));
    }
}
