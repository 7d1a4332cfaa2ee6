//! How to draw values that keep the rules of their types.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{
    collection::{btree_map, btree_set, vec},
    option,
    prelude::*,
    sample::subsequence,
    strategy::Union,
};
use updraft_protocol::{
    Blob, ChannelBase, ChannelName, ChannelRole, ChunkList, Compatibility, ComponentName, Digest,
    Elector, Electorate, Entry, FileMode, Head, LinkTarget, Listing, Manifest, MinSupported,
    NetworkId, NetworkKind, NetworkName, Node, ObjectRef, PatchCodec, PatchOffer, PublicKey,
    ReleaseKind, ReleaseVersion, RevokedKey, Role, Root, Severity, Signable, Signed, Target,
    Ticket, Timestamp, Tree, TreePath, TreeRef, Withdrawn,
    limits::{MAX_BLOB_BYTES, MAX_CHUNK, MAX_REASON, MAX_TREE_BYTES, MIN_CHUNK},
};

use crate::samples;

/// Keys that roles are drawn from.
const KEYS: [u8; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

pub(crate) fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest::from_bytes)
}

pub(crate) fn network() -> impl Strategy<Value = NetworkId> {
    any::<[u8; 32]>().prop_map(NetworkId::from_bytes)
}

pub(crate) fn component() -> impl Strategy<Value = ComponentName> {
    "[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9_-])?".prop_map(|text| samples::name(&text))
}

pub(crate) fn target() -> impl Strategy<Value = Target> {
    "any|[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9_-])?".prop_map(|text| samples::name(&text))
}

pub(crate) fn channel() -> impl Strategy<Value = ChannelName> {
    "[a-z0-9][a-z0-9-]{0,31}".prop_map(|text| samples::name(&text))
}

fn network_name() -> impl Strategy<Value = NetworkName> {
    "[a-z0-9][a-z0-9-]{0,31}".prop_map(|text| samples::name(&text))
}

/// Numbers of every size, the largest among them.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..10_u64, any::<u64>(), Just(u64::MAX)]
}

pub(crate) fn version() -> impl Strategy<Value = ReleaseVersion> {
    let pre = "(-[a-z]{1,5}(\\.(0|[1-9][0-9]{0,3}))?)?";
    ((0..1_000_u64), number(), (0..1_000_u64), pre)
        .prop_map(|(a, b, c, pre)| samples::name(&format!("{a}.{b}.{c}{pre}")))
}

/// Any second there is.
pub(crate) fn moment() -> impl Strategy<Value = Timestamp> {
    number().prop_map(Timestamp::from_seconds)
}

/// Words of every length that is allowed, the longest among them.
pub(crate) fn reason() -> impl Strategy<Value = String> {
    prop_oneof![9 => "\\PC{0,40}", 1 => Just("r".repeat(MAX_REASON))]
}

/// A key that roles are drawn from.
pub(crate) fn key() -> impl Strategy<Value = PublicKey> {
    one_of(&KEYS).prop_map(samples::public)
}

/// A beginning and a later end.
fn span() -> impl Strategy<Value = (Timestamp, Timestamp)> {
    (number(), number()).prop_filter_map("an end after the beginning", |(a, b)| {
        (a != b).then(|| (Timestamp::from_seconds(a.min(b)), Timestamp::from_seconds(a.max(b))))
    })
}

/// A number in a chain, and the link that belongs to it.
fn place() -> impl Strategy<Value = (u64, Option<Digest>)> {
    prop_oneof![
        Just((1, None)),
        (2..=u64::MAX, digest()).prop_map(|(number, prev)| (number, Some(prev)))
    ]
}

pub(crate) fn role() -> impl Strategy<Value = Role> {
    (subsequence(KEYS.to_vec(), 1..=KEYS.len()), any::<u16>()).prop_map(|(keys, n)| {
        let threshold = 1 + usize::from(n) % keys.len();
        samples::role(u16::try_from(threshold).expect("at most 16"), &keys)
    })
}

/// Channels with their keys, and where some of them begin.
fn channels() -> impl Strategy<Value = (Vec<ChannelRole>, Vec<ChannelBase>)> {
    let base = option::of(option::of((1..=u64::MAX, digest())));
    btree_map(channel(), (role(), base), 0..5).prop_map(|drawn| {
        let mut channels = (Vec::new(), Vec::new());
        for (channel, (role, base)) in drawn {
            if let Some(begin) = base {
                let (seq, head) = begin.map_or((0, None), |(seq, head)| (seq, Some(head)));
                channels.1.push(ChannelBase { channel: channel.clone(), seq, head });
            }
            channels.0.push(ChannelRole { channel, role });
        }
        channels
    })
}

/// Of keys that are in no role and were not taken back.
fn electorate() -> impl Strategy<Value = Electorate> {
    let elector = (1..=u32::MAX, "[a-z0-9][a-z0-9-]{0,31}");
    (any::<u64>(), btree_map(17..=24_u8, elector, 1..8)).prop_map(|(epoch, electors)| {
        let elector = |(n, (weight, operator)): (u8, (u32, String))| Elector {
            key: samples::public(n),
            weight,
            operator: samples::name(&operator),
        };
        Electorate::new(epoch, electors.into_iter().map(elector).collect())
    })
}

/// An electorate, and votes of those before it that go on counting.
fn votes() -> impl Strategy<Value = (Option<Electorate>, BTreeSet<Digest>)> {
    prop_oneof![
        Just((None, BTreeSet::new())),
        (electorate().prop_map(Some), btree_set(digest(), 0..4)),
    ]
}

/// Keys that are in no role.
fn revoked() -> impl Strategy<Value = Vec<RevokedKey>> {
    btree_map(25..=32_u8, (reason(), moment()), 0..5).prop_map(|revoked| {
        let revoked = revoked.into_iter();
        let mut revoked: Vec<RevokedKey> = revoked
            .map(|(n, (reason, since))| RevokedKey { key: samples::public(n).id(), reason, since })
            .collect();
        revoked.sort_by_key(|revoked| revoked.key);
        revoked
    })
}

pub(crate) fn root() -> impl Strategy<Value = Root> {
    let kind = one_of(&[NetworkKind::Production, NetworkKind::Development]);
    let alone = || option::of(subsequence(KEYS.to_vec(), 1..=3).prop_map(|n| samples::role(1, &n)));
    let roles = (role(), option::of(role()), alone(), alone());
    let rest = (channels(), votes(), revoked());
    (network(), network_name(), kind, place(), span(), roles, rest).prop_map(
        |(network, name, kind, (version, prev), (issued, expires), roles, rest)| {
            let (root, witness, brake, builder) = roles;
            let ((release, channel_base), (electorate, counted), revoked) = rest;
            // The first root has no former electorate.
            let counts = if version == 1 { Vec::new() } else { counted.into_iter().collect() };
            Root {
                network,
                name,
                kind,
                version,
                prev,
                issued,
                expires,
                root,
                release,
                witness,
                brake,
                builder,
                electorate,
                counts,
                channel_base,
                revoked,
            }
        },
    )
}

pub(crate) fn head() -> impl Strategy<Value = Head> {
    let listing = (component(), target(), version(), digest()).prop_map(
        |(component, target, version, manifest)| Listing { component, target, version, manifest },
    );
    let withdrawn = btree_map(digest(), reason(), 0..4);
    let minimum = btree_map(component(), version(), 0..4);
    let lists = (vec(listing, 0..6), withdrawn, minimum);
    (network(), channel(), place(), span(), lists).prop_map(
        |(
            network,
            channel,
            (seq, prev),
            (time, expires),
            (mut releases, withdrawn, min_supported),
        )| {
            releases.sort();
            releases.dedup_by(|a, b| {
                (&a.component, &a.target, &a.version) == (&b.component, &b.target, &b.version)
            });
            let withdraw = |(manifest, reason)| Withdrawn { manifest, reason };
            let minimum = |(component, version)| MinSupported { component, version };
            Head {
                network,
                channel,
                seq,
                prev,
                time,
                expires,
                releases,
                withdrawn: withdrawn.into_iter().map(withdraw).collect(),
                min_supported: min_supported.into_iter().map(minimum).collect(),
            }
        },
    )
}

fn object() -> impl Strategy<Value = ObjectRef> {
    (digest(), 0..=16_777_216_u32).prop_map(|(digest, size)| ObjectRef { digest, size })
}

fn blob() -> impl Strategy<Value = Blob> {
    let size = prop_oneof![1..100_u64, 1..=MAX_BLOB_BYTES, Just(MAX_BLOB_BYTES)];
    (digest(), size, object()).prop_map(|(digest, size, chunks)| Blob { digest, size, chunks })
}

fn patches() -> impl Strategy<Value = Vec<PatchOffer>> {
    let patch = (version(), digest(), one_of(&PatchCodec::ALL), blob())
        .prop_map(|(from, from_tree, codec, blob)| PatchOffer { from, from_tree, codec, blob });
    vec(patch, 0..5).prop_map(|mut patches| {
        // Of some trees there are several codecs.
        let several: Vec<PatchOffer> = patches
            .iter()
            .filter(|patch| patch.codec != PatchCodec::BsdiffZstd)
            .map(|patch| PatchOffer { codec: PatchCodec::BsdiffZstd, ..patch.clone() })
            .collect();
        patches.extend(several);
        patches.sort_by_key(|patch| (patch.from_tree, patch.codec));
        patches
    })
}

fn one_of<T: Clone + std::fmt::Debug + 'static>(values: &[T]) -> Union<Just<T>> {
    Union::new(values.iter().cloned().map(Just))
}

pub(crate) fn manifest() -> impl Strategy<Value = Manifest> {
    use ReleaseKind::{Bugfix, Dependency, Feature, Performance, Protocol, Security};
    let names = (network(), component(), target(), channel(), version(), option::of(version()));
    let kinds = (
        one_of(&[Security, Feature, Bugfix, Performance, Protocol, Dependency]),
        one_of(&[Severity::Low, Severity::Normal, Severity::High, Severity::Critical]),
        one_of(&[Compatibility::Compatible, Compatibility::Breaking]),
    );
    let tree = (object(), 0..=100_000_u32, 0..=MAX_TREE_BYTES);
    let words = ("\\PC{0,80}", btree_set(version(), 0..4), option::of(digest()));
    let tree = (tree, option::of(any::<u32>()));
    (names, kinds, moment(), words, tree, blob(), patches()).prop_map(
        |(names, (kind, severity, compatibility), created, words, tree, whole, patches)| {
            let (notes, barriers, source) = words;
            let (network, component, target, channel, version, min) = names;
            let ((object, entries, bytes), needs_protocol) = tree;
            Manifest {
                network,
                component,
                target,
                channel,
                min_version: min.filter(|min| *min <= version),
                barriers: barriers.into_iter().filter(|stop| *stop < version).collect(),
                version,
                created,
                kind,
                severity,
                compatibility,
                notes,
                tree: TreeRef { object, entries, bytes },
                whole,
                patches,
                needs_protocol,
                source,
            }
        },
    )
}

fn node() -> impl Strategy<Value = Node> {
    let mode = one_of(&[FileMode::Plain, FileMode::Executable]);
    prop_oneof![
        Just(Node::Folder),
        (mode, 0..1_000_000_u64, digest()).prop_map(|(mode, size, digest)| Node::File {
            mode,
            size,
            digest
        }),
        // No letters of which `con`, `nul` and other devices are made.
        "[a-m]{1,3}(/[a-m]{1,3})?"
            .prop_map(|target| Node::Link { target: LinkTarget::new(target) }),
    ]
}

/// Trees whose folders are all there and whose names never collide.
pub(crate) fn tree() -> impl Strategy<Value = Tree> {
    let path = "[a-zé]{1,2}(/[a-zA-Zé]{1,3}){0,3}";
    vec((path, node()), 1..12).prop_filter_map("a tree with something in it", |wished| {
        let mut nodes: BTreeMap<TreePath, Node> = BTreeMap::new();
        let mut folded = BTreeSet::new();
        for (path, node) in wished {
            let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
            let steps: Option<Vec<TreePath>> = ends.map(|end| path[..end].parse().ok()).collect();
            let Some(steps) = steps else { continue };
            for step in &steps {
                let node =
                    if *step == steps[steps.len() - 1] { node.clone() } else { Node::Folder };
                if folded.insert(step.folded()) {
                    nodes.insert(step.clone(), node);
                } else if nodes.get(step) != Some(&Node::Folder) {
                    break;
                }
            }
        }
        let entries: Vec<Entry> =
            nodes.into_iter().map(|(path, node)| Entry { path, node }).collect();
        (!entries.is_empty()).then_some(Tree { entries })
    })
}

pub(crate) fn chunk_list() -> impl Strategy<Value = ChunkList> {
    (MIN_CHUNK..=MAX_CHUNK, vec(digest(), 1..20), any::<u32>()).prop_map(
        |(chunk_size, digests, rest)| {
            let whole = u64::from(chunk_size) * (digests.len() as u64 - 1);
            let blob_size = whole + 1 + u64::from(rest % chunk_size);
            ChunkList { blob_size, chunk_size, digests }
        },
    )
}

/// A drawn value, signed by drawn keys.
pub(crate) fn signed<T: Signable + std::fmt::Debug>(
    value: impl Strategy<Value = T>,
) -> impl Strategy<Value = Signed<T>> {
    (value, subsequence(KEYS.to_vec(), 0..=T::MOST_SIGNATURES.min(3)))
        .prop_map(|(value, keys)| samples::signed(&value, &keys))
}

pub(crate) fn ticket() -> impl Strategy<Value = Ticket> {
    (network(), network_name(), digest(), vec("[a-z0-9./]{0,100}", 0..=4))
        .prop_map(|(network, name, root, addresses)| Ticket { network, name, root, addresses })
}
