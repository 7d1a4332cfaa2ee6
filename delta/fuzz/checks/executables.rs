//! Executables that lie: what is found in them is sound, and their tables come back byte for byte.

use updraft_delta::fuzzing;

use super::{
    byte, changed,
    files::{Format, program},
    olds::CALLS,
};
use crate::rig::Outcome;

/// Set where the program stands twice.
pub(crate) const TWICE: u8 = 0x80;

/// The first byte says whose program is changed; where it names none, what follows is all there is.
pub(super) fn check(mut input: &[u8]) -> Outcome {
    let choice = byte(&mut input);
    let contents = match Format::ALL.get(usize::from(choice & !TWICE)) {
        Some(format) => changed(program(*format, &CALLS), input),
        None => input.to_vec(),
    };
    let contents = if choice & TWICE == 0 { contents } else { contents.repeat(2) };
    if fuzzing::executables(&contents) > 0 { Outcome::Read } else { Outcome::Refused }
}
