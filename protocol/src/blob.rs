//! Blobs: bytes that peers exchange in chunks, each checked by its own digest before it is kept.

use bincode::{Decode, Encode};

use crate::{
    codec::{Invalid, Wire},
    digest::Digest,
    limits::{DEFAULT_CHUNK, MAX_BLOB_BYTES, MAX_CHUNK, MAX_CHUNKS, MAX_OBJECT, MIN_CHUNK},
};

/// An object that is fetched whole, by its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct ObjectRef {
    /// Hash of the object's encoding.
    pub digest: Digest,
    /// Bytes of the encoding, so that a receiver can refuse more.
    pub size: u32,
}

impl ObjectRef {
    /// Names `bytes`.
    pub fn of(bytes: &[u8]) -> Result<Self, Invalid> {
        Invalid::if_over("object bytes", bytes.len(), MAX_OBJECT)?;
        let size =
            u32::try_from(bytes.len()).map_err(|_| Invalid::new("object", "is over 4 GiB"))?;
        Ok(Self { digest: Digest::of(bytes), size })
    }

    pub(crate) fn check(&self) -> Result<(), Invalid> {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        Invalid::if_over("object bytes", size, MAX_OBJECT)
    }
}

/// A blob: what it hashes to, how long it is, and where its chunk list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Blob {
    /// Hash of all its bytes; also its key in the DHT.
    pub digest: Digest,
    /// Bytes; at least 1.
    pub size: u64,
    /// The [`ChunkList`].
    pub chunks: ObjectRef,
}

impl Blob {
    pub(crate) fn check(&self) -> Result<(), Invalid> {
        self.chunks.check()?;
        if self.size == 0 || self.size > MAX_BLOB_BYTES {
            return Err(Invalid::new(
                "blob",
                format!("is {} bytes, 1 to {MAX_BLOB_BYTES} are allowed", self.size),
            ));
        }
        Ok(())
    }
}

/// The digests of a blob's chunks. All chunks but the last have `chunk_size` bytes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ChunkList {
    /// Bytes of the blob.
    pub blob_size: u64,
    /// Bytes of each chunk but the last.
    pub chunk_size: u32,
    /// One digest for each chunk, in order.
    pub digests: Vec<Digest>,
}

/// One chunk's place in its blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkSpan {
    /// First byte.
    pub offset: u64,
    /// Number of bytes; at least 1, at most [`MAX_CHUNK`].
    pub len: u32,
    /// Hash of these bytes.
    pub digest: Digest,
}

impl ChunkList {
    /// The chunk size for a blob of `size` bytes: the default, or as much larger as [`MAX_CHUNKS`] asks.
    pub fn chunk_size_for(size: u64) -> u32 {
        let mut chunk = DEFAULT_CHUNK;
        while chunk < MAX_CHUNK && size.div_ceil(u64::from(chunk)) > MAX_CHUNKS as u64 / 4 {
            chunk *= 2;
        }
        chunk
    }

    /// Number of chunks.
    pub fn len(&self) -> u32 {
        u32::try_from(self.digests.len()).unwrap_or(u32::MAX)
    }

    /// Whether there are no chunks; never true for a checked list.
    pub fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    /// Where chunk `index` lies; `None` past the end.
    pub fn span(&self, index: u32) -> Option<ChunkSpan> {
        let digest = *self.digests.get(usize::try_from(index).ok()?)?;
        let offset = u64::from(index).checked_mul(u64::from(self.chunk_size))?;
        let left = self.blob_size.checked_sub(offset)?;
        let len = u32::try_from(left).unwrap_or(u32::MAX).min(self.chunk_size);
        Some(ChunkSpan { offset, len, digest })
    }
}

impl Wire for ChunkList {
    const NAME: &'static str = "chunk list";
    const MAX: usize = MAX_OBJECT;

    fn check(&self) -> Result<(), Invalid> {
        if self.chunk_size < MIN_CHUNK || self.chunk_size > MAX_CHUNK {
            let reason = format!("is {}, {MIN_CHUNK} to {MAX_CHUNK} are allowed", self.chunk_size);
            return Err(Invalid::new("chunk size", reason));
        }
        if self.blob_size == 0 || self.blob_size > MAX_BLOB_BYTES {
            return Err(Invalid::new("blob size", format!("is {}", self.blob_size)));
        }
        Invalid::if_over("chunks", self.digests.len(), MAX_CHUNKS)?;
        let expected = self.blob_size.div_ceil(u64::from(self.chunk_size));
        if expected != self.digests.len() as u64 {
            let reason = format!(
                "are {}, a blob of {} bytes has {expected}",
                self.digests.len(),
                self.blob_size
            );
            return Err(Invalid::new("chunks", reason));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    fn list(blob_size: u64, count: usize) -> ChunkList {
        ChunkList { blob_size, chunk_size: DEFAULT_CHUNK, digests: vec![Digest::of(b"c"); count] }
    }

    #[test]
    fn spans_cover_the_blob_without_gap_or_overlap() {
        let list = list(600_000, 3);
        let mut next = 0;
        for index in 0..list.len() {
            let span = list.span(index).expect("in range");
            assert_eq!(span.offset, next);
            next += u64::from(span.len);
        }
        assert_eq!(next, 600_000);
        assert_eq!(list.span(3), None);
    }

    #[test]
    fn a_list_that_does_not_fit_its_blob_is_refused() {
        assert!(codec::encode(&list(600_000, 3)).is_ok());
        assert!(codec::encode(&list(600_000, 2)).is_err());
        assert!(codec::encode(&list(600_000, 4)).is_err());
        assert!(codec::encode(&list(0, 0)).is_err());
        assert!(codec::encode(&list(u64::MAX, 3)).is_err());
    }

    #[test]
    fn the_largest_blob_fits_into_the_chunk_limit() {
        let size = ChunkList::chunk_size_for(MAX_BLOB_BYTES);
        assert_eq!(size, MAX_CHUNK);
        assert!(MAX_BLOB_BYTES.div_ceil(u64::from(size)) <= MAX_CHUNKS as u64);
        assert_eq!(ChunkList::chunk_size_for(1), DEFAULT_CHUNK);
    }
}
