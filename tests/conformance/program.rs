//! The real program as the one who is lied to: a node that joined with the story's first root, peers that tell it
//! the rest, and its API, its log and its metrics to see what came of it.
//!
//! Its clock is the machine's, so only stories are told to it in which no time passes.

use std::{collections::BTreeMap, fmt::Debug};

use tempfile::TempDir;
use updraft_node::clock::Clock;
use updraft_protocol::{Gossip, Head, Manifest, Root, Signed, Ticket, Wire, codec};

use super::{
    forge::{self, NETWORK},
    story::{Deed, Outcome, Step, Story},
    teller::{Shelf, Teller},
    victim::Victim,
};
use crate::harness::{
    dir, items,
    node::{Kind, Node},
    number,
    release::COMPONENT,
    text, until,
};

/// A node that is told a story.
struct Hero {
    node: Node,
    /// Tells what is expected to be taken.
    honest: Teller,
    shelf: Shelf,
    objects: BTreeMap<String, Vec<u8>>,
    // Dropped last: the node's folder lies in it.
    _place: TempDir,
}

/// Tells the story with today's objects to the pure machine and to a node, and compares step by step.
#[track_caller]
pub(super) fn tell(story: &Story) {
    let zero = Clock::system().now();
    let scene = forge::all(zero).into_iter().find(|scene| scene.name == story.name);
    let objects = scene.expect("a scene of the story's name").files;
    let mut victim = Victim::new(zero, objects.clone());
    let mut hero = None;
    for step in &story.steps {
        let what = format!("{}: {}", story.name, step.text);
        let outcome = victim.take(step).unwrap_or_else(|broken| panic!("{what}: {broken}"));
        // Words name digests and moments, which are others today.
        assert_eq!(outcome.what, step.outcome.what, "{what}");
        match (&step.deed, &mut hero) {
            (Deed::Trust(file), None) => hero = Some(Hero::joined(file, &objects)),
            (Deed::At(0), None) => {}
            (Deed::At(_), _) => panic!("{what}: nobody turns the clock of a process"),
            (_, Some(hero)) => hero.take(step, &outcome, &what),
            (_, None) => panic!("{what}: no node has joined"),
        }
    }
}

impl Hero {
    /// A person gives a node a ticket with the digest of this root.
    fn joined(file: &str, objects: &BTreeMap<String, Vec<u8>>) -> Self {
        let place = dir::folder();
        let mut shelf = Shelf::default();
        // Whoever is asked for a listed release has it; what it is worth is the node's question.
        for bytes in objects.values() {
            if let Ok(manifest) = codec::decode::<Signed<Manifest>>(bytes)
                && manifest.peek().is_ok()
            {
                shelf.manifests.insert(manifest.digest(), manifest);
            }
        }
        let root: Signed<Root> = decoded(objects, file);
        let claim = root.peek().expect("a root");
        shelf.roots.push(root.clone());
        let honest = Teller::start(shelf.clone(), None);
        let ticket = Ticket {
            network: NETWORK,
            name: claim.name,
            root: root.digest(),
            addresses: vec![honest.address.clone()],
        };
        let mut node = Node::prepare(place.path(), "hero", &Kind::follower());
        node.say(&["--yes", "join", &ticket.to_string()]).good();
        node.start();
        node.wait_for_peers(1);
        Self { node, honest, shelf, objects: objects.clone(), _place: place }
    }

    fn take(&mut self, step: &Step, outcome: &Outcome, what: &str) {
        let message = match &step.deed {
            Deed::See(subject) => return self.see(subject, &step.outcome.what, what),
            // The node makes proofs by itself; what follows of them is seen in the next steps.
            Deed::Prove(_) | Deed::At(_) | Deed::Trust(_) => return,
            Deed::Root(file) => Gossip::Root(self.object(file)),
            Deed::Head(file) | Deed::Link(file) => Gossip::announce(self.object(file), None),
            Deed::Manifest(file) => return self.wait_for_release(file, outcome, what),
            Deed::Statement(file) => Gossip::Statement(self.object(file)),
        };
        if outcome.is_refusal() {
            return match &step.deed {
                Deed::Link(file) => self.is_refused(Told::Link(self.object(file)), outcome, what),
                _ => self.is_refused(Told::News(message), outcome, what),
            };
        }
        if outcome.what.ends_with("missing") {
            // From a stranger: the honest one has all links.
            let stranger = Teller::start(self.shelf.clone(), Some(&self.node));
            stranger.announce(message);
            return;
        }
        self.shelve(&message);
        self.honest.announce(message);
        match &step.deed {
            Deed::Root(_) => self.see("root", last_word(outcome), what),
            Deed::Head(_) | Deed::Link(_) if outcome.what != "known" => {
                self.see("head", last_word(outcome), what);
            }
            _ => {}
        }
    }

    /// The honest one hands it out from now on, too.
    fn shelve(&mut self, message: &Gossip) {
        match message {
            Gossip::Root(root) => self.shelf.roots.push(root.clone()),
            Gossip::Announcement { head, .. } => {
                let seq = head.peek().expect("an honest head").seq;
                self.shelf.heads.insert(seq, head.clone());
            }
            Gossip::Statement(statement) => {
                self.shelf.statements.insert(statement.id(), statement.clone());
            }
        }
        self.honest.shelve(&self.shelf);
    }

    /// A peer of its own for each lie: who lies once may not be listened to again.
    fn is_refused(&self, told: Told, outcome: &Outcome, what: &str) {
        let label = outcome.label().expect("a refusal");
        let metric = format!("updraft_refusals_total{{reason=\"{label}\"}} ");
        let before = self.node.metric(&metric);
        let mut shelf = self.shelf.clone();
        if let Told::Link(head) = &told {
            let seq = head.peek().expect("a head").seq;
            shelf.heads = BTreeMap::from([(seq, head.clone())]);
        }
        let liar = Teller::start(shelf, Some(&self.node));
        if let Told::News(message) = told {
            liar.announce(message);
        }
        self.is_logged(&liar.id, outcome, what);
        assert!(self.node.metric(&metric) > before, "{what}: nothing is counted as {label}");
    }

    fn is_logged(&self, peer: &str, outcome: &Outcome, what: &str) {
        let from = format!("refused something from {peer}: ");
        until(&format!("{what}: {outcome}"), || {
            let log = self.node.logged();
            let refusals = log.lines().filter_map(|line| line.split_once(&from));
            // The log has the event's name behind the words, and no sources of errors, which the story has.
            let mut words = refusals.filter_map(|(_, rest)| rest.split(" event=").next());
            words.any(|words| outcome.words.starts_with(words)).then_some(())
        });
    }

    fn wait_for_release(&self, file: &str, outcome: &Outcome, what: &str) {
        if outcome.is_refusal() {
            // Nodes ask for what is listed and has not come, and the honest one hands out what it has.
            return self.is_logged(&self.honest.id, outcome, what);
        }
        self.see(&format!("release {file}"), "on offer", what);
    }

    /// Waits until the node shows what it should.
    fn see(&self, subject: &str, expected: &str, what: &str) {
        let (subject, file) = subject.split_once(' ').unwrap_or((subject, ""));
        let look = || match subject {
            "root" => number(&self.node.get("/api/v1/trust")["rootVersion"]).to_string(),
            "head" => match number(&self.channel("seq")) {
                0 => "none".to_owned(),
                seq => seq.to_string(),
            },
            "freshness" => text(&self.channel("freshness")).to_owned(),
            "newest" => self.component("available").as_str().unwrap_or("none").to_owned(),
            "frozen" if self.node.logged().contains("`stable` is frozen") => "yes".to_owned(),
            "frozen" => "no".to_owned(),
            "release" => self.release(file).to_owned(),
            "alarms" | "bytes" => expected.to_owned(),
            _ => panic!("{what}: nothing of a node shows that"),
        };
        // An end of a freeze is not told: that the next head is taken shows it.
        if (subject, expected) == ("frozen", "no") {
            return;
        }
        let expected = expected.split(',').next().expect("there is one");
        until(&format!("{what}: {expected}"), || (look() == expected).then_some(()));
    }

    fn channel(&self, field: &str) -> serde_json::Value {
        let status = self.node.get("/api/v1/status");
        let stable = items(&status["channels"]).iter().find(|c| c["name"] == "stable");
        stable.expect("the one channel")[field].clone()
    }

    fn component(&self, field: &str) -> serde_json::Value {
        let status = self.node.get("/api/v1/status");
        let demo = items(&status["components"]).iter().find(|c| c["name"] == COMPONENT);
        demo.map_or(serde_json::Value::Null, |component| component[field].clone())
    }

    fn release(&self, file: &str) -> &'static str {
        let digest = self.object::<Signed<Manifest>>(file).digest().to_string();
        let releases = self.node.get("/api/v1/releases");
        let Some(listed) = items(&releases["items"]).iter().find(|r| r["manifest"] == *digest)
        else {
            return "not on offer";
        };
        if !listed["withdrawn"].is_null() {
            return "withdrawn";
        }
        if listed["sizeBytes"].is_null() {
            return "missing";
        }
        match self.component("heldBy")["reason"].as_str() {
            Some("paused") => "paused",
            _ => "on offer",
        }
    }

    #[track_caller]
    fn object<T: Wire + Debug>(&self, file: &str) -> T {
        decoded(&self.objects, file)
    }
}

/// How a lie reaches the node.
enum Told {
    /// By gossip.
    News(Gossip),
    /// As the answer to the question that every new peer is asked.
    Link(Signed<Head>),
}

fn last_word(outcome: &Outcome) -> &str {
    outcome.what.rsplit(' ').next().expect("there is one")
}

#[track_caller]
fn decoded<T: Wire>(objects: &BTreeMap<String, Vec<u8>>, file: &str) -> T {
    codec::decode(&objects[file]).unwrap_or_else(|error| panic!("{file}: {error}"))
}
