//! A patch behind its header, walked over from the front: where each part lies, and how it is read from there.
//!
//! Walking reads numbers and nothing else, so parts that nobody needs stay where they are. A part that is said to go
//! past the end of the patch is refused before anything is read of it.

use super::{
    header::{Fields, Header},
    streams::{Stream, StreamName, StreamSize},
};
use crate::{error::PatchError, read_at::ReadAt};

/// A patch and how far it was walked over.
#[derive(Debug)]
pub(super) struct Body<'p, P: ?Sized> {
    patch: &'p P,
    /// Where what was not walked over yet begins; never past the end.
    at: u64,
}

/// Bytes that lie in a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    at: u64,
    pub(super) len: u64,
}

/// A stream that lies in a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) name: StreamName,
    pub(super) size: StreamSize,
    at: u64,
}

impl<'p, P: ReadAt + ?Sized> Body<'p, P> {
    /// At the first byte behind the header.
    pub(super) fn new(patch: &'p P, header: &Header) -> Self {
        Self { patch, at: header.len }
    }

    /// Takes a number.
    pub(super) fn number(&mut self, field: &'static str) -> Result<u64, PatchError> {
        let mut fields = Fields::<10>::read(self.patch, self.at)?;
        let number = fields.number(field)?;
        self.at += fields.taken();
        Ok(number)
    }

    /// Takes the size of a stream.
    pub(super) fn size(&mut self) -> Result<StreamSize, PatchError> {
        Ok(StreamSize { raw: self.number("stream sizes")?, packed: self.number("stream sizes")? })
    }

    /// Reads the first bytes of what comes next, as many as there are; zeros behind them.
    pub(super) fn peek<const MOST: usize>(&self) -> Result<[u8; MOST], PatchError> {
        let mut bytes = [0; MOST];
        let len = usize::try_from(self.left()).unwrap_or(MOST).min(MOST);
        self.patch.read_exact_at(self.at, &mut bytes[..len]).map_err(PatchError::ReadPatch)?;
        Ok(bytes)
    }

    /// Walks over so many bytes.
    pub(super) fn skip(&mut self, len: u64) -> Result<Extent, PatchError> {
        let (at, end) = (self.at, self.at.saturating_add(len));
        if end > self.patch.size() {
            return Err(PatchError::Length { expected: end, got: self.patch.size() });
        }
        self.at = end;
        Ok(Extent { at, len })
    }

    /// Walks over a stream.
    pub(super) fn stream(
        &mut self,
        name: StreamName,
        size: StreamSize,
    ) -> Result<Placed, PatchError> {
        size.check(name)?;
        let Extent { at, .. } = self.skip(size.packed)?;
        Ok(Placed { name, size, at })
    }

    /// What was not walked over yet.
    pub(super) fn rest(&self) -> Extent {
        Extent { at: self.at, len: self.left() }
    }

    fn left(&self) -> u64 {
        self.patch.size().saturating_sub(self.at)
    }
}

impl Extent {
    /// These bytes.
    pub(super) fn read<P: ReadAt + ?Sized>(self, patch: &P) -> Result<Vec<u8>, PatchError> {
        let len = usize::try_from(self.len).expect("a part of a patch of bounded size");
        let mut bytes = vec![0; len];
        patch.read_exact_at(self.at, &mut bytes).map_err(PatchError::ReadPatch)?;
        Ok(bytes)
    }

    /// These bytes as a stream that gives so many.
    pub(super) fn stream(self, name: StreamName, raw: u64) -> Placed {
        Placed { name, size: StreamSize { raw, packed: self.len }, at: self.at }
    }
}

impl Placed {
    /// Reads it from its beginning.
    pub(super) fn open<P: ReadAt + ?Sized>(self, patch: &P) -> Result<Stream<'_, P>, PatchError> {
        Stream::open(patch, self.name, self.at, self.size)
    }

    /// All of it, if it holds no more than `limit` bytes.
    pub(super) fn unpack<P: ReadAt + ?Sized>(
        self,
        patch: &P,
        limit: usize,
    ) -> Result<Vec<u8>, PatchError> {
        let (got, limit) = (self.size.raw, limit as u64);
        if got > limit {
            return Err(PatchError::StreamSize { stream: self.name, got, limit });
        }
        let mut stream = self.open(patch)?;
        let mut bytes = vec![0; usize::try_from(got).expect("below a limit of memory")];
        stream.read_exact(&mut bytes)?;
        stream.finish()?;
        Ok(bytes)
    }
}
