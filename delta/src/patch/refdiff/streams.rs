//! The fast model for much: what is wrong, as two streams of bytes for a general compressor.
//!
//! One stream says how many bytes are as predicted before each that is not, the other by how much that one is
//! wrong. Where the same things go wrong in the same way again and again, as in tables that a compiler wrote,
//! the compressor finds it.

use super::{
    super::{
        streams::{Stream, StreamName, StreamSize},
        varint,
    },
    parts::Wrong,
    predict::Block,
    rebuild::{Model, New},
};
use crate::{error::PatchError, read_at::ReadAt};

/// Bytes of either stream up to which pieces are coded in halves. Both streams are held then, which the promise on
/// memory has to have room for; a patch with more is of a program of some hundred megabytes.
pub(super) const MAX_HALVES: usize = 8 * 1024 * 1024;

/// Gathers both streams while a patch is made.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) gaps: Vec<u8>,
    pub(super) values: Vec<u8>,
    since: u64,
}

impl Gathered {
    /// Appends what was gathered for what comes after.
    pub(super) fn and(mut self, after: &Self) -> Self {
        self.gaps.extend_from_slice(&after.gaps);
        self.values.extend_from_slice(&after.values);
        self
    }
}

impl Model for Gathered {
    fn block(&mut self, _: &[u8], new: &mut New<'_>, block: &Block) -> Result<(), PatchError> {
        if new.is(block.new, block.predicted()) {
            self.since += block.len as u64;
            return Ok(());
        }
        for (at, predicted) in block.predicted().iter().enumerate() {
            let value = new.truth(block.new + at).wrapping_sub(*predicted);
            if value == 0 {
                self.since += 1;
            } else {
                varint::push(&mut self.gaps, self.since);
                self.values.push(value);
                self.since = 0;
            }
        }
        Ok(())
    }
}

/// Follows both streams while one is applied.
#[derive(Debug)]
pub(super) struct Followed<'p, P: ReadAt + ?Sized> {
    gaps: Stream<'p, P>,
    values: Stream<'p, P>,
    /// Bytes up to the next wrong one, if there is one.
    next: Option<u64>,
    /// Wrong ones so far.
    wrong: u64,
}

impl<'p> Followed<'p, [u8]> {
    /// Follows streams that were unpacked.
    pub(super) fn unpacked(gaps: &'p [u8], values: &'p [u8]) -> Result<Self, PatchError> {
        let open = |name, bytes: &'p [u8]| {
            let len = bytes.len() as u64;
            Stream::open(bytes, name, 0, StreamSize { raw: len, packed: len })
        };
        Self::of(open(StreamName::Gaps, gaps)?, open(StreamName::Values, values)?)
    }
}

impl<'p, P: ReadAt + ?Sized> Followed<'p, P> {
    /// Follows streams where they lie in the patch.
    pub(super) fn new(patch: &'p P, wrong: &Wrong) -> Result<Self, PatchError> {
        Self::of(wrong.gaps.open(patch)?, wrong.values.open(patch)?)
    }

    fn of(gaps: Stream<'p, P>, values: Stream<'p, P>) -> Result<Self, PatchError> {
        let mut followed = Self { gaps, values, next: None, wrong: 0 };
        followed.advance()?;
        Ok(followed)
    }

    /// Checks that every byte was used.
    pub(super) fn finish(self) -> Result<(), PatchError> {
        // A wrong byte behind the last piece: one gap was taken whose value was not.
        if self.next.is_some() {
            return Err(PatchError::Unused {
                stream: StreamName::Values,
                left: self.values.remaining(),
            });
        }
        self.gaps.finish()?;
        self.values.finish()
    }

    fn advance(&mut self) -> Result<(), PatchError> {
        self.next =
            if self.gaps.remaining() == 0 { None } else { Some(self.gaps.number(self.wrong)?) };
        Ok(())
    }

    fn value(&mut self) -> Result<u8, PatchError> {
        if self.values.remaining() == 0 {
            return Err(PatchError::Overrun { record: self.wrong, got: 1, left: 0 });
        }
        self.wrong += 1;
        self.values.byte()
    }
}

impl<P: ReadAt + ?Sized> Model for Followed<'_, P> {
    fn block(&mut self, _: &[u8], new: &mut New<'_>, block: &Block) -> Result<(), PatchError> {
        let len = block.len as u64;
        new.set(block.new, block.predicted());
        let mut done = 0;
        while let Some(next) = self.next {
            if next >= len - done {
                self.next = Some(next - (len - done));
                break;
            }
            done += next;
            let at = usize::try_from(done).expect("within a block");
            let byte = block.bytes[at].wrapping_add(self.value()?);
            new.set(block.new + at, &[byte]);
            done += 1;
            self.advance()?;
        }
        Ok(())
    }
}
