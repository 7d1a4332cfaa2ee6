//! What holds in the random runs whatever happens, after every step and for every node that it has touched.

use std::sync::Arc;

use updraft_node::governance::State;
use updraft_protocol::{
    Digest, ForkId,
    vote::{Decision, FIRST_PROTOCOL},
};

use super::{
    node::{InForce, Node},
    world::{HEIGHT, NODES, World, line},
};

/// Epochs by which a ballot may come late.
const ON_THEIR_WAY: u64 = 1;

/// What a node believes, and all that it may follow from.
#[derive(Clone, Default)]
pub(super) struct Standing {
    /// Roots that it has followed, and every decision of which it holds a proof.
    known: (usize, Vec<(Digest, Decision)>),
    /// Whether the height was reached, as far as it knows.
    reached: bool,
    /// What came of each proposal that is decided.
    outcomes: Vec<(Digest, State)>,
    line: InForce,
    rules: Option<ForkId>,
}

impl World {
    fn state(&self, node: usize, proposal: &Digest) -> Option<State> {
        let Node { governance, height, .. } = &self.nodes[node];
        governance.state(proposal, self.epoch, *height)
    }

    fn rules(&self, node: usize) -> ForkId {
        let Node { governance, height, .. } = &self.nodes[node];
        governance.forks(&line(), self.epoch, *height).id()
    }

    /// What holds after every step.
    pub(super) fn check(&mut self) -> Result<(), String> {
        let touched: Vec<usize> = (0..NODES).filter(|node| self.touched[*node]).collect();
        self.touched = [false; NODES];
        for number in &touched {
            let wrong = |wrong| format!("node {number}: {wrong}");
            self.check_counts(*number).map_err(wrong)?;
            self.check_proofs(*number).map_err(wrong)?;
            self.check_line(*number).map_err(wrong)?;
            self.standings[*number] = self.standing(*number);
        }
        for number in &touched {
            self.compared += self.check_together(*number)?;
        }
        Ok(())
    }

    /// One vote an elector: what it counts is what the electors' last ballots weigh, each once.
    fn check_counts(&self, number: usize) -> Result<(), String> {
        let Node { governance, taken, .. } = &self.nodes[number];
        for held in governance.proposals() {
            let count = governance.count(held).expect("its electors are known");
            let shown = governance.vote_count(held).expect("its electors are known");
            self.model
                .check(taken.of(&held.id()), &count, &shown)
                .map_err(|wrong| format!("vote {}: {wrong}", held.proposal.number))?;
        }
        let lost = taken.proposals().find(|id| governance.proposal(id).is_none());
        lost.map_or(Ok(()), |id| Err(format!("it has lost {id}, which nothing struck off")))
    }

    /// It believes what is proved, and all of it: no decision without a certificate that was judged, and no certificate
    /// ever goes or gives way to another, but by a root that does not count it.
    fn check_proofs(&self, number: usize) -> Result<(), String> {
        let Node { governance, decided, followed, .. } = &self.nodes[number];
        let root = &self.roots[*followed];
        for held in governance.proposals() {
            let id = held.id();
            if !root.counts(held.proposal.electorate, &id) {
                return Err(format!("its root does not count {id}"));
            }
            let [locked, cancelled] = [Decision::LockIn, Decision::Cancel].map(|decision| {
                held.certificate(decision).is_some() && decided.contains_key(&(id, decision))
            });
            let state = self.state(number, &id).expect("its electors are known");
            let over = self.epoch > held.proposal.lock_deadline + ON_THEIR_WAY;
            let follows = match state {
                State::Cancelled => cancelled,
                State::LockedIn | State::Active | State::Final | State::Overtaken => {
                    locked && !cancelled
                }
                State::Rejected => !locked && !cancelled,
                State::Failed => !locked && !cancelled && over,
                State::Announced | State::Open(_) => !locked && !cancelled && !over,
            };
            if !follows {
                let epoch = self.epoch;
                return Err(format!(
                    "epoch {epoch}: {state:?}, locked in {locked}, called off {cancelled}"
                ));
            }
        }
        for ((id, decision), told) in decided.iter().filter(|((id, _), _)| root.counts(1, id)) {
            let held = governance.proposal(id).ok_or("it has forgotten a vote that was decided")?;
            match held.certificate(*decision) {
                None => return Err("it has forgotten a decision".to_owned()),
                Some(now) if !Arc::ptr_eq(now, told) && now != told => {
                    return Err("another certificate has taken the place of the first".to_owned());
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Each change begins where the one before it has led, and was decided; and as long as no other decision or root
    /// becomes known, time and heights undo nothing.
    fn check_line(&mut self, number: usize) -> Result<(), String> {
        let epoch = self.epoch;
        let node = &mut self.nodes[number];
        let known = (node.followed, node.decided.len());
        let changes = node.governance.line(&line(), epoch, node.height).changes;
        let mut protocol = FIRST_PROTOCOL;
        for (id, from, to) in &changes {
            if *from != protocol {
                return Err(format!("the line speaks {protocol}, not {from}"));
            }
            if !node.decided.contains_key(&(*id, Decision::LockIn)) {
                return Err(format!("{id} is in force without a certificate"));
            }
            protocol = *to;
        }
        let (known_before, before) = &node.in_force;
        if *known_before == known && !changes.starts_with(before) {
            return Err(format!("in force was {before:?}, and is {changes:?}"));
        }
        node.in_force = (known, changes);
        Ok(())
    }

    fn standing(&self, number: usize) -> Standing {
        let Node { governance, followed, height, in_force, .. } = &self.nodes[number];
        let decisions = governance.proposals().flat_map(|held| {
            let of_it = [Decision::LockIn, Decision::Cancel].into_iter();
            of_it.filter(|it| held.certificate(*it).is_some()).map(|it| (held.id(), it))
        });
        let decisions: Vec<(Digest, Decision)> = decisions.collect();
        let state = |id: &Digest| self.state(number, id).map(|state| (*id, state));
        Standing {
            outcomes: decisions.iter().filter_map(|(id, _)| state(id)).collect(),
            rules: (!decisions.is_empty()).then(|| self.rules(number)),
            known: (*followed, decisions),
            reached: *height >= Some(HEIGHT),
            line: in_force.1.clone(),
        }
    }

    /// Nobody who knows the same root and decisions believes something else. What is undecided has one outcome for all,
    /// by the clock alone, as [`Self::check_proofs`] sees to. Gives how
    /// many others it could be compared with about something decided.
    fn check_together(&self, number: usize) -> Result<usize, String> {
        let this = &self.standings[number];
        let mut compared = 0;
        let others = (0..NODES).filter(|other| *other != number);
        for (other, that) in others.map(|other| (other, &self.standings[other])) {
            if this.known != that.known {
                continue;
            }
            let same = if this.reached == that.reached {
                (&this.outcomes, &this.line, this.rules) == (&that.outcomes, &that.line, that.rules)
            } else {
                // Whether its time has come they may see differently; not what is decided and takes effect.
                let in_effect = |state: &State| match state {
                    State::Active | State::Final => State::LockedIn,
                    other => *other,
                };
                let effects = |of: &Standing| -> Vec<State> {
                    of.outcomes.iter().map(|(_, state)| in_effect(state)).collect()
                };
                effects(this) == effects(that)
            };
            if !same {
                return Err(format!(
                    "epoch {}: nodes {number} and {other} know the same; one has {:?} and {:?}, the other {:?} and {:?}",
                    self.epoch, this.outcomes, this.line, that.outcomes, that.line
                ));
            }
            compared += usize::from(!this.outcomes.is_empty());
        }
        Ok(compared)
    }

    /// Who knows the same root and decisions agrees about all proposals; about what is in force if it knows the same heights.
    pub(super) fn check_agreement(&self) -> Result<(), String> {
        // For one epoch more, ballots may be on their way.
        if self.epoch <= 21 {
            return Ok(());
        }
        let reached = |node: usize| self.nodes[node].height >= Some(HEIGHT);
        let pairs = (0..NODES).flat_map(|one| (one + 1..NODES).map(move |other| (one, other)));
        for (one, other) in pairs {
            if self.nodes[one].followed != self.nodes[other].followed {
                continue;
            }
            let same_heights = reached(one) == reached(other);
            if same_heights && self.rules(one) != self.rules(other) {
                let (one, other) = (self.rules(one), self.rules(other));
                return Err(format!("epoch {}: rules {one:?} and {other:?}", self.epoch));
            }
            for proposal in &self.proposals {
                let outcome = |node| match self.state(node, proposal) {
                    // What was not decided is one outcome, however this node came to see it, if it did.
                    None | Some(State::Rejected | State::Failed) => State::Failed,
                    Some(State::Active | State::Final) if !same_heights => State::LockedIn,
                    Some(state) => state,
                };
                let (this, that) = (outcome(one), outcome(other));
                if this != that {
                    let epoch = self.epoch;
                    return Err(format!(
                        "epoch {epoch}: node {one} has {this:?}, node {other} {that:?}"
                    ));
                }
            }
        }
        Ok(())
    }
}
