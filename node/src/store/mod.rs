//! It is kept: roots, heads and manifests that were believed, and the bytes of releases.
//!
//! ```text
//! <data>/trust/<network>/root.N     signed roots, one file each
//! <data>/store/blobs/<hex>          complete blobs; <hex>.part those under way
//! <data>/store/objects/<hex>        trees and chunk lists
//! <data>/db/                        heads, manifests, records of components, history (sled)
//! ```
//!
//! Crash rules. A file's name promises its contents: `<hex>` is renamed in after its bytes were synced and
//! hashed, then the folder is synced. A `.part` promises nothing, neither its length nor its contents; whoever
//! goes on with it hashes every chunk first and keeps what is right, so there is no bitmap that could lie. The
//! database is flushed before a function returns. What is refused leaves the data directory as it was.
//!
//! Bytes are checked on every way out as well: disks rot. A rotten chunk is never served; its blob becomes a
//! `.part` again, of which the next fetch mends the one chunk.
//!
//! All functions block (files, hashing, the database): callers in async code use `spawn_blocking`. This room
//! verifies no signature and knows no peer.

mod blobs;
mod disk;
mod error;
mod meta;
mod objects;
mod partial;
mod records;
mod schema;
mod space;
mod sweep;
#[cfg(test)]
mod tests;
mod trust;
mod verify;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, Weak},
};

use updraft_protocol::{ComponentName, Digest};

use self::{blobs::ListCache, meta::Meta, partial::Partial, schema::Standing, trust::Trusted};

pub use self::{
    blobs::BlobReader,
    error::{ChunkRefused, SpaceLimit, StoreError},
    meta::MAX_HISTORY,
    partial::PartialBlob,
    records::{
        CastBallot, ComponentRecord, Happening, HistoryEntry, Hold, MAX_QUARANTINED, MAX_TEXT,
        Quarantined, Vouched,
    },
    schema::SCHEMA,
    space::{BlobSize, BlobState, Usage},
    sweep::{Garbage, Inventory, Swept, plan},
    trust::KeptLink,
    verify::{VerifyOnStart, VerifyProgress, VerifyReport},
};

/// Locks that blobs share out by their first byte: enough that two rarely meet.
const STRIPES: usize = 16;

/// What the operator allows the store.
#[derive(Debug, Clone, Copy)]
pub struct StoreOptions {
    /// Bytes that blobs and objects may take together.
    pub max_size: u64,
    /// Bytes that have to stay free on the file system.
    pub min_free_disk: u64,
    /// What is read again when the store is opened.
    pub verify: VerifyOnStart,
}

/// The store; a cheap handle that can be cloned and shared between threads.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("data_dir", &self.inner.data_dir).finish_non_exhaustive()
    }
}

struct Inner {
    data_dir: PathBuf,
    options: StoreOptions,
    meta: Meta,
    /// The network and its number of roots; held while a root is written.
    trusted: Mutex<Option<Trusted>>,
    /// Taken by whoever reads a record to write the next one.
    writers: Mutex<()>,
    /// Taken shared by whoever adds something, alone by the sweep: nothing that a sweep has not seen can
    /// come to need what it is about to remove.
    sweeping: RwLock<()>,
    /// Taken while room is counted and taken: two reservations must not count the same room.
    space: Mutex<()>,
    /// Held while an object is written.
    objects: Mutex<()>,
    /// One for each sixteenth of all digests; held while a blob's file comes, goes or changes its name.
    /// Taken before `objects`, and `objects` before `space`.
    stripes: [Mutex<()>; STRIPES],
    /// Blobs under way. As many as there are [`PartialBlob`]s alive; dead entries go when another comes.
    partials: Mutex<BTreeMap<Digest, Weak<Partial>>>,
    /// Chunk lists of blobs that were read last.
    lists: Mutex<ListCache>,
}

impl Inner {
    /// Holds others off the files of `digest`.
    fn stripe(&self, digest: &Digest) -> MutexGuard<'_, ()> {
        let [first, ..] = *digest.as_bytes();
        disk::lock(&self.stripes[usize::from(first) % STRIPES])
    }

    fn while_not_sweeping(&self) -> RwLockReadGuard<'_, ()> {
        self.sweeping.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn blobs_folder(&self) -> PathBuf {
        self.data_dir.join("store/blobs")
    }

    fn objects_folder(&self) -> PathBuf {
        self.data_dir.join("store/objects")
    }
}

impl Store {
    /// Opens the store in `data_dir`, which is made if it is missing. The caller holds the directory's lock.
    ///
    /// Refuses a store of a later version, removes what was half written, and verifies as `options` say;
    /// what it finds rotten is set aside with a warning and does not keep the store from opening.
    pub fn open(data_dir: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        for folder in ["trust", "store/blobs", "store/objects"] {
            disk::create_folder(&data_dir.join(folder))?;
        }
        let meta = Meta::open(&data_dir.join("db"))?;
        if schema::judge(meta.schema()?)? == Standing::Fresh {
            meta.put_schema(SCHEMA)?;
        }
        disk::remove_leftovers(&data_dir.join("store/objects"))?;
        let trusted = trust::find(&data_dir.join("trust"))?;
        let inner = Inner {
            data_dir: data_dir.to_owned(),
            options,
            meta,
            trusted: Mutex::new(trusted),
            writers: Mutex::default(),
            sweeping: RwLock::default(),
            space: Mutex::default(),
            objects: Mutex::default(),
            stripes: Default::default(),
            partials: Mutex::default(),
            lists: Mutex::default(),
        };
        let store = Self { inner: Arc::new(inner) };
        store.verify_on_start()?;
        Ok(store)
    }

    /// What is remembered of a component.
    pub fn component(&self, name: &ComponentName) -> Result<Option<ComponentRecord>, StoreError> {
        self.inner.meta.component(name)
    }

    /// All components of which something is remembered, by name.
    pub fn components(&self) -> Result<Vec<(ComponentName, ComponentRecord)>, StoreError> {
        self.inner.meta.components()
    }

    /// Remembers a component; durable when it returns.
    pub fn put_component(
        &self,
        name: &ComponentName,
        record: &ComponentRecord,
    ) -> Result<(), StoreError> {
        self.inner.meta.put_component(name, record)
    }

    /// Adds a line to the history; the oldest goes when there are more than [`MAX_HISTORY`].
    pub fn history_append(&self, entry: &HistoryEntry) -> Result<(), StoreError> {
        let _writer = disk::lock(&self.inner.writers);
        self.inner.meta.append_history(entry, MAX_HISTORY)
    }

    /// The history from the newest line on, of one component or of all.
    pub fn history(
        &self,
        component: Option<&ComponentName>,
        limit: usize,
    ) -> Result<Vec<HistoryEntry>, StoreError> {
        self.inner.meta.history(component, limit)
    }
}
