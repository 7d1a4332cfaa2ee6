//! The folder of key files: `<configuration>/keys/NAME.key`, files 0600, folder 0700.
//!
//! It must never overwrite a key with another and never use one where others can read it.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    str::FromStr,
};

use updraft_protocol::{ComponentName, SecretKey};
use zeroize::Zeroizing;

use super::{KeyError, KeyFile, Password, file::MAX_FILE, random_bytes};
use crate::secret::{self, Created, Exposure};

const EXTENSION: &str = "key";
/// Key files listed; a person has a handful.
const MAX_LISTED: usize = 1_024;

/// What protects a new key.
#[derive(Debug, Clone, Copy)]
pub enum Protection<'a> {
    /// A password, asked at each use.
    Password(&'a Password),
    /// Nothing but the file's mode: for trying things out and for machines that cannot be asked.
    None,
}

impl<'a> Protection<'a> {
    fn password(self) -> Option<&'a Password> {
        match self {
            Self::Password(password) => Some(password),
            Self::None => None,
        }
    }
}

/// Which key: one of the folder, or a file anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyReference {
    /// `NAME`
    Name(ComponentName),
    /// `file:PATH`
    File(PathBuf),
}

impl FromStr for KeyReference {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        match text.strip_prefix("file:") {
            Some("") => Err(KeyError::NotAReference(text.to_owned())),
            Some(path) => Ok(Self::File(PathBuf::from(path))),
            // Shell completion writes `ci.key` as readily as `ci`.
            None => text
                .strip_suffix(".key")
                .unwrap_or(text)
                .parse()
                .map(Self::Name)
                .map_err(|_| KeyError::NotAReference(text.chars().take(80).collect())),
        }
    }
}

impl fmt::Display for KeyReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

/// A file of the folder, usable or not.
#[derive(Debug)]
pub struct ListedKey {
    /// The name of the file, without `.key`.
    pub name: String,
    /// The key, or why it cannot be used.
    pub key: Result<KeyFile, KeyError>,
}

/// A folder of keys.
#[derive(Debug, Clone)]
pub struct KeyFolder {
    path: PathBuf,
}

impl KeyFolder {
    /// The keys in `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a key is or would be.
    pub fn path_of(&self, reference: &KeyReference) -> PathBuf {
        match reference {
            KeyReference::Name(name) => self.path.join(format!("{name}.{EXTENSION}")),
            KeyReference::File(path) => path.clone(),
        }
    }

    /// Draws a new key and keeps it under `name`. It is on disk when this returns.
    ///
    /// # Errors
    /// [`KeyError::Exists`], [`KeyError::File`], [`KeyError::NoRandomness`].
    pub fn generate(
        &self,
        name: ComponentName,
        protection: Protection<'_>,
    ) -> Result<KeyFile, KeyError> {
        let path = self.path_of(&KeyReference::Name(name.clone()));
        if secret::exists(&path) {
            return Err(KeyError::Exists(path));
        }
        let seed = Zeroizing::new(random_bytes::<32>()?);
        let key = KeyFile::new(name, &SecretKey::from_seed(&seed), protection.password())?;
        Self::write(&path, &key)?;
        Ok(key)
    }

    /// Keeps a key that was made elsewhere under the name it has. It is on disk when this returns.
    ///
    /// # Errors
    /// [`KeyError::Exists`], [`KeyError::File`].
    pub fn keep(&self, key: &KeyFile) -> Result<PathBuf, KeyError> {
        let path = self.path_of(&KeyReference::Name(key.name.clone()));
        Self::write(&path, key)?;
        Ok(path)
    }

    /// Closes the key of `reference` in another way. Its old file or the new one is on disk, whatever happens.
    ///
    /// # Errors
    /// [`KeyError::OtherKey`] when the file holds another key than `key`, and those of [`KeyFolder::load`].
    pub fn protect(
        &self,
        reference: &KeyReference,
        key: &SecretKey,
        protection: Protection<'_>,
    ) -> Result<KeyFile, KeyError> {
        let before = self.load(reference)?;
        let path = self.path_of(reference);
        if before.public != key.public() {
            return Err(KeyError::OtherKey(path));
        }
        let after = KeyFile::new(before.name, key, protection.password())?;
        secret::replace(&path, after.to_text().as_bytes())?;
        Ok(after)
    }

    fn write(path: &Path, key: &KeyFile) -> Result<(), KeyError> {
        match secret::create(path, key.to_text().as_bytes())? {
            Created::New => Ok(()),
            Created::Existed => Err(KeyError::Exists(path.to_owned())),
        }
    }

    /// Reads a key's file; nothing is unlocked.
    ///
    /// # Errors
    /// [`KeyError::Unknown`], [`KeyError::File`], [`KeyError::Damaged`], [`KeyError::OtherName`].
    pub fn load(&self, reference: &KeyReference) -> Result<KeyFile, KeyError> {
        let path = self.path_of(reference);
        let text = secret::read(&path, MAX_FILE).map_err(|error| {
            if error.is_missing() {
                let (reference, path) = (reference.to_string(), path.clone());
                return KeyError::Unknown {
                    reference,
                    path,
                    known: self.names().unwrap_or_default(),
                };
            }
            KeyError::from(error)
        })?;
        let key = parse(&text, &path)?;
        match reference {
            KeyReference::Name(name) if *name != key.name => {
                Err(KeyError::OtherName { path, found: key.name.to_string() })
            }
            KeyReference::Name(_) | KeyReference::File(_) => Ok(key),
        }
    }

    /// Every key file in the folder by name, each read or refused on its own. At most 1,024.
    ///
    /// # Errors
    /// [`KeyError::Io`] if the folder cannot be read; a folder that is not there has no keys.
    pub fn list(&self) -> Result<Vec<ListedKey>, KeyError> {
        let names = self.names()?;
        Ok(names
            .into_iter()
            .map(|name| {
                let key = name.parse().and_then(|reference| self.load(&reference));
                ListedKey { name, key }
            })
            .collect())
    }

    fn names(&self) -> Result<Vec<String>, KeyError> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(KeyError::io("read the folder", &self.path)(error)),
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|name| name.strip_suffix(".key").map(str::to_owned))
            .filter(|name| name.parse::<ComponentName>().is_ok())
            .take(MAX_LISTED)
            .collect();
        names.sort();
        Ok(names)
    }
}

/// Reads a key file that was carried here, and whether others could read it where it lies. Nothing is unlocked.
///
/// # Errors
/// [`KeyError::File`], [`KeyError::Damaged`].
pub fn read_from_elsewhere(path: &Path) -> Result<(KeyFile, Exposure), KeyError> {
    let (text, exposure) = secret::read_from_elsewhere(path, MAX_FILE)?;
    Ok((parse(&text, path)?, exposure))
}

fn parse(text: &[u8], path: &Path) -> Result<KeyFile, KeyError> {
    let text = std::str::from_utf8(text).map_err(|_| KeyError::Damaged {
        path: path.to_owned(),
        reason: "it is not text".to_owned(),
    })?;
    KeyFile::parse(text, path)
}
