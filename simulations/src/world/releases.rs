//! Releases of a simulated component: real manifests and listings of a few small files, that name blobs of any size.
//!
//! A blob's bytes do not exist. What is under way of it is counted as if they did, and a chunk is right or wrong; that a
//! wrong one has another digest is taken for granted, because BLAKE3 is not what is simulated. The files are real: they are
//! written to the disk of each node by the real installer, and read back.

use std::{collections::BTreeMap, sync::Arc};

use updraft_protocol::{
    Blob, ChunkList, Compatibility, ComponentName, Digest, Entry, FileMode, Manifest, Node,
    ObjectRef, PatchCodec, PatchOffer, ReleaseKind, ReleaseVersion, Severity, Signed, Target,
    Timestamp, Tree, TreeRef, codec,
};

use super::people::People;
use crate::scenario;

/// A blob of a release.
#[derive(Debug)]
pub struct MadeBlob {
    /// As manifests name it.
    pub blob: Blob,
    /// Its chunks.
    pub list: Arc<ChunkList>,
    /// The tree it starts from, if it is a patch.
    pub from: Option<Digest>,
    /// Whether it makes something else than what is signed for.
    pub leads_elsewhere: bool,
}

/// A release that was made.
#[derive(Debug)]
pub struct Made {
    /// Its signed manifest.
    pub signed: Arc<Signed<Manifest>>,
    /// The manifest.
    pub manifest: Arc<Manifest>,
    /// What is installed.
    pub tree: Arc<Tree>,
    /// The contents of its files in the order of the listing.
    pub contents: Vec<u8>,
    /// Whether its publishers made it, and not a thief.
    pub is_genuine: bool,
}

/// All releases and blobs of a world, by what names them.
#[derive(Debug, Default)]
pub struct Releases {
    made: BTreeMap<(ComponentName, ReleaseVersion), Arc<Made>>,
    speaks: BTreeMap<(ComponentName, ReleaseVersion), u32>,
    by_tree: BTreeMap<Digest, Arc<Made>>,
    blobs: BTreeMap<Digest, Arc<MadeBlob>>,
    objects: BTreeMap<Digest, Arc<[u8]>>,
}

impl Releases {
    /// Makes a release and signs its manifest. Patches start from releases that were made before.
    pub fn make(
        &mut self,
        people: &People,
        wanted: &scenario::Release,
        now: Timestamp,
    ) -> Arc<Made> {
        let version = wanted.version.0.clone();
        let component = wanted.component(people);
        let (tree, contents) = files(&component, &version);
        let encoded = codec::encode(&*tree).expect("a small listing");
        let object = self.object(encoded);
        let whole = self.blob(&format!("whole {component} {version}"), wanted.size.0, None, false);
        let mut patches = Vec::new();
        for (from, size) in &wanted.patches {
            let Some(base) = self.made.get(&(component.clone(), from.0.clone())) else { continue };
            let from_tree = base.manifest.tree.object.digest;
            let name = format!("patch {component} {} {version}", from.0);
            patches.push(PatchOffer {
                from: from.0.clone(),
                from_tree,
                codec: PatchCodec::BsdiffZstd,
                blob: self.blob(&name, size.0, Some(from_tree), wanted.wrong_patches),
            });
        }
        let plain = manifest(people, &component, &version, now, (object, &tree), whole);
        let needs_protocol = wanted.needs_protocol;
        let manifest = Manifest { needs_protocol, patches, ..plain };
        let signed = people.manifest(&manifest);
        let made = Arc::new(Made {
            signed,
            manifest: Arc::new(manifest),
            tree,
            contents,
            is_genuine: true,
        });
        if let Some(speaks) = wanted.speaks {
            self.speaks.insert((component.clone(), version.clone()), speaks);
        }
        self.made.insert((component, version), made.clone());
        self.by_tree.insert(object.digest, made.clone());
        made
    }

    /// Makes a release of a thief's, who has so many of the publishers' keys.
    pub fn forge(
        &mut self,
        people: &People,
        version: ReleaseVersion,
        keys: usize,
        now: Timestamp,
    ) -> Arc<Made> {
        let component = people.component.clone();
        let (tree, contents) = files(&component, &version);
        let object = self.object(codec::encode(&*tree).expect("a small listing"));
        let whole = self.blob("what a thief has made", 1, None, false);
        let manifest = manifest(people, &component, &version, now, (object, &tree), whole);
        let signed = people.forge(&manifest, keys);
        let is_genuine = keys >= people.threshold();
        let made =
            Arc::new(Made { signed, manifest: Arc::new(manifest), tree, contents, is_genuine });
        self.made.insert((component, version), made.clone());
        self.by_tree.insert(object.digest, made.clone());
        made
    }

    /// A release of a component.
    pub fn of(&self, component: &ComponentName, version: &ReleaseVersion) -> Option<&Arc<Made>> {
        self.made.get(&(component.clone(), version.clone()))
    }

    /// The release of this version, of whatever component.
    pub fn any(&self, version: &ReleaseVersion) -> Option<&Arc<Made>> {
        self.made.iter().find(|((_, made), _)| made == version).map(|(_, made)| made)
    }

    /// The newest protocol that a release speaks, if it says so.
    pub fn speaks(&self, component: &ComponentName, version: &ReleaseVersion) -> Option<u32> {
        self.speaks.get(&(component.clone(), version.clone())).copied()
    }

    /// The release whose contents have this listing.
    pub fn with_tree(&self, tree: &Digest) -> Option<&Arc<Made>> {
        self.by_tree.get(tree)
    }

    /// A blob.
    pub fn find(&self, blob: &Digest) -> Option<&Arc<MadeBlob>> {
        self.blobs.get(blob)
    }

    /// A listing or a list of chunks.
    pub fn object_bytes(&self, digest: &Digest) -> Option<&Arc<[u8]>> {
        self.objects.get(digest)
    }

    fn object(&mut self, bytes: Vec<u8>) -> ObjectRef {
        let object = ObjectRef::of(&bytes).expect("small");
        self.objects.insert(object.digest, bytes.into());
        object
    }

    fn blob(&mut self, name: &str, size: u64, from: Option<Digest>, leads_elsewhere: bool) -> Blob {
        let size = size.max(1);
        let chunk_size = ChunkList::chunk_size_for(size);
        let chunks = size.div_ceil(u64::from(chunk_size));
        let digest_of = |n: u64| Digest::of(format!("chunk {n} of {name}").as_bytes());
        let list = ChunkList {
            blob_size: size,
            chunk_size,
            digests: (0..chunks).map(digest_of).collect(),
        };
        let encoded = codec::encode(&list).expect("within the bounds of a blob");
        let chunks = self.object(encoded);
        let blob = Blob { digest: Digest::of(name.as_bytes()), size, chunks };
        self.blobs.insert(
            blob.digest,
            Arc::new(MadeBlob { blob, list: Arc::new(list), from, leads_elsewhere }),
        );
        blob
    }
}

/// A manifest without patches.
fn manifest(
    people: &People,
    component: &ComponentName,
    version: &ReleaseVersion,
    created: Timestamp,
    (object, tree): (ObjectRef, &Tree),
    whole: Blob,
) -> Manifest {
    Manifest {
        network: people.network,
        component: component.clone(),
        version: version.clone(),
        target: Target::ANY.parse().expect("a target"),
        channel: people.channel.clone(),
        created,
        kind: ReleaseKind::Feature,
        severity: Severity::Normal,
        compatibility: Compatibility::Compatible,
        min_version: None,
        barriers: Vec::new(),
        needs_protocol: None,
        source: None,
        notes: String::new(),
        tree: TreeRef {
            object,
            entries: u32::try_from(tree.entries.len()).expect("few"),
            bytes: tree.content_size(),
        },
        whole,
        patches: Vec::new(),
    }
}

/// The files of a version: a program, a text in a folder, and a file that is the same in all versions.
fn files(component: &ComponentName, version: &ReleaseVersion) -> (Arc<Tree>, Vec<u8>) {
    let program = format!("the program {component}, version {version}");
    let files = [
        ("bin/app", FileMode::Executable, program.into_bytes()),
        ("share/licence.txt", FileMode::Plain, b"the same in every version".to_vec()),
        ("version.txt", FileMode::Plain, version.to_string().into_bytes()),
    ];
    let path = |text: &str| text.parse().expect("a path");
    let folders = ["bin", "share"].map(|name| Entry { path: path(name), node: Node::Folder });
    let listed = files.iter().map(|(name, mode, bytes)| Entry {
        path: path(name),
        node: Node::File { mode: *mode, size: bytes.len() as u64, digest: Digest::of(bytes) },
    });
    let mut entries: Vec<Entry> = folders.into_iter().chain(listed).collect();
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    let contents = files.into_iter().flat_map(|(_, _, bytes)| bytes).collect();
    (Arc::new(Tree { entries }), contents)
}

impl scenario::Release {
    /// Of what it is a release.
    fn component(&self, people: &People) -> ComponentName {
        let named = self.component.as_deref().and_then(|name| name.parse().ok());
        named.unwrap_or_else(|| people.component.clone())
    }
}
