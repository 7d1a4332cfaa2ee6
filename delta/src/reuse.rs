//! What of a whole artifact need not be fetched: the blocks all of whose files lie here, whichever version they were
//! installed with. Knows no disk: where files are read is behind [`FilesHere`].
//!
//! ```text
//!  contents   a  b  c  │  d  e  │  f          here: a b c from 1.2.0, f from 1.1.0
//!  blocks         1    │    2   │  3          fetched: the chunks that 2 lies in, and both ends
//! ```
//!
//! Files are named by their digest alone, and nothing is believed of them: each is hashed while it is copied, and the
//! contents that come out are compared with the tree like all others.

use std::{
    io::{self, Write},
    ops::Range,
};

use updraft_protocol::{ChunkList, Digest, Hasher, Tree};

use crate::{
    blob::{Block, Index, decompress_block},
    error::{AssembleError, BlobError},
    read_at::ReadAt,
};

/// Bytes of a file moved at a time.
const BUFFER: usize = 128 * 1024;

/// Files that lie on this machine, by their digest.
pub trait FilesHere {
    /// Fills `buf` with the bytes of a file from `offset` on.
    ///
    /// # Errors
    /// `NotFound` if no such file lies here, `UnexpectedEof` past its end.
    fn read_exact_at(&self, file: &Digest, offset: u64, buf: &mut [u8]) -> io::Result<()>;
}

/// Which bytes of the contents are which file's.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Files that are not empty, ascending.
    files: Vec<(Range<u64>, Digest)>,
}

impl Layout {
    /// That of a tree.
    pub fn of(tree: &Tree) -> Self {
        let mut files = Vec::new();
        let mut from = 0_u64;
        for (_, _, bytes, digest) in tree.files().filter(|(_, _, bytes, _)| *bytes > 0) {
            let end = from.saturating_add(bytes);
            files.push((from..end, digest));
            from = end;
        }
        Self { files }
    }

    /// The files that these bytes are, each with its size; `None` if they begin or end within one, as no block of an
    /// honest publisher does.
    pub fn files(&self, contents: &Range<u64>) -> Option<impl Iterator<Item = (Digest, u64)>> {
        let first = self.files.partition_point(|(file, _)| file.end <= contents.start);
        let after = self.files.partition_point(|(file, _)| file.start < contents.end);
        let files = self.files.get(first..after).filter(|files| {
            let from = files.first().map(|(file, _)| file.start);
            let to = files.last().map(|(file, _)| file.end);
            (from, to) == (Some(contents.start), Some(contents.end))
        })?;
        Some(files.iter().map(|(file, digest)| (*digest, file.end - file.start)))
    }

    /// Whether a block is whole files, and all of them are among those for which `is_here` holds.
    pub fn is_here(&self, block: &Block, mut is_here: impl FnMut(&Digest) -> bool) -> bool {
        let files = self.files(&block.contents);
        files.is_some_and(|mut files| files.all(|(file, _)| is_here(&file)))
    }
}

/// Which chunks of a blob have bytes of these ranges.
pub fn chunks_of(list: &ChunkList, ranges: impl IntoIterator<Item = Range<u64>>) -> Vec<bool> {
    let mut wanted = vec![false; list.digests.len()];
    let size = u64::from(list.chunk_size);
    for Range { start, end } in ranges.into_iter().filter(|range| range.start < range.end) {
        let place = |byte: u64| usize::try_from(byte / size).unwrap_or(usize::MAX);
        let last = place(end - 1).min(wanted.len().saturating_sub(1));
        if let Some(flags) = wanted.get_mut(place(start)..=last) {
            flags.fill(true);
        }
    }
    wanted
}

/// Writes the contents of a release into `out`: the blocks that were fetched from the blob, the others from files. A
/// block was fetched if `fetched` says so; of a blob that lies here in part, no other byte is read.
///
/// What was written before an error is worth nothing.
pub fn assemble_blocks<B: ReadAt + ?Sized>(
    blob: &B,
    tree: &Tree,
    mut fetched: impl FnMut(&Block) -> bool,
    files: &(impl FilesHere + ?Sized),
    mut out: impl Write,
) -> Result<(), AssembleError> {
    let layout = Layout::of(tree);
    let index = Index::read(blob, tree.content_size()).map_err(AssembleError::Whole)?;
    let index = index.ok_or(AssembleError::Whole(BlobError::Index { what: "is not there" }))?;
    for block in index.blocks() {
        if fetched(block) {
            decompress_block(blob, block, &mut out).map_err(AssembleError::Whole)?;
        } else {
            copy(&layout, &block.contents, files, &mut out)?;
        }
    }
    out.flush().map_err(|error| AssembleError::Whole(BlobError::Write(error)))
}

/// Writes these bytes of the contents from files.
fn copy(
    layout: &Layout,
    contents: &Range<u64>,
    files: &(impl FilesHere + ?Sized),
    out: &mut impl Write,
) -> Result<(), AssembleError> {
    let mut buffer = vec![0; BUFFER];
    let cut = AssembleError::Whole(BlobError::Index { what: "cuts a file" });
    for (file, size) in layout.files(contents).ok_or(cut)? {
        let lost = |source| AssembleError::File { file, source };
        let (mut hasher, mut at) = (Hasher::new(), 0);
        while at < size {
            let len = usize::try_from(size - at).unwrap_or(usize::MAX).min(BUFFER);
            let piece = &mut buffer[..len];
            files.read_exact_at(&file, at, piece).map_err(lost)?;
            hasher.update(piece);
            out.write_all(piece).map_err(|error| AssembleError::Whole(BlobError::Write(error)))?;
            at += len as u64;
        }
        // Said here and not when all contents are compared: this is no fault of the blob.
        if hasher.finish() != file {
            let changed = io::Error::new(io::ErrorKind::InvalidData, "it is another file by now");
            return Err(lost(changed));
        }
    }
    Ok(())
}
