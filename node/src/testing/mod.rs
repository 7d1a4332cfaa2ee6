//! Values for tests of the rooms; compiled for tests only.

pub(crate) mod votes;

use std::sync::Arc;

use updraft_protocol::{
    Blob, ChannelName, ChannelRole, Compatibility, Digest, Head, Listing, Manifest, NetworkId,
    ObjectRef, ReleaseKind, Role, Root, SecretKey, Severity, Signable, Signed, Target, Timestamp,
    TreeRef, root,
};

use crate::catalog::Catalog;

/// When tests happen.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

/// A well-formed manifest of a component that names bytes nobody has.
pub(crate) fn manifest(component: &str, version: &str) -> Manifest {
    let object = ObjectRef { digest: Digest::of(version.as_bytes()), size: 10 };
    Manifest {
        network: NetworkId::from_bytes([9; 32]),
        component: component.parse().expect("a component name"),
        version: version.parse().expect("a version"),
        target: Target::ANY.parse().expect("a target"),
        channel: "stable".parse().expect("a channel name"),
        created: Timestamp::from_seconds(1_000_000),
        kind: ReleaseKind::Feature,
        severity: Severity::Normal,
        compatibility: Compatibility::Compatible,
        min_version: None,
        barriers: Vec::new(),
        needs_protocol: None,
        source: None,
        notes: String::new(),
        tree: TreeRef { object, entries: 1, bytes: 1 },
        whole: Blob { digest: Digest::of(b"whole"), size: 1, chunks: object },
        patches: Vec::new(),
    }
}

/// A network with release keys 1, 2 and 3, two of which have to sign.
pub(crate) struct Publisher {
    /// Its id.
    pub(crate) network: NetworkId,
    /// Its only channel, `stable`.
    pub(crate) channel: ChannelName,
}

impl Publisher {
    pub(crate) fn new() -> Self {
        Self { network: NetworkId::from_bytes([9; 32]), channel: "stable".parse().expect("a name") }
    }

    pub(crate) fn key(n: u8) -> SecretKey {
        SecretKey::from_seed(&[n; 32])
    }

    pub(crate) fn role(threshold: u16, keys: &[u8]) -> Role {
        Role::new(threshold, keys.iter().map(|n| Self::key(*n).public()).collect()).expect("a role")
    }

    /// Root 1: key 100 may change it; nobody is a witness, brake or builder.
    pub(crate) fn root(&self) -> Root {
        let role = Self::role;
        Root {
            expires: NOW.plus(1_000_000),
            release: vec![ChannelRole { channel: self.channel.clone(), role: role(2, &[1, 2, 3]) }],
            ..Root::first(
                self.network,
                "test".parse().expect("a name"),
                role(1, &[100]),
                Timestamp::from_seconds(1),
            )
        }
    }

    pub(crate) fn catalog(&self) -> Catalog {
        self.catalog_under(&self.root())
    }

    /// A catalog that trusts this as root 1.
    pub(crate) fn catalog_under(&self, root: &Root) -> Catalog {
        let mut signed = Signed::unsigned(root).expect("valid");
        signed.sign(&Self::key(100), &self.network);
        Catalog::new(
            root::trust_first(&signed, &signed.digest()).expect("trusted"),
            Timestamp::from_seconds(0),
        )
    }

    pub(crate) fn sign<T: Signable>(&self, value: &T, keys: &[u8]) -> Arc<Signed<T>> {
        let mut signed = Signed::unsigned(value).expect("valid");
        keys.iter().for_each(|n| signed.sign(&Self::key(*n), &self.network));
        Arc::new(signed)
    }

    pub(crate) fn manifest(&self, version: &str) -> Manifest {
        let manifest = manifest("demo-app", version);
        Manifest { network: self.network, channel: self.channel.clone(), ..manifest }
    }

    pub(crate) fn head(
        &self,
        seq: u64,
        prev: Option<Digest>,
        manifests: &[&Arc<Signed<Manifest>>],
    ) -> Head {
        let mut releases: Vec<Listing> = manifests
            .iter()
            .map(|signed| {
                let manifest = signed.peek().expect("valid");
                Listing {
                    component: manifest.component,
                    target: manifest.target,
                    version: manifest.version,
                    manifest: signed.digest(),
                }
            })
            .collect();
        releases.sort();
        Head {
            network: self.network,
            channel: self.channel.clone(),
            seq,
            prev,
            time: NOW,
            expires: NOW.plus(1_000),
            releases,
            withdrawn: Vec::new(),
            min_supported: Vec::new(),
        }
    }
}
