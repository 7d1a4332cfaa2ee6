//! Signing keys on a person's disk: a folder of key files, and how a key is found and unlocked.
//!
//! ```text
//!  `ci`, `file:/media/usb/ci.key`  ──>  KeyReference
//!  KeyFolder::load(reference)      ──>  KeyFile      name and public key; nothing secret is usable yet
//!  KeyFile::unlock(password)       ──>  SecretKey    wiped when dropped
//! ```
//!
//! A file is made once, readable by its owner alone, and never holds another key than the one it was made with;
//! only the password around it changes. The room must never log, print or
//! keep a secret, take a password from an argument or a variable, or load a file that others can read.

mod file;
mod folder;
mod password;
mod ring;
mod seal;

use std::{io, path::PathBuf};

use crate::secret::SecretError;

pub use self::{
    file::{KeyFile, Lock},
    folder::{KeyFolder, KeyReference, ListedKey, Protection, read_from_elsewhere},
    password::{Asking, Password, PasswordSource},
    ring::KeyRing,
};

/// Why a key could not be made, found or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No such file.
    #[error("no key `{reference}` at {path}")]
    Unknown {
        /// What was asked for.
        reference: String,
        /// Where it would be.
        path: PathBuf,
        /// Keys that are there.
        known: Vec<String>,
    },
    /// A name or reference that is none.
    #[error("`{0}` is not a key name: 1 to 64 of a-z 0-9 . _ -, or `file:PATH`")]
    NotAReference(String),
    /// A key of this name is there; keys are never overwritten.
    #[error("{0} exists, and a key is never overwritten")]
    Exists(PathBuf),
    /// The file cannot be read or made, or others can read it.
    #[error(transparent)]
    File(#[from] SecretError),
    /// The text is not a key file, or was changed.
    #[error("{path} is not a usable key file: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file calls its key by another name.
    #[error("{path} holds the key `{found}`")]
    OtherName {
        /// The file.
        path: PathBuf,
        /// The name in it.
        found: String,
    },
    /// The file holds another key than the one that was unlocked.
    #[error("{0} was replaced by another key meanwhile")]
    OtherKey(PathBuf),
    /// The key has a password and none was given.
    #[error("the key `{0}` has a password, and there is no way to ask for it")]
    PasswordNeeded(String),
    /// The password does not open the key.
    #[error("wrong password for the key `{0}`")]
    WrongPassword(String),
    /// A new password is needed and none was given.
    #[error("the key `{0}` needs a new password, and there is no way to ask for it")]
    NewPasswordNeeded(String),
    /// A password that nobody should use, or two that differ.
    #[error("the password {0}")]
    BadPassword(&'static str),
    /// The person broke off.
    #[error("no password was entered")]
    Cancelled,
    /// A file or the terminal could not be used.
    #[error("cannot {doing} {path}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The system gave no random bytes.
    #[error("the system gives no random bytes: {0}")]
    NoRandomness(String),
}

impl KeyError {
    fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}

/// Draws random bytes from the system.
///
/// # Errors
/// [`KeyError::NoRandomness`] when the system has none; nothing is signed with a guess.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| KeyError::NoRandomness(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
