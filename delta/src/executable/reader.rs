//! Numbers out of a file that may be anything: every read is checked, and nothing is believed.

use std::cell::Cell;

/// The bytes of a possible executable.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    /// Where the last byte ends that was read, if anybody wants to know.
    read: Option<&'a Cell<usize>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, read: None }
    }

    /// Notes up to where it is read.
    pub(super) fn watched(bytes: &'a [u8], read: &'a Cell<usize>) -> Self {
        Self { bytes, read: Some(read) }
    }

    /// Number of bytes.
    pub(super) fn len(self) -> u64 {
        self.bytes.len() as u64
    }

    /// `len` bytes from `at` on, if they are all there.
    pub(super) fn bytes(self, at: u64, len: u64) -> Option<&'a [u8]> {
        let from = usize::try_from(at).ok()?;
        let to = usize::try_from(at.checked_add(len)?).ok()?;
        let found = self.bytes.get(from..to)?;
        self.note(to);
        Some(found)
    }

    fn note(self, to: usize) {
        if let Some(read) = self.read {
            read.set(read.get().max(to));
        }
    }

    fn array<const N: usize>(self, at: u64) -> Option<[u8; N]> {
        self.bytes(at, N as u64)?.try_into().ok()
    }

    pub(super) fn u16(self, at: u64) -> Option<u16> {
        self.array(at).map(u16::from_le_bytes)
    }

    pub(super) fn u32(self, at: u64) -> Option<u32> {
        self.array(at).map(u32::from_le_bytes)
    }

    pub(super) fn u64(self, at: u64) -> Option<u64> {
        self.array(at).map(u64::from_le_bytes)
    }

    /// The text at `at` up to its first zero byte, at most `most` bytes; empty where there is none.
    pub(super) fn text(self, at: u64, most: usize) -> &'a [u8] {
        let rest = usize::try_from(at).ok().and_then(|at| self.bytes.get(at..)).unwrap_or(&[]);
        let rest = &rest[..rest.len().min(most)];
        let text = rest.split(|byte| *byte == 0).next().unwrap_or(&[]);
        // With the zero byte behind it.
        self.note(
            usize::try_from(at)
                .map_or(0, |at| at.saturating_add(text.len() + 1))
                .min(self.bytes.len()),
        );
        text
    }
}
