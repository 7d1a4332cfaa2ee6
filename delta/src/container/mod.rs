//! Looks through compressed containers: contents with their deflate streams unpacked, and back, byte for byte.
//!
//! One changed byte changes the whole stream that holds it. Unpacked, the rest stays what it was, so patches are
//! made between unpacked contents, and who applies one packs the result again.
//!
//! ```text
//!  new contents ─ find_rebuildable ─▶ Layout ─ unpack ─▶ unpacked ──┐
//!                                       └─ write ─────▶ list        ├─▶ patch
//!  old contents ─ find ─────────────▶ Layout ─ unpack ─▶ unpacked ──┘
//!
//!  old unpacked × patch ─▶ unpacked × Layout::read(list) ─ pack ─▶ new contents
//! ```
//!
//! | file | question it answers |
//! |---|---|
//! | `find` | where are streams? |
//! | `layout` | which are they, and is that list right? |
//! | `recipe` | how was a stream packed? |
//! | `rebuild` | how is it packed so again? |
//! | `guess`, `search`, `habits` | which token does an encoder write next? |
//! | `blocks`, `trees` | how are tokens written? |
//! | `inflate`, `huffman`, `bits` | how are they read? |
//!
//! Lists and recipes come from whoever made the patch. Whatever they say, memory stays within the limits, time within
//! a number of steps for each byte, and a wrong one is an error. Old recipes are read by this code as long as there
//! are patches with them: `habits`, `search`, `guess`, `trees` and the forms in `recipe` and `layout` are a format.

mod bits;
mod blocks;
mod find;
mod guess;
mod habits;
mod huffman;
mod inflate;
mod layout;
mod rebuild;
mod recipe;
mod search;
mod trees;

#[cfg(test)]
mod tests;

use std::io::Write;

use rayon::prelude::*;

pub use find::{find, find_rebuildable};
pub use layout::{LEAST_PACKED, Layout, Limits, MAX_STREAMS, MOST_PACKED, Stream};
pub use recipe::Recipe;

use crate::error::{ContainerError, StreamError};
use inflate::{Fill, Inflate};

/// Streams are packed side by side as long as they have no more bytes than this together, as many as one alone may have:
/// what waits to be written stays within it.
const AT_ONCE: usize = MOST_PACKED;

/// The contents with each stream replaced by what it holds; everything else stays as it is, in order.
///
/// Uses all threads. Takes the memory of the result and no more.
pub fn unpack(contents: &[u8], layout: &Layout) -> Result<Vec<u8>, ContainerError> {
    expect_size(layout.packed_size(), contents.len())?;
    let mut unpacked = vec![0; layout.unpacked_size()];
    let mut rest = unpacked.as_mut_slice();
    let mut streams = Vec::with_capacity(layout.streams().len());
    let mut at = 0;
    for stream in layout.streams() {
        let (between, raw);
        (between, rest) = rest.split_at_mut(stream.at - at);
        between.copy_from_slice(&contents[at..stream.at]);
        at = stream.at + stream.packed;
        (raw, rest) = rest.split_at_mut(stream.raw);
        streams.push((stream.at, &contents[stream.at..at], raw));
    }
    rest.copy_from_slice(&contents[at..]);
    streams.into_par_iter().try_for_each(|(at, packed, raw)| {
        inflate(packed, raw).map_err(|source| ContainerError::Unpack { at, source })
    })?;
    Ok(unpacked)
}

/// Inflates a stream that is as long as announced and holds as much.
fn inflate(packed: &[u8], raw: &mut [u8]) -> Result<(), StreamError> {
    let mut stream = Inflate::new(packed);
    let size = raw.len();
    let mut fill = Fill::new(raw);
    stream.all(&mut fill)?;
    if fill.len() != size || stream.bytes() != packed.len() {
        return Err(StreamError::Rest);
    }
    Ok(())
}

/// The contents again, from what [`unpack`] made of them. Every stream needs its recipe.
///
/// Uses all threads; the bytes are the same on any number of them, on any machine. Takes memory of [`MOST_PACKED`] for
/// what waits to be written, and of some MiB on each thread.
pub fn pack<W: Write>(unpacked: &[u8], layout: &Layout, mut out: W) -> Result<(), ContainerError> {
    expect_size(layout.unpacked_size(), unpacked.len())?;
    let mut rest = unpacked;
    let mut at = 0;
    let mut left = layout.streams();
    while !left.is_empty() {
        let some;
        (some, left) = left.split_at(together(left));
        let mut parts = Vec::with_capacity(some.len());
        for stream in some {
            let (between, raw);
            (between, rest) = rest.split_at(stream.at - at);
            (raw, rest) = rest.split_at(stream.raw);
            at = stream.at + stream.packed;
            parts.push((between, raw, stream));
        }
        let packed: Vec<_> = parts.par_iter().map(|(_, raw, stream)| again(raw, stream)).collect();
        for ((between, ..), packed) in parts.into_iter().zip(packed) {
            out.write_all(between).map_err(ContainerError::Write)?;
            out.write_all(&packed?).map_err(ContainerError::Write)?;
        }
    }
    out.write_all(rest).map_err(ContainerError::Write)
}

fn again(raw: &[u8], stream: &Stream) -> Result<Vec<u8>, ContainerError> {
    let recipe = stream.recipe.as_ref().ok_or(StreamError::Recipe);
    recipe
        .and_then(|recipe| rebuild::rebuild(raw, &recipe.0, stream.packed))
        .map_err(|source| ContainerError::Pack { at: stream.at, source })
}

/// How many of these streams are packed side by side.
fn together(streams: &[Stream]) -> usize {
    let mut held = 0_usize;
    let fitting = streams.iter().take_while(|stream| {
        held = held.saturating_add(stream.packed);
        held <= AT_ONCE
    });
    fitting.count().max(1)
}

fn expect_size(expected: usize, got: usize) -> Result<(), ContainerError> {
    if expected == got {
        return Ok(());
    }
    Err(ContainerError::OtherSize { expected: expected as u64, got: got as u64 })
}
