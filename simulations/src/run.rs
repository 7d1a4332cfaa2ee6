//! What a run needs, what it tells while it goes on, and the one door to both kinds of it.

use std::sync::atomic::AtomicBool;

use crate::{
    cluster,
    course::Happening,
    outcome::Outcome,
    scenario::{Kind, Scenario},
    world,
};

/// What is not written in a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOptions {
    /// What the scenario is called: the name of its file without its ending.
    pub name: String,
    /// The seed of all chances.
    pub seed: u64,
    /// The node of which everything is written down: `group-3`. The first of the first group if nobody is named.
    pub node: Option<String>,
    /// What happens, if chance is not to pick it.
    pub course: Option<Vec<Happening>>,
}

impl RunOptions {
    /// As the scenario has it.
    pub fn of(name: &str, scenario: &Scenario) -> Self {
        Self { name: name.to_owned(), seed: scenario.seed, node: None, course: None }
    }
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Seconds of its own clock.
    pub seconds: f64,
    /// When it ends at the latest.
    pub of: f64,
    /// Events until now.
    pub events: u64,
    /// Nodes that run what was published last.
    pub nodes_done: u64,
    /// Nodes that are to run it.
    pub nodes_wanted: u64,
}

/// Who is told how far a run has come.
pub trait Watch {
    /// Called now and then, by the thread that runs; it should return soon.
    fn progress(&mut self, progress: Progress);
}

/// Nobody watches.
#[derive(Debug, Clone, Copy)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn progress(&mut self, _progress: Progress) {}
}

/// Why there was no run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The node that was to be watched is none of the scenario's.
    #[error("there is no node `{name}`; {}", there_are(groups))]
    UnknownNode {
        /// The name that was given.
        name: String,
        /// Names of groups, with how many nodes each has.
        groups: Vec<(String, u32)>,
    },
    /// This kind of run cannot do what the scenario asks for.
    #[error("a {kind} cannot run this: {what}")]
    Unsupported {
        /// The kind.
        kind: Kind,
        /// What it cannot do.
        what: String,
    },
    /// Something around the run failed: a folder, a socket.
    #[error("{what}")]
    Failed {
        /// What was tried.
        what: String,
        /// What came of it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

fn there_are(groups: &[(String, u32)]) -> String {
    let names: Vec<_> = groups
        .iter()
        .map(|(name, count)| match count {
            1 => format!("{name}-1"),
            count => format!("{name}-1 to {name}-{count}"),
        })
        .collect();
    format!("there are {}", names.join(", "))
}

/// Runs a scenario that [`check`](crate::scenario::check) has nothing against, as the kind that it says.
///
/// Returns early when `stop` becomes true: the outcome then says so, and has what was measured until then.
///
/// # Errors
/// If the watched node does not exist, or this kind of run cannot do what the scenario asks for.
pub fn run(
    scenario: &Scenario,
    options: &RunOptions,
    watch: &mut dyn Watch,
    stop: &AtomicBool,
) -> Result<Outcome, RunError> {
    if let Some(name) = options.node.as_ref().filter(|name| !scenario.has_node(name)) {
        let groups = scenario.groups.iter().map(|group| (group.name.clone(), group.count));
        return Err(RunError::UnknownNode { name: name.clone(), groups: groups.collect() });
    }
    match scenario.kind {
        Kind::World => world::run(scenario, options, watch, stop),
        Kind::Cluster => cluster::run(scenario, options, watch, stop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::read;

    #[test]
    fn a_node_that_is_not_there_is_not_watched() {
        let text = "title = \"t\"\nteaches = \"t\"\n[[group]]\nname = \"a\"\n[[group]]\nname = \"b-c\"\ncount = 3\n";
        let scenario = read(text, "t.toml").expect("small");
        for (name, there) in [
            ("a-1", true),
            ("b-c-3", true),
            ("a-2", false),
            ("b-c-0", false),
            ("b-1", false),
            ("a-01", false),
        ] {
            assert_eq!(scenario.has_node(name), there, "{name}");
        }
        let mut options = RunOptions::of("t", &scenario);
        options.node = Some("a-2".to_owned());
        let refused = run(&scenario, &options, &mut Unwatched, &AtomicBool::new(false));
        assert_eq!(
            refused.expect_err("no such node").to_string(),
            "there is no node `a-2`; there are a-1, b-c-1 to b-c-3"
        );
    }
}
