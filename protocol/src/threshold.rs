//! THE count of signers.
//!
//! Manifests, heads, roots and whatever else needs m of n signatures are counted here and nowhere else:
//! projects that counted in two places had the flaw in one of them (CVE-2020-6174, CVE-2026-6966).

use std::collections::BTreeSet;

use bincode::{Decode, Encode};

use crate::{
    broken::{self, Break},
    codec::Invalid,
    key::{KeyId, PublicKey},
    limits::MAX_KEYS_PER_ROLE,
};

/// A set of keys and how many of them have to sign.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Role {
    threshold: u16,
    keys: Vec<PublicKey>,
}

impl Role {
    /// A role in which `threshold` of `keys` have to sign. The order of `keys` does not matter.
    pub fn new(threshold: u16, mut keys: Vec<PublicKey>) -> Result<Self, Invalid> {
        keys.sort_by_key(PublicKey::id);
        let role = Self { threshold, keys };
        role.check()?;
        Ok(role)
    }

    /// Signers needed; at least 1, at most the number of keys.
    pub fn threshold(&self) -> usize {
        usize::from(self.threshold)
    }

    /// The keys, by id.
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// The key of this id, if it is in the role.
    pub fn key(&self, id: &KeyId) -> Option<&PublicKey> {
        self.keys.iter().find(|key| key.id() == *id)
    }

    /// A threshold of zero would verify nothing, one above the keys could never be met, and a key that is
    /// there twice would have two votes.
    pub(crate) fn check(&self) -> Result<(), Invalid> {
        Invalid::if_over("keys of a role", self.keys.len(), MAX_KEYS_PER_ROLE)?;
        Invalid::if_unsorted("keys of a role", self.keys.iter().map(PublicKey::id))?;
        if self.threshold == 0 || self.threshold() > self.keys.len() {
            let reason = format!("is {} with {} keys", self.threshold, self.keys.len());
            return Err(Invalid::new("threshold", reason));
        }
        Ok(())
    }
}

/// One signature, by the key of this id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Signature {
    /// Who signed.
    pub key: KeyId,
    /// The 64 bytes of Ed25519.
    pub bytes: [u8; 64],
}

/// Fewer keys signed than the role needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("signed by {have} of the {need} keys needed")]
pub struct ThresholdNotMet {
    /// Distinct keys of the role with a valid signature.
    pub have: usize,
    /// The role's threshold.
    pub need: usize,
}

/// A role and the keys of it that count no more, because they revoked themselves.
#[derive(Debug, Clone, Copy)]
pub struct Authority<'a> {
    role: &'a Role,
    revoked: Option<&'a BTreeSet<KeyId>>,
}

impl<'a> From<&'a Role> for Authority<'a> {
    fn from(role: &'a Role) -> Self {
        Self { role, revoked: None }
    }
}

impl<'a> Authority<'a> {
    /// The role without the keys that are revoked. Its threshold stays.
    pub fn without(role: &'a Role, revoked: &'a BTreeSet<KeyId>) -> Self {
        Self { role, revoked: Some(revoked) }
    }

    /// The key of this id, if it is in the role and counts.
    pub fn key(&self, id: &KeyId) -> Option<&'a PublicKey> {
        let counts = self.revoked.is_none_or(|revoked| !revoked.contains(id));
        self.role.key(id).filter(|_| counts)
    }

    /// Whether enough keys are left that count.
    pub fn can_be_met(&self) -> bool {
        let left = self.role.keys().iter().filter(|key| self.key(&key.id()).is_some()).count();
        left >= self.role.threshold()
    }
}

/// Which distinct keys of the role have a valid signature over `message`.
///
/// Signatures by keys outside the role, invalid ones and repeated ones count nothing and spoil nothing.
pub fn signers<'a>(
    authority: impl Into<Authority<'a>>,
    message: &[u8],
    signatures: &[Signature],
) -> BTreeSet<KeyId> {
    let authority = authority.into();
    let mut signers = BTreeSet::new();
    for signature in signatures {
        if signers.contains(&signature.key) {
            continue;
        }
        let is_good = |key: &PublicKey| {
            broken::is(Break::SignaturesAreNotChecked) || key.verifies(message, &signature.bytes)
        };
        if authority.key(&signature.key).is_some_and(is_good) {
            signers.insert(signature.key);
        }
    }
    signers
}

/// Whether these signers are enough for the role: for what each key says in a message of its own.
pub fn enough<'a>(
    authority: impl Into<Authority<'a>>,
    signers: &BTreeSet<KeyId>,
) -> Result<(), ThresholdNotMet> {
    let authority = authority.into();
    let have = signers.iter().filter(|signer| authority.key(signer).is_some()).count();
    let need = authority.role.threshold();
    if have >= need { Ok(()) } else { Err(ThresholdNotMet { have, need }) }
}

/// The signers of `message`, if they are enough.
pub fn require<'a>(
    authority: impl Into<Authority<'a>>,
    message: &[u8],
    signatures: &[Signature],
) -> Result<BTreeSet<KeyId>, ThresholdNotMet> {
    let authority = authority.into();
    let signers = signers(authority, message, signatures);
    let by_them = || signatures.iter().filter(|signature| signers.contains(&signature.key)).count();
    if broken::is(Break::KeysCountTwice) && by_them() >= authority.role.threshold() {
        return Ok(signers);
    }
    enough(authority, &signers).map(|()| signers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SecretKey;

    fn key(n: u8) -> SecretKey {
        SecretKey::from_seed(&[n; 32])
    }

    fn role(threshold: u16, keys: &[u8]) -> Role {
        Role::new(threshold, keys.iter().map(|n| key(*n).public()).collect()).expect("a role")
    }

    fn sign(n: u8, message: &[u8]) -> Signature {
        Signature { key: key(n).public().id(), bytes: key(n).sign(message) }
    }

    #[test]
    fn one_key_that_signs_twice_counts_once() {
        let twice = [sign(1, b"m"), sign(1, b"m")];
        let refused = require(&role(2, &[1, 2, 3]), b"m", &twice);
        assert_eq!(refused, Err(ThresholdNotMet { have: 1, need: 2 }));
    }

    #[test]
    fn keys_outside_the_role_do_not_count() {
        let outside = [sign(1, b"m"), sign(9, b"m")];
        assert!(require(&role(2, &[1, 2, 3]), b"m", &outside).is_err());
    }

    #[test]
    fn a_bad_signature_does_not_spoil_a_met_threshold() {
        let mut bad = sign(3, b"m");
        bad.bytes[0] ^= 1;
        assert!(require(&role(2, &[1, 2, 3]), b"m", &[bad, sign(1, b"m"), sign(2, b"m")]).is_ok());
    }

    #[test]
    fn a_bad_signature_does_not_hide_a_good_one_by_the_same_key() {
        let bad = Signature { bytes: [1; 64], ..sign(1, b"m") };
        assert!(require(&role(1, &[1]), b"m", &[bad, sign(1, b"m")]).is_ok());
    }

    #[test]
    fn a_signature_by_one_key_under_the_id_of_another_does_not_count() {
        let stolen_id = Signature { key: key(2).public().id(), ..sign(1, b"m") };
        assert!(require(&role(2, &[1, 2]), b"m", &[sign(1, b"m"), stolen_id]).is_err());
    }

    #[test]
    fn thresholds_of_zero_or_above_the_keys_and_double_keys_are_refused() {
        let public = |n: u8| key(n).public();
        assert!(Role::new(0, vec![public(1)]).is_err());
        assert!(Role::new(2, vec![public(1)]).is_err());
        assert!(Role::new(1, vec![public(1), public(1)]).is_err());
        assert!(Role::new(1, Vec::new()).is_err());
        assert!(Role::new(1, (1..=33).map(public).collect()).is_err());
    }
}
