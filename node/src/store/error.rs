//! What can go wrong while keeping things. Never says what the caller should do with its peers.

use std::{error::Error, io, path::PathBuf};

use updraft_protocol::{
    ChannelName, Digest,
    codec::{DecodeError, EncodeError},
};

/// Which of the operator's limits a reservation would break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpaceLimit {
    /// `store.max_size`: what the store may take.
    MaxSize,
    /// `store.min_free_disk`: what has to stay free for others.
    MinFreeDisk,
    /// The file system itself has no room left.
    FileSystem,
}

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused an action on a file.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The metadata database refused.
    #[error("cannot {action} the store's database")]
    Database {
        /// What was tried, as a verb.
        action: &'static str,
        /// Why not.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A record of the database does not say what it should.
    #[error("the store's record of {what} cannot be read: {reason}")]
    BadRecord {
        /// Whose record.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The data directory was written by a later version of this program.
    #[error("the store has schema {found}, this version knows schemas up to {known}")]
    NewerSchema {
        /// The version on disk.
        found: u32,
        /// The last version this program can read.
        known: u32,
    },
    /// There is not enough room; nothing was written.
    #[error("the store needs {need} bytes and has {have}")]
    DiskFull {
        /// Bytes asked for.
        need: u64,
        /// Bytes that may be taken.
        have: u64,
        /// The limit that stands in the way.
        limit: SpaceLimit,
    },
    /// The trust folder has roots of more than one network.
    #[error("the trust folder has several networks: {}", names.join(", "))]
    SeveralNetworks {
        /// Names of the folders.
        names: Vec<String>,
    },
    /// A root of another network than the one this store trusts.
    #[error("the root is of another network than `{trusted}`, which this store trusts")]
    OtherNetwork {
        /// Name of the trusted network.
        trusted: String,
    },
    /// A root that is not the next of the chain.
    #[error("root {offered} came, root {expected} is the next")]
    RootOrder {
        /// The next version.
        expected: u64,
        /// The version that came.
        offered: u64,
    },
    /// Another root has this version already.
    #[error("another root {version} is trusted")]
    RootDiffers {
        /// The version both have.
        version: u64,
    },
    /// A file of the trust folder is not what was written.
    #[error("{} is damaged: {reason}", path.display())]
    DamagedRoot {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A head that is not the next of its channel.
    #[error("head {offered} of `{channel}` came, head {expected} is the next")]
    HeadOrder {
        /// The channel.
        channel: ChannelName,
        /// The next number.
        expected: u64,
        /// The number that came.
        offered: u64,
    },
    /// Another head has this number already.
    #[error("another head {seq} of `{channel}` is held")]
    HeadDiffers {
        /// The channel.
        channel: ChannelName,
        /// The number both have.
        seq: u64,
    },
    /// A signed object whose payload is not a value of its type.
    #[error("the payload cannot be read")]
    Payload(#[source] DecodeError),
    /// A value that breaks the rules of its type.
    #[error("the value cannot be written")]
    Encode(#[source] EncodeError),
    /// An object larger than any peer would take.
    #[error("the object has {got} bytes, at most {limit} are kept")]
    ObjectTooLarge {
        /// Bytes given.
        got: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The chunk list is not the one that the blob names.
    #[error("the chunk list is not that of blob {blob}")]
    WrongChunkList {
        /// The blob.
        blob: Digest,
    },
    /// Chunks are missing; the blob cannot be finished.
    #[error("blob {blob} lacks {missing} chunks")]
    Incomplete {
        /// The blob.
        blob: Digest,
        /// How many chunks.
        missing: usize,
    },
    /// Every chunk fits the list and the whole does not fit the blob: whoever signed it signed nonsense.
    #[error("the chunks make {got}, not blob {expected}")]
    NotTheBlob {
        /// The blob that was named.
        expected: Digest,
        /// What its chunks make.
        got: Digest,
    },
    /// The blob was removed while somebody still worked on it.
    #[error("blob {blob} was removed")]
    Removed {
        /// The blob.
        blob: Digest,
    },
    /// Bytes offered for a blob are not that blob's.
    #[error("the bytes are not those of the blob")]
    Chunk(#[source] Box<ChunkRefused>),
    /// There are bytes after the end of the blob.
    #[error("the bytes go on after the end of blob {blob}")]
    TooLong {
        /// The blob.
        blob: Digest,
    },
    /// The source of a blob's bytes failed.
    #[error("cannot read the bytes of blob {blob}")]
    Source {
        /// The blob.
        blob: Digest,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Why a chunk was not kept.
#[derive(Debug, thiserror::Error)]
pub enum ChunkRefused {
    /// The blob has fewer chunks.
    #[error("chunk {index} is past the end, the blob has {chunks}")]
    PastTheEnd {
        /// Index offered.
        index: u32,
        /// Chunks of the blob.
        chunks: u32,
    },
    /// Too many bytes or too few.
    #[error("chunk {index} has {got} bytes, expected {expected}")]
    WrongLength {
        /// Index offered.
        index: u32,
        /// Bytes that came.
        got: usize,
        /// Bytes that the list names.
        expected: u32,
    },
    /// Other bytes than the list names.
    #[error("chunk {index} is {got}, expected {expected}")]
    WrongDigest {
        /// Index offered.
        index: u32,
        /// Digest of what came.
        got: Digest,
        /// Digest in the list.
        expected: Digest,
    },
    /// The chunk is right and this store could not keep it.
    #[error("chunk {index} cannot be kept")]
    Keep {
        /// Index offered.
        index: u32,
        /// Why.
        #[source]
        source: StoreError,
    },
}

impl ChunkRefused {
    /// Whether whoever sent the chunk is to blame, and not this store.
    pub fn is_senders_fault(&self) -> bool {
        !matches!(self, Self::Keep { .. })
    }
}

impl StoreError {
    /// Attaches what was tried to an error of the operating system.
    pub(super) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
