//! A patch: what turns one version's contents into the next one's.
//!
//! ```text
//!  header.rs   magic, codec, sizes and checks of old and new; the rest is the codec's business
//!  plain.rs    codec 1: bsdiff in five streams, each stored or one zstd frame       streams.rs
//!  body.rs     behind the header: where each part lies, and how it is read
//!  parts.rs    which part of a patch takes how many bytes
//!  refdiff/    codecs 2 and 3: what changes when code moves is predicted, not said
//! ```
//!
//! Whoever made a patch, applying it ends in exactly the announced bytes or in a [`PatchError`]; memory and
//! work are bounded by the signed size of the new contents before the first byte of a stream is read.

mod body;
mod header;
mod parts;
mod plain;
mod refdiff;
mod streams;
pub(crate) mod varint;

#[cfg(test)]
mod tests;

pub use header::{Check, Header};
pub use parts::{Part, PartName, parts};
pub(crate) use refdiff::{Told, follow, new_images as code_images};
pub use streams::{StreamName, StreamSize, WINDOW_LOG_CONTROL, WINDOW_LOG_DATA};

use std::io::Write;

use updraft_protocol::{Digest, Hasher, PatchCodec};

use crate::{
    blob::Level,
    error::{CreateError, PatchError},
    matching,
    read_at::ReadAt,
};

/// Old or new contents of one patch. A larger release travels whole.
pub const MAX_SIDE: u64 = 2 * 1024 * 1024 * 1024;

/// What a patch may say about positions and lengths beyond one byte for each byte it writes: records of a few
/// bytes are rare, and a patch of nothing else would not be smaller than the whole.
pub const CONTROL_ALLOWANCE: u64 = 1024 * 1024;

/// Bytes of old contents hashed or written at a time.
const BUFFER: usize = 64 * 1024;

/// Old and new contents together, of codecs that hold both in memory: what they compare of them, with compressed
/// streams unpacked.
pub const MAX_IN_MEMORY: u64 = 1024 * 1024 * 1024;

/// How a patch is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How it is encoded.
    pub codec: PatchCodec,
    /// How hard streams are compressed.
    pub level: Level,
}

impl Options {
    /// A patch of this codec, its streams compressed as for publishing.
    pub fn new(codec: PatchCodec) -> Self {
        Self { codec, level: Level::PUBLISH }
    }
}

/// What the signed manifest says about a patch; the patch may not say anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// Its codec.
    pub codec: PatchCodec,
    /// Bytes of the contents it makes.
    pub new_size: u64,
}

/// Contents that were written in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// Bytes written.
    pub size: u64,
    /// Their digest. Its beginning is what the patch announced.
    pub digest: Digest,
}

/// Makes the patch from `old` to `new`: the same bytes for the same input on any number of threads.
///
/// Takes up to twelve times both sides in memory and 64 MiB. A failure means no patch, never a bad release.
pub fn create(old: &[u8], new: &[u8], options: &Options) -> Result<Vec<u8>, CreateError> {
    create_all(old, new, &[options.codec], options.level).pop().expect("one for each codec")
}

/// Makes patches of several codecs. What they have in common is done once.
pub fn create_all(
    old: &[u8],
    new: &[u8],
    codecs: &[PatchCodec],
    level: Level,
) -> Vec<Result<Vec<u8>, CreateError>> {
    let mut comparison = None;
    codecs
        .iter()
        .map(|codec| {
            within(old.len().max(new.len()) as u64, MAX_SIDE)?;
            let mut patch = Vec::new();
            Header::of(*codec, old, new).write(&mut patch);
            match codec {
                PatchCodec::BsdiffZstd => {
                    let equivalences = matching::equivalences(old, new)?;
                    plain::encode(old, new, &equivalences, level, &mut patch)?;
                }
                PatchCodec::RefdiffFast => {
                    compared(&mut comparison, old, new)?.fast(level, &mut patch)?;
                }
                PatchCodec::RefdiffDense => {
                    compared(&mut comparison, old, new)?.dense(level, &mut patch)?;
                }
            }
            Ok(patch)
        })
        .collect()
}

/// The comparison of both sides, made when it is asked for first.
fn compared<'c>(
    made: &'c mut Option<refdiff::Comparison>,
    old: &[u8],
    new: &[u8],
) -> Result<&'c refdiff::Comparison, CreateError> {
    Ok(match made {
        Some(comparison) => comparison,
        none => none.insert(refdiff::Comparison::of(old, new)?),
    })
}

fn within(got: u64, limit: u64) -> Result<(), CreateError> {
    if got > limit { Err(CreateError::TooLarge { got, limit }) } else { Ok(()) }
}

/// Reads the header of a patch without applying it. Checks what needs neither old contents nor a manifest.
pub fn inspect<P: ReadAt + ?Sized>(patch: &P) -> Result<Header, PatchError> {
    Header::read(patch)
}

/// Applies a patch: reads `old` by position and writes the new contents in order.
///
/// Takes at most 48 MiB of memory for a plain patch, whatever the sizes; for the others what they compare of both
/// sides, with compressed streams unpacked, what of the patch is coded bit by bit, and 64 MiB; one that is nothing but
/// equivalences, as many as it may have, up to three times the new contents more. Streams of a patch are read where they
/// lie. Reads all of `old` once before it writes anything, to refuse contents that the patch is not for. What was
/// written before an error is worth nothing. To stop early, let `out` fail.
pub fn apply<O, P, W>(
    old: &O,
    patch: &P,
    expected: &Expected,
    out: W,
) -> Result<Applied, PatchError>
where
    O: ReadAt + ?Sized,
    P: ReadAt + Sync + ?Sized,
    W: Write,
{
    let header = right_header(old, patch, expected)?;
    check_base(&header, &digest_of(old)?)?;
    let mut output = Output::new(out, header.new_size);
    match header.codec {
        PatchCodec::BsdiffZstd => plain::decode(old, patch, &header, &mut output)?,
        PatchCodec::RefdiffFast | PatchCodec::RefdiffDense => {
            refdiff::decode(old, patch, &header, &mut output)?;
        }
    }
    output.finish(&header)
}

/// Bytes of the new contents that a patch of codec 2 or 3 codes by themselves.
pub(crate) fn literals(old: &[u8], patch: &[u8], expected: &Expected) -> Result<usize, PatchError> {
    refdiff::literals(old, patch, &right_header(old, patch, expected)?)
}

/// The header of a patch that is what it should be and for contents of this size.
fn right_header<O, P>(old: &O, patch: &P, expected: &Expected) -> Result<Header, PatchError>
where
    O: ReadAt + ?Sized,
    P: ReadAt + ?Sized,
{
    let header = Header::read(patch)?;
    if header.codec != expected.codec {
        return Err(PatchError::OtherCodec { signed: expected.codec, got: header.codec });
    }
    if header.new_size != expected.new_size {
        return Err(PatchError::OtherSize { signed: expected.new_size, got: header.new_size });
    }
    if header.old_size != old.size() {
        return Err(PatchError::OtherBaseSize { expected: header.old_size, got: old.size() });
    }
    Ok(header)
}

fn check_base(header: &Header, got: &Digest) -> Result<(), PatchError> {
    let (expected, got) = (header.old_check, Check::of(got));
    if expected == got { Ok(()) } else { Err(PatchError::OtherBase { expected, got }) }
}

fn digest_of<O: ReadAt + ?Sized>(old: &O) -> Result<Digest, PatchError> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; piece(old.size())];
    let mut offset = 0;
    while offset < old.size() {
        let len = piece(old.size() - offset);
        old.read_exact_at(offset, &mut buffer[..len])
            .map_err(|source| PatchError::ReadOld { offset, source })?;
        hasher.update(&buffer[..len]);
        offset += len as u64;
    }
    Ok(hasher.finish())
}

/// The part of `left` that fits into a buffer.
fn piece(left: u64) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(BUFFER)
}

/// Counts and hashes the new contents on their way out. Codecs check what they write against `left` first.
#[derive(Debug)]
struct Output<W> {
    out: W,
    hasher: Hasher,
    left: u64,
    /// Not yet hashed and written: a patch has many records of a few bytes, and writing each costs a call.
    /// Never longer than [`BUFFER`].
    waiting: Vec<u8>,
}

impl<W: Write> Output<W> {
    fn new(out: W, size: u64) -> Self {
        Self { out, hasher: Hasher::new(), left: size, waiting: Vec::with_capacity(piece(size)) }
    }

    /// Takes at most [`BUFFER`] bytes, and no more than are left.
    fn write(&mut self, bytes: &[u8]) -> Result<(), PatchError> {
        self.left -= bytes.len() as u64;
        if self.waiting.len() + bytes.len() > BUFFER {
            self.pass_on()?;
        }
        self.waiting.extend_from_slice(bytes);
        Ok(())
    }

    fn pass_on(&mut self) -> Result<(), PatchError> {
        self.hasher.update(&self.waiting);
        self.out.write_all(&self.waiting).map_err(PatchError::Write)?;
        self.waiting.clear();
        Ok(())
    }

    fn finish(mut self, header: &Header) -> Result<Applied, PatchError> {
        self.pass_on()?;
        let digest = self.hasher.finish();
        let (expected, got) = (header.new_check, Check::of(&digest));
        if expected != got {
            return Err(PatchError::WrongResult { expected, got });
        }
        self.out.flush().map_err(PatchError::Write)?;
        Ok(Applied { size: header.new_size, digest })
    }
}
