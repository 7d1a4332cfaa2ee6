//! Writes blocks of a deflate stream (RFC 1951) from their tokens.
//!
//! Must write every block in the one way its codes allow; never chooses codes itself.

use super::{
    bits::BitWriter,
    huffman::{DISTANCE_BASE, DISTANCE_EXTRA, END, LENGTH_BASE, LENGTH_EXTRA, Lengths, codes},
    inflate::{MAX_REPEAT, Token},
    trees::Counts,
};
use crate::error::StreamError;

/// The index of a length's symbol among those of lengths.
fn length_index(len: usize) -> usize {
    let over = len - LENGTH_BASE[0];
    if len == MAX_REPEAT {
        return LENGTH_BASE.len() - 1;
    }
    if over < 8 {
        return over;
    }
    // Four symbols for each doubling.
    let doubling = over.ilog2();
    4 * (doubling as usize - 1) + (over >> (doubling - 2) & 3)
}

/// A distance's symbol.
fn distance_symbol(distance: usize) -> usize {
    let over = distance - 1;
    if over < 4 {
        return over;
    }
    // Two symbols for each doubling.
    let doubling = over.ilog2();
    2 * doubling as usize + (over >> (doubling - 1) & 1)
}

/// How often each symbol occurs in a block of these tokens, which stand for the bytes from the first of `raw` on.
pub(super) fn count(tokens: &[Token], raw: &[u8]) -> Counts {
    let mut counts = Counts::new();
    let mut at = 0;
    for token in tokens {
        if token.is_literal() {
            counts.literals[usize::from(raw[at])] += 1;
        } else {
            counts.literals[END + 1 + length_index(token.len as usize)] += 1;
            counts.distances[distance_symbol(token.distance as usize)] += 1;
        }
        at += token.len as usize;
    }
    counts
}

/// Begins a block; `kind` is 0 for a stored one, 1 for the fixed codes, 2 for its own.
pub(super) fn begin(out: &mut BitWriter, kind: u32, last: bool) {
    out.put(u32::from(last), 1);
    out.put(kind, 2);
}

/// Writes the rest of a stored block.
pub(super) fn stored(out: &mut BitWriter, raw: &[u8]) -> Result<(), StreamError> {
    let size = u16::try_from(raw.len()).map_err(|_| StreamError::Recipe)?;
    out.put_bytes(&[size.to_le_bytes(), (!size).to_le_bytes()].concat());
    out.put_bytes(raw);
    Ok(())
}

/// Writes the tokens of a block and its end. Refuses tokens for which there is no code.
pub(super) fn tokens(
    out: &mut BitWriter,
    lengths: &Lengths,
    tokens: &[Token],
    raw: &[u8],
) -> Result<(), StreamError> {
    let literals = Coder::new(&lengths.literals);
    let distances = Coder::new(&lengths.distances);
    let mut at = 0;
    for token in tokens {
        let len = token.len as usize;
        if token.is_literal() {
            literals.put(out, usize::from(raw[at]))?;
        } else {
            let index = length_index(len);
            literals.put(out, END + 1 + index)?;
            put_rest(out, len - LENGTH_BASE[index], LENGTH_EXTRA[index]);
            let distance = token.distance as usize;
            let symbol = distance_symbol(distance);
            distances.put(out, symbol)?;
            put_rest(out, distance - DISTANCE_BASE[symbol], DISTANCE_EXTRA[symbol]);
        }
        at += len;
    }
    literals.put(out, END)
}

fn put_rest(out: &mut BitWriter, rest: usize, bits: u32) {
    out.put(u32::try_from(rest).expect("13 bits at most"), bits);
}

/// The codes of symbols.
struct Coder {
    codes: Vec<(u16, u8)>,
}

impl Coder {
    fn new(lengths: &[u8]) -> Self {
        Self { codes: codes(lengths).into_iter().zip(lengths.iter().copied()).collect() }
    }

    #[inline]
    fn put(&self, out: &mut BitWriter, symbol: usize) -> Result<(), StreamError> {
        match self.codes.get(symbol) {
            Some((code, bits @ 1..)) => out.put((*code).into(), (*bits).into()),
            _ => return Err(StreamError::Recipe),
        }
        Ok(())
    }
}
