//! A release is carried home: chunks of one blob from many peers at once.
//!
//! This room knows neither the network nor the store. It asks for what it needs through two small traits, so it
//! runs against lying fakes in tests. What it decides is in values without a task or a clock, [`BlobFetch`] and
//! [`ObjectSearch`]: simulations drive them by the thousand.

// Checked in tests and debug builds; a release build does not carry them.
#[cfg(any(test, debug_assertions))]
mod invariants;

mod asking;
mod blob;
#[cfg(test)]
mod fake;
mod giving_up;
mod judging;
mod machine;
mod object;
mod peer;
mod question;
mod task;

use std::{
    fmt::{Debug, Display},
    future::Future,
    time::Duration,
};

use updraft_protocol::{Digest, PackedAnswer, TransferAnswer, TransferRequest};

pub use self::{
    blob::{BlobAction, BlobFetch, BlobInput, GaveUp, Report},
    judging::{End, Outcome, judge_chunk, judge_holding, judge_pack},
    machine::{Action, Answer, Failure, Input, Limits, Machine, Rest},
    object::{ObjectAction, ObjectInput, ObjectSearch, fetch_object},
    task::{FetchError, Progress, fetch_blob},
};

/// The peers a blob can be asked from.
pub trait Peers: Send + Sync + 'static {
    /// Names a peer.
    type Id: Copy + Ord + Debug + Display + Send + Sync + 'static;

    /// Asks a peer one thing. Ends in bounded time.
    fn transfer(
        &self,
        peer: Self::Id,
        request: TransferRequest,
    ) -> impl Future<Output = Result<TransferAnswer, PeerError>> + Send;

    /// How many chunks one question to this peer may name as things stand; 1 for a peer that is asked for them one by
    /// one. Looked at whenever something is heard of the peer; [`Peers::chunks`] may be called with what it said last.
    /// Does not wait.
    fn pack(&self, peer: Self::Id) -> usize;

    /// Asks a peer for several chunks of a blob: at most [`Peers::pack`], in ascending order. What it answers is
    /// unchecked. Ends in bounded time.
    fn chunks(
        &self,
        peer: Self::Id,
        blob: Digest,
        indices: Vec<u32>,
    ) -> impl Future<Output = Result<PackedAnswer, PeerError>> + Send;

    /// Peers that may hold a blob, as far as can be found out now. Ends in bounded time.
    fn holders(&self, blob: Digest) -> impl Future<Output = Vec<Self::Id>> + Send;

    /// Tells the network that a peer sent what no honest node sends.
    fn accuse(&self, peer: Self::Id, lie: Lie);
}

/// Where verified chunks go. Calls may block on a disk.
pub trait Chunks: Send + Sync + 'static {
    /// One flag for each chunk: whether it is there.
    fn held(&self) -> Vec<bool>;

    /// Bytes of each chunk but the last, which may have fewer.
    fn chunk_size(&self) -> u32;

    /// Keeps a chunk if its digest is right.
    fn keep(&self, index: u32, bytes: &[u8]) -> Result<(), KeepError>;
}

/// What a peer did that no honest node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// A chunk or an object with the wrong digest.
    WrongBytes,
    /// An answer of another kind than the question, or with more than was asked for.
    WrongAnswer,
}

/// Why a peer gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// It was not reached, or the connection broke.
    #[error("the peer cannot be reached")]
    Unreachable,
    /// It took too long.
    #[error("the peer did not answer in time")]
    Timeout,
    /// What it sent is not an answer.
    #[error("the peer sent something that is no answer")]
    Malformed,
    /// This node stops.
    #[error("the node is stopping")]
    Stopped,
}

/// Why a chunk was not kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// Its digest is wrong: the sender's fault.
    #[error("the chunk does not have the digest that is signed for it")]
    WrongDigest,
    /// The store's fault.
    #[error("the chunk could not be kept")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Time since a fetch began; the machine never sees a clock.
pub type Elapsed = Duration;
