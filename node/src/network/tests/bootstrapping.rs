//! The frozen protocol alone is enough, and no way around a limit.

use futures::StreamExt;
use libp2p::{
    StreamProtocol, identify,
    request_response::{Config, Event, Message, ProtocolSupport},
    swarm::{NetworkBehaviour, SwarmEvent},
};
use updraft_protocol::{
    BootstrapAnswer, BootstrapRequest, CatchUpAnswer, CatchUpRequest, Digest, Holding,
    PackedRequest, TransferAnswer, TransferRequest,
    network::{BOOTSTRAP_PROTOCOL, IDENTIFY_PROTOCOL},
};

use super::harness::{self, TestNode, connect, network_id, node, until};
use crate::network::{
    Address, InboundRequest, NetworkEvent, RequestError, Responder, Service, Way,
    behaviour::{BootstrapService, Exchanges},
    metrics::ServedResult,
    wire::{Codec, Reply},
};

/// All that a very old node speaks.
#[derive(NetworkBehaviour)]
struct Ancient {
    identify: identify::Behaviour,
    bootstrap: Exchanges<BootstrapService>,
}

/// A peer that answers every question like this. Gives where it is.
async fn ancient(answer: fn(BootstrapRequest) -> BootstrapAnswer) -> Address {
    let mut swarm = harness::swarm(|key| Ancient {
        identify: identify::Behaviour::new(identify::Config::new(
            IDENTIFY_PROTOCOL.to_owned(),
            key.public(),
        )),
        bootstrap: Exchanges::with_codec(
            Codec::default(),
            [(StreamProtocol::new(BOOTSTRAP_PROTOCOL), ProtocolSupport::Full)],
            Config::default(),
        ),
    });
    let address = harness::listen(&mut swarm).await;
    tokio::spawn(async move {
        loop {
            if let SwarmEvent::Behaviour(AncientEvent::Bootstrap(Event::Message {
                message: Message::Request { request, channel, .. },
                ..
            })) = swarm.select_next_some().await
            {
                let reply = Reply::Here(answer(request));
                let _ = swarm.behaviour_mut().bootstrap.send_response(channel, reply);
            }
        }
    });
    address
}

fn honest(request: BootstrapRequest) -> BootstrapAnswer {
    match request {
        BootstrapRequest::Roots { .. } => BootstrapAnswer::Roots(vec![]),
        BootstrapRequest::Fork { fork, .. } => BootstrapAnswer::Fork(fork),
        BootstrapRequest::CatchUp(_) => BootstrapAnswer::CatchUp(CatchUpAnswer::NotHeld),
        BootstrapRequest::Transfer(_) => {
            BootstrapAnswer::Transfer(TransferAnswer::Object(vec![5; 8 * 1024 * 1024]))
        }
    }
}

/// Each question with the answer of another.
fn confused(request: BootstrapRequest) -> BootstrapAnswer {
    match request {
        BootstrapRequest::Roots { .. } => BootstrapAnswer::Transfer(TransferAnswer::NotHeld),
        BootstrapRequest::Fork { .. } => BootstrapAnswer::Roots(vec![]),
        BootstrapRequest::CatchUp(_) => BootstrapAnswer::Transfer(TransferAnswer::NotHeld),
        BootstrapRequest::Transfer(_) => BootstrapAnswer::OtherNetwork,
    }
}

fn manifest() -> CatchUpRequest {
    CatchUpRequest::Manifest(Digest::of(b"manifest"))
}

fn object() -> TransferRequest {
    TransferRequest::Object(Digest::of(b"object"))
}

fn chunk() -> TransferRequest {
    TransferRequest::Chunk { blob: Digest::of(b"blob"), index: 3 }
}

impl TestNode {
    async fn wait_for_transfer(&mut self) -> (TransferRequest, Responder<BootstrapAnswer>) {
        match self.wait_for_request().await {
            (_, InboundRequest::Bootstrap(BootstrapRequest::Transfer(request), responder)) => {
                (request, responder)
            }
            (_, other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn who_speaks_only_the_frozen_protocol_is_a_peer_and_can_be_asked_for_everything() {
    let mut a = node().await;
    let peer = a.network.dial(ancient(honest).await).await.expect("it is there");
    let services = a
        .wait_for("peer", |event| match event {
            NetworkEvent::PeerConnected { peer: other, services } if other == peer => {
                Some(services)
            }
            _ => None,
        })
        .await;
    assert_eq!(services, [Service::Bootstrap]);
    let asked = a.network.catch_up(peer, manifest()).await;
    assert!(matches!(asked, Err(RequestError::Unsupported { .. })), "{asked:?}");

    // Every handle takes the same way.
    a.network.clone().take(Way::Bootstrap).await.expect("runs");
    assert_eq!(a.network.catch_up(peer, manifest()).await, Ok(CatchUpAnswer::NotHeld));
    let whole = Ok(TransferAnswer::Object(vec![5; 8 * 1024 * 1024]));
    assert_eq!(a.network.transfer(peer, object()).await, whole);
    assert_eq!(a.network.roots(peer, network_id(), 0).await, Ok(vec![]));
    let packed = a.network.pack(peer, PackedRequest::One(object())).await;
    assert!(matches!(packed, Err(RequestError::Unsupported { .. })), "{packed:?}");

    a.network.take(Way::Usual).await.expect("runs");
    let asked = a.network.transfer(peer, object()).await;
    assert!(matches!(asked, Err(RequestError::Unsupported { .. })), "{asked:?}");
}

#[tokio::test]
async fn answers_to_other_questions_cost_their_sender() {
    let a = node().await;
    a.network.take(Way::Bootstrap).await.expect("runs");
    let peer = a.network.dial(ancient(confused).await).await.expect("it is there");
    let missed = a.network.catch_up(peer, manifest()).await;
    assert!(matches!(missed, Err(RequestError::Malformed { .. })), "{missed:?}");
    let bytes = a.network.transfer(peer, object()).await;
    assert!(matches!(bytes, Err(RequestError::Malformed { .. })), "{bytes:?}");
    assert_eq!(a.score(peer).await, Some(-40));
}

#[tokio::test]
async fn carried_questions_take_the_slots_of_what_they_carry_and_are_told_to_wait() {
    let (mut a, mut b) = (node().await, node().await);
    connect(&mut a, &mut b).await;
    a.network.take(Way::Bootstrap).await.expect("runs");
    let to = b.id();
    // Two objects fill the eight slots of a peer, as they do without the frozen protocol around them.
    let under_way: Vec<_> = (0..2)
        .map(|_| {
            let network = a.network.clone();
            tokio::spawn(async move { network.transfer(to, object()).await })
        })
        .collect();
    let held = [b.wait_for_transfer().await, b.wait_for_transfer().await];
    assert_eq!(a.network.transfer(to, chunk()).await, Ok(TransferAnswer::Busy));
    assert_eq!(b.metrics.served_count(Service::Bootstrap, ServedResult::OverSlots), 1);
    assert_eq!(a.network.catch_up(to, manifest()).await, Err(RequestError::Refused { peer: to }));
    for (request, responder) in held {
        assert_eq!(request, object());
        responder.answer(BootstrapAnswer::Transfer(TransferAnswer::NotHeld));
    }
    for asked in under_way {
        assert_eq!(asked.await.expect("asked"), Ok(TransferAnswer::NotHeld));
    }
}

#[tokio::test]
async fn a_flood_of_carried_chunks_meets_the_slots_of_a_peer() {
    let (mut a, mut b) = (node().await, node().await);
    connect(&mut a, &mut b).await;
    a.network.take(Way::Bootstrap).await.expect("runs");
    let to = b.id();
    let flood: Vec<_> = (0..16)
        .map(|_| {
            let network = a.network.clone();
            tokio::spawn(async move { network.transfer(to, chunk()).await })
        })
        .collect();
    let over = || async { b.metrics.served_count(Service::Bootstrap, ServedResult::OverSlots) };
    until("eight are refused", || async { over().await == 8 }).await;
    for _ in 0..8 {
        b.wait_for_transfer().await.1.answer(BootstrapAnswer::Transfer(TransferAnswer::NotHeld));
    }
    let mut busy = 0;
    for asked in flood {
        match asked.await.expect("asked") {
            Ok(TransferAnswer::Busy) => busy += 1,
            answer => assert_eq!(answer, Ok(TransferAnswer::NotHeld)),
        }
    }
    assert_eq!(busy, 8);
}

/// How the purse of transfer runs out is a promise of `serving`, where the time is an argument.
#[tokio::test]
async fn carried_chunks_count_to_the_rate_of_transfer_and_leave_that_of_roots_alone() {
    let (mut a, mut b) = (node().await, node().await);
    connect(&mut a, &mut b).await;
    let to = b.id();
    let answering = tokio::spawn(async move {
        while let Some(event) = b.events.recv().await {
            let NetworkEvent::Request { request, .. } = event else { continue };
            let InboundRequest::Bootstrap(request, responder) = request else {
                panic!("{request:?}")
            };
            responder.answer(match request {
                BootstrapRequest::Transfer(_) => {
                    BootstrapAnswer::Transfer(TransferAnswer::Have(Holding::Nothing))
                }
                _ => BootstrapAnswer::Roots(vec![]),
            });
        }
    });
    a.network.take(Way::Bootstrap).await.expect("runs");
    // Several times what a peer may ask of the frozen protocol itself.
    for _ in 0..256 {
        let held = a.network.transfer(to, TransferRequest::Have(Digest::of(b"blob"))).await;
        assert_eq!(held, Ok(TransferAnswer::Have(Holding::Nothing)));
    }
    for _ in 0..64 {
        assert_eq!(a.network.roots(to, network_id(), 0).await, Ok(vec![]));
    }
    answering.abort();
}
