//! Where contents are cut into blocks.
//!
//! Blocks are for machines that have some of the files already and no patch that leads from there: they fetch the blocks
//! that have other files. A cut costs everybody who fetches all of it what files on both sides of it have in common; so
//! there are few, between files, and none if they cost more than they may. Must never depend on anything but the contents.

use std::{
    io::{self, Read},
    mem,
};

use updraft_protocol::Tree;

use super::{Level, blocks::MAX_BLOCKS, copy_exactly, pack::options};
use crate::{error::BlobError, frame};

/// Bytes of a block's contents at least, but for small files before a large one and at the end. Below that, what is lost
/// at its edges is a larger share of what it saves, and chunks that lie on edges are fetched for nothing.
pub const LEAST_BLOCK: u64 = 8 * 1024 * 1024;
/// What blocks may cost together, in thousandths of the blob, as a quick compressor sees it.
const MAY_COST: u64 = 4;
/// The quick compressor.
const TRIAL: Level = Level::FAST;

/// How contents are divided: the bytes of each block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut(Vec<u64>);

impl Cut {
    /// All of them in one block.
    pub fn nowhere(contents: u64) -> Self {
        Self(vec![contents])
    }

    /// Between files of a tree, where that makes blocks large enough.
    pub fn between_files(tree: &Tree) -> Self {
        Self::every(LEAST_BLOCK, tree)
    }

    /// The same with blocks of so many bytes at least.
    pub fn every(least: u64, tree: &Tree) -> Self {
        let contents = tree.content_size();
        // Each large file makes two blocks at most: its own, and the one before it.
        let least = least.max(contents / (MAX_BLOCKS as u64 / 2) + 1);
        let (mut blocks, mut under_way) = (Vec::new(), 0_u64);
        for (_, _, bytes, _) in tree.files() {
            // A large file is a block of its own: small ones beside it change oftener.
            if under_way >= least || (bytes >= least && under_way > 0) {
                blocks.push(mem::take(&mut under_way));
            }
            under_way = under_way.saturating_add(bytes);
        }
        if under_way > 0 || blocks.is_empty() {
            blocks.push(under_way);
        }
        Self(blocks)
    }

    /// Bytes of each block, in order; at least one block.
    pub fn blocks(&self) -> &[u64] {
        &self.0
    }

    /// Bytes of all contents.
    pub fn contents(&self) -> u64 {
        self.0.iter().fold(0, |sum, block| sum.saturating_add(*block))
    }

    /// This cut if it costs little, or none. Reads contents twice, which `open` begins.
    ///
    /// # Errors
    /// Those of reading, and contents that are not as large as the cut.
    pub fn if_cheap<R: Read>(self, mut open: impl FnMut() -> R) -> Result<Self, BlobError> {
        if self.0.len() < 2 {
            return Ok(self);
        }
        let whole = trial(&mut open(), &[self.contents()])?;
        let apart = trial(&mut open(), &self.0)?;
        let most = u128::from(whole) * u128::from(1000 + MAY_COST) / 1000;
        let contents = self.contents();
        Ok(if u128::from(apart) <= most { self } else { Self::nowhere(contents) })
    }
}

/// Bytes of these blocks, quickly compressed.
fn trial(contents: &mut impl Read, blocks: &[u64]) -> Result<u64, BlobError> {
    let mut packed = Count(0);
    for block in blocks {
        let mut encoder =
            frame::writer(&mut packed, *block, options(TRIAL)).map_err(BlobError::Compress)?;
        copy_exactly(&mut contents.take(*block), *block, |bytes| {
            io::Write::write_all(&mut encoder, bytes).map_err(BlobError::Compress)
        })?;
        encoder.finish().map_err(BlobError::Compress)?;
    }
    Ok(packed.0)
}

/// Counts what is written.
struct Count(u64);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
