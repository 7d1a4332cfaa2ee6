//! A vote of many electors in a network of many nodes, in virtual time: how long until all know the same, and what it
//! costs each of them.
//!
//! The machines are the real ones. Between them is a gossip mesh as libp2p's: every node has some neighbours, passes on
//! what it has accepted to all of them but the one it came from, and hears of everything once from each. A node judges one
//! message after another, and has as little room for those that wait as a real one.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque},
    sync::Arc,
    time::Duration,
};

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use updraft_node::{
    agent::{Action, Duty, Input, Machine, Now, Rules, Upload},
    catalog::{Catalog, Verdict},
    policy::AutoUpdate,
};
use updraft_protocol::{
    Ballot, Digest, Gossip, NetworkKind, Proposal, Root, Stance, Statement, Timestamp, codec,
    root::trust_first, vote::Rules as Floors,
};

use super::people::{self, NETWORK, key, signed};

const NODES: usize = 100;
const ELECTORS: usize = 256;
/// Neighbours in the mesh: as many as a node looks for, and the most it takes (`network/gossip.rs`).
const MESH: usize = 5;
const MESH_HIGH: usize = 7;
/// What gossipsub and the transport add to a message: author 40, number 10, signature 66, topic 26, lengths 12, and 30
/// of the frames of yamux and noise.
const AROUND: usize = 184;
/// One way over a link, in microseconds: from the next room to the other side of the world.
const LINK: std::ops::Range<u64> = 5_000..150_000;
/// What a node takes to judge a message, in microseconds: a signature, and the flush of a small disk. One after another.
const JUDGING: u64 = 3_000;
/// Messages that may wait for it, of one peer and of all (`network/patience.rs`, `network/gossip.rs`). What comes beyond
/// them is not heard.
const UNJUDGED: (usize, usize) = (16, 128);
/// Electors vote within this time, in microseconds.
const VOTING: u64 = 1_000_000;
/// The moment at which everything begins, within a vote.
const START: u64 = 1_795_200_000;

/// A message on its way.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Arrival {
    at: u64,
    order: u64,
    to: usize,
    from: usize,
    message: usize,
}

struct Node {
    machine: Machine<usize>,
    neighbours: Vec<(usize, u64)>,
    seen: BTreeSet<usize>,
    /// Until when each message that waits is judged, and who brought it; the last one is the last to be.
    unjudged: VecDeque<(u64, usize)>,
    unheard: usize,
    heard_bytes: usize,
    said_bytes: usize,
}

struct World {
    nodes: Vec<Node>,
    /// Messages and how many bytes each is on the wire; what says the same is one message.
    messages: Vec<(Gossip, usize)>,
    numbers: BTreeMap<Vec<u8>, usize>,
    under_way: BinaryHeap<Reverse<Arrival>>,
    order: u64,
}

fn elector(n: usize) -> String {
    format!("elector-{n}")
}

fn root() -> Root {
    let names: Vec<String> = (0..ELECTORS).map(elector).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let root = people::root(1, &names);
    Root { kind: NetworkKind::Production, expires: Timestamp::from_seconds(START * 2), ..root }
}

fn machine(root: &Root) -> Machine<usize> {
    let trusted = signed(root, "root");
    let trusted = trust_first(&trusted, &trusted.digest()).expect("signed by itself");
    let rules = Rules {
        builders: 0,
        program: "1.0.0".parse().expect("a version"),
        speaks: updraft_node::build::Speaks::THIS,
        auto_activate: true,
        signal_ready: true,
        knows_heights: false,
        awaits_peers: false,
        duty: Duty::Full,
        upload: Upload::On,
        target: "any".parse().expect("a target"),
        auto: AutoUpdate::EVERYTHING,
        channel: "stable".parse().expect("a name"),
    };
    let catalog = Catalog::new(trusted, Timestamp::from_seconds(START));
    Machine::new(rules, catalog, Vec::new(), BTreeSet::new())
}

fn now(micros: u64) -> Now {
    let elapsed = Duration::from_micros(micros);
    Now { wall: Timestamp::from_seconds(START + elapsed.as_secs()), elapsed }
}

impl Node {
    /// When a message that comes now is judged, if it finds room.
    fn judges(&mut self, from: usize, at: u64) -> Option<u64> {
        while self.unjudged.front().is_some_and(|(judged, _)| *judged <= at) {
            self.unjudged.pop_front();
        }
        let of_the_same = self.unjudged.iter().filter(|(_, by)| *by == from).count();
        if of_the_same >= UNJUDGED.0 || self.unjudged.len() >= UNJUDGED.1 {
            self.unheard += 1;
            return None;
        }
        let begins = self.unjudged.back().map_or(at, |(judged, _)| *judged);
        self.unjudged.push_back((begins + JUDGING, from));
        Some(begins + JUDGING)
    }
}

impl World {
    /// Nodes with random neighbours and links.
    fn new(random: &mut impl FnMut(u64) -> u64) -> Self {
        let root = root();
        let mut links: BTreeMap<(usize, usize), u64> = BTreeMap::new();
        let mut degree = vec![0; NODES];
        for node in 0..NODES {
            while degree[node] < MESH {
                let further = usize::try_from(random(NODES as u64 - 1)).expect("small");
                let other = (node + 1 + further) % NODES;
                let link = (node.min(other), node.max(other));
                if degree[other] < MESH_HIGH && !links.contains_key(&link) {
                    links.insert(link, LINK.start + random(LINK.end - LINK.start));
                    degree[node] += 1;
                    degree[other] += 1;
                }
            }
        }
        let neighbours = |node: usize| {
            let ends = links.iter().filter(move |((a, b), _)| *a == node || *b == node);
            ends.map(move |((a, b), delay)| (if *a == node { *b } else { *a }, *delay)).collect()
        };
        let nodes = (0..NODES).map(|node| Node {
            machine: machine(&root),
            neighbours: neighbours(node),
            seen: BTreeSet::new(),
            unjudged: VecDeque::new(),
            unheard: 0,
            heard_bytes: 0,
            said_bytes: 0,
        });
        Self {
            nodes: nodes.collect(),
            messages: Vec::new(),
            numbers: BTreeMap::new(),
            under_way: BinaryHeap::new(),
            order: 0,
        }
    }

    /// A node's operator hands something in.
    fn say(&mut self, node: usize, statement: Statement, at: u64) {
        let said = self.nodes[node].machine.say_on_a_vote(Arc::new(statement), now(at));
        let (_, actions) = said.unwrap_or_else(|refusal| panic!("{refusal}"));
        self.follow(node, None, actions, at);
    }

    fn follow(
        &mut self,
        node: usize,
        came: Option<(usize, usize)>,
        actions: Vec<Action<usize>>,
        at: u64,
    ) {
        for action in actions {
            match action {
                Action::Announce(gossip) => {
                    let number = self.number(gossip);
                    self.nodes[node].seen.insert(number);
                    self.spread(node, None, number, at);
                }
                Action::Verdict(_, Verdict::Accept) => {
                    let (from, number) = came.expect("only what came is judged");
                    self.spread(node, Some(from), number, at);
                }
                Action::Verdict(_, verdict) => assert_eq!(verdict, Verdict::Ignore),
                _ => {}
            }
        }
    }

    fn number(&mut self, gossip: Gossip) -> usize {
        let bytes = codec::encode(&gossip).expect("it is told");
        let next = self.messages.len();
        let size = bytes.len() + AROUND;
        let number = *self.numbers.entry(bytes).or_insert(next);
        if number == next {
            self.messages.push((gossip, size));
        }
        number
    }

    fn spread(&mut self, node: usize, but: Option<usize>, message: usize, at: u64) {
        let size = self.messages[message].1;
        for (to, delay) in self.nodes[node].neighbours.clone() {
            if Some(to) == but {
                continue;
            }
            self.nodes[node].said_bytes += size;
            self.order += 1;
            let (order, from) = (self.order, node);
            self.under_way.push(Reverse(Arrival { at: at + delay, order, to, from, message }));
        }
    }

    /// Delivers everything up to a moment; gives the last at which somebody learnt something.
    fn run(&mut self, until: u64) -> u64 {
        let mut last = 0;
        while let Some(Reverse(next)) = self.under_way.peek() {
            if next.at > until {
                break;
            }
            let Some(Reverse(Arrival { at, to, from, message, .. })) = self.under_way.pop() else {
                break;
            };
            let (gossip, size) = self.messages[message].clone();
            self.nodes[to].heard_bytes += size;
            if !self.nodes[to].seen.insert(message) {
                continue;
            }
            let Some(judged) = self.nodes[to].judges(from, at) else { continue };
            let input = Input::Gossip { token: 0, from, message: gossip };
            let actions = self.nodes[to].machine.handle(input, now(judged));
            last = last.max(judged);
            self.follow(to, Some((from, message)), actions, judged);
        }
        last
    }
}

fn proposal() -> Proposal {
    let floors = Floors::of(NetworkKind::Production);
    people::proposal(&elector(0), floors.epoch_of(START), &floors)
}

/// Gossip at every node so far: what it heard, and that with what it said.
struct Gossiped(Vec<(usize, usize)>);

impl Gossiped {
    fn of(world: &World) -> Self {
        let bytes =
            |node: &Node| (node.heard_bytes, node.heard_bytes.saturating_add(node.said_bytes));
        Self(world.nodes.iter().map(bytes).collect())
    }

    fn and(&self, more: &Self) -> Self {
        self.with(more, |one, other| one + other)
    }

    fn since(&self, before: &Self) -> Self {
        self.with(before, |now, then| now - then)
    }

    fn with(&self, other: &Self, each: fn(usize, usize) -> usize) -> Self {
        let pairs = self.0.iter().zip(&other.0);
        Self(pairs.map(|(one, other)| (each(one.0, other.0), each(one.1, other.1))).collect())
    }

    /// The most that a node heard.
    fn heard(&self) -> usize {
        self.0.iter().map(|(heard, _)| *heard).max().unwrap_or(0)
    }

    /// The most both ways.
    fn both_ways(&self) -> usize {
        self.0.iter().map(|(_, both)| *both).max().unwrap_or(0)
    }

    fn words(&self) -> String {
        let heard: usize = self.0.iter().map(|(heard, _)| *heard).sum();
        let kib = [heard / NODES, self.heard(), self.both_ways()].map(|bytes| bytes / 1024);
        format!(
            "a node heard {} KiB, at most {} KiB; at most {} KiB both ways",
            kib[0], kib[1], kib[2]
        )
    }
}

/// Every elector casts its ballot of this number, at a time of its own. Gives how long it took from the first ballot until
/// nobody learnt anything any more, and the moment after.
fn everybody_says(
    world: &mut World,
    about: (&Proposal, Digest),
    (seq, stance): (u32, Stance),
    begin: u64,
    random: &mut impl FnMut(u64) -> u64,
) -> (u64, u64) {
    let mut votes: Vec<(u64, usize)> =
        (0..ELECTORS).map(|elector| (begin + random(VOTING), elector)).collect();
    votes.sort_unstable();
    let begun = votes[0].0;
    for (at, voter) in votes {
        world.run(at);
        let ballot = Ballot {
            network: NETWORK,
            by: key(&elector(voter)).public().id(),
            proposal: about.1,
            seq,
            epoch: about.0.opens,
            stance,
            reason: String::new(),
        };
        let ballot = signed(&ballot, &elector(voter));
        world.say(voter % NODES, Statement::Ballot(ballot), at);
    }
    let done = world.run(u64::MAX);
    (done - begun, done)
}

/// Everybody knows every ballot.
fn stands(world: &World, at: u64, state: &str, (yes, ready): (u64, u64)) {
    for node in &world.nodes {
        let line = &node.machine.proposals(now(at))[0];
        assert_eq!(line.state.word(), state);
        let counted = (line.count.yes, line.count.ready, line.count.total);
        assert_eq!(counted, (yes, ready, 256), "every ballot is everywhere");
    }
}

/// Each says first that it is for it, and later that it is ready. What the second ballots cost is what a vote costs in
/// which each casts one, whether the first were cast or not.
#[test]
fn two_hundred_and_fifty_six_electors_are_heard_by_a_hundred_nodes_within_five_seconds() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut random = |below: u64| (0..below).new_tree(&mut runner).expect("a number").current();
    let mut world = World::new(&mut random);
    let proposal = proposal();
    let signed_proposal = signed(&proposal, &elector(0));
    let about = (&proposal, signed_proposal.digest());
    world.say(0, Statement::Proposal(signed_proposal), 0);
    world.run(2_000_000);
    let proposed = Gossiped::of(&world);

    let yes = (1, Stance::Yes);
    let (first, done) = everybody_says(&mut world, about, yes, 2_000_000, &mut random);
    stands(&world, done, "voting", (256, 0));
    let halfway = Gossiped::of(&world);

    let ready = Stance::Ready { artifact: Digest::of(b"artifact"), selftest: Digest::of(b"ok") };
    let begin = done + 2_000_000;
    let (second, done) = everybody_says(&mut world, about, (2, ready), begin, &mut random);
    stands(&world, done, "locked in", (256, 256));
    let two = Gossiped::of(&world);
    let one = two.since(&halfway).and(&proposed);

    let unheard: usize = world.nodes.iter().map(|node| node.unheard).sum();
    assert_eq!(unheard, 0, "messages for which a node had no room");
    let seconds = [first, second].map(|micros| micros as f64 / 1e6);
    println!(
        "{ELECTORS} electors, {NODES} nodes: converged in {:.2} s and {:.2} s of virtual time\n\
         one ballot each (ready): {}\n\
         two ballots each (yes, later ready): {}",
        seconds[0],
        seconds[1],
        one.words(),
        two.words()
    );
    assert!(first.max(second) <= 5_000_000, "{seconds:?} s");
    assert!(one.heard() <= 1024 * 1024, "{} bytes", one.heard());
    assert!(one.both_ways() <= 2 * 1024 * 1024, "{} bytes", one.both_ways());
    assert!(two.heard() <= 2 * 1024 * 1024, "{} bytes", two.heard());
    assert!(two.both_ways() <= 4 * 1024 * 1024, "{} bytes", two.both_ways());
}
