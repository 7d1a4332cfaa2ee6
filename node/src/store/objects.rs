//! Objects: small things that are fetched whole by their digest (trees, chunk lists). Never larger than
//! [`MAX_OBJECT`], never handed out without being hashed.

use std::path::PathBuf;

use updraft_protocol::{Digest, ObjectRef, limits::MAX_OBJECT};

use super::{
    Store,
    disk::{self, TEMPORARY, lock},
    error::StoreError,
};

impl Store {
    fn object_path(&self, digest: &Digest) -> PathBuf {
        self.inner.objects_folder().join(digest.to_hex())
    }

    /// Keeps an object; durable when it returns. Keeping it again does nothing.
    pub fn put_object(&self, bytes: &[u8]) -> Result<ObjectRef, StoreError> {
        let object = ObjectRef::of(bytes)
            .map_err(|_| StoreError::ObjectTooLarge { got: bytes.len(), limit: MAX_OBJECT })?;
        let _not_sweeping = self.inner.while_not_sweeping();
        self.keep_object(&object, bytes)?;
        Ok(object)
    }

    /// Writes `bytes`, which `object` names, unless a sound copy is there. Callers hold the sweep off.
    pub(super) fn keep_object(&self, object: &ObjectRef, bytes: &[u8]) -> Result<(), StoreError> {
        let _writer = lock(&self.inner.objects);
        let held = disk::read_bounded(&self.object_path(&object.digest), MAX_OBJECT)?;
        if held.is_some_and(|held| held == bytes) {
            return Ok(());
        }
        let size = u64::from(object.size);
        let _room = self.inner.reserve(size, size)?;
        disk::write_durable(&self.inner.objects_folder(), &object.digest.to_hex(), bytes)?;
        Ok(())
    }

    /// An object's bytes, if a sound copy is held. A rotten one is removed.
    pub fn object(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.object_path(digest);
        let read =
            || -> Result<Option<Vec<u8>>, StoreError> { disk::read_bounded(&path, MAX_OBJECT) };
        match read()? {
            Some(bytes) if Digest::of(&bytes) == *digest => return Ok(Some(bytes)),
            Some(_) => {}
            None => return Ok(None),
        }
        // Read once more under the lock: somebody may just have replaced the rotten copy.
        let _writer = lock(&self.inner.objects);
        match read()? {
            Some(bytes) if Digest::of(&bytes) == *digest => return Ok(Some(bytes)),
            Some(_) => {
                tracing::warn!(object = %digest, "a rotten object was removed from the store")
            }
            None => return Ok(None),
        }
        disk::remove_file(&path)?;
        Ok(None)
    }

    pub(super) fn remove_object(&self, digest: &Digest) -> Result<(), StoreError> {
        disk::remove_file(&self.object_path(digest))
    }

    /// Digests and sizes of the objects held.
    pub(super) fn objects(&self) -> Result<Vec<(Digest, u64)>, StoreError> {
        let files = disk::list_files(&self.inner.objects_folder())?.into_iter();
        let objects = files.filter(|(name, _)| !name.starts_with(TEMPORARY));
        Ok(objects.filter_map(|(name, size)| Some((name.parse().ok()?, size))).collect())
    }
}
