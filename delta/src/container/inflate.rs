//! Reads deflate streams (RFC 1951): to the bytes they hold, to their size, or to the tokens they are written in.
//!
//! Must accept what zlib accepts and nothing else, must give the same on every machine and with every version of
//! this program, and must stop where its sink is full: 1 MB of a stream holds up to 1 GB.

use std::ops::Range;

use super::{
    bits::BitReader,
    huffman::{DISTANCE_BASE, DISTANCE_EXTRA, Decoder, END, LENGTH_BASE, LENGTH_EXTRA, Lengths},
};
use crate::error::StreamError;

/// How far back a repeat reaches at most.
pub(super) const WINDOW: usize = 1 << 15;
/// The longest repeat.
pub(super) const MAX_REPEAT: usize = 258;

/// What a token stands for: one byte as it is, or a repeat of earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    /// Bytes; 1 for a literal, 3 to 258 for a repeat.
    pub(super) len: u32,
    /// How far back they stand; 0 for a literal.
    pub(super) distance: u32,
}

impl Token {
    pub(super) const LITERAL: Self = Self { len: 1, distance: 0 };

    pub(super) fn is_literal(self) -> bool {
        self.distance == 0
    }
}

/// Where what was read goes.
pub(super) trait Sink {
    /// Takes one byte.
    fn literal(&mut self, byte: u8) -> Result<(), StreamError>;
    /// Repeats 3 to 258 bytes from 1 to 32,768 bytes back, which it has to check to be there.
    fn repeat(&mut self, distance: usize, len: usize) -> Result<(), StreamError>;
    /// Takes up to 65,535 bytes that were stored as they are.
    fn stored(&mut self, bytes: &[u8]) -> Result<(), StreamError>;
}

/// How a block was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// As it is; so many bytes.
    Stored(usize),
    /// With the fixed codes.
    Fixed,
    /// With codes of its own, which stand in these bits of the stream.
    Own(Range<usize>),
}

/// One block that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// Nothing follows.
    pub(super) last: bool,
    /// How it was written.
    pub(super) kind: Kind,
}

/// Reads a stream block by block.
#[derive(Debug)]
pub(super) struct Inflate<'a> {
    bits: BitReader<'a>,
}

impl<'a> Inflate<'a> {
    pub(super) fn new(packed: &'a [u8]) -> Self {
        Self { bits: BitReader::new(packed) }
    }

    /// Reads one block.
    pub(super) fn block(&mut self, sink: &mut impl Sink) -> Result<Block, StreamError> {
        let last = self.bits.take(1)? == 1;
        let kind = match self.bits.take(2)? {
            0 => {
                let sizes = self.bits.take_bytes(4)?;
                let size = u16::from_le_bytes([sizes[0], sizes[1]]);
                if size != !u16::from_le_bytes([sizes[2], sizes[3]]) {
                    return Err(StreamError::Broken);
                }
                sink.stored(self.bits.take_bytes(size.into())?)?;
                Kind::Stored(size.into())
            }
            1 => {
                let (literals, distances) = Lengths::fixed_decoders();
                self.tokens(literals, distances, sink)?;
                Kind::Fixed
            }
            2 => {
                let from = self.bits.position();
                let lengths = Lengths::read(&mut self.bits)?;
                let header = from..self.bits.position();
                let (literals, distances) = lengths.decoders()?;
                self.tokens(&literals, &distances, sink)?;
                Kind::Own(header)
            }
            _ => return Err(StreamError::Broken),
        };
        Ok(Block { last, kind })
    }

    fn tokens(
        &mut self,
        literals: &Decoder,
        distances: &Decoder,
        sink: &mut impl Sink,
    ) -> Result<(), StreamError> {
        let bits = &mut self.bits;
        loop {
            bits.fill();
            let symbol = literals.read(bits)?;
            if let Ok(byte) = u8::try_from(symbol) {
                sink.literal(byte)?;
                continue;
            }
            if symbol == END {
                return Ok(());
            }
            let base = LENGTH_BASE.get(symbol - END - 1).ok_or(StreamError::Broken)?;
            let len = base + bits.take_ready(LENGTH_EXTRA[symbol - END - 1])?;
            let symbol = distances.read(bits)?;
            let base = DISTANCE_BASE.get(symbol).ok_or(StreamError::Broken)?;
            let distance = base + bits.take_ready(DISTANCE_EXTRA[symbol])?;
            sink.repeat(distance, len)?;
        }
    }

    /// Reads all blocks.
    pub(super) fn all(&mut self, sink: &mut impl Sink) -> Result<(), StreamError> {
        while !self.block(sink)?.last {}
        Ok(())
    }

    /// Bytes of the stream so far.
    pub(super) fn bytes(&self) -> usize {
        self.bits.whole_bytes()
    }
}

/// Inflates to memory that is there already.
#[derive(Debug)]
pub(super) struct Fill<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl<'a> Fill<'a> {
    pub(super) fn new(out: &'a mut [u8]) -> Self {
        Self { out, at: 0 }
    }

    /// Bytes that came.
    pub(super) fn len(&self) -> usize {
        self.at
    }

    fn next(&mut self, len: usize) -> Result<Range<usize>, StreamError> {
        let end = self.at + len;
        if end > self.out.len() {
            return Err(StreamError::Long);
        }
        Ok(std::mem::replace(&mut self.at, end)..end)
    }
}

impl Sink for Fill<'_> {
    #[inline]
    fn literal(&mut self, byte: u8) -> Result<(), StreamError> {
        *self.out.get_mut(self.at).ok_or(StreamError::Long)? = byte;
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn repeat(&mut self, distance: usize, len: usize) -> Result<(), StreamError> {
        let from = self.at.checked_sub(distance).ok_or(StreamError::Broken)?;
        let to = self.next(len)?;
        repeat(self.out, from, to);
        Ok(())
    }

    fn stored(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        let to = self.next(bytes.len())?;
        self.out[to].copy_from_slice(bytes);
        Ok(())
    }
}

/// Repeats what begins at `from`, byte after byte: the repeat may reach into itself.
#[inline]
fn repeat(out: &mut [u8], from: usize, to: Range<usize>) {
    let distance = to.start - from;
    if distance >= to.len() {
        out.copy_within(from..from + to.len(), to.start);
    } else if distance == 1 {
        let byte = out[from];
        out[to].fill(byte);
    } else {
        for at in to {
            out[at] = out[at - distance];
        }
    }
}

/// Inflates to see how much it is, and keeps no more than the window.
#[derive(Debug)]
pub(super) struct Measure {
    window: Vec<u8>,
    at: usize,
    /// Bytes that left the window.
    gone: usize,
    most: usize,
}

impl Measure {
    /// Takes at most so many bytes.
    pub(super) fn new(most: usize) -> Self {
        Self { window: vec![0; 8 * WINDOW], at: 0, gone: 0, most }
    }

    /// Begins again.
    pub(super) fn again(&mut self, most: usize) {
        *self = Self { window: std::mem::take(&mut self.window), at: 0, gone: 0, most };
    }

    /// Bytes that came.
    pub(super) fn len(&self) -> usize {
        self.gone + self.at
    }

    fn next(&mut self, len: usize) -> Result<Range<usize>, StreamError> {
        if self.len() + len > self.most {
            return Err(StreamError::Long);
        }
        if self.at + len > self.window.len() {
            self.window.copy_within(self.at - WINDOW..self.at, 0);
            self.gone += self.at - WINDOW;
            self.at = WINDOW;
        }
        let end = self.at + len;
        Ok(std::mem::replace(&mut self.at, end)..end)
    }
}

impl Sink for Measure {
    #[inline]
    fn literal(&mut self, byte: u8) -> Result<(), StreamError> {
        let to = self.next(1)?;
        self.window[to.start] = byte;
        Ok(())
    }

    #[inline]
    fn repeat(&mut self, distance: usize, len: usize) -> Result<(), StreamError> {
        if distance > self.len() {
            return Err(StreamError::Broken);
        }
        let to = self.next(len)?;
        repeat(&mut self.window, to.start - distance, to);
        Ok(())
    }

    fn stored(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        let to = self.next(bytes.len())?;
        self.window[to].copy_from_slice(bytes);
        Ok(())
    }
}

/// Keeps the tokens of a block.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    tokens: Vec<Token>,
}

/// Most tokens of a block that can be rebuilt: 8 MB of them. zlib writes 32,767 at most, zopfli, which makes the
/// largest blocks, 1,000,000.
pub(super) const MAX_TOKENS: usize = 1 << 20;

impl Tokens {
    /// Those that came since it was last cleared.
    pub(super) fn as_slice(&self) -> &[Token] {
        &self.tokens
    }

    pub(super) fn clear(&mut self) {
        self.tokens.clear();
    }

    fn push(&mut self, token: Token) -> Result<(), StreamError> {
        if self.tokens.len() == MAX_TOKENS {
            return Err(StreamError::Long);
        }
        self.tokens.push(token);
        Ok(())
    }
}

impl Sink for Tokens {
    fn literal(&mut self, _: u8) -> Result<(), StreamError> {
        self.push(Token::LITERAL)
    }

    fn repeat(&mut self, distance: usize, len: usize) -> Result<(), StreamError> {
        let short = |number| u32::try_from(number).map_err(|_| StreamError::Broken);
        self.push(Token { len: short(len)?, distance: short(distance)? })
    }

    fn stored(&mut self, _: &[u8]) -> Result<(), StreamError> {
        Ok(())
    }
}
