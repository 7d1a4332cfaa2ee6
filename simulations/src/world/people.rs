//! The people behind a simulated network: who signs its root and its releases, who votes, and their keys.
//!
//! The keys are real and so are the signatures; they are made from names, so that a run needs no randomness of the machine.

use std::sync::Arc;

use updraft_node::publish::head;
use updraft_protocol::{
    ChannelName, ChannelRole, ComponentName, Digest, Elector, Electorate, Head, KeyId, Listing,
    Manifest, NetworkId, NetworkKind, Role, Root, SecretKey, Signable, Signed, Timestamp, Verified,
    codec, root,
};

use crate::scenario::{Floors, Scenario};

/// When every run begins, in seconds since 1970: some day in 2027.
pub const BEGIN: u64 = 1_800_000_000;
/// How long a root is good: longer than any run.
const ROOT_LIFETIME: u64 = 10 * 365 * 86_400;
/// Bytes of a signature and of the number of signatures before them, as they are written: the id of a key and 64 bytes.
const SIGNATURE: usize = 32 + 64;
const COUNT: usize = 8;
/// What the network keeps up to date.
const COMPONENT: &str = "app";
const CHANNEL: &str = "stable";

/// The key that has a name.
pub fn key(called: &str) -> SecretKey {
    SecretKey::from_seed(&blake3::derive_key("updraft simulation 2026 key", called.as_bytes()))
}

/// Who stands behind a network.
#[derive(Debug)]
pub struct People {
    /// The network.
    pub network: NetworkId,
    /// What is published.
    pub component: ComponentName,
    /// Where it is on offer.
    pub channel: ChannelName,
    /// The first root.
    pub root: Arc<Signed<Root>>,
    /// The same, believed.
    pub trusted: Verified<Root>,
    publishers: Vec<SecretKey>,
    /// How many publishers have to sign.
    threshold: usize,
    electors: Vec<Arc<SecretKey>>,
    witnesses: Vec<Arc<SecretKey>>,
    head_lifetime: u64,
    newest: Option<Verified<Head>>,
}

impl People {
    /// Those that a scenario asks for, in a world.
    pub fn of(scenario: &Scenario) -> Self {
        Self::at(scenario, Timestamp::from_seconds(BEGIN))
    }

    /// Those that a scenario asks for, when a run begins at that moment.
    pub fn at(scenario: &Scenario, begin: Timestamp) -> Self {
        let network =
            NetworkId::from_bytes(blake3::derive_key("updraft simulation 2026 network", b""));
        let many = |what: &str, count: usize| -> Vec<SecretKey> {
            (0..count).map(|n| key(&format!("{what} {n}"))).collect()
        };
        let publishers = many("publisher", usize::from(scenario.network.publishers));
        let threshold = usize::from(scenario.network.threshold);
        let each =
            scenario.groups.iter().flat_map(|group| (0..group.electors).map(move |_| group.weight));
        let weights: Vec<u32> = each.collect();
        let electors = many("elector", weights.len());
        let witnesses = scenario.groups.iter().map(|group| group.witnesses as usize).sum();
        let witnesses = many("witness", witnesses);
        let channel: ChannelName = CHANNEL.parse().expect("a name");
        let role = |threshold: usize, keys: &[SecretKey]| {
            let threshold = u16::try_from(threshold).expect("checked with the scenario");
            let keys = keys.iter().map(SecretKey::public).collect();
            Role::new(threshold, keys).expect("checked with the scenario")
        };
        let elector = |(n, (key, weight)): (usize, (&SecretKey, u32))| Elector {
            key: key.public(),
            weight,
            operator: format!("operator-{n}").parse().expect("a name"),
        };
        let listed = electors.iter().zip(weights).enumerate().map(elector);
        let owner = key("owner");
        let first = Root {
            kind: match scenario.network.kind {
                Floors::Production => NetworkKind::Production,
                Floors::Development => NetworkKind::Development,
            },
            expires: begin.plus(ROOT_LIFETIME),
            release: vec![ChannelRole {
                channel: channel.clone(),
                role: role(threshold, &publishers),
            }],
            witness: (!witnesses.is_empty()).then(|| role(witnesses.len() / 2 + 1, &witnesses)),
            electorate: (!electors.is_empty()).then(|| Electorate::new(1, listed.collect())),
            ..Root::first(
                network,
                "simulated".parse().expect("a name"),
                role(1, std::slice::from_ref(&owner)),
                Timestamp::from_seconds(begin.as_seconds().saturating_sub(86_400)),
            )
        };
        let mut signed = Signed::unsigned(&first).expect("checked with the scenario");
        signed.sign(&owner, &network);
        let trusted = root::trust_first(&signed, &signed.digest()).expect("signed by its owner");
        Self {
            network,
            component: COMPONENT.parse().expect("a name"),
            channel,
            root: Arc::new(signed),
            trusted,
            publishers,
            threshold,
            electors: electors.into_iter().map(Arc::new).collect(),
            witnesses: witnesses.into_iter().map(Arc::new).collect(),
            head_lifetime: scenario.network.head_lifetime.0 / 1_000_000,
            newest: None,
        }
    }

    /// The key of an elector.
    pub fn elector(&self, n: usize) -> Option<&Arc<SecretKey>> {
        self.electors.get(n)
    }

    /// The key of a witness.
    pub fn witness(&self, n: usize) -> Option<&Arc<SecretKey>> {
        self.witnesses.get(n)
    }

    /// How many electors there are.
    pub fn electors(&self) -> usize {
        self.electors.len()
    }

    /// Signs something with so many of the publishers' keys.
    pub fn sign<T: Signable>(&self, value: &T, keys: usize) -> Arc<Signed<T>> {
        let mut signed = Signed::unsigned(value).expect("it is within its bounds");
        for key in self.publishers.iter().take(keys) {
            signed.sign(key, &self.network);
        }
        Arc::new(signed)
    }

    /// Signs something as a thief does who has so many of the publishers' keys. If they are too few he tries what he can:
    /// the last of them signs twice, and the others seem to have signed.
    pub fn forge<T: Signable>(&self, value: &T, keys: usize) -> Arc<Signed<T>> {
        let honest = self.sign(value, keys);
        if keys >= self.threshold {
            return honest;
        }
        let mut bytes = codec::encode(&*honest).expect("it is within its bounds");
        let end = bytes.len();
        let last = bytes[end.saturating_sub(SIGNATURE)..].to_vec();
        let others = self.publishers.iter().skip(keys).map(|key| {
            let id = key.public().id();
            id.digest()
                .as_bytes()
                .iter()
                .copied()
                .chain(std::iter::repeat_n(0, 64))
                .collect::<Vec<u8>>()
        });
        let more: Vec<Vec<u8>> = std::iter::once(last).chain(others).collect();
        let count = (keys + more.len()) as u64;
        let at = end - keys * SIGNATURE - COUNT;
        bytes[at..at + COUNT].copy_from_slice(&count.to_le_bytes());
        bytes.extend(more.concat());
        Arc::new(codec::decode(&bytes).expect("signatures are not judged when they are read"))
    }

    /// Signs a manifest as the publishers do.
    pub fn manifest(&self, manifest: &Manifest) -> Arc<Signed<Manifest>> {
        self.sign(manifest, self.threshold)
    }

    /// Signs the next head of the channel, with one release more.
    pub fn list(&mut self, manifest: &Signed<Manifest>, now: Timestamp) -> Arc<Signed<Head>> {
        let claim = manifest.peek().expect("it was made here");
        let listing = Listing {
            component: claim.component,
            target: claim.target,
            version: claim.version,
            manifest: manifest.digest(),
        };
        let next = head::with_release(self.newest.as_ref(), listing, self.place(now));
        self.follow(&next.expect("a scenario publishes each release once"))
    }

    /// Signs the next head of the channel, without a release.
    pub fn withdraw(
        &mut self,
        manifest: &Digest,
        reason: &str,
        now: Timestamp,
    ) -> Option<Arc<Signed<Head>>> {
        let trusted = self.newest.as_ref()?;
        let listing = trusted.listing(manifest)?.clone();
        let mut next = head::renewed(Some(trusted), self.place(now)).ok()?;
        next.releases.retain(|other| *other != listing);
        let gone = updraft_protocol::Withdrawn { manifest: *manifest, reason: reason.to_owned() };
        next.withdrawn.push(gone);
        next.withdrawn.sort_by_key(|gone| gone.manifest);
        Some(self.follow(&next))
    }

    /// A head as a thief signs it who has so many of the publishers' keys: the next, with a release of his own.
    pub fn forge_head(
        &self,
        manifest: &Signed<Manifest>,
        keys: usize,
        now: Timestamp,
    ) -> Arc<Signed<Head>> {
        let claim = manifest.peek().expect("it was made here");
        let listing = Listing {
            component: claim.component,
            target: claim.target,
            version: claim.version,
            manifest: manifest.digest(),
        };
        let next = head::with_release(self.newest.as_ref(), listing, self.place(now));
        self.forge(&next.expect("its version is taken by nobody"), keys)
    }

    /// One of several next heads that list the same, as a thief signs them.
    pub fn forge_fork(&self, keys: usize, now: Timestamp) -> Option<Arc<Signed<Head>>> {
        let next = head::renewed(self.newest.as_ref(), self.place(now)).ok()?;
        Some(self.sign(&next, keys))
    }

    /// How many publishers have to sign.
    pub fn threshold(&self) -> usize {
        self.threshold
    }

    fn place(&self, now: Timestamp) -> head::Place<'_> {
        head::Place {
            network: self.network,
            channel: &self.channel,
            now,
            lifetime: self.head_lifetime,
        }
    }

    fn follow(&mut self, next: &Head) -> Arc<Signed<Head>> {
        let signed = self.sign(next, self.threshold);
        let role = self.trusted.release_role(&self.channel).expect("the root has the channel");
        self.newest = Some(signed.verify(&self.network, role).expect("signed by enough"));
        signed
    }

    /// The ids of electors' keys.
    pub fn elector_id(&self, n: usize) -> Option<KeyId> {
        self.elector(n).map(|key| key.public().id())
    }
}
