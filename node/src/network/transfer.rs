//! Questions and answers between two peers: what this node has asked, and what it is being asked. One set of
//! handlers for all services.

use std::{collections::BTreeMap, io, time::Instant};

use libp2p::{
    Multiaddr,
    request_response::{
        Event, InboundRequestId, Message, OutboundFailure, OutboundRequestId, ResponseChannel,
    },
};
use updraft_protocol::{
    BootstrapAnswer, BootstrapRequest, CatchUpAnswer, CatchUpRequest, PackedAnswer, PackedRequest,
    TransferAnswer, TransferRequest, codec::DecodeError,
};

use super::{
    address::Address,
    behaviour::{
        BootstrapService, CatchUpService, Exchanges, PackedService, Protocols, TransferService,
        protocol_of,
    },
    command::{AnswerTo, Ask},
    error::RequestError,
    event::{InboundRequest, NetworkEvent, Responder},
    identity::PeerId,
    metrics::{ServedResult, Service},
    peers::Conduct,
    serving::{Load, Overuse},
    task::Task,
    wire::{Exchange, Reply, WireError},
};

/// Questions under way to one peer, and in all. A fetch has four to a peer; more than these is a bug or a
/// storm, and is refused at once so that it is seen where it begins.
pub(super) const MAX_ASKED_PER_PEER: usize = 16;
pub(super) const MAX_ASKED: usize = 256;

type Table<A> = BTreeMap<OutboundRequestId, (PeerId, AnswerTo<A>)>;

/// Questions under way.
#[derive(Debug, Default)]
pub(super) struct Asked {
    bootstrap: Table<BootstrapAnswer>,
    catchup: Table<CatchUpAnswer>,
    transfer: Table<TransferAnswer>,
    packed: Table<PackedAnswer>,
}

impl Asked {
    /// Whom there is a question to, once for each.
    pub(super) fn peers(&self) -> impl Iterator<Item = PeerId> {
        self.bootstrap
            .values()
            .map(|(peer, _)| *peer)
            .chain(self.catchup.values().map(|(peer, _)| *peer))
            .chain(self.transfer.values().map(|(peer, _)| *peer))
            .chain(self.packed.values().map(|(peer, _)| *peer))
    }

    fn check_room(&self, peer: PeerId) -> Result<(), RequestError> {
        let (own, all) = self
            .peers()
            .fold((0, 0), |(own, all), other| (own + usize::from(other == peer), all + 1));
        if own >= MAX_ASKED_PER_PEER {
            return Err(RequestError::Overloaded { under_way: own, limit: MAX_ASKED_PER_PEER });
        }
        if all >= MAX_ASKED {
            return Err(RequestError::Overloaded { under_way: all, limit: MAX_ASKED });
        }
        Ok(())
    }
}

/// What differs between the services.
pub(super) trait Serve: Exchange {
    const SERVICE: Service;

    /// `None` if this node does not speak it.
    fn exchanges(protocols: &mut Protocols) -> Option<&mut Exchanges<Self>>;
    fn table(asked: &mut Asked) -> &mut Table<Self::Answer>;
    fn inbound(request: Self::Request, responder: Responder<Self::Answer>) -> InboundRequest;

    /// What a request costs this node.
    fn load(request: &Self::Request) -> Load;

    /// What is said to somebody who has to wait; nothing closes the request.
    fn busy(_: &Self::Request) -> Option<Self::Answer> {
        None
    }
}

impl Serve for BootstrapService {
    const SERVICE: Service = Service::Bootstrap;

    fn exchanges(protocols: &mut Protocols) -> Option<&mut Exchanges<Self>> {
        Some(&mut protocols.bootstrap)
    }

    fn table(asked: &mut Asked) -> &mut Table<BootstrapAnswer> {
        &mut asked.bootstrap
    }

    fn inbound(request: BootstrapRequest, to: Responder<BootstrapAnswer>) -> InboundRequest {
        InboundRequest::Bootstrap(request, to)
    }

    fn load(request: &BootstrapRequest) -> Load {
        Load::of_bootstrap(request)
    }

    fn busy(request: &BootstrapRequest) -> Option<BootstrapAnswer> {
        match request {
            BootstrapRequest::Transfer(request) => {
                TransferService::busy(request).map(BootstrapAnswer::Transfer)
            }
            BootstrapRequest::CatchUp(request) => {
                CatchUpService::busy(request).map(BootstrapAnswer::CatchUp)
            }
            BootstrapRequest::Roots { .. } | BootstrapRequest::Fork { .. } => None,
        }
    }
}

impl Serve for CatchUpService {
    const SERVICE: Service = Service::CatchUp;

    fn exchanges(protocols: &mut Protocols) -> Option<&mut Exchanges<Self>> {
        Some(&mut protocols.catchup)
    }

    fn table(asked: &mut Asked) -> &mut Table<CatchUpAnswer> {
        &mut asked.catchup
    }

    fn inbound(request: CatchUpRequest, to: Responder<CatchUpAnswer>) -> InboundRequest {
        InboundRequest::CatchUp(request, to)
    }

    fn load(_: &CatchUpRequest) -> Load {
        Load::CATCH_UP
    }
}

impl Serve for TransferService {
    const SERVICE: Service = Service::Transfer;

    fn exchanges(protocols: &mut Protocols) -> Option<&mut Exchanges<Self>> {
        Some(&mut protocols.transfer)
    }

    fn table(asked: &mut Asked) -> &mut Table<TransferAnswer> {
        &mut asked.transfer
    }

    fn inbound(request: TransferRequest, to: Responder<TransferAnswer>) -> InboundRequest {
        InboundRequest::Transfer(request, to)
    }

    fn load(request: &TransferRequest) -> Load {
        Load::of_transfer(request)
    }

    fn busy(_: &TransferRequest) -> Option<TransferAnswer> {
        Some(TransferAnswer::Busy)
    }
}

impl Serve for PackedService {
    const SERVICE: Service = Service::Packed;

    fn exchanges(protocols: &mut Protocols) -> Option<&mut Exchanges<Self>> {
        protocols.packed.as_mut()
    }

    fn table(asked: &mut Asked) -> &mut Table<PackedAnswer> {
        &mut asked.packed
    }

    fn inbound(request: PackedRequest, to: Responder<PackedAnswer>) -> InboundRequest {
        InboundRequest::Packed(request, to)
    }

    fn load(request: &PackedRequest) -> Load {
        Load::of_packed(request)
    }

    fn busy(_: &PackedRequest) -> Option<PackedAnswer> {
        Some(PackedAnswer::One(TransferAnswer::Busy))
    }
}

impl Task {
    pub(super) fn on_ask(&mut self, peer: PeerId, ask: Ask) {
        match ask {
            Ask::Bootstrap(request, to) => self.ask::<BootstrapService>(peer, request, to),
            Ask::CatchUp(request, to) => self.ask::<CatchUpService>(peer, request, to),
            Ask::Transfer(request, to) => self.ask::<TransferService>(peer, request, to),
            Ask::Packed(request, to) => self.ask::<PackedService>(peer, request, to),
        }
    }

    fn ask<S: Serve>(&mut self, peer: PeerId, request: S::Request, to: AnswerTo<S::Answer>) {
        if let Err(refusal) = self.asked.check_room(peer) {
            // Whoever asked may have gone; then nobody is left to be told.
            let _ = to.send(Err(refusal));
            return;
        }
        let addresses: Vec<Multiaddr> =
            self.peers.addresses(peer).iter().map(Address::to_multiaddr).collect();
        let Some(exchanges) = S::exchanges(self.swarm.behaviour_mut()) else {
            let protocol = protocol_of(S::SERVICE);
            let _ = to.send(Err(RequestError::Unsupported { peer, protocol }));
            return;
        };
        let id = exchanges.send_request_with_addresses(&peer.inner(), request, addresses);
        S::table(&mut self.asked).insert(id, (peer, to));
    }

    pub(super) fn on_exchange<S: Serve>(&mut self, event: Event<S::Request, Reply<S::Answer>>) {
        match event {
            Event::Message { peer, message, .. } => match message {
                Message::Request { request_id, request, channel } => {
                    self.on_request::<S>(PeerId::from(peer), request_id, request, channel);
                }
                Message::Response { request_id, response } => {
                    self.on_answer::<S>(request_id, response);
                }
            },
            Event::OutboundFailure { request_id, error, .. } => {
                self.on_ask_failed::<S>(request_id, error);
            }
            Event::InboundFailure { peer, request_id, error, .. } => {
                tracing::trace!(peer = ?PeerId::from(peer), %error, "answer not sent");
                self.on_served::<S>(request_id, ServedResult::Failed);
            }
            Event::ResponseSent { request_id, .. } => {
                self.on_served::<S>(request_id, ServedResult::Answered);
            }
        }
    }

    fn on_request<S: Serve>(
        &mut self,
        peer: PeerId,
        id: InboundRequestId,
        request: S::Request,
        channel: ResponseChannel<Reply<S::Answer>>,
    ) {
        let load = S::load(&request);
        let refused = match self.serving.admit(peer, S::SERVICE, id, load, Instant::now()) {
            Ok(()) if self.has_room_for_traffic() => None,
            Ok(()) => {
                self.serving.release(S::SERVICE, id);
                Some(ServedResult::Dropped)
            }
            Err(Overuse::Rate) => Some(ServedResult::OverRate),
            Err(Overuse::Slots) => Some(ServedResult::OverSlots),
        };
        if let Some(why) = refused {
            self.metrics.served(S::SERVICE, why);
            if let Some(busy) = S::busy(&request) {
                self.reply::<S>(channel, Reply::Here(busy));
            }
            return;
        }
        let (responder, answer) = Responder::new();
        self.reply::<S>(channel, Reply::Coming(answer));
        self.emit(NetworkEvent::Request { peer, request: S::inbound(request, responder) });
    }

    fn reply<S: Serve>(
        &mut self,
        channel: ResponseChannel<Reply<S::Answer>>,
        reply: Reply<S::Answer>,
    ) {
        // Fails only when the stream has ended; its slot is given back by the event that says so.
        if let Some(exchanges) = S::exchanges(self.swarm.behaviour_mut()) {
            let _ = exchanges.send_response(channel, reply);
        }
    }

    fn on_served<S: Serve>(&mut self, id: InboundRequestId, result: ServedResult) {
        // Requests that were refused never had a slot and have been counted.
        if self.serving.release(S::SERVICE, id) {
            self.metrics.served(S::SERVICE, result);
        }
    }

    fn on_answer<S: Serve>(&mut self, id: OutboundRequestId, reply: Reply<S::Answer>) {
        let Some((_, to)) = S::table(&mut self.asked).remove(&id) else { return };
        // The codec reads nothing but answers that are here; the other form exists on the sending side.
        let Reply::Here(answer) = reply else { return };
        let _ = to.send(Ok(answer));
    }

    fn on_ask_failed<S: Serve>(&mut self, id: OutboundRequestId, error: OutboundFailure) {
        let Some((peer, to)) = S::table(&mut self.asked).remove(&id) else { return };
        let (error, conduct) = judge_failure(peer, protocol_of(S::SERVICE), error);
        if let Some(conduct) = conduct {
            self.report(peer, conduct);
        }
        let _ = to.send(Err(error));
    }
}

/// What a failure means, and what it says about the peer.
fn judge_failure(
    peer: PeerId,
    protocol: &'static str,
    failure: OutboundFailure,
) -> (RequestError, Option<Conduct>) {
    match failure {
        OutboundFailure::DialFailure | OutboundFailure::ConnectionClosed => {
            (RequestError::Unreachable { peer }, None)
        }
        OutboundFailure::Timeout => (RequestError::Timeout { peer }, Some(Conduct::Slow)),
        OutboundFailure::UnsupportedProtocols => {
            (RequestError::Unsupported { peer, protocol }, None)
        }
        OutboundFailure::Io(error) => judge_io(peer, &error),
    }
}

fn judge_io(peer: PeerId, error: &io::Error) -> (RequestError, Option<Conduct>) {
    let wire = error.get_ref().and_then(|inner| inner.downcast_ref::<WireError>());
    let malformed =
        |reason: &WireError| RequestError::Malformed { peer, reason: reason.to_string() };
    match wire {
        // The peer may be newer than this node.
        Some(reason @ WireError::Decode(DecodeError::UnknownKind { .. })) => {
            (malformed(reason), None)
        }
        Some(reason @ (WireError::TooLarge { .. } | WireError::Decode(_))) => {
            (malformed(reason), Some(Conduct::Malformed))
        }
        Some(WireError::Encode(reason)) => {
            (RequestError::Unsendable { reason: reason.to_string() }, None)
        }
        Some(WireError::TooSlow) => (RequestError::Timeout { peer }, Some(Conduct::Slow)),
        Some(WireError::Closed | WireError::Unanswered) => (RequestError::Refused { peer }, None),
        // A peer that goes down in the middle of an answer is no liar.
        Some(WireError::CutShort { .. }) | None => (RequestError::Unreachable { peer }, None),
    }
}
