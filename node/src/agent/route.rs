//! Which way to a release a job takes, given what lies here and who holds what. Pure; the costs of ways are those of the
//! delta crate.

use std::collections::{BTreeMap, BTreeSet};

use updraft_delta::{
    journey::{Journey, journey, weigh_again},
    plan::{self, BlobState, Excluded, NoRoute, Situation},
    rates::Rates,
};
use updraft_protocol::{Blob, ChunkList, Digest, Holding, Manifest};

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

/// The cheapest way, given what of each blob is `here`.
pub(super) fn choose<P>(
    job: &Job,
    here: &BTreeMap<Digest, Here>,
    holders: &Holders<P>,
    means: &Means,
) -> Result<Journey, JobError> {
    let outlook = Outlook::of(job, here, holders);
    outlook.journey(job, means).map_err(|error| JobError::Failed(error.to_string()))
}

/// The way to go instead of the `present` one, if there is one that takes much less of what is left.
pub(super) fn choose_again<P>(
    job: &Job,
    here: &BTreeMap<Digest, Here>,
    holders: &Holders<P>,
    means: &Means,
    present: &Journey,
) -> Option<Journey> {
    let outlook = Outlook::of(job, here, holders);
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
    fn of<P>(job: &Job, here: &BTreeMap<Digest, Here>, holders: &Holders<P>) -> Self {
        let state = |blob: &Blob| {
            let holders = holders.get(&blob.digest).map_or(0, BTreeSet::len);
            let here = here.get(&blob.digest).unwrap_or(&Here::NOTHING);
            BlobState {
                verified: here.verified_bytes(blob),
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
