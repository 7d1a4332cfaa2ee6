//! Huffman codes as deflate has them (RFC 1951, 3.2.2): canonical, lowest bit first, of at most 15 bits.
//!
//! Must accept the sets of lengths that zlib accepts and no others: what one machine takes for a stream, every
//! machine has to.

use std::sync::LazyLock;

use super::bits::BitReader;
use crate::error::StreamError;

/// Longest code of a literal, length or distance.
pub(super) const MAX_BITS: usize = 15;
/// Symbols for literals, the end of a block and lengths; two more have codes in the fixed set, and no meaning.
pub(super) const LITERALS: usize = 286;
/// Symbols for distances, without the two that have no meaning.
pub(super) const DISTANCES: usize = 30;
/// The symbol that ends a block.
pub(super) const END: usize = 256;
/// Symbols in which lengths of codes are written.
pub(super) const LENGTH_SYMBOLS: usize = 19;
/// The order in which the lengths of their codes are written.
pub(super) const LENGTH_ORDER: [usize; LENGTH_SYMBOLS] =
    [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Shortest length of each length symbol, from 257 on.
pub(super) const LENGTH_BASE: [usize; 29] = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
    163, 195, 227, 258,
];
/// Bits that follow each length symbol.
pub(super) const LENGTH_EXTRA: [u32; 29] =
    [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
/// Shortest distance of each distance symbol.
pub(super) const DISTANCE_BASE: [usize; DISTANCES] = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537,
    2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
];
/// Bits that follow each distance symbol.
pub(super) const DISTANCE_EXTRA: [u32; DISTANCES] = [
    0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13,
    13,
];

/// Codes of up to so many bits are found at once; longer ones are rare by their nature.
const FAST: u32 = 10;

/// Reads symbols.
#[derive(Debug)]
pub(super) struct Decoder {
    /// For the next [`FAST`] bits: symbol × 16 + bits of its code, or 0 when it is longer.
    fast: [u16; 1 << FAST],
    /// How many codes have so many bits.
    count: [u16; MAX_BITS + 1],
    /// The symbols in the order of their codes.
    symbols: [u16; 288],
}

/// Whether a set of codes may leave some out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gaps {
    /// Every sequence of bits has to mean something.
    None,
    /// A single code of one bit is a set, as encoders write it for one distance.
    OneCode,
}

impl Decoder {
    /// From the lengths of the codes of the symbols, 0 for none. A set without codes is one, of which nothing
    /// can be read.
    pub(super) fn new(lengths: &[u8], gaps: Gaps) -> Result<Self, StreamError> {
        let mut count = [0_u16; MAX_BITS + 1];
        for length in lengths {
            count[usize::from(*length)] += 1;
        }
        count[0] = 0;
        let longest = count.iter().rposition(|codes| *codes > 0).unwrap_or(0);
        let mut left = 1_i32;
        for codes in &count[1..] {
            left = 2 * left - i32::from(*codes);
            if left < 0 {
                return Err(StreamError::Broken);
            }
        }
        if left > 0 && longest > 0 && (gaps == Gaps::None || longest > 1) {
            return Err(StreamError::Broken);
        }
        let mut decoder = Self { fast: [0; 1 << FAST], count, symbols: [0; 288] };
        let mut next = [0_usize; MAX_BITS + 2];
        for bits in 1..=MAX_BITS {
            next[bits + 1] = next[bits] + usize::from(count[bits]);
        }
        for (symbol, (length, code)) in (0_u16..).zip(lengths.iter().zip(codes(lengths))) {
            if *length == 0 {
                continue;
            }
            let place = &mut next[usize::from(*length)];
            decoder.symbols[*place] = symbol;
            *place += 1;
            if u32::from(*length) <= FAST {
                let entry = symbol << 4 | u16::from(*length);
                let step = 1 << length;
                decoder.fast[usize::from(code)..].iter_mut().step_by(step).for_each(|e| *e = entry);
            }
        }
        Ok(decoder)
    }

    /// The next symbol, of bits that are ready.
    #[inline]
    pub(super) fn read(&self, bits: &mut BitReader<'_>) -> Result<usize, StreamError> {
        let entry = self.fast[bits.peek(FAST)];
        if entry == 0 {
            return self.read_long(bits);
        }
        bits.skip(u32::from(entry & 15))?;
        Ok(usize::from(entry >> 4))
    }

    #[cold]
    fn read_long(&self, bits: &mut BitReader<'_>) -> Result<usize, StreamError> {
        let (mut code, mut first, mut index) = (0_usize, 0_usize, 0_usize);
        let ahead = bits.peek(15);
        for length in 1..=MAX_BITS {
            code |= ahead >> (length - 1) & 1;
            let codes = usize::from(self.count[length]);
            if code < first + codes {
                bits.skip(u32::try_from(length).expect("15 at most"))?;
                return Ok(usize::from(self.symbols[index + code - first]));
            }
            index += codes;
            first = (first + codes) << 1;
            code <<= 1;
        }
        Err(if bits.ready() < 15 { StreamError::Short } else { StreamError::Broken })
    }
}

/// The codes of the symbols, lowest bit first as they are written.
pub(super) fn codes(lengths: &[u8]) -> Vec<u16> {
    let mut next = [0_u16; MAX_BITS + 2];
    for length in lengths.iter().filter(|length| **length > 0) {
        next[usize::from(*length) + 1] += 1;
    }
    for bits in 1..=MAX_BITS {
        next[bits + 1] = next[bits + 1].wrapping_add(next[bits]) << 1;
    }
    let code = |length: &u8| {
        let code = next[usize::from(*length)];
        next[usize::from(*length)] = code.wrapping_add(1);
        if *length == 0 { 0 } else { code.reverse_bits() >> (16 - u32::from(*length)) }
    };
    lengths.iter().map(code).collect()
}

/// The lengths of the codes of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lengths {
    /// Of literals and lengths, without those at the end that have none.
    pub(super) literals: Vec<u8>,
    /// Of distances.
    pub(super) distances: Vec<u8>,
}

impl Lengths {
    /// Reads what stands before a block with codes of its own (RFC 1951, 3.2.7).
    pub(super) fn read(bits: &mut BitReader<'_>) -> Result<Self, StreamError> {
        let literals = bits.take(5)? + 257;
        let distances = bits.take(5)? + 1;
        let written = bits.take(4)? + 4;
        if literals > LITERALS || distances > DISTANCES {
            return Err(StreamError::Broken);
        }
        let mut first = [0_u8; LENGTH_SYMBOLS];
        for symbol in &LENGTH_ORDER[..written] {
            first[*symbol] = bits.take(3)?.to_le_bytes()[0];
        }
        let decoder = Decoder::new(&first, Gaps::None)?;
        let mut all = Vec::with_capacity(literals + distances);
        while all.len() < literals + distances {
            bits.fill();
            let symbol = decoder.read(bits)?;
            let (value, times) = match symbol {
                0..=15 => (symbol.to_le_bytes()[0], 1),
                16 => (*all.last().ok_or(StreamError::Broken)?, 3 + bits.take_ready(2)?),
                17 => (0, 3 + bits.take_ready(3)?),
                _ => (0, 11 + bits.take_ready(7)?),
            };
            all.resize(all.len() + times, value);
        }
        if all.len() > literals + distances || all[END] == 0 {
            return Err(StreamError::Broken);
        }
        let distances = all.split_off(literals);
        Ok(Self { literals: all, distances })
    }

    /// Those of the fixed codes (RFC 1951, 3.2.6).
    pub(super) fn fixed() -> &'static Self {
        static FIXED: LazyLock<Lengths> = LazyLock::new(|| {
            let literals = [(8, 144), (9, 112), (7, 24), (8, 8)];
            let literals = literals.iter().flat_map(|(bits, times)| vec![*bits; *times]).collect();
            Lengths { literals, distances: vec![5; 32] }
        });
        &FIXED
    }

    /// What reads literals and lengths, and what reads distances.
    pub(super) fn decoders(&self) -> Result<(Decoder, Decoder), StreamError> {
        Ok((
            Decoder::new(&self.literals, Gaps::OneCode)?,
            Decoder::new(&self.distances, Gaps::OneCode)?,
        ))
    }

    /// What reads the fixed codes.
    pub(super) fn fixed_decoders() -> &'static (Decoder, Decoder) {
        static DECODERS: LazyLock<(Decoder, Decoder)> =
            LazyLock::new(|| Lengths::fixed().decoders().expect("the fixed codes are complete"));
        &DECODERS
    }
}
