//! Fetching an object (a tree, a chunk list) by its digest, until some holder gives the right bytes.
//!
//! One holder is asked at a time as long as it answers quickly; a slow one does not hold the others up, and one
//! that is busy is asked again.

use std::{collections::VecDeque, time::Duration};

use futures::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use updraft_protocol::{Digest, ObjectRef, TransferAnswer, TransferRequest};

use super::{Lie, PeerError, Peers};

/// After this long the next holder is asked too.
const HEDGE_AFTER: Duration = Duration::from_secs(1);
/// Requests under way at once.
const MAX_COPIES: usize = 3;
/// How often a busy holder is asked again.
const MAX_BUSY: u32 = 3;

/// The object's bytes, verified; `None` if none of `holders` gave them. Ends in bounded time.
pub async fn fetch_object<P: Peers>(
    peers: &P,
    object: ObjectRef,
    holders: &[P::Id],
) -> Option<Vec<u8>> {
    let mut left: VecDeque<(P::Id, u32)> = holders.iter().map(|holder| (*holder, 0)).collect();
    let mut asked = FuturesUnordered::new();
    let ask = |(holder, tries): (P::Id, u32)| {
        peers
            .transfer(holder, TransferRequest::Object(object.digest))
            .map(move |answer| (holder, tries, answer))
    };
    loop {
        if asked.is_empty() {
            asked.push(ask(left.pop_front()?));
        }
        tokio::select! {
            Some((holder, tries, answer)) = asked.next() => {
                if let Some(bytes) = judge(peers, object, holder, &answer) {
                    return Some(bytes);
                }
                if matches!(answer, Ok(TransferAnswer::Busy)) && tries < MAX_BUSY {
                    left.push_back((holder, tries + 1));
                }
            }
            () = tokio::time::sleep(HEDGE_AFTER), if asked.len() < MAX_COPIES && !left.is_empty() => {
                asked.extend(left.pop_front().map(&ask));
            }
        }
    }
}

/// The bytes, if they are the object's; tells the network of lies.
fn judge<P: Peers>(
    peers: &P,
    object: ObjectRef,
    holder: P::Id,
    answer: &Result<TransferAnswer, PeerError>,
) -> Option<Vec<u8>> {
    match answer {
        Ok(TransferAnswer::Object(bytes)) if Digest::of(bytes) == object.digest => {
            return Some(bytes.clone());
        }
        Ok(TransferAnswer::Object(_)) => peers.accuse(holder, Lie::WrongBytes),
        Ok(TransferAnswer::Have(_) | TransferAnswer::Chunk(_)) => {
            peers.accuse(holder, Lie::WrongAnswer)
        }
        Ok(TransferAnswer::NotHeld | TransferAnswer::Busy) => {}
        Err(error) => tracing::debug!(peer = %holder, object = %object.digest, %error, "no object"),
    }
    None
}

#[cfg(test)]
mod tests {
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

        async fn transfer(
            &self,
            peer: u8,
            _: TransferRequest,
        ) -> Result<TransferAnswer, PeerError> {
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
        let holders = Holders {
            natures: natures.to_vec(),
            asked: Mutex::default(),
            accused: Mutex::default(),
        };
        let ids: Vec<u8> = (0_u8..).take(natures.len()).collect();
        let object = ObjectRef::of(OBJECT).expect("small");
        (fetch_object(&holders, object, &ids).await, holders)
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_holder_does_not_hold_the_others_up() {
        let began = tokio::time::Instant::now();
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
}
