//! Files and folders of one component, reached from an open handle on its root and never by a path from `/`.
//!
//! The kernel resolves every name with `RESOLVE_BENEATH | NO_SYMLINKS | NO_XDEV`: no planted link or mount
//! leads out of the root, whatever happens between two calls. A kernel without `openat2` is refused; there is
//! no weaker way.

use std::{
    fs::File,
    io::{self, Write as _},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, RenameFlags, ResolveFlags, Stat},
    io::Errno,
};

use super::{error::InstallError, steps::Steps};

/// Folders below each other that are removed at most; a release has 16.
const MAX_DEPTH: usize = 64;

/// Makes the root and the folders above it that are missing, durably.
pub(super) fn make_root(path: &Path) -> Result<(), InstallError> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    make_root(parent)?;
    match std::fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(InstallError::io("create", path)(error))
        }
        _ => File::open(parent)
            .and_then(|parent| parent.sync_all())
            .map_err(InstallError::io("sync", parent)),
    }
}

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder {
    handle: OwnedFd,
    /// For messages only.
    path: PathBuf,
    steps: Steps,
}

/// What lies at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Link,
    Other,
}

/// Kind, permission bits and size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) kind: Kind,
    pub(super) mode: u32,
    pub(super) size: u64,
}

impl Found {
    fn of(stat: &Stat) -> Self {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Folder,
            FileType::Symlink => Kind::Link,
            _ => Kind::Other,
        };
        Self { kind, mode: stat.st_mode & 0o7777, size: u64::try_from(stat.st_size).unwrap_or(0) }
    }
}

impl Folder {
    /// Opens the root itself, the only name that is resolved the usual way up to its last part.
    pub(super) fn root(path: &Path, steps: Steps) -> Result<Self, InstallError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle =
            rustix::fs::open(path, flags, Mode::empty()).map_err(InstallError::io("open", path))?;
        Ok(Self { handle, path: path.to_owned(), steps })
    }

    /// The path of a name in here, for messages.
    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.path.clone() } else { self.path.join(name) }
    }

    fn open(&self, name: &str, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
        let resolve = ResolveFlags::BENEATH
            | ResolveFlags::NO_SYMLINKS
            | ResolveFlags::NO_MAGICLINKS
            | ResolveFlags::NO_XDEV;
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Ok(rustix::fs::openat2(&self.handle, name, flags, mode, resolve)?)
    }

    /// Opens a folder below; an empty name opens this one anew.
    pub(super) fn folder(&self, name: &str) -> Result<Self, InstallError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let from_here = if name.is_empty() { "." } else { name };
        let handle = self
            .open(from_here, flags, Mode::empty())
            .map_err(InstallError::io("open", self.path_of(name)))?;
        Ok(Self { handle, path: self.path_of(name), steps: self.steps.clone() })
    }

    /// Opens a regular file for reading. Neither a link nor a device nor a pipe is ever waited for.
    pub(super) fn file(&self, name: &str) -> Result<Option<File>, InstallError> {
        match self.open(name, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => {
                let file = opened.map_err(InstallError::io("open", self.path_of(name)))?;
                Ok(Some(File::from(file)))
            }
        }
    }

    /// Opens or makes a file that is appended to.
    pub(super) fn log_file(&self, name: &str) -> Result<File, InstallError> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::APPEND;
        self.step("open", name)
            .and_then(|()| self.open(name, flags, Mode::from_raw_mode(0o644)))
            .map(File::from)
            .map_err(InstallError::io("open", self.path_of(name)))
    }

    /// Makes a file that must not be there, readable by nobody else until its mode is set.
    pub(super) fn create(&self, name: &str) -> Result<File, InstallError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        self.step("create", name)
            .and_then(|()| self.open(name, flags, Mode::from_raw_mode(0o600)))
            .map(File::from)
            .map_err(InstallError::io("create", self.path_of(name)))
    }

    /// Writes a small file durably under a name that is free or holds something of ours.
    pub(super) fn write_durable(
        &self,
        temporary: &str,
        name: &str,
        bytes: &[u8],
    ) -> Result<(), InstallError> {
        self.unlink_if_there(temporary)?;
        let mut file = self.create(temporary)?;
        self.step("write", temporary)
            .and_then(|()| file.write_all(bytes))
            .map_err(InstallError::io("write", self.path_of(temporary)))?;
        self.sync_file(&file, temporary)?;
        self.rename(temporary, self, name)?;
        self.sync()
    }

    pub(super) fn make_folder(&self, name: &str, mode: u32) -> Result<(), InstallError> {
        self.step("mkdir", name)
            .and_then(|()| Ok(rustix::fs::mkdirat(&self.handle, name, Mode::from_raw_mode(mode))?))
            .map_err(InstallError::io("create", self.path_of(name)))
    }

    /// Makes a folder unless one is there, and makes that durable.
    pub(super) fn ensure_folder(&self, name: &str) -> Result<Self, InstallError> {
        if self.look_at(name)?.is_none() {
            self.make_folder(name, 0o755)?;
            self.sync()?;
        }
        self.folder(name)
    }

    /// Sets the permission bits of this folder, whatever the umask took from them.
    pub(super) fn set_mode(&self, mode: u32) -> Result<(), InstallError> {
        self.step("chmod", "")
            .and_then(|()| Ok(rustix::fs::fchmod(&self.handle, Mode::from_raw_mode(mode))?))
            .map_err(InstallError::io("set the mode of", &self.path))
    }

    /// Sets the permission bits of an open file.
    pub(super) fn set_file_mode(
        &self,
        file: &File,
        name: &str,
        mode: u32,
    ) -> Result<(), InstallError> {
        self.step("chmod", name)
            .and_then(|()| Ok(rustix::fs::fchmod(file, Mode::from_raw_mode(mode))?))
            .map_err(InstallError::io("set the mode of", self.path_of(name)))
    }

    /// Makes an open file's bytes and mode durable. Whoever gets an error throws the file away: a second
    /// sync would succeed although the bytes are lost.
    pub(super) fn sync_file(&self, file: &File, name: &str) -> Result<(), InstallError> {
        self.step("fsync", name)
            .and_then(|()| file.sync_all())
            .map_err(InstallError::io("sync", self.path_of(name)))
    }

    /// Makes names that came and went in this folder durable.
    pub(super) fn sync(&self) -> Result<(), InstallError> {
        self.step("fsync", "")
            .and_then(|()| Ok(rustix::fs::fsync(&self.handle)?))
            .map_err(InstallError::io("sync", &self.path))
    }

    pub(super) fn link(&self, target: &str, name: &str) -> Result<(), InstallError> {
        self.step("symlink", name)
            .and_then(|()| Ok(rustix::fs::symlinkat(target, &self.handle, name)?))
            .map_err(InstallError::io("create the link", self.path_of(name)))
    }

    /// The text of a link. `None`: there is something else, or nothing.
    pub(super) fn link_text(&self, name: &str) -> Result<Option<Vec<u8>>, InstallError> {
        match rustix::fs::readlinkat(&self.handle, name, Vec::new()) {
            Err(Errno::NOENT | Errno::INVAL) => Ok(None),
            read => {
                let text = read.map_err(InstallError::io("read the link", self.path_of(name)))?;
                Ok(Some(text.into_bytes()))
            }
        }
    }

    /// Renames over whatever file or link is there.
    pub(super) fn rename(&self, from: &str, into: &Self, to: &str) -> Result<(), InstallError> {
        self.step("rename", to)
            .and_then(|()| Ok(rustix::fs::renameat(&self.handle, from, &into.handle, to)?))
            .map_err(InstallError::io("rename", self.path_of(from)))
    }

    /// Renames to a name that must be free. Tells whether it was.
    pub(super) fn rename_to_free(&self, from: &str, to: &str) -> Result<Free, InstallError> {
        let renamed = self.step("rename", to).and_then(|()| {
            let flags = RenameFlags::NOREPLACE;
            Ok(rustix::fs::renameat_with(&self.handle, from, &self.handle, to, flags)?)
        });
        match renamed {
            Ok(()) => Ok(Free::Yes),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Free::No),
            Err(error) => Err(InstallError::io("rename", self.path_of(from))(error)),
        }
    }

    fn unlink(&self, name: &str, flags: AtFlags) -> Result<(), InstallError> {
        self.step("unlink", name)
            .and_then(|()| Ok(rustix::fs::unlinkat(&self.handle, name, flags)?))
            .map_err(InstallError::io("remove", self.path_of(name)))
    }

    /// Removes a file or link.
    pub(super) fn unlink_if_there(&self, name: &str) -> Result<(), InstallError> {
        match self.look_at(name)? {
            None => Ok(()),
            Some(_) => self.unlink(name, AtFlags::empty()),
        }
    }

    /// Removes a name and all below it, following no link and entering no other file system.
    pub(super) fn remove_all(&self, name: &str) -> Result<(), InstallError> {
        self.remove_to_depth(name, MAX_DEPTH)
    }

    fn remove_to_depth(&self, name: &str, depth: usize) -> Result<(), InstallError> {
        let Some(found) = self.look_at(name)? else { return Ok(()) };
        if found.kind != Kind::Folder {
            return self.unlink(name, AtFlags::empty());
        }
        let deeper = depth.checked_sub(1).ok_or_else(|| {
            InstallError::io("remove", self.path_of(name))(io::Error::other(
                "too many folders deep",
            ))
        })?;
        let folder = self.folder(name)?;
        for inner in folder.raw_names()? {
            let inner = inner.map_err(|_| {
                let reason = io::Error::other("a name in it is not UTF-8");
                InstallError::io("remove", self.path_of(name))(reason)
            })?;
            folder.remove_to_depth(&inner, deeper)?;
        }
        self.unlink(name, AtFlags::REMOVEDIR)
    }

    /// Kind, mode and size of what a name stands for; a link is not followed.
    pub(super) fn look_at(&self, name: &str) -> Result<Option<Found>, InstallError> {
        match rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(None),
            stat => {
                let stat = stat.map_err(InstallError::io("look at", self.path_of(name)))?;
                Ok(Some(Found::of(&stat)))
            }
        }
    }

    /// Kind, mode and size of this folder.
    pub(super) fn look_at_self(&self) -> Result<Found, InstallError> {
        let stat =
            rustix::fs::fstat(&self.handle).map_err(InstallError::io("look at", &self.path))?;
        Ok(Found::of(&stat))
    }

    /// Names in this folder, sorted. One that is not UTF-8 is the error of its place.
    pub(super) fn raw_names(&self) -> Result<Vec<Result<String, NotText>>, InstallError> {
        let failed = || InstallError::io("list", &self.path);
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.handle).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(String::from_utf8(name.to_vec()).map_err(|_| NotText));
            }
        }
        names.sort();
        Ok(names)
    }

    /// Names in this folder that are UTF-8, sorted.
    pub(super) fn names(&self) -> Result<Vec<String>, InstallError> {
        Ok(self.raw_names()?.into_iter().flatten().collect())
    }

    /// Free bytes and free inodes; `None` inodes where a file system does not count them.
    pub(super) fn free(&self) -> Result<(u64, Option<u64>), InstallError> {
        let found = rustix::fs::fstatvfs(&self.handle)
            .map_err(InstallError::io("measure the room at", &self.path))?;
        let inodes = (found.f_files > 0).then_some(found.f_favail);
        Ok((found.f_bavail.saturating_mul(found.f_frsize), inodes))
    }

    fn step(&self, action: &'static str, name: &str) -> io::Result<()> {
        self.steps.before(action, &self.path_of(name).to_string_lossy())
    }

    /// Announces a change to an open file of this folder.
    pub(super) fn step_on_file(&self, action: &'static str, name: &str) -> io::Result<()> {
        self.step(action, name)
    }
}

/// Kind, mode and size of an open file.
pub(super) fn look_at_file(file: &File) -> io::Result<Found> {
    Ok(Found::of(&rustix::fs::fstat(file)?))
}

/// A name that is not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NotText;

/// Whether a name was free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Free {
    Yes,
    No,
}
