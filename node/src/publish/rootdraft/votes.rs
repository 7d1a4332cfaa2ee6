//! Votes that a draft takes over from the electorate that it replaces. Pure.
//!
//! A former electorate decides nothing but what the root counts. So a draft that replaces one lists what is open or
//! decided, as far as this machine knows; people strike off what they do not want, until a root counts it. The list is
//! made anew after every edit, and must never grow over what a root may hold: nobody could be replaced any more.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use updraft_protocol::{Digest, Root, limits::MAX_COUNTED};

use super::choice::Choice;

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

/// Lists what a draft takes over, which was `before` this edit: what the trusted root counts and what people listed; and
/// if it replaces the electorate, what is open or decided and was not struck off. Where the root has no place for all,
/// open votes stay out first: they can be held again, and a decision cannot.
pub(super) fn settle(
    next: &mut Root,
    before: &Root,
    trusted: &Root,
    known: &Votes,
    chosen: &Choice,
) {
    // Between the last elector that leaves and the first that joins there is nobody to follow anybody.
    if next.electorate.is_none() {
        next.counts.clear();
        return;
    }
    let mut counts: BTreeSet<Digest> =
        trusted.counts.iter().chain(&chosen.counted).copied().collect();
    if replaces(next, trusted) {
        // What is listed and not known here was put there where it was: another machine edits the same draft.
        let unknown = before.counts.iter().filter(|id| !known.contains_key(id));
        let of = |progress| {
            let alive = alive(trusted, known).filter(move |(_, vote)| vote.progress == progress);
            alive.map(|(id, _)| id)
        };
        for id in of(Progress::Decided).chain(unknown).chain(of(Progress::Open)) {
            // What people chose beyond that is refused when the root is encoded.
            if counts.len() < MAX_COUNTED && !chosen.struck.contains(id) {
                counts.insert(*id);
            }
        }
    }
    next.counts = counts.into_iter().collect();
}

#[cfg(test)]
#[path = "votes_tests.rs"]
mod tests;
