//! What the room tells the rest of the node, and the two things that have to be given back: a verdict on each
//! gossip message, an answer to each request. Both may be dropped; that too is an answer.

use std::{fmt, time::Duration};

use libp2p::gossipsub::MessageId;
use tokio::sync::{mpsc, oneshot};
use updraft_protocol::{
    BootstrapAnswer, BootstrapRequest, CatchUpAnswer, CatchUpRequest, Digest, Gossip, PackedAnswer,
    PackedRequest, TransferAnswer, TransferRequest,
};

use super::{
    address::Address,
    identity::PeerId,
    metrics::{BanReason, Service},
};

/// Something happened on the network.
#[derive(Debug)]
pub enum NetworkEvent {
    /// A message came by gossip. It goes on to others only after [`Verdict::Accept`].
    Gossip {
        /// Takes the verdict.
        token: GossipToken,
        /// Who passed it on, and can be asked for what it refers to.
        source: PeerId,
        /// The message; decoded and of legal form, otherwise unchecked.
        message: Gossip,
    },
    /// Messages of a peer were dropped because there was no room for them. Gossip does not bring them again; whoever is
    /// asked what there is to know tells that something is missing. Sent once for all of a burst.
    GossipDropped {
        /// Who brought them.
        peer: PeerId,
    },
    /// A peer asks for something.
    Request {
        /// Who.
        peer: PeerId,
        /// What, and where the answer goes.
        request: InboundRequest,
    },
    /// A peer has said what it speaks. Sent once a connection, after the protocols are known.
    PeerConnected {
        /// Who.
        peer: PeerId,
        /// What it can be asked. Bootstrap is always among them, or this node would not call it a peer.
        services: Vec<Service>,
    },
    /// The last connection to a peer closed.
    PeerDisconnected {
        /// Who.
        peer: PeerId,
    },
    /// A peer was sent away and may not come back for a while.
    PeerBanned {
        /// Who.
        peer: PeerId,
        /// Why.
        reason: BanReason,
        /// For how long.
        length: Duration,
    },
    /// This node is reachable at an address.
    Listening(Address),
    /// This node is no longer reachable at an address.
    ListenFailed {
        /// Where it was.
        address: Address,
        /// What happened.
        reason: String,
    },
}

/// A request of a peer, with where its answer goes.
#[derive(Debug)]
pub enum InboundRequest {
    /// What every node understands.
    Bootstrap(BootstrapRequest, Responder<BootstrapAnswer>),
    /// Heads and manifests.
    CatchUp(CatchUpRequest, Responder<CatchUpAnswer>),
    /// Objects and chunks.
    Transfer(TransferRequest, Responder<TransferAnswer>),
    /// Objects, and many chunks at once.
    Packed(PackedRequest, Responder<PackedAnswer>),
}

/// Takes exactly one answer. Dropping it closes the request, which the asker sees as a refusal. An answer has
/// to come within eight seconds.
#[derive(Debug)]
pub struct Responder<A>(oneshot::Sender<A>);

impl<A> Responder<A> {
    /// A responder and where its answer arrives.
    pub(super) fn new() -> (Self, oneshot::Receiver<A>) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }

    /// Sends the answer. Nothing happens if the asker has gone meanwhile.
    pub fn answer(self, answer: A) {
        // A dropped receiver means that the stream has ended: nobody is left to be told.
        let _ = self.0.send(answer);
    }

    /// Whether somebody still waits; large work for nobody can be spared.
    pub fn is_wanted(&self) -> bool {
        !self.0.is_closed()
    }
}

/// What to do with a gossip message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Good: pass it on.
    Accept,
    /// Neither good nor bad (known, stale, not for us): do not pass it on, blame nobody. Who brings a great many
    /// of them at once is sent away all the same: no honest peer has them to bring.
    Ignore,
    /// Bad: do not pass it on, and lower the score of all who sent it.
    Reject,
}

/// A verdict on its way back to the loop.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) id: MessageId,
    pub(super) source: PeerId,
    /// The signed thing it is about, whatever its signatures.
    pub(super) subject: Digest,
    pub(super) verdict: Verdict,
}

/// Takes exactly one verdict. Dropping it means [`Verdict::Ignore`].
pub struct GossipToken {
    open: Option<Open>,
}

struct Open {
    id: MessageId,
    source: PeerId,
    subject: Digest,
    back: mpsc::Sender<Settled>,
}

impl GossipToken {
    pub(super) const fn new(
        id: MessageId,
        source: PeerId,
        subject: Digest,
        back: mpsc::Sender<Settled>,
    ) -> Self {
        Self { open: Some(Open { id, source, subject, back }) }
    }

    /// Gives the verdict; it is best given within ten seconds, after which the message has left the memory of
    /// gossip and is passed on no more.
    pub fn settle(mut self, verdict: Verdict) {
        self.send(verdict);
    }

    fn send(&mut self, verdict: Verdict) {
        if let Some(Open { id, source, subject, back }) = self.open.take() {
            // The channel has a place for each token there can be, so this fails only when the room has ended.
            let _ = back.try_send(Settled { id, source, subject, verdict });
        }
    }
}

impl Drop for GossipToken {
    fn drop(&mut self) {
        self.send(Verdict::Ignore);
    }
}

impl fmt::Debug for GossipToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = self.open.as_ref().map(|open| open.source);
        f.debug_struct("GossipToken").field("source", &source).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::identity::NodeKey;

    fn token() -> (GossipToken, mpsc::Receiver<Settled>) {
        let (back, verdicts) = mpsc::channel(1);
        let (id, peer) = (MessageId::new(b"id"), NodeKey::generate().peer_id());
        (GossipToken::new(id, peer, Digest::of(b"head"), back), verdicts)
    }

    #[test]
    fn a_verdict_is_given_once() {
        let (token, mut verdicts) = token();
        token.settle(Verdict::Accept);
        assert_eq!(verdicts.try_recv().expect("one").verdict, Verdict::Accept);
        assert!(verdicts.try_recv().is_err());
    }

    #[test]
    fn a_forgotten_token_means_ignore() {
        let (token, mut verdicts) = token();
        drop(token);
        assert_eq!(verdicts.try_recv().expect("one").verdict, Verdict::Ignore);
    }

    #[test]
    fn an_answer_to_nobody_is_no_error() {
        let (responder, receiver) = Responder::new();
        assert!(responder.is_wanted());
        drop(receiver);
        assert!(!responder.is_wanted());
        responder.answer(TransferAnswer::Busy);
    }
}
