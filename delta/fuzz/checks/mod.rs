//! Every way into delta for bytes that somebody else wrote, and what it promises for any bytes at all: the table that
//! both the fuzzer (`program.rs`) and the replay of the corpus on stable (`delta/tests/corpus.rs`) work through.
//!
//! A check panics when a promise is broken and says otherwise whether the bytes meant something. It never measures:
//! time and memory are its caller's business.

mod containers;
pub(crate) mod costly;
mod executables;
pub(crate) mod files;
mod folders;
mod measured;
pub(crate) mod olds;
pub(crate) mod patches;
mod wholes;

use std::error::Error;

use crate::rig::{self, Outcome, Target};

/// What one input may take of a processor.
const MOST_MILLISECONDS: i64 = 100;
/// The same where streams may be announced that hold a thousand times as much as the new contents.
const MOST_MILLISECONDS_OF_STREAMS: i64 = 2_000;

const KIB: usize = 1024;

/// A target. Its memory is that of tables of fixed size, of its old contents, and for each byte of the input some.
const fn target(
    name: &'static str,
    longest: usize,
    check: fn(&[u8]) -> Outcome,
    most_memory: fn(usize) -> usize,
) -> Target {
    Target { name, longest, check, most_memory, most_milliseconds: MOST_MILLISECONDS }
}

/// The same with more time.
const fn slow(
    name: &'static str,
    longest: usize,
    check: fn(&[u8]) -> Outcome,
    most_memory: fn(usize) -> usize,
) -> Target {
    let target = target(name, longest, check, most_memory);
    Target { most_milliseconds: MOST_MILLISECONDS_OF_STREAMS, ..target }
}

/// All of them. A new way in is a line here, with seeds in `delta/tests/corpus/seeds.rs`; then
/// `UPDRAFT_WRITE_VECTORS=1 cargo test -p updraft-delta --test corpus` writes them.
pub(crate) const TARGETS: &[Target] = &[
    target("patch_plain", KIB, patches::plain, |_| KIB * KIB),
    slow("patch_fast", KIB, patches::fast, |_| 48 * KIB * KIB),
    slow("patch_dense", KIB, patches::dense, |_| 48 * KIB * KIB),
    target("told", KIB, patches::told, |_| 4 * KIB * KIB),
    target("container", 2 * KIB, containers::check, |_| 4 * KIB * KIB),
    slow("recipe", KIB, containers::recipe, |_| 4 * KIB * KIB),
    target("executable", 2 * KIB, executables::check, |bytes| 512 * KIB + 32 * bytes),
    slow("create", KIB, patches::create, |_| 32 * KIB * KIB),
    target("parts", KIB, patches::parts, |_| 64 * KIB),
    target("whole", KIB, wholes::check, |_| 4 * KIB * KIB),
    target("folder", KIB, folders::check, |bytes| 64 * KIB + 256 * bytes),
    target("rates", KIB, measured::check, |_| 64 * KIB),
];

/// A refusal in words fit for a log, down to what it goes back to.
fn refused(error: &(dyn Error + 'static)) -> Outcome {
    let mut cause = Some(error);
    while let Some(error) = cause {
        rig::refused(&error);
        cause = error.source();
    }
    Outcome::Refused
}

/// Some bytes off the front of an input; fewer when it ends.
fn take<'a>(input: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(len.min(input.len()));
    *input = rest;
    taken
}

/// A byte, zero behind the end.
fn byte(input: &mut &[u8]) -> u8 {
    take(input, 1).first().copied().unwrap_or(0)
}

/// A number below `limit` of two bytes, the lower one first.
fn number(input: &mut &[u8], limit: usize) -> usize {
    usize::from(u16::from_le_bytes([byte(input), byte(input)])) % limit
}

/// As many bytes as the number in front of them says, or as there are.
fn part<'a>(input: &mut &'a [u8]) -> &'a [u8] {
    let len = number(input, 1 << 16);
    take(input, len)
}

/// Contents with changes: where, how many bytes are taken out, how many are put in, and these, up to the input's end.
pub(crate) fn changed(mut contents: Vec<u8>, mut changes: &[u8]) -> Vec<u8> {
    while !changes.is_empty() {
        let from = number(&mut changes, contents.len() + 1);
        let to = contents.len().min(from + usize::from(byte(&mut changes)));
        let len = usize::from(byte(&mut changes));
        contents.splice(from..to, take(&mut changes, len).iter().copied());
    }
    contents
}
