//! Bits of a deflate stream, lowest first: read with every end checked, written the one way there is.
//!
//! Must never read past its bytes or hand out a bit that was not there.

use std::ops::Range;

use crate::error::StreamError;

/// Reads bits.
#[derive(Debug, Clone)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// The next byte that is not in `word` yet.
    at: usize,
    word: u64,
    /// Bits of `word` that are there; those above are zero.
    have: u32,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, word: 0, have: 0 }
    }

    /// Makes 48 bits ready, or all that are left: the longest token has 15 + 5 + 15 + 13.
    #[inline]
    pub(super) fn fill(&mut self) {
        if self.have >= 48 {
            return;
        }
        if let Some(Ok(eight)) = self.bytes.get(self.at..self.at + 8).map(<[u8; 8]>::try_from) {
            let bytes = (63 - self.have) / 8;
            self.word |= u64::from_le_bytes(eight) << self.have;
            self.at += bytes as usize;
            self.have += 8 * bytes;
            self.word &= u64::MAX >> (64 - self.have);
            return;
        }
        while self.have <= 56
            && let Some(byte) = self.bytes.get(self.at)
        {
            self.word |= u64::from(*byte) << self.have;
            self.at += 1;
            self.have += 8;
        }
    }

    /// The next bits, of which those past the end are zero; how many there are says [`Self::ready`].
    #[inline]
    pub(super) fn peek(&self, bits: u32) -> usize {
        low(self.word, bits)
    }

    /// How many bits are ready.
    #[inline]
    pub(super) fn ready(&self) -> u32 {
        self.have
    }

    /// Drops bits that are ready.
    #[inline]
    pub(super) fn skip(&mut self, bits: u32) -> Result<(), StreamError> {
        self.have = self.have.checked_sub(bits).ok_or(StreamError::Short)?;
        self.word >>= bits;
        Ok(())
    }

    /// Takes up to 16 bits that are ready.
    #[inline]
    pub(super) fn take_ready(&mut self, bits: u32) -> Result<usize, StreamError> {
        let value = self.peek(bits);
        self.skip(bits)?;
        Ok(value)
    }

    /// Takes up to 16 bits.
    pub(super) fn take(&mut self, bits: u32) -> Result<usize, StreamError> {
        self.fill();
        self.take_ready(bits)
    }

    /// Goes on at a byte and takes whole bytes.
    pub(super) fn take_bytes(&mut self, len: usize) -> Result<&'a [u8], StreamError> {
        let from = self.whole_bytes();
        let end = from.checked_add(len).ok_or(StreamError::Short)?;
        let bytes = self.bytes.get(from..end).ok_or(StreamError::Short)?;
        *self = Self { bytes: self.bytes, at: end, word: 0, have: 0 };
        Ok(bytes)
    }

    /// A range of bits, from the lowest bit of the first byte on.
    pub(super) fn copy(bytes: &'a [u8], range: Range<usize>) -> Result<Vec<u8>, StreamError> {
        let mut reader = Self { at: range.start / 8, ..Self::new(bytes) };
        reader.take(u32::try_from(range.start % 8).expect("below 8"))?;
        let mut out = BitWriter::default();
        let end = range.end;
        for at in range.step_by(8) {
            let some = u32::try_from((end - at).min(8)).expect("8 at most");
            out.put(u32::try_from(reader.take(some)?).expect("8 bits"), some);
        }
        Ok(out.finish())
    }

    /// Bytes of which at least one bit was taken.
    pub(super) fn whole_bytes(&self) -> usize {
        self.at - (self.have / 8) as usize
    }

    /// Bits that were taken.
    pub(super) fn position(&self) -> usize {
        8 * self.at - self.have as usize
    }
}

#[inline]
fn low(word: u64, bits: u32) -> usize {
    let [a, b, ..] = (word & ((1 << bits) - 1)).to_le_bytes();
    usize::from(u16::from_le_bytes([a, b]))
}

/// Writes bits.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    word: u64,
    have: u32,
}

impl BitWriter {
    /// Appends the lowest `bits` of `value`, at most 32; the others are zero.
    #[inline]
    pub(super) fn put(&mut self, value: u32, bits: u32) {
        self.word |= u64::from(value) << self.have;
        self.have += bits;
        if self.have >= 32 {
            let [a, b, c, d, ..] = self.word.to_le_bytes();
            self.bytes.extend_from_slice(&[a, b, c, d]);
            self.word >>= 32;
            self.have -= 32;
        }
    }

    /// Appends so many bits of these bytes.
    pub(super) fn put_bits_of(&mut self, bytes: &[u8], bits: usize) {
        let mut left = u32::try_from(bits).expect("a header has a few thousand bits");
        for byte in bytes {
            let some = left.min(8);
            self.put(u32::from(*byte) & ((1 << some) - 1), some);
            left -= some;
        }
    }

    /// Fills the byte with zeros and appends whole bytes.
    pub(super) fn put_bytes(&mut self, bytes: &[u8]) {
        self.align();
        self.bytes.extend_from_slice(bytes);
    }

    fn align(&mut self) {
        while self.have > 0 {
            self.bytes.push(self.word.to_le_bytes()[0]);
            self.word >>= 8;
            self.have = self.have.saturating_sub(8);
        }
        self.word = 0;
    }

    /// Whole bytes so far.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Bits so far.
    pub(super) fn bits(&self) -> usize {
        8 * self.bytes.len() + self.have as usize
    }

    /// The bytes, the last one filled with zeros.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.align();
        self.bytes
    }
}
