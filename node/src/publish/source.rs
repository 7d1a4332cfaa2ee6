//! Reads what is to be published or compared: one file, or a directory tree, in one order on every machine.
//!
//! Regular files, directories and relative symbolic links that stay inside are taken, with modes 0644 and 0755.
//! Everything else is refused by name, all of it at once, so that a person mends it once. Each file is hashed
//! when the tree is listed and again when its bytes are used: a file that changes in between stops the work.
//! Must never follow a link below the named path, and never wait on a fifo.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::{Mode, OFlags};
use updraft_protocol::{
    Digest, Entry, FileMode, Hasher, LinkTarget, Node, Tree, TreePath,
    codec::{Invalid, Wire as _},
    limits::{MAX_PATH_DEPTH, MAX_TREE_BYTES, MAX_TREE_ENTRIES},
};

/// Refusals collected before reading stops; a person mends a few and sees the rest next time.
const MAX_REFUSALS: usize = 20;
/// Memory one read takes.
const PIECE: usize = 256 * 1024;

/// One thing that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` {reason}")]
pub struct Refusal {
    /// The path as a person would find it; text that is not UTF-8 is shown as near as possible.
    pub path: String,
    /// Why not, as the rest of a sentence.
    pub reason: String,
}

/// Why a path cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Nothing is there.
    #[error("{0} does not exist")]
    Missing(PathBuf),
    /// Some things in it cannot be taken.
    #[error("{path} cannot be taken as it is: {first}")]
    Refused {
        /// What was to be taken.
        path: PathBuf,
        /// The first in order.
        first: Refusal,
        /// The others, at most 19.
        others: Vec<Refusal>,
    },
    /// More than a release may have.
    #[error("{path} cannot be taken as it is: {rule}")]
    TooLarge {
        /// What was to be taken.
        path: PathBuf,
        /// The broken rule.
        rule: Invalid,
    },
    /// A file is not what it was a moment ago.
    #[error("`{0}` changed while it was read; name a copy that nobody writes to")]
    Changed(PathBuf),
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// What is taken: the listing, and where the bytes are.
#[derive(Debug, Clone)]
pub struct Source {
    path: PathBuf,
    tree: Tree,
    /// The regular files in the order of the tree.
    files: Vec<ListedFile>,
}

/// A regular file as it was when it was listed.
#[derive(Debug, Clone)]
struct ListedFile {
    path: PathBuf,
    size: u64,
    digest: Digest,
}

impl Source {
    /// Lists and hashes the file or directory at `path`. A link at `path` itself is followed: it is what the
    /// person named.
    ///
    /// # Errors
    /// Every [`SourceError`].
    pub fn read(path: &Path) -> Result<Self, SourceError> {
        let unreadable = |source| SourceError::Unreadable { path: path.to_owned(), source };
        let root = fs::canonicalize(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => SourceError::Missing(path.to_owned()),
            _ => unreadable(error),
        })?;
        let facts = fs::metadata(&root).map_err(unreadable)?;
        let mut walk = Walk::new(path, &root);
        if facts.is_dir() {
            walk.folder(&root, None, 0)?;
        } else {
            // Named as the person named it, not as a link's end is called.
            walk.entry(&root, path.file_name().map(Path::new).unwrap_or(&root), None, 0)?;
        }
        walk.finish()
    }

    /// The listing.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// What was named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All contents in the order of the listing, as one stream. Reading fails with a [`SourceError`] inside
    /// the [`io::Error`] when a file is not what the listing says.
    pub fn contents(&self) -> Contents<'_> {
        Contents { source: self, next: 0, open: None }
    }
}

/// Collects entries and refusals.
struct Walk<'a> {
    named: &'a Path,
    root: &'a Path,
    entries: Vec<(Entry, Option<ListedFile>)>,
    folded: BTreeMap<String, TreePath>,
    bytes: u64,
    refusals: Vec<Refusal>,
}

impl<'a> Walk<'a> {
    fn new(named: &'a Path, root: &'a Path) -> Self {
        Self {
            named,
            root,
            entries: Vec::new(),
            folded: BTreeMap::new(),
            bytes: 0,
            refusals: Vec::new(),
        }
    }

    fn refuse(&mut self, path: impl Into<String>, reason: impl Into<String>) {
        if self.refusals.len() < MAX_REFUSALS {
            self.refusals.push(Refusal { path: path.into(), reason: reason.into() });
        }
    }

    fn too_large(&self, rule: Invalid) -> SourceError {
        SourceError::TooLarge { path: self.named.to_owned(), rule }
    }

    fn folder(
        &mut self,
        folder: &Path,
        at: Option<&TreePath>,
        depth: usize,
    ) -> Result<(), SourceError> {
        let shown = at.map_or_else(|| ".".to_owned(), ToString::to_string);
        let entries = match fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) => {
                self.refuse(shown, format!("cannot be read: {error}"));
                return Ok(());
            }
        };
        let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            if self.refusals.len() >= MAX_REFUSALS {
                return Ok(());
            }
            let name = path.file_name().map(PathBuf::from).unwrap_or_default();
            self.entry(&path, &name, at, depth)?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        path: &Path,
        name: &Path,
        parent: Option<&TreePath>,
        depth: usize,
    ) -> Result<(), SourceError> {
        let shown = match parent {
            Some(parent) => format!("{parent}/{}", name.display()),
            None => name.display().to_string(),
        };
        let Some(name) = name.to_str() else {
            self.refuse(shown, "has a name that is not UTF-8");
            return Ok(());
        };
        let text = parent.map_or_else(|| name.to_owned(), |parent| format!("{parent}/{name}"));
        let at: TreePath = match text.parse() {
            Ok(at) => at,
            Err(error) => {
                self.refuse(shown, format!("cannot be taken: {}", error.reason));
                return Ok(());
            }
        };
        if let Some(other) = self.folded.insert(at.folded(), at.clone()) {
            let reason =
                format!("and `{other}` are one name where case or Unicode form is ignored");
            self.refuse(shown, reason);
            return Ok(());
        }
        Invalid::if_over("entries", self.entries.len() + 1, MAX_TREE_ENTRIES)
            .map_err(|rule| self.too_large(rule))?;
        match fs::symlink_metadata(path) {
            Ok(facts) if facts.is_file() => self.file(path, at)?,
            Ok(facts) if facts.is_symlink() => self.link(path, at),
            Ok(facts) if facts.is_dir() => {
                self.entries.push((Entry { path: at.clone(), node: Node::Folder }, None));
                if depth < MAX_PATH_DEPTH {
                    self.folder(path, Some(&at), depth + 1)?;
                }
            }
            Ok(facts) => self.refuse(shown, kind_of(facts.file_type())),
            Err(error) => self.refuse(shown, format!("cannot be read: {error}")),
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, at: TreePath) -> Result<(), SourceError> {
        let read = open(path).and_then(|file| {
            let facts = file.metadata()?;
            Ok((hash(file)?, facts))
        });
        match read {
            Ok(((digest, size), facts)) => {
                if size != facts.len() {
                    return Err(SourceError::Changed(path.to_owned()));
                }
                self.bytes = self.bytes.saturating_add(size);
                if self.bytes > MAX_TREE_BYTES {
                    let rule = format!("are over {MAX_TREE_BYTES} bytes");
                    return Err(self.too_large(Invalid::new("contents", rule)));
                }
                let node = Node::File { mode: FileMode::from_bits(facts.mode()), size, digest };
                let listed = ListedFile { path: path.to_owned(), size, digest };
                self.entries.push((Entry { path: at, node }, Some(listed)));
            }
            Err(error) => self.refuse(at.as_str(), format!("cannot be read: {error}")),
        }
        Ok(())
    }

    fn link(&mut self, path: &Path, at: TreePath) {
        let target = match fs::read_link(path) {
            Ok(target) => target,
            Err(error) => return self.refuse(at.as_str(), format!("cannot be read: {error}")),
        };
        let Some(text) = target.to_str() else {
            return self.refuse(at.as_str(), "links to a name that is not UTF-8");
        };
        let target = LinkTarget::new(text);
        if let Some(rule) = target.broken_rule(&at) {
            return self.refuse(at.as_str(), rule);
        }
        // The text alone cannot tell whether anything is there.
        match fs::canonicalize(path) {
            Ok(end) if end.starts_with(self.root) => {
                self.entries.push((Entry { path: at, node: Node::Link { target } }, None));
            }
            Ok(_) => self.refuse(at.as_str(), "links to a place outside"),
            Err(error) => {
                self.refuse(
                    at.as_str(),
                    format!("links to `{text}`, which cannot be found: {error}"),
                );
            }
        }
    }

    fn finish(mut self) -> Result<Source, SourceError> {
        let path = self.named.to_owned();
        if !self.refusals.is_empty() {
            let first = self.refusals.remove(0);
            return Err(SourceError::Refused { path, first, others: self.refusals });
        }
        self.entries.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
        let (entries, files): (Vec<_>, Vec<_>) = self.entries.into_iter().unzip();
        let tree = Tree { entries };
        tree.check().map_err(|rule| SourceError::TooLarge { path: path.clone(), rule })?;
        Ok(Source { path, tree, files: files.into_iter().flatten().collect() })
    }
}

/// Why something that is neither file, folder nor link is not taken, as the rest of a sentence.
pub fn kind_of(kind: fs::FileType) -> &'static str {
    if kind.is_fifo() {
        "is a fifo; only files, folders and links are taken"
    } else if kind.is_socket() {
        "is a socket; only files, folders and links are taken"
    } else {
        "is a device; only files, folders and links are taken"
    }
}

/// Opens a regular file without following a link and without waiting: it could have been replaced since it
/// was listed.
///
/// # Errors
/// Those of the file system, and if it is something else by now.
pub fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file any more"))
}

fn hash(mut file: File) -> io::Result<(Digest, u64)> {
    let mut hasher = Hasher::new();
    let size = io::copy(&mut file, &mut hasher)?;
    Ok((hasher.finish(), size))
}

/// The contents of a [`Source`], file after file, each compared with the listing at its end.
#[derive(Debug)]
pub struct Contents<'a> {
    source: &'a Source,
    next: usize,
    open: Option<OpenFile>,
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    hasher: Hasher,
    left: u64,
    digest: Digest,
}

impl Contents<'_> {
    fn path(&self) -> PathBuf {
        self.source.files.get(self.next).map(|file| file.path.clone()).unwrap_or_default()
    }

    fn changed(&self) -> io::Error {
        io::Error::other(SourceError::Changed(self.path()))
    }

    fn failed(&self, error: io::Error) -> io::Error {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::InvalidInput => self.changed(),
            _ => io::Error::other(SourceError::Unreadable { path: self.path(), source: error }),
        }
    }
}

impl Read for Contents<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(open) = &mut self.open else {
                let Some(listed) = self.source.files.get(self.next).filter(|_| !buf.is_empty())
                else {
                    return Ok(0);
                };
                let file = open(&listed.path).map_err(|error| self.failed(error))?;
                let (left, digest) = (listed.size, listed.digest);
                self.open = Some(OpenFile { file, hasher: Hasher::new(), left, digest });
                continue;
            };
            if open.left == 0 {
                // One read past the listed size: a file that grew is another file.
                let grown = open.file.read(&mut [0; 1]);
                let same = open.hasher.finish() == open.digest;
                if grown.map_err(|error| self.failed(error))? != 0 || !same {
                    return Err(self.changed());
                }
                self.open = None;
                self.next += 1;
                continue;
            }
            let most = usize::try_from(open.left).unwrap_or(PIECE).min(buf.len()).min(PIECE);
            let got = match open.file.read(&mut buf[..most]) {
                Ok(got) => got,
                Err(error) => return Err(self.failed(error)),
            };
            if got == 0 {
                return Err(self.changed());
            }
            open.hasher.update(&buf[..got]);
            open.left -= u64::try_from(got).expect("at most what was left");
            return Ok(got);
        }
    }
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
