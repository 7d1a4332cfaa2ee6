//! The header of a patch, byte by byte.
//!
//! | bytes | what |
//! |---|---|
//! | 3 | `UpD` |
//! | 1 | codec: 1 bsdiff and zstd, 2 refdiff fast, 3 refdiff dense; never 70 ([`crate::folder::MARK`]) |
//! | number | size of the old contents |
//! | number | size of the new contents |
//! | 8 | check of the old contents: the beginning of their BLAKE3 |
//! | 8 | check of the new contents |
//!
//! Numbers are LEB128: seven bits a byte, lowest first, the shortest form only. What follows is the codec's.
//!
//! Checks are against accidents: the wrong old version, a damaged patch. A patch that was made to deceive says
//! what it likes about itself, so whoever has to fear one compares the result with a digest that was signed. Eight
//! bytes let one accident of 10^19 through; digests of 32 would be larger than many a patch.

use std::fmt;

use updraft_protocol::{Digest, PatchCodec};

use super::{MAX_SIDE, varint};
use crate::{error::PatchError, read_at::ReadAt};

const MAGIC: [u8; 3] = *b"UpD";
/// Magic and codec, two sizes of at most ten bytes, two checks.
const MAX_HEADER: usize = 4 + 2 * 10 + 2 * CHECK;
const CHECK: usize = 8;

/// The beginning of a digest: enough to notice an accident.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Check([u8; CHECK]);

impl Check {
    /// The check of contents with this digest.
    pub fn of(digest: &Digest) -> Self {
        let first = digest.as_bytes().first_chunk().expect("a digest has 32 bytes");
        Self(*first)
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Check({self})")
    }
}

/// What every patch says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// How it is encoded.
    pub codec: PatchCodec,
    /// Bytes of the contents it starts from.
    pub old_size: u64,
    /// Bytes of the contents it makes.
    pub new_size: u64,
    /// Check of the contents it starts from.
    pub old_check: Check,
    /// Check of the contents it makes.
    pub new_check: Check,
    /// Bytes of the header itself.
    pub(super) len: u64,
}

impl Header {
    /// The header of a patch between these contents.
    pub(super) fn of(codec: PatchCodec, old: &[u8], new: &[u8]) -> Self {
        Self {
            codec,
            old_size: old.len() as u64,
            new_size: new.len() as u64,
            old_check: Check::of(&Digest::of(old)),
            new_check: Check::of(&Digest::of(new)),
            len: 0,
        }
    }

    /// Writes the header in front of what its codec has to say.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&MAGIC);
        out.push(codec_number(self.codec));
        varint::push(out, self.old_size);
        varint::push(out, self.new_size);
        out.extend_from_slice(&self.old_check.0);
        out.extend_from_slice(&self.new_check.0);
    }

    /// Reads the header.
    pub(super) fn read<P: ReadAt + ?Sized>(patch: &P) -> Result<Self, PatchError> {
        let mut fields = Fields::<MAX_HEADER>::read(patch, 0)?;
        if fields.array::<3>("magic").ok() != Some(MAGIC) {
            return Err(PatchError::NotAPatch);
        }
        let [number] = fields.array("codec")?;
        let codec = codec_of(number).ok_or(PatchError::UnknownCodec { got: number })?;
        let old_size = fields.number("old size")?;
        let new_size = fields.number("new size")?;
        for got in [old_size, new_size] {
            if got > MAX_SIDE {
                return Err(PatchError::TooLarge { got, limit: MAX_SIDE });
            }
        }
        let old_check = Check(fields.array("old check")?);
        let new_check = Check(fields.array("new check")?);
        Ok(Self { codec, old_size, new_size, old_check, new_check, len: fields.taken() })
    }
}

fn codec_number(codec: PatchCodec) -> u8 {
    match codec {
        PatchCodec::BsdiffZstd => 1,
        PatchCodec::RefdiffFast => 2,
        PatchCodec::RefdiffDense => 3,
    }
}

fn codec_of(number: u8) -> Option<PatchCodec> {
    match number {
        1 => Some(PatchCodec::BsdiffZstd),
        2 => Some(PatchCodec::RefdiffFast),
        3 => Some(PatchCodec::RefdiffDense),
        _ => None,
    }
}

/// At most `MOST` bytes of a patch, read field by field.
#[derive(Debug)]
pub(super) struct Fields<const MOST: usize> {
    bytes: [u8; MOST],
    len: usize,
    taken: usize,
}

impl<const MOST: usize> Fields<MOST> {
    /// The bytes from `at` on.
    pub(super) fn read<P: ReadAt + ?Sized>(patch: &P, at: u64) -> Result<Self, PatchError> {
        let mut bytes = [0; MOST];
        let left = patch.size().saturating_sub(at);
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(MOST);
        patch.read_exact_at(at, &mut bytes[..len]).map_err(PatchError::ReadPatch)?;
        Ok(Self { bytes, len, taken: 0 })
    }

    /// Bytes of the fields so far.
    pub(super) fn taken(&self) -> u64 {
        self.taken as u64
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], PatchError> {
        let rest = &self.bytes[self.taken..self.len];
        let first = rest.first_chunk::<N>().ok_or(PatchError::ShortHeader { field })?;
        self.taken += N;
        Ok(*first)
    }

    /// A number in its shortest form.
    pub(super) fn number(&mut self, field: &'static str) -> Result<u64, PatchError> {
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
