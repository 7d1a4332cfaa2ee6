//! Drives the fetch of one blob: asks peers, hands chunks to the store, feeds the answers back.
//!
//! Decides nothing itself. At most `limits.in_flight` chunks are in memory at once, and as many questions as there are
//! candidates.

use std::sync::Arc;

use tokio::{sync::watch, task::JoinSet, time::Instant};
use updraft_protocol::{Digest, TransferAnswer, TransferRequest};

use super::{
    Chunks, Elapsed, PeerError, Peers,
    blob::{BlobAction, BlobFetch, BlobInput, GaveUp, Report},
    judging::{End, Outcome},
    machine::Limits,
    question::{self, blocking},
};

/// Why a blob did not come.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nobody who can be reached holds what is missing.
    #[error("nobody who can be reached holds the {missing} chunks that are missing")]
    NoHolders {
        /// Chunks missing.
        missing: usize,
    },
    /// The store did not take a chunk.
    #[error("a chunk could not be stored")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The node stops.
    #[error("the node is stopping")]
    Stopped,
}

/// Verified bytes so far.
pub type Progress = watch::Sender<u64>;

/// Fetches what `chunks` does not hold of `blob`, beginning with the candidates `holders`.
///
/// Ends in bounded time: `giving_up` says when nothing more is to be hoped for. Cancel-safe: dropping the future ends
/// all requests; chunks kept so far stay.
pub async fn fetch_blob<P: Peers, C: Chunks>(
    peers: Arc<P>,
    chunks: Arc<C>,
    blob: Digest,
    holders: Vec<P::Id>,
    limits: Limits,
    progress: &Progress,
) -> Result<Report<P::Id>, FetchError> {
    let seed = rand::random();
    let held = blocking(&chunks, |chunks| chunks.held()).await?;
    let mut driver = Driver {
        fetch: BlobFetch::new(held, chunks.chunk_size(), limits, seed),
        peers,
        chunks,
        blob,
        started: Instant::now(),
        running: JoinSet::new(),
    };
    driver.run(holders, progress).await
}

/// What a request ended with.
enum Ended<I> {
    Holding(I, Result<TransferAnswer, PeerError>),
    Chunks(I, Result<Outcome, FetchError>),
    Holders(Vec<I>),
}

/// How a fetch ended, if it has.
type Over<I> = Option<Result<Report<I>, GaveUp>>;

struct Driver<P: Peers, C> {
    fetch: BlobFetch<P::Id>,
    peers: Arc<P>,
    chunks: Arc<C>,
    blob: Digest,
    started: Instant,
    running: JoinSet<Ended<P::Id>>,
}

impl<P: Peers, C: Chunks> Driver<P, C> {
    async fn run(
        &mut self,
        holders: Vec<P::Id>,
        progress: &Progress,
    ) -> Result<Report<P::Id>, FetchError> {
        let mut over = self.feed(BlobInput::Tick);
        for holder in holders {
            self.feed_about(holder, BlobInput::Found(holder));
        }
        loop {
            match over {
                Some(Ok(report)) => return Ok(report),
                Some(Err(GaveUp { missing })) => return Err(FetchError::NoHolders { missing }),
                None => {}
            }
            let wakeup = self.fetch.next_wakeup(self.now());
            over = tokio::select! {
                // `join_next` is cancel-safe: an ended task stays in the set until it is taken.
                Some(ended) = self.running.join_next() => match ended {
                    Ok(ended) => self.on_ended(ended)?,
                    // A panic in a request is a bug of ours; the fetch goes on with the other peers.
                    Err(error) => {
                        tracing::error!(%error, "a request task ended badly");
                        self.feed(BlobInput::Tick)
                    }
                },
                // A timer loses nothing when another arm wins.
                () = tokio::time::sleep_until(self.started + wakeup) => self.feed(BlobInput::Tick),
            };
            if over.is_none() {
                progress.send_replace(self.fetch.received());
            }
        }
    }

    fn now(&self) -> Elapsed {
        self.started.elapsed()
    }

    fn on_ended(&mut self, ended: Ended<P::Id>) -> Result<Over<P::Id>, FetchError> {
        Ok(match ended {
            Ended::Holding(peer, answer) => self.feed_about(peer, BlobInput::Holding(peer, answer)),
            Ended::Chunks(peer, outcome) => {
                let outcome = outcome?;
                if outcome.end == End::Wrong {
                    let index = outcome.asked.get(outcome.kept.len());
                    tracing::warn!(%peer, blob = %self.blob, ?index, "a chunk with a wrong digest; the peer is dropped");
                }
                self.feed_about(peer, BlobInput::Chunks(peer, outcome))
            }
            Ended::Holders(found) => {
                for holder in found {
                    self.feed_about(holder, BlobInput::Found(holder));
                }
                self.feed(BlobInput::Searched)
            }
        })
    }

    fn feed_about(&mut self, peer: P::Id, input: BlobInput<P::Id>) -> Over<P::Id> {
        self.fetch.set_pack(peer, self.peers.pack(peer));
        self.feed(input)
    }

    /// Hands on what happened and starts what follows from it.
    fn feed(&mut self, input: BlobInput<P::Id>) -> Over<P::Id> {
        let mut over = None;
        for action in self.fetch.handle(input, self.now()) {
            match action {
                BlobAction::AskHolding(peer) => {
                    let (peers, blob) = (self.peers.clone(), self.blob);
                    self.running.spawn(async move {
                        let answer = peers.transfer(peer, TransferRequest::Have(blob)).await;
                        Ended::Holding(peer, answer)
                    });
                }
                BlobAction::AskChunks(peer, asked) => {
                    let (peers, chunks, blob) =
                        (self.peers.clone(), self.chunks.clone(), self.blob);
                    self.running.spawn(async move {
                        let outcome = question::ask(&*peers, &chunks, peer, blob, asked).await;
                        Ended::Chunks(peer, outcome)
                    });
                }
                BlobAction::Accuse(peer, lie) => self.peers.accuse(peer, lie),
                BlobAction::Search => {
                    let (peers, blob) = (self.peers.clone(), self.blob);
                    self.running.spawn(async move { Ended::Holders(peers.holders(blob).await) });
                }
                BlobAction::End(end) => over = Some(end),
            }
        }
        over
    }
}

#[cfg(test)]
#[path = "task_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "slow_tests.rs"]
mod slow;

#[cfg(test)]
#[path = "pack_tests.rs"]
mod pack_tests;

#[cfg(test)]
#[path = "pace_tests.rs"]
mod pace;
