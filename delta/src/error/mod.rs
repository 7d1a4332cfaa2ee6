//! What can go wrong, one enum for each question, each variant naming what was wrong.
//!
//! The first three say which bytes were bad; [`Blame`] says what a caller does about it. Nothing here decides.

mod container;
mod folder;
mod patch;

pub use container::{ContainerError, StreamError};
pub use folder::FolderError;
pub use patch::PatchError;

use std::io;

use updraft_protocol::{Digest, TreePath, codec::EncodeError};

/// Why compressed bytes did not give the bytes they were announced as.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Reading the compressed bytes failed on this machine.
    #[error("cannot read the compressed bytes")]
    Source(#[source] io::Error),
    /// They are not a zstd frame, or want a larger window than is allowed.
    #[error("not a zstd frame that may be read, after {at} bytes of output")]
    Broken {
        /// Bytes that came out before.
        at: u64,
        /// What zstd says.
        #[source]
        source: io::Error,
    },
    /// The frame ends too early.
    #[error("{got} bytes came out, {expected} were announced")]
    Short {
        /// The announced size.
        expected: u64,
        /// What came out.
        got: u64,
    },
    /// The frame holds more than was announced.
    #[error("more than the announced {expected} bytes came out")]
    Long {
        /// The announced size.
        expected: u64,
    },
    /// Bytes follow the frame.
    #[error("there are bytes after the end of the frame")]
    Trailing,
}

/// Why a blob could not be made, read or described.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// Reading what goes in failed.
    #[error("cannot read the contents")]
    Read(#[source] io::Error),
    /// Writing what comes out failed.
    #[error("cannot write the result")]
    Write(#[source] io::Error),
    /// The compressor failed.
    #[error("cannot compress")]
    Compress(#[source] io::Error),
    /// What goes in does not have the announced size.
    #[error("the contents have {got} bytes or more, {expected} were announced")]
    Size {
        /// The announced size.
        expected: u64,
        /// Bytes seen before giving up.
        got: u64,
    },
    /// The blob's bytes are not a whole artifact of the announced size.
    #[error("the blob does not hold the contents")]
    Frame(#[source] FrameError),
    /// What it says about programs in the contents cannot be.
    #[error("the blob's list of programs is none")]
    Programs(#[source] Box<PatchError>),
    /// The size of its list of programs is no number in its shortest form.
    #[error("the size of the blob's list of programs is no number")]
    BadListSize,
    /// Its list of programs is longer than any.
    #[error("the blob's list of programs has {got} bytes, at most {limit} are read")]
    LongList {
        /// What it says.
        got: u64,
        /// The most there may be.
        limit: u64,
    },
    /// Its end is no index of blocks.
    #[error("the index of the blob's blocks {what}")]
    Index {
        /// What is wrong with it.
        what: &'static str,
    },
    /// Its chunk list breaks the protocol's limits.
    #[error("the blob cannot be described")]
    Describe(#[source] EncodeError),
}

/// Why contents are not the files of a tree.
#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    /// Bytes are left when every file is full.
    #[error("the contents go on after the last file")]
    TooLong,
    /// The contents end inside a file.
    #[error("the contents end {missing} bytes before the end of `{path}`")]
    TooShort {
        /// The unfinished file.
        path: TreePath,
        /// What it still wants.
        missing: u64,
    },
    /// A file is not what the tree says.
    #[error("`{path}` has digest {got}, the release says {expected}")]
    WrongFile {
        /// The file.
        path: TreePath,
        /// The digest in the tree.
        expected: Digest,
        /// The digest of the bytes.
        got: Digest,
    },
    /// The sink could not take a file.
    #[error("cannot write `{path}`")]
    Sink {
        /// The file.
        path: TreePath,
        /// What the sink says.
        #[source]
        source: io::Error,
    },
}

/// Why a patch could not be made. None of these is a fault of the release: it goes out without the patch.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// One of the versions is larger than any that patches are made for.
    #[error("a version of {got} bytes is larger than {limit}, the most that patches are made for")]
    TooLarge {
        /// Bytes of the larger one.
        got: u64,
        /// The most there may be.
        limit: u64,
    },
    /// Both versions together are larger than the codec compares: for the plain one than a suffix array numbers, for the
    /// others than they hold in memory, with compressed streams unpacked.
    #[error(
        "{got} bytes of both versions are more than {limit}, the most that this codec compares"
    )]
    TooLargeTogether {
        /// Bytes of old and new together.
        got: u64,
        /// The most there may be.
        limit: u64,
    },
    /// The suffix array could not be built.
    #[error("cannot index the two versions: {reason}")]
    Index {
        /// What the library says.
        reason: String,
    },
    /// The compressor failed.
    #[error("cannot compress the patch")]
    Compress(#[source] io::Error),
    /// Compressed streams of the contents could not be looked through.
    #[error("cannot look through compressed streams")]
    Container(#[source] ContainerError),
    /// So scattered that its control data alone would be refused by every reader.
    #[error("the patch needs {got} bytes to say what goes where, at most {limit} are read")]
    Scattered {
        /// Bytes of control data.
        got: u64,
        /// The most a reader takes.
        limit: u64,
    },
    /// More resembles nothing than a dense patch is made for.
    #[error(
        "{got} bytes of the new version resemble no old ones, dense patches are made for at most {limit}"
    )]
    TooMuchNew {
        /// Bytes that resemble nothing.
        got: u64,
        /// The most there may be.
        limit: u64,
    },
    /// The patch was made and does not apply: a bug, found before anybody signed it.
    #[error("the patch does not give the new version back")]
    Untrue(#[source] PatchError),
    /// The patch was made, applies, and gives something else: a bug, found before anybody signed it.
    #[error("the patch gives something else than the new version")]
    OtherResult,
    /// Its chunk list breaks the protocol's limits.
    #[error("the patch cannot be described")]
    Describe(#[source] BlobError),
}

/// Whose fault a failed route is, which decides what the caller tries next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The blob does not make the release. Exclude the route for good.
    Blob,
    /// What is installed is not what it should be. Only a whole artifact helps.
    Base,
    /// This machine could not read or write. The same route may be tried again once that is mended.
    Here,
}

impl FrameError {
    fn blame(&self) -> Blame {
        match self {
            Self::Source(_) => Blame::Here,
            Self::Broken { .. } | Self::Short { .. } | Self::Long { .. } | Self::Trailing => {
                Blame::Blob
            }
        }
    }
}

/// Which step of a route failed.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// The blob in hand is not the route's.
    #[error("the blob has {got} bytes, the manifest says {expected}")]
    BlobSize {
        /// What the manifest says.
        expected: u64,
        /// What is here.
        got: u64,
    },
    /// Unpacking the whole artifact failed.
    #[error("cannot unpack the whole artifact")]
    Whole(#[source] BlobError),
    /// A file that was to be taken from what lies here cannot be read.
    #[error("cannot read the file {file}, which lay here")]
    File {
        /// Its digest.
        file: Digest,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Applying the patch failed.
    #[error("cannot apply the patch")]
    Patch(#[source] PatchError),
    /// What came out is not the tree.
    #[error("the contents are not the release's files")]
    Split(#[source] SplitError),
}

impl AssembleError {
    /// Whose fault it is, which decides what the caller tries next.
    pub fn blame(&self) -> Blame {
        match self {
            Self::BlobSize { .. } => Blame::Blob,
            Self::Whole(BlobError::Frame(source)) => source.blame(),
            Self::Whole(
                BlobError::Programs(_)
                | BlobError::BadListSize
                | BlobError::LongList { .. }
                | BlobError::Index { .. },
            ) => Blame::Blob,
            Self::Whole(_) | Self::File { .. } | Self::Split(SplitError::Sink { .. }) => {
                Blame::Here
            }
            Self::Patch(source) => source.blame(),
            Self::Split(_) => Blame::Blob,
        }
    }
}
