//! Which streams stand where in contents: found or read, and right in either case.
//!
//! Whoever holds a [`Layout`] holds the proof that its streams lie inside of the contents one after another and
//! that what they hold together is within the limits. Must never be made without those checks.

use std::ops::Range;

use super::recipe::{Recipe, WORTH};
use crate::{error::ContainerError, patch::varint};

/// What is looked at, at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that all streams together hold.
    pub raw: u64,
    /// Streams.
    pub streams: usize,
}

/// Streams that are looked at, whatever a caller allows: a million, of which a list takes some 10 MB.
pub const MAX_STREAMS: usize = 1 << 20;

/// Shorter streams are not worth a line in a list.
pub const LEAST_PACKED: usize = 64;

/// The longest stream that is packed again: while it is, all of it is held until it can be written.
pub const MOST_PACKED: usize = 32 << 20;

/// The most that one stream may hold: places in it are numbers of 32 bits.
pub(super) const MOST_RAW: usize = (1 << 31) - 1;

/// Bytes that a byte of a stream holds at most: a repeat of 258 takes two bits, one for its length, one for its
/// distance.
const MOST_HELD: u64 = 1032;

/// A deflate stream inside of contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Its first byte.
    pub at: usize,
    /// How long it is.
    pub packed: usize,
    /// How much it holds.
    pub raw: usize,
    /// How to pack it again, if that was asked for.
    pub recipe: Option<Recipe>,
}

/// Where the streams of contents of a certain size are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    size: usize,
    streams: Vec<Stream>,
    raw: usize,
    packed: usize,
}

impl Layout {
    /// No stream yet, in contents of so many bytes.
    pub(crate) fn new(size: usize) -> Self {
        Self { size, streams: Vec::new(), raw: 0, packed: 0 }
    }

    /// Adds the next stream; `at` counts from the beginning of the contents.
    pub(super) fn push(&mut self, stream: Stream, limits: &Limits) -> Result<(), ContainerError> {
        let Stream { at, packed, raw, .. } = stream;
        let after = self.streams.last().map_or(0, |last| last.at + last.packed);
        let end = at.checked_add(packed).filter(|end| *end <= self.size);
        if at < after || packed < LEAST_PACKED || end.is_none() {
            return Err(ContainerError::Misplaced { at: at as u64, packed: packed as u64 });
        }
        if packed > MOST_PACKED {
            return Err(ContainerError::StreamTooLong {
                at: at as u64,
                packed: packed as u64,
                limit: MOST_PACKED as u64,
            });
        }
        if raw as u64 / MOST_HELD > packed as u64 || raw > MOST_RAW {
            return Err(ContainerError::Impossible { packed: packed as u64, raw: raw as u64 });
        }
        let limit = limits.streams.min(MAX_STREAMS);
        if self.streams.len() >= limit {
            return Err(ContainerError::TooMany {
                got: self.streams.len() as u64 + 1,
                limit: limit as u64,
            });
        }
        let got = (self.raw as u64).saturating_add(raw as u64);
        let all = self
            .raw
            .checked_add(raw)
            .filter(|all| (self.size - self.packed).checked_add(*all).is_some());
        let Some(all) = all.filter(|_| got <= limits.raw) else {
            return Err(ContainerError::TooLarge { got, limit: limits.raw });
        };
        self.raw = all;
        self.packed += packed;
        self.streams.push(stream);
        Ok(())
    }

    /// The streams that lie in one of these ranges, placed in what the ranges are one after the other.
    ///
    /// The ranges ascend and do not overlap.
    pub(crate) fn within(&self, ranges: &[Range<usize>]) -> Self {
        let limits = Limits { raw: u64::MAX, streams: MAX_STREAMS };
        let mut within = Self::new(ranges.iter().map(Range::len).sum());
        let mut streams = self.streams.iter().peekable();
        let mut before = 0;
        for range in ranges {
            while streams.next_if(|stream| stream.at < range.start).is_some() {}
            while let Some(stream) =
                streams.next_if(|stream| stream.at + stream.packed <= range.end)
            {
                let at = before + stream.at - range.start;
                let placed = Stream { at, ..stream.clone() };
                within
                    .push(placed, &limits)
                    .expect("streams that ascend, of a layout that was checked");
            }
            before += range.len();
        }
        within
    }

    /// Bytes that its streams hold.
    pub(super) fn raw(&self) -> usize {
        self.raw
    }

    /// Says of each stream how it is packed again.
    pub(super) fn set_recipes(&mut self, recipes: Vec<Option<Recipe>>) {
        for (stream, recipe) in self.streams.iter_mut().zip(recipes) {
            stream.recipe = recipe;
        }
    }

    /// Its streams, in the order of the contents.
    pub fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// Bytes of the contents.
    pub fn packed_size(&self) -> usize {
        self.size
    }

    /// Bytes of the contents with their streams unpacked.
    pub fn unpacked_size(&self) -> usize {
        self.size - self.packed + self.raw
    }

    /// The same without the streams that a caller has no use for.
    #[must_use]
    pub fn only(self, mut wanted: impl FnMut(&Stream) -> bool) -> Self {
        let mut layout = Self::new(self.size);
        for stream in self.streams.into_iter().filter(|stream| wanted(stream)) {
            layout.raw += stream.raw;
            layout.packed += stream.packed;
            layout.streams.push(stream);
        }
        layout
    }

    /// Appends the list: how many, then of each the bytes before it, its size, what it holds and how long its
    /// recipe is, then the recipes.
    pub fn write(&self, out: &mut Vec<u8>) {
        varint::push(out, self.streams.len() as u64);
        let mut after = 0;
        for stream in &self.streams {
            let recipe = stream.recipe.as_ref().map_or(0, Recipe::len);
            for number in [stream.at - after, stream.packed, stream.raw, recipe] {
                varint::push(out, number as u64);
            }
            after = stream.at + stream.packed;
        }
        for recipe in self.streams.iter().filter_map(|stream| stream.recipe.as_ref()) {
            out.extend_from_slice(&recipe.0);
        }
    }

    /// Reads a list for contents of so many bytes, which has to take up all of `bytes`.
    pub fn read(bytes: &[u8], size: usize, limits: &Limits) -> Result<Self, ContainerError> {
        let mut list = List { bytes };
        let got = list.number("streams")?;
        let limit = limits.streams.min(MAX_STREAMS) as u64;
        if got > limit {
            return Err(ContainerError::TooMany { got, limit });
        }
        let mut layout = Self::new(size);
        let mut recipes = Vec::new();
        let mut after = 0_u64;
        for _ in 0..got {
            let at = after.saturating_add(list.number("gap")?);
            let packed = list.number("packed")?;
            let raw = list.number("raw")?;
            let recipe = list.number("recipe")?;
            let misplaced = |_| ContainerError::Misplaced { at, packed };
            let stream = Stream {
                at: usize::try_from(at).map_err(misplaced)?,
                packed: usize::try_from(packed).map_err(misplaced)?,
                raw: usize::try_from(raw)
                    .map_err(|_| ContainerError::Impossible { packed, raw })?,
                recipe: None,
            };
            let most = stream.packed / WORTH;
            layout.push(stream, limits)?;
            match usize::try_from(recipe) {
                Ok(len) if len <= most => recipes.push(len),
                _ => return Err(ContainerError::BadRecipe { at, len: recipe }),
            }
            after = at.saturating_add(packed);
        }
        for (stream, len) in layout.streams.iter_mut().zip(recipes).filter(|(_, len)| *len > 0) {
            let (recipe, rest) = list
                .bytes
                .split_at_checked(len)
                .ok_or(ContainerError::BadRecipe { at: stream.at as u64, len: len as u64 })?;
            stream.recipe = Some(Recipe(recipe.to_vec()));
            list.bytes = rest;
        }
        if !list.bytes.is_empty() {
            return Err(ContainerError::Trailing { left: list.bytes.len() });
        }
        Ok(layout)
    }
}

/// What of a list has not been read.
struct List<'a> {
    bytes: &'a [u8],
}

impl List<'_> {
    fn number(&mut self, field: &'static str) -> Result<u64, ContainerError> {
        let mut number = varint::Partial::default();
        loop {
            let (byte, rest) =
                self.bytes.split_first().ok_or(ContainerError::BadNumber { field })?;
            self.bytes = rest;
            match number.push(*byte) {
                varint::Step::More => {}
                varint::Step::Done(value) => return Ok(value),
                varint::Step::Bad => return Err(ContainerError::BadNumber { field }),
            }
        }
    }
}
