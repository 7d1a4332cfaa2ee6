//! The Unix socket's file: who owns the path, and what happens to what an earlier node left there.
//!
//! A socket on which nobody answers is left over from a node that was killed and is replaced; one on which
//! somebody answers is never touched. The new socket gets its mode before it gets its name.

use std::{
    fs, io,
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    net::{UnixListener, UnixStream},
    time::timeout,
};

/// Longest path of a socket: `sun_path` holds 108 bytes, with the zero at its end.
const MAX_PATH: usize = 107;
/// The name under which a socket is made before it gets its own; short, so that it fits where that fits.
const FRESH_NAME: &str = ".new";
/// A live node accepts at once; its queue would have to be full for this long to be taken for dead.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// Where the socket is, and who may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketFile {
    /// Its path.
    pub path: PathBuf,
    /// Its permission bits, for example `0o660`.
    pub mode: u32,
}

/// Why a listener could not be had. The node goes on without it.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The TCP address cannot be bound.
    #[error("cannot listen on {address}")]
    Tcp {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another node answers on the socket.
    #[error("another node answers on `{path}`")]
    SocketInUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something that is no socket has the name.
    #[error("`{path}` is not a socket, so it is left alone")]
    NotASocket {
        /// The file.
        path: PathBuf,
    },
    /// The path does not fit into a socket's address.
    #[error("the socket's path `{path}` has {got} bytes, at most {MAX_PATH} are possible")]
    PathTooLong {
        /// The path.
        path: PathBuf,
        /// Its bytes.
        got: usize,
    },
    /// The file system refuses.
    #[error("cannot make the socket `{path}`")]
    Socket {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file that tells commands the address cannot be written.
    #[error("cannot write the address to `{path}`")]
    AddressFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A bound socket; its file goes when this is dropped, if it is still the same file.
#[derive(Debug)]
pub(super) struct BoundSocket {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    /// Whether a socket at `path` could be bound at all.
    pub fn fits(path: &Path) -> bool {
        path.as_os_str().len() <= MAX_PATH
    }

    pub(super) async fn bind(&self) -> Result<(UnixListener, BoundSocket), BindError> {
        let path = &self.path;
        if !Self::fits(path) {
            let got = path.as_os_str().len();
            return Err(BindError::PathTooLong { path: path.clone(), got });
        }
        let failed = |source| BindError::Socket { path: path.clone(), source };
        if let Some(folder) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        }
        self.check_free().await?;
        let fresh = path.with_file_name(FRESH_NAME);
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let listener = UnixListener::bind(&fresh).map_err(failed)?;
        fs::set_permissions(&fresh, fs::Permissions::from_mode(self.mode)).map_err(failed)?;
        let metadata = fs::symlink_metadata(&fresh).map_err(failed)?;
        fs::rename(&fresh, path).map_err(failed)?;
        let (device, inode) = (metadata.dev(), metadata.ino());
        Ok((listener, BoundSocket { path: path.clone(), device, inode }))
    }

    async fn check_free(&self) -> Result<(), BindError> {
        let path = &self.path;
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(BindError::Socket { path: path.clone(), source }),
            Ok(metadata) if !metadata.file_type().is_socket() => {
                return Err(BindError::NotASocket { path: path.clone() });
            }
            Ok(_) => {}
        }
        match timeout(ANSWER_TIME, UnixStream::connect(path)).await {
            // Whatever is not a plain "nobody listens" may be a node that is only busy or not ours.
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
            Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Ok(Err(source)) => Err(BindError::Socket { path: path.clone(), source }),
            Ok(Ok(_)) | Err(_) => Err(BindError::SocketInUse { path: path.clone() }),
        }
    }
}

impl Drop for BoundSocket {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|found| found.dev() == self.device && found.ino() == self.inode);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "socket file stays behind");
        }
    }
}
