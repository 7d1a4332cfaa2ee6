//! Questions get their answers, and only answers of legal form.

use std::time::Duration;

use futures::StreamExt;
use libp2p::{
    StreamProtocol,
    request_response::{self, Codec, Event, Message, ProtocolSupport},
    swarm::SwarmEvent,
};
use tokio::time::timeout;
use updraft_protocol::{
    BootstrapAnswer, BootstrapRequest, CatchUpAnswer, CatchUpRequest, Digest, Holding,
    PackedAnswer, PackedRequest, TransferAnswer, TransferRequest, limits::MAX_RESPONSE,
    network::TRANSFER_PROTOCOL,
};

use super::harness::{self, TestNode, connect, network_id, node};
use crate::network::{
    Address, InboundRequest, NetworkEvent, PeerId, RequestError, Service, metrics::ServedResult,
};

impl TestNode {
    pub(super) async fn wait_for_request(&mut self) -> (PeerId, InboundRequest) {
        self.wait_for("request", |event| match event {
            NetworkEvent::Request { peer, request } => Some((peer, request)),
            _ => None,
        })
        .await
    }
}

#[tokio::test]
async fn each_kind_of_question_comes_with_its_asker_and_gets_its_answer() {
    let (mut a, mut b) = (node().await, node().await);
    connect(&mut a, &mut b).await;
    let (asker, to) = (a.id(), b.id());
    let catch_up = CatchUpRequest::Manifest(Digest::of(b"manifest"));
    let transfer = TransferRequest::Chunk { blob: Digest::of(b"blob"), index: 4 };
    let answering = tokio::spawn(async move {
        for _ in 0..4 {
            let (peer, request) = b.wait_for_request().await;
            assert_eq!(peer, asker);
            match request {
                InboundRequest::Bootstrap(request, responder) => {
                    let asked = BootstrapRequest::Roots { network: network_id(), after: 3 };
                    assert_eq!(request, asked);
                    responder.answer(BootstrapAnswer::Roots(vec![]));
                }
                InboundRequest::CatchUp(request, responder) => {
                    assert_eq!(request, CatchUpRequest::Manifest(Digest::of(b"manifest")));
                    responder.answer(CatchUpAnswer::NotHeld);
                }
                InboundRequest::Transfer(request, responder) => {
                    assert_eq!(
                        request,
                        TransferRequest::Chunk { blob: Digest::of(b"blob"), index: 4 }
                    );
                    responder.answer(TransferAnswer::Chunk(vec![9; 256 * 1024]));
                }
                InboundRequest::Packed(request, responder) => {
                    assert_eq!(
                        request,
                        PackedRequest::One(TransferRequest::Have(Digest::of(b"blob")))
                    );
                    responder.answer(PackedAnswer::One(TransferAnswer::NotHeld));
                }
            }
        }
        b
    });
    assert_eq!(a.network.roots(to, network_id(), 3).await, Ok(vec![]));
    assert_eq!(a.network.catch_up(to, catch_up).await, Ok(CatchUpAnswer::NotHeld));
    let chunk = a.network.transfer(to, transfer).await;
    assert_eq!(chunk, Ok(TransferAnswer::Chunk(vec![9; 256 * 1024])));
    let packed = PackedRequest::One(TransferRequest::Have(Digest::of(b"blob")));
    let answer = a.network.pack(to, packed).await;
    assert_eq!(answer, Ok(PackedAnswer::One(TransferAnswer::NotHeld)));
    answering.await.expect("all four came");
}

#[tokio::test]
async fn a_large_object_comes_whole() {
    let (mut a, mut b) = (node().await, node().await);
    connect(&mut a, &mut b).await;
    let to = b.id();
    let object = vec![5; 8 * 1024 * 1024];
    let sent = object.clone();
    let answering = tokio::spawn(async move {
        let (_, request) = b.wait_for_request().await;
        let InboundRequest::Transfer(_, responder) = request else { panic!("{request:?}") };
        assert!(responder.is_wanted());
        responder.answer(TransferAnswer::Object(sent));
        b
    });
    let request = TransferRequest::Object(Digest::of(b"object"));
    assert_eq!(a.network.transfer(to, request).await, Ok(TransferAnswer::Object(object)));
    answering.await.expect("answered");
}

#[tokio::test]
async fn a_dropped_responder_is_a_refusal() {
    let (mut a, mut b) = (node().await, node().await);
    connect(&mut a, &mut b).await;
    let to = b.id();
    let request = CatchUpRequest::Manifest(Digest::of(b"manifest"));
    let dropping = async { drop(b.wait_for_request().await) };
    let (asked, ()) = tokio::join!(a.network.catch_up(to, request), dropping);
    assert_eq!(asked, Err(RequestError::Refused { peer: to }));
}

#[tokio::test]
async fn an_answer_over_its_limit_is_not_sent() {
    let (mut a, mut b) = (node().await, node().await);
    connect(&mut a, &mut b).await;
    let to = b.id();
    let answering = async {
        let (_, request) = b.wait_for_request().await;
        let InboundRequest::Transfer(_, responder) = request else { panic!("{request:?}") };
        responder.answer(TransferAnswer::Chunk(vec![0; 2 * 1024 * 1024]));
    };
    let request = TransferRequest::Have(Digest::of(b"blob"));
    let (asked, ()) = tokio::join!(a.network.transfer(to, request), answering);
    assert_eq!(asked, Err(RequestError::Refused { peer: to }));
}

#[tokio::test]
async fn the_ninth_question_at_once_is_told_to_wait() {
    let (mut a, mut b) = (node().await, node().await);
    connect(&mut a, &mut b).await;
    let to = b.id();
    let request = TransferRequest::Have(Digest::of(b"blob"));
    let mut under_way = Vec::new();
    for _ in 0..8 {
        let network = a.network.clone();
        under_way.push(tokio::spawn(async move { network.transfer(to, request).await }));
    }
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(b.wait_for_request().await);
    }
    assert_eq!(a.network.transfer(to, request).await, Ok(TransferAnswer::Busy));
    assert_eq!(b.metrics.served_count(Service::Transfer, ServedResult::OverSlots), 1);
    for (_, request) in held {
        let InboundRequest::Transfer(_, responder) = request else { panic!("{request:?}") };
        responder.answer(TransferAnswer::Have(Holding::Everything));
    }
    for asked in under_way {
        assert_eq!(asked.await.expect("asked"), Ok(TransferAnswer::Have(Holding::Everything)));
    }
}

#[tokio::test]
async fn questions_to_one_peer_are_bounded_on_the_asking_side() {
    let (mut a, mut b) = (node().await, node().await);
    connect(&mut a, &mut b).await;
    let to = b.id();
    let request = CatchUpRequest::Manifest(Digest::of(b"manifest"));
    let refusing = tokio::spawn(async move { while b.events.recv().await.is_some() {} });
    let mut asking: Vec<_> =
        (0..40).map(|_| Box::pin(a.network.catch_up(to, request.clone()))).collect();
    let mut overloaded = 0;
    for asked in futures::future::join_all(asking.drain(..)).await {
        overloaded += usize::from(matches!(asked, Err(RequestError::Overloaded { .. })));
    }
    assert!(overloaded >= 24, "{overloaded}");
    refusing.abort();
}

/// What a liar sends in place of an answer.
#[derive(Debug, Clone)]
struct Liar;

impl Codec for Liar {
    type Protocol = StreamProtocol;
    type Request = ();
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, _: &mut T) -> std::io::Result<()>
    where
        T: futures::AsyncRead + Unpin + Send,
    {
        Ok(())
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, _: &mut T) -> std::io::Result<Vec<u8>>
    where
        T: futures::AsyncRead + Unpin + Send,
    {
        Ok(Vec::new())
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        _: &mut T,
        (): (),
    ) -> std::io::Result<()>
    where
        T: futures::AsyncWrite + Unpin + Send,
    {
        Ok(())
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> std::io::Result<()>
    where
        T: futures::AsyncWrite + Unpin + Send,
    {
        use futures::AsyncWriteExt;
        io.write_all(&bytes).await
    }
}

/// A peer that answers each transfer request with these bytes. Gives where it is.
async fn liar(bytes: Vec<u8>) -> Address {
    let mut swarm = harness::swarm(|_| {
        request_response::Behaviour::with_codec(
            Liar,
            [(StreamProtocol::new(TRANSFER_PROTOCOL), ProtocolSupport::Full)],
            request_response::Config::default(),
        )
    });
    let address = harness::listen(&mut swarm).await;
    tokio::spawn(async move {
        loop {
            if let SwarmEvent::Behaviour(Event::Message {
                message: Message::Request { channel, .. },
                ..
            }) = swarm.select_next_some().await
            {
                let _ = swarm.behaviour_mut().send_response(channel, bytes.clone());
            }
        }
    });
    address
}

#[tokio::test]
async fn lies_in_place_of_answers_are_named_and_cost_the_liar() {
    let over = u32::try_from(MAX_RESPONSE + 1).expect("fits").to_be_bytes().to_vec();
    let garbage = [&9_u32.to_be_bytes()[..], &[2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff]].concat();
    let unknown_kind = [&4_u32.to_be_bytes()[..], &[99, 0, 0, 0]].concat();
    let nothing = Vec::new();
    let a = node().await;
    for (lie, is_offence) in
        [(over, true), (garbage, true), (unknown_kind, false), (nothing, false)]
    {
        let empty = lie.is_empty();
        let peer = a.network.dial(liar(lie).await).await.expect("it is there");
        let request = TransferRequest::Have(Digest::of(b"blob"));
        let asked = timeout(Duration::from_secs(10), a.network.transfer(peer, request)).await;
        match asked.expect("in time") {
            Err(RequestError::Malformed { .. }) if !empty => {}
            Err(RequestError::Refused { .. }) if empty => {}
            other => panic!("{other:?}"),
        }
        let peers = a.network.peers().await.expect("runs");
        let score = peers.iter().find(|info| info.id == peer).map(|info| info.score);
        assert_eq!(score.is_some_and(|score| score < 0), is_offence, "{score:?}");
    }
}

#[tokio::test]
async fn a_peer_without_the_protocol_is_told_apart() {
    let a = node().await;
    let peer = a.network.dial(liar(Vec::new()).await).await.expect("it is there");
    let asked = a.network.roots(peer, network_id(), 0).await;
    assert!(matches!(asked, Err(RequestError::Unsupported { .. })), "{asked:?}");
}
