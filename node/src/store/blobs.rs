//! Blobs: beginning, reading, removing. A chunk leaves this file only after its digest matched.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
    sync::Arc,
};

use rustix::{fs::FallocateFlags, io::Errno};
use updraft_protocol::{Blob, ChunkList, Digest, Holding, codec};

use super::{
    Store,
    disk::{self, lock},
    error::{ChunkRefused, SpaceLimit, StoreError},
    partial::{Life, Partial, PartialBlob, scan, sound_chunk},
    space::PART,
};

/// Chunk lists kept in memory. A list takes up to 512 KiB, so this is 8 MiB at the very most; the one that
/// was used longest ago goes.
const CACHED_LISTS: usize = 16;

/// Chunk lists of the blobs read last, the latest at the end.
#[derive(Debug, Default)]
pub(super) struct ListCache(Vec<(Digest, Arc<ChunkList>)>);

impl ListCache {
    fn get(&mut self, blob: &Digest) -> Option<Arc<ChunkList>> {
        let found = self.0.iter().position(|(held, _)| held == blob)?;
        let entry = self.0.remove(found);
        let list = Arc::clone(&entry.1);
        self.0.push(entry);
        Some(list)
    }

    fn put(&mut self, blob: Digest, list: Arc<ChunkList>) {
        self.forget(&blob);
        if self.0.len() >= CACHED_LISTS {
            self.0.remove(0);
        }
        self.0.push((blob, list));
    }

    fn forget(&mut self, blob: &Digest) {
        self.0.retain(|(held, _)| held != blob);
    }
}

/// What the error of an allocation means.
fn no_room(size: u64, path: PathBuf) -> impl FnOnce(io::Error) -> StoreError {
    move |error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            StoreError::DiskFull { need: size, have: 0, limit: SpaceLimit::FileSystem }
        }
        _ => StoreError::io("make room in", path)(error),
    }
}

/// Gives a file its full length and its room on the disk, so that the disk is full now or not at all.
fn allocate(file: &File, size: u64) -> io::Result<()> {
    if file.metadata()?.len() != size {
        file.set_len(size)?;
    }
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, size) {
        // Some file systems cannot; writes will then tell.
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        done => done.map_err(Into::into),
    }
}

impl Store {
    pub(super) fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.inner.blobs_folder().join(digest.to_hex())
    }

    pub(super) fn part_path(&self, digest: &Digest) -> PathBuf {
        self.inner.blobs_folder().join(digest.to_hex() + PART)
    }

    /// The blob's shared state, if somebody works on it now.
    pub(super) fn under_way(&self, digest: &Digest) -> Option<Arc<Partial>> {
        let partial = lock(&self.inner.partials).get(digest)?.upgrade()?;
        (partial.life() == Life::Open).then_some(partial)
    }

    /// Begins a blob or goes on with it.
    ///
    /// Room is checked and taken first; [`StoreError::DiskFull`] then, and a wrong chunk list, leave
    /// everything as it was. What is there from before is hashed chunk by chunk and kept where it is right.
    /// For a blob that is complete the handle says so and nothing is written.
    pub fn begin_blob(&self, blob: &Blob, list: &ChunkList) -> Result<PartialBlob, StoreError> {
        let encoded = codec::encode(list).map_err(StoreError::Encode)?;
        let named = Digest::of(&encoded) == blob.chunks.digest;
        if !named || list.blob_size != blob.size {
            return Err(StoreError::WrongChunkList { blob: blob.digest });
        }
        let _not_sweeping = self.inner.while_not_sweeping();
        let _stripe = self.inner.stripe(&blob.digest);
        if let Some(partial) = self.under_way(&blob.digest) {
            return Ok(PartialBlob::new(self.clone(), partial));
        }
        let list = Arc::new(list.clone());
        let whole = self.blob_path(&blob.digest);
        let (file, held, life) = if self.is_whole(blob)? {
            self.keep_object(&blob.chunks, &encoded)?;
            let file = File::open(&whole).map_err(StoreError::io("open", whole))?;
            (file, vec![true; list.digests.len()], Life::Finished)
        } else {
            let file = self.open_part(blob, &encoded)?;
            let (held, _) = scan(&file, &list);
            (file, held, Life::Open)
        };
        self.inner.meta.put_blob(blob)?;
        let partial = Arc::new(Partial::new(*blob, list, file, held, life));
        let mut partials = lock(&self.inner.partials);
        partials.retain(|_, other| other.strong_count() > 0);
        partials.insert(blob.digest, Arc::downgrade(&partial));
        Ok(PartialBlob::new(self.clone(), partial))
    }

    /// Whether the complete file is there with its right length; one of another length is set aside.
    fn is_whole(&self, blob: &Blob) -> Result<bool, StoreError> {
        let whole = self.blob_path(&blob.digest);
        match fs::metadata(&whole) {
            Ok(found) if found.len() == blob.size => Ok(true),
            Ok(_) => self.set_aside(&blob.digest).map(|()| false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(StoreError::io("look at", whole)(error)),
        }
    }

    /// Opens the blob's `.part` at its full length.
    fn open_part(&self, blob: &Blob, encoded_list: &[u8]) -> Result<File, StoreError> {
        let path = self.part_path(&blob.digest);
        let before = fs::metadata(&path).ok();
        let (length, allocated) = before.as_ref().map_or((0, 0), |found| {
            (found.len(), found.blocks().saturating_mul(512).min(blob.size))
        });
        let room = self
            .inner
            .reserve(blob.size.saturating_sub(length), blob.size.saturating_sub(allocated))?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(StoreError::io("create", &path))?;
        let taken = allocate(&file, blob.size).map_err(no_room(blob.size, path.clone()));
        drop(room);
        if let Err(error) = taken.and_then(|()| self.keep_object(&blob.chunks, encoded_list)) {
            if before.is_none() {
                disk::remove_file(&path)?;
            }
            return Err(error);
        }
        Ok(file)
    }

    /// The chunk list of a blob, if it is held.
    pub fn chunk_list(&self, digest: &Digest) -> Result<Option<Arc<ChunkList>>, StoreError> {
        if let Some(list) = lock(&self.inner.lists).get(digest) {
            return Ok(Some(list));
        }
        let Some(blob) = self.inner.meta.blob(digest)? else { return Ok(None) };
        let Some(bytes) = self.object(&blob.chunks.digest)? else { return Ok(None) };
        let Ok(list) = codec::decode::<ChunkList>(&bytes) else { return Ok(None) };
        let list = Arc::new(list);
        lock(&self.inner.lists).put(*digest, Arc::clone(&list));
        Ok(Some(list))
    }

    /// Which chunks of a blob can be read: all of a complete one, the checked ones of one under way.
    pub fn holding(&self, digest: &Digest) -> Holding {
        match self.under_way(digest) {
            Some(partial) => Holding::from_flags(&partial.held()),
            None if self.blob_path(digest).exists() => Holding::Everything,
            None => Holding::Nothing,
        }
    }

    /// Whether the blob is complete.
    pub fn has_blob(&self, digest: &Digest) -> bool {
        self.blob_path(digest).exists()
    }

    /// One chunk, checked against the chunk list. `None`: not held, or found rotten; a rotten one makes its
    /// blob a partial one, of which the next fetch mends this chunk.
    pub fn read_chunk(&self, digest: &Digest, index: u32) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(partial) = self.under_way(digest) {
            if !partial.holds(index) {
                return Ok(None);
            }
            let bytes = sound_chunk(&partial.file, &partial.list, index);
            if bytes.is_none() && partial.life() == Life::Open {
                partial.mark(index, false);
            }
            return Ok(bytes);
        }
        let path = self.blob_path(digest);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(StoreError::io("open", path))?,
        };
        let Some(list) = self.chunk_list(digest)? else {
            // Nothing in it can be checked, so nothing of it is held.
            self.demote(digest)?;
            return Ok(None);
        };
        if index >= list.len() {
            return Ok(None);
        }
        let bytes = sound_chunk(&file, &list, index);
        if bytes.is_none() {
            self.demote(digest)?;
        }
        Ok(bytes)
    }

    /// Reads a complete blob from its beginning, each chunk checked before a byte of it is given out.
    pub fn open_blob(&self, digest: &Digest) -> Result<Option<BlobReader>, StoreError> {
        if !self.has_blob(digest) {
            return Ok(None);
        }
        let Some(list) = self.chunk_list(digest)? else {
            self.demote(digest)?;
            return Ok(None);
        };
        let (store, digest) = (self.clone(), *digest);
        Ok(Some(BlobReader { store, digest, list, next: 0, chunk: Vec::new(), at: 0 }))
    }

    /// Takes the name of completeness from a blob.
    pub(super) fn demote(&self, digest: &Digest) -> Result<(), StoreError> {
        let _stripe = self.inner.stripe(digest);
        self.set_aside(digest)
    }

    /// As [`Store::demote`]; the caller holds the stripe.
    fn set_aside(&self, digest: &Digest) -> Result<(), StoreError> {
        let (whole, part) = (self.blob_path(digest), self.part_path(digest));
        match fs::rename(&whole, part) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            renamed => renamed.map_err(StoreError::io("rename", whole))?,
        }
        tracing::warn!(blob = %digest, "a blob in the store is rotten; its sound chunks are kept");
        disk::sync_folder(&self.inner.blobs_folder())
    }

    /// Removes a blob under way and its file. The caller holds the stripe.
    pub(super) fn discard(&self, partial: &Partial) -> Result<(), StoreError> {
        partial.set_life(Life::Removed);
        self.forget_files(&partial.blob.digest)
    }

    /// Removes a blob, complete or not. Handles on it turn useless.
    pub fn remove_blob(&self, digest: &Digest) -> Result<(), StoreError> {
        let _stripe = self.inner.stripe(digest);
        match self.under_way(digest) {
            Some(partial) => self.discard(&partial),
            None => self.forget_files(digest),
        }
    }

    /// The file goes before its record: a file without a record could not be checked.
    fn forget_files(&self, digest: &Digest) -> Result<(), StoreError> {
        disk::remove_file(&self.blob_path(digest))?;
        disk::remove_file(&self.part_path(digest))?;
        disk::sync_folder(&self.inner.blobs_folder())?;
        lock(&self.inner.lists).forget(digest);
        self.inner.meta.remove_blob(digest)
    }

    /// Takes in a whole blob from a publisher: every chunk and the whole are checked, and nothing stays of
    /// a blob that is wrong.
    pub fn add_blob(
        &self,
        bytes: &mut dyn Read,
        blob: &Blob,
        list: &ChunkList,
    ) -> Result<(), StoreError> {
        let had_list = self.object(&blob.chunks.digest)?.is_some();
        let partial = self.begin_blob(blob, list)?;
        let is_new = !partial.held().contains(&true);
        let added = fill(&partial, bytes).and_then(|()| partial.finish());
        if added.is_err() && is_new {
            self.remove_blob(&blob.digest)?;
            if !had_list {
                self.remove_object(&blob.chunks.digest)?;
            }
        }
        added
    }
}

fn fill(partial: &PartialBlob, bytes: &mut dyn Read) -> Result<(), StoreError> {
    let blob = partial.blob().digest;
    let failed = |source| StoreError::Source { blob, source };
    for index in 0..partial.chunks().len() {
        let len = partial.chunks().span(index).map_or(0, |span| span.len);
        let mut chunk = Vec::new();
        bytes.take(u64::from(len)).read_to_end(&mut chunk).map_err(failed)?;
        partial.write_chunk(index, &chunk).map_err(|refused| match refused {
            ChunkRefused::Keep { source, .. } => source,
            refused => StoreError::Chunk(Box::new(refused)),
        })?;
    }
    match bytes.read(&mut [0]).map_err(failed)? {
        0 => Ok(()),
        _ => Err(StoreError::TooLong { blob }),
    }
}

/// Reads a complete blob in order. A rotten chunk is an error of kind `InvalidData`; none of its bytes come out.
#[derive(Debug)]
pub struct BlobReader {
    store: Store,
    digest: Digest,
    list: Arc<ChunkList>,
    next: u32,
    chunk: Vec<u8>,
    at: usize,
}

impl Read for BlobReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.chunk.len() && self.next < self.list.len() {
            let chunk = self.store.read_chunk(&self.digest, self.next).map_err(io::Error::other)?;
            self.chunk = chunk.ok_or_else(|| {
                let reason = format!("chunk {} of blob {} is rotten", self.next, self.digest);
                io::Error::new(io::ErrorKind::InvalidData, reason)
            })?;
            (self.next, self.at) = (self.next + 1, 0);
        }
        let rest = self.chunk.get(self.at..).unwrap_or_default();
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}
