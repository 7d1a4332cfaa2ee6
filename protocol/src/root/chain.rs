//! How one root follows another: by the thresholds of both, one number after the other.
//!
//! Expiry is no question here: a node that was away for years walks along roots that have all expired, and only
//! the last one's age matters, to whoever decides about freshness.

use std::collections::BTreeSet;

use super::Root;
use crate::{
    digest::Digest,
    key::KeyId,
    name::ChannelName,
    signed::{Signed, Verified, VerifyError},
};

/// Why a root is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootError {
    /// It is not the root that a ticket or a person named.
    #[error("the root is {got}, expected {expected}")]
    NotTheOneNamed {
        /// Digest that was named.
        expected: Digest,
        /// Digest of what came.
        got: Digest,
    },
    /// It is not the next version.
    #[error("root {offered} came, root {expected} is the next")]
    WrongVersion {
        /// The next number.
        expected: u64,
        /// The offered one.
        offered: u64,
    },
    /// The next number, but it names another root as the one before.
    #[error("root {version} does not follow the trusted root")]
    WrongLink {
        /// Its number.
        version: u64,
    },
    /// The trusted root's keys do not vouch for it.
    #[error("the trusted root's keys do not vouch for root {version}")]
    OldKeys {
        /// Its number.
        version: u64,
        /// Why.
        source: VerifyError,
    },
    /// Its own keys do not vouch for it.
    #[error("the keys of root {version} do not vouch for it")]
    OwnKeys {
        /// Its number.
        version: u64,
        /// Why.
        source: VerifyError,
    },
    /// It takes back a revocation, and with it a thief's key back in.
    #[error("root {version} forgets that key {key} is revoked")]
    Forgets {
        /// Its number.
        version: u64,
        /// The key.
        key: KeyId,
    },
    /// A channel is gone. If it came back, its old heads would contradict its new ones.
    #[error("root {version} has no channel `{channel}` any more; channels stay for ever")]
    DropsChannel {
        /// Its number.
        version: u64,
        /// The channel.
        channel: ChannelName,
    },
    /// Its electorate is gone, or has electors other than those who had its number: old votes would be counted by it.
    #[error(
        "root {version} has no electorate any more, or other electors under a number that is taken"
    )]
    Electorate {
        /// Its number.
        version: u64,
    },
    /// It no longer counts a vote that the root before it counted: what was decided for ever would be undone.
    #[error("root {version} no longer counts proposal {proposal} of a former electorate")]
    Uncounts {
        /// Its number.
        version: u64,
        /// The proposal.
        proposal: Digest,
    },
    /// Its channel has other keys or had a base, and it does not say where the channel's heads go on.
    #[error("root {version} does not say from which head on `{channel}` goes on")]
    NoBase {
        /// Its number.
        version: u64,
        /// The channel.
        channel: ChannelName,
    },
}

/// Trusts a network's first root because `named` is its digest and its own keys signed it.
pub fn trust_first(signed: &Signed<Root>, named: &Digest) -> Result<Verified<Root>, RootError> {
    if signed.digest() != *named {
        return Err(RootError::NotTheOneNamed { expected: *named, got: signed.digest() });
    }
    let root = self_signed(signed)?;
    if root.version != 1 {
        return Err(RootError::WrongVersion { expected: 1, offered: root.version });
    }
    Ok(root)
}

/// Trusts the root after `trusted`.
pub fn trust_next(
    trusted: &Verified<Root>,
    signed: &Signed<Root>,
) -> Result<Verified<Root>, RootError> {
    let version = trusted.version.saturating_add(1);
    let by_old = signed
        .verify(&trusted.network, &trusted.root)
        .map_err(|source| RootError::OldKeys { version, source })?;
    if by_old.version != version {
        return Err(RootError::WrongVersion { expected: version, offered: by_old.version });
    }
    if by_old.prev != Some(trusted.digest()) {
        return Err(RootError::WrongLink { version });
    }
    let next = self_signed(signed)?;
    keeps_revocations(trusted, &next)?;
    keeps_channels(trusted, &next)?;
    keeps_bases(trusted, &next)?;
    keeps_electorate(trusted, &next)?;
    keeps_counting(trusted, &next)?;
    Ok(next)
}

/// What was revoked stays revoked, so that a node which sees only the last root knows all of it.
fn keeps_revocations(trusted: &Root, next: &Root) -> Result<(), RootError> {
    let kept: BTreeSet<KeyId> = next.revoked.iter().map(|revoked| revoked.key).collect();
    match trusted.revoked.iter().find(|revoked| !kept.contains(&revoked.key)) {
        Some(revoked) => Err(RootError::Forgets { version: next.version, key: revoked.key }),
        None => Ok(()),
    }
}

/// Heads are for ever, so their channels are. One that nobody needs any more may list nothing.
fn keeps_channels(trusted: &Root, next: &Root) -> Result<(), RootError> {
    let gone = |entry: &&super::ChannelRole| next.release_role(&entry.channel).is_none();
    match trusted.release.iter().find(gone) {
        Some(entry) => {
            let (version, channel) = (next.version, entry.channel.clone());
            Err(RootError::DropsChannel { version, channel })
        }
        None => Ok(()),
    }
}

/// Old heads do not verify under new keys, so a channel whose keys changed has to begin somewhere else.
fn keeps_bases(trusted: &Root, next: &Root) -> Result<(), RootError> {
    let needs_base = |channel: &ChannelName| {
        let role = trusted.release_role(channel);
        role.is_some_and(|role| Some(role) != next.release_role(channel))
            || trusted.base(channel).is_some()
    };
    let without = |entry: &&super::ChannelRole| {
        needs_base(&entry.channel) && next.base(&entry.channel).is_none()
    };
    match next.release.iter().find(without) {
        Some(entry) => {
            let (version, channel) = (next.version, entry.channel.clone());
            Err(RootError::NoBase { version, channel })
        }
        None => Ok(()),
    }
}

/// A vote is counted by the electorate whose number it names, for ever. So a number belongs to one list and never comes
/// back; and as only the last root is known here, there is always a list that says which numbers were.
fn keeps_electorate(trusted: &Root, next: &Root) -> Result<(), RootError> {
    let Some(before) = &trusted.electorate else { return Ok(()) };
    let goes_on = |after: &super::Electorate| after == before || after.epoch > before.epoch;
    if next.electorate.as_ref().is_some_and(goes_on) {
        return Ok(());
    }
    Err(RootError::Electorate { version: next.version })
}

/// What counts goes on counting: a node that was away sees the last root only, and must come to what all others have.
fn keeps_counting(trusted: &Root, next: &Root) -> Result<(), RootError> {
    let kept: BTreeSet<&Digest> = next.counts.iter().collect();
    match trusted.counts.iter().find(|proposal| !kept.contains(proposal)) {
        Some(proposal) => Err(RootError::Uncounts { version: next.version, proposal: *proposal }),
        None => Ok(()),
    }
}

/// Verifies a root by its own root keys.
fn self_signed(signed: &Signed<Root>) -> Result<Verified<Root>, RootError> {
    let own = |version, source| RootError::OwnKeys { version, source };
    let claim = signed.peek().map_err(|error| own(0, error.into()))?;
    signed.verify(&claim.network, &claim.root).map_err(|source| own(claim.version, source))
}
