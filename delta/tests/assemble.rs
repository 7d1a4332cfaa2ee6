//! The whole way of a release: contents to blobs at the publisher, blobs to checked files at a node.

mod generate;

use std::{collections::BTreeMap, io};

use updraft_delta::{
    AssembleError, Blame, Contents, FileSink, FileSource, Level, ReadAt as _, Route, SplitError,
    assemble, assemble_tree,
    offer::{self, Offer, Offers},
};
use updraft_protocol::{Digest, Entry, FileMode, Node, PatchOffer, Tree, TreePath};

/// The files of one version.
#[derive(Debug, Default, PartialEq)]
struct Files(BTreeMap<TreePath, Vec<u8>>);

impl Files {
    fn of(files: &[(&str, Vec<u8>)]) -> Self {
        let named = files.iter().map(|(name, bytes)| (name.parse().expect("path"), bytes.clone()));
        Self(named.collect())
    }

    fn tree(&self) -> Tree {
        let entries = self.0.iter().map(|(path, bytes)| {
            let (size, digest) = (bytes.len() as u64, Digest::of(bytes));
            Entry { path: path.clone(), node: Node::File { mode: FileMode::Plain, size, digest } }
        });
        Tree { entries: entries.collect() }
    }

    fn contents(&self) -> Vec<u8> {
        self.0.values().flatten().copied().collect()
    }
}

impl FileSource for &Files {
    fn read_exact_at(&self, path: &TreePath, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.0[path].read_exact_at(offset, buf)
    }
}

/// Keeps finished files only.
#[derive(Debug, Default)]
struct Staged {
    finished: Files,
    open: Option<(TreePath, Vec<u8>)>,
    room: Option<usize>,
}

impl FileSink for Staged {
    fn begin(&mut self, path: &TreePath, _: FileMode, _: u64) -> io::Result<()> {
        self.open = Some((path.clone(), Vec::new()));
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(room) = &mut self.room {
            *room = room
                .checked_sub(bytes.len())
                .ok_or_else(|| io::Error::from(io::ErrorKind::StorageFull))?;
        }
        self.open.as_mut().expect("begun").1.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.finished.0.extend(self.open.take());
        Ok(())
    }
}

/// A published release: its files, both of its blobs and the routes through them.
struct Release {
    old: Files,
    new: Files,
    whole: Vec<u8>,
    patch: Vec<u8>,
    by_whole: Route,
    by_patch: Route,
}

fn release() -> Release {
    let program = generate::program(1, 300_000);
    let notes = b"version 1\n".to_vec();
    let old = Files::of(&[("app", program.clone()), ("empty", Vec::new()), ("notes", notes)]);
    let new = Files::of(&[
        ("app", generate::next_version(&program, 2)),
        ("empty", Vec::new()),
        ("help", b"a new file\n".to_vec()),
        ("notes", b"version 2\n".to_vec()),
    ]);
    let (before, after) = (old.contents(), new.contents());
    let mut whole = Vec::new();
    let described =
        offer::whole(&new.tree(), || &*after, Level::FAST, &mut whole).expect("memory holds it");
    let made = offer::patch(&before, &after, Level::FAST, whole.len() as u64).expect("small");
    let Offers::Made(mut offers) = made else { panic!("worth it") };
    let Offer { codec, bytes: patch, described: patched } = offers.remove(0);
    let by_patch = Route::Patch(PatchOffer {
        from: "1.0.0".parse().expect("a version"),
        from_tree: Digest::of(b"old tree"),
        codec,
        blob: patched.blob,
    });
    Release { old, new, whole, patch, by_whole: Route::Whole(described.blob), by_patch }
}

#[test]
fn both_routes_end_in_the_same_files() {
    let release = release();
    let tree = release.new.tree();
    let installed = release.old.tree();
    let base = Contents::new(&installed, &release.old);
    let nothing: &[u8] = &[];
    let whole = assemble_tree(&release.by_whole, &tree, &release.whole, nothing, Staged::default());
    assert_eq!(whole.expect("unpacks").finished, release.new);
    let patched = assemble_tree(&release.by_patch, &tree, &release.patch, &base, Staged::default());
    assert_eq!(patched.expect("applies").finished, release.new);
    assert!(release.patch.len() * 2 < release.whole.len());
}

#[test]
fn an_installed_file_that_changed_blames_the_base() {
    let mut release = release();
    release.old.0.values_mut().next().expect("a file")[1000] ^= 1;
    let installed = release.old.tree();
    let base = Contents::new(&installed, &release.old);
    let mut out = Vec::new();
    let size = release.new.contents().len() as u64;
    let error = assemble(&release.by_patch, size, &release.patch, &base, &mut out)
        .expect_err("another base");
    assert_eq!(error.blame(), Blame::Base);
    assert!(out.is_empty());
}

#[test]
fn a_blob_that_is_damaged_or_of_another_size_blames_the_blob() {
    let release = release();
    let tree = release.new.tree();
    let base = release.old.contents();
    for (route, blob) in [(&release.by_whole, &release.whole), (&release.by_patch, &release.patch)]
    {
        for at in [0, blob.len() / 2, blob.len() - 1] {
            let mut damaged = blob.clone();
            damaged[at] ^= 0x40;
            let error = assemble_tree(route, &tree, &damaged, &base, Staged::default())
                .expect_err("damaged");
            assert_eq!(error.blame(), Blame::Blob, "byte {at}: {error:?}");
        }
        let error = assemble_tree(route, &tree, &blob[1..], &base, Staged::default())
            .expect_err("too short");
        assert!(matches!(error, AssembleError::BlobSize { .. }));
        assert_eq!(error.blame(), Blame::Blob);
    }
}

#[test]
fn contents_of_another_tree_name_the_first_wrong_file() {
    let release = release();
    let mut tree = release.new.tree();
    for entry in &mut tree.entries {
        if let Node::File { digest, .. } = &mut entry.node
            && entry.path.as_str() == "help"
        {
            *digest = Digest::of(b"something else");
        }
    }
    let nothing: &[u8] = &[];
    let error = assemble_tree(&release.by_whole, &tree, &release.whole, nothing, Staged::default())
        .expect_err("another tree");
    let AssembleError::Split(SplitError::WrongFile { path, .. }) = error else {
        panic!("{error:?}")
    };
    assert_eq!(path.as_str(), "help");
}

#[test]
fn a_full_disk_blames_this_machine_on_every_route() {
    let release = release();
    let tree = release.new.tree();
    let base = release.old.contents();
    for (route, blob) in [(&release.by_whole, &release.whole), (&release.by_patch, &release.patch)]
    {
        let full = Staged { room: Some(200_000), ..Staged::default() };
        let error = assemble_tree(route, &tree, blob, &base, full).expect_err("full");
        assert!(matches!(error, AssembleError::Split(SplitError::Sink { .. })), "{error:?}");
        assert_eq!(error.blame(), Blame::Here);
    }
}
