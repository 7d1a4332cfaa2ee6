//! The promises of the room, on real folders.

mod ahead;
mod crash;
mod hostile;
mod machine;
mod usual;

use std::{
    collections::BTreeSet,
    convert::Infallible,
    fs,
    io::Write,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use updraft_protocol::{
    Digest, Entry, FileMode, LinkTarget, Node, ReleaseVersion, Timestamp, Tree, codec,
};

use super::{
    InstallError, Installer, Pointer,
    steps::{Fault, Steps},
};

/// Tests sync thousands of times; a file system in memory takes a minute off them where there is one.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder")
}

fn version(text: &str) -> ReleaseVersion {
    text.parse().expect("a version")
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

/// A release with all that a release can have.
struct Release {
    version: ReleaseVersion,
    tree: Tree,
    digest: Digest,
    contents: Vec<u8>,
}

fn file(path: &str, mode: FileMode, bytes: &[u8]) -> (Entry, Vec<u8>) {
    let node = Node::File { mode, size: bytes.len() as u64, digest: Digest::of(bytes) };
    (Entry { path: path.parse().expect("a path"), node }, bytes.to_vec())
}

fn other(path: &str, node: Node) -> (Entry, Vec<u8>) {
    (Entry { path: path.parse().expect("a path"), node }, Vec::new())
}

fn release_of(name: &str, mut parts: Vec<(Entry, Vec<u8>)>) -> Release {
    parts.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
    let contents = parts.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
    let tree = Tree { entries: parts.into_iter().map(|(entry, _)| entry).collect() };
    let digest = Digest::of(&codec::encode(&tree).expect("a tree"));
    Release { version: version(name), tree, digest, contents }
}

fn release(name: &str) -> Release {
    let big: Vec<u8> = name.bytes().cycle().take(9_000).collect();
    release_of(
        name,
        vec![
            other("bin", Node::Folder),
            file("bin/app", FileMode::Executable, format!("#!/bin/sh\necho {name}\n").as_bytes()),
            file("empty", FileMode::Plain, b""),
            other("hollow", Node::Folder),
            other("latest", Node::Link { target: LinkTarget::new("bin/app") }),
            other("lib", Node::Folder),
            file("lib/big", FileMode::Plain, &big),
            other("lib/deep", Node::Folder),
            other("lib/deep/up", Node::Link { target: LinkTarget::new("../../empty") }),
            file("lib/deep/zero", FileMode::Executable, b""),
            file("z", FileMode::Plain, name.as_bytes()),
        ],
    )
}

fn root(dir: &TempDir) -> PathBuf {
    dir.path().join("components/demo-app")
}

fn open_with(dir: &TempDir, fault: Fault) -> (Result<Installer, InstallError>, Steps) {
    let steps = Steps::with(fault);
    let name = "demo-app".parse().expect("a name");
    (Installer::open_with(&root(dir), name, 0, steps.clone()), steps)
}

fn open(dir: &TempDir) -> Installer {
    open_with(dir, Fault::None).0.expect("opens")
}

fn stage(installer: &mut Installer, release: &Release) -> Result<(), InstallError> {
    let fill = |out: &mut dyn Write| {
        // In pieces that end nowhere in particular.
        release.contents.chunks(997).try_for_each(|piece| out.write_all(piece))
    };
    installer.stage(&release.version, &release.digest, &release.tree, fill).map(drop)
}

fn install(installer: &mut Installer, release: &Release, seconds: u64) -> Result<(), InstallError> {
    stage(installer, release)?;
    installer.switch(&release.version, at(seconds))?;
    installer.commit(&release.version)
}

/// A folder with 1.0.0 and then 1.1.0 installed.
fn with_two() -> TempDir {
    let dir = folder();
    let mut installer = open(&dir);
    install(&mut installer, &release("1.0.0"), 1).expect("installs");
    install(&mut installer, &release("1.1.0"), 2).expect("installs");
    dir
}

/// The same, and 1.2.0 is ready for a later day.
fn with_one_ahead() -> TempDir {
    let dir = with_two();
    stage(&mut open(&dir), &release("1.2.0")).expect("staged");
    dir
}

/// Nothing was staged ahead.
fn none() -> BTreeSet<ReleaseVersion> {
    BTreeSet::new()
}

fn live(dir: &TempDir) -> Option<String> {
    let text = fs::read_link(root(dir).join("current")).ok()?;
    Some(text.to_str()?.strip_prefix("versions/")?.to_owned())
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into())
        .collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("is there").permissions().mode() & 0o7777
}

fn no_fill(_: &mut dyn Write) -> Result<(), Infallible> {
    Ok(())
}
