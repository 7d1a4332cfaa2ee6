//! Votes that a draft takes over from the electorate that it replaces. Pure.
//!
//! A former electorate decides nothing but what the root counts. So a draft that replaces one lists what is open or
//! decided, as far as this machine knows; people strike off what they do not want, until a root counts it.

use std::{collections::BTreeMap, fmt};

use updraft_protocol::{Digest, Root};

use super::DraftError;

/// Votes as this machine knows them, by name.
pub type Votes = BTreeMap<Digest, Vote>;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Its number: `p-3`.
    pub number: u32,
    /// What it is about: `protocol 2`.
    pub subject: String,
    /// The number of the electorate that opened it.
    pub electorate: u64,
    /// How far it has come.
    pub progress: Progress,
}

/// How far a vote has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It may still be decided.
    Open,
    /// It is decided, in force or not yet.
    Decided,
    /// It came to nothing, or was called off.
    Over,
}

impl fmt::Display for Vote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.progress {
            Progress::Open => "open",
            Progress::Decided => "decided",
            Progress::Over => "over",
        };
        write!(f, "p-{} about {}, {how}", self.number, self.subject)
    }
}

/// Whether `next` has another electorate than `trusted`, in place of one that has opened votes.
pub(super) fn replaces(next: &Root, trusted: &Root) -> bool {
    trusted.electorate.is_some() && trusted.electorate != next.electorate
}

/// Votes that count by `trusted` and matter: open ones, and decided ones.
fn alive<'a>(trusted: &'a Root, known: &'a Votes) -> impl Iterator<Item = (&'a Digest, &'a Vote)> {
    known
        .iter()
        .filter(|(id, vote)| vote.progress != Progress::Over && trusted.counts(vote.electorate, id))
}

/// What `next` ends or undoes: votes that count by `trusted`, are open or decided, and count by it no more.
pub fn left_out<'a>(
    trusted: &'a Root,
    next: &'a Root,
    known: &'a Votes,
) -> impl Iterator<Item = (&'a Digest, &'a Vote)> {
    alive(trusted, known).filter(|(id, vote)| !next.counts(vote.electorate, id))
}

/// Lists what a draft takes over that was `before` this edit and has just replaced its electorate; once, so that what
/// people strike off afterwards does not come back.
pub(super) fn settle(next: &mut Root, before: &Root, trusted: &Root, known: &Votes) {
    // Between the last elector that leaves and the first that joins there is nobody to follow anybody.
    if next.electorate.is_none() {
        next.counts.clear();
        return;
    }
    let had = before.electorate.is_some() && replaces(before, trusted);
    if replaces(next, trusted) && !had {
        next.counts.extend(&trusted.counts);
        in_order(next);
        let taken: Vec<Digest> = left_out(trusted, next, known).map(|(id, _)| *id).collect();
        next.counts.extend(taken);
        in_order(next);
    }
}

/// Lists one more vote.
pub(super) fn count(next: &mut Root, vote: &Digest) -> Result<(), DraftError> {
    if next.electorate.is_none() {
        return Err(DraftError::NoRole("electorate".to_owned()));
    }
    next.counts.push(*vote);
    in_order(next);
    Ok(())
}

/// Strikes one off that no root counts yet.
pub(super) fn uncount(next: &mut Root, trusted: &Root, vote: &Digest) -> Result<(), DraftError> {
    if trusted.counts.contains(vote) {
        return Err(DraftError::Counted(*vote));
    }
    let before = next.counts.len();
    next.counts.retain(|counted| counted != vote);
    if next.counts.len() == before { Err(DraftError::NotCounted(*vote)) } else { Ok(()) }
}

fn in_order(next: &mut Root) {
    next.counts.sort();
    next.counts.dedup();
}

#[cfg(test)]
#[path = "votes_tests.rs"]
mod tests;
