//! What was expected of a run, and what came: judged when it is over, by what either kind of run has seen. Pure.

use crate::{
    outcome::{Judged, VoteLine},
    scenario::{Counted, Expectation, Share, Version},
    spread::{Spread, seconds},
    world::lines::Micros,
};

/// Words for a vote that is not over: open, or decided and not final.
pub const UNDER_WAY: [&str; 4] = ["announced", "voting", "lockedIn", "active"];

/// When all of these nodes had seen the same: the latest of the moments when each saw it first, if each did.
pub fn together(firsts: impl Iterator<Item = Option<Micros>>) -> Option<Micros> {
    let when: Option<Vec<Micros>> = firsts.collect();
    when?.into_iter().max()
}

/// What a run has seen.
pub trait Facts {
    /// Releases in the order in which they were published.
    fn spreads(&self) -> &[Spread];
    /// The nodes of a group; without a name, those that are to run what is published.
    fn wanted(&self, group: Option<&str>) -> Vec<u32>;
    /// Nodes that are there and do not lie.
    fn there(&self) -> Vec<u32>;
    /// When a node ran a release for the first time, whoever made that.
    fn ran(&self, release: &Version, node: u32) -> Option<Micros>;
    /// What was counted, of a group or of all.
    fn value(&self, what: Counted, group: Option<&str>) -> f64;
    /// Votes in the order in which they were proposed.
    fn votes(&self) -> Vec<VoteLine>;
    /// When every node that does not lie and is there had seen the vote that was proposed last stand so.
    fn stood_everywhere(&self, word: &str) -> Option<Micros>;
    /// How many different heads are the newest somewhere, among nodes that do not lie and are there.
    fn heads(&self) -> usize;
    /// How many of those who are to run what was published last do, and how many they are.
    fn done(&self) -> (u64, u64);
    /// How long after everything was calm what nodes know or run was another for the last time.
    fn settled(&self) -> Micros;
}

/// Judges every expectation, in its order.
pub fn judge_all(expectations: &[Expectation], facts: &dyn Facts) -> Vec<Judged> {
    let judge = |expected: &Expectation| {
        let (met, got) = judge_one(expected, facts);
        Judged { expected: expected.to_string(), met, got }
    };
    expectations.iter().map(judge).collect()
}

fn judge_one(expectation: &Expectation, facts: &dyn Facts) -> (bool, String) {
    match expectation {
        Expectation::Installed { release, group, share, by } => {
            let by = by.map_or(Micros::MAX, |by| by.0);
            judge_installed(facts, release, group.as_deref(), *share, by)
        }
        Expectation::Heard { release, share, by } => {
            let (by, there) = (by.map_or(Micros::MAX, |by| by.0), facts.there());
            let spread = spread_called(facts, release);
            let knows = |node: &&u32| {
                spread.and_then(|spread| spread.heard.get(*node)).is_some_and(|at| *at <= by)
            };
            let heard = there.iter().filter(knows).count();
            let met = !there.is_empty() && heard >= share.of(there.len());
            (met, format!("{heard} of {} nodes", there.len()))
        }
        Expectation::NeverInstalled { release, group } => {
            let (have, _) = having(facts, release, group.as_deref(), Micros::MAX);
            (have == 0, format!("{have} nodes ran it"))
        }
        Expectation::NearOptimum { release, factor } => judge_optimum(facts, release, *factor),
        Expectation::AtMost { what, group, value } => {
            let got = facts.value(*what, group.as_deref());
            (got <= *value, number(got))
        }
        Expectation::AtLeast { what, group, value } => {
            let got = facts.value(*what, group.as_deref());
            (got >= *value, number(got))
        }
        Expectation::Decided { state, by } => {
            judge_decided(facts, state, by.map_or(Micros::MAX, |by| by.0))
        }
        Expectation::Converged { within } => judge_converged(facts, within.0),
    }
}

fn spread_called<'a>(facts: &'a dyn Facts, release: &Version) -> Option<&'a Spread> {
    facts.spreads().iter().find(|spread| spread.version == release.0)
}

/// How many of those who are to run a release ran it by then, and how many they are.
fn having(facts: &dyn Facts, release: &Version, group: Option<&str>, by: Micros) -> (usize, usize) {
    let wanted = facts.wanted(group);
    let has = |node: &&u32| facts.ran(release, **node).is_some_and(|at| at <= by);
    (wanted.iter().filter(has).count(), wanted.len())
}

fn judge_installed(
    facts: &dyn Facts,
    release: &Version,
    group: Option<&str>,
    share: Share,
    by: Micros,
) -> (bool, String) {
    let (have, wanted) = having(facts, release, group, by);
    (wanted > 0 && have >= share.of(wanted), format!("{have} of {wanted} nodes"))
}

fn judge_optimum(facts: &dyn Facts, release: &Version, factor: f64) -> (bool, String) {
    let Some(spread) = spread_called(facts, release) else {
        return (false, "not published".to_owned());
    };
    let Some(optimum) = &spread.optimum else {
        return (false, "no optimum: somebody was away when it was published".to_owned());
    };
    let wanted = facts.wanted(None);
    let times = spread.times(&wanted);
    let last = times.last().filter(|_| times.len() == wanted.len());
    let Some(last) = last else { return (false, "not everywhere".to_owned()) };
    let took = seconds(last.saturating_sub(spread.published));
    let ratio = took / optimum.seconds;
    (ratio <= factor, format!("{took:.2} s of {:.2} s: {ratio:.2} times", optimum.seconds))
}

/// Whether every node that is there and does not lie has seen the last vote stand so, and when.
fn judge_decided(facts: &dyn Facts, state: &str, by: Micros) -> (bool, String) {
    let Some(vote) = facts.votes().pop() else {
        return (false, "nothing was proposed".to_owned());
    };
    let words: Vec<String> =
        vote.states.iter().map(|(word, count)| format!("{count} {word}")).collect();
    match facts.stood_everywhere(state) {
        Some(at) => (at <= by, format!("at {:.1} s everywhere", seconds(at))),
        None => (false, format!("in the end: {}", words.join(", "))),
    }
}

/// Whether all who are there and do not lie know the same and run the newest, and whether they did in time.
fn judge_converged(facts: &dyn Facts, within: Micros) -> (bool, String) {
    let (heads, votes, (done, wanted)) = (facts.heads(), facts.votes(), facts.done());
    let one_mind = votes.iter().filter(|vote| vote.states.len() <= 1).count();
    let got = format!(
        "{done} of {wanted} nodes run it, {heads} heads are the newest somewhere, {one_mind} of {} votes have ended in one way, \
         nothing changed any more after {:.1} s",
        votes.len(),
        seconds(facts.settled())
    );
    let is_one = heads <= 1 && done == wanted && one_mind == votes.len();
    (is_one && facts.settled() <= within, got)
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.4}") }
}
