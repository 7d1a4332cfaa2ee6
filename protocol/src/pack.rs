//! The second version of transfer: many chunks for one question.
//!
//! A release of small chunks costs the first version a question and an answer for each of them; here a question names
//! ranges, and the answer carries as many of their chunks as fit. What comes is checked against a signed digest, chunk
//! by chunk, as before.

use bincode::{Decode, Encode};

use crate::{
    codec::{Invalid, Wire},
    digest::Digest,
    limits::{
        MAX_CHUNK, MAX_PACK_BYTES, MAX_PACK_CHUNKS, MAX_PACK_RANGES, MAX_REQUEST, MAX_RESPONSE,
    },
    transfer::{TransferAnswer, TransferRequest},
};

/// Chunks one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct ChunkRange {
    /// The first.
    pub first: u32,
    /// How many, at least one.
    pub count: u32,
}

impl ChunkRange {
    /// The fewest ranges that hold these indices and no others; they come in ascending order. The very last number,
    /// which no blob has a chunk for, makes a range that is refused.
    pub fn pack(indices: &[u32]) -> Vec<Self> {
        let mut sorted = indices.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let mut ranges: Vec<Self> = Vec::new();
        for index in sorted {
            match ranges.last_mut() {
                Some(last) if last.first.checked_add(last.count) == Some(index) => last.count += 1,
                _ => ranges.push(Self { first: index, count: 1 }),
            }
        }
        ranges
    }

    /// The indices of ranges that were checked, in ascending order.
    pub fn unpack(ranges: &[Self]) -> impl Iterator<Item = u32> {
        ranges.iter().flat_map(|range| range.first..range.first.saturating_add(range.count))
    }
}

/// Asks a peer for bytes, or for what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum PackedRequest {
    /// As in the first version.
    One(TransferRequest),
    /// Chunks of a blob.
    Chunks {
        /// Digest of the blob.
        blob: Digest,
        /// Which, in ascending order without touching each other.
        ranges: Vec<ChunkRange>,
    },
}

/// An answer to a packed request.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum PackedAnswer {
    /// As in the first version.
    One(TransferAnswer),
    /// The first of the chunks that were asked for, in their order: up to one that is not held, or does not fit.
    Chunks(Vec<Vec<u8>>),
}

impl Wire for PackedRequest {
    const NAME: &'static str = "packed request";
    const MAX: usize = MAX_REQUEST;

    fn check(&self) -> Result<(), Invalid> {
        let ranges = match self {
            Self::One(request) => return request.check(),
            Self::Chunks { ranges, .. } => ranges,
        };
        Invalid::if_over("ranges", ranges.len(), MAX_PACK_RANGES)?;
        let mut after = None;
        let mut chunks = 0_usize;
        for range in ranges {
            let end = range.first.checked_add(range.count);
            let Some(end) = end.filter(|_| range.count > 0) else {
                return Err(Invalid::new(
                    "ranges",
                    "have one of no chunks, or past the last number",
                ));
            };
            if after.is_some_and(|after| range.first <= after) {
                return Err(Invalid::new(
                    "ranges",
                    "are not in ascending order, or touch each other",
                ));
            }
            after = Some(end);
            let count = usize::try_from(range.count).unwrap_or(usize::MAX);
            chunks = chunks.saturating_add(count);
        }
        if chunks == 0 {
            return Err(Invalid::new("ranges", "name no chunk"));
        }
        Invalid::if_over("chunks asked for", chunks, MAX_PACK_CHUNKS)
    }
}

impl Wire for PackedAnswer {
    const NAME: &'static str = "packed answer";
    /// One object, as in the first version; a pack is smaller.
    const MAX: usize = {
        assert!(MAX_PACK_BYTES + 16 * MAX_PACK_CHUNKS < MAX_RESPONSE);
        MAX_RESPONSE + 16
    };

    fn check(&self) -> Result<(), Invalid> {
        match self {
            Self::One(answer) => answer.check(),
            Self::Chunks(chunks) => {
                Invalid::if_over("chunks", chunks.len(), MAX_PACK_CHUNKS)?;
                let largest = chunks.iter().map(Vec::len).max().unwrap_or_default();
                Invalid::if_over("chunk bytes", largest, MAX_CHUNK as usize)?;
                let bytes = chunks.iter().map(Vec::len).sum();
                Invalid::if_over("bytes of chunks", bytes, MAX_PACK_BYTES)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_read_back_from_their_ranges() {
        let ranges = ChunkRange::pack(&[7, 3, 4, 5, 9, 3, 10]);
        assert_eq!(ranges.len(), 3);
        assert_eq!(ChunkRange::unpack(&ranges).collect::<Vec<_>>(), [3, 4, 5, 7, 9, 10]);
        let request = PackedRequest::Chunks { blob: Digest::of(b"blob"), ranges };
        assert_eq!(request.check(), Ok(()));
    }

    #[test]
    fn ranges_that_are_empty_overlap_or_run_over_are_refused() {
        let range = |first, count| ChunkRange { first, count };
        for ranges in [
            vec![],
            vec![range(3, 0)],
            vec![range(3, 2), range(4, 1)],
            vec![range(3, 2), range(5, 1)],
            vec![range(5, 1), range(3, 1)],
            vec![range(u32::MAX, 2)],
            vec![range(0, 65)],
            vec![range(0, u32::MAX), range(u32::MAX, 1)],
        ] {
            let request = PackedRequest::Chunks { blob: Digest::of(b"blob"), ranges };
            assert!(request.check().is_err(), "{request:?}");
        }
    }

    #[test]
    fn a_pack_is_bounded_in_bytes() {
        let chunk = vec![0; MAX_CHUNK as usize];
        assert!(PackedAnswer::Chunks(vec![chunk.clone(); 4]).check().is_ok());
        assert!(PackedAnswer::Chunks(vec![chunk; 5]).check().is_err());
    }
}
