//! Signs until enough have signed: picks keys, unlocks them, and says who is missing.
//!
//! The count itself is `protocol::threshold`'s. This file must never sign with a key that the role does not
//! have: such a signature would count nothing and only look like one that does.

use std::collections::{BTreeMap, BTreeSet};

use updraft_protocol::{ChannelName, KeyId, Role, SecretKey};

use crate::{
    bundle::{Bundle, BundleError},
    keys::{KeyError, KeyFile, KeyReference, KeyRing, PasswordSource},
};

/// Why something is not signed, or not by enough.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// A key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A key that has no say here.
    #[error("`{key}` is not a release key of {channel}")]
    NotInRole {
        /// The key.
        key: String,
        /// The channel.
        channel: ChannelName,
        /// Who could sign.
        could: Vec<String>,
    },
    /// Not enough have signed.
    #[error("{channel} needs {need} release signatures, this has {}", signed.len())]
    TooFew {
        /// The channel.
        channel: ChannelName,
        /// How many it needs.
        need: usize,
        /// Who has signed.
        signed: Vec<String>,
        /// Who else could.
        could: Vec<String>,
    },
    /// The bundle cannot be read or written.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

/// Who has signed a release and its head, and who could.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Names of keys that have signed both.
    pub signed: Vec<String>,
    /// Names of the other keys of the role.
    pub could: Vec<String>,
    /// How many are needed.
    pub need: usize,
}

impl Standing {
    /// Where a bundle stands with `role`. Keys that are known here go by their names, others by their
    /// fingerprints.
    pub fn of(bundle: &Bundle, role: &Role, names: &BTreeMap<KeyId, String>) -> Self {
        let network = &bundle.manifest().network;
        let head = bundle.signed_head().signers(network, role);
        let manifest = bundle.signed_manifest().signers(network, role);
        let both: BTreeSet<_> = head.intersection(&manifest).copied().collect();
        let (signed, could) =
            role.keys().iter().map(|key| key.id()).partition::<Vec<_>, _>(|id| both.contains(id));
        let named = |ids: Vec<KeyId>| ids.iter().map(|id| name_of(id, names)).collect();
        Self { signed: named(signed), could: named(could), need: role.threshold() }
    }

    /// Whether enough have signed.
    ///
    /// # Errors
    /// [`SignError::TooFew`], with everybody's names.
    pub fn enough(self, channel: &ChannelName) -> Result<Self, SignError> {
        if self.signed.len() >= self.need {
            return Ok(self);
        }
        let Self { signed, could, need } = self;
        Err(SignError::TooFew { channel: channel.clone(), need, signed, could })
    }
}

/// What people call a key.
pub fn name_of(id: &KeyId, names: &BTreeMap<KeyId, String>) -> String {
    names.get(id).cloned().unwrap_or_else(|| format!("key {id}"))
}

/// Finds and unlocks the keys to sign with: those named, or if none are, as many of the role as it needs.
/// One key that is named twice is used once.
///
/// # Errors
/// [`SignError::Key`], [`SignError::NotInRole`]; [`SignError::TooFew`] when no key is named and none is here.
pub fn unlock(
    ring: &KeyRing,
    named: &[KeyReference],
    role: &Role,
    channel: &ChannelName,
    passwords: &PasswordSource,
) -> Result<Vec<SecretKey>, SignError> {
    let names = ring.names();
    let all = || role.keys().iter().map(|key| name_of(&key.id(), &names)).collect::<Vec<_>>();
    let files: Vec<KeyFile> = if named.is_empty() {
        let here = ring.usable().into_iter().filter(|file| role.key(&file.public.id()).is_some());
        here.take(role.threshold()).collect()
    } else {
        named.iter().map(|reference| ring.load(reference)).collect::<Result<_, _>>()?
    };
    if files.is_empty() {
        let (channel, need) = (channel.clone(), role.threshold());
        return Err(SignError::TooFew { channel, need, signed: Vec::new(), could: all() });
    }
    let mut seen = BTreeSet::new();
    let mut keys = Vec::new();
    for file in files {
        if role.key(&file.public.id()).is_none() {
            let (key, channel) = (file.name.to_string(), channel.clone());
            return Err(SignError::NotInRole { key, channel, could: all() });
        }
        if seen.insert(file.public.id()) {
            keys.push(file.unlock_with(passwords)?);
        }
    }
    Ok(keys)
}
