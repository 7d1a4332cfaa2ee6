//! The streams of a patch: sequences of like things, each packed on its own.
//!
//! Like things pack best together, and a reader takes from all of them at once. Each stream is stored as it is
//! or, when that is smaller, as one zstd frame. A stream never gives a byte more than its header announces.

use std::{fmt, io};

use rayon::prelude::*;

use super::varint;
use crate::{
    blob::Level,
    error::{FrameError, PatchError},
    frame::{FrameOptions, FrameReader, compress},
    read_at::{ReadAt, Span},
};

/// Window of a stream of numbers: 4 MiB. Three of them and two data windows are 44 MiB for the reader.
pub const WINDOW_LOG_CONTROL: u32 = 22;
/// Window of a stream of bytes: 16 MiB, in which nearly all repeats of a difference lie.
pub const WINDOW_LOG_DATA: u32 = 24;
/// Bytes of the shortest frame there is: magic, descriptor, size, the header of a block, and a byte.
const SHORTEST_FRAME: usize = 4 + 1 + 1 + 3 + 1;
/// What a stream hands out in small pieces, it keeps in a buffer of this size.
const BUFFER: usize = 16 * 1024;

/// What a stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StreamName {
    /// How far to move in the old contents before each record.
    Seek,
    /// How many old bytes each record takes.
    Add,
    /// How many extra bytes each record takes after them.
    Copy,
    /// What is added to the old bytes, byte by byte.
    Diff,
    /// Bytes that have nothing to do with old ones.
    Extra,
    /// How many bytes are as predicted before each that is not.
    Gaps,
    /// By how much those are wrong.
    Values,
    /// Bytes that resemble no old ones.
    Literals,
    /// Where compressed streams lie in the contents.
    Containers,
}

/// Sizes of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamSize {
    /// Bytes when unpacked.
    pub raw: u64,
    /// Bytes in the patch: the same as `raw` when it is stored as it is, fewer when it is a zstd frame.
    pub packed: u64,
}

impl StreamName {
    const fn window_log(self) -> u32 {
        match self {
            Self::Seek | Self::Add | Self::Copy | Self::Gaps | Self::Containers => {
                WINDOW_LOG_CONTROL
            }
            Self::Diff | Self::Extra | Self::Values | Self::Literals => WINDOW_LOG_DATA,
        }
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Seek => "seek",
            Self::Add => "add",
            Self::Copy => "copy",
            Self::Diff => "diff",
            Self::Extra => "extra",
            Self::Gaps => "gaps",
            Self::Values => "values",
            Self::Literals => "literals",
            Self::Containers => "containers",
        })
    }
}

impl StreamSize {
    /// Refuses sizes that no stream has.
    pub(super) fn check(self, stream: StreamName) -> Result<(), PatchError> {
        let Self { raw, packed } = self;
        if packed > raw || (packed == 0 && raw > 0) {
            return Err(PatchError::StreamSize { stream, got: packed, limit: raw });
        }
        Ok(())
    }
}

/// A stream as it lies in a patch.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) size: StreamSize,
    pub(super) bytes: Vec<u8>,
}

/// Packs streams, side by side.
pub(super) fn pack<const N: usize>(
    raw: [(StreamName, &[u8]); N],
    level: Level,
) -> io::Result<[Packed; N]> {
    let packed: Vec<Packed> = raw
        .into_par_iter()
        .map(|(name, raw)| {
            let bytes = pack_one(raw, name, level)?;
            let size = StreamSize { raw: raw.len() as u64, packed: bytes.len() as u64 };
            Ok(Packed { size, bytes })
        })
        .collect::<io::Result<_>>()?;
    Ok(packed.try_into().expect("as many as went in"))
}

fn pack_one(bytes: &[u8], name: StreamName, level: Level) -> io::Result<Vec<u8>> {
    if bytes.len() <= SHORTEST_FRAME {
        return Ok(bytes.to_vec());
    }
    // Long-distance matching helps beyond the level's own window, and the limit here is not above that.
    let options = FrameOptions {
        level: level.get(),
        window_log: name.window_log(),
        long_distance_from: u64::MAX,
    };
    let packed = compress(bytes, options)?;
    Ok(if packed.len() < bytes.len() { packed } else { bytes.to_vec() })
}

/// How a stream's bytes lie in the patch.
#[derive(Debug)]
enum Source<'p, P: ReadAt + ?Sized> {
    Stored(Span<'p, P>),
    Packed(Box<FrameReader<Span<'p, P>>>),
}

/// One stream, read from its beginning to its end.
#[derive(Debug)]
pub(super) struct Stream<'p, P: ReadAt + ?Sized> {
    name: StreamName,
    source: Source<'p, P>,
    /// Bytes that `source` has not given yet.
    left: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl<'p, P: ReadAt + ?Sized> Stream<'p, P> {
    /// Opens the stream of a patch that begins at `at`.
    pub(super) fn open(
        patch: &'p P,
        name: StreamName,
        at: u64,
        size: StreamSize,
    ) -> Result<Self, PatchError> {
        size.check(name)?;
        let StreamSize { raw, packed } = size;
        let span = Span::new(patch, at, packed);
        let source = if packed == raw {
            Source::Stored(span)
        } else {
            let reader = FrameReader::new(span, raw, name.window_log());
            Source::Packed(Box::new(reader.map_err(|source| name.refuse(source))?))
        };
        Ok(Self { name, source, left: raw, buffer: Vec::new(), used: 0 })
    }

    /// Bytes that were not taken yet.
    pub(super) fn remaining(&self) -> u64 {
        self.left + (self.buffer.len() - self.used) as u64
    }

    /// Fills `buf`. The caller has checked it against [`remaining`](Self::remaining).
    pub(super) fn read_exact(&mut self, mut buf: &mut [u8]) -> Result<(), PatchError> {
        while !buf.is_empty() {
            if self.used == self.buffer.len() {
                self.refill()?;
            }
            let ready = &self.buffer[self.used..];
            let len = ready.len().min(buf.len());
            let (piece, rest) = buf.split_at_mut(len);
            piece.copy_from_slice(&ready[..len]);
            self.used += len;
            buf = rest;
        }
        Ok(())
    }

    /// Takes one byte. The caller has checked that there is one.
    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, PatchError> {
        if self.used == self.buffer.len() {
            self.refill()?;
        }
        self.used += 1;
        Ok(self.buffer[self.used - 1])
    }

    /// Takes one number; `record` is for the error.
    pub(super) fn number(&mut self, record: u64) -> Result<u64, PatchError> {
        let bad = PatchError::BadControl { record, stream: self.name };
        let mut number = varint::Partial::default();
        loop {
            if self.remaining() == 0 {
                return Err(bad);
            }
            match number.push(self.byte()?) {
                varint::Step::More => {}
                varint::Step::Done(value) => return Ok(value),
                varint::Step::Bad => return Err(bad),
            }
        }
    }

    /// Checks that every byte was used and that the packed form ends where it should.
    pub(super) fn finish(self) -> Result<(), PatchError> {
        if self.remaining() > 0 {
            return Err(PatchError::Unused { stream: self.name, left: self.remaining() });
        }
        match self.source {
            Source::Stored(_) => Ok(()),
            Source::Packed(reader) => reader.finish().map_err(|source| self.name.refuse(source)),
        }
    }

    fn refill(&mut self) -> Result<(), PatchError> {
        let want = usize::try_from(self.left).unwrap_or(usize::MAX).min(BUFFER);
        self.buffer.resize(want, 0);
        self.used = 0;
        let read = match &mut self.source {
            Source::Stored(span) => {
                io::Read::read(span, &mut self.buffer).map_err(FrameError::Source)
            }
            Source::Packed(reader) => reader.read(&mut self.buffer),
        };
        let read = match read {
            Ok(0) => Err(FrameError::Short { expected: self.remaining(), got: 0 }),
            other => other,
        };
        // After an error nothing is ready, so that a caller who goes on gets the error again, not old bytes.
        let kept = *read.as_ref().unwrap_or(&0);
        self.buffer.truncate(kept);
        self.left -= kept as u64;
        read.map(|_| ()).map_err(|source| self.name.refuse(source))
    }
}

impl StreamName {
    fn refuse(self, source: FrameError) -> PatchError {
        PatchError::Stream { stream: self, source }
    }
}
