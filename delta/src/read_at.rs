//! Bytes that are read by position: installed files, a blob in the store, or memory.
//!
//! A patch jumps about in the old contents, so they are neither loaded nor read in order. Nothing here writes,
//! and nothing reads past the size that was announced.

use std::io::{self, BufRead, Read};

/// What a [`Span`] holds in memory.
const SPAN_BUFFER: u64 = 32 * 1024;

/// Bytes of known size that can be read at any position.
pub trait ReadAt {
    /// Number of bytes; the same at every call.
    fn size(&self) -> u64;

    /// Fills `buf` with the bytes from `offset` on.
    ///
    /// Fails with `UnexpectedEof` when they go past [`size`](Self::size).
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()>;
}

impl ReadAt for [u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(offset).map_err(|_| past_the_end())?;
        let to = from.checked_add(buf.len()).ok_or_else(past_the_end)?;
        buf.copy_from_slice(self.get(from..to).ok_or_else(past_the_end)?);
        Ok(())
    }
}

impl ReadAt for Vec<u8> {
    fn size(&self) -> u64 {
        self.as_slice().size()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.as_slice().read_exact_at(offset, buf)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for &T {
    fn size(&self) -> u64 {
        (**self).size()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        (**self).read_exact_at(offset, buf)
    }
}

/// What follows the first bytes of something: a patch behind the mark of its file.
#[derive(Debug)]
pub struct Tail<S> {
    source: S,
    from: u64,
}

impl<S: ReadAt> Tail<S> {
    /// What follows the first `from` bytes of `source`; nothing if it has no more.
    pub const fn new(source: S, from: u64) -> Self {
        Self { source, from }
    }
}

impl<S: ReadAt> ReadAt for Tail<S> {
    fn size(&self) -> u64 {
        self.source.size().saturating_sub(self.from)
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let offset = self.from.checked_add(offset).ok_or_else(past_the_end)?;
        self.source.read_exact_at(offset, buf)
    }
}

pub(crate) fn past_the_end() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "read past the end")
}

/// A part of a [`ReadAt`], read in order.
#[derive(Debug)]
pub struct Span<'s, S: ?Sized> {
    source: &'s S,
    /// First byte that is not in `buffer`.
    offset: u64,
    end: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl<'s, S: ReadAt + ?Sized> Span<'s, S> {
    /// The whole of `source`.
    pub fn all(source: &'s S) -> Self {
        Self::new(source, 0, source.size())
    }

    /// The `len` bytes from `offset` on. Whether they exist shows when they are read.
    pub fn new(source: &'s S, offset: u64, len: u64) -> Self {
        Self { source, offset, end: offset.saturating_add(len), buffer: Vec::new(), used: 0 }
    }
}

impl<S: ReadAt + ?Sized> BufRead for Span<'_, S> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == self.buffer.len() {
            let len = (self.end - self.offset).min(SPAN_BUFFER);
            self.used = 0;
            self.buffer.clear();
            self.buffer.resize(usize::try_from(len).expect("at most SPAN_BUFFER"), 0);
            if let Err(error) = self.source.read_exact_at(self.offset, &mut self.buffer) {
                self.buffer.clear();
                return Err(error);
            }
            self.offset += len;
        }
        Ok(&self.buffer[self.used..])
    }

    fn consume(&mut self, amount: usize) {
        self.used = self.buffer.len().min(self.used + amount);
    }
}

impl<S: ReadAt + ?Sized> Read for Span<'_, S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let len = ready.len().min(buf.len());
        buf[..len].copy_from_slice(&ready[..len]);
        self.consume(len);
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_past_the_end_is_refused_whatever_the_numbers() {
        let bytes: &[u8] = b"0123456789";
        let mut buf = [0; 4];
        assert!(bytes.read_exact_at(6, &mut buf).is_ok());
        assert_eq!(&buf, b"6789");
        for offset in [7, 10, 11, u64::MAX] {
            assert!(bytes.read_exact_at(offset, &mut buf).is_err(), "{offset}");
        }
    }

    #[test]
    fn a_span_gives_its_bytes_and_no_others() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|i| i.to_le_bytes()[0]).collect();
        let mut read = Vec::new();
        Span::new(&bytes, 5, 70_000).read_to_end(&mut read).expect("in range");
        assert_eq!(read, bytes[5..70_005]);
    }

    #[test]
    fn a_span_past_the_end_fails_and_stays_failed() {
        let bytes = vec![1_u8; 10];
        let mut span = Span::new(&bytes, 5, 6);
        assert!(span.fill_buf().is_err());
        assert!(span.fill_buf().is_err());
    }
}
