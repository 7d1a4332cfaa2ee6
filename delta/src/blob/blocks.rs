//! Blocks of a whole artifact, and the index that says where they lie.
//!
//! ```text
//!  UpW 2 │ block │ block │ … │ block │ index │ bytes of the index, 4 bytes, lowest first
//!
//!  index: the number of blocks, then of each its bytes of contents and its bytes in the blob; all of them numbers
//! ```
//!
//! The index is the end of a blob, so that one pass writes it: who wants only some blocks fetches both ends first
//! ([`Index::ends`]). Must never give a block that does not lie inside of the blob.

use std::ops::Range;

use super::IN_BLOCKS;
use crate::{
    error::{BlobError, FrameError},
    patch::varint,
    read_at::ReadAt,
};

/// Blocks of a blob at most.
pub(super) const MAX_BLOCKS: usize = 4096;
/// Bytes of an index at most: two numbers of six bytes are two of up to 4 TiB.
const MAX_INDEX: u64 = 64 * 1024;
/// The size of the index, behind it.
const SIZE: usize = 4;

/// A run of files that can be unpacked without the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Its bytes in the contents.
    pub contents: Range<u64>,
    /// Its bytes in the blob.
    pub packed: Range<u64>,
}

/// The blocks of a blob, in order: together they make all contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index(Vec<Block>);

impl Index {
    /// One without blocks.
    pub(super) const fn begin() -> Self {
        Self(Vec::new())
    }

    /// Adds the next block.
    pub(super) fn push(&mut self, contents: u64, packed: u64) {
        let (from, at) = self
            .0
            .last()
            .map_or((0, IN_BLOCKS.len() as u64), |last| (last.contents.end, last.packed.end));
        let contents = from..from.saturating_add(contents);
        self.0.push(Block { contents, packed: at..at.saturating_add(packed) });
    }

    /// The blocks.
    pub fn blocks(&self) -> &[Block] {
        &self.0
    }

    /// The bytes of a blob of this size that say whether it has blocks, and which.
    pub fn ends(blob_size: u64) -> [Range<u64>; 2] {
        let from = blob_size.saturating_sub(MAX_INDEX + SIZE as u64);
        [0..blob_size.min(IN_BLOCKS.len() as u64), from..blob_size]
    }

    /// The end of a blob.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        varint::push(&mut bytes, self.0.len() as u64);
        for block in &self.0 {
            varint::push(&mut bytes, block.contents.end - block.contents.start);
            varint::push(&mut bytes, block.packed.end - block.packed.start);
        }
        let size = u32::try_from(bytes.len()).expect("a cut has few blocks");
        bytes.extend_from_slice(&size.to_le_bytes());
        bytes
    }

    /// Reads the index of a blob that unpacks to `contents` bytes; `None` if it has no blocks. Reads no byte but those
    /// of [`ends`](Self::ends).
    ///
    /// # Errors
    /// [`BlobError::Frame`] if the blob cannot be read, [`BlobError::Index`] if what stands there is none.
    pub fn read<B: ReadAt + ?Sized>(blob: &B, contents: u64) -> Result<Option<Self>, BlobError> {
        let size = blob.size();
        let mut magic = [0; IN_BLOCKS.len()];
        if size < magic.len() as u64 {
            return Ok(None);
        }
        read(blob, 0, &mut magic)?;
        if magic != IN_BLOCKS {
            return Ok(None);
        }
        let mut tail = [0; SIZE];
        let end = size.checked_sub(SIZE as u64).filter(|end| *end >= magic.len() as u64);
        let end = end.ok_or(bad("has no room for one"))?;
        read(blob, end, &mut tail)?;
        let len = u64::from(u32::from_le_bytes(tail));
        let at = end.checked_sub(len).filter(|_| len <= MAX_INDEX);
        let at = at.ok_or(bad("has no such size"))?;
        let mut bytes = vec![0; usize::try_from(len).expect("checked")];
        read(blob, at, &mut bytes)?;
        Self::decode(&bytes, contents, at).map(Some)
    }

    /// Reads an index that begins at this byte of its blob.
    fn decode(mut bytes: &[u8], contents: u64, at: u64) -> Result<Self, BlobError> {
        let mut number = || varint::take(&mut bytes).ok_or(bad("ends in a number"));
        let blocks = usize::try_from(number()?).unwrap_or(usize::MAX);
        if blocks > MAX_BLOCKS {
            return Err(bad("has more blocks than there may be"));
        }
        let mut index = Self::begin();
        for _ in 0..blocks {
            let (contents, packed) = (number()?, number()?);
            if contents == 0 || packed == 0 {
                return Err(bad("has an empty block"));
            }
            index.push(contents, packed);
        }
        let ends = index.0.last().map(|last| (last.contents.end, last.packed.end));
        match ends {
            _ if !bytes.is_empty() => Err(bad("goes on after its last block")),
            Some(ends) if ends == (contents, at) => Ok(index),
            _ => Err(bad("is not one of all contents and of all of the blob")),
        }
    }
}

const fn bad(what: &'static str) -> BlobError {
    BlobError::Index { what }
}

fn read<B: ReadAt + ?Sized>(blob: &B, at: u64, bytes: &mut [u8]) -> Result<(), BlobError> {
    let failed = |error| BlobError::Frame(FrameError::Source(error));
    blob.read_exact_at(at, bytes).map_err(failed)
}
