//! The store's promises, on real folders: what is refused leaves no trace, what rots is not served, what was
//! kept is there after a restart.

mod believed;
mod bytes;
mod mended;

use std::{collections::BTreeMap, fs, path::Path};

use tempfile::TempDir;
use updraft_protocol::{Blob, ChunkList, Digest, ObjectRef, codec, limits::MIN_CHUNK};

use super::*;

const OPTIONS: StoreOptions =
    StoreOptions { max_size: 1 << 30, min_free_disk: 0, verify: VerifyOnStart::None };

fn open(dir: &TempDir) -> Store {
    open_with(dir, OPTIONS)
}

fn open_with(dir: &TempDir, options: StoreOptions) -> Store {
    Store::open(dir.path(), options).expect("opens")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// A blob of `size` bytes that no two of its chunks share.
fn sample(size: usize) -> (Vec<u8>, Blob, ChunkList) {
    let mut bytes = vec![0; size];
    blake3::Hasher::new().update(b"sample").finalize_xof().fill(&mut bytes);
    let chunk = usize::try_from(MIN_CHUNK).expect("fits");
    let list = ChunkList {
        blob_size: size as u64,
        chunk_size: MIN_CHUNK,
        digests: bytes.chunks(chunk).map(Digest::of).collect(),
    };
    let chunks = ObjectRef::of(&codec::encode(&list).expect("a list")).expect("small");
    (bytes.clone(), Blob { digest: Digest::of(&bytes), size: size as u64, chunks }, list)
}

fn chunk<'a>(bytes: &'a [u8], list: &ChunkList, index: u32) -> &'a [u8] {
    let span = list.span(index).expect("in range");
    let start = usize::try_from(span.offset).expect("fits");
    &bytes[start..start + usize::try_from(span.len).expect("fits")]
}

const SIZE: usize = 4 * 65_536 + 100;

/// Every file outside the database and its contents. The database is compared by what it answers.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).expect("inside").display().to_string();
                found.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }
    found
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).expect("a file");
    bytes[at] ^= 1;
    fs::write(path, bytes).expect("writes");
}
