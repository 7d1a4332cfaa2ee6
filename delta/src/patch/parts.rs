//! How the bytes of a patch are divided among its parts, by what stands in front of each.
//!
//! For people who want to know what a patch is made of. Nothing is unpacked and nothing but sizes is checked: what a
//! patch is worth, applying it says.

use std::fmt;

use super::{
    header::{Fields, Header},
    plain, refdiff,
    streams::{StreamName, StreamSize},
};
use crate::{error::PatchError, read_at::ReadAt};

/// What a part of a patch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartName {
    /// The header, and the sizes of the other parts.
    Header,
    /// What is coded bit by bit: images, equivalences, mostly also what is not as predicted.
    Coded,
    /// A stream.
    Stream(StreamName),
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.pad("header"),
            Self::Coded => f.pad("coded"),
            Self::Stream(stream) => stream.fmt(f),
        }
    }
}

/// A part of a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Which.
    pub name: PartName,
    /// Its bytes in the patch.
    pub bytes: u64,
    /// Its bytes when unpacked, where the patch says so.
    pub unpacked: Option<u64>,
}

/// The parts of a patch in the order in which they lie there. Their bytes add up to those of the patch.
pub fn parts<P: ReadAt + ?Sized>(patch: &P) -> Result<Vec<Part>, PatchError> {
    let header = Header::read(patch)?;
    let mut cursor = Cursor { patch, at: header.len, parts: Vec::new() };
    if header.codec == updraft_protocol::PatchCodec::BsdiffZstd {
        for (name, size) in plain::sizes(patch, &header)? {
            cursor.stream(name, size)?;
        }
    } else {
        refdiff::parts(&mut cursor)?;
    }
    let mut parts = cursor.parts;
    let others: u64 = parts.iter().map(|part| part.bytes).sum();
    let bytes = patch.size() - others;
    parts.insert(0, Part { name: PartName::Header, bytes, unpacked: None });
    Ok(parts)
}

/// Walks over a patch, part by part.
#[derive(Debug)]
pub(super) struct Cursor<'p, P: ?Sized> {
    patch: &'p P,
    /// Where what was not walked over yet begins; never past the end.
    at: u64,
    parts: Vec<Part>,
}

impl<P: ReadAt + ?Sized> Cursor<'_, P> {
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

    /// Reads the first bytes of what comes next, as many as there are.
    pub(super) fn peek<const MOST: usize>(&self) -> Result<[u8; MOST], PatchError> {
        let mut bytes = [0; MOST];
        let len = usize::try_from(self.patch.size() - self.at).unwrap_or(MOST).min(MOST);
        self.patch.read_exact_at(self.at, &mut bytes[..len]).map_err(PatchError::ReadPatch)?;
        Ok(bytes)
    }

    /// Walks over a stream.
    pub(super) fn stream(&mut self, name: StreamName, size: StreamSize) -> Result<(), PatchError> {
        size.check(name)?;
        self.part(PartName::Stream(name), size.packed, Some(size.raw))
    }

    /// Walks over everything that is left.
    pub(super) fn rest(&mut self, name: StreamName) -> Result<(), PatchError> {
        self.part(PartName::Stream(name), self.patch.size() - self.at, None)
    }

    /// Walks over a part.
    pub(super) fn part(
        &mut self,
        name: PartName,
        bytes: u64,
        unpacked: Option<u64>,
    ) -> Result<(), PatchError> {
        let expected = self.at.saturating_add(bytes);
        if expected > self.patch.size() {
            return Err(PatchError::Length { expected, got: self.patch.size() });
        }
        self.at = expected;
        self.parts.push(Part { name, bytes, unpacked });
        Ok(())
    }
}
