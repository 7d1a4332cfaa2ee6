//! One node for one data directory.
//!
//! The lock is the kernel's (`flock`), so it ends with the process however that ends; the file's text, the
//! holder's process id, is only for the message the second node shows.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process,
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("the data directory {} is in use by {}", directory.display(), holder(*pid))]
    InUse {
        /// The directory.
        directory: PathBuf,
        /// The process that holds it, if it has written its id already.
        pid: Option<u32>,
    },
    /// The directory or the lock file cannot be made or opened.
    #[error("the data directory {} cannot be used", directory.display())]
    Unusable {
        /// The directory.
        directory: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

/// The right to use a data directory, until it is dropped.
#[derive(Debug)]
pub struct DataLock {
    file: File,
}

impl DataLock {
    /// Takes the directory for this process; makes it (0700) if it is not there. Does not wait.
    ///
    /// # Errors
    /// If another process, or another part of this one, has it; if it cannot be made or written.
    pub fn acquire(directory: &Path) -> Result<Self, LockError> {
        let unusable = |source| LockError::Unusable { directory: directory.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(unusable)?;
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .mode(0o600)
            .open(directory.join("lock"))
            .map_err(unusable)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let pid = written_pid(&mut file);
                return Err(LockError::InUse { directory: directory.to_owned(), pid });
            }
            Err(errno) => return Err(unusable(errno.into())),
        }
        write_pid(&mut file).map_err(unusable)?;
        Ok(Self { file })
    }
}

impl Drop for DataLock {
    fn drop(&mut self) {
        // Not only closed: a program that another thread begins at this instant has a copy of it until it runs. If the
        // kernel refuses, closing lets go.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", process::id())
}

fn written_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_directory_in_use_is_refused_and_the_holder_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("not/there/yet");
        let lock = DataLock::acquire(&data).expect("free");
        let refused = DataLock::acquire(&data).expect_err("in use");
        let id = process::id();
        assert_eq!(
            refused.to_string(),
            format!("the data directory {} is in use by process {id}", data.display())
        );
        drop(lock);
        DataLock::acquire(&data).expect("free again");
    }

    #[test]
    fn a_copy_that_a_child_got_by_being_begun_does_not_hold_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let lock = DataLock::acquire(folder.path()).expect("free");
        let _copy = lock.file.try_clone().expect("a copy");
        drop(lock);
        DataLock::acquire(folder.path()).expect("free again");
    }

    #[test]
    fn what_a_killed_node_left_behind_is_no_lock() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("lock"), "4294967295 and more than any pid has")
            .expect("left");
        DataLock::acquire(folder.path()).expect("nobody holds it");
        let text = fs::read_to_string(folder.path().join("lock")).expect("lock file");
        assert_eq!(text, format!("{}\n", process::id()));
    }

    #[test]
    fn a_file_in_the_way_is_an_error_with_its_path() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        fs::write(&path, "").expect("written");
        let error = DataLock::acquire(&path).expect_err("not a directory");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}
