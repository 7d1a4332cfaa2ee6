//! The header of a bundle: what it is made of, and what has to belong together in it.
//!
//! Pure. It must never believe a signature or a digest; it only refuses what cannot be a bundle at all.

use bincode::{Decode, Encode};
use updraft_protocol::{
    Digest, Head, Manifest, ObjectRef, Signed,
    codec::{Invalid, Wire},
    limits::{MAX_HEAD, MAX_MANIFEST, MAX_PATCHES},
};

use super::BundleError;

/// A manifest names one tree, and for the whole blob and for each patch a blob and its chunk list.
const MAX_OBJECTS: usize = MAX_PATCHES + 2;
const MAX_BLOBS: usize = MAX_PATCHES + 1;
/// A blob's place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(super) struct BlobPart {
    pub(super) digest: Digest,
    pub(super) size: u64,
}

/// Everything but the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct Header {
    pub(super) head: Signed<Head>,
    pub(super) manifest: Signed<Manifest>,
    pub(super) objects: Vec<ObjectRef>,
    pub(super) blobs: Vec<BlobPart>,
}

impl Wire for Header {
    const NAME: &'static str = "bundle";
    /// 8 KiB for two lists of 32 signatures and the lists of parts, each with room to spare.
    const MAX: usize = MAX_HEAD + MAX_MANIFEST + 16 * 1024;

    fn check(&self) -> Result<(), Invalid> {
        self.head.check()?;
        self.manifest.check()?;
        Invalid::if_over("objects", self.objects.len(), MAX_OBJECTS)?;
        Invalid::if_over("blobs", self.blobs.len(), MAX_BLOBS)?;
        Invalid::if_unsorted("objects", self.objects.iter().map(|part| part.digest))?;
        Invalid::if_unsorted("blobs", self.blobs.iter().map(|part| part.digest))
    }
}

/// A manifest and a head that belong together, and no part that the manifest does not name: so an unsigned
/// list can make nobody keep anything that the signed manifest does not.
pub(super) fn fits_together(header: &Header) -> Result<(Head, Manifest), BundleError> {
    let unfitting = |reason: &str| BundleError::Unfitting(reason.to_owned());
    let head = header.head.peek().map_err(BundleError::Header)?;
    let manifest = header.manifest.peek().map_err(BundleError::Header)?;
    let release = header.manifest.digest();
    let listing = head.listing(&release);
    if listing.is_none() && head.withdrawn(&release).is_none() {
        return Err(unfitting("its head neither lists nor withdraws its release"));
    }
    if head.network != manifest.network || head.channel != manifest.channel {
        return Err(unfitting("its head and its release are for different channels"));
    }
    let named = (&manifest.component, &manifest.target, &manifest.version);
    if listing.is_some_and(|l| (&l.component, &l.target, &l.version) != named) {
        return Err(unfitting("its head lists its release under another name"));
    }
    for part in &header.objects {
        let named =
            manifest.tree.object == *part || manifest.blobs().any(|blob| blob.chunks == *part);
        if !named {
            return Err(unfitting("it has an object that its manifest does not name"));
        }
    }
    for part in &header.blobs {
        let named =
            manifest.blobs().any(|blob| blob.digest == part.digest && blob.size == part.size);
        if !named {
            return Err(unfitting("it has a blob that its manifest does not name"));
        }
    }
    Ok((head, manifest))
}
