//! Blobs: contents compressed whole, and any blob cut into chunks.
//!
//! A whole artifact is one zstd frame over the contents stream, solid, so that files help each other. Where there are
//! programs among the contents, references in them are addresses (`whole/`), and a list of them stands in front:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `UpW` and 1 |
//! | number | size of the list |
//! | that many | the list |
//! | the rest | one zstd frame |
//!
//! Nothing here believes a size it was not given by the caller, who has it from a signed manifest.

use std::{
    fmt,
    io::{self, BufRead, Read, Write},
};

use updraft_protocol::{Blob, ChunkList, Digest, Hasher, ObjectRef, codec};

use crate::{
    error::{BlobError, FrameError},
    frame::{self, FrameOptions, FrameReader},
    patch::varint,
    whole::{self, Images, Undoing},
};

/// Window of a whole artifact: 128 MiB, the most zstd's own tools read unasked and what a small machine spares.
const WINDOW_LOG: u32 = 27;
/// Below this the window of the level itself covers everything.
const LONG_DISTANCE_FROM: u64 = 8 * 1024 * 1024;
/// Contents up to this size are looked through for programs: they are held in memory for it.
const LOOKED_THROUGH: u64 = 1024 * 1024 * 1024;
/// What a blob begins with in which references of programs are addresses. No zstd frame does.
const FILTERED: [u8; 4] = *b"UpW\x01";
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

/// Compresses contents of `size` bytes into `out` and describes the blob on the way.
///
/// The same contents and level give the same bytes with the same version of this crate. Chunks are cut for
/// `size`, which the blob practically never exceeds, because its own size is not known before the end. Contents up to
/// 1 GiB are held in memory, to find programs in them; larger ones are compressed as they are.
pub fn compress_whole(
    mut contents: impl Read,
    size: u64,
    level: Level,
    out: impl Write,
) -> Result<Described, BlobError> {
    let cutter = Cutter::new(ChunkList::chunk_size_for(size));
    let cutting = Cutting { out, cutter, failed: false };
    if size > LOOKED_THROUGH {
        return compress(contents, size, level, cutting);
    }
    let mut held = Vec::with_capacity(usize::try_from(size).expect("checked"));
    copy_exactly(&mut contents, size, |bytes| {
        held.extend_from_slice(bytes);
        Ok(())
    })?;
    compress_held(held, level, cutting)
}

/// Compresses contents that may have programs among them.
fn compress_held<W: Write>(
    mut contents: Vec<u8>,
    level: Level,
    mut out: Cutting<W>,
) -> Result<Described, BlobError> {
    let list = whole::to_addresses(&mut contents);
    if let Some(list) = list.map_err(|error| BlobError::Programs(Box::new(error)))? {
        let mut head = FILTERED.to_vec();
        varint::push(&mut head, list.len() as u64);
        head.extend_from_slice(&list);
        out.write_all(&head).map_err(BlobError::Write)?;
    }
    compress(&*contents, contents.len() as u64, level, out)
}

/// Compresses contents of `size` bytes as they are.
fn compress<W: Write>(
    mut contents: impl Read,
    size: u64,
    level: Level,
    out: Cutting<W>,
) -> Result<Described, BlobError> {
    let options = FrameOptions {
        level: level.get(),
        window_log: WINDOW_LOG,
        long_distance_from: LONG_DISTANCE_FROM,
    };
    let mut encoder = frame::writer(out, size, options).map_err(BlobError::Compress)?;
    copy_exactly(&mut contents, size, |bytes| {
        encoder.write_all(bytes).map_err(|error| {
            if encoder.get_ref().failed {
                BlobError::Write(error)
            } else {
                BlobError::Compress(error)
            }
        })
    })?;
    // Only what is under the compressor can fail here: all input was taken, and its size was the pledged one.
    let mut cutting = encoder.finish().map_err(BlobError::Write)?;
    cutting.flush().map_err(BlobError::Write)?;
    cutting.cutter.finish()
}

/// Unpacks a whole artifact into `out`: exactly `size` bytes, or an error.
///
/// `size` is the signed size of the contents. Takes at most a window of 128 MiB, a program of 64 MiB and small buffers.
/// What was written before an error is worth nothing. To stop early, let `out` fail.
pub fn decompress_whole(
    mut blob: impl BufRead,
    size: u64,
    mut out: impl Write,
) -> Result<(), BlobError> {
    let mut magic = [0; FILTERED.len()];
    let read = read_up_to(&mut blob, &mut magic)?;
    if magic != FILTERED {
        return decompress(magic[..read].chain(blob), size, out);
    }
    let short = || BlobError::Frame(FrameError::Short { expected: size, got: 0 });
    let got = read_number(&mut blob)?.ok_or_else(short)?;
    if got > whole::MAX_LIST {
        return Err(BlobError::LongList { got, limit: whole::MAX_LIST });
    }
    let mut list = vec![0; usize::try_from(got).expect("checked")];
    if read_up_to(&mut blob, &mut list)? < list.len() {
        return Err(short());
    }
    let contents = usize::try_from(size).unwrap_or(usize::MAX);
    let images =
        Images::read(&list, contents).map_err(|error| BlobError::Programs(Box::new(error)))?;
    decompress(blob, size, Undoing::new(&images, &mut out))
}

/// Unpacks a frame.
fn decompress(blob: impl BufRead, size: u64, mut out: impl Write) -> Result<(), BlobError> {
    let mut reader = FrameReader::new(blob, size, WINDOW_LOG).map_err(BlobError::Frame)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        match reader.read(&mut buffer).map_err(BlobError::Frame)? {
            0 => break,
            read => out.write_all(&buffer[..read]).map_err(BlobError::Write)?,
        }
    }
    out.flush().map_err(BlobError::Write)?;
    reader.finish().map_err(BlobError::Frame)
}

/// Fills a buffer as far as there are bytes, and says how far.
fn read_up_to(blob: &mut impl Read, buffer: &mut [u8]) -> Result<usize, BlobError> {
    let mut read = 0;
    while read < buffer.len() {
        match blob.read(&mut buffer[read..]) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(BlobError::Frame(FrameError::Source(error))),
        }
    }
    Ok(read)
}

/// Reads the size of a list; `None` if the blob ends in it.
fn read_number(blob: &mut impl Read) -> Result<Option<u64>, BlobError> {
    let mut number = varint::Partial::default();
    loop {
        let mut byte = [0];
        if read_up_to(blob, &mut byte)? == 0 {
            return Ok(None);
        }
        match number.push(byte[0]) {
            varint::Step::More => {}
            varint::Step::Done(value) => return Ok(Some(value)),
            varint::Step::Bad => return Err(BlobError::BadListSize),
        }
    }
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
mod tests {
    use super::*;

    fn sample(len: u32) -> Vec<u8> {
        (0..len).map(|i| (i.wrapping_mul(2_654_435_761) >> 26).to_le_bytes()[0]).collect()
    }

    fn whole(contents: &[u8]) -> (Vec<u8>, Described) {
        let mut out = Vec::new();
        let described = compress_whole(contents, contents.len() as u64, Level::FAST, &mut out)
            .expect("compresses");
        (out, described)
    }

    #[test]
    fn contents_come_back_and_the_blob_is_described_as_it_is() {
        for len in [0, 1, 300_000, 3_000_000] {
            let contents = sample(len);
            let (packed, described) = whole(&contents);
            assert_eq!(described, describe_blob(&*packed, packed.len() as u64).expect("describes"));
            assert_eq!(described.blob.digest, Digest::of(&packed));
            assert_eq!(described.blob.chunks, ObjectRef::of(&described.object).expect("small"));
            let mut out = Vec::new();
            decompress_whole(&*packed, contents.len() as u64, &mut out).expect("unpacks");
            assert_eq!(out, contents);
        }
    }

    #[test]
    fn chunks_are_the_blobs_own_bytes() {
        let bytes = sample(600_001);
        let described = describe_blob(&*bytes, 600_001).expect("describes");
        assert_eq!(described.chunks.len(), 3);
        for index in 0..3 {
            let span = described.chunks.span(index).expect("in range");
            let from = usize::try_from(span.offset).expect("small");
            let chunk = &bytes[from..from + usize_of(span.len)];
            assert_eq!(span.digest, Digest::of(chunk));
        }
    }

    #[test]
    fn the_same_contents_give_the_same_blob() {
        assert_eq!(whole(&sample(9_000_000)).0, whole(&sample(9_000_000)).0);
    }

    #[test]
    fn contents_of_another_size_are_refused() {
        for size in [0, 99, 101] {
            let result = compress_whole(&*sample(100), size, Level::FAST, io::sink());
            assert!(matches!(result, Err(BlobError::Size { .. })), "{size}: {result:?}");
            let result = describe_blob(&*sample(100), size);
            assert!(matches!(result, Err(BlobError::Size { .. })), "{size}: {result:?}");
        }
        assert!(matches!(describe_blob(&[][..], 0), Err(BlobError::Describe(_))));
    }

    #[test]
    fn a_bomb_stops_at_the_signed_size() {
        let (bomb, _) = whole(&vec![0; 50_000_000]);
        assert!(bomb.len() < 10_000);
        let mut out = Vec::new();
        let result = decompress_whole(&*bomb, 1000, &mut out);
        assert!(matches!(result, Err(BlobError::Frame(FrameError::Long { expected: 1000 }))));
        assert_eq!(out.len(), 1000);
    }

    #[test]
    fn truncated_and_padded_blobs_are_refused() {
        let contents = sample(3000);
        let (packed, _) = whole(&contents);
        for len in 0..packed.len() {
            assert!(decompress_whole(&packed[..len], 3000, io::sink()).is_err(), "{len}");
        }
        let padded = [packed, vec![0]].concat();
        let result = decompress_whole(&*padded, 3000, io::sink());
        assert!(matches!(result, Err(BlobError::Frame(FrameError::Trailing))));
    }

    #[test]
    fn an_output_that_fails_is_not_blamed_on_the_blob() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::from(io::ErrorKind::StorageFull))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let contents = sample(3_000_000);
        let (packed, _) = whole(&contents);
        assert!(matches!(decompress_whole(&*packed, 3_000_000, Full), Err(BlobError::Write(_))));
        let result = compress_whole(&*contents, 3_000_000, Level::FAST, Full);
        assert!(matches!(result, Err(BlobError::Write(_))));
    }
}
