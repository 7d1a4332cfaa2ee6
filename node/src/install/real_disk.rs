//! The disk of this machine, reached from an open handle and never by a path from `/`.
//!
//! The kernel resolves every name with `RESOLVE_BENEATH | NO_SYMLINKS | NO_XDEV`: no planted link or mount
//! leads out of the root, whatever happens between two calls. A kernel without `openat2` is refused; there is
//! no weaker way.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::{
        fd::OwnedFd,
        unix::{ffi::OsStrExt as _, fs::FileExt},
    },
    path::Path,
    sync::Arc,
};

use rustix::{
    fs::{AtFlags, Dir, FallocateFlags, FileType, Mode, OFlags, RenameFlags, ResolveFlags, Stat},
    io::Errno,
};

use super::{
    disk::{Disk, DiskFile, Found, Free, Kind},
    error::InstallError,
};

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

/// An open folder of this machine.
#[derive(Debug)]
pub struct RealDisk {
    handle: OwnedFd,
}

impl RealDisk {
    /// Opens a folder, the only name that is resolved the usual way up to its last part.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self { handle: rustix::fs::open(path, flags, Mode::empty())? })
    }

    fn open_beneath(&self, path: &str, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
        let resolve = ResolveFlags::BENEATH
            | ResolveFlags::NO_SYMLINKS
            | ResolveFlags::NO_MAGICLINKS
            | ResolveFlags::NO_XDEV;
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Ok(rustix::fs::openat2(&self.handle, path, flags, mode, resolve)?)
    }

    fn open_file(&self, name: &str, flags: OFlags, mode: u32) -> io::Result<Box<dyn DiskFile>> {
        let file = self.open_beneath(name, flags, Mode::from_raw_mode(mode))?;
        Ok(Box::new(File::from(file)))
    }
}

impl Disk for RealDisk {
    fn folder(&self, path: &str) -> io::Result<Arc<dyn Disk>> {
        let from_here = if path.is_empty() { "." } else { path };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        Ok(Arc::new(Self { handle: self.open_beneath(from_here, flags, Mode::empty())? }))
    }

    fn open(&self, path: &str) -> io::Result<Option<Box<dyn DiskFile>>> {
        match self.open_file(path, OFlags::RDONLY | OFlags::NONBLOCK, 0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    }

    fn open_log(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.open_file(name, OFlags::WRONLY | OFlags::APPEND, 0)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.open_file(name, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL, 0o600)
    }

    fn make_folder(&self, name: &str, mode: u32) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&self.handle, name, Mode::from_raw_mode(mode))?)
    }

    fn link(&self, target: &str, name: &str) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, &self.handle, name)?)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.handle, from, &self.handle, to)?)
    }

    fn rename_to_free(&self, from: &str, to: &str) -> io::Result<()> {
        let flags = RenameFlags::NOREPLACE;
        Ok(rustix::fs::renameat_with(&self.handle, from, &self.handle, to, flags)?)
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.handle, name, AtFlags::empty())?)
    }

    fn remove_folder(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.handle, name, AtFlags::REMOVEDIR)?)
    }

    fn set_mode(&self, mode: u32) -> io::Result<()> {
        Ok(rustix::fs::fchmod(&self.handle, Mode::from_raw_mode(mode))?)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.handle)?)
    }

    fn look_at(&self, name: &str) -> io::Result<Option<Found>> {
        match rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(None),
            stat => Ok(Some(found(&stat?))),
        }
    }

    fn look_at_self(&self) -> io::Result<Found> {
        Ok(found(&rustix::fs::fstat(&self.handle)?))
    }

    fn link_text(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match rustix::fs::readlinkat(&self.handle, name, Vec::new()) {
            Err(Errno::NOENT | Errno::INVAL) => Ok(None),
            read => Ok(Some(read?.into_bytes())),
        }
    }

    fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.handle)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(OsStr::from_bytes(name).to_owned());
            }
        }
        Ok(names)
    }

    fn free(&self) -> io::Result<Free> {
        let found = rustix::fs::fstatvfs(&self.handle)?;
        let files = (found.f_files > 0).then_some(found.f_favail);
        Ok(Free { bytes: found.f_bavail.saturating_mul(found.f_frsize), files })
    }
}

impl DiskFile for File {
    fn read_exact_at(&self, out: &mut [u8], at: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, out, at)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        Self::set_len(self, len)
    }

    fn set_mode(&self, mode: u32) -> io::Result<()> {
        Ok(rustix::fs::fchmod(self, Mode::from_raw_mode(mode))?)
    }

    fn reserve(&self, bytes: u64) -> io::Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        match rustix::fs::fallocate(self, FallocateFlags::KEEP_SIZE, 0, bytes) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            done => Ok(done?),
        }
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_all()
    }

    fn look_at(&self) -> io::Result<Found> {
        Ok(found(&rustix::fs::fstat(self)?))
    }
}

fn found(stat: &Stat) -> Found {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Link,
        _ => Kind::Other,
    };
    Found { kind, mode: stat.st_mode & 0o7777, size: u64::try_from(stat.st_size).unwrap_or(0) }
}
