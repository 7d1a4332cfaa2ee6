//! Compressed streams inside of contents, and lists of them that lie.
//!
//! What is found is packed again as it was. What is announced by a list is unpacked or refused; what it says of how to
//! pack something gives a stream of just that, or nothing.

use updraft_delta::{
    ContainerError,
    container::{Layout, Limits, find, find_rebuildable, pack, unpack},
};

use super::{byte, number, olds::zip_header, part, refused};
use crate::rig::Outcome;

/// Small, so that what is announced is made in time.
const LIMITS: Limits = Limits { raw: 8 * 1024, streams: 4 };
/// Contents that a list may be for.
const MOST_CONTENTS: usize = 4096;

/// What is done with the input is what its first byte says.
pub(super) fn check(mut input: &[u8]) -> Outcome {
    match byte(&mut input) % 4 {
        0 => found(input),
        // Behind the header of an entry that says nothing of its size.
        1 => found(&[&zip_header([0; 8], 8), input].concat()),
        2 => unpacked(input),
        _ => packed(input),
    }
}

/// Finds streams, and unpacks them.
fn found(contents: &[u8]) -> Outcome {
    let layout = find(contents, &LIMITS);
    assert_within(&layout, contents.len());
    let raw = unpack(contents, &layout).expect("what was found can be unpacked");
    assert_eq!(raw.len(), layout.unpacked_size());
    if layout.streams().is_empty() { Outcome::Refused } else { Outcome::Read }
}

/// Looks for the recipe of a stream, or of whatever streams there are, and packs it again as it was.
pub(super) fn recipe(mut input: &[u8]) -> Outcome {
    if byte(&mut input).is_multiple_of(2) {
        return rebuildable(input);
    }
    rebuildable(&[&zip_header([0; 8], 8), input].concat())
}

fn rebuildable(contents: &[u8]) -> Outcome {
    let layout = find_rebuildable(contents, &LIMITS);
    assert_within(&layout, contents.len());
    let raw = unpack(contents, &layout).expect("what was found can be unpacked");
    let mut again = Vec::new();
    pack(&raw, &layout, &mut again).expect("what has recipes can be packed");
    assert!(again == contents, "something else came back");
    let mut list = Vec::new();
    layout.write(&mut list);
    assert_eq!(read(&list, contents.len()).expect("what was written can be read"), layout);
    if layout.streams().is_empty() { Outcome::Refused } else { Outcome::Read }
}

/// A list, with its length in front, and the contents that it is for.
fn unpacked(mut input: &[u8]) -> Outcome {
    let list = part(&mut input);
    let layout = match read(list, input.len()) {
        Ok(layout) => layout,
        Err(error) => return refused(&error),
    };
    match unpack(input, &layout) {
        Ok(raw) => {
            assert_eq!(raw.len(), layout.unpacked_size());
            packs(&raw, &layout)
        }
        Err(error) => refused(&error),
    }
}

/// The same for contents of which only the size is known, with what is to be packed: as a patch is applied.
fn packed(mut input: &[u8]) -> Outcome {
    let size = number(&mut input, MOST_CONTENTS + 1);
    let list = part(&mut input);
    let layout = match read(list, size) {
        Ok(layout) => layout,
        Err(error) => return refused(&error),
    };
    // The input again and again: repeats from all distances.
    let raw: Vec<u8> =
        input.iter().chain(b" ").copied().cycle().take(layout.unpacked_size()).collect();
    packs(&raw, &layout)
}

/// Packs it, and finds the same when that is unpacked.
fn packs(raw: &[u8], layout: &Layout) -> Outcome {
    let mut contents = Vec::new();
    if let Err(error) = pack(raw, layout, &mut contents) {
        assert!(contents.len() <= layout.packed_size(), "more is written than was announced");
        return refused(&error);
    }
    assert_eq!(contents.len(), layout.packed_size());
    let again = unpack(&contents, layout).expect("what was packed can be unpacked");
    assert!(again == raw, "something else was packed");
    Outcome::Read
}

/// Reads a list; what is written of it is the same list.
fn read(list: &[u8], size: usize) -> Result<Layout, ContainerError> {
    let layout = Layout::read(list, size, &LIMITS)?;
    assert_within(&layout, size);
    let mut again = Vec::new();
    layout.write(&mut again);
    assert!(again == list, "a list has one form");
    Ok(layout)
}

/// Nothing is over a limit, and nothing overlaps.
fn assert_within(layout: &Layout, size: usize) {
    assert_eq!(layout.packed_size(), size);
    assert!(layout.streams().len() <= LIMITS.streams);
    let (mut end, mut raw) = (0, 0);
    for stream in layout.streams() {
        assert!(stream.at >= end);
        end = stream.at + stream.packed;
        raw += stream.raw as u64;
    }
    assert!(end <= size && raw <= LIMITS.raw);
}
