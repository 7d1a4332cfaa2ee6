//! `.eh_frame_hdr`: a table that linkers make from the frame records, sorted by function. It is made again.

use super::{
    super::{Image, Kind, Section},
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
    (made.len() == index.size).then_some(())?;
    contents[index.bytes()].copy_from_slice(&made);
    Some(())
}

fn make(contents: &[u8], image: &Image, index: &Section) -> Option<Vec<u8>> {
    let frames = image.sections.iter().find(|section| section.kind == Kind::Frames)?;
    (frames.size <= MAX_TABLE).then_some(())?;
    let bytes = &contents[frames.bytes()];
    let records = frames::records(bytes)?;
    let relative = |address: u64| address.wrapping_sub(index.address);
    let mut rows = Vec::with_capacity(records.len());
    for at in records {
        let field = at + 8;
        let distance = i32::from_le_bytes(bytes.get(field..field + 4)?.try_into().ok()?);
        let function = (frames.address + field as u64).wrapping_add_signed(i64::from(distance));
        rows.push((relative(function).cast_signed(), relative(frames.address + at as u64)));
    }
    rows.sort_unstable();
    // Of several records for one function, linkers keep one.
    rows.dedup_by_key(|(function, _)| *function);
    let mut made = HEADER.to_vec();
    made.extend_from_slice(&low_bytes(relative(frames.address).wrapping_sub(4)));
    made.extend_from_slice(&low_bytes(rows.len() as u64));
    for (function, record) in rows {
        made.extend_from_slice(&low_bytes(function.cast_unsigned()));
        made.extend_from_slice(&low_bytes(record));
    }
    Some(made)
}

fn low_bytes(number: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = number.to_le_bytes();
    [a, b, c, d]
}
