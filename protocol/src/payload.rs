//! The bytes that are signed, with their digest. It is their name, asked for wherever they go, and they never change: so it is
//! computed once, and copies of a signed object share both.

use std::{fmt, sync::Arc};

use bincode::{
    Decode, Encode,
    de::Decoder,
    enc::Encoder,
    error::{DecodeError, EncodeError},
};

use crate::digest::Digest;

/// Bytes that are signed. Written and read as a list of bytes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Payload(Arc<Named>);

#[derive(PartialEq, Eq)]
struct Named {
    digest: Digest,
    bytes: Vec<u8>,
}

impl Payload {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    pub(crate) fn digest(&self) -> Digest {
        self.0.digest
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Named { digest: Digest::of(&bytes), bytes }))
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.bytes.fmt(f)
    }
}

impl Encode for Payload {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.0.bytes.encode(encoder)
    }
}

impl<C> Decode<C> for Payload {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Vec::decode(decoder).map(Self::from)
    }
}

bincode::impl_borrow_decode!(Payload);
