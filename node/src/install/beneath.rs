//! Files and folders of one component, with names of each for people, and the few ways of changing them that take
//! more than one call.
//!
//! Knows no path from `/` but for messages: everything is reached from an open folder of a [`Disk`], which leads
//! out of nowhere. Every change is announced to [`Steps`] before it is made.

use std::{io, path::PathBuf, sync::Arc};

use updraft_protocol::broken::{self, Break};

use super::{
    disk::{Disk, DiskFile, Found, Free, Kind},
    error::InstallError,
    steps::Steps,
};

/// Folders below each other that are removed at most; a release has 16.
const MAX_DEPTH: usize = 64;

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder {
    disk: Arc<dyn Disk>,
    /// For messages only.
    path: PathBuf,
    steps: Steps,
}

impl Folder {
    /// The root, which is called `path` in messages.
    pub(super) fn root(disk: Arc<dyn Disk>, path: impl Into<PathBuf>, steps: Steps) -> Self {
        Self { disk, path: path.into(), steps }
    }

    /// The path of a name in here, for messages.
    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.path.clone() } else { self.path.join(name) }
    }

    /// Opens a folder below; an empty name opens this one anew.
    pub(super) fn folder(&self, name: &str) -> Result<Self, InstallError> {
        let disk = self.disk.folder(name).map_err(InstallError::io("open", self.path_of(name)))?;
        Ok(Self { disk, path: self.path_of(name), steps: self.steps.clone() })
    }

    /// Opens a regular file for reading. Neither a link nor a device nor a pipe is ever waited for.
    pub(super) fn file(&self, name: &str) -> Result<Option<Box<dyn DiskFile>>, InstallError> {
        self.disk.open(name).map_err(InstallError::io("open", self.path_of(name)))
    }

    /// Opens a file that is appended to.
    pub(super) fn log_file(&self, name: &str) -> Result<Box<dyn DiskFile>, InstallError> {
        self.disk.open_log(name).map_err(InstallError::io("open", self.path_of(name)))
    }

    /// Makes a file that must not be there, readable by nobody else until its mode is set.
    pub(super) fn create(&self, name: &str) -> Result<Box<dyn DiskFile>, InstallError> {
        self.step("create", name)
            .and_then(|()| self.disk.create(name))
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
        self.sync_file(&*file, temporary)?;
        self.rename(temporary, name)?;
        self.sync()
    }

    pub(super) fn make_folder(&self, name: &str, mode: u32) -> Result<(), InstallError> {
        self.step("mkdir", name)
            .and_then(|()| self.disk.make_folder(name, mode))
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
            .and_then(|()| self.disk.set_mode(mode))
            .map_err(InstallError::io("set the mode of", &self.path))
    }

    /// Sets the permission bits of an open file.
    pub(super) fn set_file_mode(
        &self,
        file: &dyn DiskFile,
        name: &str,
        mode: u32,
    ) -> Result<(), InstallError> {
        self.step("chmod", name)
            .and_then(|()| file.set_mode(mode))
            .map_err(InstallError::io("set the mode of", self.path_of(name)))
    }

    /// Makes an open file's bytes and mode durable. Whoever gets an error throws the file away: a second
    /// sync would succeed although the bytes are lost.
    pub(super) fn sync_file(&self, file: &dyn DiskFile, name: &str) -> Result<(), InstallError> {
        self.step("fsync", name)
            .and_then(|()| file.sync())
            .map_err(InstallError::io("sync", self.path_of(name)))
    }

    /// Makes names that came and went in this folder durable.
    pub(super) fn sync(&self) -> Result<(), InstallError> {
        if broken::is(Break::FoldersAreNotSynced) {
            return Ok(());
        }
        self.step("fsync", "")
            .and_then(|()| self.disk.sync())
            .map_err(InstallError::io("sync", &self.path))
    }

    pub(super) fn link(&self, target: &str, name: &str) -> Result<(), InstallError> {
        self.step("symlink", name)
            .and_then(|()| self.disk.link(target, name))
            .map_err(InstallError::io("create the link", self.path_of(name)))
    }

    /// The text of a link. `None`: there is something else, or nothing.
    pub(super) fn link_text(&self, name: &str) -> Result<Option<Vec<u8>>, InstallError> {
        self.disk.link_text(name).map_err(InstallError::io("read the link", self.path_of(name)))
    }

    /// Renames over whatever file or link is there.
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<(), InstallError> {
        self.step("rename", to)
            .and_then(|()| self.disk.rename(from, to))
            .map_err(InstallError::io("rename", self.path_of(from)))
    }

    /// Renames to a name that must be free. Tells whether it was.
    pub(super) fn rename_to_free(&self, from: &str, to: &str) -> Result<Taken, InstallError> {
        match self.step("rename", to).and_then(|()| self.disk.rename_to_free(from, to)) {
            Ok(()) => Ok(Taken::WasFree),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Taken::Occupied),
            Err(error) => Err(InstallError::io("rename", self.path_of(from))(error)),
        }
    }

    fn unlink(&self, name: &str) -> Result<(), InstallError> {
        self.step("unlink", name)
            .and_then(|()| self.disk.unlink(name))
            .map_err(InstallError::io("remove", self.path_of(name)))
    }

    fn remove_folder(&self, name: &str) -> Result<(), InstallError> {
        self.step("unlink", name)
            .and_then(|()| self.disk.remove_folder(name))
            .map_err(InstallError::io("remove", self.path_of(name)))
    }

    /// Removes a file or link.
    pub(super) fn unlink_if_there(&self, name: &str) -> Result<(), InstallError> {
        match self.look_at(name)? {
            None => Ok(()),
            Some(_) => self.unlink(name),
        }
    }

    /// Removes a name and all below it, following no link and entering no other file system.
    pub(super) fn remove_all(&self, name: &str) -> Result<(), InstallError> {
        self.remove_to_depth(name, MAX_DEPTH)
    }

    fn remove_to_depth(&self, name: &str, depth: usize) -> Result<(), InstallError> {
        let Some(found) = self.look_at(name)? else { return Ok(()) };
        if found.kind != Kind::Folder {
            return self.unlink(name);
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
        self.remove_folder(name)
    }

    /// Kind, mode and size of what a name stands for; a link is not followed.
    pub(super) fn look_at(&self, name: &str) -> Result<Option<Found>, InstallError> {
        self.disk.look_at(name).map_err(InstallError::io("look at", self.path_of(name)))
    }

    /// Kind, mode and size of this folder.
    pub(super) fn look_at_self(&self) -> Result<Found, InstallError> {
        self.disk.look_at_self().map_err(InstallError::io("look at", &self.path))
    }

    /// Names in this folder, sorted. One that is not UTF-8 is the error of its place.
    pub(super) fn raw_names(&self) -> Result<Vec<Result<String, NotText>>, InstallError> {
        let names = self.disk.names().map_err(InstallError::io("list", &self.path))?;
        let texts = names.into_iter().map(|name| name.into_string().map_err(|_| NotText));
        let mut texts: Vec<_> = texts.collect();
        texts.sort();
        Ok(texts)
    }

    /// Names in this folder that are UTF-8, sorted.
    pub(super) fn names(&self) -> Result<Vec<String>, InstallError> {
        Ok(self.raw_names()?.into_iter().flatten().collect())
    }

    /// What is free on the file system.
    pub(super) fn free(&self) -> Result<Free, InstallError> {
        self.disk.free().map_err(InstallError::io("measure the room at", &self.path))
    }

    fn step(&self, action: &'static str, name: &str) -> io::Result<()> {
        self.steps.before(action, &self.path_of(name).to_string_lossy())
    }

    /// Announces a change to an open file of this folder.
    pub(super) fn step_on_file(&self, action: &'static str, name: &str) -> io::Result<()> {
        self.step(action, name)
    }
}

/// A name that is not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NotText;

/// Whether a name could be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It was free.
    WasFree,
    /// Something else has it.
    Occupied,
}
