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
use updraft_protocol::{Blob, ChunkList, Digest, Holding, Manifest};

use super::{
    action::{Job, JobError},
    order::{Extent, RouteChoice},
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
        let flags = (0..).zip(&*spared.wanted.flags);
        let twice = flags
            .filter(|(index, needed)| spared.spares(*index, **needed) && self.holding.holds(*index))
            .count() as u64;
        spared.bytes.saturating_sub(twice.saturating_mul(spared.chunk_size)).min(blob.size)
    }
}

/// What of a release's whole artifact need not be fetched, because the files that it unpacks to lie here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spared {
    /// What is needed all the same.
    pub wanted: Wanted,
    /// Bytes of each chunk but the last.
    chunk_size: u64,
    /// Bytes of the chunks that are not needed.
    pub bytes: u64,
}

/// Chunks of a blob that are needed, where not all are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// One flag for each chunk.
    pub flags: Arc<[bool]>,
    /// Those that came already, verified, while it was found out.
    pub came: Arc<BTreeMap<u32, Vec<u8>>>,
}

impl Spared {
    /// Without the chunks that are not needed, and with those that came already.
    pub fn new(list: &ChunkList, needed: Vec<bool>, came: BTreeMap<u32, Vec<u8>>) -> Self {
        let is_spared = |index: u32, needed: bool| !needed || came.contains_key(&index);
        let of = |(index, needed): (u32, &bool)| {
            let span = list.span(index).filter(|_| is_spared(index, *needed));
            span.map_or(0, |span| u64::from(span.len))
        };
        let bytes = (0..).zip(&needed).map(of).sum();
        let wanted = Wanted { flags: needed.into(), came: Arc::new(came) };
        Self { wanted, chunk_size: u64::from(list.chunk_size), bytes }
    }

    /// Whether a chunk need not be fetched any more.
    fn spares(&self, index: u32, needed: bool) -> bool {
        !needed || self.wanted.came.contains_key(&index)
    }
}

/// A way that has to fetch less than this share of the whole artifact, in percent, is taken without looking which files
/// lie here: to look takes the chunk list and two chunks of the whole, and every file that may be reused is read.
const SMALL_PERCENT: u64 = 15;

/// Whether it may pay to look which files of a release lie here, rather than to go this way.
pub(super) fn may_reuse(job: &Job, way: &Journey) -> bool {
    let is_small = |missing: u64, whole: u64| {
        u128::from(missing) * 100 < u128::from(whole) * u128::from(SMALL_PERCENT)
    };
    job.base.is_some()
        && job.route != RouteChoice::WholeOnly
        // Who only fetches wants all that it takes to install it one day, whatever lies here then.
        && job.extent != Extent::Download
        // Less is never cut into blocks.
        && job.manifest.tree.bytes > LEAST_BLOCK
        && !is_small(way.missing, job.manifest.whole.size)
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
