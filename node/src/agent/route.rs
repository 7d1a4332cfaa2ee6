//! Which way to a release a job takes, given what lies here and who holds what. Pure; the costs of ways are those of the
//! delta crate.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use updraft_delta::{
    blob::LEAST_BLOCK,
    journey::{Journey, journey, weigh_again},
    plan::{self, BlobState, Excluded, NoRoute, Situation},
    rates::Rates,
};
use updraft_protocol::{Blob, ChunkList, Digest, Holding, Manifest, PatchOffer};

use super::{
    action::{Job, JobError},
    order::RouteChoice,
    survey::Holders,
};

/// Blobs that are asked about before a way is chosen: the release's own, and those of the ways through others.
const MAX_CANDIDATES: usize = 24;

/// What a machine has for making contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Means {
    /// How fast things go on it.
    pub rates: Rates,
    /// Bytes of memory that one step of a way may take.
    pub memory: u64,
}

impl Default for Means {
    /// What is assumed of a machine on which nothing was measured, with memory enough.
    fn default() -> Self {
        Self { rates: Rates::ASSUMED, memory: u64::MAX }
    }
}

/// What of a blob lies on this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Here {
    /// The chunks of it that are verified.
    pub holding: Holding,
    /// Whether it is complete under its name. All chunks may be there before it is.
    pub is_complete: bool,
}

impl Here {
    /// Nothing of it.
    pub const NOTHING: Self = Self { holding: Holding::Nothing, is_complete: false };

    /// Bytes of this blob that lie here and are verified.
    fn verified_bytes(&self, blob: &Blob) -> u64 {
        match &self.holding {
            Holding::Everything => blob.size,
            Holding::Nothing => 0,
            Holding::Some(bits) => {
                let chunks: u64 = bits.iter().map(|byte| u64::from(byte.count_ones())).sum();
                let size = u64::from(ChunkList::chunk_size_for(blob.size));
                chunks.saturating_mul(size).min(blob.size)
            }
        }
    }

    /// Bytes that are spared of those that do not lie here.
    fn spared_bytes(&self, blob: &Blob, spared: &Spared) -> u64 {
        let size = u64::from(ChunkList::chunk_size_for(blob.size));
        let is_here = |(index, wanted): &(u32, &bool)| !**wanted && self.holding.holds(*index);
        let twice = (0..).zip(&*spared.wanted).filter(is_here).count() as u64;
        spared.bytes.saturating_sub(twice.saturating_mul(size))
    }
}

/// What of a release's whole artifact need not be fetched, because the files that it unpacks to lie here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spared {
    /// One flag for each chunk: whether it is needed all the same.
    pub wanted: Arc<[bool]>,
    /// Bytes of the chunks that are not.
    pub bytes: u64,
}

impl Spared {
    /// Without the chunks that are not wanted.
    pub fn new(list: &ChunkList, wanted: Vec<bool>) -> Self {
        let of = |(index, wanted): (u32, &bool)| {
            let span = list.span(index).filter(|_| !wanted);
            span.map_or(0, |span| u64::from(span.len))
        };
        let bytes = (0..).zip(&wanted).map(of).sum();
        Self { wanted: wanted.into(), bytes }
    }
}

/// Patches below this share of the whole artifact, in percent, are taken without looking which files lie here: to look
/// takes the chunk list and two chunks of the whole.
const SMALL_PATCH_PERCENT: u64 = 15;

/// Whether it may pay to look which files of a release lie here.
pub(super) fn may_reuse(job: &Job) -> bool {
    let Some(base) = &job.base else { return false };
    let whole = job.manifest.whole.size;
    let is_small = |patch: &PatchOffer| {
        u128::from(patch.blob.size) * 100 < u128::from(whole) * u128::from(SMALL_PATCH_PERCENT)
    };
    job.route != RouteChoice::WholeOnly
        // Less is never cut into blocks.
        && job.manifest.tree.bytes > LEAST_BLOCK
        && !job.manifest.patches_from(&base.tree).any(is_small)
}

/// The blobs that may be part of a way: the release's own first, and patches last that start from what is neither
/// installed here nor any release that is known.
pub(super) fn candidates(job: &Job) -> Vec<Digest> {
    let whole_only = job.route == RouteChoice::WholeOnly;
    let mut seen = BTreeSet::new();
    let all = || std::iter::once(&job.manifest).chain(&job.others);
    let trees: BTreeSet<Digest> = all()
        .map(|manifest| manifest.tree.object.digest)
        .chain(job.base.as_ref().map(|base| base.tree))
        .collect();
    let from_elsewhere: BTreeSet<Digest> = all()
        .flat_map(|manifest| &manifest.patches)
        .filter(|patch| !trees.contains(&patch.from_tree))
        .map(|patch| patch.blob.digest)
        .collect();
    let (last, first): (Vec<Digest>, Vec<Digest>) =
        blobs(job).map(|blob| blob.digest).partition(|blob| from_elsewhere.contains(blob));
    first
        .into_iter()
        .chain(last)
        .filter(|digest| !whole_only || *digest == job.manifest.whole.digest)
        .filter(|digest| seen.insert(*digest))
        .take(MAX_CANDIDATES)
        .collect()
}

/// Every blob of the release and of the others that a way may lead through.
pub(super) fn blobs(job: &Job) -> impl Iterator<Item = &Blob> {
    std::iter::once(&job.manifest).chain(&job.others).flat_map(|manifest| manifest.blobs())
}

/// What is known of the blobs of a job's ways.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sighted<'a, P> {
    /// What of each blob is here.
    pub(super) here: &'a BTreeMap<Digest, Here>,
    /// Who has it.
    pub(super) holders: &'a Holders<P>,
    /// What of the whole artifact is spared.
    pub(super) spared: Option<&'a Spared>,
}

/// The cheapest way.
pub(super) fn choose<P>(
    job: &Job,
    sighted: &Sighted<'_, P>,
    means: &Means,
) -> Result<Journey, JobError> {
    let outlook = Outlook::of(job, sighted);
    outlook.journey(job, means).map_err(|error| JobError::Failed(error.to_string()))
}

/// The way to go instead of the `present` one, if there is one that takes much less of what is left.
pub(super) fn choose_again<P>(
    job: &Job,
    sighted: &Sighted<'_, P>,
    means: &Means,
    present: &Journey,
) -> Option<Journey> {
    let outlook = Outlook::of(job, sighted);
    let best = outlook.journey(job, means).ok()?;
    let now = weigh_again(present, &job.manifest, &others(job), &outlook.situation(means));
    // A way that cannot be gone any more is left for any other.
    now.is_none_or(|now| now.is_worth_leaving_for(&best)).then_some(best)
}

/// What a way depends on beside the machine.
struct Outlook {
    base: Option<plan::Base>,
    blobs: BTreeMap<Digest, BlobState>,
    excluded: Excluded,
}

impl Outlook {
    fn of<P>(job: &Job, sighted: &Sighted<'_, P>) -> Self {
        let state = |blob: &Blob| {
            let holders = sighted.holders.get(&blob.digest).map_or(0, BTreeSet::len);
            let here = sighted.here.get(&blob.digest).unwrap_or(&Here::NOTHING);
            let is_whole = blob.digest == job.manifest.whole.digest;
            let spared = sighted.spared.filter(|_| is_whole);
            BlobState {
                verified: here.verified_bytes(blob),
                spared: spared.map_or(0, |spared| here.spared_bytes(blob, spared)),
                holders: u32::try_from(holders).unwrap_or(u32::MAX),
            }
        };
        let blobs = blobs(job).map(|blob| (blob.digest, state(blob))).collect();
        let mut excluded = Excluded::default();
        job.excluded.iter().for_each(|blob| excluded.exclude(*blob));
        if job.route == RouteChoice::WholeOnly {
            job.manifest.patches.iter().for_each(|patch| excluded.exclude(patch.blob.digest));
        }
        let base = job.base.as_ref().map(|base| plan::Base {
            tree: base.tree,
            version: base.version.clone(),
            // Of a release that is not on offer any more the size is not known: about that of the next one.
            bytes: job.manifest.tree.bytes,
        });
        Self { base, blobs, excluded }
    }

    fn situation(&self, means: &Means) -> Situation<'_> {
        Situation {
            base: self.base.as_ref(),
            blobs: &self.blobs,
            rates: means.rates,
            memory: means.memory,
            excluded: &self.excluded,
        }
    }

    fn journey(&self, job: &Job, means: &Means) -> Result<Journey, NoRoute> {
        journey(&job.manifest, &others(job), &self.situation(means))
    }
}

fn others(job: &Job) -> Vec<&Manifest> {
    job.others.iter().map(AsRef::as_ref).collect()
}
