//! `.eh_frame_hdr`: a table that linkers make from the frame records, sorted by function. It is made again.

use super::{
    super::{
        Image, Kind, Section,
        references::{distance, read_u32},
    },
    MAX_TABLE, frames,
};

/// Version 1; the pointer to the frames and the table's numbers are relative, the count is of 32 bits.
const HEADER: [u8; 4] = [1, 0x1B, 0x03, 0x3B];

/// Zeros instead of a table that can be made again.
pub(super) fn remove(contents: &mut [u8], image: &Image, index: &Section) -> Option<()> {
    let made = make(contents, image, index)?;
    (contents[index.bytes()] == *made).then_some(())?;
    contents[index.bytes()].fill(0);
    Some(())
}

/// The table again, from frame records that are back in their own form.
pub(super) fn insert(contents: &mut [u8], image: &Image, index: &Section) -> Option<()> {
    let made = make(contents, image, index)?;
    contents[index.bytes()].copy_from_slice(&made);
    Some(())
}

/// The table, if it is as long as the section. Takes memory of half of the frames, and of the table.
fn make(contents: &[u8], image: &Image, index: &Section) -> Option<Vec<u8>> {
    let frames = image.sections.iter().find(|section| section.kind == Kind::Frames)?;
    (frames.size <= MAX_TABLE).then_some(())?;
    let bytes = &contents[frames.bytes()];
    let mut records = frames::records(bytes)?;
    // Every record has the distance to its function, behind two numbers.
    let complete = |at: &u32| *at as usize + 12 <= bytes.len();
    records.iter().all(complete).then_some(())?;
    let relative = |address: u64| address.wrapping_sub(index.address);
    let function = |at: &u32| {
        let field = *at as usize + 8;
        let address =
            (frames.address + field as u64).wrapping_add(distance(read_u32(bytes, field)));
        relative(address).cast_signed()
    };
    let record = |at: &u32| relative(frames.address + u64::from(*at));
    records.sort_unstable_by_key(|at| (function(at), record(at)));
    // Of several records for one function, linkers keep one.
    records.dedup_by_key(|at| function(at));
    (index.size == HEADER.len() + 8 + 8 * records.len()).then_some(())?;
    let mut made = Vec::with_capacity(index.size);
    made.extend_from_slice(&HEADER);
    made.extend_from_slice(&low_bytes(relative(frames.address).wrapping_sub(4)));
    made.extend_from_slice(&low_bytes(records.len() as u64));
    for at in &records {
        made.extend_from_slice(&low_bytes(function(at).cast_unsigned()));
        made.extend_from_slice(&low_bytes(record(at)));
    }
    Some(made)
}

fn low_bytes(number: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = number.to_le_bytes();
    [a, b, c, d]
}
