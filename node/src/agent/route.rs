//! Which way to a release a job takes, given what lies here and who holds what. Pure; the costs of ways are those of the
//! delta crate.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU64,
};

use updraft_delta::{
    journey::{Journey, journey},
    plan::{self, BlobState, Excluded, Rates, Situation},
};
use updraft_protocol::{Blob, ChunkList, Digest, Holding, Manifest};

use super::{
    action::{Job, JobError},
    order::RouteChoice,
    survey::Holders,
};

/// Blobs that are asked about before a way is chosen: the release's own, and those of the ways through others.
const MAX_CANDIDATES: usize = 24;
/// What a line and a peer are assumed to give until something is known: 100 and 20 Mbit/s.
const LINE_RATE: NonZeroU64 = NonZeroU64::new(12_500_000).expect("not zero");
const HOLDER_RATE: NonZeroU64 = NonZeroU64::new(2_500_000).expect("not zero");
/// What unpacking and patching give on one core of the machine this was measured on (`cargo bench -p updraft-delta`),
/// rounded down: a wrong guess costs a few seconds, never correctness.
const UNPACK_RATE: NonZeroU64 = NonZeroU64::new(200_000_000).expect("not zero");
const PATCH_RATE: NonZeroU64 = NonZeroU64::new(60_000_000).expect("not zero");

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

/// The blobs that may be part of a way: the release's own first.
pub(super) fn candidates(job: &Job) -> Vec<Digest> {
    let whole_only = job.route == RouteChoice::WholeOnly;
    let mut seen = BTreeSet::new();
    blobs(job)
        .map(|blob| blob.digest)
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
) -> Result<Journey, JobError> {
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
    let base =
        job.base.as_ref().map(|base| plan::Base { tree: base.tree, version: base.version.clone() });
    let rates =
        Rates { line: LINE_RATE, holder: HOLDER_RATE, unpack: UNPACK_RATE, patch: PATCH_RATE };
    let situation = Situation { base: base.as_ref(), blobs: &blobs, rates, excluded: &excluded };
    let others: Vec<&Manifest> = job.others.iter().map(AsRef::as_ref).collect();
    journey(&job.manifest, &others, &situation).map_err(|error| JobError::Failed(error.to_string()))
}
