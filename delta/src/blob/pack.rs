//! Contents compressed whole. Must give the same bytes for the same contents, whatever machine does it.

use std::io::{Read, Write};

use updraft_protocol::ChunkList;

use super::{
    Cut, Cutter, Cutting, Described, FILTERED, IN_BLOCKS, Index, Level, WINDOW_LOG, copy_exactly,
};
use crate::{
    error::BlobError,
    frame::{self, FrameOptions},
    patch::varint,
    whole,
};

/// Below this the window of the level itself covers everything.
const LONG_DISTANCE_FROM: u64 = 8 * 1024 * 1024;
/// Blocks up to this size are looked through for programs: they are held in memory for it.
const LOOKED_THROUGH: u64 = 1024 * 1024 * 1024;

/// Compresses contents that are divided like this into `out`, and describes the blob on the way.
///
/// The same contents, cut and level give the same bytes with the same version of this crate. Chunks are cut for the size
/// of the contents, which the blob practically never exceeds, because its own size is not known before the end. A block
/// of up to 1 GiB is held in memory, to find programs in it; larger ones are compressed as they are.
pub fn compress_whole(
    mut contents: impl Read,
    cut: &Cut,
    level: Level,
    out: impl Write,
) -> Result<Described, BlobError> {
    let size = cut.contents();
    let cutter = Cutter::new(ChunkList::chunk_size_for(size));
    let mut out = Cutting { out, cutter, failed: false };
    if let [size] = cut.blocks() {
        compress_block(contents, *size, level, &mut out)?;
    } else {
        out.write_all(&IN_BLOCKS).map_err(BlobError::Write)?;
        let mut index = Index::begin();
        for block in cut.blocks() {
            let before = out.cutter.size;
            compress_block(contents.by_ref().take(*block), *block, level, &mut out)?;
            index.push(*block, out.cutter.size - before);
        }
        // Contents that go on are others than those that were announced.
        copy_exactly(&mut contents, 0, |_| Ok(())).map_err(|error| match error {
            BlobError::Size { got, .. } => {
                BlobError::Size { expected: size, got: size.saturating_add(got) }
            }
            other => other,
        })?;
        out.write_all(&index.encode()).map_err(BlobError::Write)?;
    }
    out.flush().map_err(BlobError::Write)?;
    out.cutter.finish()
}

/// Compresses contents of `size` bytes in one of the forms that have no blocks.
fn compress_block<W: Write>(
    mut contents: impl Read,
    size: u64,
    level: Level,
    out: &mut Cutting<W>,
) -> Result<(), BlobError> {
    if size > LOOKED_THROUGH {
        return compress(contents, size, level, out);
    }
    let mut held = Vec::with_capacity(usize::try_from(size).expect("checked"));
    copy_exactly(&mut contents, size, |bytes| {
        held.extend_from_slice(bytes);
        Ok(())
    })?;
    let list = whole::to_addresses(&mut held);
    if let Some(list) = list.map_err(|error| BlobError::Programs(Box::new(error)))? {
        let mut head = FILTERED.to_vec();
        varint::push(&mut head, list.len() as u64);
        head.extend_from_slice(&list);
        out.write_all(&head).map_err(BlobError::Write)?;
    }
    compress(&*held, size, level, out)
}

/// Compresses contents of `size` bytes as they are.
fn compress<W: Write>(
    mut contents: impl Read,
    size: u64,
    level: Level,
    out: &mut Cutting<W>,
) -> Result<(), BlobError> {
    let options = options(level);
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
    encoder.finish().map_err(BlobError::Write)?;
    Ok(())
}

pub(super) const fn options(level: Level) -> FrameOptions {
    FrameOptions { level: level.0, window_log: WINDOW_LOG, long_distance_from: LONG_DISTANCE_FROM }
}
