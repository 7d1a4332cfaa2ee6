//! Many chunks for one question, and what such a question costs.

use updraft_protocol::{
    ChunkRange, Digest, PackedAnswer, PackedRequest, TransferAnswer, TransferRequest,
    limits::{MAX_CHUNK, MAX_PACK_BYTES},
};

use super::harness::{TestNode, connect, node, settings, start};
use crate::network::{
    InboundRequest, PeerInfo, RequestError, Responder, Service, metrics::ServedResult,
};

fn chunks(count: u32) -> PackedRequest {
    let ranges = vec![ChunkRange { first: 7, count }];
    PackedRequest::Chunks { blob: Digest::of(b"blob"), ranges }
}

fn pack(chunks: usize, bytes: usize) -> PackedAnswer {
    PackedAnswer::Chunks(vec![vec![9; bytes]; chunks])
}

impl TestNode {
    async fn wait_for_pack(&mut self) -> (PackedRequest, Responder<PackedAnswer>) {
        match self.wait_for_request().await {
            (_, InboundRequest::Packed(request, responder)) => (request, responder),
            (_, other) => panic!("{other:?}"),
        }
    }

    async fn info(&self, of: &Self) -> PeerInfo {
        let peers = self.network.peers().await.expect("runs");
        peers.into_iter().find(|info| info.id == of.id()).expect("known")
    }
}

/// A node of protocol 1.
async fn old_node() -> TestNode {
    let mut settings = settings();
    settings.newest_protocol = 1;
    start(settings).await
}

#[tokio::test]
async fn a_full_pack_comes_whole() {
    let (mut a, mut b) = (node().await, node().await);
    connect(&mut a, &mut b).await;
    let to = b.id();
    let full = || pack(16, MAX_PACK_BYTES / 16);
    let answering = async {
        let (request, responder) = b.wait_for_pack().await;
        assert_eq!(request, chunks(16));
        responder.answer(full());
    };
    let (asked, ()) = tokio::join!(a.network.pack(to, chunks(16)), answering);
    assert_eq!(asked, Ok(full()));
}

#[tokio::test]
async fn a_pack_over_the_limit_is_not_sent() {
    let (mut a, mut b) = (node().await, node().await);
    connect(&mut a, &mut b).await;
    let to = b.id();
    let answering = async {
        let (_, responder) = b.wait_for_pack().await;
        responder.answer(pack(5, MAX_CHUNK as usize));
    };
    let (asked, ()) = tokio::join!(a.network.pack(to, chunks(5)), answering);
    assert_eq!(asked, Err(RequestError::Refused { peer: to }));
}

#[tokio::test]
async fn a_question_that_breaks_the_rules_is_not_sent() {
    let (mut a, mut b) = (node().await, node().await);
    connect(&mut a, &mut b).await;
    let asked = a.network.pack(b.id(), chunks(65)).await;
    assert!(matches!(asked, Err(RequestError::Unsendable { .. })), "{asked:?}");
}

#[tokio::test]
async fn a_peer_gets_two_full_packs_at_once_and_shares_their_slots_with_single_chunks() {
    let (mut a, mut b) = (node().await, node().await);
    connect(&mut a, &mut b).await;
    let to = b.id();
    let under_way: Vec<_> = (0..2)
        .map(|_| {
            let network = a.network.clone();
            tokio::spawn(async move { network.pack(to, chunks(64)).await })
        })
        .collect();
    let held = [b.wait_for_pack().await, b.wait_for_pack().await];
    let busy = Ok(PackedAnswer::One(TransferAnswer::Busy));
    assert_eq!(a.network.pack(to, chunks(64)).await, busy);
    assert_eq!(b.metrics.served_count(Service::Packed, ServedResult::OverSlots), 1);
    // Two small questions find a place beside them, and a third does not.
    let small: Vec<_> = (0..2)
        .map(|_| {
            let network = a.network.clone();
            tokio::spawn(async move { network.pack(to, chunks(1)).await })
        })
        .collect();
    let asked = [b.wait_for_pack().await, b.wait_for_pack().await];
    let single = TransferRequest::Have(Digest::of(b"blob"));
    assert_eq!(a.network.transfer(to, single).await, Ok(TransferAnswer::Busy));
    for (_, responder) in asked {
        responder.answer(pack(1, 1));
    }
    for small in small {
        assert_eq!(small.await.expect("asked"), Ok(pack(1, 1)));
    }
    for (_, responder) in held {
        responder.answer(pack(1, 1));
    }
    for asked in under_way {
        assert_eq!(asked.await.expect("asked"), Ok(pack(1, 1)));
    }
}

#[tokio::test]
async fn a_program_of_protocol_1_knows_no_packs_and_says_so() {
    let (mut new, mut old) = (node().await, old_node().await);
    connect(&mut new, &mut old).await;
    let one = || PackedRequest::One(TransferRequest::Have(Digest::of(b"blob")));
    for (asker, asked) in [(&new, &old), (&old, &new)] {
        let refused = asker.network.pack(asked.id(), one()).await;
        assert!(matches!(refused, Err(RequestError::Unsupported { .. })), "{refused:?}");
    }
    let all = [Service::Bootstrap, Service::CatchUp, Service::Transfer, Service::Packed];
    assert_eq!(new.info(&old).await.services, all[..3]);
    assert_eq!(old.info(&new).await.services, all);
    assert_eq!(new.info(&old).await.score, 0);
}
