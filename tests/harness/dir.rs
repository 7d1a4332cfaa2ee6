//! Folders of tests, and two ways to compare them: as what is kept, and as what is installed.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use updraft_protocol::Digest;

use super::until;

/// A folder that goes with its test.
pub(crate) fn folder() -> TempDir {
    tempfile::Builder::new().prefix("updraft-e2e-").tempdir().expect("a folder")
}

/// Every file and link below a folder: mode and contents, or where the link leads.
pub(crate) fn snapshot(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    walk(folder, folder, &mut found);
    found
}

/// What a node has to find again after a restart: everything in its data directory but its log, the files that
/// exist only while it runs, and the record of requests, in which a refused one belongs.
pub(crate) fn state(data: &Path) -> BTreeMap<PathBuf, String> {
    let passing = ["run", "updraft.log", "audit.jsonl", "http.addr", "lock"];
    let mut found = snapshot(data);
    found.retain(|path, _| !passing.iter().any(|name| path.starts_with(name)));
    found
}

/// The state of a running node once nothing writes any more: two looks in a row are the same.
#[track_caller]
pub(crate) fn settled(data: &Path) -> BTreeMap<PathBuf, String> {
    let mut last = state(data);
    until("a state that stays", || {
        let next = state(data);
        let same = next == last;
        last.clone_from(&next);
        same.then_some(next)
    })
}

fn walk(top: &Path, folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).expect("a folder that can be read") {
        let path = entry.expect("an entry").path();
        // A running node may remove a file between the listing and this look.
        let Ok(facts) = fs::symlink_metadata(&path) else { continue };
        let name = path.strip_prefix(top).expect("below the top").to_owned();
        let mode = facts.permissions().mode() & 0o777;
        if facts.is_dir() {
            found.insert(name, format!("folder {mode:o}"));
            walk(top, &path, found);
        } else if facts.is_symlink() {
            let target = fs::read_link(&path).expect("a link");
            found.insert(name, format!("link to {}", target.display()));
        } else if facts.is_file() {
            let Ok(bytes) = fs::read(&path) else { continue };
            found.insert(name, format!("file {mode:o} {}", Digest::of(&bytes)));
        } else {
            found.insert(name, "special".to_owned());
        }
    }
}
