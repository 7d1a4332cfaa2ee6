//! Room: how much the store takes, how much it may take, and what it is taken by. Removes nothing.

use std::{path::Path, sync::MutexGuard};

use updraft_protocol::Digest;

use super::{
    Inner, Store,
    disk::{self, lock},
    error::{SpaceLimit, StoreError},
};

/// Ending of the name of a blob that is not complete.
pub(super) const PART: &str = ".part";

/// How much of a blob is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobState {
    /// All of it.
    Complete,
    /// Some of it, and somebody works on it now.
    UnderWay,
    /// Some of it from before; nothing of it is served until somebody goes on with it.
    LeftOver,
}

/// A blob and the room it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobSize {
    /// The blob.
    pub digest: Digest,
    /// Bytes of its file.
    pub bytes: u64,
    /// How much of it is here.
    pub state: BlobState,
}

/// What the store takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of all blobs and objects.
    pub bytes: u64,
    /// Complete blobs.
    pub complete: usize,
    /// Other blobs.
    pub partial: usize,
    /// Objects.
    pub objects: usize,
}

/// What a reservation may take, given how things stand. `more` is by how much the store's files grow,
/// `allocate` how many bytes of the disk that costs.
fn judge(
    (more, allocate): (u64, u64),
    (used, max_size): (u64, u64),
    (free, min_free): (u64, u64),
) -> Result<(), StoreError> {
    let have = max_size.saturating_sub(used);
    if more > have {
        return Err(StoreError::DiskFull { need: more, have, limit: SpaceLimit::MaxSize });
    }
    let have = free.saturating_sub(min_free);
    if allocate > have {
        return Err(StoreError::DiskFull { need: allocate, have, limit: SpaceLimit::MinFreeDisk });
    }
    Ok(())
}

fn free_bytes(path: &Path) -> Result<u64, StoreError> {
    let found = rustix::fs::statvfs(path)
        .map_err(|error| StoreError::io("measure the room at", path)(error.into()))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

impl Inner {
    /// Checks that there is room. It stays reserved until the guard is dropped, by when the file takes it.
    pub(super) fn reserve(
        &self,
        more: u64,
        allocate: u64,
    ) -> Result<MutexGuard<'_, ()>, StoreError> {
        let room = lock(&self.space);
        let mut used = 0_u64;
        for folder in [self.blobs_folder(), self.objects_folder()] {
            used = disk::list_files(&folder)?
                .iter()
                .fold(used, |sum, (_, bytes)| sum.saturating_add(*bytes));
        }
        let free = free_bytes(&self.data_dir)?;
        judge((more, allocate), (used, self.options.max_size), (free, self.options.min_free_disk))?;
        Ok(room)
    }
}

impl Store {
    /// Every blob of which there is a file, and the room it takes, in order of digest.
    pub fn blob_sizes(&self) -> Result<Vec<BlobSize>, StoreError> {
        let mut sizes = Vec::new();
        for (name, bytes) in disk::list_files(&self.inner.blobs_folder())? {
            let (hex, part) = match name.strip_suffix(PART) {
                Some(hex) => (hex, true),
                None => (name.as_str(), false),
            };
            let Ok(digest) = hex.parse() else { continue };
            let state = match part {
                false => BlobState::Complete,
                true if self.under_way(&digest).is_some() => BlobState::UnderWay,
                true => BlobState::LeftOver,
            };
            sizes.push(BlobSize { digest, bytes, state });
        }
        Ok(sizes)
    }

    /// What the store takes in all.
    pub fn usage(&self) -> Result<Usage, StoreError> {
        let mut usage = Usage::default();
        for blob in self.blob_sizes()? {
            usage.bytes = usage.bytes.saturating_add(blob.bytes);
            match blob.state {
                BlobState::Complete => usage.complete += 1,
                BlobState::UnderWay | BlobState::LeftOver => usage.partial += 1,
            }
        }
        for (_, bytes) in self.objects()? {
            usage.bytes = usage.bytes.saturating_add(bytes);
            usage.objects += 1;
        }
        Ok(usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(result: Result<(), StoreError>) -> Option<(u64, u64, SpaceLimit)> {
        match result {
            Err(StoreError::DiskFull { need, have, limit }) => Some((need, have, limit)),
            _ => None,
        }
    }

    #[test]
    fn the_last_byte_may_be_taken_and_not_one_more() {
        assert!(judge((10, 10), (90, 100), (30, 20)).is_ok());
        assert_eq!(
            limit(judge((11, 10), (90, 100), (30, 20))),
            Some((11, 10, SpaceLimit::MaxSize))
        );
        assert_eq!(
            limit(judge((10, 11), (90, 100), (30, 20))),
            Some((11, 10, SpaceLimit::MinFreeDisk))
        );
    }

    #[test]
    fn a_store_over_its_limit_has_no_room_and_does_not_overflow() {
        assert_eq!(
            limit(judge((1, 1), (u64::MAX, 100), (5, 20))),
            Some((1, 0, SpaceLimit::MaxSize))
        );
        assert!(judge((0, 0), (200, 100), (5, 20)).is_ok());
    }
}
