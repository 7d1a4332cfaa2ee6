//! What of a whole artifact need not be fetched: the blocks all of whose files lie here, whichever version they were
//! installed with. Knows no disk: where files are read is behind [`FilesHere`].
//!
//! ```text
//!  contents   a  b  c  │  d  e  │  f          here: a b c from 1.2.0, f from 1.1.0
//!  blocks         1    │    2   │  3          fetched: the chunks that 2 lies in, and both ends
//! ```
//!
//! Files are named by their digest alone. Nothing is believed of them: the contents that come out are compared with the
//! tree like all others.

use std::{
    io::{self, Write},
    ops::Range,
};

use updraft_protocol::{ChunkList, Digest, Tree};

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

    /// The files that have bytes among these, with the bytes of each, counted in the file.
    pub fn files(&self, contents: &Range<u64>) -> impl Iterator<Item = (Digest, Range<u64>)> {
        let Range { start, end } = *contents;
        let first = self.files.partition_point(|(file, _)| file.end <= start);
        self.files[first..].iter().take_while(move |(file, _)| file.start < end).map(
            move |(file, digest)| {
                let from = start.max(file.start) - file.start;
                (*digest, from..end.min(file.end) - file.start)
            },
        )
    }

    /// Whether all files of a block are among those for which `is_here` holds.
    pub fn is_here(&self, block: &Block, mut is_here: impl FnMut(&Digest) -> bool) -> bool {
        self.files(&block.contents).all(|(file, _)| is_here(&file))
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
    for (file, Range { start, end }) in layout.files(contents) {
        let mut at = start;
        while at < end {
            let len = usize::try_from(end - at).unwrap_or(usize::MAX).min(BUFFER);
            let piece = &mut buffer[..len];
            let lost = |source| AssembleError::File { file, source };
            files.read_exact_at(&file, at, piece).map_err(lost)?;
            out.write_all(piece).map_err(|error| AssembleError::Whole(BlobError::Write(error)))?;
            at += len as u64;
        }
    }
    Ok(())
}
