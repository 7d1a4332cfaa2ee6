//! The only place that encodes or decodes.
//!
//! One value has one encoding: bincode 2 with fixed-width little-endian integers, and nothing after the end.
//! Decoding refuses by size before it allocates, then checks that every byte was used, that the value keeps
//! the rules of its type, and that encoding it again gives the same bytes. The last check makes a signature
//! over received bytes a signature over exactly one value, whatever leniency the decoder has.
//!
//! No other file may name bincode's configuration, so the library can be replaced here alone.

use bincode::{Decode, Encode, config};

/// Something with one canonical encoding.
pub trait Wire: Encode + Decode<()> {
    /// What errors call it.
    const NAME: &'static str;
    /// Most bytes its encoding may take.
    const MAX: usize;

    /// The rules that its fields' types do not express, such as order and distinctness.
    fn check(&self) -> Result<(), Invalid> {
        Ok(())
    }
}

/// A value that breaks a rule of its own type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {reason}")]
pub struct Invalid {
    /// Which part.
    pub field: &'static str,
    /// What is wrong with it, as the rest of a sentence.
    pub reason: String,
}

impl Invalid {
    /// A broken rule: `field` is the part, `reason` the rest of the sentence.
    pub fn new(field: &'static str, reason: impl Into<String>) -> Self {
        Self { field, reason: reason.into() }
    }

    /// Refuses when `count` is over `limit`.
    pub fn if_over(field: &'static str, count: usize, limit: usize) -> Result<(), Self> {
        if count <= limit {
            return Ok(());
        }
        Err(Self::new(field, format!("are {count}, at most {limit} are allowed")))
    }

    /// Refuses when `keys` do not grow strictly: one encoding for one set, and no duplicates.
    pub fn if_unsorted<K: Ord>(
        field: &'static str,
        keys: impl Iterator<Item = K>,
    ) -> Result<(), Self> {
        let mut last = None;
        for key in keys {
            if last.is_some_and(|last| last >= key) {
                return Err(Self::new(field, "are not in order, or one is there twice"));
            }
            last = Some(key);
        }
        Ok(())
    }
}

/// Why a value could not be encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// It breaks a rule of its type.
    #[error("cannot write this {name}: {invalid}")]
    Invalid {
        /// The type's name.
        name: &'static str,
        /// The broken rule.
        invalid: Invalid,
    },
    /// It is larger than any receiver would take.
    #[error("cannot write this {name}: it takes {got} bytes, at most {limit} are allowed")]
    TooLarge {
        /// The type's name.
        name: &'static str,
        /// Bytes it would take.
        got: usize,
        /// Bytes allowed.
        limit: usize,
    },
}

/// Why bytes are not a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// More bytes than the type may take; nothing was read.
    #[error("not a {name}: {got} bytes, at most {limit} are allowed")]
    TooLarge {
        /// The type's name.
        name: &'static str,
        /// Bytes given.
        got: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// A message of a kind that this version does not know; its sender may be newer, not hostile.
    #[error("not a {name} that this version knows (kind {kind})")]
    UnknownKind {
        /// The type's name.
        name: &'static str,
        /// The number of the kind.
        kind: u32,
    },
    /// Bytes that have no meaning as this type.
    #[error("not a {name}: {reason}")]
    Malformed {
        /// The type's name.
        name: &'static str,
        /// What the decoder met.
        reason: String,
    },
    /// Bytes left over after the end.
    #[error("not a {name}: {left} bytes after its end")]
    TrailingBytes {
        /// The type's name.
        name: &'static str,
        /// How many bytes.
        left: usize,
    },
    /// A second way of writing a value.
    #[error("not a {name}: not its canonical encoding")]
    NotCanonical {
        /// The type's name.
        name: &'static str,
    },
    /// The value breaks a rule of its type.
    #[error("not a valid {name}: {invalid}")]
    Invalid {
        /// The type's name.
        name: &'static str,
        /// The broken rule.
        invalid: Invalid,
    },
}

/// Encodes a value that keeps its rules and its limit.
pub fn encode<T: Wire>(value: &T) -> Result<Vec<u8>, EncodeError> {
    value.check().map_err(|invalid| EncodeError::Invalid { name: T::NAME, invalid })?;
    let bytes = raw_encode(value);
    if bytes.len() > T::MAX {
        return Err(EncodeError::TooLarge { name: T::NAME, got: bytes.len(), limit: T::MAX });
    }
    Ok(bytes)
}

/// Decodes bytes from anywhere. Takes time and memory in proportion to the bytes that came, at least 32 KiB and
/// at most four times `T::MAX`.
pub fn decode<T: Wire>(bytes: &[u8]) -> Result<T, DecodeError> {
    if bytes.len() > T::MAX {
        return Err(DecodeError::TooLarge { name: T::NAME, got: bytes.len(), limit: T::MAX });
    }
    let (value, read) = raw_decode::<T>(bytes).map_err(|error| refusal(T::NAME, &error))?;
    if read != bytes.len() {
        return Err(DecodeError::TrailingBytes { name: T::NAME, left: bytes.len() - read });
    }
    value.check().map_err(|invalid| DecodeError::Invalid { name: T::NAME, invalid })?;
    if raw_encode(&value) != bytes {
        return Err(DecodeError::NotCanonical { name: T::NAME });
    }
    Ok(value)
}

fn raw_encode<T: Encode>(value: &T) -> Vec<u8> {
    bincode::encode_to_vec(value, config::legacy()).expect(
        "writing to memory fails only for types that refuse themselves, and none of ours does",
    )
}

/// The decoder's own limit counts the memory of elements, which is larger than their encoding: up to six times
/// for a key. Eight times the bytes that came lets every legal value through, and a length that lies gets no
/// memory that its sender has not paid for; four times the wire limit is the end of it whatever came. The
/// decoder's limit has to be a constant, hence the steps.
fn raw_decode<T: Wire>(bytes: &[u8]) -> Result<(T, usize), bincode::error::DecodeError> {
    const KIB: usize = 1024;
    let budget = bytes.len().saturating_mul(8).min(T::MAX.saturating_mul(4));
    if budget <= 32 * KIB {
        within::<T, { 32 * KIB }>(bytes)
    } else if budget <= 128 * KIB {
        within::<T, { 128 * KIB }>(bytes)
    } else if budget <= 512 * KIB {
        within::<T, { 512 * KIB }>(bytes)
    } else if budget <= 2_048 * KIB {
        within::<T, { 2_048 * KIB }>(bytes)
    } else if budget <= 4_608 * KIB {
        within::<T, { 4_608 * KIB }>(bytes)
    } else if budget <= 16_384 * KIB {
        within::<T, { 16_384 * KIB }>(bytes)
    } else {
        within::<T, { 65_600 * KIB }>(bytes)
    }
}

fn within<T: Decode<()>, const LIMIT: usize>(
    bytes: &[u8],
) -> Result<(T, usize), bincode::error::DecodeError> {
    bincode::decode_from_slice(bytes, config::legacy().with_limit::<LIMIT>())
}

fn refusal(name: &'static str, error: &bincode::error::DecodeError) -> DecodeError {
    use bincode::error::DecodeError as Raw;
    let malformed = |reason: &str| DecodeError::Malformed { name, reason: reason.to_owned() };
    match error {
        // Options are as old as the encoding: a third form of one is not from a newer sender.
        Raw::UnexpectedVariant { type_name, .. }
            if type_name.starts_with("core::option::Option<") =>
        {
            malformed("an option in it is neither there nor not there")
        }
        Raw::UnexpectedVariant { found, .. } => DecodeError::UnknownKind { name, kind: *found },
        Raw::UnexpectedEnd { additional } => {
            DecodeError::Malformed { name, reason: format!("it ends {additional} bytes too early") }
        }
        Raw::LimitExceeded => malformed("a length in it goes past its limit"),
        Raw::InvalidBooleanValue(_) => malformed("a flag in it is neither yes nor no"),
        Raw::Utf8 { .. } => malformed("a text in it is not UTF-8"),
        Raw::OtherString(reason) => DecodeError::Malformed { name, reason: reason.clone() },
        other => DecodeError::Malformed { name, reason: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Encode, Decode)]
    struct Sample {
        numbers: Vec<u32>,
        flag: bool,
    }

    impl Wire for Sample {
        const NAME: &'static str = "sample";
        const MAX: usize = 64;

        fn check(&self) -> Result<(), Invalid> {
            Invalid::if_unsorted("numbers", self.numbers.iter())
        }
    }

    fn sample() -> Vec<u8> {
        encode(&Sample { numbers: vec![1, 2], flag: true }).expect("within limits")
    }

    #[test]
    fn a_value_reads_back_from_its_bytes() {
        assert_eq!(decode::<Sample>(&sample()), Ok(Sample { numbers: vec![1, 2], flag: true }));
    }

    #[test]
    fn bytes_after_the_end_are_refused() {
        let mut bytes = sample();
        bytes.push(0);
        assert_eq!(
            decode::<Sample>(&bytes),
            Err(DecodeError::TrailingBytes { name: "sample", left: 1 })
        );
    }

    #[test]
    fn a_length_without_contents_is_refused_without_allocating() {
        let mut bytes = sample();
        bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(matches!(decode::<Sample>(&bytes), Err(DecodeError::Malformed { .. })));
        bytes[..8].copy_from_slice(&(1_u64 << 40).to_le_bytes());
        assert!(matches!(decode::<Sample>(&bytes), Err(DecodeError::Malformed { .. })));
    }

    #[test]
    fn too_many_bytes_are_refused_unread() {
        assert!(matches!(decode::<Sample>(&[0; 65]), Err(DecodeError::TooLarge { got: 65, .. })));
        let large = Sample { numbers: (0..20).collect(), flag: false };
        assert!(matches!(encode(&large), Err(EncodeError::TooLarge { .. })));
    }

    #[test]
    fn rules_of_the_type_hold_both_ways() {
        let twice = Sample { numbers: vec![2, 2], flag: false };
        assert!(matches!(encode(&twice), Err(EncodeError::Invalid { .. })));
        assert!(matches!(decode::<Sample>(&raw_encode(&twice)), Err(DecodeError::Invalid { .. })));
    }

    #[test]
    fn a_flag_that_is_neither_yes_nor_no_is_refused() {
        let mut bytes = sample();
        *bytes.last_mut().expect("not empty") = 2;
        assert!(matches!(decode::<Sample>(&bytes), Err(DecodeError::Malformed { .. })));
    }

    /// Reads every byte but 0 as yes, as a careless decoder would.
    #[derive(Debug, PartialEq, Encode)]
    struct Lenient(bool);

    impl<C> Decode<C> for Lenient {
        fn decode<D: bincode::de::Decoder<Context = C>>(
            decoder: &mut D,
        ) -> Result<Self, bincode::error::DecodeError> {
            Ok(Self(u8::decode(decoder)? != 0))
        }
    }

    impl Wire for Lenient {
        const NAME: &'static str = "lenient";
        const MAX: usize = 1;
    }

    #[test]
    fn a_second_way_of_writing_a_value_is_refused_however_lenient_its_decoder_is() {
        assert_eq!(decode::<Lenient>(&[1]), Ok(Lenient(true)));
        assert_eq!(decode::<Lenient>(&[2]), Err(DecodeError::NotCanonical { name: "lenient" }));
    }
}
