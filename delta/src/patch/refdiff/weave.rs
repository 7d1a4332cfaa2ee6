//! Changed contents and unchanged ones, put together in their order.

use std::io::{self, Write};

use super::{
    super::{BUFFER, Output},
    unchanged::Unchanged,
};
use crate::{error::PatchError, matching::Equivalence, read_at::ReadAt, tree::keep};

/// Takes what changed, one piece after the other, and writes what did not between them.
pub(super) struct Weaving<'a, O: ?Sized, W> {
    old: &'a O,
    /// Stretches that were not written yet, the next one first.
    stretches: &'a [Equivalence],
    out: &'a mut Output<W>,
    /// Bytes of the new contents that were written.
    at: usize,
    failure: Option<PatchError>,
}

impl<'a, O: ReadAt + ?Sized, W: Write> Weaving<'a, O, W> {
    pub(super) fn new(old: &'a O, unchanged: &'a Unchanged, out: &'a mut Output<W>) -> Self {
        Self { old, stretches: unchanged.stretches(), out, at: 0, failure: None }
    }

    /// Why writing failed, if it did.
    pub(super) fn failure(&mut self) -> Option<PatchError> {
        self.failure.take()
    }

    /// Writes what stands after the last changed byte.
    pub(super) fn finish(mut self) -> Result<(), PatchError> {
        self.copy_unchanged()
    }

    fn copy_unchanged(&mut self) -> Result<(), PatchError> {
        while let Some((stretch, rest)) = self.stretches.split_first()
            && stretch.new == self.at
        {
            let mut buffer = vec![0; BUFFER.min(stretch.len)];
            let mut done = 0;
            while done < stretch.len {
                let part = &mut buffer[..BUFFER.min(stretch.len - done)];
                let offset = (stretch.old + done) as u64;
                self.old
                    .read_exact_at(offset, part)
                    .map_err(|source| PatchError::ReadOld { offset, source })?;
                self.write_out(part)?;
                done += part.len();
            }
            self.at += stretch.len;
            self.stretches = rest;
        }
        Ok(())
    }

    /// Writes at most a buffer, and no more than the header says.
    fn write_out(&mut self, part: &[u8]) -> Result<(), PatchError> {
        let (got, left) = (part.len() as u64, self.out.left);
        if got > left {
            return Err(PatchError::TooLong { got, left });
        }
        self.out.write(part)
    }

    fn take(&mut self, mut bytes: &[u8]) -> Result<(), PatchError> {
        while !bytes.is_empty() {
            self.copy_unchanged()?;
            let until = self.stretches.first().map_or(usize::MAX, |stretch| stretch.new);
            let len = bytes.len().min(until - self.at).min(BUFFER);
            let (part, rest) = bytes.split_at(len);
            self.write_out(part)?;
            self.at += len;
            bytes = rest;
        }
        Ok(())
    }
}

impl<O: ReadAt + ?Sized, W: Write> Write for Weaving<'_, O, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        keep(self.take(bytes), &mut self.failure).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
