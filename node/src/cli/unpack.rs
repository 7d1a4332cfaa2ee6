//! Writes a release to where a person wants it: whole, or not at all.
//!
//! How that is done, [`workplace`](super::workplace) knows; here is what is written, and that every file is checked.
//! Nothing is believed of a blob but what the tree says.

use std::{fs::File, path::Path};

use updraft_delta::{FolderSink as _, TreeWriter, blob::decompress_whole};
use updraft_protocol::{Node, Tree, TreePath};

use super::workplace::{Abandoned, Files, Over, Workplace, under};
use crate::{
    plain::PlainFile,
    problem::{Code, Problem},
};

/// A place beside the destination for this release. A file takes the place of a file.
pub(super) fn beside(destination: &Path, tree: &Tree) -> Result<Workplace, Problem> {
    let over = if only_file(tree).is_some() { Over::File } else { Over::Nothing };
    Workplace::beside(destination, over, "name another place with `--output`")
}

/// Where the blob is kept while it comes in.
pub(super) const BLOB: &str = "blob";

/// Unpacks the blob, which is already verified, checks every file, and puts it all into place.
///
/// Stops early, and leaves nothing, when the `Wanted` behind `abandoned` is dropped.
pub(super) fn unpack(place: Workplace, tree: &Tree, abandoned: &Abandoned) -> Result<(), Problem> {
    let root = place.path("tree");
    let destination = place.destination().display().to_string();
    let wrong = |error: &(dyn std::error::Error + 'static)| {
        let text = format!("the release cannot be unpacked to `{destination}`");
        Problem::new(code_of(error), text).because(Some(error))
    };
    let written = write_tree(tree, &root, &place.path(BLOB), abandoned);
    written.map_err(|error| wrong(&*error))?;
    let from = only_file(tree).map_or_else(|| root.clone(), |path| under(&root, path));
    place.place(&from).map_err(|error| wrong(&error))
}

/// The path of the one file, of a release that is a single file.
pub(super) fn only_file(tree: &Tree) -> Option<&TreePath> {
    match tree.entries.as_slice() {
        [entry] if matches!(entry.node, Node::File { .. }) => Some(&entry.path),
        _ => None,
    }
}

type AnyError = Box<dyn std::error::Error + Send + Sync + 'static>;

fn write_tree(
    tree: &Tree,
    root: &Path,
    blob: &Path,
    abandoned: &Abandoned,
) -> Result<(), AnyError> {
    let mut files = Files::below(root, abandoned)?;
    for entry in tree.entries.iter().filter(|entry| entry.node == Node::Folder) {
        files.folder(&entry.path)?;
    }
    let mut writer = TreeWriter::new(tree, files);
    let blob = PlainFile::new(File::open(blob)?)?;
    if let Err(error) = decompress_whole(&blob, tree.content_size(), &mut writer) {
        // What the tree says about the bytes is nearer to the cause than what the stream says.
        return Err(writer.failure().map_or_else(|| error.into(), Into::into));
    }
    let mut files = writer.finish()?;
    for entry in &tree.entries {
        if let Node::Link { target } = &entry.node {
            files.link(&entry.path, target)?;
        }
    }
    Ok(files.sync()?)
}

/// Contents that are not what was signed are a matter of trust, everything else one of files.
fn code_of(error: &(dyn std::error::Error + 'static)) -> Code {
    use std::io;

    use updraft_delta::{BlobError, SplitError};
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::DiskFull,
                _ => Code::FileUnusable,
            };
        }
        let is_content = matches!(
            error.downcast_ref::<SplitError>(),
            Some(SplitError::TooLong | SplitError::TooShort { .. } | SplitError::WrongFile { .. })
        ) || matches!(
            error.downcast_ref::<BlobError>(),
            Some(BlobError::Frame(_) | BlobError::Size { .. })
        );
        if is_content {
            return Code::ChunkMismatch;
        }
        next = error.source();
    }
    Code::FileUnusable
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;
    use updraft_delta::blob::{Cut, compress_whole};
    use updraft_protocol::{Digest, Entry, FileMode};

    use super::{super::workplace::Wanted, *};

    #[test]
    fn work_that_nobody_waits_for_stops_and_leaves_nothing() {
        let folder = TempDir::new().expect("a folder");
        let contents = vec![7; 1_000];
        let node = Node::File { mode: FileMode::Plain, size: 1_000, digest: Digest::of(&contents) };
        let entry = Entry { path: "file".parse().expect("a path"), node };
        let tree = Tree { entries: vec![entry] };
        let place = beside(&folder.path().join("x"), &tree).expect("a place");
        let packed = File::create(place.path(BLOB)).expect("a file");
        let level = updraft_delta::Level::default();
        compress_whole(&*contents, &Cut::nowhere(1_000), level, packed).expect("packs");
        let wanted = Wanted::default();
        let abandoned = wanted.watched();
        drop(wanted);
        unpack(place, &tree, &abandoned).expect_err("abandoned");
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0);
    }
}
