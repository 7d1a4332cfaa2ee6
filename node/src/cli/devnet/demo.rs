//! The two releases of `demo-app` that a development network publishes when a person has none at hand.
//!
//! A small program and a data file that cannot be compressed, most of which stays the same: the shape of real
//! releases, where a patch pays and a whole artifact takes several chunks.

use std::{fs, io, os::unix::fs::PermissionsExt as _, path::Path};

use updraft_protocol::Digest;

/// Bytes of the data file: 24 chunks, so that every node finds something that others do not have yet.
const DATA: usize = 6 * 1024 * 1024;
/// In the second release every so many bytes a short run is new.
const EDIT_EVERY: usize = 256 * 1024;
/// Bytes of such a run.
const EDIT: usize = 2_048;

/// Writes the tree of a release into `folder`.
pub(super) fn write(folder: &Path, version: &str) -> io::Result<()> {
    fs::create_dir_all(folder.join("bin"))?;
    fs::create_dir_all(folder.join("share"))?;
    let program = folder.join("bin/demo-app");
    fs::write(&program, format!("#!/bin/sh\necho \"demo-app {version}\"\n"))?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    fs::write(folder.join("share/VERSION"), format!("{version}\n"))?;
    fs::write(folder.join("share/data.bin"), data(version))
}

fn data(version: &str) -> Vec<u8> {
    let mut bytes = noise("demo-app", DATA);
    if version != "1.0.0" {
        let news = noise(version, DATA / EDIT_EVERY * EDIT);
        for (place, piece) in bytes.chunks_mut(EDIT_EVERY).zip(news.chunks(EDIT)) {
            place[..piece.len()].copy_from_slice(piece);
        }
    }
    bytes
}

/// Bytes that look random and are the same every time.
fn noise(seed: &str, len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len + 32);
    let mut state = Digest::of(seed.as_bytes());
    while bytes.len() < len {
        bytes.extend_from_slice(state.as_bytes());
        state = Digest::of(state.as_bytes());
    }
    bytes.truncate(len);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_releases_differ_in_a_small_part() {
        let (old, new) = (data("1.0.0"), data("1.1.0"));
        assert_eq!(old.len(), new.len());
        let changed = old.iter().zip(&new).filter(|(a, b)| a != b).count();
        assert!(changed > 0 && changed < DATA / 20, "{changed} bytes differ");
    }
}
