//! Contents again, from a whole artifact. Must never write a byte more than was signed for.

use std::io::{self, BufRead, Read, Write};

use super::{BUFFER, Block, FILTERED, Index, WINDOW_LOG};
use crate::{
    error::{BlobError, FrameError},
    frame::FrameReader,
    patch::varint,
    read_at::{ReadAt, Span},
    whole::{self, Images, Undoing},
};

/// Unpacks a whole artifact into `out`: exactly `size` bytes, or an error.
///
/// `size` is the signed size of the contents. Takes at most a window of 128 MiB, a program of 64 MiB and small buffers.
/// What was written before an error is worth nothing. To stop early, let `out` fail.
pub fn decompress_whole<B: ReadAt + ?Sized>(
    blob: &B,
    size: u64,
    mut out: impl Write,
) -> Result<(), BlobError> {
    match Index::read(blob, size)? {
        None => unpack(Span::all(blob), size, &mut out)?,
        Some(index) => {
            for block in index.blocks() {
                decompress_block(blob, block, &mut out)?;
            }
        }
    }
    out.flush().map_err(BlobError::Write)
}

/// Unpacks one block of a whole artifact into `out`. Reads no other bytes of the blob, which may not be here.
pub fn decompress_block<B: ReadAt + ?Sized>(
    blob: &B,
    block: &Block,
    out: impl Write,
) -> Result<(), BlobError> {
    let packed = &block.packed;
    let span = Span::new(blob, packed.start, packed.end - packed.start);
    unpack(span, block.contents.end - block.contents.start, out)
}

/// Unpacks what has no blocks.
fn unpack(mut packed: impl BufRead, size: u64, mut out: impl Write) -> Result<(), BlobError> {
    let mut magic = [0; FILTERED.len()];
    let read = read_up_to(&mut packed, &mut magic)?;
    if magic != FILTERED {
        return decompress(magic[..read].chain(packed), size, out);
    }
    let short = || BlobError::Frame(FrameError::Short { expected: size, got: 0 });
    let got = read_number(&mut packed)?.ok_or_else(short)?;
    if got > whole::MAX_LIST {
        return Err(BlobError::LongList { got, limit: whole::MAX_LIST });
    }
    let mut list = vec![0; usize::try_from(got).expect("checked")];
    if read_up_to(&mut packed, &mut list)? < list.len() {
        return Err(short());
    }
    let contents = usize::try_from(size).unwrap_or(usize::MAX);
    let images =
        Images::read(&list, contents).map_err(|error| BlobError::Programs(Box::new(error)))?;
    decompress(packed, size, Undoing::new(&images, &mut out))
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
