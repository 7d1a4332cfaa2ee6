//! The sample values themselves.

use updraft_protocol::{
    Blob, Brake, BuildAttestation, CatchUpRequest, ChannelBase, ChannelRole, ChunkList,
    Compatibility, Digest, Elector, Electorate, Entry, Equivocation, FileMode, Head, HeadMark,
    Heartbeat, Lift, LinkTarget, Listing, Manifest, MinSupported, NetworkId, NetworkKind, Node,
    ObjectRef, PatchCodec, PatchOffer, ReleaseKind, Revocation, RevokedKey, Root, Severity, Ticket,
    Timestamp, Tree, TreeRef, Withdrawn,
};

use super::{public, role};

/// The network of all samples.
pub(crate) const NETWORK: NetworkId = NetworkId::from_bytes([0x4e; 32]);
/// 2026-11-21T05:10:02Z.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_795_237_802);
const DAY: u64 = 86_400;
const STABLE: &str = "stable";
const BETA: &str = "beta";
const LINUX: &str = "x86_64-unknown-linux-gnu";
/// The manifest that heads and brakes name, as it was before it could need a protocol. What names it keeps its bytes.
const ON_OFFER: &str = "b3:8b377f8a4af61fd475cdca8cdcc001ff296a52b0fa7631b9a0fc90655382d57c";

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
        witness: None,
        brake: None,
        builder: None,
        electorate: None,
        counts: Vec::new(),
        channel_base: Vec::new(),
        revoked: Vec::new(),
    }
}

/// A root with every role: two of three witnesses, two brakes, a builder, two electors; `beta` begins anew,
/// `stable` goes on from head 2; keys 1 and 5 were taken back.
pub(crate) fn root_3() -> Root {
    let elector =
        |n, weight, operator| Elector { key: public(n), weight, operator: name(operator) };
    let electors = vec![elector(51, 3, "north"), elector(52, 1, "south-2")];
    let revoked = |n, reason: &str| RevokedKey {
        key: public(n).id(),
        reason: reason.to_owned(),
        since: NOW.plus(DAY),
    };
    let mut taken_back = vec![revoked(1, "compromised: laptop stolen"), revoked(5, "")];
    taken_back.sort_by_key(|revoked| revoked.key);
    Root {
        version: 3,
        prev: Some(super::signed(&root_2(), &[]).digest()),
        witness: Some(role(2, &[21, 22, 23])),
        brake: Some(role(1, &[31, 32])),
        builder: Some(role(1, &[41])),
        electorate: Some(Electorate::new(7, electors)),
        channel_base: vec![
            ChannelBase { channel: name(BETA), seq: 0, head: None },
            ChannelBase {
                channel: name(STABLE),
                seq: 2,
                head: Some(super::signed(&head_2(), &[]).digest()),
            },
        ],
        revoked: taken_back,
        ..root_2()
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
        withdrawn: Vec::new(),
        min_supported: Vec::new(),
    }
}

/// The third head of `stable`: its release for every machine was withdrawn, and 1.0.0 is looked after no more.
pub(crate) fn head_3() -> Head {
    let (withdrawn, listed): (Vec<_>, Vec<_>) =
        head_2().releases.into_iter().partition(|listing| listing.target.as_str() == "any");
    let withdrawn = withdrawn
        .into_iter()
        .map(|listing| Withdrawn {
            manifest: listing.manifest, reason: "löscht Daten".to_owned()
        });
    let min = MinSupported { component: name("demo-app"), version: name("1.1.0") };
    Head {
        seq: 3,
        prev: Some(super::signed(&head_2(), &[]).digest()),
        releases: listed,
        withdrawn: withdrawn.collect(),
        min_supported: vec![min],
        ..head_2()
    }
}

/// What witness 21 says of the second head.
pub(crate) fn heartbeat() -> Heartbeat {
    Heartbeat {
        network: NETWORK,
        by: public(21).id(),
        channel: name(STABLE),
        seq: 2,
        head: super::signed(&head_2(), &[]).digest(),
        time: NOW.plus(2 * DAY),
        valid_for: 86_400,
    }
}

/// Brake key 31 pauses one release for a day.
pub(crate) fn brake() -> Brake {
    Brake {
        network: NETWORK,
        by: public(31).id(),
        channel: name(STABLE),
        release: Some(name(ON_OFFER)),
        issued: NOW,
        expires: NOW.plus(DAY),
        reason: "startet nicht".to_owned(),
    }
}

/// Brake key 32 pauses a whole channel for as long as it may.
pub(crate) fn brake_of_all() -> Brake {
    let by = public(32).id();
    Brake { by, release: None, expires: NOW.plus(3 * DAY), reason: String::new(), ..brake() }
}

/// The release keys end the pause of one release.
pub(crate) fn lift() -> Lift {
    let Brake { network, channel, release, .. } = brake();
    Lift { network, channel, release, issued: NOW.plus(600), reason: "false alarm".to_owned() }
}

/// Key 13 takes itself back.
pub(crate) fn revocation() -> Revocation {
    let reason = "laptop stolen".to_owned();
    Revocation { network: NETWORK, key: public(13).id(), time: NOW, reason }
}

/// Builder 41 built the same as the publisher.
pub(crate) fn attestation() -> BuildAttestation {
    let Manifest { component, version, target, tree, .. } = manifest();
    let (source, tree) = (digest(b"sources"), tree.object.digest);
    let by = public(41).id();
    BuildAttestation { network: NETWORK, by, component, version, target, source, tree, time: NOW }
}

/// Two second heads of `stable`, the one signed by 11 and 12, the other by 12 and 13.
pub(crate) fn equivocation() -> Equivocation {
    let other = Head { releases: Vec::new(), ..head_2() };
    Equivocation::new(super::signed(&head_2(), &[11, 12]), super::signed(&other, &[12, 13]))
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
        releases: vec![listing("any", digest(b"another manifest")), listing(LINUX, name(ON_OFFER))],
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
        barriers: vec![name("1.0.5"), name("1.1.0-rc.1")],
        needs_protocol: Some(2),
        source: Some(digest(b"sources")),
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

/// The same with patches of every codec from each tree.
pub(crate) fn manifest_of_all_codecs() -> Manifest {
    let manifest = manifest();
    let patches = manifest.patches.iter().flat_map(|patch| {
        PatchCodec::ALL.map(|codec| {
            let bytes = format!("{} {codec:?}", patch.from);
            PatchOffer { codec, blob: blob(bytes.as_bytes(), 70_000), ..patch.clone() }
        })
    });
    Manifest { patches: patches.collect(), ..manifest.clone() }
}

/// A release with nothing that can be left out.
pub(crate) fn manifest_smallest() -> Manifest {
    Manifest {
        target: name("any"),
        kind: ReleaseKind::Feature,
        severity: Severity::Low,
        compatibility: Compatibility::Compatible,
        min_version: None,
        barriers: Vec::new(),
        needs_protocol: None,
        source: None,
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
    let mark = |channel: &str, seq, head| HeadMark { channel: name(channel), seq, head };
    let head_1 = super::signed(&head_1(), &[]).digest();
    let marks = vec![mark(BETA, 0, None), mark(STABLE, 1, Some(head_1))];
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
