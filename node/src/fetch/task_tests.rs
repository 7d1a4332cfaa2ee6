//! The whole room against peers that lie, stall, vanish and fill up as it goes.

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use updraft_protocol::{Holding, PackedAnswer, limits::MIN_CHUNK};

use super::*;
use crate::fetch::{
    Lie,
    fake::{Shelf, chunk},
};

const LIMITS: Limits = Limits { in_flight: 16, peers: 8 };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nature {
    Honest,
    Corrupt,
    Silent,
    Confused,
    /// Says it has everything and gives nothing.
    Boaster,
}

struct Swarm {
    natures: Vec<Nature>,
    found_later: Vec<u8>,
    accused: Mutex<BTreeSet<u8>>,
    served: Mutex<Vec<(u8, u32)>>,
}

impl Swarm {
    fn new(natures: &[Nature]) -> Arc<Self> {
        Arc::new(Self {
            natures: natures.to_vec(),
            found_later: Vec::new(),
            accused: Mutex::default(),
            served: Mutex::default(),
        })
    }

    fn accused(&self) -> Vec<u8> {
        self.accused.lock().expect("not poisoned").iter().copied().collect()
    }
}

impl Peers for Swarm {
    type Id = u8;

    async fn transfer(
        &self,
        peer: u8,
        request: TransferRequest,
    ) -> Result<TransferAnswer, PeerError> {
        match (self.natures[usize::from(peer)], request) {
            (Nature::Silent, _) => std::future::pending().await,
            (Nature::Confused, TransferRequest::Chunk { .. }) => {
                Ok(TransferAnswer::Have(Holding::Nothing))
            }
            (_, TransferRequest::Have(_)) => Ok(TransferAnswer::Have(Holding::Everything)),
            (Nature::Boaster, TransferRequest::Chunk { .. }) => Ok(TransferAnswer::NotHeld),
            (nature, TransferRequest::Chunk { index, .. }) => {
                self.served.lock().expect("not poisoned").push((peer, index));
                let bytes =
                    if nature == Nature::Corrupt { b"garbage".to_vec() } else { chunk(index) };
                Ok(TransferAnswer::Chunk(bytes))
            }
            (_, TransferRequest::Object(_)) => Ok(TransferAnswer::NotHeld),
        }
    }

    fn pack(&self, _: u8) -> usize {
        1
    }

    async fn chunks(&self, _: u8, _: Digest, _: Vec<u32>) -> Result<PackedAnswer, PeerError> {
        panic!("nobody here takes packs")
    }

    async fn holders(&self, _: Digest) -> Vec<u8> {
        self.found_later.clone()
    }

    fn accuse(&self, peer: u8, _: Lie) {
        self.accused.lock().expect("not poisoned").insert(peer);
    }
}

async fn fetch(
    swarm: &Arc<Swarm>,
    shelf: &Arc<Shelf>,
    holders: Vec<u8>,
) -> Result<Report<u8>, FetchError> {
    let progress = watch::Sender::new(0);
    fetch_blob(swarm.clone(), shelf.clone(), Digest::of(b"blob"), holders, LIMITS, &progress).await
}

#[tokio::test]
async fn chunks_come_from_every_honest_peer() {
    let (swarm, shelf) = (Swarm::new(&[Nature::Honest; 3]), Shelf::new(60, MIN_CHUNK));
    let report = fetch(&swarm, &shelf, vec![0, 1, 2]).await.expect("fetched");
    assert!(shelf.is_full());
    assert_eq!(report.sources.len(), 3);
    assert_eq!((report.wrong, report.duplicate), (0, 0));
}

#[tokio::test]
async fn a_liar_is_accused_and_the_fetch_completes() {
    let (swarm, shelf) = (
        Swarm::new(&[Nature::Corrupt, Nature::Honest, Nature::Confused]),
        Shelf::new(40, MIN_CHUNK),
    );
    let report = fetch(&swarm, &shelf, vec![0, 1, 2]).await.expect("fetched");
    assert!(shelf.is_full());
    assert_eq!(report.sources.keys().copied().collect::<Vec<_>>(), vec![1]);
    assert!(swarm.accused().contains(&0), "wrong bytes are accused");
    let served = swarm.served.lock().expect("not poisoned");
    let by_liar = served.iter().filter(|(peer, _)| *peer == 0).count();
    assert!(
        by_liar <= 2,
        "a liar is asked no more than its first window, was asked {by_liar} times"
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_answers_does_not_hold_the_fetch_up() {
    let (swarm, shelf) = (Swarm::new(&[Nature::Silent, Nature::Honest]), Shelf::new(20, MIN_CHUNK));
    fetch(&swarm, &shelf, vec![0, 1]).await.expect("fetched");
    assert!(shelf.is_full());
}

#[tokio::test(start_paused = true)]
async fn without_holders_it_searches_and_then_gives_up() {
    let (swarm, shelf) = (Swarm::new(&[]), Shelf::new(5, MIN_CHUNK));
    let started = Instant::now();
    let error = fetch(&swarm, &shelf, Vec::new()).await.expect_err("nobody");
    assert!(matches!(error, FetchError::NoHolders { missing: 5 }));
    assert!(started.elapsed() < Duration::from_secs(120));
}

#[tokio::test(start_paused = true)]
async fn a_boaster_alone_does_not_keep_a_fetch_alive() {
    let (swarm, shelf) = (Swarm::new(&[Nature::Boaster]), Shelf::new(5, MIN_CHUNK));
    let error = fetch(&swarm, &shelf, vec![0]).await.expect_err("nothing is given");
    assert!(matches!(error, FetchError::NoHolders { missing: 5 }));
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_a_search_finds_is_used() {
    let mut swarm = Swarm::new(&[Nature::Honest]);
    Arc::get_mut(&mut swarm).expect("unshared").found_later = vec![0];
    let shelf = Shelf::new(5, MIN_CHUNK);
    fetch(&swarm, &shelf, Vec::new()).await.expect("fetched");
    assert!(shelf.is_full());
}

#[tokio::test]
async fn a_blob_that_is_here_asks_nobody() {
    let (swarm, shelf) = (Swarm::new(&[Nature::Silent]), Shelf::new(0, MIN_CHUNK));
    fetch(&swarm, &shelf, vec![0]).await.expect("nothing to do");
    assert!(swarm.served.lock().expect("not poisoned").is_empty());
}
