//! Brings a release's bytes into the store: who holds what, the cheapest way, then every blob of that way.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU64,
    sync::Arc,
    time::Duration,
};

use tokio::{sync::watch, task::JoinSet};
use updraft_delta::{
    journey::{Journey, journey},
    plan::{self, BlobState, Excluded, Rates, Situation},
};
use updraft_protocol::{
    Blob, ChunkList, Digest, Holding, Manifest, ObjectRef, TransferAnswer, TransferRequest, codec,
};

use super::{
    action::{Fetched, Job, JobError, Leg},
    adapters::{Shelf, SwarmPeers},
    context::Context,
    installing::is_full,
    order::RouteChoice,
};
use crate::{
    fetch::{self, FetchError, Peers},
    metrics::{Direction, Source},
    network::PeerId,
    problem::chain,
    store::{PartialBlob, StoreError},
};

/// Blobs that are asked about before a way is chosen: the release's own, and those of the ways through others.
const MAX_CANDIDATES: usize = 24;
/// How long the first round of questions may take; who is slower is asked again by the fetch itself.
const SURVEY: Duration = Duration::from_secs(3);
/// What a line and a peer are assumed to give until something is known: 100 and 20 Mbit/s.
const LINE_RATE: NonZeroU64 = NonZeroU64::new(12_500_000).expect("not zero");
const HOLDER_RATE: NonZeroU64 = NonZeroU64::new(2_500_000).expect("not zero");
/// What unpacking and patching give on one core of the machine this was measured on (`cargo bench -p updraft-delta`),
/// rounded down: a wrong guess costs a few seconds, never correctness.
const UNPACK_RATE: NonZeroU64 = NonZeroU64::new(200_000_000).expect("not zero");
const PATCH_RATE: NonZeroU64 = NonZeroU64::new(60_000_000).expect("not zero");

/// Who holds which blob.
type Holders = BTreeMap<Digest, BTreeSet<PeerId>>;

/// Fetches everything that a job needs. Ends as one value, whatever happens.
pub(super) async fn fetch_release(context: &Context, job: &Job) -> Result<Fetched, JobError> {
    let peers = Arc::new(SwarmPeers::new(context));
    let mut holders = survey(&peers, candidates(job)).await;
    let mut journey = choose(context, job, &holders)?;
    if journey.reach == plan::Reach::Unknown {
        ask_dht(&peers, job, &mut holders).await;
        journey = choose(context, job, &holders)?;
    }
    tracing::info!(
        release = %job.manifest.release_name(),
        route = %journey.describe(),
        missing = journey.missing,
        whole = job.manifest.whole.size,
        "fetching"
    );
    let mut near: BTreeSet<PeerId> = holders.values().flatten().copied().collect();
    near.extend(peers.connected().await);
    let near: Vec<PeerId> = near.into_iter().collect();
    object(context, &peers, job.manifest.tree.object, &near).await?;
    let mut fetched = Fetched::default();
    context.note_progress(job.id, 0, journey.missing);
    for leg in &journey.legs {
        let blob = *leg.route.blob();
        let done = fetched.bytes;
        let known = holders.get(&blob.digest).cloned().unwrap_or_default();
        let brought = fetch_one(context, &peers, &blob, known, |bytes| {
            context.note_progress(job.id, done + bytes, journey.missing);
        });
        let mut brought = brought.await.map_err(|error| without_patch(error, job, &blob))?;
        if leg.route.is_patch() {
            brought.patch_bytes = brought.bytes;
        }
        fetched.add(brought);
    }
    for leg in &journey.legs {
        let to = job
            .release_with_tree(&leg.to)
            .ok_or_else(|| JobError::Failed("the route leads nowhere".into()))?;
        fetched.route.push(Leg {
            blob: leg.route.blob().digest,
            from: leg.route.patch().map(|patch| patch.from_tree),
            to,
        });
    }
    Ok(fetched)
}

/// Brings every blob of a release here, for others: the listing and the whole artifact, and the patches that
/// anybody gives.
pub(super) async fn mirror_release(
    context: &Context,
    manifest: &Manifest,
) -> Result<Vec<Digest>, JobError> {
    let peers = Arc::new(SwarmPeers::new(context));
    let blobs: Vec<Blob> = manifest.blobs().copied().collect();
    let mut holders = survey(&peers, blobs.iter().map(|blob| blob.digest).collect()).await;
    let mut near: BTreeSet<PeerId> = holders.values().flatten().copied().collect();
    near.extend(peers.connected().await);
    let near: Vec<PeerId> = near.into_iter().collect();
    object(context, &peers, manifest.tree.object, &near).await?;
    let mut held = Vec::new();
    for blob in &blobs {
        let known = holders.remove(&blob.digest).unwrap_or_default();
        match fetch_one(context, &peers, blob, known, |_| {}).await {
            Ok(_) => held.push(blob.digest),
            // The whole leads to the release by itself; a patch that nobody has is no loss.
            Err(JobError::NoHolders(_)) if blob.digest != manifest.whole.digest => {}
            Err(error) => return Err(error),
        }
    }
    Ok(held)
}

/// How a plan stands for a job now, without asking anybody: for `--dry-run`.
pub(super) async fn survey_and_choose(context: &Context, job: &Job) -> Result<Journey, JobError> {
    let peers = Arc::new(SwarmPeers::new(context));
    let holders = survey(&peers, candidates(job)).await;
    choose(context, job, &holders)
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

/// The blobs that may be part of a way: the release's own first.
fn candidates(job: &Job) -> Vec<Digest> {
    let own =
        std::iter::once(&job.manifest).chain(&job.others).flat_map(|manifest| manifest.blobs());
    let whole_only = job.route == RouteChoice::WholeOnly;
    let mut seen = BTreeSet::new();
    own.map(|blob| blob.digest)
        .filter(|digest| !whole_only || *digest == job.manifest.whole.digest)
        .filter(|digest| seen.insert(*digest))
        .take(MAX_CANDIDATES)
        .collect()
}

/// Asks every connected peer about every candidate, all peers at once. What a slow peer has said in time counts.
async fn survey(peers: &Arc<SwarmPeers>, candidates: Vec<Digest>) -> Holders {
    let (says, mut said) = tokio::sync::mpsc::channel(MAX_CANDIDATES);
    let mut questions = JoinSet::new();
    for peer in peers.connected().await {
        let (peers, candidates, says) = (peers.clone(), candidates.clone(), says.clone());
        questions.spawn(async move {
            for blob in candidates {
                match peers.transfer(peer, TransferRequest::Have(blob)).await {
                    Ok(TransferAnswer::Have(holding)) if holding != Holding::Nothing => {
                        if says.send((peer, blob)).await.is_err() {
                            return;
                        }
                    }
                    Ok(_) => {}
                    // Whoever does not answer one question is not asked the others.
                    Err(_) => return,
                }
            }
        });
    }
    drop(says);
    let mut holders = Holders::new();
    let deadline = tokio::time::Instant::now() + SURVEY;
    while let Ok(Some((peer, blob))) = tokio::time::timeout_at(deadline, said.recv()).await {
        holders.entry(blob).or_default().insert(peer);
    }
    holders
}

/// Asks the DHT for holders of the whole artifact and of the patches that start here, and them what they hold.
async fn ask_dht(peers: &Arc<SwarmPeers>, job: &Job, holders: &mut Holders) {
    let mut lookups = JoinSet::new();
    for blob in candidates(job).into_iter().take(4) {
        let peers = peers.clone();
        lookups.spawn(async move { (blob, peers.named_by_dht(blob).await) });
    }
    while let Some(found) = lookups.join_next().await {
        let Ok((blob, named)) = found else { continue };
        holders.entry(blob).or_default().extend(named);
    }
    holders.retain(|_, peers| !peers.is_empty());
}

fn choose(context: &Context, job: &Job, holders: &Holders) -> Result<Journey, JobError> {
    let mut blobs = BTreeMap::new();
    for manifest in std::iter::once(&job.manifest).chain(&job.others) {
        for blob in manifest.blobs() {
            let verified = verified_bytes(context, blob);
            let holders = holders
                .get(&blob.digest)
                .map_or(0, |peers| u32::try_from(peers.len()).unwrap_or(u32::MAX));
            blobs.insert(blob.digest, BlobState { verified, holders });
        }
    }
    let mut excluded = Excluded::default();
    job.excluded.iter().for_each(|blob| excluded.exclude(*blob));
    if job.route == RouteChoice::WholeOnly {
        job.manifest.patches.iter().for_each(|patch| excluded.exclude(patch.blob.digest));
    }
    let base =
        job.base.as_ref().map(|base| plan::Base { tree: base.tree, version: base.version.clone() });
    let rates =
        Rates { line: LINE_RATE, holder: HOLDER_RATE, unpack: UNPACK_RATE, patch: PATCH_RATE };
    let situation = Situation { base: base.as_ref(), blobs: &blobs, rates, excluded: &excluded };
    let others: Vec<&Manifest> = job.others.iter().map(AsRef::as_ref).collect();
    journey(&job.manifest, &others, &situation).map_err(|error| JobError::Failed(error.to_string()))
}

/// Bytes of a blob that lie here and are verified.
fn verified_bytes(context: &Context, blob: &Blob) -> u64 {
    match context.store.holding(&blob.digest) {
        Holding::Everything => blob.size,
        Holding::Nothing => 0,
        Holding::Some(bits) => {
            let chunks: u64 = bits.iter().map(|byte| u64::from(byte.count_ones())).sum();
            let size = u64::from(ChunkList::chunk_size_for(blob.size));
            chunks.saturating_mul(size).min(blob.size)
        }
    }
}

/// Fetches one blob and makes it complete in the store.
async fn fetch_one(
    context: &Context,
    peers: &Arc<SwarmPeers>,
    blob: &Blob,
    known: BTreeSet<PeerId>,
    progress: impl Fn(u64),
) -> Result<Fetched, JobError> {
    if context.store.has_blob(&blob.digest) {
        return Ok(Fetched::default());
    }
    // Who does not hold it yet may be fetching it too, and gives what it has as it goes.
    let mut holders: Vec<PeerId> = known.iter().copied().collect();
    holders.extend(peers.connected().await.into_iter().filter(|peer| !known.contains(peer)));
    if known.is_empty() {
        holders.extend(peers.named_by_dht(blob.digest).await);
    }
    let list = chunk_list(context, peers, blob, &holders).await?;
    let shelf = begin(context, *blob, list).await?;
    let started = tokio::time::Instant::now();
    let report = {
        let bytes = watch::Sender::new(0);
        let mut seen = bytes.subscribe();
        let chunks = Arc::new(Shelf(shelf.clone()));
        let fetch =
            fetch::fetch_blob(peers.clone(), chunks, blob.digest, holders, context.limits, &bytes);
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
        FetchError::NoHolders { .. } => JobError::NoHolders(error.to_string()),
        FetchError::Store(_) if is_full(&error) => JobError::Disk(chain(&error)),
        FetchError::Store(_) | FetchError::Stopped => JobError::Failed(chain(&error)),
    })?;
    context.metrics.fetched(started.elapsed());
    (0..report.wrong).for_each(|_| context.metrics.chunk_rejected());
    finish(shelf).await?;
    let bytes = report.sources.values().sum();
    context.metrics.chunk_moved(Direction::In, Source::Peer, bytes);
    let sources = report.sources.iter().map(|(peer, bytes)| (peer.to_string(), *bytes)).collect();
    Ok(Fetched { route: Vec::new(), bytes, patch_bytes: 0, sources })
}

async fn chunk_list(
    context: &Context,
    peers: &Arc<SwarmPeers>,
    blob: &Blob,
    holders: &[PeerId],
) -> Result<ChunkList, JobError> {
    let bytes = object(context, peers, blob.chunks, holders).await?;
    codec::decode(&bytes)
        .map_err(|error| JobError::Damaged(format!("the signed chunk list is {error}")))
}

/// An object from the store, or from whoever has it, kept from then on.
async fn object(
    context: &Context,
    peers: &Arc<SwarmPeers>,
    object: ObjectRef,
    holders: &[PeerId],
) -> Result<Vec<u8>, JobError> {
    let store = context.store.clone();
    let digest = object.digest;
    if let Some(bytes) = blocking(move || store.object(&digest)).await? {
        return Ok(bytes);
    }
    let nobody =
        || JobError::NoHolders("nobody who was reached has the listing of the release".to_owned());
    let bytes = fetch::fetch_object(peers.as_ref(), object, holders).await.ok_or_else(nobody)?;
    let store = context.store.clone();
    let kept = bytes.clone();
    blocking(move || store.put_object(&kept)).await?;
    Ok(bytes)
}

async fn begin(context: &Context, blob: Blob, list: ChunkList) -> Result<PartialBlob, JobError> {
    let store = context.store.clone();
    blocking(move || store.begin_blob(&blob, &list)).await
}

async fn finish(shelf: PartialBlob) -> Result<(), JobError> {
    blocking(move || shelf.finish()).await
}

/// Does something with the store on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, JobError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error @ StoreError::DiskFull { .. })) => Err(JobError::Disk(error.to_string())),
        Ok(Err(error)) if is_full(&error) => Err(JobError::Disk(chain(&error))),
        Ok(Err(error @ (StoreError::NotTheBlob { .. } | StoreError::WrongChunkList { .. }))) => {
            Err(JobError::Damaged(chain(&error)))
        }
        Ok(Err(error)) => Err(JobError::Failed(chain(&error))),
        Err(error) => Err(JobError::Failed(error.to_string())),
    }
}

/// A blob that nobody gives, or that is not what its manifest says, is no reason to give up while there are other
/// ways to the release.
fn without_patch(error: JobError, job: &Job, blob: &Blob) -> JobError {
    match error {
        JobError::NoHolders(error) | JobError::Damaged(error)
            if blob.digest != job.manifest.whole.digest =>
        {
            JobError::WrongRoute { blob: blob.digest, error }
        }
        other => other,
    }
}
