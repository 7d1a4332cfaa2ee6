//! Fetches over a slow line that all answers share, and from peers that hold places and give nothing, in virtual time.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use updraft_protocol::{Holding, PackedAnswer, limits::DEFAULT_CHUNK};

use super::*;
use crate::fetch::{
    Lie,
    fake::{Shelf, chunk, passes},
    giving_up::GIVE_UP_AFTER,
};

/// How long one chunk may take, as the settings have it, and so may four in a pack.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(20);
/// How finely the line is shared.
const SLICE: Duration = Duration::from_millis(25);
/// When a peer dribbles: it has given enough by then to be asked for packs.
const DRIBBLES_FROM: Duration = Duration::from_secs(2);
/// How long a search takes.
const SEARCH: Duration = Duration::from_secs(5);

/// A line that shares what it carries among all answers on it.
struct Line {
    bytes_a_second: u32,
    under_way: AtomicUsize,
}

impl Line {
    /// So many bytes are through.
    async fn carries(&self, bytes: u32) {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        let mut left = f64::from(bytes);
        while left > 0.0 {
            passes(SLICE).await;
            let sharers = u32::try_from(self.under_way.load(Ordering::Relaxed)).expect("few");
            left -= f64::from(self.bytes_a_second) * SLICE.as_secs_f64() / f64::from(sharers);
        }
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nature {
    Honest,
    /// Gives at first, and then nothing any more.
    Dribbling,
}

struct Swarm {
    natures: Vec<Nature>,
    began: Instant,
    line: Line,
    /// Chunks that one question may name.
    pack: usize,
    /// Whom a search finds, a while later.
    found_later: Vec<u8>,
    timeouts: AtomicUsize,
    /// Chunks under way now, and most of them at once.
    under_way: Mutex<(usize, usize)>,
}

impl Swarm {
    fn new(natures: &[Nature], bytes_a_second: u32, pack: usize) -> Self {
        Self {
            natures: natures.to_vec(),
            began: Instant::now(),
            line: Line { bytes_a_second, under_way: AtomicUsize::new(0) },
            pack,
            found_later: Vec::new(),
            timeouts: AtomicUsize::new(0),
            under_way: Mutex::default(),
        }
    }

    async fn answer(&self, peer: u8, asked: &[u32]) -> Result<Vec<Vec<u8>>, PeerError> {
        self.note(|(now, most)| {
            *now += asked.len();
            *most = *now.max(most);
        });
        let times = u32::try_from(asked.len().div_ceil(4)).expect("few");
        let dribbles = self.natures[usize::from(peer)] == Nature::Dribbling
            && self.began.elapsed() >= DRIBBLES_FROM;
        let answer = async {
            if dribbles {
                return std::future::pending().await;
            }
            let count = u32::try_from(asked.len()).expect("few");
            self.line.carries(count * DEFAULT_CHUNK).await;
            asked.iter().map(|index| chunk(*index)).collect()
        };
        let came = tokio::time::timeout(CHUNK_TIMEOUT * times, answer).await;
        self.note(|(now, _)| *now -= asked.len());
        came.map_err(|_| {
            self.timeouts.fetch_add(1, Ordering::Relaxed);
            PeerError::Timeout
        })
    }

    fn note(&self, change: impl FnOnce(&mut (usize, usize))) {
        change(&mut self.under_way.lock().expect("not poisoned"));
    }
}

impl Peers for Swarm {
    type Id = u8;

    async fn transfer(
        &self,
        peer: u8,
        request: TransferRequest,
    ) -> Result<TransferAnswer, PeerError> {
        let TransferRequest::Chunk { index, .. } = request else {
            return Ok(TransferAnswer::Have(Holding::Everything));
        };
        self.answer(peer, &[index]).await.map(|came| TransferAnswer::Chunk(came.concat()))
    }

    fn pack(&self, _: u8) -> usize {
        self.pack
    }

    async fn chunks(
        &self,
        peer: u8,
        _: Digest,
        asked: Vec<u32>,
    ) -> Result<PackedAnswer, PeerError> {
        self.answer(peer, &asked).await.map(PackedAnswer::Chunks)
    }

    async fn holders(&self, _: Digest) -> Vec<u8> {
        passes(SEARCH).await;
        self.found_later.clone()
    }

    fn accuse(&self, peer: u8, lie: Lie) {
        panic!("{peer} is accused of {lie:?}");
    }
}

/// What became of a fetch, and how long it took.
struct Fetched {
    swarm: Arc<Swarm>,
    took: Duration,
    end: Result<BTreeMap<u8, u64>, FetchError>,
}

/// Fetches so many chunks, beginning with everybody whom no search has to find.
async fn fetch(swarm: Swarm, in_flight: usize, chunks: usize) -> Fetched {
    let swarm = Arc::new(swarm);
    let shelf = Shelf::new(chunks, DEFAULT_CHUNK);
    let everybody = (0_u8..).take(swarm.natures.len());
    let holders = everybody.filter(|peer| !swarm.found_later.contains(peer)).collect();
    let progress = watch::Sender::new(0);
    let limits = Limits { in_flight, peers: 8 };
    let blob = Digest::of(b"blob");
    let began = Instant::now();
    let end = fetch_blob(swarm.clone(), shelf, blob, holders, limits, &progress).await;
    Fetched { swarm, took: began.elapsed(), end: end.map(|report| report.sources) }
}

#[tokio::test(start_paused = true)]
async fn a_slow_line_is_used_up_and_nobody_runs_out_of_time() {
    const CHUNKS: u32 = 128;
    // Peers, chunks under way, KiB a second: sixteen or four at once just stay below what one may take.
    for (peers, in_flight, kib) in [(8, 4, 64), (8, 16, 244), (2, 4, 64), (8, 2, 64)] {
        let swarm = Swarm::new(&vec![Nature::Honest; peers], kib * 1024, 1);
        let fetched = fetch(swarm, in_flight, 128).await;
        let case = format!("{peers} peers, {in_flight} under way, {kib} KiB/s");
        assert!(fetched.end.is_ok(), "{case}: {:?} after {:?}", fetched.end, fetched.took);
        let timeouts = fetched.swarm.timeouts.load(Ordering::Relaxed);
        assert_eq!(timeouts, 0, "{case}");
        let (_, most) = *fetched.swarm.under_way.lock().expect("not poisoned");
        assert!(most <= in_flight, "{case}: {most} at once");
        let quickest = Duration::from_secs((CHUNKS * DEFAULT_CHUNK / (kib * 1024)).into());
        // A little comes twice at the end, where what takes long is asked elsewhere, too.
        assert!(fetched.took < quickest + quickest / 10, "{case}: {:?}", fetched.took);
    }
}

#[tokio::test(start_paused = true)]
async fn one_peer_with_packs_on_a_slow_line_gives_everything() {
    for kib in [128, 244] {
        let fetched = fetch(Swarm::new(&[Nature::Honest], kib * 1024, 16), 16, 128).await;
        assert!(fetched.end.is_ok(), "{:?} after {:?}", fetched.end, fetched.took);
        assert_eq!(fetched.swarm.timeouts.load(Ordering::Relaxed), 0);
    }
}

/// Peers that hold places and give nothing, and one that is found while they do.
async fn held_up(dribbling: usize, pack: usize, in_flight: usize) -> Fetched {
    let mut natures = vec![Nature::Dribbling; dribbling];
    natures.push(Nature::Honest);
    let mut swarm = Swarm::new(&natures, 100 * 1024 * 1024, pack);
    swarm.found_later = vec![u8::try_from(dribbling).expect("few")];
    fetch(swarm, in_flight, 2_000).await
}

#[tokio::test(start_paused = true)]
async fn one_peer_that_dribbles_leaves_places_to_who_comes_later() {
    for pack in [1, 16] {
        let Fetched { took, end, .. } = held_up(1, pack, 16).await;
        let sources = end.expect("fetched");
        assert!(sources[&1] > 0);
        assert!(took < GIVE_UP_AFTER, "{pack}: took {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn peers_that_hold_all_places_are_given_up_before_the_fetch_is() {
    for (dribbling, pack, in_flight) in [(4, 1, 16), (2, 16, 16), (2, 16, 64)] {
        let Fetched { took, end, .. } = held_up(dribbling, pack, in_flight).await;
        assert!(end.is_ok(), "{dribbling}, {pack}, {in_flight}: {end:?} after {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fetch_from_nobody_who_gives_anything_ends() {
    for (peers, pack, longest) in [(1, 1, 20), (1, 16, 40), (8, 1, 20), (8, 16, 20)] {
        let swarm = Swarm::new(&vec![Nature::Dribbling; peers], 100 * 1024 * 1024, pack);
        let Fetched { took, end, .. } = fetch(swarm, 16, 2_000).await;
        assert!(matches!(end, Err(FetchError::NoHolders { .. })), "{end:?}");
        let longest = Duration::from_secs(longest);
        let bound = DRIBBLES_FROM + SLICE + GIVE_UP_AFTER + 2 * longest;
        assert!((GIVE_UP_AFTER..bound).contains(&took), "{peers}, {pack}: took {took:?}");
    }
}
