//! A disk below which one kind of sync does nothing, or is tried again when it failed, stands for an installer that
//! makes this mistake: the stories must find each of them out. Otherwise they would prove nothing of the installer
//! that makes none.

use std::{
    ffi::OsString,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use updraft_node::install::disk::{Disk, DiskFile, Found, Free};

use super::{
    Fault,
    crash::{After, LOSSES, ends_anywhere, fails_anywhere},
    story::Lens,
};

/// What is wrong with the syncs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    /// Those of the files of a version do nothing.
    NoFiles,
    /// Those of the folder of all versions do nothing.
    NoVersions,
    /// That of the root after `current` got its place does nothing.
    NoRootAfterCurrent,
    /// Those of the journal do nothing.
    NoJournal,
    /// Those of files are tried again when they fail.
    AgainWhenFailed,
}

/// A folder of a forgetful disk.
#[derive(Debug)]
struct Forgetful {
    disk: Arc<dyn Disk>,
    /// From the root on.
    path: String,
    mistake: Mistake,
    /// `current` was renamed and the root not synced.
    current_moved: Arc<AtomicBool>,
}

impl Forgetful {
    fn over(disk: Arc<dyn Disk>, mistake: Mistake) -> Arc<dyn Disk> {
        let current_moved = Arc::new(AtomicBool::new(false));
        Arc::new(Self { disk, path: String::new(), mistake, current_moved })
    }

    fn path_of(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    fn file(&self, name: &str, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        let path = self.path_of(name);
        let is_forgotten = match self.mistake {
            Mistake::NoFiles => path.starts_with("/versions/"),
            Mistake::NoJournal => path == "/journal",
            Mistake::NoVersions | Mistake::NoRootAfterCurrent | Mistake::AgainWhenFailed => false,
        };
        let tries = match self.mistake {
            _ if is_forgotten => 0,
            Mistake::AgainWhenFailed => 2,
            _ => 1,
        };
        Box::new(ForgetfulFile { file, tries })
    }
}

impl Disk for Forgetful {
    fn folder(&self, path: &str) -> io::Result<Arc<dyn Disk>> {
        let disk = self.disk.folder(path)?;
        let path = if path.is_empty() { self.path.clone() } else { self.path_of(path) };
        let current_moved = Arc::clone(&self.current_moved);
        Ok(Arc::new(Self { disk, path, mistake: self.mistake, current_moved }))
    }

    fn open(&self, path: &str) -> io::Result<Option<Box<dyn DiskFile>>> {
        self.disk.open(path)
    }

    fn open_log(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(name, self.disk.open_log(name)?))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(name, self.disk.create(name)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)?;
        self.current_moved.fetch_or(self.path_of(to) == "/current", Ordering::Relaxed);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let is_forgotten = match self.mistake {
            Mistake::NoVersions => self.path == "/versions",
            Mistake::NoRootAfterCurrent => {
                self.path.is_empty() && self.current_moved.swap(false, Ordering::Relaxed)
            }
            Mistake::NoFiles | Mistake::NoJournal | Mistake::AgainWhenFailed => false,
        };
        if is_forgotten { Ok(()) } else { self.disk.sync() }
    }

    fn make_folder(&self, name: &str, mode: u32) -> io::Result<()> {
        self.disk.make_folder(name, mode)
    }

    fn link(&self, target: &str, name: &str) -> io::Result<()> {
        self.disk.link(target, name)
    }

    fn rename_to_free(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename_to_free(from, to)
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        self.disk.unlink(name)
    }

    fn remove_folder(&self, name: &str) -> io::Result<()> {
        self.disk.remove_folder(name)
    }

    fn set_mode(&self, mode: u32) -> io::Result<()> {
        self.disk.set_mode(mode)
    }

    fn look_at(&self, name: &str) -> io::Result<Option<Found>> {
        self.disk.look_at(name)
    }

    fn look_at_self(&self) -> io::Result<Found> {
        self.disk.look_at_self()
    }

    fn link_text(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.disk.link_text(name)
    }

    fn names(&self) -> io::Result<Vec<OsString>> {
        self.disk.names()
    }

    fn free(&self) -> io::Result<Free> {
        self.disk.free()
    }
}

/// A file of a forgetful disk.
#[derive(Debug)]
struct ForgetfulFile {
    file: Box<dyn DiskFile>,
    /// How often a sync is tried; with none it does nothing and says that all is well.
    tries: usize,
}

impl io::Read for ForgetfulFile {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.file.read(out)
    }
}

impl io::Write for ForgetfulFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl DiskFile for ForgetfulFile {
    fn read_exact_at(&self, out: &mut [u8], at: u64) -> io::Result<()> {
        self.file.read_exact_at(out, at)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn set_mode(&self, mode: u32) -> io::Result<()> {
        self.file.set_mode(mode)
    }

    fn reserve(&self, bytes: u64) -> io::Result<()> {
        self.file.reserve(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        match self.tries {
            0 => Ok(()),
            1 => self.file.sync(),
            _ => self.file.sync().or_else(|_| self.file.sync()),
        }
    }

    fn look_at(&self) -> io::Result<Found> {
        self.file.look_at()
    }
}

/// Finds out what is wrong with the lens, and says what that was.
fn found_out(lens: Lens) -> String {
    ends_anywhere(lens, &[None]).expect("a program that only ends needs no sync");
    ends_anywhere(lens, &LOSSES.map(Some)).expect_err("a sync is missing")
}

#[test]
fn files_of_a_version_that_are_not_synced_are_found_out() {
    let why = found_out(|disk| Forgetful::over(disk, Mistake::NoFiles));
    assert!(why.contains("is not as its listing says"), "{why}");
}

#[test]
fn a_folder_of_versions_that_is_not_synced_is_found_out() {
    let why = found_out(|disk| Forgetful::over(disk, Mistake::NoVersions));
    assert!(why.contains("versions"), "{why}");
}

#[test]
fn a_current_whose_place_is_not_synced_is_found_out() {
    let why = found_out(|disk| Forgetful::over(disk, Mistake::NoRootAfterCurrent));
    assert!(why.contains("live"), "{why}");
}

#[test]
fn a_journal_that_is_not_synced_is_found_out() {
    let why = found_out(|disk| Forgetful::over(disk, Mistake::NoJournal));
    assert!(why.contains("is not kept here"), "{why}");
}

#[test]
fn a_sync_that_is_tried_again_when_it_failed_is_found_out() {
    let lens: Lens = |disk| Forgetful::over(disk, Mistake::AgainWhenFailed);
    let why = fails_anywhere(lens, Fault::Device, After::AskAgain).expect_err("bytes are lost");
    assert!(why.contains("is not kept here"), "{why}");
}
