//! Gossip whose frames are counted: libp2p's gossipsub, told apart by what came of each message.
//!
//! gossipsub says nothing of messages that it knows already, of those whose author's signature is wrong, and of
//! all that comes from a peer with a bad score. Each of them has cost a decryption, a decoding and a check of a
//! signature, at any rate a sender likes. This stands around it, counts what goes in and what comes out, and
//! tells the difference. It decides nothing and keeps no message.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    gossipsub::{self, RawMessage},
    swarm::{
        ConnectionClosed, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler,
        THandlerInEvent, THandlerOutEvent, ToSwarm,
    },
};

use prometheus_client::metrics::counter::Counter;

use super::{
    excused::{Excuse, Excused},
    gossip::{Gossipsub, id_of},
};

/// A frame of gossip, or news about its stream.
type FromHandler = THandlerOutEvent<Gossipsub>;

/// What gossipsub tells, and what it does not.
#[derive(Debug)]
pub(super) enum Heard {
    /// What it tells.
    Told(gossipsub::Event),
    /// What came from a peer and led to nothing.
    Untold(PeerId, Untold),
}

/// What came from a peer since the last time and led to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Untold {
    /// Messages that are known, or whose sender gossipsub does not listen to.
    pub(super) repeated: u32,
    /// Messages that are known only because this node has not dealt with them yet, or had no room for them.
    pub(super) excused: u32,
    /// Whether one of these was dropped: the peer can be asked for it.
    pub(super) has_what_was_dropped: bool,
    /// Messages that their author has not signed.
    pub(super) forged: u32,
    /// Frames without any message.
    pub(super) empty: u32,
    /// Messages on topics that are not followed.
    pub(super) astray: u32,
    /// Messages after this node had stopped listening to the peer.
    pub(super) unheard: u32,
}

/// gossipsub, counted.
pub(super) struct Counted {
    pub(super) inner: Gossipsub,
    /// By peer, until gossipsub has nothing more to tell; so never more than there are connections.
    arrived: BTreeMap<PeerId, Untold>,
    /// Messages that others may repeat.
    pub(super) excused: Excused,
    /// Bytes of messages that came.
    pub(super) bytes: Counter,
    /// Peers whose connections are being closed: what is still under way from them goes no further than here.
    deaf_to: BTreeSet<PeerId>,
}

impl Counted {
    pub(super) fn new(inner: Gossipsub) -> Self {
        let (arrived, excused) = (BTreeMap::new(), Excused::default());
        Self { inner, arrived, excused, bytes: Counter::default(), deaf_to: BTreeSet::new() }
    }

    /// Takes nothing more from a peer until its last connection has closed. The peer has to be connected.
    pub(super) fn stop_listening_to(&mut self, peer: PeerId) {
        self.deaf_to.insert(peer);
    }

    /// Whether what still comes of a peer is to be left alone.
    pub(super) fn is_deaf_to(&self, peer: &PeerId) -> bool {
        self.deaf_to.contains(peer)
    }

    /// Counts a frame, and says whether gossipsub is to see it.
    ///
    /// Messages on topics that are not followed are taken out: gossipsub would remember them as known without
    /// telling of them, and whoever said something on a wrong topic first could keep it from being heard on the
    /// right one, because what is said is one message on whatever topic.
    fn count(&mut self, peer: PeerId, event: &mut FromHandler) -> Passage {
        let FromHandler::Message { rpc, invalid_messages } = event else { return Passage::Open };
        self.bytes.inc_by(rpc.messages.iter().map(size).sum());
        let arrived = self.arrived.entry(peer).or_default();
        let all = rpc.messages.len() + invalid_messages.len();
        if self.deaf_to.contains(&peer) {
            arrived.unheard = arrived.unheard.saturating_add(count(all));
            return Passage::Closed;
        }
        let gossip = &self.inner;
        let is_followed =
            |message: &RawMessage| gossip.topics().any(|topic| *topic == message.topic);
        rpc.messages.retain(is_followed);
        invalid_messages.retain(|(message, _)| is_followed(message));
        let (said, forged) = (rpc.messages.len(), invalid_messages.len());
        arrived.astray = arrived.astray.saturating_add(count(all - said - forged));
        // A message is hashed for nothing but this.
        let excuse = |message: &RawMessage| {
            let any = !self.excused.is_empty();
            any.then(|| self.excused.excuse(&id_of(&message.data), &peer)).flatten()
        };
        let excuses: Vec<Excuse> = rpc.messages.iter().filter_map(excuse).collect();
        let excused = excuses.len();
        arrived.has_what_was_dropped |= excuses.contains(&Excuse::WasDropped);
        arrived.excused = arrived.excused.saturating_add(count(excused));
        arrived.repeated = arrived.repeated.saturating_add(count(said - excused));
        arrived.forged = arrived.forged.saturating_add(count(forged));
        if all == 0 {
            arrived.empty = arrived.empty.saturating_add(1);
        }
        Passage::Open
    }
}

/// Whether a frame goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passage {
    Open,
    Closed,
}

/// Bytes of a message, but for the few around its fields.
fn size(message: &RawMessage) -> u64 {
    let signed = message.signature.as_ref().map_or(0, Vec::len);
    (message.data.len() + message.topic.as_str().len() + signed) as u64
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counted")
            .field("arrived", &self.arrived)
            .field("deaf_to", &self.deaf_to)
            .finish_non_exhaustive()
    }
}

impl NetworkBehaviour for Counted {
    type ConnectionHandler = THandler<Gossipsub>;
    type ToSwarm = Heard;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.inner.handle_pending_inbound_connection(connection, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        self.inner.handle_pending_outbound_connection(connection, peer, addresses, role)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_outbound_connection(connection, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        if let FromSwarm::ConnectionClosed(ConnectionClosed {
            peer_id,
            remaining_established: 0,
            ..
        }) = event
        {
            self.deaf_to.remove(&peer_id);
        }
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        mut event: THandlerOutEvent<Self>,
    ) {
        if self.count(peer, &mut event) == Passage::Open {
            self.inner.on_connection_handler_event(peer, connection, event);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Heard, THandlerInEvent<Self>>> {
        if let Poll::Ready(event) = self.inner.poll(cx) {
            if let ToSwarm::GenerateEvent(gossipsub::Event::Message { propagation_source, .. }) =
                &event
                && let Some(arrived) = self.arrived.get_mut(propagation_source)
            {
                arrived.repeated = arrived.repeated.saturating_sub(1);
            }
            return Poll::Ready(event.map_out(Heard::Told));
        }
        // gossipsub has told all it had to tell of what it was given: the rest led to nothing.
        while let Some((peer, untold)) = self.arrived.pop_first() {
            if untold != Untold::default() {
                return Poll::Ready(ToSwarm::GenerateEvent(Heard::Untold(peer, untold)));
            }
        }
        Poll::Pending
    }
}
