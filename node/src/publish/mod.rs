//! 1 · Where a release is made: files become blobs, a manifest and a head, are signed, and leave for a node.
//!
//! ```text
//!  source   files, links, folders ──> tree, contents         refuses by name what cannot be a release
//!  ledger   root, head, old releases, each checked           a running node, or this machine's data directory
//!  build    contents + old releases ──> blobs, manifest      no key, no network
//!  patches  each old release ──> patches, in parallel        as many as `budget` finds memory for
//!  head     trusted head + listing ──> next head             pure
//!  sign     key files ──> signatures until they are enough   else a bundle that travels to the next signer
//!  announce bundle ──> node, then waits for replicas
//! ```
//! Everything before `announce` is repeatable and leaves nothing behind but the bundle. All of it blocks; it
//! runs in a program that a person or a pipeline waits for, never on a node's own threads.

mod budget;
pub mod build;
pub mod founding;
pub mod head;
pub mod ledger;
pub mod lifetime;
mod patches;
pub mod project;
pub mod review;
pub mod rootdraft;
pub mod sign;
pub mod source;

use std::{num::NonZeroUsize, path::Path, time::Duration};

use updraft_delta::{Level, offer};
use updraft_protocol::{
    Head, Listing, Manifest, PatchCodec, ReleaseVersion, Signed, Verified,
    codec::EncodeError,
    limits::{DEFAULT_HEAD_LIFETIME, MAX_PATCHES},
    signed::VerifyError,
};

use self::{
    build::{BuildError, Built, Draft},
    head::{HeadError, Place},
    ledger::{TrustError, Trusted},
    sign::SignError,
    source::Source,
};
use crate::bundle::BundleError;

/// Why a release was not made.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// What came before cannot be read or is not believed.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The release cannot be listed.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The release cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// It cannot be signed, or not by enough.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The bundle cannot be written or read.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Head or manifest break a limit.
    #[error("the release cannot be described")]
    Describe(#[source] EncodeError),
}

/// What happens while a release is made, for the person who waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// All contents are being compressed.
    Compressing {
        /// How many files.
        files: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// The whole artifact is ready.
    Compressed {
        /// Bytes of the contents.
        bytes: u64,
        /// Bytes of the blob.
        blob: u64,
        /// Its chunks.
        chunks: u32,
    },
    /// Patches are being made.
    Patching {
        /// Earlier releases that are done with.
        done: usize,
        /// Of so many.
        of: usize,
        /// How long the others will take, once that can be said.
        eta: Option<Duration>,
    },
    /// A patch is ready. They come as they are ready, in any order.
    Patch {
        /// From which version.
        from: ReleaseVersion,
        /// How it is encoded.
        codec: PatchCodec,
        /// Its bytes.
        bytes: u64,
        /// Bytes of the whole, to compare.
        whole: u64,
    },
    /// There is no patch from a version.
    NoPatch {
        /// From which version.
        from: ReleaseVersion,
        /// Why not.
        why: String,
    },
}

/// How a release is built.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Earlier releases that get patches, as far as there is room for two from each in a manifest.
    pub deltas: usize,
    /// How hard to compress.
    pub level: Level,
    /// Bytes of memory that making patches may take. What would take more is left out.
    pub memory: u64,
    /// Patches that are made at once at most, each by two threads.
    pub threads: NonZeroUsize,
}

/// A release and the head that will offer it; nobody has signed them.
#[derive(Debug)]
pub struct Prepared {
    /// The release and its bytes.
    pub built: Built,
    /// The next head of its channel.
    pub head: Head,
    unsigned: (Signed<Head>, Signed<Manifest>),
}

impl Prepared {
    /// Writes an unsigned bundle.
    ///
    /// # Errors
    /// [`PublishError::Bundle`].
    pub fn write(&self, path: &Path) -> Result<(), PublishError> {
        let (head, manifest) = self.unsigned.clone();
        Ok(self.built.write(head, manifest, path)?)
    }
}

/// Builds a release and the head that lists it. Temporary files go to `work`.
///
/// # Errors
/// Every [`PublishError`] but those of signing and bundles. A version that is on offer already is refused before
/// anything is compressed.
pub fn prepare(
    source: &Source,
    draft: Draft,
    trusted: &Trusted<'_>,
    effort: Effort,
    work: &Path,
    told: &mut dyn FnMut(Step),
) -> Result<Prepared, PublishError> {
    let channel = draft.channel.clone();
    let last = trusted.head(&channel)?;
    let mut listing = Listing {
        component: draft.component.clone(),
        target: draft.target.clone(),
        version: draft.version.clone(),
        manifest: updraft_protocol::Digest::of(b"not known before it is built"),
    };
    let place = Place {
        network: trusted.root().network,
        channel: &channel,
        now: draft.created,
        lifetime: DEFAULT_HEAD_LIFETIME,
    };
    head::with_release(last.as_ref(), listing.clone(), place)?;
    let least = draft.min_supported.clone();
    let past = earlier_releases(last.as_ref(), &draft, trusted, effort.deltas, told)?;
    let built = build::build(source, draft, &past, trusted, work, &effort, told)?;
    let manifest = Signed::unsigned(&built.manifest).map_err(PublishError::Describe)?;
    listing.manifest = manifest.digest();
    let component = listing.component.clone();
    let mut head = head::with_release(last.as_ref(), listing, place)?;
    if let Some(least) = least {
        head = head::looking_after(head, &component, least);
    }
    let signed_head = Signed::unsigned(&head).map_err(PublishError::Describe)?;
    Ok(Prepared { built, head, unsigned: (signed_head, manifest) })
}

/// The newest `deltas` releases that a patch may start from.
fn earlier_releases(
    last: Option<&Verified<Head>>,
    draft: &Draft,
    trusted: &Trusted<'_>,
    deltas: usize,
    told: &mut dyn FnMut(Step),
) -> Result<Vec<Verified<Manifest>>, PublishError> {
    let Some(last) = last else { return Ok(Vec::new()) };
    let listed = head::earlier(last, &draft.component, &draft.target, &draft.version);
    let mut past = Vec::new();
    for listing in listed.into_iter().take(deltas.min(MAX_PATCHES / offer::MOST)) {
        let why = match trusted.manifest(&draft.channel, listing) {
            Ok(Some(held)) => {
                past.push(held.verified);
                continue;
            }
            Ok(None) => "its manifest is not kept here",
            // Keys that were replaced since signed it. Who has it still follows the channel to the new one.
            Err(TrustError::Manifest { source: VerifyError::Threshold(_), .. }) => {
                "today's keys have not signed it"
            }
            Err(error) => return Err(error.into()),
        };
        told(Step::NoPatch { from: listing.version.clone(), why: why.to_owned() });
    }
    Ok(past)
}

/// The next head of a channel with the same listings and a new end, and a release it offers, which a bundle
/// has to name: one that today's keys have not signed if there is one, so that it is signed again with it.
///
/// # Errors
/// [`PublishError::Trust`], [`PublishError::Head`].
pub fn renew(
    trusted: &Trusted<'_>,
    place: Place<'_>,
) -> Result<(Signed<Head>, Signed<Manifest>), PublishError> {
    let last = trusted.head(place.channel)?;
    let head = head::renewed(last.as_ref(), place)?;
    let role = trusted.role(place.channel)?;
    let mut usual = None;
    for listing in head.releases.iter().rev() {
        let Some(held) = trusted.named_manifest(place.channel, listing)? else { continue };
        if held.signed.verify(&place.network, role).is_err() {
            usual = Some(held.signed);
            break;
        }
        usual.get_or_insert(held.signed);
    }
    let manifest = usual.ok_or_else(|| HeadError::Nothing(place.channel.clone()))?;
    Ok((Signed::unsigned(&head).map_err(PublishError::Describe)?, manifest))
}

#[cfg(test)]
mod tests;
