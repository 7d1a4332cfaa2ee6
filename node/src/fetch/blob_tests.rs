//! The fetch of a blob as a value: on a clock that only the test moves, without a task, a socket or a store.

use std::collections::BTreeSet;

use updraft_protocol::{Holding, limits::MIN_CHUNK};

use super::*;
use crate::fetch::giving_up::GIVE_UP_AFTER;

const LIMITS: Limits = Limits { in_flight: 16, peers: 8 };
/// Bytes that every chunk is taken for.
const BYTES: u64 = 100;

fn at(millis: u64) -> Elapsed {
    Elapsed::from_millis(millis)
}

fn everything() -> Result<TransferAnswer, PeerError> {
    Ok(TransferAnswer::Have(Holding::Everything))
}

/// A fetch, and what it asked for and nobody has answered yet.
struct Desk {
    fetch: BlobFetch<u8>,
    now: Elapsed,
    asked: Vec<(u8, Vec<u32>)>,
    accused: Vec<(u8, Lie)>,
    searches: usize,
    end: Option<Result<Report<u8>, GaveUp>>,
}

impl Desk {
    fn new(chunks: usize, chunk_size: u32) -> Self {
        let mut desk = Self {
            fetch: BlobFetch::new(vec![false; chunks], chunk_size, LIMITS, 1),
            now: at(0),
            asked: Vec::new(),
            accused: Vec::new(),
            searches: 0,
            end: None,
        };
        desk.feed(BlobInput::Tick);
        desk
    }

    /// The same, with a peer that holds everything and takes packs of any size.
    fn with(mut self, peer: u8) -> Self {
        self.feed(BlobInput::Found(peer));
        self.feed(BlobInput::Holding(peer, everything()));
        self
    }

    fn feed(&mut self, input: BlobInput<u8>) {
        for action in self.fetch.handle(input, self.now) {
            assert!(self.end.is_none(), "nothing comes after the end");
            match action {
                BlobAction::AskHolding(_) => {}
                BlobAction::AskChunks(peer, chunks) => self.asked.push((peer, chunks)),
                BlobAction::Accuse(peer, lie) => self.accused.push((peer, lie)),
                BlobAction::Search => self.searches += 1,
                BlobAction::End(end) => self.end = Some(end),
            }
        }
    }

    /// The answer to a question: so many chunks of it were kept.
    fn answer(&mut self, (peer, asked): (u8, Vec<u32>), kept: usize, end: End) {
        self.fetch.set_pack(peer, usize::MAX);
        let kept = vec![BYTES; kept];
        self.feed(BlobInput::Chunks(peer, Outcome { asked, kept, end }));
    }

    /// Everything that is asked for is given, until the end.
    fn give_everything(&mut self) {
        while self.end.is_none() {
            assert!(!self.asked.is_empty(), "somebody is asked");
            self.now += at(10);
            let question = self.asked.remove(0);
            let count = question.1.len();
            self.answer(question, count, End::Given);
        }
    }

    /// Time passes until the end; searches find nobody.
    fn wait(&mut self) {
        while self.end.is_none() {
            let next = self.fetch.next_wakeup(self.now);
            assert!(next > self.now, "time goes on");
            self.now = next;
            for _ in 0..std::mem::take(&mut self.searches) {
                self.feed(BlobInput::Searched);
            }
            self.feed(BlobInput::Tick);
        }
    }

    fn report(&self) -> &Report<u8> {
        self.end.as_ref().expect("over").as_ref().expect("everything is here")
    }
}

#[test]
fn everything_comes_and_each_byte_is_put_down_to_who_gave_it() {
    let mut desk = Desk::new(30, MIN_CHUNK).with(1).with(2);
    desk.give_everything();
    assert_eq!(desk.fetch.received(), 30 * BYTES);
    assert_eq!((desk.report().wrong, desk.report().duplicate), (0, 0));
    assert_eq!(desk.report().sources.values().sum::<u64>(), 30 * BYTES);
    assert_eq!(desk.report().sources.len(), 2);
    assert!(desk.accused.is_empty());
}

#[test]
fn what_comes_twice_is_counted_once_and_said() {
    let mut desk = Desk::new(2, MIN_CHUNK).with(1);
    let slow: BTreeSet<(u8, Vec<u32>)> = desk.asked.drain(..).collect();
    desk = desk.with(2);
    desk.now = desk.fetch.next_wakeup(at(700)).max(at(750));
    desk.feed(BlobInput::Tick);
    let hedged = desk.asked.remove(0);
    assert_eq!(hedged.0, 2);
    let chunk = hedged.1.clone();
    desk.answer(hedged, 1, End::Given);
    let twice = slow.iter().find(|(_, asked)| *asked == chunk).expect("asked before").clone();
    desk.answer(twice, 1, End::Given);
    assert_eq!((desk.fetch.received(), desk.fetch.missing()), (BYTES, 1));
    desk.asked.extend(slow.into_iter().filter(|(_, asked)| *asked != chunk));
    desk.give_everything();
    assert_eq!(desk.report().duplicate, BYTES);
}

#[test]
fn a_wrong_chunk_and_a_wrong_answer_are_accused_and_only_the_first_is_counted() {
    let mut desk = Desk::new(8, MIN_CHUNK).with(1).with(2).with(3);
    let mut of = |peer: u8| {
        let place = desk.asked.iter().position(|(to, _)| *to == peer).expect("it is asked");
        desk.asked.remove(place)
    };
    let (corrupt, confused) = (of(1), of(2));
    desk.asked.retain(|(to, _)| *to == 3);
    desk.answer(corrupt, 0, End::Wrong);
    desk.answer(confused, 0, End::Lied);
    desk.feed(BlobInput::Found(4));
    desk.feed(BlobInput::Holding(4, Ok(TransferAnswer::Object(Vec::new()))));
    let accused = [(1, Lie::WrongBytes), (2, Lie::WrongAnswer), (4, Lie::WrongAnswer)];
    assert_eq!(desk.accused, accused);
    assert!(desk.asked.iter().all(|(to, _)| *to != 1), "who sent it is not asked again");
    assert!(desk.fetch.handle(BlobInput::Found(1), desk.now).is_empty());
}

#[test]
fn without_anybody_it_ends_when_the_drought_has_lasted_long_enough() {
    let mut desk = Desk::new(5, MIN_CHUNK);
    desk.wait();
    assert_eq!(desk.end, Some(Err(GaveUp { missing: 5 })));
    assert_eq!(desk.now, GIVE_UP_AFTER);
}

#[test]
fn what_is_asked_is_waited_for_and_then_it_ends_with_the_answer() {
    let mut desk = Desk::new(1, MIN_CHUNK).with(1);
    let question = desk.asked.remove(0);
    while desk.now < at(60_000) {
        desk.now = desk.fetch.next_wakeup(desk.now);
        desk.feed(BlobInput::Tick);
    }
    assert_eq!(desk.end, None, "its answer may come");
    desk.answer(question, 0, End::Failed(Failure::NoAnswer));
    assert_eq!(desk.end, Some(Err(GaveUp { missing: 1 })));
    desk.feed(BlobInput::Tick);
}

#[test]
fn a_pack_of_large_chunks_fits_into_an_answer() {
    let large = u32::try_from(MAX_PACK_BYTES / 3).expect("some MiB");
    let mut desk = Desk::new(500, large).with(1);
    let mut most = 0;
    while desk.end.is_none() {
        most = most.max(desk.asked.iter().map(|(_, asked)| asked.len()).max().unwrap_or(0));
        desk.now += at(10);
        let question = desk.asked.remove(0);
        let count = question.1.len();
        desk.answer(question, count, End::Given);
    }
    assert!(most <= 3, "{most} chunks in one question");
}

#[test]
fn a_blob_that_is_here_is_over_at_once() {
    let mut fetch: BlobFetch<u8> = BlobFetch::new(vec![true; 3], MIN_CHUNK, LIMITS, 1);
    let actions = fetch.handle(BlobInput::Tick, at(0));
    assert!(matches!(&actions[..], [BlobAction::End(Ok(_))]), "{actions:?}");
    assert!(fetch.handle(BlobInput::Found(1), at(0)).is_empty());
}
