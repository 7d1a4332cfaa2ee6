//! Small whole files that are either there or not, also after a power cut. Knows nothing of what is in them.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::error::StoreError;

/// Files of this prefix were being written when the program ended; they are removed at the next start.
pub(super) const TEMPORARY: &str = ".tmp-";

/// Takes a lock whose contents stay consistent if a holder panics: every holder changes them in one step.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes sure that a folder is there and stays there.
pub(super) fn create_folder(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        create_folder(parent)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(StoreError::io("create", path)(error))
        }
        _ => sync_folder(
            path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")),
        ),
    }
}

/// Makes renames and removals in a folder durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(StoreError::io("sync", path))
}

/// Writes a file so that after it returns, and only then, the name leads to all of `bytes` for good.
///
/// Two writers of one name would share a temporary file; callers hold a lock.
pub(super) fn write_durable(
    folder: &Path,
    name: &str,
    bytes: &[u8],
) -> Result<PathBuf, StoreError> {
    let (temporary, target) = (folder.join(format!("{TEMPORARY}{name}")), folder.join(name));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&temporary)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&temporary, &target));
    if let Err(error) = written {
        // What was not synced is worthless: a second sync of the same pages would lie.
        let _ = fs::remove_file(&temporary);
        return Err(StoreError::io("write", target)(error));
    }
    sync_folder(folder)?;
    Ok(target)
}

/// Reads a file of at most `limit` bytes. `None`: not there. A longer one is cut after `limit + 1` bytes, so
/// no check of its contents can pass.
pub(super) fn read_bounded(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, StoreError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(StoreError::io("open", path))?,
    };
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes).map_err(StoreError::io("read", path))?;
    Ok(Some(bytes))
}

/// Removes a file if it is there.
pub(super) fn remove_file(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Names and sizes of the regular files in a folder, in order of name. Names that are not text are skipped:
/// the store writes none.
pub(super) fn list_files(folder: &Path) -> Result<Vec<(String, u64)>, StoreError> {
    let failed = || StoreError::io("list", folder);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        let found = entry.metadata().map_err(failed())?;
        if let (true, Ok(name)) = (found.is_file(), entry.file_name().into_string()) {
            files.push((name, found.len()));
        }
    }
    files.sort();
    Ok(files)
}

/// Removes what was half written when the program ended.
pub(super) fn remove_leftovers(folder: &Path) -> Result<(), StoreError> {
    for (name, _) in list_files(folder)? {
        if name.starts_with(TEMPORARY) {
            remove_file(&folder.join(name))?;
        }
    }
    Ok(())
}
