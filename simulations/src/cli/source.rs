//! Which scenario is meant: one that comes with the program, or a file. Read, and checked as a whole.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::Path,
};

use updraft_node::{
    config::nearest,
    problem::{Code, Problem},
};

use crate::{
    builtin,
    scenario::{Kind, MAX_NODES, MAX_TEXT, Scenario, check, read},
};

/// Faults that are told at once: as many causes as a problem carries.
const MAX_TOLD: usize = 16;

/// A scenario that can run.
#[derive(Debug)]
pub(super) struct Source {
    /// What it is called: the name of its file without its ending.
    pub(super) name: String,
    /// As it was written.
    pub(super) text: String,
    /// Groups that have another number of nodes than is written there.
    pub(super) counts: BTreeMap<String, u32>,
    /// As it was read.
    pub(super) scenario: Scenario,
}

/// What has the last word, instead of what a scenario says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Instead {
    /// How it runs.
    pub(super) kind: Option<Kind>,
    /// How many nodes groups have.
    pub(super) counts: BTreeMap<String, u32>,
}

impl Instead {
    /// Only the kind.
    pub(super) fn kind(kind: Kind) -> Self {
        Self { kind: Some(kind), counts: BTreeMap::new() }
    }
}

/// Finds, reads and checks a scenario.
pub(super) fn load(what: &str, instead: &Instead) -> Result<Source, Problem> {
    let (name, shown, text) = find(what)?;
    parse(name, &shown, text, instead)
}

/// Reads and checks the text of a scenario that problems call `shown`.
pub(super) fn parse(
    name: String,
    shown: &str,
    text: String,
    instead: &Instead,
) -> Result<Source, Problem> {
    let mut scenario = read(&text, shown).map_err(|error| {
        Problem::from_error(Code::ScenarioInvalid, &error)
            .hint("`updraft-sim show --keys` lists every key with its default")
    })?;
    scenario.kind = instead.kind.unwrap_or(scenario.kind);
    for (name, count) in &instead.counts {
        let group = scenario.groups.iter_mut().find(|group| group.name == *name);
        let Some(group) = group else {
            let names: Vec<_> = scenario.groups.iter().map(|group| group.name.as_str()).collect();
            let problem = Problem::new(
                Code::ScenarioInvalid,
                format!("there is no group `{name}` in {shown}"),
            );
            return Err(problem.hint(format!("there are {}", names.join(", "))));
        };
        group.count = *count;
    }
    if scenario.nodes() > MAX_NODES {
        let problem = Problem::new(
            Code::ScenarioInvalid,
            format!("{} nodes; at most {MAX_NODES} are simulated", scenario.nodes()),
        );
        return Err(problem);
    }
    let faults = check(&scenario);
    if faults.is_empty() {
        return Ok(Source { name, text, counts: instead.counts.clone(), scenario });
    }
    let count = faults.len();
    let words = match count {
        1 => "has a fault".to_owned(),
        2..=MAX_TOLD => format!("has {count} faults"),
        _ => format!("has {count} faults; these are the first {MAX_TOLD}"),
    };
    let problem = Problem::new(Code::ScenarioInvalid, format!("{shown} {words}"));
    Err(faults.iter().fold(problem, |problem, fault| problem.cause(fault.to_string())))
}

/// Name, what errors call it, text.
fn find(what: &str) -> Result<(String, String, String), Problem> {
    if let Some(builtin) = builtin::find(what) {
        return Ok((what.to_owned(), format!("{what}.toml"), builtin.text.to_owned()));
    }
    let path = Path::new(what);
    let is_file = path.extension().is_some() || path.components().count() > 1 || path.exists();
    if !is_file {
        let names = builtin::ALL.iter().map(|builtin| builtin.name);
        let problem = Problem::new(Code::ScenarioInvalid, format!("there is no scenario `{what}`"));
        let hint = match nearest(what, names) {
            Some(nearest) => format!("the nearest is `{nearest}`; a file is named with its ending"),
            None => "`updraft-sim list` has all names; a file is named with its ending".to_owned(),
        };
        return Err(problem.hint(hint));
    }
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let text = text_of(path, MAX_TEXT)
        .map_err(|problem| Problem { code: Code::ScenarioInvalid, ..problem })?;
    Ok((stem.unwrap_or_else(|| what.to_owned()), what.to_owned(), text))
}

/// The text of a file of at most `limit` bytes.
pub(super) fn text_of(path: &Path, limit: usize) -> Result<String, Problem> {
    let unusable = |error: &io::Error| {
        Problem::new(Code::FileUnusable, format!("{} cannot be read", path.display()))
            .cause(error.to_string())
    };
    let file = File::open(path).map_err(|error| unusable(&error))?;
    let mut text = String::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_string(&mut text).map_err(|error| unusable(&error))?;
    if text.len() > limit {
        let problem = Problem::new(Code::FileUnusable, format!("{} is too large", path.display()));
        return Err(problem.cause(format!("at most {limit} bytes are read")));
    }
    Ok(text)
}
