//! How long a fetch takes in either version of transfer, over peers with a line and a distance, in virtual time.
//!
//! `scripts/packs.sh` shows the table. What it says is tested here: a pack is worth most on a long way, and costs
//! nothing on a short one. Only the way is modelled: neither hashing, nor disks, nor what a question costs a processor.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use updraft_protocol::{
    Holding, PackedAnswer,
    limits::{DEFAULT_CHUNK, MIN_CHUNK},
};

use super::*;
use crate::fetch::{
    Lie,
    fake::{Shelf, chunk, passes},
};

/// Bytes of the blob.
const BLOB: u32 = 32 * 1024 * 1024;
/// What a peer can send, in bytes a second: a gigabit.
const LINE: u32 = 125_000_000;
/// Chunks under way in all: as the settings have it, and four times as many.
const IN_FLIGHT: [usize; 2] = [16, 64];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Single,
    Packed,
}

/// A swarm of honest peers, each behind a line of its own and as far away as the others.
struct Swarm {
    version: Version,
    chunk_size: u32,
    round_trip: Duration,
    /// When each peer's line is free again.
    lines: Mutex<Vec<Instant>>,
    questions: AtomicUsize,
}

impl Swarm {
    /// An answer of `bytes` bytes has come.
    async fn arrived(&self, peer: u8, bytes: u32) {
        let at = {
            let mut lines = self.lines.lock().expect("not poisoned");
            let line = &mut lines[usize::from(peer)];
            let begins = (*line).max(Instant::now() + self.round_trip / 2);
            *line = begins + Duration::from_secs(1) * bytes / LINE;
            *line + self.round_trip / 2
        };
        passes(at.duration_since(Instant::now())).await;
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
            self.arrived(peer, 0).await;
            return Ok(TransferAnswer::Have(Holding::Everything));
        };
        self.questions.fetch_add(1, Ordering::Relaxed);
        self.arrived(peer, self.chunk_size).await;
        Ok(TransferAnswer::Chunk(chunk(index)))
    }

    fn pack(&self, _: u8) -> usize {
        if self.version == Version::Packed { usize::MAX } else { 1 }
    }

    async fn chunks(
        &self,
        peer: u8,
        _: Digest,
        asked: Vec<u32>,
    ) -> Result<PackedAnswer, PeerError> {
        self.questions.fetch_add(1, Ordering::Relaxed);
        let count = u32::try_from(asked.len()).expect("a pack");
        self.arrived(peer, count * self.chunk_size).await;
        Ok(PackedAnswer::Chunks(asked.iter().map(|index| chunk(*index)).collect()))
    }

    async fn holders(&self, _: Digest) -> Vec<u8> {
        Vec::new()
    }

    fn accuse(&self, peer: u8, lie: Lie) {
        panic!("{peer} is honest, and accused of {lie:?}");
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
struct Row {
    in_flight: usize,
    peers: u8,
    chunk_size: u32,
    round_trip: Duration,
}

impl Row {
    /// How long it takes, and how many questions for chunks.
    async fn run(self, version: Version) -> (Duration, usize) {
        let Self { in_flight, peers, chunk_size, round_trip } = self;
        let swarm = Arc::new(Swarm {
            version,
            chunk_size,
            round_trip,
            lines: Mutex::new(vec![Instant::now(); usize::from(peers)]),
            questions: AtomicUsize::new(0),
        });
        let chunks = usize::try_from(BLOB / chunk_size).expect("small");
        let shelf = Shelf::new(chunks, chunk_size);
        let holders = (0..peers).collect();
        let progress = watch::Sender::new(0);
        let began = Instant::now();
        let blob = Digest::of(b"blob");
        let limits = Limits { in_flight, peers: 8 };
        let fetch = fetch_blob(swarm.clone(), shelf, blob, holders, limits, &progress);
        let report = fetch.await.expect("everybody is honest");
        assert_eq!(report.duplicate, 0, "nobody was slow");
        (began.elapsed(), swarm.questions.load(Ordering::Relaxed))
    }

    /// How much quicker packs are than single chunks. Shows the row.
    async fn ratio(self) -> f64 {
        let (single, singles) = self.run(Version::Single).await;
        let (packed, packs) = self.run(Version::Packed).await;
        let ratio = single.as_secs_f64() / packed.as_secs_f64();
        println!(
            "packs: {:>9} {:>5} {:>9} {:>6} {:>10} {:>8} {:>6.2} {:>9} {:>9}",
            self.in_flight,
            self.peers,
            self.chunk_size / 1024,
            self.round_trip.as_millis(),
            single.as_millis(),
            packed.as_millis(),
            ratio,
            singles,
            packs
        );
        ratio
    }
}

#[tokio::test(start_paused = true)]
async fn packs_are_worth_most_on_a_long_way_and_cost_nothing_on_a_short_one() {
    println!(
        "packs: {:>9} {:>5} {:>9} {:>6} {:>10} {:>8} {:>6} {:>9} {:>9}",
        "under way",
        "peers",
        "chunk KiB",
        "RTT ms",
        "singles ms",
        "packs ms",
        "ratio",
        "questions",
        "packed"
    );
    for in_flight in IN_FLIGHT {
        for peers in [1, 4] {
            for chunk_size in [MIN_CHUNK, DEFAULT_CHUNK] {
                for millis in [1, 50] {
                    let round_trip = Duration::from_millis(millis);
                    let row = Row { in_flight, peers, chunk_size, round_trip };
                    let ratio = row.ratio().await;
                    assert!(ratio > 0.9, "packs cost time: {row:?}");
                    // Where single chunks fill what may be under way, packs are not asked for.
                    let has_room = in_flight > 4 * usize::from(peers);
                    let wanted = if peers == 1 { 2.0 } else { 1.2 };
                    assert!(
                        ratio > wanted || !has_room || millis == 1,
                        "packs bring little: {row:?}, {ratio}"
                    );
                }
            }
        }
    }
}
