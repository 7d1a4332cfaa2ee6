//! The rig that both fuzzers stand in, protocol's and delta's: what a target is and what every refusal looks like.
//!
//! `watch.rs` is libFuzzer's side of it (nightly), `replay.rs` that of an ordinary test. Whoever uses the rig has a
//! module `checks` with its own `TARGETS`. It must never measure: time and memory are the business of those two.

use std::fmt::{self, Debug, Display, Write as _};

/// What became of an input. Both are fine; a corpus that knows only one of them is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was a value, or was believed.
    Read,
    /// It was refused, in words fit for a log.
    Refused,
}

/// One way in for bytes that somebody else wrote.
#[derive(Debug)]
pub(crate) struct Target {
    /// Name of its corpus; no other target has it, in neither fuzzer.
    pub(crate) name: &'static str,
    /// Longest input that is worth trying.
    pub(crate) longest: usize,
    /// Panics if the bytes make a decoder break a promise.
    pub(crate) check: fn(&[u8]) -> Outcome,
    /// What a check of so many bytes may hold in memory at once.
    pub(crate) most_memory: fn(usize) -> usize,
    /// What it may take of a processor.
    pub(crate) most_milliseconds: i64,
}

/// An input that takes long: too slow to be changed a million times, too large to be committed.
#[derive(Debug)]
pub(crate) struct Costly {
    /// What is long about it.
    pub(crate) name: &'static str,
    /// Makes it.
    pub(crate) make: fn() -> Vec<u8>,
    /// Reads it; panics if what comes of it is not what should.
    pub(crate) read: fn(&[u8]),
    /// What reading may hold in memory at once.
    pub(crate) most_memory: fn(usize) -> usize,
    /// What it may take of a processor.
    pub(crate) most_milliseconds: i64,
}

/// Formats a value as a log would, and keeps nothing.
pub(crate) fn show(value: &impl Debug) {
    struct Nowhere;
    impl fmt::Write for Nowhere {
        fn write_str(&mut self, _: &str) -> fmt::Result {
            Ok(())
        }
    }
    write!(Nowhere, "{value:?}").expect("a value can be shown");
}

/// A refusal is one line of bounded length, whatever was refused.
pub(crate) fn refused(error: &(impl Display + Debug)) -> Outcome {
    const LONGEST_REFUSAL: usize = 4 * 1024;
    show(error);
    let says = error.to_string();
    assert!(!says.is_empty(), "a refusal without words: {error:?}");
    assert!(says.len() <= LONGEST_REFUSAL, "a refusal of {} bytes: {says}", says.len());
    assert!(!says.chars().any(char::is_control), "a refusal that moves the cursor: {says:?}");
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!says.contains(turns), "a refusal that turns its text around: {says:?}");
    Outcome::Refused
}
