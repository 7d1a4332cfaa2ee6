//! Drives an errand: asks peers and the DHT, reads the store and writes to it, and fetches what the errand says.
//!
//! Decides nothing itself; that is `errand.rs`.

use std::{collections::BTreeMap, sync::Arc};

use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use tokio::{sync::watch, task::JoinSet, time::Instant};
use updraft_delta::journey::Journey;
use updraft_protocol::{
    Blob, ChunkList, Digest, Holding, Manifest, ObjectRef, TransferAnswer, TransferRequest,
};

use super::{
    action::{Fetched, Job, JobError},
    adapters::{Shelf, SwarmPeers},
    context::Context,
    errand::{Brought, Errand, ErrandAction, ErrandInput},
    installing::is_full,
    operation::OperationId,
    reusing,
    route::{Here, Wanted},
};
use crate::{
    fetch::{self, FetchError, GaveUp, Peers, Report},
    metrics::{Direction, Source},
    network::PeerId,
    problem::chain,
    store::{ChunkRefused, Store, StoreError},
};

/// Fetches everything that a job needs. Ends as one value, whatever happens.
pub(super) async fn fetch_release(context: &Context, job: &Job) -> Result<Fetched, JobError> {
    let watched = Some(job.id);
    Ok(Driver::new(context, Errand::fetch(job.clone()), watched).run().await?.fetched)
}

/// Brings every blob of a release here, for others; says which came.
pub(super) async fn mirror_release(
    context: &Context,
    manifest: &Arc<Manifest>,
) -> Result<Vec<Digest>, JobError> {
    Ok(Driver::new(context, Errand::mirror(manifest.clone()), None).run().await?.blobs)
}

/// How a plan stands for a job now, without asking anybody beyond the connected peers: for `--dry-run`.
pub(super) async fn survey_and_choose(context: &Context, job: &Job) -> Result<Journey, JobError> {
    let planned = Driver::new(context, Errand::plan(job.clone()), None).run().await?;
    planned.journey.ok_or_else(|| JobError::Failed("no way was chosen".to_owned()))
}

/// How many connected peers hold all of a blob.
pub(super) async fn replicas(context: &Context, blob: Digest) -> usize {
    let peers = Arc::new(SwarmPeers::new(context));
    let asked = peers.connected().await;
    let mut complete = 0;
    let mut questions = JoinSet::new();
    for peer in asked {
        let peers = peers.clone();
        questions.spawn(async move { peers.transfer(peer, TransferRequest::Have(blob)).await });
    }
    while let Some(answer) = questions.join_next().await {
        complete +=
            usize::from(matches!(answer, Ok(Ok(TransferAnswer::Have(Holding::Everything)))));
    }
    complete
}

/// A step of an errand that is under way.
type Step<'a> = BoxFuture<'a, ErrandInput<PeerId>>;

/// One errand with the rooms that it needs.
struct Driver<'a> {
    context: &'a Context,
    peers: Arc<SwarmPeers>,
    errand: Errand<PeerId>,
    /// Whose progress people see, if anybody's, and how many bytes are to come for it.
    watched: Option<OperationId>,
    missing: u64,
}

impl<'a> Driver<'a> {
    fn new(context: &'a Context, errand: Errand<PeerId>, watched: Option<OperationId>) -> Self {
        let peers = Arc::new(SwarmPeers::new(context));
        Self { context, peers, errand, watched, missing: 0 }
    }

    /// Dropping the future ends all that is under way; what is kept stays.
    async fn run(mut self) -> Result<Brought, JobError> {
        let began = Instant::now();
        // One question for each connected peer at most, and one of all other steps.
        let (mut questions, mut steps) = (FuturesUnordered::new(), FuturesUnordered::new());
        let mut input = ErrandInput::Tick;
        loop {
            self.errand.note_means(self.context.gauges.means());
            for action in self.errand.handle(input, began.elapsed()) {
                match action {
                    ErrandAction::AskHolding(peer, blob) => questions.push(self.ask(peer, blob)),
                    ErrandAction::Enough => questions = FuturesUnordered::new(),
                    ErrandAction::Missing(missing) => {
                        self.missing = missing;
                        self.note_progress(self.errand.bytes());
                    }
                    ErrandAction::Done(end) => return end,
                    other => steps.extend(self.begin(other)),
                }
            }
            let wakeup = self.errand.next_wakeup();
            let deadline = began + wakeup.unwrap_or_default();
            // All of these are cancel-safe: what has ended stays in its set until it is taken.
            input = tokio::select! {
                Some(input) = questions.next() => input,
                Some(input) = steps.next() => input,
                () = tokio::time::sleep_until(deadline), if wakeup.is_some() => ErrandInput::Tick,
                else => return Err(JobError::Failed("a bug: nothing is under way".to_owned())),
            };
        }
    }

    fn note_progress(&self, bytes: u64) {
        if let Some(job) = self.watched {
            self.context.note_progress(job, bytes, self.missing);
        }
    }

    fn ask(&self, peer: PeerId, blob: Digest) -> Step<'a> {
        let peers = self.peers.clone();
        async move {
            let answer = peers.transfer(peer, TransferRequest::Have(blob)).await;
            ErrandInput::Holding(peer, blob, answer)
        }
        .boxed()
    }

    /// Begins what takes a while.
    fn begin(&self, action: ErrandAction<PeerId>) -> Option<Step<'a>> {
        let (context, peers) = (self.context, self.peers.clone());
        Some(match action {
            ErrandAction::AskPeers => {
                async move { ErrandInput::Peers(peers.connected().await) }.boxed()
            }
            ErrandAction::LookUp(blob) => {
                async move { ErrandInput::Named(blob, peers.named_by_dht(blob).await) }.boxed()
            }
            ErrandAction::Look(blobs) => {
                let store = context.store.clone();
                async move { ErrandInput::Here(look(store, blobs).await) }.boxed()
            }
            ErrandAction::Object { object, holders } => async move {
                let bytes = bring_object(context, &peers, object, &holders).await;
                ErrandInput::Object(object.digest, bytes)
            }
            .boxed(),
            ErrandAction::Spare(who) => {
                let job = self.errand.job().cloned();
                async move {
                    let (spared, came) = match job {
                        Some(job) => reusing::spare(context, peers, &job, &who).await,
                        None => (None, None),
                    };
                    ErrandInput::Spared(spared, came)
                }
                .boxed()
            }
            ErrandAction::Blob { blob, list, wanted, holders } => {
                let (done, missing, watched) = (self.errand.bytes(), self.missing, self.watched);
                let progress = move |bytes| {
                    if let Some(job) = watched {
                        context.note_progress(job, done + bytes, missing);
                    }
                };
                async move {
                    let what = (&blob, list);
                    let end = bring_blob(context, peers, what, wanted, holders, progress).await;
                    ErrandInput::Blob(blob.digest, end)
                }
                .boxed()
            }
            ErrandAction::AskHolding(..)
            | ErrandAction::Enough
            | ErrandAction::Missing(_)
            | ErrandAction::Done(_) => return None,
        })
    }
}

/// What of these blobs lies here.
async fn look(store: Store, blobs: Vec<Digest>) -> BTreeMap<Digest, Here> {
    let here = move |blob| {
        let here = Here { holding: store.holding(&blob), is_complete: store.has_blob(&blob) };
        (blob, here)
    };
    let looked = tokio::task::spawn_blocking(move || blobs.into_iter().map(here).collect());
    looked.await.unwrap_or_else(|error| {
        // A bug of ours; what is taken for missing is looked at once more before it is fetched.
        tracing::error!(%error, "looking for blobs ended badly");
        BTreeMap::new()
    })
}

/// Fetches one blob and makes it complete in the store, or those of its chunks that are `wanted`.
async fn bring_blob(
    context: &Context,
    peers: Arc<SwarmPeers>,
    (blob, list): (&Blob, ChunkList),
    wanted: Option<Wanted>,
    holders: Vec<PeerId>,
    progress: impl Fn(u64),
) -> Result<Report<PeerId>, JobError> {
    let (store, begun, came) = (context.store.clone(), *blob, wanted.clone());
    let shelf = blocking(move || {
        let shelf = store.begin_blob(&begun, &list)?;
        for (index, bytes) in came.iter().flat_map(|wanted| &*wanted.came) {
            shelf.write_chunk(*index, bytes).map_err(|refused| match refused {
                ChunkRefused::Keep { source, .. } => source,
                refused => StoreError::Chunk(Box::new(refused)),
            })?;
        }
        Ok(shelf)
    })
    .await?;
    let (started, in_part) = (Instant::now(), wanted.is_some());
    let report = {
        let bytes = watch::Sender::new(0);
        let mut seen = bytes.subscribe();
        let chunks = Arc::new(Shelf { blob: shelf.clone(), wanted });
        let fetch = fetch::fetch_blob(peers, chunks, blob.digest, holders, context.limits, &bytes);
        tokio::pin!(fetch);
        loop {
            tokio::select! {
                report = &mut fetch => break report,
                // `changed` is cancel-safe, and the sender lives as long as this block.
                _ = seen.changed() => progress(*seen.borrow_and_update()),
            }
        }
    };
    let report = report.map_err(|error| match error {
        FetchError::NoHolders { missing } => GaveUp { missing }.into(),
        FetchError::Store(_) if is_full(&error) => JobError::Disk(chain(&error)),
        FetchError::Store(_) | FetchError::Stopped => JobError::Failed(chain(&error)),
    })?;
    let took = started.elapsed();
    context.metrics.fetched(took);
    (0..report.wrong).for_each(|_| context.metrics.chunk_rejected());
    let gauges = context.gauges.clone();
    let given: Vec<u64> = report.sources.values().copied().collect();
    blocking(move || {
        gauges.fetched(&given, took);
        if in_part && !shelf.is_complete() { Ok(()) } else { shelf.finish() }
    })
    .await?;
    let bytes = report.sources.values().sum();
    context.metrics.chunk_moved(Direction::In, Source::Peer, bytes);
    Ok(report)
}

/// An object from the store, or from whoever has it, kept from then on; `None` if nobody has it.
pub(super) async fn bring_object(
    context: &Context,
    peers: &SwarmPeers,
    object: ObjectRef,
    holders: &[PeerId],
) -> Result<Option<Vec<u8>>, JobError> {
    let (store, digest) = (context.store.clone(), object.digest);
    if let Some(bytes) = blocking(move || store.object(&digest)).await? {
        return Ok(Some(bytes));
    }
    let Some(bytes) = fetch::fetch_object(peers, object, holders).await else { return Ok(None) };
    let (store, kept) = (context.store.clone(), bytes.clone());
    blocking(move || store.put_object(&kept)).await?;
    Ok(Some(bytes))
}

/// Does something with the store on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, JobError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(refused_by_store),
        Err(error) => Err(JobError::Failed(error.to_string())),
    }
}

/// What it means for a job that the store refused something.
pub(super) fn refused_by_store(error: StoreError) -> JobError {
    match error {
        StoreError::DiskFull { .. } => JobError::Disk(error.to_string()),
        _ if is_full(&error) => JobError::Disk(chain(&error)),
        StoreError::NotTheBlob { .. } | StoreError::WrongChunkList { .. } => {
            JobError::Damaged(chain(&error))
        }
        _ => JobError::Failed(chain(&error)),
    }
}
