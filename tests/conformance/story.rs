//! A case as people write it: what it is about, then one line for each thing that happens and what comes of it.
//!
//! ```text
//! The head of channel `stable` is offered again after it expired.
//!
//! at 0d
//! trust root_1: root 1
//! head head_1: head 1
//! head head_2: refused expired (ignore)
//!   it expired at 2026-11-20T07:10:02Z
//! see head: 1
//! ```
//!
//! Objects are named by their files without `.hex`. A refusal says its label, what gossip is told of it, and
//! below it its words. Nothing here knows who is offered what.

use std::{fmt, path::Path};

use crate::conformance::golden;

/// What is done in a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    /// It is so many seconds after zero now.
    At(u64),
    /// A person names this file's digest as that of the first root, and it is offered.
    Trust(String),
    /// A root is offered.
    Root(String),
    /// A head is offered as news.
    Head(String),
    /// A head is offered as a link of the chain.
    Link(String),
    /// A manifest is offered.
    Manifest(String),
    /// Something said beside heads is offered.
    Statement(String),
    /// What a refused head proves is made of it, and offered.
    Prove(String),
    /// The victim is asked what it believes.
    See(String),
}

/// A step and what has to come of it.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// The step as it is written, without its outcome.
    pub(super) text: String,
    pub(super) deed: Deed,
    pub(super) outcome: Outcome,
}

/// What comes of a step, and the words of a refusal; both as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) what: String,
    pub(super) words: String,
}

impl Outcome {
    pub(super) fn of(what: impl Into<String>) -> Self {
        Self { what: what.into(), words: String::new() }
    }

    pub(super) fn is_refusal(&self) -> bool {
        self.what.starts_with("refused ")
    }

    /// The label of a refusal.
    pub(super) fn label(&self) -> Option<&str> {
        self.what.strip_prefix("refused ")?.split(' ').next()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.words.as_str() {
            "" => f.write_str(&self.what),
            words => write!(f, "{}\n  {words}", self.what),
        }
    }
}

/// A case's steps, in order.
#[derive(Debug, Clone)]
pub(super) struct Story {
    pub(super) name: String,
    pub(super) steps: Vec<Step>,
}

impl Story {
    pub(super) fn read(folder: &Path, name: &str) -> Self {
        let text = golden::read(&folder.join(name).join("story.txt"));
        let (about, rest) = text.split_once("\n\n").unwrap_or_else(|| panic!("{name}: no steps"));
        assert!(about.len() > 20, "{name}: does not say what it is about");
        let mut steps: Vec<Step> = Vec::new();
        for line in rest.lines().filter(|line| !line.trim().is_empty()) {
            if let Some(words) = line.strip_prefix("  ") {
                let last = steps.last_mut().unwrap_or_else(|| panic!("{name}: words of nothing"));
                last.outcome.words.push_str(words);
            } else {
                steps.push(step(line).unwrap_or_else(|| panic!("{name}: what is `{line}`?")));
            }
        }
        assert!(
            steps.iter().any(|step| matches!(step.deed, Deed::See(_)))
                || steps.iter().any(|step| step.outcome.is_refusal()),
            "{name}: cannot fail"
        );
        Self { name: name.to_owned(), steps }
    }

    /// The files that the story names.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match &step.deed {
            Deed::Trust(file)
            | Deed::Root(file)
            | Deed::Head(file)
            | Deed::Link(file)
            | Deed::Manifest(file)
            | Deed::Statement(file)
            | Deed::Prove(file) => Some(file.as_str()),
            Deed::At(_) | Deed::See(_) => None,
        })
    }
}

fn step(line: &str) -> Option<Step> {
    let (text, outcome) = line.split_once(": ").unwrap_or((line, ""));
    let (verb, object) = text.split_once(' ')?;
    let file = object.to_owned();
    let deed = match verb {
        "at" => Deed::At(seconds(object)?),
        "trust" => Deed::Trust(file),
        "root" => Deed::Root(file),
        "head" => Deed::Head(file),
        "link" => Deed::Link(file),
        "manifest" => Deed::Manifest(file),
        "statement" => Deed::Statement(file),
        "prove" => Deed::Prove(file),
        "see" => Deed::See(file),
        _ => return None,
    };
    if outcome.is_empty() != matches!(deed, Deed::At(_)) {
        return None;
    }
    Some(Step { text: text.to_owned(), deed, outcome: Outcome::of(outcome) })
}

/// `72h 1s` in seconds.
fn seconds(text: &str) -> Option<u64> {
    text.split(' ').try_fold(0, |sum, part| {
        let unit = match part.chars().last()? {
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        let count: u64 = part[..part.len() - 1].parse().ok()?;
        Some(sum + count * unit)
    })
}
