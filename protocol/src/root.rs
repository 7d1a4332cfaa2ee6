//! The trust root: which keys speak for a network, and how that changes.
//!
//! A root is followed by the next only if the thresholds of both sign the next one, its number is one higher
//! and it names the digest of the one before. The first root is trusted because a person compared its digest.

use bincode::{Decode, Encode};

use crate::{
    codec::{Invalid, Wire},
    digest::Digest,
    limits::{MAX_CHANNELS, MAX_ROOT},
    name::{ChannelName, NetworkName},
    network::NetworkId,
    signed::{Signable, Signed, Verified, VerifyError},
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

/// Which keys may sign the heads and manifests of one channel.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ChannelRole {
    /// The channel.
    pub channel: ChannelName,
    /// Its release keys.
    pub role: Role,
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
}

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
    #[error("the trusted root's keys do not vouch for root {version}: {source}")]
    OldKeys {
        /// Its number.
        version: u64,
        /// Why.
        source: VerifyError,
    },
    /// Its own keys do not vouch for it.
    #[error("the keys of root {version} do not vouch for it: {source}")]
    OwnKeys {
        /// Its number.
        version: u64,
        /// Why.
        source: VerifyError,
    },
}

impl Root {
    /// The release role of a channel.
    pub fn release_role(&self, channel: &ChannelName) -> Option<&Role> {
        self.release.iter().find(|entry| entry.channel == *channel).map(|entry| &entry.role)
    }

    /// Whether nodes should say that their root is stale.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now > self.expires
    }
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
    self_signed(signed)
}

/// Verifies a root by its own root keys.
fn self_signed(signed: &Signed<Root>) -> Result<Verified<Root>, RootError> {
    let own = |version, source| RootError::OwnKeys { version, source };
    let claim = signed.peek().map_err(|error| own(0, error.into()))?;
    signed.verify(&claim.network, &claim.root).map_err(|source| own(claim.version, source))
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
        self.root.check()?;
        self.release.iter().try_for_each(|entry| entry.role.check())
    }
}

impl Signable for Root {
    const DOMAIN: &'static str = "updraft/root/v1";

    fn network(&self) -> &NetworkId {
        &self.network
    }
}
