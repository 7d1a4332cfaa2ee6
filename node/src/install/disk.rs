//! What this room needs of a file system: the seam below which there is a real disk, or a simulated one.
//!
//! Every call is one system call on the real disk ([`RealDisk`](super::RealDisk)), so nothing is composed here:
//! what takes several calls, and the texts of errors, stand in `beneath.rs`. Nothing here may make a promise that a
//! real file system does not keep: what is not synced may be lost, in part or as a whole.

use std::{
    ffi::OsString,
    fmt::Debug,
    io::{self, Read, Write},
    sync::Arc,
};

/// An open folder.
///
/// A `name` is one name in this folder. A `path` is several of them joined by `/`, below this folder; no link on
/// the way and none at its end is followed, and it does not lead out.
pub trait Disk: Debug + Send + Sync {
    /// Opens a folder below; an empty path opens this one anew.
    fn folder(&self, path: &str) -> io::Result<Arc<dyn Disk>>;

    /// Opens what is there for reading and waits for nothing; `None`: nothing is there. Whether it is a regular
    /// file is for [`DiskFile::look_at`] to say.
    fn open(&self, path: &str) -> io::Result<Option<Box<dyn DiskFile>>>;

    /// Opens a file to write at its end; [`io::ErrorKind::NotFound`] if there is none.
    fn open_log(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Makes a file of mode 600 for writing. Its name must be free.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Makes a folder; the umask may take bits from its mode.
    fn make_folder(&self, name: &str, mode: u32) -> io::Result<()>;

    /// Makes a link with this text.
    fn link(&self, target: &str, name: &str) -> io::Result<()>;

    /// Gives a file, link or folder of this folder another name in it, in place of whatever file or link has that
    /// name. At every instant, and after a power cut, either all of this has happened or nothing.
    ///
    /// There is no renaming into another folder: nobody here needs it, and two folders would have to be synced.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// The same to a name that must be free; [`io::ErrorKind::AlreadyExists`] if it is not.
    fn rename_to_free(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file or link.
    fn unlink(&self, name: &str) -> io::Result<()>;

    /// Removes an empty folder.
    fn remove_folder(&self, name: &str) -> io::Result<()>;

    /// Sets the permission bits of this folder, whatever the umask took from them.
    fn set_mode(&self, mode: u32) -> io::Result<()>;

    /// Makes this folder's mode, and names that came and went in it, durable; not what the names stand for.
    fn sync(&self) -> io::Result<()>;

    /// What has this name; a link is not followed. `None`: nothing.
    fn look_at(&self, name: &str) -> io::Result<Option<Found>>;

    /// What this folder is.
    fn look_at_self(&self) -> io::Result<Found>;

    /// The text of a link. `None`: there is something else, or nothing.
    fn link_text(&self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// The names in this folder, in any order.
    fn names(&self) -> io::Result<Vec<OsString>>;

    /// What is free on the file system.
    fn free(&self) -> io::Result<Free>;
}

/// An open file.
pub trait DiskFile: Read + Write + Debug + Send + Sync {
    /// Fills `out` with the bytes from `at` on; [`io::ErrorKind::UnexpectedEof`] if there are fewer.
    fn read_exact_at(&self, out: &mut [u8], at: u64) -> io::Result<()>;

    /// Cuts the file, or fills it up with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Sets the permission bits.
    fn set_mode(&self, mode: u32) -> io::Result<()>;

    /// Takes room for this many bytes, so that writing them does not meet a full disk. Does not change the size,
    /// and does nothing where a file system cannot.
    fn reserve(&self, bytes: u64) -> io::Result<()>;

    /// Makes bytes, size and mode durable; not the name. After an error what was to be synced may be lost although
    /// it can still be read and although a second sync succeeds.
    fn sync(&self) -> io::Result<()>;

    /// What this file is.
    fn look_at(&self) -> io::Result<Found>;
}

/// What kind of thing has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A link, wherever it leads.
    Link,
    /// A device, a pipe or the like.
    Other,
}

/// Kind, permission bits and size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The kind.
    pub kind: Kind,
    /// The twelve permission bits.
    pub mode: u32,
    /// The size in bytes; of anything but a file it means nothing.
    pub size: u64,
}

/// What may be taken of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Free {
    /// Bytes.
    pub bytes: u64,
    /// Files, folders and links; `None` where a file system does not count them.
    pub files: Option<u64>,
}
