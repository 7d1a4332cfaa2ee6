//! What was expected of a run, and what came: judged when it is over.

use super::{World, lines::Micros, measure::Spread};
use crate::{
    outcome::Judged,
    scenario::{Counted, Expectation, Share, Version},
};

impl World {
    /// Judges every expectation of the scenario, in its order.
    pub(super) fn judge_all(&self) -> Vec<Judged> {
        self.scenario.expectations.iter().map(|expected| self.judge_one(expected)).collect()
    }

    fn judge_one(&self, expectation: &Expectation) -> Judged {
        let (met, got) = match expectation {
            Expectation::Installed { release, group, share, by } => {
                let by = by.map_or(Micros::MAX, |by| by.0);
                self.judge_installed(release, group.as_deref(), *share, by)
            }
            Expectation::Heard { release, share, by } => {
                let by = by.map_or(Micros::MAX, |by| by.0);
                let there = |node: u32| {
                    let node = &self.nodes[node as usize];
                    node.hostile.is_none() && node.running.is_some()
                };
                let spread = self.spread_called(release);
                let heard = spread.into_iter().flat_map(|spread| &spread.heard);
                let heard = heard.filter(|(node, at)| there(**node) && **at <= by).count();
                let all = (0..).zip(&self.nodes).filter(|(node, _)| there(*node)).count();
                (all > 0 && heard >= share.of(all), format!("{heard} of {all} nodes"))
            }
            Expectation::NeverInstalled { release, group } => {
                let (have, _) = self.having(release, group.as_deref(), Micros::MAX);
                (have == 0, format!("{have} nodes ran it"))
            }
            Expectation::NearOptimum { release, factor } => self.judge_optimum(release, *factor),
            Expectation::AtMost { what, group, value } => {
                let got = self.value(*what, group.as_deref());
                (got <= *value, number(got))
            }
            Expectation::AtLeast { what, group, value } => {
                let got = self.value(*what, group.as_deref());
                (got >= *value, number(got))
            }
            Expectation::Decided { state, by } => {
                self.judge_decided(state, by.map_or(Micros::MAX, |by| by.0))
            }
            Expectation::Converged { within } => self.judge_converged(within.0),
        };
        Judged { expected: expectation.to_string(), met, got }
    }

    fn spread_called(&self, release: &Version) -> Option<&Spread> {
        self.measured.spreads.iter().find(|spread| spread.version == release.0)
    }

    /// How many of those who are to run a release ran it by then, and how many they are.
    fn having(&self, release: &Version, group: Option<&str>, by: Micros) -> (usize, usize) {
        let members = self.all_of(group);
        let wanted: Vec<u32> = match group {
            Some(_) => members,
            None => self.followers().map(|(number, _)| number).collect(),
        };
        let ran = self.measured.ran.get(&release.0);
        let has = |node: &&u32| ran.and_then(|ran| ran.get(*node)).is_some_and(|at| *at <= by);
        (wanted.iter().filter(has).count(), wanted.len())
    }

    fn judge_installed(
        &self,
        release: &Version,
        group: Option<&str>,
        share: Share,
        by: Micros,
    ) -> (bool, String) {
        let (have, wanted) = self.having(release, group, by);
        (wanted > 0 && have >= share.of(wanted), format!("{have} of {wanted} nodes"))
    }

    fn judge_optimum(&self, release: &Version, factor: f64) -> (bool, String) {
        let Some(spread) = self.spread_called(release) else {
            return (false, "not published".to_owned());
        };
        let Some(optimum) = &spread.optimum else {
            return (false, "no optimum: somebody was away when it was published".to_owned());
        };
        let times: Vec<Micros> = self.times(spread).collect();
        let last = times.iter().max().filter(|_| times.len() >= self.followers().count());
        let Some(last) = last else { return (false, "not everywhere".to_owned()) };
        let took = last.saturating_sub(spread.published) as f64 / 1e6;
        let ratio = took / optimum.seconds;
        (ratio <= factor, format!("{took:.2} s of {:.2} s: {ratio:.2} times", optimum.seconds))
    }

    fn value(&self, what: Counted, group: Option<&str>) -> f64 {
        let members = self.all_of(group);
        let Some(_) = group else { return self.counted().get(&what).copied().unwrap_or(0.0) };
        let nodes = members.iter().map(|number| (*number, &self.nodes[*number as usize]));
        let values = nodes.map(|(number, node)| match what {
            Counted::GossipBytes => self.gossip.bytes(number).0,
            Counted::Lookups => node.counters.lookups,
            Counted::FetchedBytes => node.counters.got,
            Counted::Accusations => node.counters.accused,
            Counted::FailedInstalls => node.counters.failed,
            Counted::Alarms => self.is_alarmed(node),
            Counted::Duplicates => node.counters.twice,
            Counted::SeederShare => node.counters.gave,
        });
        match what {
            Counted::Accusations | Counted::FailedInstalls | Counted::Alarms => {
                values.sum::<u64>() as f64
            }
            _ => values.max().unwrap_or(0) as f64,
        }
    }

    /// Whether every node that is there and does not lie has seen the last vote stand so, and when.
    fn judge_decided(&self, state: &str, by: Micros) -> (bool, String) {
        let Some(vote) = self.vote_lines().pop() else {
            return (false, "nothing was proposed".to_owned());
        };
        let words: Vec<String> =
            vote.states.iter().map(|(word, count)| format!("{count} {word}")).collect();
        match self.stood_everywhere(state) {
            Some(at) => (at <= by, format!("at {:.1} s everywhere", at as f64 / 1e6)),
            None => (false, format!("in the end: {}", words.join(", "))),
        }
    }

    /// Whether all who are there and do not lie know the same and run the newest, and whether they did in time.
    fn judge_converged(&self, within: Micros) -> (bool, String) {
        let mut heads = std::collections::BTreeMap::<_, usize>::new();
        for node in self.nodes.iter().filter(|node| node.hostile.is_none()) {
            let Some(running) = &node.running else { continue };
            let head =
                running.machine.catalog().head(&self.people.channel).map(|head| head.head.seq);
            *heads.entry(head).or_default() += 1;
        }
        let votes = self.vote_lines();
        let one_mind = votes.iter().filter(|vote| vote.states.len() <= 1).count();
        let (done, wanted) = self.done();
        let took = self.measured.changed.saturating_sub(self.calm_since.unwrap_or(0));
        let got = format!(
            "{done} of {wanted} nodes run it, {} heads are the newest somewhere, {one_mind} of {} votes have ended in one way, \
             nothing changed any more after {:.1} s",
            heads.len(),
            votes.len(),
            took as f64 / 1e6
        );
        let is_one = heads.len() <= 1 && done == wanted && one_mind == votes.len();
        (is_one && took <= within, got)
    }
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.4}") }
}
