//! What can be asked of the room's loop. Each command carries where its reply goes; a dropped reply is normal.

use std::time::Duration;

use tokio::sync::oneshot;
use updraft_protocol::{
    BootstrapAnswer, BootstrapRequest, CatchUpAnswer, CatchUpRequest, Digest, Gossip, PackedAnswer,
    PackedRequest, TransferAnswer, TransferRequest,
};

use super::{
    address::Address,
    error::{AnnounceError, DhtError, DialError, RequestError},
    identity::PeerId,
    peers::{Conduct, PeerInfo},
    topics::Forks,
    way::Way,
};

/// Commands waiting for the loop. When full, callers wait: the loop takes all of them before anything else.
pub(super) const COMMANDS: usize = 256;

pub(super) type ReplyTo<T> = oneshot::Sender<T>;
pub(super) type AnswerTo<A> = oneshot::Sender<Result<A, RequestError>>;

/// How far an announcement went at once; gossip carries it on from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Nobody hears it yet. Whoever begins to listen soon is told; who comes later asks for it.
    NoPeers,
    /// So many peers follow the rules in force and were sent it.
    Peers(usize),
    /// It has been announced within the last two minutes already.
    AlreadySaid,
}

/// A question to a peer.
#[derive(Debug)]
pub(super) enum Ask {
    Bootstrap(BootstrapRequest, AnswerTo<BootstrapAnswer>),
    CatchUp(CatchUpRequest, AnswerTo<CatchUpAnswer>),
    Transfer(TransferRequest, AnswerTo<TransferAnswer>),
    Packed(PackedRequest, AnswerTo<PackedAnswer>),
}

/// Something to do.
#[derive(Debug)]
pub(super) enum Command {
    Announce(Gossip, ReplyTo<Result<Reach, AnnounceError>>),
    Follow(Forks),
    Take(Way),
    Ask(PeerId, Ask),
    Provide(Digest, ReplyTo<Result<(), DhtError>>),
    StopProviding(Digest),
    Providers(Digest, ReplyTo<Result<Vec<PeerId>, DhtError>>),
    Dial(Address, ReplyTo<Result<PeerId, DialError>>),
    Ban(PeerId, Duration),
    Unban(PeerId),
    Report(PeerId, Conduct),
    Peers(ReplyTo<Vec<PeerInfo>>),
    ListenAddresses(ReplyTo<Vec<Address>>),
}
