//! Compares what lies on the disk with a listing: every path, kind, mode, size and digest, and nothing extra.
//!
//! Reads through handles opened for this and trusts nothing that was known while writing.

use std::{collections::BTreeMap, io};

use updraft_protocol::{Digest, FileMode, Hasher, Node, ReleaseVersion, Tree};

use super::{
    beneath::Folder,
    disk::{DiskFile, Kind},
    error::InstallError,
};

/// Mode of every folder of a version.
pub(super) const FOLDER_MODE: u32 = 0o755;

const BUFFER: usize = 256 * 1024;

/// Checks the version in `top`.
pub(super) fn check(
    top: &Folder,
    version: &ReleaseVersion,
    tree: &Tree,
) -> Result<(), InstallError> {
    let expected: BTreeMap<&str, &Node> =
        tree.entries.iter().map(|entry| (entry.path.as_str(), &entry.node)).collect();
    let mut check = Check { version, expected, found: 0 };
    check.folder(top, "")?;
    if check.found == check.expected.len() {
        return Ok(());
    }
    // Each name that was found is in the listing and was found once, so one of the listing was not.
    let missing = tree.entries.iter().find(|entry| {
        let (parent, name) = split(entry.path.as_str());
        !matches!(top.folder(parent).and_then(|folder| folder.look_at(name)), Ok(Some(_)))
    });
    let path = missing.map_or("", |entry| entry.path.as_str());
    Err(check.differs(path, "is missing"))
}

/// The folder of a path and its last name.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

struct Check<'a> {
    version: &'a ReleaseVersion,
    expected: BTreeMap<&'a str, &'a Node>,
    found: usize,
}

impl Check<'_> {
    fn differs(&self, path: &str, what: &'static str) -> InstallError {
        InstallError::Differs { version: self.version.clone(), path: path.to_owned(), what }
    }

    /// Goes no deeper than the listing: a folder that is not in it is a difference.
    fn folder(&mut self, folder: &Folder, path: &str) -> Result<(), InstallError> {
        if folder.look_at_self()?.mode != FOLDER_MODE {
            return Err(self.differs(path, "has another mode"));
        }
        for name in folder.raw_names()? {
            let name = name.map_err(|_| self.differs(path, "has a name that is not UTF-8"))?;
            let inner = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            let Some(node) = self.expected.get(inner.as_str()).copied() else {
                return Err(self.differs(&inner, "does not belong there"));
            };
            self.found += 1;
            let kind = folder.look_at(&name)?.map(|found| found.kind);
            match (node, kind) {
                (Node::Folder, Some(Kind::Folder)) => {
                    self.folder(&folder.folder(&name)?, &inner)?
                }
                (Node::Link { target }, Some(Kind::Link)) => {
                    if folder.link_text(&name)?.as_deref() != Some(target.as_str().as_bytes()) {
                        return Err(self.differs(&inner, "links elsewhere"));
                    }
                }
                (Node::File { mode, size, digest }, Some(Kind::File)) => {
                    let file =
                        folder.file(&name)?.ok_or_else(|| self.differs(&inner, "is gone"))?;
                    let judged = judge_file(file, *mode, *size, digest)
                        .map_err(InstallError::io("read", folder.path_of(&name)))?;
                    judged.map_err(|what| self.differs(&inner, what))?;
                }
                _ => return Err(self.differs(&inner, "is of another kind")),
            }
        }
        Ok(())
    }
}

fn judge_file(
    mut file: Box<dyn DiskFile>,
    mode: FileMode,
    size: u64,
    digest: &Digest,
) -> io::Result<Result<(), &'static str>> {
    let found = file.look_at()?;
    if found.kind != Kind::File {
        return Ok(Err("is of another kind"));
    }
    if found.mode != mode.bits() {
        return Ok(Err("has another mode"));
    }
    if found.size != size {
        return Ok(Err("has another size"));
    }
    let (mut hasher, mut read, mut buffer) = (Hasher::new(), 0_u64, vec![0; BUFFER]);
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        read = read.saturating_add(count as u64);
        if read > size {
            return Ok(Err("has another size"));
        }
        hasher.update(&buffer[..count]);
    }
    let is_right = read == size && hasher.finish() == *digest;
    Ok(if is_right { Ok(()) } else { Err("has other contents") })
}
