//! Reading the store again to find what rotted. Mends nothing: it takes the name of completeness away.

use updraft_protocol::Digest;

use super::{
    Store,
    error::StoreError,
    partial::{scan, sound_chunk},
    space::BlobState,
};

/// What is read again when the store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyOnStart {
    /// Nothing; every read checks its chunk anyway.
    None,
    /// A few chunks of each blob, spread over its length: finds truncated and replaced files.
    Sample,
    /// Everything.
    Full,
}

/// Chunks read of each blob by [`VerifyOnStart::Sample`]: 2 MiB at the usual chunk size, a tenth of a second
/// for a store of a hundred blobs on a fast disk.
const SAMPLED_CHUNKS: u32 = 8;

/// How far [`Store::verify_all`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyProgress {
    /// Blobs and objects that were read.
    pub done: usize,
    /// Blobs and objects in all.
    pub of: usize,
}

/// What [`Store::verify_all`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Complete blobs read.
    pub blobs: usize,
    /// Objects read.
    pub objects: usize,
    /// Blobs that are not complete any more, and objects that were removed.
    pub rotten: Vec<Digest>,
}

/// Spreads `SAMPLED_CHUNKS` indices over `0..chunks`, the first and the last among them.
fn sample(chunks: u32) -> Vec<u32> {
    let Some(last) = chunks.checked_sub(1) else { return Vec::new() };
    let steps = (SAMPLED_CHUNKS - 1).min(last).max(1);
    let mut indices: Vec<u32> = (0..=steps)
        .filter_map(|step| u32::try_from(u64::from(last) * u64::from(step) / u64::from(steps)).ok())
        .collect();
    indices.dedup();
    indices
}

impl Store {
    pub(super) fn verify_on_start(&self) -> Result<(), StoreError> {
        match self.inner.options.verify {
            VerifyOnStart::None => Ok(()),
            VerifyOnStart::Full => self.verify_all(&mut |_| {}).map(drop),
            VerifyOnStart::Sample => {
                for blob in self.blob_sizes()? {
                    if blob.state == BlobState::Complete {
                        self.verify_sample(&blob.digest)?;
                    }
                }
                Ok(())
            }
        }
    }

    fn verify_sample(&self, digest: &Digest) -> Result<(), StoreError> {
        let chunks = self.chunk_list(digest)?.map_or(1, |list| list.len());
        for index in sample(chunks) {
            if self.read_chunk(digest, index)?.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Reads every complete blob and every object again. `progress` is told before each and at the end.
    pub fn verify_all(
        &self,
        progress: &mut dyn FnMut(VerifyProgress),
    ) -> Result<VerifyReport, StoreError> {
        let blobs: Vec<Digest> = (self.blob_sizes()?.iter())
            .filter(|blob| blob.state == BlobState::Complete)
            .map(|blob| blob.digest)
            .collect();
        let objects = self.objects()?;
        let of = blobs.len() + objects.len();
        let mut report = VerifyReport::default();
        // Objects first: a blob whose chunk list is rotten cannot be checked, and is then set aside.
        for (digest, _) in &objects {
            progress(VerifyProgress { done: report.objects, of });
            if self.object(digest)?.is_none() {
                report.rotten.push(*digest);
            }
            report.objects += 1;
        }
        for digest in &blobs {
            progress(VerifyProgress { done: report.objects + report.blobs, of });
            if !self.is_sound(digest)? {
                self.demote(digest)?;
                report.rotten.push(*digest);
            }
            report.blobs += 1;
        }
        progress(VerifyProgress { done: of, of });
        Ok(report)
    }

    fn is_sound(&self, digest: &Digest) -> Result<bool, StoreError> {
        let path = self.blob_path(digest);
        let Some(list) = self.chunk_list(digest)? else { return Ok(false) };
        let file = std::fs::File::open(&path).map_err(StoreError::io("open", &path))?;
        let length = file.metadata().map_err(StoreError::io("look at", &path))?.len();
        // The last chunk first: a truncated file is found without reading all of it.
        if length != list.blob_size || sound_chunk(&file, &list, list.len() - 1).is_none() {
            return Ok(false);
        }
        Ok(scan(&file, &list).1 == Some(*digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_both_ends_and_no_index_twice() {
        assert_eq!(sample(0), Vec::<u32>::new());
        assert_eq!(sample(1), [0]);
        assert_eq!(sample(2), [0, 1]);
        assert_eq!(sample(8), [0, 1, 2, 3, 4, 5, 6, 7]);
        let many = sample(16_384);
        assert_eq!((many.len(), many.first(), many.last()), (8, Some(&0), Some(&16_383)));
        assert!(many.is_sorted());
    }
}
