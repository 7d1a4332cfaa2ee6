//! The first root of a new network. Pure: keys, names and the time in, a signed root out.
//!
//! Refuses what would end the network with one lost key, unless it is for trying things out.

use updraft_protocol::{
    ChannelName, ChannelRole, NetworkId, NetworkKind, NetworkName, PublicKey, Role, Root,
    SecretKey, Signed, Timestamp,
    codec::{EncodeError, Invalid},
    limits::{DEFAULT_ROOT_LIFETIME, DEV_ROOT_LIFETIME},
};

/// Channels of a new network, from the most tried to the newest.
pub const CHANNELS: [&str; 3] = ["stable", "beta", "canary"];

/// How many keys of how many: `2/3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quorum {
    /// Keys that have to sign.
    pub threshold: u16,
    /// Keys there are.
    pub keys: u16,
}

/// Text that is no quorum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a number of keys: expected for example 2/3, at most 32 keys")]
pub struct InvalidQuorum(String);

impl std::str::FromStr for Quorum {
    type Err = InvalidQuorum;

    fn from_str(text: &str) -> Result<Self, InvalidQuorum> {
        let refuse = || InvalidQuorum(text.chars().take(40).collect());
        let (threshold, keys) = text.split_once('/').ok_or_else(refuse)?;
        let number = |text: &str| text.parse::<u16>().ok().filter(|n| (1..=32).contains(n));
        let (Some(threshold), Some(keys)) = (number(threshold), number(keys)) else {
            return Err(refuse());
        };
        if threshold > keys {
            return Err(refuse());
        }
        Ok(Self { threshold, keys })
    }
}

impl std::fmt::Display for Quorum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.keys {
            1 => f.write_str("1 key"),
            keys => write!(f, "{} of {keys} keys", self.threshold),
        }
    }
}

/// Why there is no such network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoundingError {
    /// No key may be lost.
    #[error("with {0} for the root, losing one key would end the network")]
    NoSpareKey(Quorum),
    /// The keys do not make a role.
    #[error("these keys cannot be a role: {0}")]
    Role(Invalid),
    /// The root breaks a limit.
    #[error(transparent)]
    Root(#[from] EncodeError),
}

/// Whether a network with this root may be made.
///
/// # Errors
/// [`FoundingError::NoSpareKey`] for a network meant to be relied on.
pub fn check(kind: NetworkKind, root: Quorum) -> Result<(), FoundingError> {
    match kind {
        NetworkKind::Production if root.threshold == root.keys => {
            Err(FoundingError::NoSpareKey(root))
        }
        NetworkKind::Production | NetworkKind::Development => Ok(()),
    }
}

/// The keys of one role.
#[derive(Debug, Clone)]
pub struct Holders {
    /// How many have to sign.
    pub threshold: u16,
    /// All of them.
    pub keys: Vec<PublicKey>,
}

impl Holders {
    fn role(self) -> Result<Role, FoundingError> {
        Role::new(self.threshold, self.keys).map_err(FoundingError::Role)
    }
}

/// Root 1, signed by `signers`: its release keys may publish on every channel of [`CHANNELS`].
///
/// # Errors
/// [`FoundingError::Role`], [`FoundingError::Root`].
pub fn first_root(
    network: NetworkId,
    name: NetworkName,
    kind: NetworkKind,
    root: Holders,
    release: Holders,
    signers: &[SecretKey],
    now: Timestamp,
) -> Result<Signed<Root>, FoundingError> {
    let release = release.role()?;
    let mut channels: Vec<ChannelRole> = CHANNELS
        .iter()
        .map(|channel| ChannelRole {
            channel: channel
                .parse::<ChannelName>()
                .expect("the three names above are channel names"),
            role: release.clone(),
        })
        .collect();
    channels.sort_by(|a, b| a.channel.cmp(&b.channel));
    let lifetime = match kind {
        NetworkKind::Production => DEFAULT_ROOT_LIFETIME,
        NetworkKind::Development => DEV_ROOT_LIFETIME,
    };
    let root = Root {
        kind,
        expires: now.plus(lifetime),
        release: channels,
        ..Root::first(network, name, root.role()?, now)
    };
    let mut signed = Signed::unsigned(&root)?;
    for key in signers {
        signed.sign(key, &network);
    }
    Ok(signed)
}

#[cfg(test)]
mod tests {
    use updraft_protocol::root::trust_first;

    use super::*;

    fn key(n: u8) -> SecretKey {
        SecretKey::from_seed(&[n; 32])
    }

    fn found(signers: &[u8]) -> Signed<Root> {
        let holders = |threshold, keys: &[u8]| Holders {
            threshold,
            keys: keys.iter().map(|n| key(*n).public()).collect(),
        };
        let signers: Vec<_> = signers.iter().map(|n| key(*n)).collect();
        first_root(
            NetworkId::from_bytes([1; 32]),
            "demo".parse().expect("a name"),
            NetworkKind::Production,
            holders(2, &[1, 2, 3]),
            holders(1, &[4]),
            &signers,
            Timestamp::from_seconds(1_000),
        )
        .expect("a root")
    }

    #[test]
    fn a_new_network_trusts_its_first_root_and_has_its_channels() {
        let signed = found(&[1, 2, 3]);
        let root = trust_first(&signed, &signed.digest()).expect("trusted");
        for channel in CHANNELS {
            let role = root.release_role(&channel.parse().expect("a channel")).expect("a role");
            assert_eq!(role.keys(), [key(4).public()]);
        }
    }

    #[test]
    fn a_root_that_too_few_signed_is_trusted_by_nobody() {
        let signed = found(&[1]);
        assert!(trust_first(&signed, &signed.digest()).is_err());
    }

    #[test]
    fn a_network_that_one_lost_key_would_end_is_for_trying_out_only() {
        for (text, safe) in [("2/3", true), ("1/2", true), ("3/3", false), ("1/1", false)] {
            let quorum: Quorum = text.parse().expect("a quorum");
            assert_eq!(check(NetworkKind::Production, quorum).is_ok(), safe, "{text}");
            assert!(check(NetworkKind::Development, quorum).is_ok());
        }
    }

    #[test]
    fn numbers_of_keys_that_make_no_sense_are_refused() {
        for text in ["", "2", "0/3", "4/3", "2/33", "2/3/4", "-1/3", "a/b"] {
            assert!(text.parse::<Quorum>().is_err(), "{text}");
        }
    }
}
