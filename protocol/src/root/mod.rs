//! The trust root: which keys speak for a network, and how that changes.
//!
//! A root is followed by the next only if the thresholds of both sign the next one, its number is one higher
//! and it names the digest of the one before. The first root is trusted because a person compared its digest.
//!
//! | role | how many sign | may | may not |
//! |---|---|---|---|
//! | root | m of n, offline | change every role | publish |
//! | release of a channel | m of n | publish, withdraw, end a pause | change keys |
//! | witness | each alone, k counted | say which head is the newest | publish |
//! | brake | each alone | pause a release for some days | anything else |
//! | builder | each alone, r counted by policy | say what sources build to | anything else |
//! | electorate | by weight | vote on upgrades of the protocol | anything else |

mod chain;
mod electorate;

use std::{collections::BTreeSet, fmt};

use bincode::{Decode, Encode};

pub use self::{
    chain::{RootError, trust_first, trust_next},
    electorate::{Elector, Electorate},
};
use crate::{
    codec::{Invalid, Wire},
    digest::Digest,
    key::{KeyId, PublicKey},
    limits::{
        DEFAULT_ROOT_LIFETIME, MAX_CHANNELS, MAX_COUNTED, MAX_REASON, MAX_REVOKED_KEYS, MAX_ROOT,
    },
    name::{ChannelName, NetworkName},
    network::NetworkId,
    signed::Signable,
    threshold::Role,
    time::Timestamp,
};

/// Whether a network is meant to be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum NetworkKind {
    /// For real use.
    Production,
    /// One unprotected key, for trying things out; everything that shows it says so.
    Development,
}

/// A role, as people name it: `root`, `release:stable`, `witness`, `brake`, `builder`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoleName<'a> {
    /// May change every role.
    Root,
    /// May publish on this channel.
    Release(&'a ChannelName),
    /// Says which head is the newest.
    Witness,
    /// May pause a release.
    Brake,
    /// Says what sources build to.
    Builder,
}

impl fmt::Display for RoleName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.pad("root"),
            Self::Release(channel) => f.pad(&format!("release:{channel}")),
            Self::Witness => f.pad("witness"),
            Self::Brake => f.pad("brake"),
            Self::Builder => f.pad("builder"),
        }
    }
}

/// Which keys may sign the heads and manifests of one channel.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ChannelRole {
    /// The channel.
    pub channel: ChannelName,
    /// Its release keys.
    pub role: Role,
}

/// Where the chain of a channel's heads begins for whoever trusts this root.
///
/// A change of a channel's keys needs one: old heads do not verify under new keys. It is also the way back from
/// numbers that a thief used up and from two histories: the root's people name the head that stands.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ChannelBase {
    /// The channel.
    pub channel: ChannelName,
    /// Number of the head; 0 if the channel begins anew.
    pub seq: u64,
    /// Digest of the head; `None` for number 0 only.
    pub head: Option<Digest>,
}

/// A key that counts nowhere any more.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RevokedKey {
    /// Its id.
    pub key: KeyId,
    /// Why, in words.
    pub reason: String,
    /// Since when it is not to be relied on, as far as people know.
    pub since: Timestamp,
}

/// The keys of a network, from one root version on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Root {
    /// The network's id; the same in every version.
    pub network: NetworkId,
    /// What people call it.
    pub name: NetworkName,
    /// Whether it is meant to be relied on.
    pub kind: NetworkKind,
    /// Its number, from 1.
    pub version: u64,
    /// Digest of the root before it; `None` for the first.
    pub prev: Option<Digest>,
    /// When it was made.
    pub issued: Timestamp,
    /// After this moment nodes say that their root is stale.
    pub expires: Timestamp,
    /// Keys that may change the root.
    pub root: Role,
    /// Keys that may publish, by channel in ascending order.
    pub release: Vec<ChannelRole>,
    /// Keys that say which head is the newest, and how many of them have to; without them a head's own expiry
    /// has to do.
    pub witness: Option<Role>,
    /// Keys of which any one may pause a release.
    pub brake: Option<Role>,
    /// Keys of those who build releases again from their sources.
    pub builder: Option<Role>,
    /// Who votes on upgrades of the protocol.
    pub electorate: Option<Electorate>,
    /// Proposals of former electorates that go on counting: decided ones, and votes that were open when the electorate
    /// changed; in ascending order, at most [`MAX_COUNTED`]. Whatever else a former electorate seems to have decided
    /// counts nothing, whenever it comes: whoever steals its keys later can date it back.
    pub counts: Vec<Digest>,
    /// Where channels begin that do not begin at number 1, in ascending order.
    pub channel_base: Vec<ChannelBase>,
    /// Keys that were taken back, by id; none of them is in a role.
    pub revoked: Vec<RevokedKey>,
}

impl Root {
    /// The first root of a network meant to be relied on, good for [`DEFAULT_ROOT_LIFETIME`]: its keys may change
    /// it, and nobody may do anything else yet.
    pub fn first(network: NetworkId, name: NetworkName, root: Role, issued: Timestamp) -> Self {
        Self {
            network,
            name,
            kind: NetworkKind::Production,
            version: 1,
            prev: None,
            issued,
            expires: issued.plus(DEFAULT_ROOT_LIFETIME),
            root,
            release: Vec::new(),
            witness: None,
            brake: None,
            builder: None,
            electorate: None,
            counts: Vec::new(),
            channel_base: Vec::new(),
            revoked: Vec::new(),
        }
    }

    /// The release role of a channel.
    pub fn release_role(&self, channel: &ChannelName) -> Option<&Role> {
        self.release.iter().find(|entry| entry.channel == *channel).map(|entry| &entry.role)
    }

    /// Where a channel's chain begins, unless that is number 1.
    pub fn base(&self, channel: &ChannelName) -> Option<&ChannelBase> {
        self.channel_base.iter().find(|base| base.channel == *channel)
    }

    /// Whether what this electorate decides about this proposal counts: it is the one in force, or the root says so.
    pub fn counts(&self, electorate: u64, proposal: &Digest) -> bool {
        let in_force = self.electorate.as_ref().is_some_and(|list| list.epoch == electorate);
        in_force || self.counts.binary_search(proposal).is_ok()
    }

    /// Whether a key was taken back.
    pub fn has_taken_back(&self, key: &KeyId) -> bool {
        self.revoked.binary_search_by_key(key, |revoked| revoked.key).is_ok()
    }

    /// Every role with its name as people read it, but the electorate.
    pub fn roles(&self) -> impl Iterator<Item = (RoleName<'_>, &Role)> {
        let release =
            self.release.iter().map(|entry| (RoleName::Release(&entry.channel), &entry.role));
        let alone = [
            (RoleName::Witness, &self.witness),
            (RoleName::Brake, &self.brake),
            (RoleName::Builder, &self.builder),
        ];
        std::iter::once((RoleName::Root, &self.root)).chain(release).chain(
            alone.into_iter().filter_map(|(name, role)| role.as_ref().map(|role| (name, role))),
        )
    }

    /// The public key of an id, in whatever role it is.
    pub fn key(&self, id: &KeyId) -> Option<&PublicKey> {
        self.keys().find(|key| key.id() == *id)
    }

    /// Every key of every role, and of the electorate; one that is in two roles comes twice.
    fn keys(&self) -> impl Iterator<Item = &PublicKey> {
        let electors = self.electorate.iter().flat_map(|electorate| &electorate.electors);
        let of_roles = self.roles().flat_map(|(_, role)| role.keys());
        of_roles.chain(electors.map(|elector| &elector.key))
    }

    /// Whether nodes should say that their root is stale.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now > self.expires
    }
}

impl Wire for Root {
    const NAME: &'static str = "root";
    const MAX: usize = MAX_ROOT;

    fn check(&self) -> Result<(), Invalid> {
        if self.version == 0 || (self.version == 1) != self.prev.is_none() {
            return Err(Invalid::new(
                "root",
                "has a number that does not fit its link: only number 1 has no root before it",
            ));
        }
        if self.expires <= self.issued {
            return Err(Invalid::new("root", "expires before it begins"));
        }
        Invalid::if_over("channels", self.release.len(), MAX_CHANNELS)?;
        Invalid::if_unsorted("channels", self.release.iter().map(|entry| &entry.channel))?;
        self.check_roles()?;
        self.check_counts()?;
        self.check_bases()?;
        self.check_revoked()
    }
}

impl Root {
    fn check_roles(&self) -> Result<(), Invalid> {
        self.roles().try_for_each(|(_, role)| role.check())?;
        // Each of these keys speaks alone; how many of them are enough is asked elsewhere, if at all.
        for (name, role) in [("brake", &self.brake), ("builder", &self.builder)] {
            if role.as_ref().is_some_and(|role| role.threshold() != 1) {
                return Err(Invalid::new(name, "has a threshold: each of its keys speaks alone"));
            }
        }
        self.electorate.as_ref().map_or(Ok(()), Electorate::check)
    }

    /// An electorate stays for ever, so a root without one has never had one; and before the first there is none.
    fn check_counts(&self) -> Result<(), Invalid> {
        Invalid::if_over("proposals that count", self.counts.len(), MAX_COUNTED)?;
        Invalid::if_unsorted("proposals that count", self.counts.iter())?;
        if !self.counts.is_empty() && (self.version == 1 || self.electorate.is_none()) {
            return Err(Invalid::new(
                "root",
                "counts votes of former electorates and has had none",
            ));
        }
        Ok(())
    }

    fn check_bases(&self) -> Result<(), Invalid> {
        Invalid::if_over("channel bases", self.channel_base.len(), MAX_CHANNELS)?;
        Invalid::if_unsorted("channel bases", self.channel_base.iter().map(|base| &base.channel))?;
        for base in &self.channel_base {
            if (base.seq == 0) != base.head.is_none() {
                return Err(Invalid::new(
                    "channel base",
                    "has a number that does not fit its head: only number 0 names none",
                ));
            }
            if self.release_role(&base.channel).is_none() {
                return Err(Invalid::new("channel base", "is of a channel that nobody signs"));
            }
        }
        Ok(())
    }

    fn check_revoked(&self) -> Result<(), Invalid> {
        Invalid::if_over("revoked keys", self.revoked.len(), MAX_REVOKED_KEYS)?;
        Invalid::if_unsorted("revoked keys", self.revoked.iter().map(|revoked| revoked.key))?;
        // An id is a hash: each key is hashed once, not once for every revocation.
        let held: BTreeSet<KeyId> = self.keys().map(PublicKey::id).collect();
        for revoked in &self.revoked {
            Invalid::if_over("bytes of a reason", revoked.reason.len(), MAX_REASON)?;
            if held.contains(&revoked.key) {
                return Err(Invalid::new("revoked keys", "have one that is in a role"));
            }
        }
        Ok(())
    }
}

impl Signable for Root {
    const DOMAIN: &'static str = "updraft/root/v1";

    fn network(&self) -> &NetworkId {
        &self.network
    }
}
