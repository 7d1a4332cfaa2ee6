//! A blob under way: chunks come in any order, each is checked before it is kept.
//!
//! The file is the only state. Nothing is synced until the blob is finished: after a crash every chunk is
//! hashed again, and what did not reach the disk is simply not held.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use updraft_protocol::{Blob, ChunkList, Digest, Hasher, Holding};

use super::{
    Store,
    disk::{self, lock},
    error::{ChunkRefused, StoreError},
};

/// What became of a blob under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// Chunks are missing or not yet checked as a whole.
    Open,
    /// It is complete and has its own name.
    Finished,
    /// Its file was removed.
    Removed,
}

/// The state that all handles of one blob share.
pub(super) struct Partial {
    pub(super) blob: Blob,
    pub(super) list: Arc<ChunkList>,
    pub(super) file: File,
    /// Changed only for single chunks and only after their bytes are in the file.
    held: RwLock<Vec<bool>>,
    /// Changed only by holders of the blob's stripe.
    life: Mutex<Life>,
}

impl Partial {
    pub(super) fn new(
        blob: Blob,
        list: Arc<ChunkList>,
        file: File,
        held: Vec<bool>,
        life: Life,
    ) -> Self {
        Self { blob, list, file, held: RwLock::new(held), life: Mutex::new(life) }
    }

    pub(super) fn life(&self) -> Life {
        *lock(&self.life)
    }

    pub(super) fn set_life(&self, life: Life) {
        *lock(&self.life) = life;
    }

    pub(super) fn held(&self) -> Vec<bool> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn holds(&self, index: u32) -> bool {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        usize::try_from(index).ok().and_then(|index| held.get(index).copied()).unwrap_or(false)
    }

    pub(super) fn mark(&self, index: u32, now_held: bool) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(flag) = usize::try_from(index).ok().and_then(|index| held.get_mut(index)) {
            *flag = now_held;
        }
    }

    fn missing(&self) -> usize {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.iter().filter(|held| !**held).count()
    }
}

/// Reads one chunk and returns it if it is what the list names. An unreadable chunk is a wrong one: the next
/// write of it gives the disk a chance to remap.
pub(super) fn sound_chunk(file: &File, list: &ChunkList, index: u32) -> Option<Vec<u8>> {
    let span = list.span(index)?;
    let mut bytes = vec![0; usize::try_from(span.len).ok()?];
    file.read_exact_at(&mut bytes, span.offset).ok()?;
    (Digest::of(&bytes) == span.digest).then_some(bytes)
}

/// Reads a whole file: which chunks are right, and the digest of the whole if all are.
pub(super) fn scan(file: &File, list: &ChunkList) -> (Vec<bool>, Option<Digest>) {
    let mut whole = Hasher::new();
    let held: Vec<bool> = (0..list.len())
        .map(|index| match sound_chunk(file, list, index) {
            Some(bytes) => {
                whole.update(&bytes);
                true
            }
            None => false,
        })
        .collect();
    let complete = held.iter().all(|held| *held);
    (held, complete.then(|| whole.finish()))
}

/// A handle on a blob under way. Clones and other handles on the same blob share its chunks; the bytes stay
/// on disk when the last is dropped.
#[derive(Clone)]
pub struct PartialBlob {
    store: Store,
    partial: Arc<Partial>,
}

impl std::fmt::Debug for PartialBlob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartialBlob")
            .field("blob", &self.partial.blob.digest)
            .field("missing", &self.partial.missing())
            .finish_non_exhaustive()
    }
}

impl PartialBlob {
    pub(super) fn new(store: Store, partial: Arc<Partial>) -> Self {
        Self { store, partial }
    }

    /// The blob.
    pub fn blob(&self) -> &Blob {
        &self.partial.blob
    }

    /// Its chunk list.
    pub fn chunks(&self) -> &ChunkList {
        &self.partial.list
    }

    /// One flag for each chunk: whether it is held.
    pub fn held(&self) -> Vec<bool> {
        self.partial.held()
    }

    /// What is held, as peers are told.
    pub fn holding(&self) -> Holding {
        Holding::from_flags(&self.partial.held())
    }

    /// Whether every chunk is held; [`PartialBlob::finish`] may then succeed.
    pub fn is_complete(&self) -> bool {
        self.partial.missing() == 0
    }

    /// Keeps a chunk if it is the one that the list names. A chunk that is held is not written again.
    pub fn write_chunk(&self, index: u32, bytes: &[u8]) -> Result<(), ChunkRefused> {
        let partial = &self.partial;
        let span = partial
            .list
            .span(index)
            .ok_or(ChunkRefused::PastTheEnd { index, chunks: partial.list.len() })?;
        if u32::try_from(bytes.len()) != Ok(span.len) {
            let (got, expected) = (bytes.len(), span.len);
            return Err(ChunkRefused::WrongLength { index, got, expected });
        }
        let got = Digest::of(bytes);
        if got != span.digest {
            return Err(ChunkRefused::WrongDigest { index, got, expected: span.digest });
        }
        if partial.holds(index) {
            return Ok(());
        }
        let keep = |source| ChunkRefused::Keep { index, source };
        if partial.life() == Life::Removed {
            return Err(keep(StoreError::Removed { blob: partial.blob.digest }));
        }
        partial.file.write_all_at(bytes, span.offset).map_err(|error| {
            keep(StoreError::io("write", self.store.part_path(&partial.blob.digest))(error))
        })?;
        partial.mark(index, true);
        Ok(())
    }

    /// Removes what came of a blob, unless it is complete or somebody else works on it.
    ///
    /// # Errors
    /// Those of the disk; what is left then goes with a later sweep.
    pub fn abandon(self) -> Result<(), StoreError> {
        let digest = self.partial.blob.digest;
        let _stripe = self.store.inner.stripe(&digest);
        let is_shared = Arc::strong_count(&self.partial) > 1;
        if is_shared || self.partial.life() != Life::Open {
            return Ok(());
        }
        self.store.discard(&self.partial)
    }

    /// Gives a blob its own name: synced, read back and hashed as a whole, renamed, folder synced.
    ///
    /// Chunks that are found rotten are given up, so that they can be fetched again. When the whole is not
    /// the blob although every chunk is right, or a sync fails, everything is discarded: after a failed sync
    /// the system may have dropped pages and still calls them clean.
    pub fn finish(&self) -> Result<(), StoreError> {
        let partial = &self.partial;
        let digest = partial.blob.digest;
        let _stripe = self.store.inner.stripe(&digest);
        match partial.life() {
            Life::Finished => return Ok(()),
            Life::Removed => return Err(StoreError::Removed { blob: digest }),
            Life::Open => {}
        }
        let missing = partial.missing();
        if missing > 0 {
            return Err(StoreError::Incomplete { blob: digest, missing });
        }
        let (part, whole) = (self.store.part_path(&digest), self.store.blob_path(&digest));
        if let Err(error) = partial.file.sync_all() {
            self.store.discard(partial)?;
            return Err(StoreError::io("sync", part)(error));
        }
        let (held, got) = scan(&partial.file, &partial.list);
        let Some(got) = got else {
            for (index, _) in (0..).zip(&held).filter(|(_, held)| !**held) {
                partial.mark(index, false);
            }
            return Err(StoreError::Incomplete { blob: digest, missing: partial.missing() });
        };
        if got != digest {
            self.store.discard(partial)?;
            return Err(StoreError::NotTheBlob { expected: digest, got });
        }
        fs::rename(&part, &whole).map_err(StoreError::io("rename", part))?;
        disk::sync_folder(&self.store.inner.blobs_folder())?;
        partial.set_life(Life::Finished);
        Ok(())
    }
}
