//! Moving bytes between two peers: who holds what of a blob, its chunks, and objects by digest.
//!
//! This is its first version. `bootstrap` carries it for ever, so it never changes; the second one is `pack.rs`.
//!
//! Nothing here is signed and nothing here is believed: what comes is checked against a signed digest.

use bincode::{Decode, Encode};

use crate::{
    codec::{Invalid, Wire},
    digest::Digest,
    limits::{MAX_CHUNK, MAX_CHUNKS, MAX_OBJECT, MAX_REQUEST, MAX_RESPONSE},
};

/// Asks a peer for bytes, or for what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum TransferRequest {
    /// The object of this digest (a tree, a chunk list).
    Object(Digest),
    /// Which chunks of this blob the peer holds.
    Have(Digest),
    /// One chunk.
    Chunk {
        /// Digest of the blob.
        blob: Digest,
        /// Index of the chunk.
        index: u32,
    },
}

/// An answer to a transfer request.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum TransferAnswer {
    /// The object's bytes.
    Object(Vec<u8>),
    /// What the peer holds.
    Have(Holding),
    /// The chunk's bytes.
    Chunk(Vec<u8>),
    /// The peer does not hold it.
    NotHeld,
    /// The peer has it and does not give it now; ask again later.
    Busy,
}

/// Which chunks of a blob somebody holds.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Holding {
    /// None.
    Nothing,
    /// Those whose bit is set: chunk `8·i + b` is bit `b` (from the lowest) of byte `i`.
    Some(Vec<u8>),
    /// All.
    Everything,
}

impl Holding {
    /// Packs one flag for each chunk.
    pub fn from_flags(flags: &[bool]) -> Self {
        if flags.iter().all(|held| *held) {
            return Self::Everything;
        }
        if flags.iter().all(|held| !*held) {
            return Self::Nothing;
        }
        let pack = |byte: &[bool]| {
            byte.iter().enumerate().fold(0_u8, |bits, (bit, held)| bits | (u8::from(*held) << bit))
        };
        Self::Some(flags.chunks(8).map(pack).collect())
    }

    /// Whether chunk `index` is held. Bits past the end of the list read as no.
    pub fn holds(&self, index: u32) -> bool {
        usize::try_from(index / 8).is_ok_and(|byte| self.eight(byte) >> (index % 8) & 1 == 1)
    }

    /// The flags of the eight chunks that byte `byte` of a bitmap is about, the first in the lowest bit. As in
    /// [`Holding::holds`], with ones past the end of the list where everything is held.
    pub fn eight(&self, byte: usize) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Everything => u8::MAX,
            Self::Some(bits) => bits.get(byte).copied().unwrap_or(0),
        }
    }
}

impl Wire for TransferRequest {
    const NAME: &'static str = "transfer request";
    const MAX: usize = MAX_REQUEST;
}

impl Wire for TransferAnswer {
    const NAME: &'static str = "transfer answer";
    const MAX: usize = MAX_RESPONSE;

    fn check(&self) -> Result<(), Invalid> {
        match self {
            Self::Object(bytes) => Invalid::if_over("object bytes", bytes.len(), MAX_OBJECT),
            Self::Chunk(bytes) => Invalid::if_over("chunk bytes", bytes.len(), MAX_CHUNK as usize),
            Self::Have(Holding::Some(bits)) => {
                Invalid::if_over("bytes of a bitmap", bits.len(), MAX_CHUNKS / 8)
            }
            Self::Have(_) | Self::NotHeld | Self::Busy => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_read_back_from_the_bitmap() {
        let flags: Vec<bool> = (0..21).map(|n| n % 3 == 0).collect();
        let holding = Holding::from_flags(&flags);
        for (index, held) in (0..).zip(&flags) {
            assert_eq!(holding.holds(index), *held);
        }
        assert!(!holding.holds(10_000));
    }

    #[test]
    fn all_and_none_have_their_own_short_form() {
        assert_eq!(Holding::from_flags(&[true, true]), Holding::Everything);
        assert_eq!(Holding::from_flags(&[false, false]), Holding::Nothing);
    }
}
