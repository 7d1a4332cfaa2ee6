//! The sample values themselves.

use updraft_protocol::{
    Blob, CatchUpRequest, ChannelRole, ChunkList, Compatibility, Digest, Entry, FileMode, Head,
    HeadMark, LinkTarget, Listing, Manifest, NetworkId, NetworkKind, Node, ObjectRef, PatchCodec,
    PatchOffer, ReleaseKind, Root, Severity, Ticket, Timestamp, Tree, TreeRef,
};

use super::role;

/// The network of all samples.
pub(crate) const NETWORK: NetworkId = NetworkId::from_bytes([0x4e; 32]);
/// 2026-11-21T05:10:02Z.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_795_237_802);
const DAY: u64 = 86_400;
const STABLE: &str = "stable";
const BETA: &str = "beta";
const LINUX: &str = "x86_64-unknown-linux-gnu";

/// A name or path that is known to be good.
pub(crate) fn name<T: std::str::FromStr>(text: &str) -> T {
    text.parse().ok().expect("text that keeps the rules of its type")
}

/// Digest of `bytes`.
pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Digest::of(bytes)
}

/// The first root: any two of keys 1, 2, 3 change it; two of 11, 12, 13 publish `stable`, 14 publishes `beta`.
pub(crate) fn root_1() -> Root {
    Root {
        network: NETWORK,
        name: name("sample"),
        kind: NetworkKind::Production,
        version: 1,
        prev: None,
        issued: NOW,
        expires: NOW.plus(365 * DAY),
        root: role(2, &[1, 2, 3]),
        release: vec![
            ChannelRole { channel: name(BETA), role: role(1, &[14]) },
            ChannelRole { channel: name(STABLE), role: role(2, &[11, 12, 13]) },
        ],
    }
}

/// The second root: key 1 was replaced by key 4.
pub(crate) fn root_2() -> Root {
    Root {
        version: 2,
        prev: Some(super::signed(&root_1(), &[]).digest()),
        issued: NOW.plus(DAY),
        expires: NOW.plus(366 * DAY),
        root: role(2, &[2, 3, 4]),
        ..root_1()
    }
}

/// A root of a network for trying things out, without channels.
pub(crate) fn root_development() -> Root {
    let release = Vec::new();
    Root { kind: NetworkKind::Development, root: role(1, &[1]), release, ..root_1() }
}

/// The first head of `stable`: nothing is on offer yet.
pub(crate) fn head_1() -> Head {
    Head {
        network: NETWORK,
        channel: name(STABLE),
        seq: 1,
        prev: None,
        time: NOW,
        expires: NOW.plus(90 * DAY),
        releases: Vec::new(),
    }
}

/// The second head of `stable`: one release for two targets.
pub(crate) fn head_2() -> Head {
    let listing = |target: &str, manifest| Listing {
        component: name("demo-app"),
        target: name(target),
        version: name("1.1.0"),
        manifest,
    };
    Head {
        seq: 2,
        prev: Some(super::signed(&head_1(), &[]).digest()),
        time: NOW.plus(DAY),
        expires: NOW.plus(91 * DAY),
        releases: vec![
            listing("any", digest(b"another manifest")),
            listing(LINUX, super::signed(&manifest(), &[]).digest()),
        ],
        ..head_1()
    }
}

fn blob(bytes: &[u8], size: u64) -> Blob {
    let chunks = ObjectRef { digest: digest(&[bytes, b" chunks"].concat()), size: 52 };
    Blob { digest: digest(bytes), size, chunks }
}

/// A release with two patches.
pub(crate) fn manifest() -> Manifest {
    let patch = |from: &str, tree: &[u8]| PatchOffer {
        from: name(from),
        from_tree: digest(tree),
        codec: PatchCodec::BsdiffZstd,
        blob: blob(from.as_bytes(), 70_000),
    };
    let mut patches = vec![patch("1.0.0", b"tree 1.0.0"), patch("1.1.0-rc.1", b"tree 1.1.0-rc.1")];
    patches.sort_by_key(|patch| patch.from_tree);
    Manifest {
        network: NETWORK,
        component: name("demo-app"),
        version: name("1.1.0"),
        target: name(LINUX),
        channel: name(STABLE),
        created: NOW,
        kind: ReleaseKind::Security,
        severity: Severity::Critical,
        compatibility: Compatibility::Breaking,
        min_version: Some(name("1.0.0")),
        notes: "Schließt eine Lücke.\n".to_owned(),
        tree: TreeRef {
            object: ObjectRef { digest: digest(b"tree 1.1.0"), size: 309 },
            entries: 4,
            bytes: 1_000_011,
        },
        whole: blob(b"whole", 600_000),
        patches,
    }
}

/// A release with nothing that can be left out.
pub(crate) fn manifest_smallest() -> Manifest {
    Manifest {
        target: name("any"),
        kind: ReleaseKind::Feature,
        severity: Severity::Low,
        compatibility: Compatibility::Compatible,
        min_version: None,
        notes: String::new(),
        patches: Vec::new(),
        ..manifest()
    }
}

/// A folder, both kinds of file, and a link.
pub(crate) fn tree() -> Tree {
    let file = |mode, size, bytes: &[u8]| Node::File { mode, size, digest: digest(bytes) };
    let entry = |path: &str, node| Entry { path: name(path), node };
    Tree {
        entries: vec![
            entry("LIESMICH.é", file(FileMode::Plain, 11, b"hello world")),
            entry("bin", Node::Folder),
            entry("bin/demo-app", file(FileMode::Executable, 1_000_000, b"program")),
            entry("bin/run", Node::Link { target: LinkTarget::new("../bin/demo-app") }),
        ],
    }
}

/// The chunks of a blob of 600,000 bytes: two whole ones and a rest.
pub(crate) fn chunk_list() -> ChunkList {
    let digests = vec![digest(b"chunk 0"), digest(b"chunk 1"), digest(b"chunk 2")];
    ChunkList { blob_size: 600_000, chunk_size: 262_144, digests }
}

/// What a node asks that knows nothing of `beta` and head 1 of `stable`.
pub(crate) fn catch_up_since() -> CatchUpRequest {
    let mark = |channel: &str, seq| HeadMark { channel: name(channel), seq };
    let marks = vec![mark(BETA, 0), mark(STABLE, 1)];
    CatchUpRequest::Since { network: NETWORK, root_version: 2, marks }
}

/// A ticket with one address.
pub(crate) fn ticket() -> Ticket {
    Ticket {
        network: NETWORK,
        name: name("sample"),
        root: super::signed(&root_1(), &[]).digest(),
        addresses: vec!["/dns4/seed.example/udp/4001/quic-v1".to_owned()],
    }
}
