//! Numbers of a patch: LEB128, seven bits a byte, lowest first, in the shortest form only.
//!
//! Signed numbers are folded (0, −1, 1, −2, …) so that small ones stay short.

/// Appends a number.
pub(crate) fn push(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = (value & 0x7f).to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// A signed number as an unsigned one.
pub(crate) const fn fold(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// The signed number again.
pub(crate) const fn unfold(folded: u64) -> i64 {
    (folded >> 1).cast_signed() ^ -(folded & 1).cast_signed()
}

/// A number of which some bytes have come.
#[derive(Debug, Default)]
pub(crate) struct Partial {
    value: u64,
    shift: u32,
}

/// What one more byte makes of a number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Another byte follows.
    More,
    /// The number is complete.
    Done(u64),
    /// It goes past 64 bits or has a needless byte.
    Bad,
}

impl Partial {
    /// Takes the next byte. After `Done` or `Bad` the number is over.
    pub(crate) fn push(&mut self, byte: u8) -> Step {
        let bits = u64::from(byte & 0x7f);
        let needless = byte == 0 && self.shift > 0;
        if needless || self.shift > 63 || (self.shift == 63 && byte > 1) {
            return Step::Bad;
        }
        self.value |= bits << self.shift;
        self.shift += 7;
        if byte & 0x80 == 0 { Step::Done(self.value) } else { Step::More }
    }
}

/// Takes a number off the front: `None` where there is none in its one form.
pub(crate) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = Partial::default();
    loop {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        match number.push(*first) {
            Step::More => {}
            Step::Done(value) => return Some(value),
            Step::Bad => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Option<(u64, usize)> {
        let mut number = Partial::default();
        for (index, byte) in bytes.iter().enumerate() {
            match number.push(*byte) {
                Step::More => {}
                Step::Done(value) => return Some((value, index + 1)),
                Step::Bad => return None,
            }
        }
        None
    }

    #[test]
    fn long_overlong_and_unfinished_numbers_are_refused() {
        assert_eq!(read(&[0x80, 0x00]), None, "zero in two bytes");
        assert_eq!(read(&[0xff, 0x80, 0x00]), None, "a needless last byte");
        assert_eq!(read(&[0x80]), None, "unfinished");
        let mut most = vec![0xff; 9];
        most.push(0x01);
        assert_eq!(read(&most), Some((u64::MAX, 10)));
        *most.last_mut().expect("not empty") = 0x02;
        assert_eq!(read(&most), None, "past 64 bits");
        assert_eq!(read(&[0xff; 11]), None, "eleven bytes");
    }

    proptest! {
        #[test]
        fn numbers_read_back(value: u64, shift in 0_u32..64) {
            let value = value >> shift;
            let mut bytes = Vec::new();
            push(&mut bytes, value);
            prop_assert_eq!(read(&bytes), Some((value, bytes.len())));
        }

        #[test]
        fn signed_numbers_unfold(value: i64) {
            prop_assert_eq!(unfold(fold(value)), value);
        }
    }

    #[test]
    fn small_signed_numbers_stay_small() {
        assert_eq!([0, -1, 1, -2].map(fold), [0, 1, 2, 3]);
        assert_eq!([i64::MIN, i64::MAX].map(|v| unfold(fold(v))), [i64::MIN, i64::MAX]);
    }
}
