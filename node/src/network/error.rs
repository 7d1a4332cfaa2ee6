//! What callers of the room can meet. A refusal by a peer is one of the values here, never a panic.

use std::{io, time::Duration};

use updraft_protocol::codec::EncodeError;

use super::{address::Address, identity::PeerId};

/// The room has ended; nothing can be asked of it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the network has stopped")]
pub struct Stopped;

/// Why the room could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another program, perhaps another node, listens there.
    #[error("port of {address} is in use by another program")]
    PortInUse {
        /// The address asked for.
        address: Box<Address>,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The system refuses to listen there.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: Box<Address>,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A listener gave no address in time.
    #[error("a listener had no address within {waited:?}")]
    ListenTimeout {
        /// How long it was waited for.
        waited: Duration,
    },
    /// The protocols could not be put together from these settings.
    #[error("cannot set up {part}: {reason}")]
    Setup {
        /// Which protocol.
        part: &'static str,
        /// What it said.
        reason: String,
    },
}

/// Why something was not announced.
#[derive(Debug, thiserror::Error)]
pub enum AnnounceError {
    /// It breaks the rules of its type, or is larger than any receiver would take.
    #[error("cannot announce")]
    Encode(#[from] EncodeError),
    /// Gossip could not sign it.
    #[error("cannot announce: {reason}")]
    Gossip {
        /// What gossip said.
        reason: String,
    },
    /// The room has ended.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why forks are not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FollowError {
    /// More at once than anything calls for.
    #[error("{got} forks besides the current one, at most {limit} are followed")]
    TooMany {
        /// How many were given.
        got: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The room has ended.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why a peer's answer is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// There is no connection to the peer and none could be made, or it broke.
    #[error("peer {peer:?} cannot be reached")]
    Unreachable {
        /// Who was asked.
        peer: PeerId,
    },
    /// No answer, or not the whole of it, in time.
    #[error("peer {peer:?} did not answer in time")]
    Timeout {
        /// Who was asked.
        peer: PeerId,
    },
    /// The peer closed the request without an answer: it is busy, or does not like us.
    #[error("peer {peer:?} refused to answer")]
    Refused {
        /// Who was asked.
        peer: PeerId,
    },
    /// The peer does not speak this protocol.
    #[error("peer {peer:?} does not speak {protocol}")]
    Unsupported {
        /// Who was asked.
        peer: PeerId,
        /// What it was asked in.
        protocol: &'static str,
    },
    /// The answer breaks the protocol; its sender's score has been lowered.
    #[error("peer {peer:?} answered wrongly: {reason}")]
    Malformed {
        /// Who was asked.
        peer: PeerId,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The request itself cannot be sent: it breaks the rules of its type.
    #[error("cannot ask this: {reason}")]
    Unsendable {
        /// What is wrong with it.
        reason: String,
    },
    /// Too many requests are under way to this peer or in total; ask again when one has ended.
    #[error("{under_way} requests are under way, at most {limit} are allowed")]
    Overloaded {
        /// How many there are.
        under_way: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The room has ended.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why a provider was not recorded or not looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DhtError {
    /// As many keys as a node may provide, or lookups as may run at once.
    #[error("{limit} {what} are there already")]
    Full {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// The lookup ended before it had asked everybody near the key, and nobody had named a provider.
    #[error("the lookup timed out")]
    Timeout,
    /// The room has ended.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why a dial did not give a connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// The name in the address stands for nothing.
    #[error("no such host: {address}")]
    UnknownHost {
        /// What was dialled.
        address: Address,
    },
    /// Nobody, or somebody else, answered there; or a limit of ours forbids the connection.
    #[error("cannot connect to {address}: {reason}")]
    Failed {
        /// What was dialled.
        address: Address,
        /// What happened.
        reason: String,
    },
    /// More dials wait than may.
    #[error("{limit} dials are under way already")]
    Full {
        /// How many there may be.
        limit: usize,
    },
    /// The room has ended.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}
