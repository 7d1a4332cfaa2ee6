//! Releases and what is installed of them, for tests of who goes which way. Nothing of it is signed or fetched.

use std::{fmt::Display, num::NonZeroU64};

use updraft_delta::plan::{Base, BlobState};
use updraft_protocol::{
    Blob, Compatibility, Digest, Manifest, NetworkId, ObjectRef, PatchCodec, PatchOffer,
    ReleaseKind, Severity, Timestamp, TreeRef,
};

/// The blob of this name.
pub(crate) fn blob(name: &str, size: u64) -> Blob {
    let chunks = ObjectRef::of(name.as_bytes()).expect("small");
    Blob { digest: Digest::of(name.as_bytes()), size, chunks }
}

/// The tree of this number.
pub(crate) fn tree(number: impl Display) -> Digest {
    Digest::of(format!("tree {number}").as_bytes())
}

/// A patch from the release of this version, which has this tree.
pub(crate) fn patch(version: &str, tree: Digest, codec: PatchCodec, blob: Blob) -> PatchOffer {
    PatchOffer { from: version.parse().expect("a version"), from_tree: tree, codec, blob }
}

/// The release of this version, whose tree has so many bytes. It may be gone to from any other.
pub(crate) fn release(version: &str, tree: Digest, bytes: u64, whole: Blob) -> Manifest {
    Manifest {
        network: NetworkId::from_bytes([1; 32]),
        component: "demo-app".parse().expect("a name"),
        version: version.parse().expect("a version"),
        target: "any".parse().expect("a target"),
        channel: "stable".parse().expect("a name"),
        created: Timestamp::from_seconds(1),
        kind: ReleaseKind::Bugfix,
        severity: Severity::Normal,
        compatibility: Compatibility::Compatible,
        min_version: None,
        barriers: Vec::new(),
        needs_protocol: None,
        source: None,
        notes: String::new(),
        tree: TreeRef { object: ObjectRef { digest: tree, size: 10 }, entries: 1, bytes },
        whole,
        patches: Vec::new(),
    }
}

/// This version is installed, with this tree of so many bytes.
pub(crate) fn installed(version: &str, tree: Digest, bytes: u64) -> Base {
    Base { tree, version: version.parse().expect("a version"), bytes }
}

/// What is known of a blob of which so many bytes are here.
pub(crate) fn held(verified: u64, holders: u32) -> BlobState {
    BlobState { verified, spared: 0, holders }
}

/// So many bytes a second.
pub(crate) fn rate(bytes: u64) -> NonZeroU64 {
    NonZeroU64::new(bytes).expect("not zero")
}
