//! Why compressed containers could not be looked through or put together again.

use std::io;

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
    /// A stream is longer than any that is packed again.
    #[error("the stream at {at} has {packed} bytes, {limit} are packed again at most")]
    StreamTooLong {
        /// Where it begins.
        at: u64,
        /// How long it is.
        packed: u64,
        /// How long it may be.
        limit: u64,
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
