//! What a route to a release costs this node, from what it knows. Pure: nothing is fetched. Which routes make the cheapest
//! way, [`crate::journey`] says.
//!
//! A route's cost is the time it takes here: the bytes still missing over the rate at which its holders give them, plus
//! the time to turn them into contents. Costs of steps add up. Bytes already here cost nothing, so a route that was begun
//! stays attractive; neither do blocks of a whole artifact whose files lie here. The whole artifact is always among the
//! routes: it needs nothing installed, and every other route is only a cheaper way to the same contents. It is never left
//! out for want of memory either; a patch is, where applying it takes more than there is.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU64,
    time::Duration,
};

use updraft_protocol::{Blob, Digest, PatchCodec, PatchOffer, ReleaseVersion};

use crate::rates::{Gauge, Rates};

/// What applying a patch takes beside the contents of both sides, or at all if it is a plain one.
const PATCH_MEMORY: u64 = 64 * 1024 * 1024;
const PLAIN_MEMORY: u64 = 48 * 1024 * 1024;

/// What is installed and verified here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Digest of the installed tree: what a patch must start from.
    pub tree: Digest,
    /// Its version: what the release's minimum is compared with.
    pub version: ReleaseVersion,
    /// Bytes of its contents, or about as many.
    pub bytes: u64,
}

/// What is known about one blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlobState {
    /// Bytes of it that lie here and are verified.
    pub verified: u64,
    /// Other bytes of it that need not be fetched: what they unpack to lies here as files. Only of whole artifacts.
    pub spared: u64,
    /// Peers known to hold some of it.
    pub holders: u32,
}

/// Routes not to be taken: the blobs of those that failed. The caller keeps it for as long as it believes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Excluded(BTreeSet<Digest>);

impl Excluded {
    /// Excludes the route through this blob.
    pub fn exclude(&mut self, blob: Digest) {
        self.0.insert(blob);
    }

    /// Whether the route through this blob is excluded.
    pub fn contains(&self, blob: &Digest) -> bool {
        self.0.contains(blob)
    }
}

/// Everything about this node that a plan depends on.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// What is installed, if anything is.
    pub base: Option<&'a Base>,
    /// What is known of each blob, by digest; what is missing is unknown and held by nobody.
    pub blobs: &'a BTreeMap<Digest, BlobState>,
    /// How fast things go.
    pub rates: Rates,
    /// Bytes of memory that applying a patch may take.
    pub memory: u64,
    /// Routes that failed.
    pub excluded: &'a Excluded,
}

/// A way to the contents of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Fetch and unpack the whole artifact.
    Whole(Blob),
    /// Fetch the blocks of the whole artifact whose files do not lie here; take the other files from where they are.
    Reuse(Blob),
    /// Fetch one patch and apply it to what is installed.
    Patch(PatchOffer),
}

impl Route {
    /// Whether it starts from something installed.
    pub fn is_patch(&self) -> bool {
        matches!(self, Self::Patch(_))
    }

    /// The patch, if it is one.
    pub fn patch(&self) -> Option<&PatchOffer> {
        match self {
            Self::Patch(offer) => Some(offer),
            Self::Whole(_) | Self::Reuse(_) => None,
        }
    }

    /// What following it is measured as.
    pub fn gauge(&self) -> Gauge {
        match self {
            Self::Whole(_) | Self::Reuse(_) => Gauge::Unpack,
            Self::Patch(offer) => Gauge::of(offer.codec),
        }
    }

    /// The blob to fetch.
    pub fn blob(&self) -> &Blob {
        match self {
            Self::Whole(blob) | Self::Reuse(blob) => blob,
            Self::Patch(offer) => &offer.blob,
        }
    }
}

/// Whether bytes that are missing can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Everything is here, or somebody is known to hold what is not.
    Known,
    /// Nobody is known to hold it yet: holders have to be looked for first.
    Unknown,
}

/// What a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Bytes to fetch.
    pub(crate) missing: u64,
    /// Whether they can be asked for.
    pub(crate) reach: Reach,
    /// Time it takes: fetching, then applying.
    pub(crate) cost: Duration,
}

/// Why no route leads to a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRoute {
    /// What is installed is too old to go straight to this release.
    #[error("version {installed} is installed, the release takes {minimum} or later")]
    BelowMinimum {
        /// The installed version.
        installed: ReleaseVersion,
        /// The release's minimum.
        minimum: ReleaseVersion,
    },
    /// Every route failed before, or takes more memory than there is.
    #[error("all {tried} routes to the release are excluded")]
    AllExcluded {
        /// Number of routes.
        tried: usize,
    },
}

/// Whether a patch of this codec can be applied in so much memory.
pub(crate) fn applies_within(memory: u64, codec: PatchCodec, old: u64, new: u64) -> bool {
    let takes = match codec {
        PatchCodec::BsdiffZstd => PLAIN_MEMORY,
        PatchCodec::RefdiffFast | PatchCodec::RefdiffDense => {
            old.saturating_add(new).saturating_add(PATCH_MEMORY)
        }
    };
    takes <= memory
}

/// What a route takes that ends in `contents` bytes.
pub(crate) fn cost(route: Route, contents: u64, situation: &Situation<'_>) -> Plan {
    let rates = &situation.rates;
    let blob = route.blob();
    let state = situation.blobs.get(&blob.digest).copied().unwrap_or_default();
    let spared = if matches!(route, Route::Reuse(_)) { state.spared } else { 0 };
    let missing = blob.size.saturating_sub(state.verified).saturating_sub(spared);
    let apply_rate = rates.of(route.gauge());
    let cost = step(missing, fetch_rate(rates, state.holders), contents, apply_rate);
    let reach = if missing > 0 && state.holders == 0 { Reach::Unknown } else { Reach::Known };
    Plan { missing, reach, cost }
}

/// The cost of one step: fetch, then apply. Steps one after the other cost their sum.
fn step(missing: u64, fetch: NonZeroU64, written: u64, apply: NonZeroU64) -> Duration {
    time_for(missing, fetch).saturating_add(time_for(written, apply))
}

/// All holders together, but not more than the line takes. Where none is known, one is assumed to be found.
fn fetch_rate(rates: &Rates, holders: u32) -> NonZeroU64 {
    let holders = NonZeroU64::new(u64::from(holders)).unwrap_or(NonZeroU64::MIN);
    rates.holder.saturating_mul(holders).min(rates.line)
}

fn time_for(bytes: u64, rate: NonZeroU64) -> Duration {
    let micros = u128::from(bytes) * 1_000_000 / u128::from(rate.get());
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}
