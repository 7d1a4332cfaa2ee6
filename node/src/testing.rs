//! Values for tests of the rooms; compiled for tests only.

use updraft_protocol::{
    Blob, Compatibility, Digest, Manifest, NetworkId, ObjectRef, ReleaseKind, Severity, Target,
    Timestamp, TreeRef,
};

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
        notes: String::new(),
        tree: TreeRef { object, entries: 1, bytes: 1 },
        whole: Blob { digest: Digest::of(b"whole"), size: 1, chunks: object },
        patches: Vec::new(),
    }
}
