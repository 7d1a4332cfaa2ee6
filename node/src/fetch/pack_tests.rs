//! Packs through the whole room: peers of both kinds, and peers that use packs to lie, to stall, or to give little.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    time::Duration,
};

use updraft_protocol::{
    ChunkRange, Holding, PackedAnswer, PackedRequest, Wire as _,
    limits::{MAX_CHUNK, MAX_PACK_BYTES, MAX_PACK_CHUNKS, MIN_CHUNK},
};

use super::*;
use crate::fetch::{
    Lie,
    fake::{Shelf, chunk, passes},
};

const LIMITS: Limits = Limits { in_flight: 64, peers: 8 };
/// Chunks that a dribbling peer is asked for before it dribbles: enough to be trusted with all it may ever have.
const DRIBBLES_AFTER: usize = 200;
/// Longer than a fetch goes on without a chunk.
const DRIBBLES_FOR: Duration = Duration::from_secs(40);
/// How long a search takes.
const SEARCH: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nature {
    /// Takes packs and gives all of them.
    Packs,
    /// Speaks the first version only.
    Old,
    /// Gives the first of the chunks that it is asked for, and no more.
    Stingy,
    /// Says it takes packs, and has too much to do for any.
    Busy,
    /// Answers packs with none of their chunks.
    Empty,
    /// The second chunk of a pack is wrong.
    Corrupt,
    /// Gives one chunk more than it is asked for.
    Generous,
    /// Answers a pack with an object.
    Confused,
    /// Answers single chunks and never a pack.
    Silent,
    /// Gives packs at first; then its answers come byte by byte, and none of them in time.
    Dribbling,
}

struct Swarm {
    natures: Vec<Nature>,
    accused: Mutex<BTreeMap<u8, Lie>>,
    /// Chunks of each question.
    questions: Mutex<Vec<(u8, Vec<u32>)>>,
    chunk_size: u32,
    /// Whom a search finds, a while later.
    found_later: Vec<u8>,
}

impl Swarm {
    fn new(natures: &[Nature]) -> Arc<Self> {
        Self::with_chunks_of(MIN_CHUNK, natures)
    }

    fn with_chunks_of(chunk_size: u32, natures: &[Nature]) -> Arc<Self> {
        Arc::new(Self {
            natures: natures.to_vec(),
            accused: Mutex::default(),
            questions: Mutex::default(),
            chunk_size,
            found_later: Vec::new(),
        })
    }

    fn accused(&self) -> BTreeMap<u8, Lie> {
        self.accused.lock().expect("not poisoned").clone()
    }

    fn questions_to(&self, peer: u8) -> Vec<Vec<u32>> {
        let questions = self.questions.lock().expect("not poisoned");
        questions.iter().filter(|(to, _)| *to == peer).map(|(_, asked)| asked.clone()).collect()
    }

    fn note(&self, peer: u8, asked: &[u32]) {
        self.questions.lock().expect("not poisoned").push((peer, asked.to_vec()));
    }
}

impl Peers for Swarm {
    type Id = u8;

    async fn transfer(
        &self,
        peer: u8,
        request: TransferRequest,
    ) -> Result<TransferAnswer, PeerError> {
        Ok(match request {
            TransferRequest::Have(_) => TransferAnswer::Have(Holding::Everything),
            TransferRequest::Object(_) => TransferAnswer::NotHeld,
            TransferRequest::Chunk { index, .. } => {
                self.note(peer, &[index]);
                TransferAnswer::Chunk(chunk(index))
            }
        })
    }

    fn pack(&self, peer: u8) -> usize {
        if self.natures[usize::from(peer)] == Nature::Old { 1 } else { usize::MAX }
    }

    async fn chunks(
        &self,
        peer: u8,
        blob: Digest,
        asked: Vec<u32>,
    ) -> Result<PackedAnswer, PeerError> {
        let ranges = ChunkRange::pack(&asked);
        assert_eq!(PackedRequest::Chunks { blob, ranges }.check(), Ok(()), "it can be sent");
        let bytes = asked.len() * usize::try_from(self.chunk_size).expect("small");
        assert!(bytes <= MAX_PACK_BYTES, "its answer can be sent");
        self.note(peer, &asked);
        let mut chunks: Vec<Vec<u8>> = asked.iter().map(|index| chunk(*index)).collect();
        match self.natures[usize::from(peer)] {
            Nature::Packs => {}
            Nature::Old => panic!("it was asked what it does not speak"),
            Nature::Stingy => chunks.truncate(1),
            Nature::Busy => return Ok(PackedAnswer::One(TransferAnswer::Busy)),
            Nature::Empty => chunks.clear(),
            Nature::Corrupt => chunks[1] = b"garbage".to_vec(),
            Nature::Generous => chunks.push(chunk(0)),
            Nature::Confused => {
                return Ok(PackedAnswer::One(TransferAnswer::Object(b"tree".to_vec())));
            }
            Nature::Silent => std::future::pending().await,
            Nature::Dribbling => {
                if self.questions_to(peer).iter().map(Vec::len).sum::<usize>() > DRIBBLES_AFTER {
                    passes(DRIBBLES_FOR).await;
                    return Err(PeerError::Timeout);
                }
            }
        }
        Ok(PackedAnswer::Chunks(chunks))
    }

    async fn holders(&self, _: Digest) -> Vec<u8> {
        passes(SEARCH).await;
        self.found_later.clone()
    }

    fn accuse(&self, peer: u8, lie: Lie) {
        self.accused.lock().expect("not poisoned").insert(peer, lie);
    }
}

/// Fetches so many chunks from all peers of the swarm, which succeeds.
async fn fetch(swarm: &Arc<Swarm>, chunks: usize) -> Report<u8> {
    let holders = (0_u8..).take(swarm.natures.len()).collect();
    fetch_from(swarm, holders, chunks).await
}

/// The same, beginning with some of them.
async fn fetch_from(swarm: &Arc<Swarm>, holders: Vec<u8>, chunks: usize) -> Report<u8> {
    let shelf = Shelf::new(chunks, swarm.chunk_size);
    let progress = watch::Sender::new(0);
    let blob = Digest::of(b"blob");
    let fetched = fetch_blob(swarm.clone(), shelf.clone(), blob, holders, LIMITS, &progress).await;
    assert!(shelf.is_full(), "everything is here");
    fetched.expect("fetched")
}

#[tokio::test]
async fn a_peer_that_takes_packs_is_asked_few_questions() {
    let swarm = Swarm::new(&[Nature::Packs]);
    let report = fetch(&swarm, 500).await;
    let questions = swarm.questions_to(0);
    assert!(questions.len() < 100, "{} questions", questions.len());
    assert_eq!((report.wrong, report.duplicate), (0, 0));
    let asked: BTreeSet<u32> = questions.iter().flatten().copied().collect();
    assert_eq!(asked.len(), questions.iter().map(Vec::len).sum::<usize>(), "each chunk once");
}

#[tokio::test]
async fn the_first_questions_to_a_stranger_are_small() {
    let swarm = Swarm::new(&[Nature::Packs]);
    fetch(&swarm, 500).await;
    let questions = swarm.questions_to(0);
    assert_eq!(questions[..2].iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
}

#[tokio::test]
async fn packs_of_large_chunks_have_few_of_them() {
    let swarm = Swarm::with_chunks_of(MAX_CHUNK, &[Nature::Packs]);
    fetch(&swarm, 200).await;
    let most = swarm.questions_to(0).iter().map(Vec::len).max();
    assert_eq!(most, Some(MAX_PACK_BYTES / MAX_CHUNK as usize));
    assert!(MAX_PACK_BYTES / MIN_CHUNK as usize <= MAX_PACK_CHUNKS);
}

#[tokio::test]
async fn old_and_new_peers_give_together() {
    let swarm = Swarm::new(&[Nature::Packs, Nature::Old, Nature::Packs, Nature::Old]);
    let report = fetch(&swarm, 500).await;
    assert_eq!(report.sources.len(), 4, "everybody gives");
    assert_eq!((report.wrong, report.duplicate), (0, 0));
    assert!(swarm.questions_to(1).iter().all(|asked| asked.len() == 1));
    assert!(swarm.questions_to(0).iter().any(|asked| asked.len() > 1));
    assert!(swarm.accused().is_empty());
}

#[tokio::test]
async fn what_a_short_answer_leaves_out_is_asked_again_without_blame() {
    let swarm = Swarm::new(&[Nature::Stingy]);
    let report = fetch(&swarm, 100).await;
    assert!(swarm.questions_to(0).iter().any(|asked| asked.len() > 1), "it was asked for packs");
    assert_eq!((report.wrong, report.duplicate), (0, 0));
    assert!(swarm.accused().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_gives_no_packs_is_not_accused_and_the_others_give() {
    for nature in [Nature::Busy, Nature::Empty, Nature::Silent] {
        let swarm = Swarm::new(&[nature, Nature::Packs]);
        fetch(&swarm, 200).await;
        let asked_for_a_pack = swarm.questions_to(0).iter().any(|asked| asked.len() > 1);
        assert!(asked_for_a_pack, "{nature:?} was asked one by one");
        assert!(swarm.accused().is_empty(), "{nature:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_every_place_it_may_and_dribbles_does_not_end_a_fetch() {
    let mut swarm = Swarm::new(&[Nature::Dribbling, Nature::Packs]);
    Arc::get_mut(&mut swarm).expect("unshared").found_later = vec![1];
    let began = Instant::now();
    let report = fetch_from(&swarm, vec![0], 500).await;
    assert!(began.elapsed() < SEARCH + Duration::from_secs(2), "took {:?}", began.elapsed());
    let mut asked = 0;
    let unanswered = swarm.questions_to(0).into_iter().filter(|question| {
        asked += question.len();
        question.len() > 1 && asked > DRIBBLES_AFTER
    });
    let unanswered: usize = unanswered.map(|question| question.len()).sum();
    assert!(unanswered >= LIMITS.of_one_peer(), "{unanswered}: it held what one peer may");
    assert!(report.sources[&1] > 0);
    assert!(swarm.accused().is_empty());
}

#[tokio::test]
async fn right_chunks_before_a_wrong_one_are_kept_and_its_sender_is_dropped() {
    let swarm = Swarm::new(&[Nature::Corrupt, Nature::Old]);
    let report = fetch(&swarm, 200).await;
    assert_eq!(swarm.accused(), BTreeMap::from([(0, Lie::WrongBytes)]));
    let questions = swarm.questions_to(0);
    let packs = questions.iter().filter(|asked| asked.len() > 1).count();
    assert_eq!(report.wrong, packs as u64, "each was wrong, and none asked after the first came");
    assert!(packs <= 2, "asked for {packs} packs");
    let pack = questions.iter().position(|asked| asked.len() > 1).expect("asked for a pack");
    // Single chunks before the pack were right, and so was the first of the pack.
    let given: u64 =
        questions.iter().take(pack + 1).map(|asked| chunk(asked[0]).len() as u64).sum();
    assert!(report.sources[&0] >= given, "{} of {given} bytes", report.sources[&0]);
}

#[tokio::test]
async fn more_chunks_than_were_asked_for_and_other_answers_are_lies() {
    for nature in [Nature::Generous, Nature::Confused] {
        let swarm = Swarm::new(&[nature, Nature::Old]);
        fetch(&swarm, 200).await;
        assert_eq!(swarm.accused(), BTreeMap::from([(0, Lie::WrongAnswer)]), "{nature:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_swarm_of_every_kind_finishes() {
    let natures = [
        Nature::Silent,
        Nature::Corrupt,
        Nature::Generous,
        Nature::Old,
        Nature::Stingy,
        Nature::Busy,
        Nature::Packs,
        Nature::Empty,
        Nature::Confused,
    ];
    let swarm = Swarm::new(&natures);
    let began = Instant::now();
    fetch(&swarm, 700).await;
    assert!(began.elapsed() < Duration::from_secs(10), "took {:?}", began.elapsed());
    let liars: Vec<u8> = swarm.accused().into_keys().collect();
    assert!(liars.iter().all(|liar| [1, 2, 8].contains(liar)), "accused: {liars:?}");
}
