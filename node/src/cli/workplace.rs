//! Files and folders that appear where a person wants them whole, or not at all.
//!
//! Everything is written into a folder beside the destination and renamed into place at the end. A file may take the
//! place of a file; a folder takes the place of nothing. Paths come from a checked tree and cannot leave it. Must
//! never follow a link that it has made itself: links come last.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
};
use tempfile::TempDir;
use updraft_delta::{FileSink, FolderSink};
use updraft_protocol::{FileMode, LinkTarget, TreePath};

use crate::problem::{Code, Problem};

/// Tells work on another thread that nobody waits for it any more. It does when it is dropped: then nothing more is
/// written, and what was prepared is gone.
#[derive(Debug, Default)]
pub(super) struct Wanted(Arc<Mutex<Work>>);

/// The other end of a [`Wanted`].
#[derive(Debug, Clone)]
pub(super) struct Abandoned(Arc<Mutex<Work>>);

/// How far work has come that somebody waits for.
#[derive(Debug, Default)]
struct Work {
    /// Nobody waits any more.
    is_over: bool,
    /// What was prepared is in its place.
    is_placed: bool,
    /// Where it is prepared.
    folder: Option<PathBuf>,
}

/// What giving work up came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GivenUp {
    /// Nothing of it is left, though the thread may go on computing for a while.
    InTime,
    /// It was in its place already.
    TooLate,
}

impl Wanted {
    /// What the work looks at.
    pub(super) fn watched(&self) -> Abandoned {
        Abandoned(self.0.clone())
    }

    /// Waits for it no longer.
    pub(super) fn give_up(self) -> GivenUp {
        if lock(&self.0).is_placed { GivenUp::TooLate } else { GivenUp::InTime }
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        let mut work = lock(&self.0);
        work.is_over = true;
        if let Some(folder) = work.folder.take() {
            // It may be gone by now, if the work came to its end.
            drop(fs::remove_dir_all(folder));
        }
    }
}

impl Abandoned {
    /// Makes a place in which all that follows is prepared.
    pub(super) fn prepare(
        &self,
        make: impl FnOnce() -> Result<Workplace, Problem>,
    ) -> Result<Workplace, Problem> {
        let mut work = lock(&self.0);
        let is_over = |error: io::Error| Problem::from_error(Code::FileUnusable, &error);
        work.goes_on().map_err(is_over)?;
        let place = make()?;
        work.folder = Some(place.folder.path().to_owned());
        Ok(place)
    }

    /// Writes something, or fails when nobody waits any more. Whoever gives up waits for what is being written.
    pub(super) fn write<T>(&self, write: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let work = lock(&self.0);
        work.goes_on()?;
        write()
    }

    /// Puts what was prepared into its place, or fails when nobody waits any more.
    pub(super) fn place(&self, place: Workplace, from: &Path) -> io::Result<()> {
        let mut work = lock(&self.0);
        work.goes_on()?;
        let place = place.rename(from)?;
        work.is_placed = true;
        place.sync()
    }
}

impl Work {
    fn goes_on(&self) -> io::Result<()> {
        if self.is_over {
            return Err(io::Error::other("nobody waits for it any more"));
        }
        Ok(())
    }
}

fn lock(work: &Mutex<Work>) -> MutexGuard<'_, Work> {
    work.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Mode of folders.
const FOLDER_MODE: u32 = 0o755;

/// What may be at the destination, and be gone afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// Nothing.
    Nothing,
    /// A regular file.
    File,
}

/// A folder beside the destination in which everything is prepared; gone when dropped.
#[derive(Debug)]
pub(super) struct Workplace {
    folder: TempDir,
    destination: PathBuf,
    over: Over,
}

impl Workplace {
    /// Makes one for `destination`, and refuses early what would be refused at the end. `hint` says what to do about
    /// something that is there already.
    pub(super) fn beside(destination: &Path, over: Over, hint: &str) -> Result<Self, Problem> {
        let unusable = |error: &io::Error, path: &Path| {
            Problem::new(Code::FileUnusable, format!("`{}` cannot be written", path.display()))
                .because(Some(error))
        };
        match fs::symlink_metadata(destination) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unusable(&error, destination)),
            Ok(found) if found.is_file() && over == Over::File => {}
            Ok(_) => {
                let detail = format!("`{}` is there already", destination.display());
                return Err(Problem::new(Code::FileUnusable, detail).hint(hint));
            }
        }
        let parent = folder_of(destination);
        let folder = tempfile::Builder::new()
            .prefix(".updraft-")
            .tempdir_in(parent)
            .map_err(|error| unusable(&error, parent))?;
        Ok(Self { folder, destination: destination.to_owned(), over })
    }

    /// The place of something that is prepared.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where it will be.
    pub(super) fn destination(&self) -> &Path {
        &self.destination
    }

    /// Puts what was prepared and synced to its destination, durably.
    pub(super) fn place(self, from: &Path) -> io::Result<()> {
        self.rename(from)?.sync()
    }

    fn rename(self, from: &Path) -> io::Result<Placed> {
        match self.over {
            Over::File => fs::rename(from, &self.destination)?,
            Over::Nothing => rename_to_free(from, &self.destination)?,
        }
        Ok(Placed(self.destination))
    }
}

/// What is at its destination, and has to stay there.
struct Placed(PathBuf);

impl Placed {
    fn sync(self) -> io::Result<()> {
        let synced = File::open(folder_of(&self.0)).and_then(|folder| folder.sync_all());
        synced.map_err(|error| {
            let words = "it is there and whole, but may be gone after a power cut";
            io::Error::new(error.kind(), format!("{words}: {error}"))
        })
    }
}

/// Renames to a name that is free, also if somebody took it a moment ago.
fn rename_to_free(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some file systems over a network cannot do that in one step.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) if fs::symlink_metadata(to).is_err() => {
            fs::rename(from, to)
        }
        renamed => Ok(renamed?),
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes files, folders and links below a folder that it makes.
#[derive(Debug)]
pub(super) struct Files {
    root: PathBuf,
    abandoned: Abandoned,
    open: Option<File>,
    /// All folders, to be synced when everything is in them.
    folders: Vec<PathBuf>,
}

impl Files {
    /// Makes `root`, which is not there yet. Stops writing when the `Wanted` behind `abandoned` is dropped.
    pub(super) fn below(root: &Path, abandoned: &Abandoned) -> io::Result<Self> {
        let mut files = Self {
            root: root.to_owned(),
            abandoned: abandoned.clone(),
            open: None,
            folders: Vec::new(),
        };
        files.make_folder(root.to_owned())?;
        Ok(files)
    }

    fn make_folder(&mut self, path: PathBuf) -> io::Result<()> {
        self.abandoned.write(|| {
            fs::create_dir(&path)?;
            fs::set_permissions(&path, Permissions::from_mode(FOLDER_MODE))
        })?;
        self.folders.push(path);
        Ok(())
    }

    /// Makes everything durable: files are since they were finished, now the names in folders are.
    pub(super) fn sync(self) -> io::Result<()> {
        self.folders.iter().rev().try_for_each(|folder| File::open(folder)?.sync_all())
    }
}

/// Where a path of a tree lies below a folder.
pub(super) fn under(root: &Path, path: &TreePath) -> PathBuf {
    path.segments().fold(root.to_owned(), |path, segment| path.join(segment))
}

impl FileSink for Files {
    fn begin(&mut self, path: &TreePath, mode: FileMode, _size: u64) -> io::Result<()> {
        let path = under(&self.root, path);
        let file = self.abandoned.write(|| {
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            file.set_permissions(Permissions::from_mode(mode.bits()))?;
            Ok(file)
        })?;
        self.open = Some(file);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let open = &mut self.open;
        self.abandoned.write(|| match open {
            Some(file) => file.write_all(bytes),
            None => Err(io::Error::other("bytes before the first file")),
        })
    }

    fn finish(&mut self) -> io::Result<()> {
        self.open.take().map_or(Ok(()), |file| file.sync_all())
    }
}

impl FolderSink for Files {
    fn folder(&mut self, path: &TreePath) -> io::Result<()> {
        self.make_folder(under(&self.root, path))
    }

    fn link(&mut self, path: &TreePath, target: &LinkTarget) -> io::Result<()> {
        self.abandoned.write(|| symlink(target.as_str(), under(&self.root, path)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_takes_the_place_of_what_came_in_between() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        for make in [fs::create_dir::<&Path>, |path: &Path| fs::write(path, "kept")] {
            let place = Workplace::beside(&to, Over::Nothing, "").expect("free");
            fs::create_dir(place.path("new")).expect("made");
            make(&to).expect("made");
            let new = place.path("new");
            let error = place.place(&new).expect_err("taken");
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            fs::remove_dir(&to).or_else(|_| fs::remove_file(&to)).expect("still there");
            assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 0);
        }
        fs::create_dir(&from).expect("made");
        rename_to_free(&from, &to).expect("free");
    }

    #[test]
    fn whoever_gives_up_leaves_nothing_and_what_is_placed_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let begin = |wanted: &Wanted, name: &str| {
            let abandoned = wanted.watched();
            let make = || Workplace::beside(&at(name), Over::Nothing, "");
            let place = abandoned.prepare(make).expect("free");
            fs::write(place.path("new"), "new").expect("written");
            (abandoned, place)
        };
        let count = || fs::read_dir(folder.path()).expect("read").count();

        let wanted = Wanted::default();
        let (abandoned, place) = begin(&wanted, "early");
        assert_eq!((wanted.give_up(), count()), (GivenUp::InTime, 0));
        let path = place.path("new");
        abandoned.write(|| fs::write(&path, "more")).expect_err("given up");
        abandoned.place(place, &path).expect_err("given up");
        abandoned
            .prepare(|| Workplace::beside(&at("early"), Over::Nothing, ""))
            .expect_err("given up");
        let mut files = Files { root: at("x"), abandoned, open: None, folders: Vec::new() };
        let name: TreePath = "a".parse().expect("a path");
        files.folder(&name).expect_err("given up");
        files.begin(&name, FileMode::Plain, 1).expect_err("given up");
        files.link(&name, &LinkTarget::new("b")).expect_err("given up");
        assert_eq!(count(), 0);

        let wanted = Wanted::default();
        let (abandoned, place) = begin(&wanted, "late");
        let path = place.path("new");
        abandoned.place(place, &path).expect("placed");
        assert_eq!((wanted.give_up(), count()), (GivenUp::TooLate, 1));
        assert_eq!(fs::read_to_string(at("late")).expect("there"), "new");
    }

    #[test]
    fn only_a_file_makes_room_and_only_for_who_may_replace_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "old").expect("written");
        fs::create_dir(at("folder")).expect("made");
        symlink("file", at("link")).expect("linked");
        symlink("nowhere", at("dangling")).expect("linked");
        for name in ["file", "folder", "link", "dangling"] {
            let problem = Workplace::beside(&at(name), Over::Nothing, "go away").expect_err(name);
            assert_eq!(
                (problem.code, problem.hint.as_deref()),
                (Code::FileUnusable, Some("go away"))
            );
        }
        for name in ["folder", "link", "dangling"] {
            Workplace::beside(&at(name), Over::File, "").expect_err(name);
        }
        let place = Workplace::beside(&at("file"), Over::File, "").expect("a file");
        fs::write(place.path("new"), "new").expect("written");
        let new = place.path("new");
        place.place(&new).expect("placed");
        assert_eq!(fs::read_to_string(at("file")).expect("there"), "new");
    }
}
