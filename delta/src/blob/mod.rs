//! Blobs: contents compressed whole, and any blob cut into chunks.
//!
//! A whole artifact has one of three forms. Files of a block help each other; blocks can be unpacked one without the
//! other, by a node that has the files of the others already.
//!
//! | first bytes | then |
//! |---|---|
//! | | one zstd frame over all contents |
//! | `UpW` and 1 | the size of a list, as a number; the list of programs in whose code references are addresses (`whole/`); the frame |
//! | `UpW` and 2 | blocks, each of them in one of the forms above; an index of them ([`Index`]) |
//!
//! Nothing here believes a size it was not given by the caller, who has it from a signed manifest.

mod blocks;
mod cut;
mod pack;
mod unpack;

use std::{
    fmt,
    io::{self, Read, Write},
};

use updraft_protocol::{Blob, ChunkList, Digest, Hasher, ObjectRef, codec};

pub use self::{
    blocks::{Block, Index},
    cut::{Cut, LEAST_BLOCK},
    pack::compress_whole,
    unpack::{decompress_block, decompress_whole},
};
use crate::error::BlobError;

/// Window of a whole artifact: 128 MiB, the most zstd's own tools read unasked and what a small machine spares.
const WINDOW_LOG: u32 = 27;
/// What a blob begins with in which references of programs are addresses. No zstd frame does.
const FILTERED: [u8; 4] = *b"UpW\x01";
/// What a blob of several blocks begins with.
const IN_BLOCKS: [u8; 4] = *b"UpW\x02";
/// Bytes moved at a time.
const BUFFER: usize = 128 * 1024;

/// How hard the compressor tries: 1 to 22, as zstd counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(i32);

impl Level {
    /// Made once, fetched by everyone: the highest level before zstd's memory grows past 200 MiB.
    pub const PUBLISH: Self = Self(19);
    /// For tests and for people in a hurry.
    pub const FAST: Self = Self(3);

    /// A level from 1 to 22; `None` for others.
    pub const fn new(level: i32) -> Option<Self> {
        if level >= 1 && level <= 22 { Some(Self(level)) } else { None }
    }

    /// The number.
    pub const fn get(self) -> i32 {
        self.0
    }
}

impl Default for Level {
    fn default() -> Self {
        Self::PUBLISH
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Everything a manifest and a seeder need to know about one blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// What the manifest says.
    pub blob: Blob,
    /// Its chunks.
    pub chunks: ChunkList,
    /// The encoded chunk list: the object that `blob.chunks` names.
    pub object: Vec<u8>,
}

/// Cuts what is written through it into chunks and hashes them.
#[derive(Debug)]
struct Cutter {
    chunk_size: u32,
    room: usize,
    size: u64,
    whole: Hasher,
    chunk: Hasher,
    digests: Vec<Digest>,
}

impl Cutter {
    fn new(chunk_size: u32) -> Self {
        let room = usize_of(chunk_size);
        let (whole, chunk) = (Hasher::new(), Hasher::new());
        Self { chunk_size, room, size: 0, whole, chunk, digests: Vec::new() }
    }

    fn push(&mut self, mut bytes: &[u8]) {
        self.whole.update(bytes);
        self.size += bytes.len() as u64;
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(self.room.min(bytes.len()));
            self.chunk.update(piece);
            self.room -= piece.len();
            if self.room == 0 {
                self.end_chunk();
            }
            bytes = rest;
        }
    }

    fn end_chunk(&mut self) {
        self.digests.push(self.chunk.finish());
        self.chunk = Hasher::new();
        self.room = usize_of(self.chunk_size);
    }

    fn finish(mut self) -> Result<Described, BlobError> {
        if self.room < usize_of(self.chunk_size) {
            self.end_chunk();
        }
        let chunks =
            ChunkList { blob_size: self.size, chunk_size: self.chunk_size, digests: self.digests };
        let object = codec::encode(&chunks).map_err(BlobError::Describe)?;
        let named = ObjectRef::of(&object)
            .expect("the encoder refuses what is larger than an object may be");
        let blob = Blob { digest: self.whole.finish(), size: chunks.blob_size, chunks: named };
        Ok(Described { blob, chunks, object })
    }
}

fn usize_of(size: u32) -> usize {
    usize::try_from(size).expect("every machine this runs on addresses 32 bits")
}

/// Writes on while it cuts.
struct Cutting<W> {
    out: W,
    cutter: Cutter,
    /// Whether writing on failed, which the compressor in between does not tell.
    failed: bool,
}

impl<W: Write> Write for Cutting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes).inspect_err(|error| {
            self.failed = error.kind() != io::ErrorKind::Interrupted;
        })?;
        self.cutter.push(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Describes a blob of `size` bytes in one pass over it.
///
/// Refuses a reader that gives more or fewer, and an empty blob, which the protocol does not have.
pub fn describe_blob(mut reader: impl Read, size: u64) -> Result<Described, BlobError> {
    let mut cutter = Cutter::new(ChunkList::chunk_size_for(size));
    copy_exactly(&mut reader, size, |bytes| {
        cutter.push(bytes);
        Ok(())
    })?;
    cutter.finish()
}

/// Gives `take` exactly `size` bytes and makes sure that there are no others.
fn copy_exactly(
    reader: &mut impl Read,
    size: u64,
    mut take: impl FnMut(&[u8]) -> Result<(), BlobError>,
) -> Result<(), BlobError> {
    let mut buffer = vec![0; BUFFER];
    let mut got = 0_u64;
    loop {
        let read = match reader.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(BlobError::Read(error)),
        };
        got += read as u64;
        if got > size || (read == 0 && got < size) {
            return Err(BlobError::Size { expected: size, got });
        }
        if read == 0 {
            return Ok(());
        }
        take(&buffer[..read])?;
    }
}

#[cfg(test)]
mod tests;
