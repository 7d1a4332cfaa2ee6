//! The search for an object, as a value and against holders that lie, are busy, or say nothing.

use std::sync::Mutex;

use super::*;

const OBJECT: &[u8] = b"a listing";

#[derive(Clone, Copy)]
enum Nature {
    Honest,
    Corrupt,
    Silent,
    BusyOnce,
}

struct Holders {
    natures: Vec<Nature>,
    asked: Mutex<Vec<u8>>,
    accused: Mutex<Vec<u8>>,
}

impl Peers for Holders {
    type Id = u8;

    async fn transfer(&self, peer: u8, _: TransferRequest) -> Result<TransferAnswer, PeerError> {
        let before = {
            let mut asked = self.asked.lock().expect("not poisoned");
            asked.push(peer);
            asked.iter().filter(|asked| **asked == peer).count()
        };
        match self.natures[usize::from(peer)] {
            Nature::Silent => std::future::pending().await,
            Nature::Corrupt => Ok(TransferAnswer::Object(b"something else".to_vec())),
            Nature::BusyOnce if before == 1 => Ok(TransferAnswer::Busy),
            Nature::BusyOnce | Nature::Honest => Ok(TransferAnswer::Object(OBJECT.to_vec())),
        }
    }

    fn pack(&self, _: u8) -> usize {
        1
    }

    async fn chunks(
        &self,
        _: u8,
        _: Digest,
        _: Vec<u32>,
    ) -> Result<updraft_protocol::PackedAnswer, PeerError> {
        Err(PeerError::Malformed)
    }

    async fn holders(&self, _: Digest) -> Vec<u8> {
        Vec::new()
    }

    fn accuse(&self, peer: u8, _: Lie) {
        self.accused.lock().expect("not poisoned").push(peer);
    }
}

async fn fetch(natures: &[Nature]) -> (Option<Vec<u8>>, Holders) {
    let holders =
        Holders { natures: natures.to_vec(), asked: Mutex::default(), accused: Mutex::default() };
    let ids: Vec<u8> = (0_u8..).take(natures.len()).collect();
    let object = ObjectRef::of(OBJECT).expect("small");
    (fetch_object(&holders, object, &ids).await, holders)
}

#[tokio::test(start_paused = true)]
async fn a_silent_holder_does_not_hold_the_others_up() {
    let began = Instant::now();
    let (bytes, _) = fetch(&[Nature::Silent, Nature::Silent, Nature::Honest]).await;
    assert_eq!(bytes.as_deref(), Some(OBJECT));
    assert!(began.elapsed() <= 3 * HEDGE_AFTER);
}

#[tokio::test(start_paused = true)]
async fn a_liar_is_accused_and_the_next_one_asked() {
    let (bytes, holders) = fetch(&[Nature::Corrupt, Nature::Honest]).await;
    assert_eq!(bytes.as_deref(), Some(OBJECT));
    assert_eq!(*holders.accused.lock().expect("not poisoned"), vec![0]);
}

#[tokio::test(start_paused = true)]
async fn a_busy_holder_is_asked_again_and_nobody_is_asked_for_ever() {
    let (bytes, _) = fetch(&[Nature::BusyOnce]).await;
    assert_eq!(bytes.as_deref(), Some(OBJECT));
    let (bytes, holders) = fetch(&[Nature::Corrupt]).await;
    assert!(bytes.is_none());
    assert_eq!(holders.asked.lock().expect("not poisoned").len(), 1);
    assert!(fetch(&[]).await.0.is_none());
}

fn search(holders: &[u8]) -> ObjectSearch<u8> {
    ObjectSearch::new(ObjectRef::of(OBJECT).expect("small"), holders.iter().copied())
}

fn at(millis: u64) -> Elapsed {
    Elapsed::from_millis(millis)
}

fn answered(holder: u8, answer: TransferAnswer) -> ObjectInput<u8> {
    ObjectInput::Answered(holder, Ok(answer))
}

#[test]
fn holders_that_say_nothing_are_three_at_once_and_no_more() {
    let mut search = search(&[1, 2, 3, 4]);
    let mut asked = search.handle(ObjectInput::Tick, at(0));
    assert!(search.handle(ObjectInput::Tick, at(999)).is_empty(), "nobody is asked too early");
    while let Some(wakeup) = search.next_wakeup() {
        asked.extend(search.handle(ObjectInput::Tick, wakeup));
    }
    assert_eq!(asked, [1, 2, 3].map(ObjectAction::Ask));
    assert!(search.handle(ObjectInput::Tick, at(60_000)).is_empty());
    let next = search.handle(ObjectInput::Answered(2, Err(PeerError::Timeout)), at(60_000));
    assert!(next.is_empty(), "two have not answered yet, and have a second more");
    assert_eq!(search.next_wakeup(), Some(at(61_000)));
}

#[test]
fn who_is_always_busy_is_asked_four_times() {
    let mut search = search(&[1]);
    let mut actions = search.handle(ObjectInput::Tick, at(0));
    let mut asked = 0;
    while actions == [ObjectAction::Ask(1)] {
        asked += 1;
        actions = search.handle(answered(1, TransferAnswer::Busy), at(asked));
    }
    assert_eq!((asked, actions), (4, vec![ObjectAction::Done(None)]));
}

#[test]
fn what_comes_after_the_end_or_from_nobody_who_was_asked_changes_nothing() {
    let mut search = search(&[1, 2]);
    search.handle(ObjectInput::Tick, at(0));
    assert!(search.handle(answered(2, TransferAnswer::NotHeld), at(1)).is_empty());
    search.handle(ObjectInput::Tick, at(1_000));
    let done = search.handle(answered(2, TransferAnswer::Object(OBJECT.to_vec())), at(1_001));
    assert_eq!(done, [ObjectAction::Done(Some(OBJECT.to_vec()))]);
    assert_eq!(search.next_wakeup(), None);
    assert!(search.handle(answered(1, TransferAnswer::Chunk(Vec::new())), at(1_002)).is_empty());
}

#[test]
fn an_answer_of_another_kind_is_a_lie() {
    let mut search = search(&[1]);
    search.handle(ObjectInput::Tick, at(0));
    let actions = search.handle(answered(1, TransferAnswer::Chunk(OBJECT.to_vec())), at(1));
    assert_eq!(actions, [ObjectAction::Accuse(1, Lie::WrongAnswer), ObjectAction::Done(None)]);
}
