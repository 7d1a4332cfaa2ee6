//! What a network promises, looked at after every event. Each function says the promise, and how a run would break it.
//!
//! They look from outside: at what lies on the disk, at what was signed, at what others were told. What a machine believes of
//! itself proves nothing. Only nodes that do not lie have promised anything.

use std::collections::{BTreeMap, BTreeSet};

use updraft_protocol::{Ballot, Digest, KeyId, Proposal, ReleaseVersion, Signed, Stance};

use super::{World, node::Node};
use crate::outcome::Broken;

/// Broken promises that are kept; one is enough for a run to fail.
const MAX_BROKEN: usize = 100;
/// Clocks that are more wrong than this, in seconds, may see a vote end otherwise: they are told so, and believe nothing
/// else that depends on time.
const CLOCKS_AGREE: i64 = 300;

/// What has to stay true, remembered from one event to the next.
#[derive(Debug, Default)]
pub(super) struct Promises {
    pub(super) broken: Vec<Broken>,
    /// Nodes that something has happened to in this event.
    touched: Vec<u32>,
    /// How each vote has ended, and who said so first.
    outcomes: BTreeMap<Digest, (Outcome, u32)>,
    /// What each elector has signed, by proposal and number.
    ballots: BTreeMap<(KeyId, Digest, u32), Digest>,
    /// Who has said what on each proposal, at any time: keys that were for it, and keys that would call it off.
    voices: BTreeMap<Digest, Voices>,
    /// What each node has committed last.
    committed: BTreeMap<u32, ReleaseVersion>,
    /// The newest head that each node has believed, by its number.
    heads: Vec<u64>,
}

impl Promises {
    /// Adds a node; they are numbered from 0.
    pub(super) fn add(&mut self) {
        self.heads.push(0);
    }
}

/// Whose word there is on a proposal.
#[derive(Debug, Default)]
struct Voices {
    affirmative: BTreeSet<KeyId>,
    cancel: BTreeSet<KeyId>,
}

/// How a vote has ended, as far as somebody can prove it. That it failed nobody can: whoever was away sees it fail at its
/// deadline, and takes the decision of the others when he hears of it. That all see the same is for the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Decided,
    Cancelled,
}

/// How often what a node keeps was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Traces {
    ledger: u64,
    disks: u64,
    objects: usize,
}

impl Outcome {
    fn of(word: &str) -> Option<Self> {
        match word {
            "lockedIn" | "active" | "final" | "overtaken" => Some(Self::Decided),
            "cancelled" => Some(Self::Cancelled),
            _ => None,
        }
    }

    /// What was decided may be called off, and nothing else changes.
    fn may_become(self, later: Self) -> bool {
        self == later || (self, later) == (Self::Decided, Self::Cancelled)
    }
}

impl World {
    /// Something has happened to a node.
    pub(super) fn touch(&mut self, node: u32) {
        self.promises.touched.push(node);
    }

    /// A promise was broken.
    pub(super) fn broke(&mut self, node: u32, promise: &str, detail: String) {
        if self.promises.broken.len() < MAX_BROKEN {
            let node = self.name(node);
            let at = self.now as f64 / 1e6;
            let promise = promise.to_owned();
            self.promises.broken.push(Broken { at, event: self.count, node, promise, detail });
        }
    }

    /// Looks at every node that something has happened to.
    pub(super) fn look_at_promises(&mut self) {
        let mut touched = std::mem::take(&mut self.promises.touched);
        touched.dedup();
        for node in &touched {
            if self.nodes[*node as usize].hostile.is_none() {
                self.time_goes_on(*node);
                self.queues_are_bounded(*node);
            }
        }
        touched.clear();
        // The same memory is used again.
        self.promises.touched = touched;
    }

    /// A head that was believed is never followed by an older one, over all starts of a node.
    fn time_goes_on(&mut self, node: u32) {
        let this = &self.nodes[node as usize];
        let Some(running) = &this.running else { return };
        let head = running.machine.catalog().head(&self.people.channel);
        let seq = head.map_or(0, |head| head.head.seq);
        let before = std::mem::replace(&mut self.promises.heads[node as usize], seq);
        if seq < before {
            self.broke(node, "nobody goes back to an older head", format!("{before}, then {seq}"));
        }
    }

    /// Nothing that others fill grows over its bound.
    fn queues_are_bounded(&mut self, node: u32) {
        let this = &self.nodes[node as usize];
        let Some(running) = &this.running else { return };
        let serving: u32 = running.serving.values().sum();
        let over = [
            ("messages that wait", running.unjudged.len(), 128),
            ("peers", this.peers.len(), 64),
            ("weight of requests that are answered", serving as usize, 64),
            ("questions under way", running.asked.len(), 1_024),
        ];
        if let Some((what, has, most)) = over.into_iter().find(|(_, has, most)| has > most) {
            self.broke(
                node,
                "nothing grows over its bound",
                format!("{has} {what}, at most {most}"),
            );
        }
    }

    /// Nobody is shown the door who did nothing wrong.
    pub(super) fn nobody_is_wronged(&mut self, node: u32, peer: u32) {
        let honest = |node: u32| self.nodes[node as usize].hostile.is_none();
        if honest(node) && honest(peer) {
            let detail = format!("{} was accused and tells no lies", self.name(peer));
            self.broke(node, "nobody is shown the door who did nothing wrong", detail);
        }
    }

    /// No elector that is honest signs two different ballots with one number, whatever it has lost.
    pub(super) fn nobody_votes_twice(&mut self, node: u32, signed: &Signed<Ballot>) {
        let Ok(ballot) = signed.peek() else { return };
        let name = (ballot.by, ballot.proposal, ballot.seq);
        let first = *self.promises.ballots.entry(name).or_insert_with(|| signed.digest());
        if first != signed.digest() && self.nodes[node as usize].hostile.is_none() {
            let detail = format!("two ballots have the number {}", ballot.seq);
            self.broke(node, "nobody says two things with one number", detail);
        }
    }

    /// A ballot was signed, by whomever.
    pub(super) fn is_said(&mut self, signed: &Signed<Ballot>) {
        let Ok(ballot) = signed.peek() else { return };
        let voices = self.promises.voices.entry(ballot.proposal).or_default();
        match ballot.stance {
            Stance::Yes | Stance::Ready { .. } => voices.affirmative.insert(ballot.by),
            Stance::Cancel => voices.cancel.insert(ballot.by),
            Stance::No | Stance::Abstain => false,
        };
    }

    /// No vote ends without its quorum: more than the threshold of all weight has signed for what came of it. What the
    /// machines count is not asked; it is counted here what was ever signed.
    fn nothing_ends_without_a_quorum(
        &mut self,
        node: u32,
        proposal: &(Digest, Proposal),
        outcome: Outcome,
    ) {
        let (id, proposal) = proposal;
        let Some(electorate) = &self.people.trusted.electorate else { return };
        let none = Voices::default();
        let voices = self.promises.voices.get(id).unwrap_or(&none);
        let keys = match outcome {
            Outcome::Decided => &voices.affirmative,
            Outcome::Cancelled => &voices.cancel,
        };
        let weight = |of: &BTreeSet<KeyId>| -> u128 {
            let listed =
                electorate.electors.iter().filter(|elector| of.contains(&elector.key.id()));
            listed.map(|elector| u128::from(elector.weight)).sum()
        };
        let all = electorate.electors.iter().map(|elector| u128::from(elector.weight)).sum();
        let said = weight(keys);
        if !proposal.threshold.is_less_than(said, all) {
            let detail = format!(
                "p-{} is {outcome:?} with a weight of {said} of {all}, and {:?} is the threshold",
                proposal.number, proposal.threshold
            );
            self.broke(node, "nothing is decided without a quorum", detail);
        }
    }

    /// What is refused leaves nothing behind: neither in the ledger nor on the disk.
    pub(super) fn refusals_leave_nothing(&mut self, node: u32, before: Traces) {
        if self.nodes[node as usize].hostile.is_none() && self.traces(node) != before {
            let detail = "something was kept of a message that was rejected".to_owned();
            self.broke(node, "what is refused changes nothing", detail);
        }
    }

    /// How often what a node keeps was changed.
    pub(super) fn traces(&self, node: u32) -> Traces {
        let node = &self.nodes[node as usize];
        let disks = node.folders.values().map(|folder| folder.disk.counts().changes).sum();
        Traces { ledger: node.kept.changes(), disks, objects: node.objects.len() }
    }

    /// Two nodes whose clocks agree never see a vote end in two ways, and none sees it end twice.
    pub(super) fn votes_end_once(&mut self, node: u32) {
        let this = &self.nodes[node as usize];
        if this.hostile.is_some() || this.skew.abs() > CLOCKS_AGREE {
            return;
        }
        let Some(running) = &this.running else { return };
        let lines = running.machine.proposals(this.now(self.now));
        for line in &lines {
            self.stands(node, line.id, line.state.camel_case());
        }
        let ends = lines.into_iter().filter_map(|line| {
            let outcome = Outcome::of(line.state.camel_case())?;
            Some(((line.id, line.proposal.clone()), outcome))
        });
        for (proposal, outcome) in ends.collect::<Vec<_>>() {
            self.nothing_ends_without_a_quorum(node, &proposal, outcome);
            let (id, number) = (proposal.0, proposal.1.number);
            let (first, by) = *self.promises.outcomes.entry(id).or_insert((outcome, node));
            if first.may_become(outcome) {
                self.promises.outcomes.insert(id, (outcome, node));
            } else if !outcome.may_become(first) {
                let detail = format!(
                    "p-{number} is {outcome:?} here, and was {first:?} at {}",
                    self.name(by)
                );
                self.broke(node, "a vote ends in one way everywhere", detail);
            }
        }
    }

    /// What is live was published by those whose keys are in the root, and lies on the disk as they made it.
    pub(super) fn what_runs_is_genuine(&mut self, node: u32) {
        let this = &self.nodes[node as usize];
        if this.hostile.is_some() {
            return;
        }
        let wrong = this.folders.iter().find_map(|(component, folder)| {
            let live = folder.live()?;
            let Ok(live) = live else { return live.err() };
            match self.releases.of(component, &live.version).filter(|made| made.is_genuine) {
                None => {
                    Some(format!("{component}@{} runs, and nobody has published it", live.version))
                }
                Some(made) if made.contents != live.contents => Some(format!(
                    "the files of {component}@{} are not those that were published",
                    live.version
                )),
                Some(_) => None,
            }
        });
        if let Some(wrong) = wrong {
            self.broke(node, "nothing runs that was not published, whole, and verified", wrong);
        }
    }

    /// A node has committed a version.
    pub(super) fn committed(&mut self, node: u32, version: ReleaseVersion) {
        self.promises.committed.insert(node, version);
    }

    /// What was committed is live after every start, whatever happened to the disk, or what was to follow it: a switch that
    /// was cut may be completed by the start.
    pub(super) fn a_commit_stays(&mut self, node: u32) {
        let Some(committed) = self.promises.committed.get(&node).cloned() else { return };
        let component = self.people.component.clone();
        let runs = self.nodes[node as usize].inventory(&component).0.map(|live| live.version);
        if runs.as_ref() < Some(&committed) && self.is_open(node) {
            let runs = runs.map_or("nothing".to_owned(), |version| version.to_string());
            let detail = format!("{committed} was committed, and {runs} runs after the start");
            self.broke(node, "a committed version stays", detail);
        }
    }

    fn is_open(&self, node: u32) -> bool {
        let of = |node: &Node| node.installer(&self.people.component).is_some();
        of(&self.nodes[node as usize])
    }
}
