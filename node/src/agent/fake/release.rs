//! A release as a publisher would make it: really signed, really compressed.

use std::sync::Arc;

use updraft_delta::{
    Level,
    blob::{Cut, compress_whole},
};
use updraft_protocol::{
    ChannelRole, Compatibility, Digest, Entry, FileMode, LinkTarget, Listing, Manifest, NetworkId,
    NetworkKind, Node, ObjectRef, PatchCodec, PatchOffer, ReleaseKind, ReleaseVersion, Role, Root,
    SecretKey, Severity, Signed, Tree, TreeRef, codec,
};

use super::{STARTED, World};
use crate::agent::Release;

/// The program's bytes in a made release: many chunks of text, so that compression has something to do.
pub(crate) fn program(version: &str) -> Vec<u8> {
    format!("#!/bin/sh\necho {version}\n").repeat(2_000).into_bytes()
}

/// A publisher with one key for everything.
#[derive(Debug)]
pub(crate) struct Publisher {
    key: SecretKey,
    network: NetworkId,
}

impl Publisher {
    pub(crate) fn new() -> Self {
        Self { key: SecretKey::from_seed(&[7; 32]), network: NetworkId::from_bytes([9; 32]) }
    }

    fn role(&self) -> Role {
        Role::new(1, vec![self.key.public()]).expect("one of one")
    }

    /// The first root, encoded, and its digest.
    pub(crate) fn root(&self) -> (Vec<u8>, Digest) {
        let root = Root {
            kind: NetworkKind::Development,
            release: vec![ChannelRole {
                channel: "stable".parse().expect("a name"),
                role: self.role(),
            }],
            ..Root::first(self.network, "demo".parse().expect("a name"), self.role(), STARTED)
        };
        let mut signed = Signed::unsigned(&root).expect("a root");
        signed.sign(&self.key, &self.network);
        (codec::encode(&signed).expect("a root"), signed.digest())
    }

    /// Makes `component@version` of these entries and puts everything into the fake's world.
    pub(crate) fn publish(
        &self,
        world: &mut World,
        component: &str,
        version: &str,
        entries: Vec<(Entry, Vec<u8>)>,
        change: impl FnOnce(&mut Manifest),
    ) -> Manifest {
        let contents: Vec<u8> = entries.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
        let tree = Tree { entries: entries.into_iter().map(|(entry, _)| entry).collect() };
        let object = codec::encode(&tree).expect("a tree");
        let mut packed = Vec::new();
        let size = contents.len() as u64;
        let whole = compress_whole(&*contents, &Cut::nowhere(size), Level::default(), &mut packed)
            .expect("packs");
        let mut manifest = Manifest {
            network: self.network,
            component: component.parse().expect("a name"),
            version: version.parse().expect("a version"),
            target: "any".parse().expect("a target"),
            channel: "stable".parse().expect("a name"),
            created: STARTED,
            kind: ReleaseKind::Feature,
            severity: Severity::Normal,
            compatibility: Compatibility::Compatible,
            min_version: None,
            barriers: Vec::new(),
            needs_protocol: None,
            source: None,
            notes: "Faster.".to_owned(),
            tree: TreeRef {
                object: ObjectRef::of(&object).expect("small"),
                entries: u32::try_from(tree.entries.len()).expect("few"),
                bytes: size,
            },
            whole: whole.blob,
            patches: vec![PatchOffer {
                from: "1.0.0".parse().expect("a version"),
                from_tree: Digest::of(b"old tree"),
                codec: PatchCodec::BsdiffZstd,
                blob: whole.blob,
            }],
        };
        change(&mut manifest);
        let mut signed = Signed::unsigned(&manifest).expect("a manifest");
        signed.sign(&self.key, &self.network);
        world.objects.insert(Digest::of(&object), object);
        world.blobs.insert(whole.blob.digest, packed);
        world.manifests.insert(signed.digest(), codec::encode(&signed).expect("a manifest"));
        world.releases.push(Release {
            channel: manifest.channel.clone(),
            listing: Listing {
                component: manifest.component.clone(),
                target: manifest.target.clone(),
                version: manifest.version.clone(),
                manifest: signed.digest(),
            },
            manifest: Some(Arc::new(manifest.clone())),
            signers: vec![self.key.public().id()],
            threshold: 1,
            held: true,
            withdrawn: None,
            barred: None,
            agree: Vec::new(),
            differ: Vec::new(),
        });
        manifest
    }
}

/// A file entry with its bytes.
pub(crate) fn file(path: &str, mode: FileMode, bytes: Vec<u8>) -> (Entry, Vec<u8>) {
    let node = Node::File { mode, size: bytes.len() as u64, digest: Digest::of(&bytes) };
    (Entry { path: path.parse().expect("a path"), node }, bytes)
}

/// A tree with a folder, a program, a link and a text.
pub(crate) fn tree(version: &str) -> Vec<(Entry, Vec<u8>)> {
    let entry = |path: &str, node| (Entry { path: path.parse().expect("a path"), node }, vec![]);
    vec![
        file("README", FileMode::Plain, b"read me\n".to_vec()),
        entry("bin", Node::Folder),
        file("bin/app", FileMode::Executable, program(version)),
        entry("run", Node::Link { target: LinkTarget::new("bin/app") }),
    ]
}

/// A version.
pub(crate) fn version(text: &str) -> ReleaseVersion {
    text.parse().expect("a version")
}
