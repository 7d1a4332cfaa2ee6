//! What can go wrong while installing. Every variant leaves either the old or the new version live.

use std::{error::Error, io, path::PathBuf};

use updraft_protocol::{Digest, ReleaseVersion, codec::EncodeError};

use super::machine::IllegalMove;

/// Why a component could not be installed, switched or read.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The operating system refused an action. `ELOOP` and `EXDEV` mean that somebody planted a link.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// There is not enough room; nothing was written.
    #[error("the release needs {need} {what}, {have} may be taken")]
    DiskFull {
        /// `bytes` or `files`.
        what: &'static str,
        /// How many are needed.
        need: u64,
        /// How many there are beyond the reserve.
        have: u64,
    },
    /// The listing breaks a rule of listings.
    #[error("the listing of the release is not valid")]
    BadListing(#[source] EncodeError),
    /// The listing is not the one that the manifest names.
    #[error("the listing is {got}, expected {expected}")]
    WrongListing {
        /// Digest that was named.
        expected: Digest,
        /// Digest of what was given.
        got: Digest,
    },
    /// The kept listing of a version is gone or damaged.
    #[error("the listing of version {version} is {what}")]
    ListingLost {
        /// The version.
        version: ReleaseVersion,
        /// `gone` or `damaged`.
        what: &'static str,
    },
    /// Whoever was to give the contents could not.
    #[error("the contents of version {version} could not be made")]
    Fill {
        /// The version.
        version: ReleaseVersion,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The contents ended too early.
    #[error("the contents end after {got} bytes, the listing has {expected}")]
    TooFewBytes {
        /// Bytes that came.
        got: u64,
        /// Bytes of the listing.
        expected: u64,
    },
    /// The contents go on after the last file.
    #[error("the contents go on after the {expected} bytes of the listing")]
    TooManyBytes {
        /// Bytes of the listing.
        expected: u64,
    },
    /// What lies on the disk is not what the listing says.
    #[error("version {version} is not as its listing says: `{path}` {what}")]
    Differs {
        /// The version.
        version: ReleaseVersion,
        /// Where, inside the version; empty for its top folder.
        path: String,
        /// What is wrong there, as the rest of a sentence.
        what: &'static str,
    },
    /// No such version is kept here.
    #[error("version {version} is not kept here")]
    NotKept {
        /// The version.
        version: ReleaseVersion,
    },
    /// The version never was live here, so there is no going back to it.
    #[error("version {version} never was live here")]
    NeverLive {
        /// The version.
        version: ReleaseVersion,
    },
    /// The version is live already.
    #[error("version {version} is live already")]
    AlreadyLive {
        /// The version.
        version: ReleaseVersion,
    },
    /// The live version has the same name and other contents; it cannot be replaced under itself.
    #[error("version {version} is live with other contents")]
    LiveDiffers {
        /// The version.
        version: ReleaseVersion,
    },
    /// Something that is not ours lies where the version would go.
    #[error("{} is in the way and was not put there by this node; move it away", path.display())]
    Occupied {
        /// What lies there.
        path: PathBuf,
    },
    /// Somebody replaced `current`; it is not overwritten.
    #[error("`current` is {found}, expected {}; put it back or have the node restore it", or_nothing(expected.as_ref()))]
    CurrentReplaced {
        /// What it is.
        found: String,
        /// The version it should lead to.
        expected: Option<ReleaseVersion>,
    },
    /// The step is not possible now.
    #[error(transparent)]
    IllegalMove(#[from] IllegalMove),
    /// The journal holds a line that this version does not know; a later one wrote it.
    #[error("the journal has a line that this version does not know: `{line}`")]
    UnknownLine {
        /// The line, shortened.
        line: String,
    },
    /// The journal is longer than this program ever writes.
    #[error("the journal {} has more than {limit} bytes", path.display())]
    JournalTooLong {
        /// The journal.
        path: PathBuf,
        /// Bytes allowed.
        limit: u64,
    },
}

fn or_nothing(version: Option<&ReleaseVersion>) -> String {
    version.map_or_else(
        || "nothing there".to_owned(),
        |version| format!("a link to `versions/{version}`"),
    )
}

impl InstallError {
    /// Attaches what was tried to an error of the operating system.
    pub(super) fn io<E: Into<io::Error>>(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(E) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source: source.into() }
    }
}
