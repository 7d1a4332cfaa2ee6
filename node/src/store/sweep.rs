//! What may go, and its removal. The plan is pure: from roots and an inventory to a list of garbage.
//!
//! Never removes a root of trust, a head, or a blob that somebody works on.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::PoisonError,
};

use updraft_protocol::{Digest, Manifest};

use super::{
    Store,
    error::StoreError,
    space::{BlobSize, BlobState},
};

/// Everything that a sweep could remove, and what it would need to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Blobs.
    pub blobs: Vec<BlobSize>,
    /// The chunk list of each blob that has a record.
    pub chunk_lists: BTreeMap<Digest, Digest>,
    /// Objects and their bytes.
    pub objects: Vec<(Digest, u64)>,
    /// Manifests, and the digests of what each of them names.
    pub manifests: BTreeMap<Digest, Vec<Digest>>,
}

/// One thing that nothing needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Garbage {
    /// A blob, complete or left over.
    Blob {
        /// Which one.
        digest: Digest,
        /// Bytes it takes.
        bytes: u64,
    },
    /// An object.
    Object {
        /// Which one.
        digest: Digest,
        /// Bytes it takes.
        bytes: u64,
    },
    /// A manifest.
    Manifest {
        /// Digest of its payload.
        digest: Digest,
    },
}

/// What a sweep removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Things removed.
    pub removed: usize,
    /// Bytes of files removed.
    pub bytes: u64,
}

/// Lists what `roots` do not need. A root is a digest of anything; a manifest that is a root keeps everything
/// it names, and a blob that is kept keeps its chunk list. A manifest that is only `remembered` stays alone.
pub fn plan(
    inventory: &Inventory,
    roots: &BTreeSet<Digest>,
    remembered: &BTreeSet<Digest>,
) -> Vec<Garbage> {
    let mut needed = roots.clone();
    for (manifest, names) in &inventory.manifests {
        if roots.contains(manifest) {
            needed.extend(names);
        }
    }
    let under_way = inventory.blobs.iter().filter(|blob| blob.state == BlobState::UnderWay);
    needed.extend(under_way.map(|blob| blob.digest));
    for (blob, list) in &inventory.chunk_lists {
        if needed.contains(blob) {
            needed.insert(*list);
        }
    }
    let blobs = inventory.blobs.iter().filter(|blob| !needed.contains(&blob.digest));
    let objects = inventory.objects.iter().filter(|(digest, _)| !needed.contains(digest));
    let kept = |digest: &&Digest| needed.contains(*digest) || remembered.contains(*digest);
    let manifests = inventory.manifests.keys().filter(|digest| !kept(digest));
    // Manifests first: bytes without a manifest are garbage to the next sweep as well, a manifest without
    // its bytes would be a promise broken.
    manifests
        .map(|digest| Garbage::Manifest { digest: *digest })
        .chain(blobs.map(|blob| Garbage::Blob { digest: blob.digest, bytes: blob.bytes }))
        .chain(objects.map(|(digest, bytes)| Garbage::Object { digest: *digest, bytes: *bytes }))
        .collect()
}

/// The digests of everything that a manifest names.
fn named_by(manifest: &Manifest) -> Vec<Digest> {
    let blobs = manifest.blobs().flat_map(|blob| [blob.digest, blob.chunks.digest]);
    blobs.chain([manifest.tree.object.digest]).collect()
}

impl Store {
    /// What is held, as [`plan`] needs it.
    pub fn inventory(&self) -> Result<Inventory, StoreError> {
        let blobs = self.blob_sizes()?;
        let mut chunk_lists = BTreeMap::new();
        for blob in &blobs {
            if let Some(record) = self.inner.meta.blob(&blob.digest)? {
                chunk_lists.insert(blob.digest, record.chunks.digest);
            }
        }
        let mut manifests = BTreeMap::new();
        for signed in self.manifests()? {
            let manifest = signed.peek().map_err(StoreError::Payload)?;
            manifests.insert(signed.digest(), named_by(&manifest));
        }
        Ok(Inventory { blobs, chunk_lists, objects: self.objects()?, manifests })
    }

    /// Removes everything that `roots` do not need, but no manifest that is `remembered`. Whoever adds something waits meanwhile.
    ///
    /// Roots are drawn up before the call, so a release that is on its way has to be among them.
    pub fn sweep(
        &self,
        roots: &BTreeSet<Digest>,
        remembered: &BTreeSet<Digest>,
    ) -> Result<Swept, StoreError> {
        let _alone = self.inner.sweeping.write().unwrap_or_else(PoisonError::into_inner);
        let mut swept = Swept::default();
        for garbage in plan(&self.inventory()?, roots, remembered) {
            let bytes = match garbage {
                Garbage::Manifest { digest } => {
                    self.inner.meta.remove_manifest(&digest).map(|()| 0)
                }
                Garbage::Blob { digest, bytes } => self.remove_blob(&digest).map(|()| bytes),
                Garbage::Object { digest, bytes } => self.remove_object(&digest).map(|()| bytes),
            }?;
            swept.removed += 1;
            swept.bytes = swept.bytes.saturating_add(bytes);
        }
        Ok(swept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    fn blob(name: &str, state: BlobState) -> BlobSize {
        BlobSize { digest: digest(name), bytes: 10, state }
    }

    fn inventory() -> Inventory {
        Inventory {
            blobs: vec![
                blob("kept", BlobState::Complete),
                blob("old", BlobState::Complete),
                blob("fetched", BlobState::UnderWay),
                blob("stopped", BlobState::LeftOver),
            ],
            chunk_lists: ["kept", "old", "fetched", "stopped"]
                .map(|name| (digest(name), digest(&format!("{name} list"))))
                .into(),
            objects: ["kept list", "old list", "fetched list", "tree", "old tree"]
                .map(|name| (digest(name), 1))
                .into(),
            manifests: [
                (digest("new"), vec![digest("kept"), digest("tree")]),
                (digest("last"), vec![digest("old"), digest("old tree")]),
            ]
            .into(),
        }
    }

    #[test]
    fn a_manifest_keeps_what_it_names_and_nothing_else() {
        let garbage = plan(&inventory(), &[digest("new")].into(), &BTreeSet::new());
        assert_eq!(
            garbage,
            [
                Garbage::Manifest { digest: digest("last") },
                Garbage::Blob { digest: digest("old"), bytes: 10 },
                Garbage::Blob { digest: digest("stopped"), bytes: 10 },
                Garbage::Object { digest: digest("old list"), bytes: 1 },
                Garbage::Object { digest: digest("old tree"), bytes: 1 },
            ]
        );
    }

    #[test]
    fn a_blob_under_way_and_its_chunk_list_are_no_garbage_even_without_roots() {
        let garbage = plan(&inventory(), &BTreeSet::new(), &BTreeSet::new());
        for kept in ["fetched", "fetched list"] {
            let digest = digest(kept);
            assert!(!garbage.iter().any(|garbage| match garbage {
                Garbage::Blob { digest: d, .. }
                | Garbage::Object { digest: d, .. }
                | Garbage::Manifest { digest: d } => *d == digest,
            }));
        }
    }

    #[test]
    fn a_single_blob_can_be_a_root() {
        let garbage = plan(&inventory(), &[digest("stopped")].into(), &BTreeSet::new());
        assert!(!garbage.contains(&Garbage::Blob { digest: digest("stopped"), bytes: 10 }));
    }

    #[test]
    fn a_manifest_that_is_only_remembered_keeps_nothing_but_itself() {
        let garbage = plan(&inventory(), &BTreeSet::new(), &[digest("last")].into());
        assert!(!garbage.contains(&Garbage::Manifest { digest: digest("last") }));
        assert!(garbage.contains(&Garbage::Blob { digest: digest("old"), bytes: 10 }));
    }
}
