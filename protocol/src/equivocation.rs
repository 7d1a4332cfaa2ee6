//! Two histories of one channel, proved: two different heads of one number, both signed.
//!
//! Whoever holds both can show them to anybody who trusts the root; nothing else has to be believed. If both
//! are signed by enough keys, the release keys have split the network and the channel has to stop. If not, only
//! the keys that signed both have done something wrong, and one rogue key cannot stop a channel by it.

use std::collections::BTreeSet;

use bincode::{Decode, Encode};

use crate::{
    codec::{Invalid, Wire},
    digest::{Digest, Hasher},
    head::Head,
    key::KeyId,
    name::ChannelName,
    network::NetworkId,
    root::Root,
    signed::{Signed, VerifyError},
    threshold,
};

/// Two heads that exclude each other, as they were received.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Equivocation {
    first: Signed<Head>,
    second: Signed<Head>,
}

/// What two heads prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The channel has two histories, each signed by enough keys.
    Fork {
        /// The channel.
        channel: ChannelName,
        /// The number that both heads have.
        seq: u64,
        /// Keys that signed both; if none did, all that signed either. The channel stays frozen as long as all
        /// of them may publish on it.
        keys: BTreeSet<KeyId>,
    },
    /// Some keys signed both, and they alone are too few for one of them.
    DoubleSigned {
        /// The channel.
        channel: ChannelName,
        /// The number that both heads have.
        seq: u64,
        /// Keys that signed both.
        keys: BTreeSet<KeyId>,
    },
}

/// Why two heads prove nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProvesNothing {
    /// One of them cannot be read, or is of another network.
    #[error(transparent)]
    Unverified(#[from] VerifyError),
    /// They are of different channels or numbers.
    #[error("the two heads do not exclude each other")]
    NoConflict,
    /// The root has no such channel.
    #[error("channel `{0}` is not in the trust root")]
    UnknownChannel(ChannelName),
    /// No key of the channel signed both, and not both are signed by enough.
    #[error("no key of `{0}` signed both heads")]
    NoCulprit(ChannelName),
}

impl Equivocation {
    /// Puts two heads together, in the order of their digests, so that one finding has one name.
    pub fn new(one: Signed<Head>, other: Signed<Head>) -> Self {
        let (first, second) =
            if one.digest() <= other.digest() { (one, other) } else { (other, one) };
        Self { first, second }
    }

    /// The two heads.
    pub fn heads(&self) -> [&Signed<Head>; 2] {
        [&self.first, &self.second]
    }

    /// Its name: of the two payloads and of the keys that are said to have signed each. Two heads prove more when
    /// more keys signed them, so a weak proof must not pass for the strong one of the same heads.
    pub fn id(&self) -> Digest {
        let mut hasher = Hasher::new();
        for head in self.heads() {
            hasher.update(head.digest().as_bytes());
            let keys: BTreeSet<KeyId> = head.signatures().iter().map(|one| one.key).collect();
            hasher.update(&[u8::try_from(keys.len()).unwrap_or(u8::MAX)]);
            for key in keys {
                hasher.update(key.digest().as_bytes());
            }
        }
        hasher.finish()
    }

    /// What it proves to whoever trusts `root`. Where the root says from which head the channel goes on, at this number
    /// or a later one, people have settled which history holds, and no fork is left: only keys that signed both. If
    /// it goes on from before, both heads are still next in line, and judged by the role.
    ///
    /// Who is said to have signed does not matter here: whoever tells of two heads may leave signatures out.
    ///
    /// Keys that have taken themselves back count here: they did sign, and two nodes of which only one knows of
    /// the revocation come to the same finding.
    pub fn judge(&self, root: &Root) -> Result<Finding, ProvesNothing> {
        let network = &root.network;
        let [one, other] = self.read(network)?;
        // A head and itself agree, and their signers are not rogues: two copies of one head may differ in who
        // signed them. Whoever came here by decoding was refused by `check` already.
        let same = self.first.digest() == self.second.digest();
        if same || one.channel != other.channel || one.seq != other.seq {
            return Err(ProvesNothing::NoConflict);
        }
        let (channel, seq) = (one.channel, one.seq);
        let role = root
            .release_role(&channel)
            .ok_or_else(|| ProvesNothing::UnknownChannel(channel.clone()))?;
        let [signed_one, signed_other] = self.heads().map(|head| head.signers(network, role));
        let both: BTreeSet<KeyId> = signed_one.intersection(&signed_other).copied().collect();
        let enough = |signers| threshold::enough(role, signers).is_ok();
        let settled = root.base(&channel).is_some_and(|base| seq <= base.seq);
        if !settled && enough(&signed_one) && enough(&signed_other) {
            let keys = if both.is_empty() { &signed_one | &signed_other } else { both };
            return Ok(Finding::Fork { channel, seq, keys });
        }
        if both.is_empty() {
            return Err(ProvesNothing::NoCulprit(channel));
        }
        Ok(Finding::DoubleSigned { channel, seq, keys: both })
    }

    fn read(&self, network: &NetworkId) -> Result<[Head; 2], ProvesNothing> {
        let read = |signed: &Signed<Head>| {
            let head = signed.peek().map_err(VerifyError::from)?;
            if head.network == *network {
                return Ok(head);
            }
            let (got, expected) = (head.network, *network);
            Err(VerifyError::WrongNetwork { got, expected })
        };
        Ok([read(&self.first)?, read(&self.second)?])
    }
}

impl Wire for Equivocation {
    const NAME: &'static str = "proof of two heads";
    const MAX: usize = 2 * Signed::<Head>::MAX;

    fn check(&self) -> Result<(), Invalid> {
        self.first.check()?;
        self.second.check()?;
        let digests = [self.first.digest(), self.second.digest()];
        Invalid::if_unsorted("the two heads", digests.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        key::SecretKey,
        root::{ChannelBase, ChannelRole},
        threshold::Role,
        time::Timestamp,
    };

    const NETWORK: NetworkId = NetworkId::from_bytes([1; 32]);

    fn key(n: u8) -> SecretKey {
        SecretKey::from_seed(&[n; 32])
    }

    fn role(keys: &[u8]) -> Role {
        Role::new(1, keys.iter().map(|n| key(*n).public()).collect()).expect("a role")
    }

    fn channel() -> ChannelName {
        "stable".parse().expect("a name")
    }

    fn root() -> Root {
        Root {
            release: vec![ChannelRole { channel: channel(), role: role(&[2, 3]) }],
            ..Root::first(
                NETWORK,
                "sample".parse().expect("a name"),
                role(&[1]),
                Timestamp::from_seconds(1),
            )
        }
    }

    fn head(expires: u64, signer: u8) -> Signed<Head> {
        let head = Head {
            network: NETWORK,
            channel: channel(),
            seq: 1,
            prev: None,
            time: Timestamp::from_seconds(1),
            expires: Timestamp::from_seconds(expires),
            releases: Vec::new(),
            withdrawn: Vec::new(),
            min_supported: Vec::new(),
        };
        let mut signed = Signed::unsigned(&head).expect("a head");
        signed.sign(&key(signer), &NETWORK);
        signed
    }

    /// The base says which of the heads holds.
    #[test]
    fn a_fork_is_settled_by_a_root_that_goes_on_from_there() {
        let both = |expires| {
            let mut signed = head(expires, 2);
            signed.sign(&key(3), &NETWORK);
            signed
        };
        let fork = Equivocation::new(both(8), both(9));
        let after = |keys: &[u8], seq| {
            let mut root = root();
            root.release[0].role = role(keys);
            let head = (seq > 0).then(|| head(8, 2).digest());
            root.channel_base = vec![ChannelBase { channel: channel(), seq, head }];
            fork.judge(&root)
        };
        let of = |keys: &[u8]| Finding::Fork {
            channel: channel(),
            seq: 1,
            keys: keys.iter().map(|n| key(*n).public().id()).collect(),
        };
        let signed_both = |keys: &[u8]| match of(keys) {
            Finding::Fork { channel, seq, keys } => Finding::DoubleSigned { channel, seq, keys },
            other => other,
        };
        assert_eq!(after(&[2, 4], 1), Ok(signed_both(&[2])), "one of two is gone");
        assert_eq!(after(&[2, 3, 4], 1), Ok(signed_both(&[2, 3])), "both may still publish");
        assert_eq!(after(&[2, 4], 0), Ok(of(&[2])), "one of two, and both heads are next in line");
    }

    /// Two peers may hand over one head with different signatures.
    #[test]
    fn two_copies_of_one_head_are_no_fork_whoever_signed_them() {
        for (one, other) in [(2, 2), (2, 3)] {
            let copies = Equivocation::new(head(9, one), head(9, other));
            assert_eq!(copies.judge(&root()), Err(ProvesNothing::NoConflict));
        }
        let fork = Equivocation::new(head(8, 2), head(9, 3)).judge(&root());
        assert!(matches!(fork, Ok(Finding::Fork { keys, .. }) if keys.len() == 2));
    }
}
