//! Codec 1: bsdiff's records in five streams.
//!
//! A record is three numbers: move by `seek` in the old contents (from the end of the last old bytes used),
//! take `add` old bytes, each changed by the next byte of `diff`, then take `copy` bytes of `extra`. That is
//! bsdiff's own triple with the seek in front; shifted by one record, it can be given to any bspatch.
//!
//! What the decoder relies on is what it has checked: nothing of a record is done before all of it is known
//! to be in range.

use std::io::Write;

use super::{
    BUFFER, CONTROL_ALLOWANCE, Output,
    header::{Fields, Header},
    piece,
    streams::{self, Stream, StreamName, StreamSize},
    varint,
};
use crate::{
    blob::Level,
    error::{CreateError, PatchError},
    matching::Equivalence,
    read_at::ReadAt,
};

/// The streams in the order in which they lie in a patch.
const STREAMS: [StreamName; 5] =
    [StreamName::Seek, StreamName::Add, StreamName::Copy, StreamName::Diff, StreamName::Extra];
/// The sizes of all streams, each as two numbers of at most ten bytes.
const MAX_TABLE: usize = STREAMS.len() * 2 * 10;

type Raw = [Vec<u8>; STREAMS.len()];

/// Appends what these equivalences give to a header.
pub(super) fn encode(
    old: &[u8],
    new: &[u8],
    equivalences: &[Equivalence],
    level: Level,
    patch: &mut Vec<u8>,
) -> Result<(), CreateError> {
    let raw = raw_streams(old, new, equivalences);
    let got = raw[..3].iter().map(|stream| stream.len() as u64).sum();
    let limit = control_limit(new.len() as u64);
    if got > limit {
        return Err(CreateError::Scattered { got, limit });
    }
    let [seek, add, copy, diff, extra] = &raw;
    let named = [
        (StreamName::Seek, &**seek),
        (StreamName::Add, add),
        (StreamName::Copy, copy),
        (StreamName::Diff, diff),
        (StreamName::Extra, extra),
    ];
    let packed = streams::pack(named, level).map_err(CreateError::Compress)?;
    for stream in &packed {
        varint::push(patch, stream.size.raw);
        varint::push(patch, stream.size.packed);
    }
    packed.iter().for_each(|stream| patch.extend_from_slice(&stream.bytes));
    Ok(())
}

/// The most bytes of control data that a patch for `new_size` bytes may have.
const fn control_limit(new_size: u64) -> u64 {
    new_size.saturating_add(CONTROL_ALLOWANCE)
}

/// The sizes of all streams and where the first of them begins, if they fit each other and the patch.
fn read_table<P: ReadAt + ?Sized>(
    patch: &P,
    header: &Header,
) -> Result<([StreamSize; 5], u64), PatchError> {
    let mut fields = Fields::<MAX_TABLE>::read(patch, header.len)?;
    let mut sizes = [StreamSize::default(); STREAMS.len()];
    for (size, name) in sizes.iter_mut().zip(STREAMS) {
        size.raw = fields.number("stream sizes")?;
        size.packed = fields.number("stream sizes")?;
        size.check(name)?;
    }
    let sum =
        |sizes: &[StreamSize]| sizes.iter().fold(0_u64, |sum, size| sum.saturating_add(size.raw));
    let (control, limit) = (sum(&sizes[..3]), control_limit(header.new_size));
    if control > limit {
        return Err(PatchError::StreamSize { stream: StreamName::Copy, got: control, limit });
    }
    // Each new byte is a difference or an extra byte, and never both.
    let data = sum(&sizes[3..]);
    if data != header.new_size {
        return Err(PatchError::StreamSize {
            stream: StreamName::Extra,
            got: data,
            limit: header.new_size,
        });
    }
    let first = header.len + fields.taken();
    let expected = sizes.iter().fold(first, |sum, size| sum.saturating_add(size.packed));
    if expected != patch.size() {
        return Err(PatchError::Length { expected, got: patch.size() });
    }
    Ok((sizes, first))
}

/// The streams of a patch, in order, with their sizes.
pub(super) fn sizes<P: ReadAt + ?Sized>(
    patch: &P,
    header: &Header,
) -> Result<impl Iterator<Item = (StreamName, StreamSize)> + use<P>, PatchError> {
    let (sizes, _) = read_table(patch, header)?;
    Ok(STREAMS.into_iter().zip(sizes))
}

/// Takes the new contents apart into records.
fn raw_streams(old: &[u8], new: &[u8], equivalences: &[Equivalence]) -> Raw {
    let [mut seek, mut add, mut copy, mut diff, mut extra] = Raw::default();
    let mut old_at = 0;
    let mut record = |from: usize, part: Equivalence, until: usize| {
        let end = part.new + part.len;
        debug_assert!(from == part.new && end <= until, "records follow each other");
        varint::push(&mut seek, varint::fold(offset(part.old) - offset(old_at)));
        varint::push(&mut add, part.len as u64);
        varint::push(&mut copy, (until - end) as u64);
        let old_bytes = &old[part.old..part.old + part.len];
        diff.extend(new[part.new..end].iter().zip(old_bytes).map(|(n, o)| n.wrapping_sub(*o)));
        extra.extend_from_slice(&new[end..until]);
        old_at = part.old + part.len;
    };
    let first = equivalences.first().map_or(new.len(), |e| e.new);
    if first > 0 {
        record(0, Equivalence { old: 0, new: 0, len: 0 }, first);
    }
    for (index, part) in equivalences.iter().enumerate() {
        let until = equivalences.get(index + 1).map_or(new.len(), |next| next.new);
        record(part.new, *part, until);
    }
    [seek, add, copy, diff, extra]
}

fn offset(at: usize) -> i64 {
    i64::try_from(at).expect("a slice is never longer than 2^63 bytes")
}

/// Follows the records of a patch whose header and old contents were checked.
pub(super) fn decode<O, P, W>(
    old: &O,
    patch: &P,
    header: &Header,
    output: &mut Output<W>,
) -> Result<(), PatchError>
where
    O: ReadAt + ?Sized,
    P: ReadAt + ?Sized,
    W: Write,
{
    let (sizes, mut at) = read_table(patch, header)?;
    let mut sizes = STREAMS.into_iter().zip(sizes);
    let mut open = || {
        let (name, size) = sizes.next().expect("five streams");
        let stream = Stream::open(patch, name, at, size);
        at = at.saturating_add(size.packed);
        stream
    };
    let mut reader = Reader {
        old,
        old_at: 0,
        seek: open()?,
        add: open()?,
        copy: open()?,
        diff: open()?,
        extra: open()?,
        old_bytes: vec![0; BUFFER],
        patch_bytes: vec![0; BUFFER],
    };
    let mut record = 0;
    while output.left > 0 {
        reader.record(record, output)?;
        record += 1;
    }
    for stream in [reader.seek, reader.add, reader.copy, reader.diff, reader.extra] {
        stream.finish()?;
    }
    Ok(())
}

#[derive(Debug)]
struct Reader<'a, O: ?Sized, P: ReadAt + ?Sized> {
    old: &'a O,
    /// Where the last record stopped in the old contents; never past their end.
    old_at: u64,
    seek: Stream<'a, P>,
    add: Stream<'a, P>,
    copy: Stream<'a, P>,
    diff: Stream<'a, P>,
    extra: Stream<'a, P>,
    old_bytes: Vec<u8>,
    patch_bytes: Vec<u8>,
}

impl<O: ReadAt + ?Sized, P: ReadAt + ?Sized> Reader<'_, O, P> {
    /// Reads one record, checks all of it, then does it. Each writes at least one byte, so their number is
    /// bounded by the size of the new contents.
    fn record<W: Write>(&mut self, record: u64, output: &mut Output<W>) -> Result<(), PatchError> {
        let seek = varint::unfold(self.seek.number(record)?);
        let add = self.add.number(record)?;
        let copy = self.copy.number(record)?;
        if add == 0 && copy == 0 {
            return Err(PatchError::NoProgress { record });
        }
        // The header's check made the two data streams together as long as the new contents, so a record that
        // keeps to both keeps to the output as well.
        for (got, left) in [(add, self.diff.remaining()), (copy, self.extra.remaining())] {
            if got > left {
                return Err(PatchError::Overrun { record, got, left });
            }
        }
        let at = i128::from(self.old_at) + i128::from(seek);
        let old_size = self.old.size();
        let outside = PatchError::OutsideOld { record, at, len: add, old_size };
        let Ok(start) = u64::try_from(at) else { return Err(outside) };
        if start.checked_add(add).is_none_or(|end| end > old_size) {
            return Err(outside);
        }
        self.old_at = start + add;
        self.write_changed(start, add, output)?;
        self.write_extra(copy, output)
    }

    fn write_changed<W: Write>(
        &mut self,
        mut at: u64,
        mut left: u64,
        output: &mut Output<W>,
    ) -> Result<(), PatchError> {
        while left > 0 {
            let len = piece(left);
            let bytes = &mut self.old_bytes[..len];
            self.old
                .read_exact_at(at, bytes)
                .map_err(|source| PatchError::ReadOld { offset: at, source })?;
            let changes = &mut self.patch_bytes[..len];
            self.diff.read_exact(changes)?;
            for (byte, change) in bytes.iter_mut().zip(changes) {
                *byte = byte.wrapping_add(*change);
            }
            output.write(bytes)?;
            at += len as u64;
            left -= len as u64;
        }
        Ok(())
    }

    fn write_extra<W: Write>(
        &mut self,
        mut left: u64,
        output: &mut Output<W>,
    ) -> Result<(), PatchError> {
        while left > 0 {
            let bytes = &mut self.patch_bytes[..piece(left)];
            self.extra.read_exact(bytes)?;
            output.write(bytes)?;
            left -= bytes.len() as u64;
        }
        Ok(())
    }
}
