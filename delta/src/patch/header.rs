//! The header of a patch, byte by byte.
//!
//! | bytes | what |
//! |---|---|
//! | 7 | `updelta` |
//! | 1 | codec: 1 is plain bsdiff and zstd |
//! | number | size of the old contents |
//! | number | size of the new contents |
//! | 32 | BLAKE3 of the old contents |
//! | 32 | BLAKE3 of the new contents |
//! | 5 × 2 numbers | each stream's size when unpacked, and as it is in the patch |
//!
//! Numbers are LEB128: seven bits a byte, lowest first, the shortest form only. The streams follow without a
//! gap and end the patch. A header that does not add up is refused here, before anything else is read.

use updraft_protocol::{Digest, PatchCodec};

use super::{CONTROL_ALLOWANCE, MAX_SIDE, streams::StreamName, varint};
use crate::{error::PatchError, read_at::ReadAt};

const MAGIC: [u8; 7] = *b"updelta";
/// Magic and codec, two sizes, two digests, two sizes for each stream; a number takes ten bytes at most.
const MAX_HEADER: usize = 8 + 2 * 10 + 2 * 32 + StreamName::ALL.len() * 2 * 10;

/// Sizes of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamSize {
    /// Bytes when unpacked.
    pub raw: u64,
    /// Bytes in the patch: the same as `raw` when it is stored as it is, fewer when it is a zstd frame.
    pub packed: u64,
}

/// What a patch says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// How the streams are to be read.
    pub codec: PatchCodec,
    /// Bytes of the contents it starts from.
    pub old_size: u64,
    /// Bytes of the contents it makes.
    pub new_size: u64,
    /// Digest of the contents it starts from.
    pub old_digest: Digest,
    /// Digest of the contents it makes.
    pub new_digest: Digest,
    /// Sizes of the streams, in the order of [`StreamName::ALL`].
    pub streams: [StreamSize; StreamName::ALL.len()],
    /// Where the first stream begins.
    pub(super) streams_at: u64,
}

impl Header {
    /// The sizes of one stream.
    pub fn stream(&self, name: StreamName) -> StreamSize {
        self.streams[name.index()]
    }

    /// Writes the header in front of its streams.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&MAGIC);
        out.push(codec_number(self.codec));
        varint::push(out, self.old_size);
        varint::push(out, self.new_size);
        out.extend_from_slice(self.old_digest.as_bytes());
        out.extend_from_slice(self.new_digest.as_bytes());
        for stream in &self.streams {
            varint::push(out, stream.raw);
            varint::push(out, stream.packed);
        }
    }

    /// Reads the header and refuses one whose numbers do not fit each other or the patch's own size.
    pub(super) fn read<P: ReadAt + ?Sized>(patch: &P) -> Result<Self, PatchError> {
        let mut bytes = [0; MAX_HEADER];
        let len = usize::try_from(patch.size()).unwrap_or(usize::MAX).min(MAX_HEADER);
        patch.read_exact_at(0, &mut bytes[..len]).map_err(PatchError::ReadPatch)?;
        let mut fields = Fields { rest: &bytes[..len] };
        if fields.array::<7>("magic").ok() != Some(MAGIC) {
            return Err(PatchError::NotAPatch);
        }
        let [number] = fields.array("codec")?;
        let codec = codec_of(number).ok_or(PatchError::UnknownCodec { got: number })?;
        let old_size = fields.number("old size")?;
        let new_size = fields.number("new size")?;
        let old_digest = Digest::from_bytes(fields.array("old digest")?);
        let new_digest = Digest::from_bytes(fields.array("new digest")?);
        let mut streams = [StreamSize::default(); StreamName::ALL.len()];
        for stream in &mut streams {
            stream.raw = fields.number("stream sizes")?;
            stream.packed = fields.number("stream sizes")?;
        }
        let streams_at = (len - fields.rest.len()) as u64;
        let header =
            Self { codec, old_size, new_size, old_digest, new_digest, streams, streams_at };
        header.adds_up(patch.size()).map(|()| header)
    }

    fn adds_up(&self, patch_size: u64) -> Result<(), PatchError> {
        for got in [self.old_size, self.new_size] {
            if got > MAX_SIDE {
                return Err(PatchError::TooLarge { got, limit: MAX_SIDE });
            }
        }
        let refuse = |stream, got, limit| Err(PatchError::StreamSize { stream, got, limit });
        for name in StreamName::ALL {
            let StreamSize { raw, packed } = self.stream(name);
            if packed > raw || (packed == 0 && raw > 0) {
                return refuse(name, packed, raw);
            }
        }
        let control = self.sum(&[StreamName::Seek, StreamName::Add, StreamName::Copy]);
        let most = control_limit(self.new_size);
        if control > most {
            return refuse(StreamName::Copy, control, most);
        }
        // Each new byte is a difference or an extra byte, and never both.
        let data = self.sum(&[StreamName::Diff, StreamName::Extra]);
        if data != self.new_size {
            return refuse(StreamName::Extra, data, self.new_size);
        }
        let packed = self.streams.iter().fold(0_u64, |sum, s| sum.saturating_add(s.packed));
        let expected = packed.saturating_add(self.streams_at);
        if expected != patch_size {
            return Err(PatchError::Length { expected, got: patch_size });
        }
        Ok(())
    }

    fn sum(&self, names: &[StreamName]) -> u64 {
        names.iter().fold(0, |sum: u64, name| sum.saturating_add(self.stream(*name).raw))
    }
}

/// The most bytes of control data that a patch for `new_size` bytes may have.
pub(super) const fn control_limit(new_size: u64) -> u64 {
    new_size.saturating_add(CONTROL_ALLOWANCE)
}

fn codec_number(codec: PatchCodec) -> u8 {
    match codec {
        PatchCodec::BsdiffZstd => 1,
    }
}

fn codec_of(number: u8) -> Option<PatchCodec> {
    match number {
        1 => Some(PatchCodec::BsdiffZstd),
        _ => None,
    }
}

/// What is left of a header.
struct Fields<'a> {
    rest: &'a [u8],
}

impl Fields<'_> {
    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], PatchError> {
        let (first, rest) =
            self.rest.split_first_chunk::<N>().ok_or(PatchError::ShortHeader { field })?;
        self.rest = rest;
        Ok(*first)
    }

    fn number(&mut self, field: &'static str) -> Result<u64, PatchError> {
        let mut number = varint::Partial::default();
        loop {
            let [byte] = self.array(field)?;
            match number.push(byte) {
                varint::Step::More => {}
                varint::Step::Done(value) => return Ok(value),
                varint::Step::Bad => return Err(PatchError::BadNumber { field }),
            }
        }
    }
}
