//! The name of bytes: their BLAKE3 hash.
//!
//! This file never decides what a digest means; it only makes, parses and shows them.

use std::{fmt, str::FromStr};

use bincode::{Decode, Encode};

use crate::name::shown;

/// BLAKE3 hash of some bytes, written `b3:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Prefix of the text form.
    pub const PREFIX: &'static str = "b3:";

    /// Hashes `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Hashes `bytes` for one purpose, so that equal bytes of two purposes never have one name.
    pub fn of_with_context(context: &str, bytes: &[u8]) -> Self {
        Self(blake3::derive_key(context, bytes))
    }

    /// Takes 32 bytes that are known to be a hash.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 hexadecimal digits without a prefix: a safe file name.
    pub fn to_hex(self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }

    /// The first eight digits, for people.
    pub fn short(&self) -> String {
        self.to_hex().chars().take(8).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.short())
    }
}

/// Text that is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a digest: expected `b3:` and 64 hexadecimal digits")]
pub struct InvalidDigest(String);

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = text.strip_prefix(Self::PREFIX).unwrap_or(text);
        blake3::Hash::from_hex(hex)
            .map(|hash| Self(*hash.as_bytes()))
            .map_err(|_| InvalidDigest(shown(text, 80)))
    }
}

/// Hashes bytes that arrive in pieces.
#[derive(Debug, Clone, Default)]
pub struct Hasher(blake3::Hasher);

impl Hasher {
    /// Starts with nothing hashed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts for hashes of one purpose, as [`Digest::of_with_context`].
    pub fn with_context(context: &str) -> Self {
        Self(blake3::Hasher::new_derive_key(context))
    }

    /// Adds the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all pieces so far.
    pub fn finish(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

impl std::io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_reads_back() {
        let digest = Digest::of(b"updraft");
        assert_eq!(digest.to_string().parse::<Digest>(), Ok(digest));
        assert_eq!(digest.to_hex().parse::<Digest>(), Ok(digest));
    }

    #[test]
    fn text_that_is_not_a_digest_is_refused_and_shown_shortened() {
        let error = "b3:zz".repeat(100).parse::<Digest>().expect_err("no digest");
        assert!(error.to_string().len() < 200);
    }

    #[test]
    fn pieces_hash_like_the_whole() {
        let mut hasher = Hasher::new();
        hasher.update(b"up");
        hasher.update(b"draft");
        assert_eq!(hasher.finish(), Digest::of(b"updraft"));
    }

    #[test]
    fn a_context_gives_another_name() {
        assert_ne!(Digest::of_with_context("a", b"x"), Digest::of(b"x"));
        assert_ne!(Digest::of_with_context("a", b"x"), Digest::of_with_context("b", b"x"));
    }
}
