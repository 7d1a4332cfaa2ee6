//! The keys at hand: the folder of a project, then the folder of its user.
//!
//! A name is looked up in that order, so that two projects may both have a key `ci`.

use std::collections::BTreeMap;

use updraft_protocol::{KeyId, SecretKey};

use super::{
    KeyError, KeyFile, KeyFolder, KeyReference, ListedKey, Lock, PasswordSource, Protection,
};

/// Folders of keys, the nearest first.
#[derive(Debug, Clone)]
pub struct KeyRing {
    folders: Vec<KeyFolder>,
}

impl KeyRing {
    /// The keys in these folders.
    pub fn new(folders: Vec<KeyFolder>) -> Self {
        Self { folders }
    }

    /// The folder that new keys go to: the nearest.
    pub fn nearest(&self) -> Option<&KeyFolder> {
        self.folders.first()
    }

    /// Reads a key's file; nothing is unlocked.
    ///
    /// # Errors
    /// As [`KeyFolder::load`]; [`KeyError::Unknown`] names the keys of all folders.
    pub fn load(&self, reference: &KeyReference) -> Result<KeyFile, KeyError> {
        self.find(reference).map(|(_, key)| key)
    }

    /// Closes a key in another way, in the file that [`KeyRing::load`] reads.
    ///
    /// # Errors
    /// As [`KeyFolder::protect`].
    pub fn protect(
        &self,
        reference: &KeyReference,
        key: &SecretKey,
        protection: Protection<'_>,
    ) -> Result<KeyFile, KeyError> {
        let (folder, _) = self.find(reference)?;
        folder.protect(reference, key, protection)
    }

    /// The nearest folder that has a key, and the key.
    fn find(&self, reference: &KeyReference) -> Result<(&KeyFolder, KeyFile), KeyError> {
        let mut missing = None;
        let mut everywhere = Vec::new();
        for folder in &self.folders {
            match folder.load(reference) {
                Err(KeyError::Unknown { reference, path, known }) => {
                    everywhere.extend(known);
                    missing.get_or_insert((reference, path));
                }
                found_or_refused => return found_or_refused.map(|key| (folder, key)),
            }
        }
        let (reference, path) = missing.unwrap_or((reference.to_string(), "(no folder)".into()));
        everywhere.sort();
        everywhere.dedup();
        Err(KeyError::Unknown { reference, path, known: everywhere })
    }

    /// Every file of every folder, the nearest first; folders that cannot be read have none.
    pub fn list(&self) -> Vec<ListedKey> {
        self.folders.iter().flat_map(|folder| folder.list().unwrap_or_default()).collect()
    }

    /// The keys that can be read, nearest first and by name; one key in two files is listed once.
    pub fn usable(&self) -> Vec<KeyFile> {
        let mut keys: Vec<KeyFile> = Vec::new();
        for key in self.list().into_iter().filter_map(|listed| listed.key.ok()) {
            if keys.iter().all(|known| known.public != key.public) {
                keys.push(key);
            }
        }
        keys
    }

    /// What the keys at hand are called.
    pub fn names(&self) -> BTreeMap<KeyId, String> {
        self.usable().iter().map(|key| (key.public.id(), key.name.to_string())).collect()
    }
}

impl KeyFile {
    /// The secret key, with a password from `passwords` if it needs one.
    ///
    /// # Errors
    /// As [`KeyFile::unlock`] and [`PasswordSource::existing`].
    pub fn unlock_with(&self, passwords: &PasswordSource) -> Result<SecretKey, KeyError> {
        match self.lock() {
            Lock::None => self.unlock(None),
            Lock::Password => self.unlock(passwords.existing(self.name.as_str())?.as_ref()),
        }
    }
}
