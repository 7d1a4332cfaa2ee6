//! Why a patch was refused or could not be applied: what was wrong, and where in it.

use std::io;

use updraft_protocol::PatchCodec;

use super::{Blame, ContainerError, FrameError};
use crate::patch::{Check, StreamName};

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
    /// It makes more than its header says.
    #[error("it writes {got} bytes where {left} are left")]
    TooLong {
        /// Bytes that it would write.
        got: u64,
        /// Bytes that it may.
        left: u64,
    },
    /// A dense patch says more bytes itself than one is made for.
    #[error("{got} bytes resemble no old ones, a dense patch has at most {limit}")]
    TooMuchNew {
        /// How many it would have.
        got: u64,
        /// The most there may be.
        limit: u64,
    },
    /// More records than there may be for contents of this size.
    #[error("it has {got} records, at most {limit} are read for contents of this size")]
    TooScattered {
        /// Records, or parts of records in different sections.
        got: u64,
        /// The limit.
        limit: u64,
    },
    /// What it says about compressed streams among the contents cannot be true.
    #[error("compressed streams of the contents are not what it says")]
    Container(#[source] ContainerError),
    /// What it says about itself or about the contents cannot be true.
    #[error("what it says cannot be: `{field}` is {got}")]
    Impossible {
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
