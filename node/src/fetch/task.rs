//! Drives the machine: asks peers, hands chunks to the store, feeds the answers back.
//!
//! Decides nothing itself. At most `limits.in_flight` chunks are in memory at once, and as many questions as there are
//! candidates.

use std::{collections::BTreeMap, sync::Arc};

use tokio::{sync::watch, task::JoinSet, time::Instant};
use updraft_protocol::{Digest, Holding, TransferAnswer, TransferRequest, limits::MAX_PACK_BYTES};

use super::{
    Chunks, Elapsed, Lie, PeerError, Peers,
    giving_up::Drought,
    machine::{Action, Answer, Failure, Input, Limits, Machine, Rest},
    question::{self, End, Outcome, blocking},
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

/// Who gave how many bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report<P: Ord> {
    /// Verified bytes by peer.
    pub sources: BTreeMap<P, u64>,
    /// Chunks that came with a wrong digest.
    pub wrong: u64,
    /// Bytes that came twice because a slow request was asked elsewhere too.
    pub duplicate: u64,
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
    let chunk_size = usize::try_from(chunks.chunk_size()).unwrap_or(usize::MAX).max(1);
    let mut driver = Driver {
        machine: Machine::new(held, limits, seed),
        peers,
        chunks,
        blob,
        pack: MAX_PACK_BYTES / chunk_size,
        started: Instant::now(),
        running: JoinSet::new(),
        report: Report { sources: BTreeMap::new(), wrong: 0, duplicate: 0 },
        received: 0,
        drought: Drought::default(),
    };
    driver.run(holders, progress).await?;
    Ok(driver.report)
}

/// What a request ended with.
enum Ended<I> {
    Holding(I, Result<TransferAnswer, PeerError>),
    Chunks(I, Outcome),
    Holders(Vec<I>),
}

struct Driver<P: Peers, C> {
    machine: Machine<P::Id>,
    peers: Arc<P>,
    chunks: Arc<C>,
    blob: Digest,
    /// Chunks of this blob that fit into a pack.
    pack: usize,
    started: Instant,
    running: JoinSet<Ended<P::Id>>,
    report: Report<P::Id>,
    received: u64,
    drought: Drought,
}

impl<P: Peers, C: Chunks> Driver<P, C> {
    async fn run(&mut self, holders: Vec<P::Id>, progress: &Progress) -> Result<(), FetchError> {
        if self.feed(Input::Tick) {
            return Ok(());
        }
        for holder in holders {
            self.feed(Input::Found(holder));
        }
        loop {
            let now = self.now();
            let drought = self.drought.wakeup(now);
            let wakeup = self.machine.next_wakeup(now).map_or(drought, |next| next.min(drought));
            let done = tokio::select! {
                // `join_next` is cancel-safe: an ended task stays in the set until it is taken.
                Some(ended) = self.running.join_next() => match ended {
                    Ok(ended) => self.on_ended(ended)?,
                    // A panic in a request is a bug of ours; the fetch goes on with the other peers.
                    Err(error) => {
                        tracing::error!(%error, "a request task ended badly");
                        self.feed(Input::Tick)
                    }
                },
                // A timer loses nothing when another arm wins.
                () = tokio::time::sleep_until(self.started + wakeup) => self.feed(Input::Tick),
            };
            if done {
                return Ok(());
            }
            progress.send_replace(self.received);
            if self.drought.is_hopeless(&self.machine, self.now()) {
                return Err(FetchError::NoHolders { missing: self.machine.missing() });
            }
        }
    }

    fn now(&self) -> Elapsed {
        self.started.elapsed()
    }

    fn on_ended(&mut self, ended: Ended<P::Id>) -> Result<bool, FetchError> {
        Ok(match ended {
            Ended::Holding(peer, answer) => self.on_holding(peer, answer),
            Ended::Chunks(peer, outcome) => self.on_chunks(peer, outcome)?,
            Ended::Holders(found) => {
                for holder in found {
                    self.feed(Input::Found(holder));
                }
                self.feed(Input::Searched)
            }
        })
    }

    fn on_holding(&mut self, peer: P::Id, answer: Result<TransferAnswer, PeerError>) -> bool {
        match answer {
            Ok(TransferAnswer::Have(holding)) => self.feed(Input::Holds(peer, holding)),
            Ok(TransferAnswer::NotHeld) => self.feed(Input::Holds(peer, Holding::Nothing)),
            Ok(TransferAnswer::Busy) | Err(_) => self.feed(Input::HoldsUnknown(peer)),
            Ok(TransferAnswer::Object(_) | TransferAnswer::Chunk(_)) => {
                self.peers.accuse(peer, Lie::WrongAnswer);
                self.feed(Input::HoldsUnknown(peer))
            }
        }
    }

    fn on_chunks(&mut self, peer: P::Id, outcome: Outcome) -> Result<bool, FetchError> {
        let Outcome { asked, kept, end } = outcome;
        for (index, bytes) in asked.iter().zip(&kept) {
            if self.machine.is_missing(*index) {
                self.drought.ends(self.now());
                self.received += bytes;
                *self.report.sources.entry(peer).or_default() += bytes;
            } else {
                self.report.duplicate += bytes;
            }
        }
        let rest = match end {
            End::Given => Rest::LeftOut,
            End::Failed(failure) => Rest::Failed(failure),
            End::Lied => {
                self.peers.accuse(peer, Lie::WrongAnswer);
                Rest::Failed(Failure::NoAnswer)
            }
            End::Wrong => {
                self.report.wrong += 1;
                let index = asked.get(kept.len());
                tracing::warn!(%peer, blob = %self.blob, ?index, "a chunk with a wrong digest; the peer is dropped");
                Rest::Wrong
            }
            End::Store(error) => return Err(FetchError::Store(error)),
        };
        Ok(self.feed(Input::Answered(peer, Answer { asked, kept: kept.len(), rest })))
    }

    /// Feeds the machine and starts what it asks for. Says whether everything is here.
    fn feed(&mut self, input: Input<P::Id>) -> bool {
        let now = self.now();
        let mut done = false;
        if let Some(peer) = input.peer() {
            // It may have connected, or said what it offers, since it was asked last.
            self.machine.set_pack(peer, self.peers.pack(peer).min(self.pack));
        }
        for action in self.machine.handle(input, now) {
            match action {
                Action::AskHolding(peer) => {
                    let (peers, blob) = (self.peers.clone(), self.blob);
                    self.running.spawn(async move {
                        Ended::Holding(
                            peer,
                            peers.transfer(peer, TransferRequest::Have(blob)).await,
                        )
                    });
                }
                Action::Request(peer, asked) => {
                    let (peers, chunks, blob) =
                        (self.peers.clone(), self.chunks.clone(), self.blob);
                    self.running.spawn(async move {
                        let outcome = question::ask(&*peers, &chunks, peer, blob, asked).await;
                        Ended::Chunks(peer, outcome)
                    });
                }
                Action::Drop(peer) => self.peers.accuse(peer, Lie::WrongBytes),
                Action::Search => {
                    let (peers, blob) = (self.peers.clone(), self.blob);
                    self.running.spawn(async move { Ended::Holders(peers.holders(blob).await) });
                }
                Action::Done => done = true,
            }
        }
        done
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
