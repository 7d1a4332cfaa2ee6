//! One story: its words, and the machine that it is told to.

use std::collections::BTreeMap;

use updraft_node::governance::{Elector, Event, Governance};
use updraft_protocol::{
    Ballot, Certificate, Digest, NetworkKind, Proposal, Root, Signed, Stance, Statement,
    vote::{Activation, Decision, Fraction},
};

use super::people::{self, NETWORK, key, signed};

/// The machine, the epoch, and what was said so far by name.
pub(super) struct Story {
    kind: NetworkKind,
    governance: Option<Governance>,
    roots: Vec<Root>,
    epoch: u64,
    height: Option<u64>,
    proposals: BTreeMap<String, Signed<Proposal>>,
    ballots: BTreeMap<(String, String), Signed<Ballot>>,
    seqs: BTreeMap<(String, String), u32>,
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("`{text}` is no number"))
}

fn fraction(text: &str) -> Fraction {
    let (num, den) = text.split_once('/').expect("two numbers");
    Fraction { num: number(num), den: number(den) }
}

fn stance_of(by: &str, stance: &str) -> Stance {
    match stance {
        "yes" => Stance::Yes,
        "no" => Stance::No,
        "abstain" => Stance::Abstain,
        "cancel" => Stance::Cancel,
        "ready" => {
            Stance::Ready { artifact: Digest::of(b"artifact"), selftest: Digest::of(by.as_bytes()) }
        }
        "ready-otherwise" => Stance::Ready {
            artifact: Digest::of(b"another artifact"),
            selftest: Digest::of(by.as_bytes()),
        },
        other => panic!("`{other}` is no stance"),
    }
}

impl Story {
    pub(super) fn new() -> Self {
        Self {
            kind: NetworkKind::Development,
            governance: None,
            roots: Vec::new(),
            epoch: 0,
            height: None,
            proposals: BTreeMap::new(),
            ballots: BTreeMap::new(),
            seqs: BTreeMap::new(),
        }
    }

    /// Tells the lines after the first empty one; gives those that end otherwise.
    pub(super) fn tell(&mut self, text: &str) -> Vec<String> {
        let (_, steps) = text.split_once("\n\n").expect("what it shows, then the steps");
        let mut wrong = Vec::new();
        for line in steps.lines().filter(|line| !line.trim().is_empty()) {
            let (deed, expected) = line.split_once(": ").unwrap_or((line, ""));
            let got = self.act(deed, expected);
            if got != expected {
                wrong.push(format!("  {deed}\n  expected {expected}\n  got      {got}"));
            }
        }
        wrong
    }

    fn act(&mut self, deed: &str, more: &str) -> String {
        let words: Vec<&str> = deed.split(' ').collect();
        match words[..] {
            ["production"] => {
                self.kind = NetworkKind::Production;
                String::new()
            }
            ["electors", ref electors @ .., "counting", counted] => self.root(electors, counted),
            ["electors", ref electors @ ..] => self.root(electors, ""),
            ["at", epoch] => {
                self.epoch = number(epoch);
                String::new()
            }
            // The narrator's source of heights says so; a newcomer's says nothing until it is asked.
            ["height", height] => {
                self.height = Some(number(height));
                String::new()
            }
            ["proposal", name, "by", by, ..] => {
                let proposal = self.proposal(name, by, &words[4..]);
                let signed = signed(&proposal, by);
                self.proposals.insert(name.to_owned(), signed.clone());
                self.outcome(&Statement::Proposal(signed))
            }
            // Somebody who has seen the roots and nothing else.
            ["newcomer"] => {
                let mut governance = Governance::new(&self.roots[0]);
                for root in &self.roots[1..] {
                    governance.follow(root);
                }
                (self.governance, self.height) = (Some(governance), None);
                String::new()
            }
            ["see", name] => self.state(name),
            ["count", name] => self.count(name),
            ["fork"] => {
                let line = "updraft".parse().expect("a name");
                let fork = self.machine().forks(&line, self.epoch, self.height).id();
                let old = fork.digest == NETWORK.fork_digest(&[]);
                let rules = if old { "old rules" } else { "new rules" };
                fork.next.map_or(rules.to_owned(), |next| format!("{rules}, others in {next}"))
            }
            ["again", by, name] => {
                let said = self.ballots[&(by.to_owned(), name.to_owned())].clone();
                self.outcome(&Statement::Ballot(said))
            }
            ["certificate", decision, name, "of", ref voters @ ..] => {
                let decision = match decision {
                    "lock-in" => Decision::LockIn,
                    _ => Decision::Cancel,
                };
                let of = |by: &&str| self.ballots[&((*by).to_owned(), name.to_owned())].clone();
                let mut ballots: Vec<_> = voters.iter().map(of).collect();
                ballots.sort_by_key(|signed| signed.peek().map(|ballot| ballot.by).ok());
                let proposal = self.proposals[name].clone();
                let certificate = Certificate { decision, proposal, ballots };
                self.outcome(&Statement::Certificate(Box::new(certificate)))
            }
            [by, "may", stance, name] => self.may(by, stance, name),
            [by, stance, name, ref more @ ..] => self.ballot(by, stance, name, more),
            _ => panic!("`{deed}: {more}`: what is that?"),
        }
    }

    /// The number of the electorate in force: that of its root.
    fn roster(&self) -> u64 {
        self.roots.len() as u64
    }

    /// The next root, with these electors, that counts these votes of former ones: names with commas between. Gives what
    /// it strikes off.
    fn root(&mut self, electors: &[&str], counted: &str) -> String {
        let counted = counted.split(',').filter(|name| !name.is_empty());
        let mut counts: Vec<Digest> = counted.map(|name| self.proposals[name].digest()).collect();
        counts.sort();
        let root = Root { kind: self.kind, counts, ..people::root(self.roster() + 1, electors) };
        self.roots.push(root.clone());
        let Some(governance) = &mut self.governance else {
            self.governance = Some(Governance::new(&root));
            return String::new();
        };
        let fallen = governance.follow(&root).into_iter().map(|vote| {
            let named = self.proposals.iter().find(|(_, said)| said.digest() == vote.proposal);
            let name = named.map_or("?", |(name, _)| name.as_str());
            let was = if vote.was_decided { ", which was decided" } else { "" };
            format!("{name} struck off{was}")
        });
        // A root strikes off by digest; a story is told by name.
        let mut fallen: Vec<String> = fallen.collect();
        fallen.sort();
        fallen.join("; ")
    }

    /// `FROM to TO, opens O, ends E, active A, grace G`, and `height H`, `threshold N/D`, `ready N/D`, `line L`,
    /// `electorate E`.
    fn proposal(&self, name: &str, by: &str, words: &[&str]) -> Proposal {
        let value = |word: &str| {
            let at = words.iter().position(|known| *known == word)?;
            words.get(at + 1).map(|value| value.trim_end_matches(','))
        };
        let epoch = |word: &str, usual: u64| value(word).map_or(usual, number);
        let not_before = epoch("active", 30);
        let by_height = |height| Activation::Height { height: number(height), not_before };
        Proposal {
            network: NETWORK,
            by: key(by).public().id(),
            number: 1,
            line: value("line").unwrap_or("updraft").parse().expect("a name"),
            from: value("from").map_or(1, number),
            to: value("to").map_or(2, number),
            release: "2.0.0".parse().expect("a version"),
            artifacts: vec![Digest::of(b"artifact")],
            electorate: epoch("electorate", self.roster()),
            opens: epoch("opens", 10),
            lock_deadline: epoch("ends", 20),
            activation: value("height").map_or(Activation::Epoch(not_before), by_height),
            grace_end: epoch("grace", 40),
            threshold: value("threshold").map_or(Fraction { num: 2, den: 3 }, fraction),
            min_ready: value("ready").map_or(Fraction { num: 9, den: 10 }, fraction),
            notes: name.to_owned(),
        }
    }

    /// Whether an elector's own node would cast it.
    fn may(&self, by: &str, stance: &str, name: &str) -> String {
        let id = self.proposals[name].digest();
        let mut elector = Elector::new(key(by).public().id(), BTreeMap::new());
        let stance = stance_of(by, stance);
        let cast = elector.cast(self.machine(), NETWORK, &id, stance, String::new(), self.epoch);
        cast.map_or_else(|error| format!("no, {error}"), |_| "yes".to_owned())
    }

    /// `#N` gives the ballot a number, `@N` an epoch.
    fn ballot(&mut self, by: &str, stance: &str, name: &str, more: &[&str]) -> String {
        let stance = stance_of(by, stance);
        let place = (by.to_owned(), name.to_owned());
        let given = |mark: char| more.iter().find_map(|word| word.strip_prefix(mark));
        let seq = given('#').map_or_else(|| self.seqs.get(&place).map_or(1, |seq| seq + 1), number);
        let ballot = Ballot {
            network: NETWORK,
            by: key(by).public().id(),
            proposal: self.proposals.get(name).map_or(Digest::of(b"unheard of"), |p| p.digest()),
            seq,
            epoch: given('@').map_or(self.epoch, number),
            stance,
            reason: String::new(),
        };
        let said = signed(&ballot, by);
        self.seqs.insert(place.clone(), seq);
        self.ballots.insert(place, said.clone());
        self.outcome(&Statement::Ballot(said))
    }

    fn outcome(&mut self, statement: &Statement) -> String {
        let machine = self.governance.as_mut().expect("electors first");
        match machine.offer(statement, self.epoch) {
            Err(refusal) => format!("refused, {refusal}"),
            Ok(events) if events.is_empty() => "known".to_owned(),
            Ok(events) => {
                let words: Vec<&str> = events
                    .iter()
                    .map(|event| match event {
                        Event::Proposed(_) => "proposed",
                        Event::Voted { .. } => "counted",
                        Event::Lied { .. } => "it said two things",
                        Event::Decided(certificate) => match certificate.decision {
                            Decision::LockIn => "decided",
                            Decision::Cancel => "called off",
                        },
                        Event::Rejected(_) => "rejected",
                    })
                    .collect();
                words.join(", ")
            }
        }
    }

    fn state(&self, name: &str) -> String {
        let id = self.proposals[name].digest();
        let state = self.machine().state(&id, self.epoch, self.height);
        state.map_or("unknown".to_owned(), |state| state.word().to_owned())
    }

    /// For it (ready), against it, of how much, in whole weights.
    fn count(&self, name: &str) -> String {
        let machine = self.machine();
        let held = machine.proposal(&self.proposals[name].digest()).expect("known");
        let count = machine.count(held).expect("its electors");
        let parts = u128::from(machine.rules().operator_share);
        let whole = |weight: u128| match weight % parts {
            0 => (weight / parts).to_string(),
            _ => format!("{weight}/{parts}"),
        };
        format!(
            "{} for it, {} of them ready, {} against, of {}",
            whole(count.affirmative),
            whole(count.ready),
            whole(count.against),
            whole(count.total)
        )
    }

    fn machine(&self) -> &Governance {
        self.governance.as_ref().expect("electors first")
    }
}
