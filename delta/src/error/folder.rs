//! Why a stream is no folder, or a folder no stream.

use std::io;

use updraft_protocol::{TreePath, codec::Invalid};

/// Why a stream is no folder, or a folder no stream.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The listing is longer than any may be.
    #[error("its listing has {got} bytes, at most {limit} are taken")]
    TooLong {
        /// What it has, or says to have.
        got: u64,
        /// The most there may be.
        limit: u64,
    },
    /// The number in front is none.
    #[error("it does not begin with the size of a listing")]
    NoListing,
    /// An entry of the listing is cut short, or one of its numbers is none.
    #[error("entry {entry} of its listing has no `{field}`")]
    BadEntry {
        /// Which, from 0.
        entry: usize,
        /// The first field that is missing.
        field: &'static str,
    },
    /// An entry of the listing is of a kind that there is not.
    #[error("entry {entry} of its listing is of kind {got}; kinds are 0 to 3")]
    UnknownKind {
        /// Which, from 0.
        entry: usize,
        /// What it says.
        got: u8,
    },
    /// A path or a target of the listing is no text.
    #[error("the `{field}` of entry {entry} of its listing is not UTF-8")]
    NotText {
        /// Which, from 0.
        entry: usize,
        /// The field.
        field: &'static str,
    },
    /// A path that could lead elsewhere, or that some systems cannot have.
    #[error("entry {entry} of its listing is `{path}`: {reason}")]
    BadPath {
        /// Which, from 0.
        entry: usize,
        /// What it says, fit for a log.
        path: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// More entries than any folder may have.
    #[error("its listing has more than {limit} entries")]
    TooMany {
        /// The most there may be.
        limit: usize,
    },
    /// Each entry is one, and together they are no folder: out of order, twice, without the folder they lie in, with
    /// a link that leads out, or too large.
    #[error("its listing is that of no folder: {0}")]
    NoFolder(Invalid),
    /// The sizes of the files are not the size of the stream.
    #[error("it has {got} bytes, its listing says {expected}")]
    OtherSize {
        /// What the listing adds up to.
        expected: u64,
        /// What there is.
        got: u64,
    },
    /// The stream ended too early.
    #[error("it ends before all files are there")]
    Short,
    /// The sink could not take something.
    #[error("cannot write `{path}`")]
    Sink {
        /// What.
        path: TreePath,
        /// Why not.
        #[source]
        source: io::Error,
    },
}
