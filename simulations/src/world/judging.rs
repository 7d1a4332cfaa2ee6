//! What a world has seen, for the judgement when it is over.

use std::collections::BTreeMap;

use super::{World, lines::Micros};
use crate::{
    judging::{Facts, judge_all},
    outcome::{Judged, VoteLine},
    scenario::{Counted, Version},
    spread::Spread,
};

impl World {
    /// Judges every expectation of the scenario, in its order.
    pub(super) fn judge_all(&self) -> Vec<Judged> {
        judge_all(&self.scenario.expectations, self)
    }
}

impl Facts for World {
    fn spreads(&self) -> &[Spread] {
        &self.measured.spreads
    }

    fn wanted(&self, group: Option<&str>) -> Vec<u32> {
        match group {
            Some(_) => self.all_of(group),
            None => self.followers().map(|(number, _)| number).collect(),
        }
    }

    fn there(&self) -> Vec<u32> {
        let there = (0..).zip(&self.nodes).filter(|(_, node)| node.counts());
        there.map(|(number, _)| number).collect()
    }

    fn ran(&self, release: &Version, node: u32) -> Option<Micros> {
        self.measured.ran.get(&release.0)?.get(&node).copied()
    }

    fn settled(&self) -> Micros {
        self.measured.changed.saturating_sub(self.calm_since.unwrap_or(0))
    }

    fn value(&self, what: Counted, group: Option<&str>) -> f64 {
        if group.is_none() || what.is_a_part() {
            return self.counted().get(&what).copied().unwrap_or(0.0);
        }
        let members = self.all_of(group);
        let nodes = members.iter().map(|number| (*number, &self.nodes[*number as usize]));
        let values = nodes.map(|(number, node)| match what {
            Counted::GossipBytes => self.gossip.bytes(number).0,
            Counted::Lookups => node.counters.lookups,
            Counted::FetchedBytes => node.counters.got,
            Counted::Accusations => node.counters.accused,
            Counted::FailedInstalls => node.counters.failed,
            Counted::Alarms => self.is_alarmed(node),
            // Parts of all: answered above.
            Counted::Duplicates | Counted::SeederShare => 0,
        });
        match what {
            Counted::Accusations | Counted::FailedInstalls | Counted::Alarms => {
                values.sum::<u64>() as f64
            }
            _ => values.max().unwrap_or(0) as f64,
        }
    }

    fn votes(&self) -> Vec<VoteLine> {
        self.vote_lines()
    }

    fn stood_everywhere(&self, word: &str) -> Option<Micros> {
        Self::stood_everywhere(self, word)
    }

    fn heads(&self) -> usize {
        let mut heads = BTreeMap::<_, usize>::new();
        for node in self.nodes.iter().filter(|node| node.hostile.is_none()) {
            let Some(running) = &node.running else { continue };
            let head =
                running.machine.catalog().head(&self.people.channel).map(|head| head.head.seq);
            *heads.entry(head).or_default() += 1;
        }
        heads.len()
    }

    fn done(&self) -> (u64, u64) {
        Self::done(self)
    }
}
