//! A second encoder, written from the tables in `docs/PROTOCOL.md` and not from the library.
//!
//! It judges the first one, and it forges: it checks nothing, so it also writes what [`codec::encode`] refuses.
//! It must never call the codec.
//!
//! [`codec::encode`]: updraft_protocol::codec::encode

pub(crate) mod votes;

use ed25519_dalek::{Signer as _, SigningKey};
use updraft_protocol::{
    Blob, Brake, BuildAttestation, ChunkList, Compatibility, Digest, Electorate, FileMode, Head,
    Heartbeat, KeyId, Lift, Listing, Manifest, NetworkKind, Node, ObjectRef, PatchCodec,
    ReleaseKind, Revocation, Role, Root, Severity, Tree,
};

/// Bytes under construction.
#[derive(Default)]
pub(crate) struct Bytes(Vec<u8>);

impl Bytes {
    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn u8(self, number: u8) -> Self {
        self.raw(&[number])
    }

    pub(crate) fn u16(self, number: u16) -> Self {
        self.raw(&number.to_le_bytes())
    }

    pub(crate) fn u32(self, number: u32) -> Self {
        self.raw(&number.to_le_bytes())
    }

    pub(crate) fn u64(self, number: u64) -> Self {
        self.raw(&number.to_le_bytes())
    }

    /// A length, then that many bytes.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        self.u64(bytes.len() as u64).raw(bytes)
    }

    pub(crate) fn text(self, text: impl ToString) -> Self {
        self.bytes(text.to_string().as_bytes())
    }

    /// 0 for nothing; 1 and the bytes of something.
    pub(crate) fn option(self, some: Option<Vec<u8>>) -> Self {
        match some {
            None => self.u8(0),
            Some(bytes) => self.u8(1).raw(&bytes),
        }
    }

    /// A count, then the elements.
    pub(crate) fn list(self, elements: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let elements: Vec<_> = elements.into_iter().collect();
        self.u64(elements.len() as u64).raw(&elements.concat())
    }

    pub(crate) fn done(self) -> Vec<u8> {
        self.0
    }
}

pub(crate) fn head(head: &Head) -> Vec<u8> {
    let listing = |listing: &Listing| {
        Bytes::default()
            .text(&listing.component)
            .text(&listing.target)
            .text(&listing.version)
            .raw(listing.manifest.as_bytes())
            .done()
    };
    Bytes::default()
        .raw(head.network.as_bytes())
        .text(&head.channel)
        .u64(head.seq)
        .option(head.prev.map(|prev| prev.as_bytes().to_vec()))
        .u64(head.time.as_seconds())
        .u64(head.expires.as_seconds())
        .list(head.releases.iter().map(listing))
        .list(head.withdrawn.iter().map(|withdrawn| {
            Bytes::default().raw(withdrawn.manifest.as_bytes()).text(&withdrawn.reason).done()
        }))
        .list(
            head.min_supported
                .iter()
                .map(|min| Bytes::default().text(&min.component).text(&min.version).done()),
        )
        .done()
}

fn object_ref(object: &ObjectRef) -> Vec<u8> {
    Bytes::default().raw(object.digest.as_bytes()).u32(object.size).done()
}

fn blob(blob: &Blob) -> Vec<u8> {
    let start = Bytes::default().raw(blob.digest.as_bytes()).u64(blob.size);
    start.raw(&object_ref(&blob.chunks)).done()
}

pub(crate) fn manifest(manifest: &Manifest) -> Vec<u8> {
    let kind = match manifest.kind {
        ReleaseKind::Security => 0,
        ReleaseKind::Feature => 1,
        ReleaseKind::Bugfix => 2,
        ReleaseKind::Performance => 3,
        ReleaseKind::Protocol => 4,
        ReleaseKind::Dependency => 5,
    };
    let severity = match manifest.severity {
        Severity::Low => 0,
        Severity::Normal => 1,
        Severity::High => 2,
        Severity::Critical => 3,
    };
    let compatibility = match manifest.compatibility {
        Compatibility::Compatible => 0,
        Compatibility::Breaking => 1,
    };
    let patches = manifest.patches.iter().map(|patch| {
        let codec = match patch.codec {
            PatchCodec::BsdiffZstd => 0,
            PatchCodec::RefdiffFast => 1,
            PatchCodec::RefdiffDense => 2,
        };
        let start = Bytes::default().text(&patch.from).raw(patch.from_tree.as_bytes());
        start.u32(codec).raw(&blob(&patch.blob)).done()
    });
    Bytes::default()
        .raw(manifest.network.as_bytes())
        .text(&manifest.component)
        .text(&manifest.version)
        .text(&manifest.target)
        .text(&manifest.channel)
        .u64(manifest.created.as_seconds())
        .u32(kind)
        .u32(severity)
        .u32(compatibility)
        .option(manifest.min_version.as_ref().map(|min| Bytes::default().text(min).done()))
        .list(manifest.barriers.iter().map(|barrier| Bytes::default().text(barrier).done()))
        .option(manifest.needs_protocol.map(|protocol| protocol.to_le_bytes().to_vec()))
        .option(manifest.source.map(|source| source.as_bytes().to_vec()))
        .text(&manifest.notes)
        .raw(&object_ref(&manifest.tree.object))
        .u32(manifest.tree.entries)
        .u64(manifest.tree.bytes)
        .raw(&blob(&manifest.whole))
        .list(patches)
        .done()
}

/// A role of any threshold and any bytes as keys.
pub(crate) fn role(threshold: u16, keys: &[[u8; 32]]) -> Vec<u8> {
    Bytes::default().u16(threshold).list(keys.iter().map(|key| key.to_vec())).done()
}

fn honest_role(honest: &Role) -> Vec<u8> {
    let threshold = u16::try_from(honest.threshold()).expect("it was one");
    role(threshold, &honest.keys().iter().map(|key| *key.as_bytes()).collect::<Vec<_>>())
}

pub(crate) fn root(root: &Root) -> Vec<u8> {
    root_with_role(root, &honest_role(&root.root))
}

/// A root with other bytes where its root role belongs.
pub(crate) fn root_with_role(root: &Root, role: &[u8]) -> Vec<u8> {
    let kind = match root.kind {
        NetworkKind::Production => 0,
        NetworkKind::Development => 1,
    };
    let channel = |channel: &updraft_protocol::ChannelRole| {
        Bytes::default().text(&channel.channel).raw(&honest_role(&channel.role)).done()
    };
    Bytes::default()
        .raw(root.network.as_bytes())
        .text(&root.name)
        .u32(kind)
        .u64(root.version)
        .option(root.prev.map(|prev| prev.as_bytes().to_vec()))
        .u64(root.issued.as_seconds())
        .u64(root.expires.as_seconds())
        .raw(role)
        .list(root.release.iter().map(channel))
        .option(root.witness.as_ref().map(honest_role))
        .option(root.brake.as_ref().map(honest_role))
        .option(root.builder.as_ref().map(honest_role))
        .option(root.electorate.as_ref().map(electorate))
        .list(root.counts.iter().map(|proposal| proposal.as_bytes().to_vec()))
        .list(root.channel_base.iter().map(|base| {
            let start = Bytes::default().text(&base.channel).u64(base.seq);
            start.option(base.head.map(|head| head.as_bytes().to_vec())).done()
        }))
        .list(root.revoked.iter().map(|revoked| {
            let start = Bytes::default().raw(&id_bytes(&revoked.key)).text(&revoked.reason);
            start.u64(revoked.since.as_seconds()).done()
        }))
        .done()
}

fn id_bytes(key: &KeyId) -> Vec<u8> {
    let hex: Digest = key.to_hex().parse().expect("the digits of a digest");
    hex.as_bytes().to_vec()
}

fn electorate(electorate: &Electorate) -> Vec<u8> {
    let elector = |elector: &updraft_protocol::Elector| {
        let start = Bytes::default().raw(elector.key.as_bytes()).u32(elector.weight);
        start.text(&elector.operator).done()
    };
    Bytes::default().u64(electorate.epoch).list(electorate.electors.iter().map(elector)).done()
}

pub(crate) fn heartbeat(heartbeat: &Heartbeat) -> Vec<u8> {
    Bytes::default()
        .raw(heartbeat.network.as_bytes())
        .raw(&id_bytes(&heartbeat.by))
        .text(&heartbeat.channel)
        .u64(heartbeat.seq)
        .raw(heartbeat.head.as_bytes())
        .u64(heartbeat.time.as_seconds())
        .u32(heartbeat.valid_for)
        .done()
}

pub(crate) fn brake(brake: &Brake) -> Vec<u8> {
    Bytes::default()
        .raw(brake.network.as_bytes())
        .raw(&id_bytes(&brake.by))
        .text(&brake.channel)
        .option(brake.release.map(|release| release.as_bytes().to_vec()))
        .u64(brake.issued.as_seconds())
        .u64(brake.expires.as_seconds())
        .text(&brake.reason)
        .done()
}

pub(crate) fn lift(lift: &Lift) -> Vec<u8> {
    Bytes::default()
        .raw(lift.network.as_bytes())
        .text(&lift.channel)
        .option(lift.release.map(|release| release.as_bytes().to_vec()))
        .u64(lift.issued.as_seconds())
        .text(&lift.reason)
        .done()
}

pub(crate) fn revocation(revocation: &Revocation) -> Vec<u8> {
    Bytes::default()
        .raw(revocation.network.as_bytes())
        .raw(&id_bytes(&revocation.key))
        .u64(revocation.time.as_seconds())
        .text(&revocation.reason)
        .done()
}

pub(crate) fn attestation(attestation: &BuildAttestation) -> Vec<u8> {
    Bytes::default()
        .raw(attestation.network.as_bytes())
        .raw(&id_bytes(&attestation.by))
        .text(&attestation.component)
        .text(&attestation.version)
        .text(&attestation.target)
        .raw(attestation.source.as_bytes())
        .raw(attestation.tree.as_bytes())
        .u64(attestation.time.as_seconds())
        .done()
}

pub(crate) fn folder(path: &[u8]) -> Vec<u8> {
    Bytes::default().bytes(path).u32(0).done()
}

pub(crate) fn file(path: &[u8], mode: FileMode, size: u64, digest: &Digest) -> Vec<u8> {
    let mode = match mode {
        FileMode::Plain => 0,
        FileMode::Executable => 1,
    };
    Bytes::default().bytes(path).u32(1).u32(mode).u64(size).raw(digest.as_bytes()).done()
}

pub(crate) fn link(path: &[u8], target: &str) -> Vec<u8> {
    Bytes::default().bytes(path).u32(2).text(target).done()
}

pub(crate) fn tree(tree: &Tree) -> Vec<u8> {
    let entries = tree.entries.iter().map(|entry| {
        let path = entry.path.as_str().as_bytes();
        match &entry.node {
            Node::Folder => folder(path),
            Node::File { mode, size, digest } => file(path, *mode, *size, digest),
            Node::Link { target } => link(path, target.as_str()),
        }
    });
    Bytes::default().list(entries).done()
}

pub(crate) fn chunk_list(list: &ChunkList) -> Vec<u8> {
    let digests = list.digests.iter().map(|digest| digest.as_bytes().to_vec());
    Bytes::default().u64(list.blob_size).u32(list.chunk_size).list(digests).done()
}

/// The signature by the key of number `n` as it stands in a signed object: the key's id, then 64 bytes.
pub(crate) fn signature(n: u8, domain: &str, network: &[u8; 32], payload: &[u8]) -> Vec<u8> {
    let key = SigningKey::from_bytes(&[n; 32]);
    let message = [domain.as_bytes(), &[0], network, payload].concat();
    [&key_id(n)[..], &key.sign(&message).to_bytes()].concat()
}

/// The id of the key of number `n`: the hash of its public half.
pub(crate) fn key_id(n: u8) -> [u8; 32] {
    let public = SigningKey::from_bytes(&[n; 32]).verifying_key();
    *Digest::of(public.as_bytes()).as_bytes()
}

/// A signed object: the payload, then the signatures of [`signature`].
pub(crate) fn signed(payload: &[u8], signatures: &[Vec<u8>]) -> Vec<u8> {
    Bytes::default().bytes(payload).list(signatures.iter().cloned()).done()
}

/// A proof of two heads, each with its payload beside it: the one with the smaller digest is first.
pub(crate) fn equivocation(mut heads: [(Vec<u8>, Vec<u8>); 2]) -> Vec<u8> {
    heads.sort_by_key(|(payload, _)| *Digest::of(payload).as_bytes());
    heads.map(|(_, signed)| signed).concat()
}

/// The name of a statement: the hash of its kind and of the name of what it holds, which is the hash of a payload
/// or of the hashes of two.
pub(crate) fn statement_id(kind: u8, held: &[u8; 32]) -> [u8; 32] {
    *Digest::of(&[&[kind], &held[..]].concat()).as_bytes()
}
