//! Releases to publish: a small program, a link, and bytes that cannot be compressed, so that sizes are known.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use updraft_protocol::Digest;

/// What all test releases are of.
pub(crate) const COMPONENT: &str = "demo-app";
/// Bytes of the usual release: several chunks of 256 KiB.
pub(crate) const USUAL: usize = 2 * 1024 * 1024;
/// Later versions differ from the first by a short run in every so many bytes.
const EDIT_EVERY: usize = 256 * 1024;
/// Bytes of such a run.
const EDIT: usize = 512;

/// Writes a version into a folder below `place`, unless it is there, and gives the folder.
pub(crate) fn make(place: &Path, version: &str, size: usize) -> PathBuf {
    let folder = place.join("releases").join(version);
    if folder.exists() {
        return folder;
    }
    fs::create_dir_all(folder.join("bin")).expect("own folder");
    fs::create_dir_all(folder.join("share/empty")).expect("own folder");
    let program = folder.join("bin/app");
    fs::write(&program, format!("#!/bin/sh\necho {version}\n")).expect("own folder");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("own file");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("own folder");
    symlink("app", folder.join("bin/app-link")).expect("own folder");
    fs::write(folder.join("share/data.bin"), data(version, size)).expect("own folder");
    folder
}

fn data(version: &str, size: usize) -> Vec<u8> {
    let mut bytes = noise("first", size);
    if version != "1.0.0" {
        let news = noise(version, size.div_ceil(EDIT_EVERY) * EDIT);
        for (place, piece) in bytes.chunks_mut(EDIT_EVERY).zip(news.chunks(EDIT)) {
            place[..piece.len()].copy_from_slice(piece);
        }
    }
    bytes
}

/// Bytes that look random and are the same every time.
pub(crate) fn noise(seed: &str, size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size + 32);
    let mut state = Digest::of(seed.as_bytes());
    while bytes.len() < size {
        bytes.extend_from_slice(state.as_bytes());
        state = Digest::of(state.as_bytes());
    }
    bytes.truncate(size);
    bytes
}
