//! Files that hold secrets: made whole or not at all, readable by their owner only.
//!
//! What is in them is somebody else's business. Nothing here ever appears in a message.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

/// Why a secret cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file cannot be made.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Others than the owner may use the file.
    #[error("{} holds a secret but has mode {mode:04o}; run `chmod 600` on it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is a folder, a device, or something else that is no file.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// It is larger than such a secret can be.
    #[error("{} is larger than {limit} bytes; this is not the file it should be", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Most bytes it may have.
        limit: usize,
    },
}

impl SecretError {
    /// Whether the file is simply not there.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Whether others than a file's owner may use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// The owner alone.
    Owner,
    /// Group or others, too.
    Others {
        /// The file's permission bits.
        mode: u32,
    },
}

/// Reads a secret of at most `limit` bytes.
///
/// # Errors
/// If it is missing, too large, no regular file, or if group or others may read or write it.
pub fn read(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    match read_from_elsewhere(path, limit)? {
        (secret, Exposure::Owner) => Ok(secret),
        (_, Exposure::Others { mode }) => Err(SecretError::Exposed { path: path.to_owned(), mode }),
    }
}

/// Reads a secret of at most `limit` bytes that was carried here, on a medium that may know no permissions.
/// Nobody may go on using that file; the caller says so if others could read it.
///
/// # Errors
/// If it is missing, too large or no regular file.
pub fn read_from_elsewhere(
    path: &Path,
    limit: usize,
) -> Result<(Zeroizing<Vec<u8>>, Exposure), SecretError> {
    let failed = |source| SecretError::Read { path: path.to_owned(), source };
    // Without NONBLOCK, opening a pipe left in the file's place would wait for a writer for ever.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).expect("open flags are small numbers");
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(failed)?;
    // Asked of the open file, not of the path: what was checked is what is read.
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(SecretError::NotAFile { path: path.to_owned() });
    }
    let mode = metadata.mode() & 0o777;
    let exposure = match mode & 0o077 {
        0 => Exposure::Owner,
        _ => Exposure::Others { mode },
    };
    // Room for everything at once: a vector that grows leaves copies behind that nobody wipes.
    let mut secret = Zeroizing::new(Vec::with_capacity(limit + 2));
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut secret).map_err(failed)?;
    if secret.len() > limit {
        return Err(SecretError::TooLarge { path: path.to_owned(), limit });
    }
    Ok((secret, exposure))
}

/// Whether [`create`] made the file or found one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// The file is new and on disk.
    New,
    /// There was one already; it was left as it is.
    Existed,
}

/// Makes the file with mode 0600, unless there is one already. Missing folders are made with mode 0700.
///
/// After a crash there is either no file or the whole secret, never a part of it.
///
/// # Errors
/// If the folder or the file cannot be written.
pub fn create(path: &Path, secret: &[u8]) -> Result<Created, SecretError> {
    let failed = |source| SecretError::Write { path: path.to_owned(), source };
    let folder = folder_of(path);
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    match beside(folder, secret).map_err(failed)?.persist_noclobber(path) {
        Ok(_) => {}
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            return Ok(Created::Existed);
        }
        Err(error) => return Err(failed(error.error)),
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(Created::New)
}

/// Puts another secret in the place of one that is there. A link is followed: the file it leads to changes.
///
/// After a crash there is either the old secret or the new one, whole. The old bytes are unlinked, not wiped:
/// no file system promises that.
///
/// # Errors
/// If there is no file, or it cannot be written.
pub fn replace(path: &Path, secret: &[u8]) -> Result<(), SecretError> {
    let failed = |source| SecretError::Write { path: path.to_owned(), source };
    let target = fs::canonicalize(path).map_err(failed)?;
    let folder = folder_of(&target);
    let file = beside(folder, secret).map_err(failed)?;
    file.persist(&target).map_err(|error| failed(error.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// A secret in a file without a name that lasts; it is gone if it gets none.
fn beside(folder: &Path, secret: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix(".secret-")
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(folder)?;
    file.write_all(secret)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Whether there is anything at the path, even a link to nowhere.
pub fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder")
    }

    #[test]
    fn a_secret_comes_back_and_only_its_owner_may_read_it() {
        let folder = folder();
        let path = folder.path().join("keys/ci.key");
        assert_eq!(create(&path, b"secret").expect("written"), Created::New);
        assert_eq!(read(&path, 6).expect("read").as_slice(), b"secret");
        assert_eq!(fs::metadata(&path).expect("there").mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(folder.path().join("keys")).expect("there").mode() & 0o777, 0o700);
    }

    #[test]
    fn a_secret_is_never_written_over() {
        let folder = folder();
        let path = folder.path().join("key");
        create(&path, b"first").expect("written");
        assert_eq!(create(&path, b"second").expect("found"), Created::Existed);
        assert_eq!(read(&path, 64).expect("read").as_slice(), b"first");
        assert_eq!(fs::read_dir(folder.path()).expect("folder").count(), 1, "nothing left over");
    }

    #[test]
    fn a_secret_others_can_read_is_refused_with_the_remedy() {
        let folder = folder();
        let path = folder.path().join("key");
        for mode in [0o640, 0o604, 0o620, 0o777] {
            let _ = fs::remove_file(&path);
            create(&path, b"x").expect("written");
            fs::set_permissions(&path, Permissions::from_mode(mode)).expect("own file");
            let error = read(&path, 64).expect_err("exposed").to_string();
            assert!(
                error.contains(&format!("{mode:04o}")) && error.contains("chmod 600"),
                "{error}"
            );
        }
    }

    #[test]
    fn what_is_no_secret_file_is_refused() {
        let folder = folder();
        let large = folder.path().join("large");
        create(&large, &[0; 65]).expect("written");
        assert!(matches!(read(&large, 64), Err(SecretError::TooLarge { .. })));
        assert!(matches!(read(folder.path(), 64), Err(SecretError::NotAFile { .. })));
        let missing = read(&folder.path().join("missing"), 64).expect_err("missing");
        assert!(missing.is_missing() && !exists(&folder.path().join("missing")));
    }
}
