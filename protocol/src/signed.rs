//! Signed objects: the received bytes and who signed them.
//!
//! A signature is over `domain ‖ 0x00 ‖ network id ‖ payload`. The domain names the type and its version, so a
//! signature for one type can never pass for another; the network id keeps networks with shared keys apart.
//! Verification runs over the payload as it was received and never over a second encoding of it, and the only
//! way from [`Signed`] to a believed value is [`Signed::verify`].

use std::{collections::BTreeSet, marker::PhantomData, ops::Deref};

use bincode::{Decode, Encode};

use crate::{
    codec::{self, DecodeError, EncodeError, Invalid, Wire},
    digest::Digest,
    key::{KeyId, SecretKey},
    limits::MAX_SIGNATURES,
    network::NetworkId,
    payload::Payload,
    threshold::{self, Authority, Signature, ThresholdNotMet},
};

/// A type that is signed.
pub trait Signable: Wire {
    /// Type and version as signed, `updraft/<type>/v<n>`.
    const DOMAIN: &'static str;

    /// Signatures that a copy may bear.
    const MOST_SIGNATURES: usize = MAX_SIGNATURES;

    /// The network this value is for.
    fn network(&self) -> &NetworkId;
}

/// What one key says alone. It names its key, so two keys never say it with the same bytes.
pub trait Sentence: Signable {
    /// The key that has to sign it.
    fn speaker(&self) -> KeyId;
}

/// A payload and signatures over it; believed by nobody yet.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[bincode(
    encode_bounds = "T: Signable",
    decode_bounds = "T: Signable",
    borrow_decode_bounds = "T: Signable"
)]
pub struct Signed<T> {
    payload: Payload,
    signatures: Vec<Signature>,
    kind: PhantomData<T>,
}

impl<T: Signable> Wire for Signed<T> {
    const NAME: &'static str = T::NAME;
    /// With the length of the list of signatures, each of which takes 32 + 64 bytes.
    const MAX: usize = T::MAX + 16 + T::MOST_SIGNATURES * 96;

    fn check(&self) -> Result<(), Invalid> {
        Invalid::if_over("signatures", self.signatures.len(), T::MOST_SIGNATURES)?;
        Invalid::if_over("payload bytes", self.payload.bytes().len(), T::MAX)
    }
}

/// Why a signed object is not believed, in the order of the checks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The payload is not a value of its type.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It was made for another network.
    #[error("it is for network {got}, not for {expected}")]
    WrongNetwork {
        /// The network it names.
        got: NetworkId,
        /// The network it was offered in.
        expected: NetworkId,
    },
    /// It is not what a believed object names.
    #[error("it is {got}, expected {named}")]
    OtherThanNamed {
        /// The digest that was named.
        named: Digest,
        /// The digest of what came.
        got: Digest,
    },
    /// Too few distinct keys of the role signed it.
    #[error(transparent)]
    Threshold(#[from] ThresholdNotMet),
}

impl<T: Signable> Signed<T> {
    /// A value that nobody has signed.
    pub fn unsigned(value: &T) -> Result<Self, EncodeError> {
        Ok(Self {
            payload: codec::encode(value)?.into(),
            signatures: Vec::new(),
            kind: PhantomData,
        })
    }

    /// Adds the signature of `key`; replaces an earlier one of the same key.
    pub fn sign(&mut self, key: &SecretKey, network: &NetworkId) {
        let signature =
            Signature { key: key.public().id(), bytes: key.sign(&self.message(network)) };
        self.signatures.retain(|earlier| earlier.key != signature.key);
        self.signatures.push(signature);
        self.signatures.sort_by_key(|signature| signature.key);
    }

    /// Takes from another copy of the same payload the signatures under these ids, in place of its own. Does
    /// nothing if the payloads differ.
    ///
    /// Which of them are valid is the caller's to find out first, with [`Signed::signers`]: a bad signature
    /// must not push out a good one.
    pub fn adopt(&mut self, other: &Self, of: &BTreeSet<KeyId>) {
        if self.payload != other.payload {
            return;
        }
        let wanted = |signature: &&Signature| of.contains(&signature.key);
        let taken: Vec<_> = other.signatures.iter().filter(wanted).copied().collect();
        self.signatures.retain(|own| taken.iter().all(|theirs| theirs.key != own.key));
        self.signatures.extend(taken);
        self.signatures.sort_by_key(|signature| signature.key);
    }

    /// Digest of the payload. Signatures do not change it, so one value has one name whoever signed.
    pub fn digest(&self) -> Digest {
        self.payload.digest()
    }

    /// The payload's bytes.
    pub fn payload(&self) -> &[u8] {
        self.payload.bytes()
    }

    /// Signatures as received, valid or not.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Reads the payload without believing it: for showing what is to be signed, and for finding out which
    /// role would have to vouch for it.
    pub fn peek(&self) -> Result<T, DecodeError> {
        codec::decode(self.payload.bytes())
    }

    /// Which keys of `role` have signed this for `network`.
    pub fn signers<'a>(
        &self,
        network: &NetworkId,
        role: impl Into<Authority<'a>>,
    ) -> BTreeSet<KeyId> {
        threshold::signers(role, &self.message(network), &self.signatures)
    }

    /// Believes the value if `role` vouches for it in `network`.
    pub fn verify<'a>(
        &self,
        network: &NetworkId,
        role: impl Into<Authority<'a>>,
    ) -> Result<Verified<T>, VerifyError> {
        let value = self.of_network(network)?;
        let signers = threshold::require(role, &self.message(network), &self.signatures)?;
        Ok(Verified { value, digest: self.digest(), signers })
    }

    /// Believes the value because something that is believed names its digest, whoever signed it.
    ///
    /// [`Verified::signers`] of it is empty.
    pub fn verify_named(
        &self,
        network: &NetworkId,
        named: &Digest,
    ) -> Result<Verified<T>, VerifyError> {
        let value = self.of_network(network)?;
        if self.digest() != *named {
            return Err(VerifyError::OtherThanNamed { named: *named, got: self.digest() });
        }
        Ok(Verified { value, digest: *named, signers: BTreeSet::new() })
    }

    /// Believes what one key says alone, if that key is in `role` and signed it.
    pub fn verify_sentence<'a>(
        &self,
        network: &NetworkId,
        role: impl Into<Authority<'a>>,
    ) -> Result<Verified<T>, VerifyError>
    where
        T: Sentence,
    {
        let value = self.of_network(network)?;
        let speaker = value.speaker();
        let signers = threshold::signers(role, &self.message(network), &self.signatures);
        if !signers.contains(&speaker) {
            return Err(ThresholdNotMet { have: 0, need: 1 }.into());
        }
        Ok(Verified { value, digest: self.digest(), signers: BTreeSet::from([speaker]) })
    }

    fn of_network(&self, network: &NetworkId) -> Result<T, VerifyError> {
        let value = self.peek()?;
        if value.network() == network {
            return Ok(value);
        }
        Err(VerifyError::WrongNetwork { got: *value.network(), expected: *network })
    }

    fn message(&self, network: &NetworkId) -> Vec<u8> {
        [T::DOMAIN.as_bytes(), &[0], network.as_bytes(), self.payload.bytes()].concat()
    }
}

/// A value that a role vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T> {
    value: T,
    digest: Digest,
    signers: BTreeSet<KeyId>,
}

impl<T> Verified<T> {
    /// Digest of the payload that was verified.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The distinct keys that signed.
    pub fn signers(&self) -> &BTreeSet<KeyId> {
        &self.signers
    }

    /// The value alone; the proof is given up.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
