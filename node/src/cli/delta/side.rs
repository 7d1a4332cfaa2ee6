//! What a patch is between: a file, or a folder as one stream, read whole or by position.
//!
//! Whatever is named is a regular file or a folder, or is refused by its name; nothing here waits on a fifo. A file
//! that changes while it is read is noticed.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read as _},
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rustix::fs::{Mode, OFlags};
use updraft_delta::{FileSource, FolderError, FolderStream, ReadAt, Sides, patch::MAX_SIDE};
use updraft_protocol::TreePath;

use super::{
    super::workplace::under,
    refusal::{of_file, of_path, of_source, too_large},
};
use crate::{
    problem::{Code, Problem},
    publish::source::{Source, SourceError, kind_of, open},
};

/// Refuses `-`, which other programs read as a stream: patches jump about in what they are applied to.
pub(super) fn named(path: &Path) -> Result<&Path, Problem> {
    if path.as_os_str() != "-" {
        return Ok(path);
    }
    Err(Problem::new(Code::RequestInvalid, "`-` is no file, and standard input is not read")
        .hint("write it to a file first; a file of that name is `./-`"))
}

/// A regular file that is open, as it was when it was opened.
#[derive(Debug)]
pub(super) struct Regular {
    path: PathBuf,
    file: File,
    facts: Metadata,
}

impl Regular {
    /// Opens what a person named. Links are followed: it is what they lead to that is named.
    pub(super) fn open(path: &Path) -> Result<Self, Problem> {
        let facts = look_at(path)?;
        if facts.is_dir() {
            return Err(of_path(path, "is a folder; a file is wanted here"));
        }
        if !facts.is_file() {
            return Err(of_path(path, kind_of(facts.file_type())));
        }
        let unreadable = |error: io::Error| of_file("read", path, &error);
        // It may have become a fifo since the look: opening must not wait then.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::open(path, flags, Mode::empty());
        let file = File::from(file.map_err(|error| unreadable(error.into()))?);
        let facts = file.metadata().map_err(unreadable)?;
        if !facts.is_file() {
            return Err(of_path(path, kind_of(facts.file_type())));
        }
        Ok(Self { path: path.to_owned(), file, facts })
    }

    /// What was named.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Who may do what with it: reading, writing and running, and nothing else that a mode says.
    pub(super) fn mode(&self) -> u32 {
        self.facts.mode() & 0o777
    }

    /// Whether it is another one than when it was opened.
    fn has_changed(&self) -> bool {
        let stamp = |facts: &Metadata| {
            (facts.len(), facts.mtime(), facts.mtime_nsec(), facts.ctime(), facts.ctime_nsec())
        };
        self.file.metadata().is_ok_and(|now| stamp(&now) != stamp(&self.facts))
    }

    /// All of it. The caller has checked its size.
    fn read(&self) -> Result<Vec<u8>, Problem> {
        let unreadable = |error: io::Error| of_file("read", &self.path, &error);
        let size = self.facts.len();
        let mut bytes = Vec::new();
        // One more than there should be: a file that grew is another file.
        (&self.file).take(size.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.size() != size || self.has_changed() {
            return Err(of_source(SourceError::Changed(self.path.clone())));
        }
        Ok(bytes)
    }
}

impl ReadAt for &Regular {
    fn size(&self) -> u64 {
        self.facts.len()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buf, offset)
    }
}

fn look_at(path: &Path) -> Result<Metadata, Problem> {
    fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => of_path(path, "does not exist"),
        _ => of_file("read", path, &error),
    })
}

/// One side of a patch.
#[derive(Debug)]
pub(super) enum Side {
    /// A file.
    File(Regular),
    /// A folder, listed and hashed.
    Folder(Source),
}

impl Side {
    /// Opens a file, or lists a folder.
    pub(super) fn open(path: &Path) -> Result<Self, Problem> {
        if !look_at(path)?.is_dir() {
            return Regular::open(path).map(Self::File);
        }
        let mut entries = fs::read_dir(path).map_err(|error| of_file("read", path, &error))?;
        if entries.next().is_none() {
            let problem = of_path(path, "is an empty folder; a patch needs something in it");
            return Err(
                problem.hint("for a first version there is nothing to patch: copy it whole")
            );
        }
        Source::read(path).map(Self::Folder).map_err(of_source)
    }

    /// What was named.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::File(file) => file.path(),
            Self::Folder(source) => source.path(),
        }
    }

    /// What a patch from or to it is between.
    pub(super) fn sides(&self) -> Sides {
        match self {
            Self::File(_) => Sides::Files,
            Self::Folder(_) => Sides::Folders,
        }
    }

    /// It as a stream that is read by position, if patches may be that large.
    pub(super) fn stream(&self) -> Result<Stream<'_>, Problem> {
        let stream = match self {
            Self::File(file) => Stream::File(file),
            Self::Folder(source) => {
                let files = Opened { source, last: Mutex::new(None) };
                let stream = FolderStream::new(source.tree(), files);
                Stream::Folder(stream.map_err(|error| unlisted(source, &error))?)
            }
        };
        within(self.path(), stream.size())?;
        Ok(stream)
    }

    /// That it changed since it was opened or listed, if it did. Reads a folder again.
    pub(super) fn changed(&self) -> Option<Problem> {
        let has_changed = match self {
            Self::File(file) => file.has_changed(),
            // What cannot be read any more has changed, too.
            Self::Folder(source) => {
                Source::read(source.path()).map_or(true, |now| now.tree() != source.tree())
            }
        };
        has_changed.then(|| of_source(SourceError::Changed(self.path().to_owned())))
    }

    /// The whole stream. Unlike [`stream`](Self::stream), it notices every change of a file since it was listed.
    pub(super) fn read(&self) -> Result<Vec<u8>, Problem> {
        let source = match self {
            Self::File(file) => {
                within(file.path(), ReadAt::size(&file))?;
                return file.read();
            }
            Self::Folder(source) => source,
        };
        let listing = updraft_delta::folder::listing(source.tree());
        let mut bytes = listing.map_err(|error| unlisted(source, &error))?;
        let left = source.tree().content_size();
        within(source.path(), bytes.size().saturating_add(left))?;
        let read = source.contents().take(left.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| match error.downcast::<SourceError>() {
            Ok(error) => of_source(error),
            Err(error) => of_file("read", source.path(), &error),
        })?;
        Ok(bytes)
    }
}

/// Refuses a stream that is larger than patches are for.
fn within(path: &Path, got: u64) -> Result<(), Problem> {
    if got > MAX_SIDE { Err(too_large(path, got)) } else { Ok(()) }
}

/// A folder that cannot be one stream.
fn unlisted(source: &Source, error: &FolderError) -> Problem {
    Problem::from_error(Code::InputRefused, error)
        .cause(format!("in the folder `{}`", source.path().display()))
}

/// A side, read by position.
#[derive(Debug)]
pub(super) enum Stream<'s> {
    File(&'s Regular),
    Folder(FolderStream<'s, Opened<'s>>),
}

impl ReadAt for Stream<'_> {
    fn size(&self) -> u64 {
        match self {
            Self::File(file) => file.size(),
            Self::Folder(stream) => stream.size(),
        }
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        match self {
            Self::File(file) => file.read_exact_at(offset, buf),
            Self::Folder(stream) => stream.read_exact_at(offset, buf),
        }
    }
}

/// The files of a folder. The one read last stays open: a patch reads mostly forward, and a folder may have more
/// files than a process may have open.
#[derive(Debug)]
pub(super) struct Opened<'s> {
    source: &'s Source,
    last: Mutex<Option<(TreePath, File)>>,
}

impl FileSource for Opened<'_> {
    fn read_exact_at(&self, path: &TreePath, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match last.take() {
            Some((open, file)) if open == *path => file,
            _ => open(&under(self.source.path(), path))?,
        };
        let (_, file) = last.insert((path.clone(), file));
        file.read_exact_at(buf, offset)
    }
}
