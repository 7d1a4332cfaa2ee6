//! Signing keys: secret, public, and the one id a public key has.
//!
//! Secret keys are wiped when dropped and never shown; files and passwords are the node's business.

use std::{fmt, str::FromStr};

use bech32::{Bech32m, Hrp};
use bincode::{
    Decode, Encode,
    de::Decoder,
    enc::Encoder,
    error::{DecodeError, EncodeError},
};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use crate::{digest::Digest, proven};

const PUBLIC_KEY_PREFIX: Hrp = Hrp::parse_unchecked("updk");

/// An Ed25519 secret key.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// Makes a key from 32 random bytes. Whoever calls this answers for their randomness.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The 32 bytes to store; they wipe themselves when dropped.
    pub fn to_seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey::of(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey of {}", self.public().id())
    }
}

/// An Ed25519 public key that is a point of large order on the curve.
///
/// Its text form is one bech32m line, `updk1…`, whose checksum catches typing errors.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey {
    key: VerifyingKey,
    /// Asked for far more often than keys are made.
    id: KeyId,
}

impl PublicKey {
    fn of(key: VerifyingKey) -> Self {
        Self { id: KeyId(Digest::of(key.as_bytes())), key }
    }

    /// Takes a key's 32 bytes. Refuses bytes that are no point, weak points under which one signature fits many
    /// messages, and a second way of writing a point, under which one key would have two ids.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, InvalidKey> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| InvalidKey::NotAPoint)?;
        if key.is_weak() {
            return Err(InvalidKey::Weak);
        }
        if key.to_edwards().compress().as_bytes() != bytes {
            return Err(InvalidKey::SecondForm);
        }
        Ok(Self::of(key))
    }

    /// The key's 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// The key's only id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Whether `signature` over `message` is by this key. Strict: no small-order points, no second encoding.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        proven::or_else(self.as_bytes(), message, signature, || {
            let signature = ed25519_dalek::Signature::from_bytes(signature);
            self.key.verify_strict(message, &signature).is_ok()
        })
    }
}

/// Why bytes or text are no public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// Not a point on the curve.
    #[error("not a point on the curve")]
    NotAPoint,
    /// A point of small order.
    #[error("a weak key: one signature by it fits many messages")]
    Weak,
    /// A point whose own bytes are others.
    #[error("a second way of writing another key")]
    SecondForm,
    /// Text that is not `updk1…` with a right checksum.
    #[error("not a public key: expected one line `updk1…` (is a character missing or mistyped?)")]
    Text,
}

impl FromStr for PublicKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let decoded = bech32::primitives::decode::CheckedHrpstring::new::<Bech32m>(text)
            .map_err(|_| InvalidKey::Text)?;
        if decoded.hrp() != PUBLIC_KEY_PREFIX {
            return Err(InvalidKey::Text);
        }
        let bytes: Vec<u8> = decoded.byte_iter().collect();
        Self::from_bytes(&bytes.try_into().map_err(|_| InvalidKey::Text)?)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bech32::encode_to_fmt::<Bech32m, _>(f, PUBLIC_KEY_PREFIX, self.as_bytes())
            .map_err(|_| fmt::Error)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey {}", self.id())
    }
}

impl Encode for PublicKey {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.as_bytes().encode(encoder)
    }
}

impl<C> Decode<C> for PublicKey {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let bytes = <[u8; 32]>::decode(decoder)?;
        Self::from_bytes(&bytes).map_err(|error| DecodeError::OtherString(error.to_string()))
    }
}

bincode::impl_borrow_decode!(PublicKey);

/// Hash of a public key. A key has one id, so it cannot be counted twice under two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct KeyId(Digest);

impl KeyId {
    /// The hash itself.
    pub const fn digest(&self) -> &Digest {
        &self.0
    }

    /// The id's hexadecimal digits.
    pub fn to_hex(self) -> String {
        self.0.to_hex()
    }
}

/// The first 16 digits in groups of four, for people to compare: `4f1c 90aa 7be2 03d5`.
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fingerprint(&self.0, f)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Writes the first 16 digits of a digest in groups of four.
pub(crate) fn fingerprint(digest: &Digest, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let hex = digest.to_hex();
    write!(f, "{} {} {} {}", &hex[0..4], &hex[4..8], &hex[8..12], &hex[12..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_reads_back_and_a_typing_error_is_caught() {
        let key = SecretKey::from_seed(&[7; 32]).public();
        let text = key.to_string();
        assert!(text.starts_with("updk1"));
        assert_eq!(text.parse::<PublicKey>(), Ok(key));
        let swapped = if text.ends_with('q') { 'p' } else { 'q' };
        let mistyped = format!("{}{swapped}", &text[..text.len() - 1]);
        assert_eq!(mistyped.parse::<PublicKey>(), Err(InvalidKey::Text));
    }

    #[test]
    fn weak_points_are_no_keys() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(PublicKey::from_bytes(&identity), Err(InvalidKey::Weak));
    }

    #[test]
    fn a_key_has_one_way_of_being_written() {
        // The point with y = 3, and the same with y = 3 + p.
        let mut short = [0; 32];
        short[0] = 3;
        let mut long = [0xff; 32];
        (long[0], long[31]) = (0xf0, 0x7f);
        assert!(PublicKey::from_bytes(&short).is_ok());
        assert_eq!(PublicKey::from_bytes(&long), Err(InvalidKey::SecondForm));
    }

    #[test]
    fn a_secret_key_does_not_show_itself() {
        let key = SecretKey::from_seed(&[7; 32]);
        assert!(!format!("{key:?}").contains("07"));
        assert_eq!(*key.to_seed(), [7; 32]);
    }
}
