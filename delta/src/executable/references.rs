//! Fields of instructions that say how far away something is.
//!
//! Instructions are not decoded: what looks like such a field by the byte or two before it is taken for one.
//! Where that is wrong nothing breaks, and both sides of a patch are wrong about the same bytes.

use super::{Kind, Machine, Place, Space};

/// Little-endian 32 bits at `at`, which the caller knows to be there.
#[inline]
pub(crate) fn read_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// Little-endian 64 bits at `at`, which the caller knows to be there.
#[inline]
pub(crate) fn read_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// Writes 32 bits to `at`, where the caller knows four bytes to be.
#[inline]
pub(crate) fn write_u32(bytes: &mut [u8], at: usize, number: u32) {
    bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
}

/// Writes 64 bits to `at`, where the caller knows eight bytes to be.
#[inline]
pub(crate) fn write_u64(bytes: &mut [u8], at: usize, number: u64) {
    bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
}

/// The distance in 32 bits, signed.
#[inline]
pub(crate) fn distance(bits: u32) -> u64 {
    i64::from(bits.cast_signed()).cast_unsigned()
}

/// The low 32 bits: what references hold of an address or a distance. Who is wrong about more is corrected.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the low bits are what is wanted")]
pub(crate) fn low_bits(value: u64) -> u32 {
    value as u32
}

/// Whether four bytes of x86-64 code that follow these two are likely a distance: `call`, `jmp`, `jcc` (0F 8x),
/// or an operand relative to the instruction pointer (mod 00, r/m 101).
#[inline]
pub(crate) fn x86_field_follows(before: u8, last: u8) -> bool {
    last == 0xE8 || last == 0xE9 || (before == 0x0F && last & 0xF0 == 0x80) || last & 0xC7 == 0x05
}

/// One bit for each byte of the contents.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    /// As many zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        Self(vec![0; len.div_ceil(64)])
    }

    #[inline]
    pub(crate) fn set(&mut self, at: usize) {
        self.0[at / 64] |= 1 << (at % 64);
    }

    #[inline]
    pub(crate) fn get(&self, at: usize) -> bool {
        self.0[at / 64] >> (at % 64) & 1 == 1
    }

    /// Whether one of the `len` bits up to this one is set; `len` is less than 64.
    #[inline]
    pub(crate) fn covers(&self, at: usize, len: usize) -> bool {
        let (word, bit) = (at / 64, at % 64);
        // The bits of this word from the highest wanted one down, then those of the word before.
        let mut bits = self.0[word] << (63 - bit);
        if bit + 1 < len && word > 0 {
            bits |= self.0[word - 1] >> (bit + 1);
        }
        bits >> (64 - len) != 0
    }
}

/// Where x86-64 distances begin in the contents: those that lead somewhere in their image, none within another.
#[derive(Debug, Default)]
pub(crate) struct X86Fields(Bits);

impl X86Fields {
    /// Looks through all code of the contents.
    pub(crate) fn of(contents: &[u8], space: &Space) -> Self {
        let code =
            |place: &&Place| place.section.kind == Kind::Code && place.machine == Machine::X86;
        if !space.places().iter().any(|place| code(&place)) {
            return Self::default();
        }
        let mut starts = Bits::zeros(contents.len());
        for place in space.places().iter().filter(code) {
            let addresses = space.addresses(place.image);
            let bytes = place.section.bytes();
            let mut at = bytes.start + 2;
            while at + 4 <= bytes.end {
                if x86_field_follows(contents[at - 2], contents[at - 1])
                    && addresses.contains(&x86_target(contents, at, place))
                {
                    starts.set(at);
                    at += 4;
                } else {
                    at += 1;
                }
            }
        }
        Self(starts)
    }

    /// Whether this byte belongs to one.
    #[inline]
    pub(crate) fn covers(&self, at: usize) -> bool {
        !self.0.0.is_empty() && self.0.covers(at, 4)
    }

    /// Whether one begins here.
    #[inline]
    pub(crate) fn starts(&self, at: usize) -> bool {
        !self.0.0.is_empty() && self.0.get(at)
    }
}

/// Where the distance at `at` leads: it counts from the byte after it.
#[inline]
pub(crate) fn x86_target(contents: &[u8], at: usize, place: &Place) -> u64 {
    x86_target_at(contents, at, place.address(at + 4))
}

/// Where the distance at `at` leads, when the byte after it has this address.
#[inline]
pub(crate) fn x86_target_at(contents: &[u8], at: usize, next: u64) -> u64 {
    next.wrapping_add(distance(read_u32(contents, at)))
}

/// Instructions of arm64 that say an address, alone or two together.
pub(crate) mod arm {
    use super::low_bits;

    /// Bits of `b` and `bl` that are no distance.
    const BRANCH_OPCODE: u32 = 0xFC00_0000;
    /// Bits of `adrp` that are no distance.
    const PAGE_OPCODE: u32 = 0x9F00_001F;
    /// Bytes of a page.
    pub(crate) const PAGE: u64 = 4096;

    /// The distance in bytes of `b` or `bl`.
    #[inline]
    pub(crate) fn branch(word: u32) -> Option<u64> {
        (word >> 26 & 0x1F == 5).then(|| i64::from((word << 6).cast_signed() >> 4).cast_unsigned())
    }

    /// The distance in bytes of `bl`.
    #[inline]
    pub(crate) fn call(word: u32) -> Option<u64> {
        branch(word).filter(|_| word >> 31 == 1)
    }

    /// The branch with another distance.
    #[inline]
    pub(crate) fn with_branch(word: u32, distance: u64) -> u32 {
        word & BRANCH_OPCODE | low_bits(distance >> 2) & !BRANCH_OPCODE
    }

    /// The distance in pages of `adrp`.
    #[inline]
    pub(crate) fn page(word: u32) -> Option<u64> {
        (word & 0x9F00_0000 == 0x9000_0000).then(|| {
            let bits = (word >> 5 & 0x7_FFFF) << 2 | word >> 29 & 3;
            i64::from((bits << 11).cast_signed() >> 11).cast_unsigned()
        })
    }

    /// The `adrp` with another distance in pages.
    #[inline]
    pub(crate) fn with_page(word: u32, pages: u64) -> u32 {
        let bits = low_bits(pages);
        word & PAGE_OPCODE | (bits & 3) << 29 | (bits >> 2 & 0x7_FFFF) << 5
    }

    /// The register that `adrp` writes.
    #[inline]
    pub(crate) fn written(word: u32) -> u32 {
        word & 31
    }

    /// What `add` or a load or store adds to this register: bytes within a page, and by how many bits they are
    /// shifted in the instruction.
    #[inline]
    pub(crate) fn in_page(word: u32, register: u32) -> Option<(u64, u32)> {
        if word >> 5 & 31 != register {
            return None;
        }
        let number = u64::from(word >> 10 & 0xFFF);
        if word & 0xFF80_0000 == 0x9100_0000 {
            return Some((number, 0));
        }
        if word & 0x3B00_0000 != 0x3900_0000 {
            return None;
        }
        // Loads and stores count in units of what they move; vectors of 128 bits have a bit of their own.
        let scale = word >> 30 | if word & 0x0480_0000 == 0x0480_0000 { 4 } else { 0 };
        Some((number << scale, scale))
    }

    /// The instruction with another place within the page.
    #[inline]
    pub(crate) fn with_in_page(word: u32, address: u64, scale: u32) -> u32 {
        word & !(0xFFF << 10) | low_bits((address & (PAGE - 1)) >> scale) << 10
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn distances_are_read_and_written() {
            for (word, bytes) in
                [(0x9400_0001_u32, 4_i64), (0x17FF_FFFF, -4), (0x9600_0000, -0x800_0000)]
            {
                assert_eq!(branch(word), Some(bytes.cast_unsigned()));
                assert_eq!(with_branch(word ^ 0x155, bytes.cast_unsigned()), word);
            }
            // adrp x8, #-1 page; adrp x0, #5 pages
            for (word, pages) in [(0xF0FF_FFE8_u32, -1_i64), (0xB000_0020, 5)] {
                assert_eq!(page(word), Some(pages.cast_unsigned()));
                assert_eq!(with_page(word ^ 0x60, pages.cast_unsigned()), word);
            }
        }

        #[test]
        fn places_within_a_page_are_read_and_written() {
            // add x8, x8, #0x123; ldr x9, [x8, #0x18]; ldr q0, [x8, #0x20]
            for (word, bytes, scale) in
                [(0x9104_8D08_u32, 0x123, 0), (0xF940_0D09, 0x18, 3), (0x3DC0_0900, 0x20, 4)]
            {
                assert_eq!(in_page(word, 8), Some((bytes, scale)));
                assert_eq!(in_page(word, 7), None);
                assert_eq!(with_in_page(word ^ 0x400, 0x5000 + bytes, scale), word);
            }
        }
    }
}
