//! Writes a release to where a person wants it: whole, or not at all.
//!
//! Everything is written beside the destination and renamed into place at the end. A file takes the place of
//! a file; a folder takes the place of nothing. Paths come from a checked tree and cannot leave it.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, BufReader, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tempfile::TempDir;
use updraft_delta::{FileSink, TreeWriter, blob::decompress_whole};
use updraft_protocol::{FileMode, Node, Tree, TreePath};

use crate::problem::{Code, Problem};

/// Tells work on another thread that nobody waits for it any more. It does when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Wanted(Arc<AtomicBool>);

/// The other end of a [`Wanted`].
#[derive(Debug, Clone)]
pub(super) struct Abandoned(Arc<AtomicBool>);

impl Wanted {
    /// What the work looks at.
    pub(super) fn watched(&self) -> Abandoned {
        Abandoned(self.0.clone())
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Mode of folders.
const FOLDER_MODE: u32 = 0o755;

/// A folder beside the destination in which everything is prepared; gone when dropped.
#[derive(Debug)]
pub(super) struct Workplace {
    folder: TempDir,
    destination: PathBuf,
}

impl Workplace {
    /// Makes one for `destination`, and refuses early what would be refused at the end.
    pub(super) fn beside(destination: &Path, tree: &Tree) -> Result<Self, Problem> {
        let unusable = |error: &io::Error, path: &Path| {
            Problem::new(Code::FileUnusable, format!("`{}` cannot be written", path.display()))
                .because(Some(error))
        };
        match fs::symlink_metadata(destination) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unusable(&error, destination)),
            Ok(found) if found.is_file() && only_file(tree).is_some() => {}
            Ok(_) => {
                let detail = format!("`{}` is there already", destination.display());
                return Err(Problem::new(Code::FileUnusable, detail)
                    .hint("name another place with `--output`"));
            }
        }
        let parent = match destination.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let folder = tempfile::Builder::new()
            .prefix(".updraft-get-")
            .tempdir_in(parent)
            .map_err(|error| unusable(&error, parent))?;
        Ok(Self { folder, destination: destination.to_owned() })
    }

    /// Where the blob is kept while it comes in.
    pub(super) fn blob(&self) -> PathBuf {
        self.folder.path().join("blob")
    }

    /// Unpacks the blob, which is already verified, checks every file, and puts it all into place.
    ///
    /// Stops early, and leaves nothing, when the `Wanted` behind `abandoned` is dropped.
    pub(super) fn unpack(self, tree: &Tree, abandoned: &Abandoned) -> Result<(), Problem> {
        let root = self.folder.path().join("tree");
        let wrong = |error: &(dyn std::error::Error + 'static)| {
            let text =
                format!("the release cannot be unpacked to `{}`", self.destination.display());
            Problem::new(code_of(error), text).because(Some(error))
        };
        let written = write_tree(tree, &root, &self.blob(), abandoned);
        written.map_err(|error| wrong(&*error))?;
        let from = only_file(tree).map_or_else(|| root.clone(), |path| under(&root, path));
        let placed =
            fs::rename(from, &self.destination).and_then(|()| sync_parent(&self.destination));
        placed.map_err(|error| wrong(&error))
    }
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
    make_folder(root)?;
    for entry in tree.entries.iter().filter(|entry| entry.node == Node::Folder) {
        make_folder(&under(root, &entry.path))?;
    }
    let mut writer = TreeWriter::new(tree, Files { root, abandoned, open: None });
    let blob = BufReader::new(File::open(blob)?);
    if let Err(error) = decompress_whole(blob, tree.content_size(), &mut writer) {
        // What the tree says about the bytes is nearer to the cause than what the stream says.
        return Err(writer.failure().map_or_else(|| error.into(), Into::into));
    }
    writer.finish()?;
    for entry in &tree.entries {
        if let Node::Link { target } = &entry.node {
            symlink(target.as_str(), under(root, &entry.path))?;
        }
    }
    Ok(())
}

fn make_folder(path: &Path) -> io::Result<()> {
    fs::create_dir(path)?;
    fs::set_permissions(path, Permissions::from_mode(FOLDER_MODE))
}

fn under(root: &Path, path: &TreePath) -> PathBuf {
    path.segments().fold(root.to_owned(), |path, segment| path.join(segment))
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

/// Contents that are not what was signed are a matter of trust, everything else one of files.
fn code_of(error: &(dyn std::error::Error + 'static)) -> Code {
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

/// Writes files below a folder.
#[derive(Debug)]
struct Files<'a> {
    root: &'a Path,
    abandoned: &'a Abandoned,
    open: Option<File>,
}

impl FileSink for Files<'_> {
    fn begin(&mut self, path: &TreePath, mode: FileMode, _size: u64) -> io::Result<()> {
        let path = under(self.root, path);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.set_permissions(Permissions::from_mode(mode.bits()))?;
        self.open = Some(file);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.abandoned.0.load(Ordering::Relaxed) {
            return Err(io::Error::other("nobody waits for it any more"));
        }
        match &mut self.open {
            Some(file) => file.write_all(bytes),
            None => Err(io::Error::other("bytes before the first file")),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.open.take().map_or(Ok(()), |file| file.sync_all())
    }
}

#[cfg(test)]
mod tests {
    use updraft_protocol::{Digest, Entry};

    use super::*;

    #[test]
    fn work_that_nobody_waits_for_stops_and_leaves_nothing() {
        let folder = TempDir::new().expect("a folder");
        let contents = vec![7; 1_000];
        let node = Node::File { mode: FileMode::Plain, size: 1_000, digest: Digest::of(&contents) };
        let entry = Entry { path: "file".parse().expect("a path"), node };
        let tree = Tree { entries: vec![entry] };
        let place = Workplace::beside(&folder.path().join("x"), &tree).expect("a place");
        let packed = File::create(place.blob()).expect("a file");
        let level = updraft_delta::Level::default();
        updraft_delta::blob::compress_whole(&*contents, 1_000, level, packed).expect("packs");
        let wanted = Wanted::default();
        let abandoned = wanted.watched();
        drop(wanted);
        place.unpack(&tree, &abandoned).expect_err("abandoned");
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0);
    }
}
