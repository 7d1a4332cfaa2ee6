//! From contents to what is compared: without what is the same on both sides, and with compressed streams unpacked.
//!
//! ```text
//!  contents ── unchanged.rs ──▶ what is compared, one after the other ── container ──▶ flat
//! ```
//!
//! Streams that are packed alike on both sides stay packed: they match as they are, and need not be packed again.

use std::{collections::BTreeSet, io::Write, ops::Range};

use updraft_protocol::Digest;

use super::{
    super::{MAX_IN_MEMORY, varint},
    unchanged::Unchanged,
};
use crate::{
    container::{self, Layout, Limits, MAX_STREAMS},
    error::{ContainerError, CreateError, PatchError},
    executable,
    read_at::ReadAt,
};

/// Both sides, flat, and how that was done.
#[derive(Debug)]
pub(super) struct Flat {
    pub(super) old: Vec<u8>,
    pub(super) new: Vec<u8>,
    pub(super) unchanged: Unchanged,
    pub(super) streams: Streams,
}

/// The compressed streams that are unpacked on either side.
#[derive(Debug)]
pub(super) struct Streams {
    old: Layout,
    new: Layout,
}

/// What streams of one side may hold.
const LIMITS: Limits = Limits { raw: MAX_IN_MEMORY / 4, streams: MAX_STREAMS };

impl Flat {
    /// Finds what both sides have in common and what is packed in them.
    ///
    /// What is larger than may be compared is refused before anything of it is copied.
    pub(super) fn of(old: &[u8], new: &[u8]) -> Result<Self, CreateError> {
        let (old_streams, new_streams) = rayon::join(
            || container::find(old, &LIMITS),
            || container::find_rebuildable(new, &LIMITS),
        );
        let (old_streams, new_streams) = without_alike(old, old_streams, new, new_streams);
        let (old_whole, new_whole) =
            rayon::join(|| stays_whole(old, &old_streams), || stays_whole(new, &new_streams));
        let unchanged = Unchanged::find((old, &old_whole), (new, &new_whole));
        let (compared, changed) = (unchanged.compared_old(), unchanged.changed_new());
        let streams =
            Streams { old: old_streams.within(&compared), new: new_streams.within(&changed) };
        let got = streams.both_sizes();
        if got > MAX_IN_MEMORY {
            return Err(CreateError::TooLargeTogether { got, limit: MAX_IN_MEMORY });
        }
        let flat = |contents, ranges, layout| {
            let compared = concat(contents, ranges);
            container::unpack(&compared, layout).map_err(CreateError::Container)
        };
        let (old, new) = (flat(old, &compared, &streams.old)?, flat(new, &changed, &streams.new)?);
        Ok(Self { old, new, unchanged, streams })
    }
}

/// The streams of both sides that are not packed alike on the other.
fn without_alike(old: &[u8], olds: Layout, new: &[u8], news: Layout) -> (Layout, Layout) {
    let digests = |contents: &[u8], layout: &Layout| -> Vec<Digest> {
        let packed =
            layout.streams().iter().map(|stream| &contents[stream.at..stream.at + stream.packed]);
        packed.map(Digest::of).collect()
    };
    let (old_digests, new_digests) = (digests(old, &olds), digests(new, &news));
    let only = |layout: Layout, mine: &[Digest], theirs: &[Digest]| {
        let theirs: BTreeSet<&Digest> = theirs.iter().collect();
        let mut mine = mine.iter();
        layout.only(|_| mine.next().is_some_and(|digest| !theirs.contains(digest)))
    };
    (only(olds, &old_digests, &new_digests), only(news, &new_digests, &old_digests))
}

/// Images and streams, ascending, those that overlap as one.
fn stays_whole(contents: &[u8], streams: &Layout) -> Vec<Range<usize>> {
    let images = executable::extents(contents).into_iter();
    let streams = streams.streams().iter().map(|stream| stream.at..stream.at + stream.packed);
    let mut ranges: Vec<Range<usize>> = images.chain(streams).collect();
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

fn concat(contents: &[u8], ranges: &[Range<usize>]) -> Vec<u8> {
    let mut all = Vec::with_capacity(ranges.iter().map(Range::len).sum());
    ranges.iter().for_each(|range| all.extend_from_slice(&contents[range.clone()]));
    all
}

impl Streams {
    /// Whether nothing is unpacked.
    pub(super) fn is_empty(&self) -> bool {
        self.old.streams().is_empty() && self.new.streams().is_empty()
    }

    /// Both lists.
    pub(super) fn write(&self) -> Vec<u8> {
        let (mut old, mut lists) = (Vec::new(), Vec::new());
        self.old.write(&mut old);
        varint::push(&mut lists, old.len() as u64);
        lists.extend_from_slice(&old);
        self.new.write(&mut lists);
        lists
    }

    /// Reads both lists, or nothing where none was written.
    pub(super) fn read(lists: Option<&[u8]>, unchanged: &Unchanged) -> Result<Self, PatchError> {
        let size = |ranges: Vec<Range<usize>>| ranges.iter().map(Range::len).sum::<usize>();
        let (old_size, new_size) = (size(unchanged.compared_old()), size(unchanged.changed_new()));
        let Some(mut rest) = lists else {
            return Ok(Self { old: Layout::new(old_size), new: Layout::new(new_size) });
        };
        let bad = PatchError::Impossible { field: "lists of streams", got: rest.len() as u64 };
        let len = varint::take(&mut rest).and_then(|len| usize::try_from(len).ok());
        let (old, new) = len.and_then(|len| rest.split_at_checked(len)).ok_or(bad)?;
        let read = |list, size| Layout::read(list, size, &LIMITS).map_err(PatchError::Container);
        Ok(Self { old: read(old, old_size)?, new: read(new, new_size)? })
    }

    /// Bytes of both sides, unpacked.
    pub(super) fn both_sizes(&self) -> u64 {
        self.old.unpacked_size() as u64 + self.new.unpacked_size() as u64
    }

    /// Bytes of the new contents that changed, unpacked.
    pub(super) fn new_size(&self) -> usize {
        self.new.unpacked_size()
    }

    /// The old contents that are compared, unpacked.
    pub(super) fn flat_old<O: ReadAt + ?Sized>(
        &self,
        old: &O,
        unchanged: &Unchanged,
    ) -> Result<Vec<u8>, PatchError> {
        let compared = unchanged.compared_old();
        let mut contents = vec![0; compared.iter().map(Range::len).sum()];
        let mut rest = &mut *contents;
        for range in &compared {
            let part;
            (part, rest) = rest.split_at_mut(range.len());
            let offset = range.start as u64;
            old.read_exact_at(offset, part)
                .map_err(|source| PatchError::ReadOld { offset, source })?;
        }
        if self.old.streams().is_empty() {
            return Ok(contents);
        }
        container::unpack(&contents, &self.old).map_err(PatchError::Container)
    }

    /// Packs what changed again and writes it.
    pub(super) fn pack(&self, flat: &[u8], mut out: impl Write) -> Result<(), PatchError> {
        if self.new.streams().is_empty() {
            return out.write_all(flat).map_err(PatchError::Write);
        }
        container::pack(flat, &self.new, out).map_err(|error| match error {
            ContainerError::Write(source) => PatchError::Write(source),
            error => PatchError::Container(error),
        })
    }
}
