//! What can go wrong, one enum for each question, each variant naming what was wrong.
//!
//! The first three say which bytes were bad; [`Blame`] says what a caller does about it. Nothing here decides.

use std::io;

use updraft_protocol::{Digest, PatchCodec, TreePath, codec::EncodeError};

use crate::patch::{Check, StreamName};

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
    /// Both sides together are larger than the suffix array can number.
    #[error("{got} bytes of both versions are more than {limit}, the most that can be compared")]
    TooLarge {
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

/// Why a patch was refused or could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// It does not begin like a patch.
    #[error("not a patch: it does not begin with the mark of one")]
    NotAPatch,
    /// It ends inside its header.
    #[error("the header ends before `{field}`")]
    ShortHeader {
        /// The first field that is missing.
        field: &'static str,
    },
    /// A number in the header is not in its one allowed form.
    #[error("the header's `{field}` is no number in its shortest form")]
    BadNumber {
        /// The field.
        field: &'static str,
    },
    /// A codec that this version does not have.
    #[error("codec {got} is not known")]
    UnknownCodec {
        /// Its number.
        got: u8,
    },
    /// Another codec than the manifest says.
    #[error("it is encoded as {got:?}, the manifest says {signed:?}")]
    OtherCodec {
        /// What the manifest says.
        signed: PatchCodec,
        /// What the patch says.
        got: PatchCodec,
    },
    /// It makes something of another size than the manifest says.
    #[error("it would write {got} bytes, the manifest says {signed}")]
    OtherSize {
        /// What the manifest says.
        signed: u64,
        /// What the patch says.
        got: u64,
    },
    /// Old or new contents are larger than patches may handle.
    #[error("{got} bytes are more than the {limit} that patches are applied to")]
    TooLarge {
        /// The size.
        got: u64,
        /// The limit.
        limit: u64,
    },
    /// The sizes in the header contradict each other.
    #[error("stream `{stream}` is announced with {got} bytes, {limit} is right or the most")]
    StreamSize {
        /// The stream, the last of those added up.
        stream: StreamName,
        /// What the header says.
        got: u64,
        /// What it may say.
        limit: u64,
    },
    /// The patch is longer or shorter than its header says.
    #[error("it has {got} bytes, its header says {expected}")]
    Length {
        /// What the header says.
        expected: u64,
        /// What there is.
        got: u64,
    },
    /// The old contents are not those the patch was made for: another size.
    #[error("it is for contents of {expected} bytes, here are {got}")]
    OtherBaseSize {
        /// What the patch says.
        expected: u64,
        /// What is here.
        got: u64,
    },
    /// The old contents are not those the patch was made for, though of the same size.
    #[error("it is for contents {expected}…, here are {got}…")]
    OtherBase {
        /// What the patch says.
        expected: Check,
        /// What is here.
        got: Check,
    },
    /// A stream is not what the header announces.
    #[error("stream `{stream}` cannot be read")]
    Stream {
        /// The stream.
        stream: StreamName,
        /// Why.
        #[source]
        source: FrameError,
    },
    /// A control number ends too early, is too large or not in its shortest form.
    #[error("record {record}: `{stream}` is no number in its shortest form")]
    BadControl {
        /// Which record, from 0.
        record: u64,
        /// The stream.
        stream: StreamName,
    },
    /// A record that writes nothing.
    #[error("record {record} writes nothing")]
    NoProgress {
        /// Which record, from 0.
        record: u64,
    },
    /// A record that takes more than its data stream has, and so would write too much.
    #[error("record {record} takes {got} bytes of a stream that has {left} left")]
    Overrun {
        /// Which record, from 0.
        record: u64,
        /// What it would take.
        got: u64,
        /// What the stream has.
        left: u64,
    },
    /// A record that reads outside of the old contents.
    #[error("record {record} reads {len} bytes at {at} of {old_size}")]
    OutsideOld {
        /// Which record, from 0.
        record: u64,
        /// Where it reads; negative when before the beginning.
        at: i128,
        /// How many bytes.
        len: u64,
        /// Bytes of the old contents.
        old_size: u64,
    },
    /// A record that writes outside of the new contents.
    #[error("record {record} writes at {at} of {new_size}")]
    OutsideNew {
        /// Which record, from 0.
        record: u64,
        /// Where it writes, or would.
        at: u64,
        /// Bytes of the new contents.
        new_size: u64,
    },
    /// More records than there may be for contents of this size.
    #[error("it has {got} records, at most {limit} are read for contents of this size")]
    TooScattered {
        /// Records, or parts of records in different sections.
        got: u64,
        /// The limit.
        limit: u64,
    },
    /// What it says about executables among the contents cannot be true.
    #[error("what it says about executables is not possible: {field} is {got}")]
    BadLayout {
        /// What is wrong.
        field: &'static str,
        /// The number that was read.
        got: u64,
    },
    /// What is coded goes on after its last symbol, or ends before it.
    #[error("what is coded does not end where it should")]
    OtherEnd,
    /// A stream has more than the records use.
    #[error("stream `{stream}` has {left} bytes that no record uses")]
    Unused {
        /// The stream.
        stream: StreamName,
        /// Bytes left.
        left: u64,
    },
    /// Everything was read and the result is wrong.
    #[error("the result is {got}…, {expected}… was announced")]
    WrongResult {
        /// What the patch says.
        expected: Check,
        /// What came out.
        got: Check,
    },
    /// Reading the patch failed on this machine.
    #[error("cannot read the patch")]
    ReadPatch(#[source] io::Error),
    /// Reading the old contents failed on this machine.
    #[error("cannot read the old contents at {offset}")]
    ReadOld {
        /// Where.
        offset: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Writing the result failed on this machine.
    #[error("cannot write the result")]
    Write(#[source] io::Error),
}

/// Why a compressed stream inside of contents cannot be unpacked or packed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// It ends too early.
    #[error("the stream is cut short")]
    Short,
    /// It is not deflate.
    #[error("no encoder writes such a stream")]
    Broken,
    /// More comes out than was announced.
    #[error("more comes out than was announced")]
    Long,
    /// Less comes out, or goes in, than was announced.
    #[error("less comes out, or goes in, than was announced")]
    Rest,
    /// What says how to pack it does not fit the bytes, or is not in its one allowed form.
    #[error("it cannot be packed as its recipe says")]
    Recipe,
    /// Packing it takes more steps than any encoder would.
    #[error("to pack it takes too much work")]
    Work,
}

/// Why streams inside of contents cannot be listed, unpacked or packed again.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// A number of the list ends too early, is too large or not in its shortest form.
    #[error("the list's `{field}` is no number in its shortest form")]
    BadNumber {
        /// The field.
        field: &'static str,
    },
    /// The list names more streams than are looked at.
    #[error("{got} streams are more than the {limit} that are looked at")]
    TooMany {
        /// Streams in the list.
        got: u64,
        /// The most there may be.
        limit: u64,
    },
    /// A stream lies outside of the contents or over the one before it, or is too short to be one.
    #[error("no stream of {packed} bytes fits where the list has it, {at} bytes into the contents")]
    Misplaced {
        /// Where it would begin.
        at: u64,
        /// How long it would be.
        packed: u64,
    },
    /// A stream cannot hold that much.
    #[error("{packed} bytes of a stream cannot hold {raw}")]
    Impossible {
        /// How long it is.
        packed: u64,
        /// What it would hold.
        raw: u64,
    },
    /// All streams together hold more than is unpacked.
    #[error("the streams hold {got} bytes or more, {limit} are unpacked at most")]
    TooLarge {
        /// What they would hold.
        got: u64,
        /// The most there may be.
        limit: u64,
    },
    /// The list ends inside a recipe, or a recipe is longer than it may be.
    #[error("the recipe of the stream at {at} has no {len} bytes")]
    BadRecipe {
        /// Where the stream begins.
        at: u64,
        /// How long its recipe would be.
        len: u64,
    },
    /// Bytes follow the list.
    #[error("{left} bytes follow the list")]
    Trailing {
        /// How many.
        left: usize,
    },
    /// The contents are not those of the list.
    #[error("the list is for {expected} bytes, here are {got}")]
    OtherSize {
        /// What the list says.
        expected: u64,
        /// What is here.
        got: u64,
    },
    /// A stream cannot be unpacked.
    #[error("the stream at {at} cannot be unpacked")]
    Unpack {
        /// Where it begins.
        at: usize,
        /// Why.
        #[source]
        source: StreamError,
    },
    /// A stream cannot be packed again.
    #[error("the stream at {at} cannot be packed again")]
    Pack {
        /// Where it begins, packed.
        at: usize,
        /// Why.
        #[source]
        source: StreamError,
    },
    /// Writing the result failed on this machine.
    #[error("cannot write the result")]
    Write(#[source] io::Error),
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

impl PatchError {
    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::OtherBase { .. } | Self::OtherBaseSize { .. } => Blame::Base,
            Self::ReadPatch(_) | Self::ReadOld { .. } | Self::Write(_) => Blame::Here,
            Self::Stream { source, .. } => source.blame(),
            _ => Blame::Blob,
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
            Self::Whole(_) | Self::Split(SplitError::Sink { .. }) => Blame::Here,
            Self::Patch(source) => source.blame(),
            Self::Split(_) => Blame::Blob,
        }
    }
}
