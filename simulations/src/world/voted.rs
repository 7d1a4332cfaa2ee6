//! How votes stand and when who knew of it, measured.

use std::collections::{BTreeMap, btree_map::Entry};

use updraft_protocol::Digest;

use super::{World, lines::Micros, node::Node};
use crate::{
    judging::{UNDER_WAY, together},
    outcome::VoteLine,
    spread::seconds,
};

/// Words for a vote that is decided, one way or the other.
const DECIDED: [&str; 7] =
    ["lockedIn", "rejected", "active", "final", "overtaken", "failed", "cancelled"];

impl World {
    /// A vote was proposed.
    pub(super) fn proposed(&mut self, id: Digest) {
        self.measured.proposed.entry(id).or_insert(self.now);
    }

    /// An elector votes on it.
    pub(super) fn voted(&mut self, id: Digest) {
        self.measured.voted.entry(id).or_insert(self.now);
    }

    /// A node sees a vote stand so.
    pub(super) fn stands(&mut self, node: u32, id: Digest, word: &'static str) {
        let now = self.now;
        let stood = self.measured.stood.entry((id, word)).or_default();
        if let Entry::Vacant(first) = stood.entry(node) {
            first.insert(now);
            self.measured.changed = now;
        }
    }

    /// Microseconds from the first ballot until every node that is there and does not lie knew how a vote had ended.
    fn known(&self, id: &Digest) -> Option<Micros> {
        let voted = self.measured.voted.get(id)?;
        Some(self.saw_everywhere(id, &DECIDED)?.saturating_sub(*voted))
    }

    /// What was proposed last.
    pub(super) fn last_proposed(&self) -> Option<Digest> {
        self.measured.proposed.iter().max_by_key(|(_, at)| **at).map(|(id, _)| *id)
    }

    /// When every node that does not lie and is there had seen the vote that was proposed last stand so.
    pub(super) fn stood_everywhere(&self, word: &str) -> Option<Micros> {
        self.saw_everywhere(&self.last_proposed()?, &[word])
    }

    /// When all of them had seen a vote stand in one of these ways.
    fn saw_everywhere(&self, vote: &Digest, words: &[&str]) -> Option<Micros> {
        let there = (0..).zip(&self.nodes).filter(|(_, node)| node.counts());
        let of = self.measured.stood.iter();
        let stood: Vec<_> = of
            .filter(|((id, word), _)| id == vote && words.contains(word))
            .map(|(_, nodes)| nodes)
            .collect();
        let first = |number| stood.iter().filter_map(|nodes| nodes.get(&number).copied()).min();
        together(there.map(|(number, _)| first(number)))
    }

    /// Whether a vote is under way somewhere: open, or decided and not final. Who was the last to say so is asked first.
    pub(super) fn is_voting(&mut self) -> bool {
        let votes = |node: &Node| {
            let Some(running) = node.running.as_ref().filter(|_| node.hostile.is_none()) else {
                return false;
            };
            let lines = running.machine.proposals(node.now(self.now));
            lines.iter().any(|line| UNDER_WAY.contains(&line.state.camel_case()))
        };
        if self.nodes.get(self.measured.still_votes).is_some_and(votes) {
            return true;
        }
        let found = self.nodes.iter().position(votes);
        self.measured.still_votes = found.unwrap_or(0);
        found.is_some()
    }

    /// How every vote stands at those who do not lie, in the order in which they were proposed.
    pub(super) fn vote_lines(&self) -> Vec<VoteLine> {
        let mut lines: BTreeMap<Digest, VoteLine> = BTreeMap::new();
        for node in self.nodes.iter().filter(|node| node.hostile.is_none()) {
            let Some(running) = &node.running else { continue };
            for line in running.machine.proposals(node.now(self.now)) {
                let proposed = self.measured.proposed.get(&line.id).copied().unwrap_or(0);
                let vote = lines.entry(line.id).or_insert_with(|| VoteLine {
                    number: line.proposal.number,
                    proposed: seconds(proposed),
                    states: BTreeMap::new(),
                    known: self.known(&line.id).map(seconds),
                });
                *vote.states.entry(line.state.camel_case().to_owned()).or_default() += 1;
            }
        }
        let mut lines: Vec<VoteLine> = lines.into_values().collect();
        lines.sort_by(|one, other| one.proposed.total_cmp(&other.proposed));
        lines
    }
}
