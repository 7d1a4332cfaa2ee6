//! The manifest: one release of one component for one target, as its publisher signs it.
//!
//! It names bytes by digest and never carries them, so a manifest of any release fits into a gossip message
//! unless its notes are long.

use bincode::{Decode, Encode};

use crate::{
    blob::{Blob, ObjectRef},
    codec::{Invalid, Wire},
    digest::Digest,
    limits::{
        MAX_BARRIERS, MAX_MANIFEST, MAX_NOTES, MAX_PATCHES, MAX_TREE_BYTES, MAX_TREE_ENTRIES,
    },
    name::{ChannelName, ComponentName, Target},
    network::NetworkId,
    signed::Signable,
    time::Timestamp,
    version::ReleaseVersion,
};

/// Why a release was made; nodes decide by it what they install without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum ReleaseKind {
    /// Closes a hole.
    Security,
    /// Adds something.
    Feature,
    /// Mends something.
    Bugfix,
    /// Makes something faster.
    Performance,
    /// Speaks a new protocol version.
    Protocol,
    /// Takes newer libraries in.
    Dependency,
}

/// How urgent a release is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Severity {
    /// Whenever it suits.
    Low,
    /// With the next round.
    Normal,
    /// Soon.
    High,
    /// Now.
    Critical,
}

/// Whether a release changes something that its users rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Compatibility {
    /// Takes the place of the version before it.
    Compatible,
    /// Needs a person's consent.
    Breaking,
}

/// The installed contents: their listing and how large they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct TreeRef {
    /// The encoded [`Tree`](crate::Tree); its digest names the contents.
    pub object: ObjectRef,
    /// Entries in it.
    pub entries: u32,
    /// Bytes of all files.
    pub bytes: u64,
}

/// How a patch is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum PatchCodec {
    /// Plain bsdiff in separated streams under zstd. Applied in little memory.
    BsdiffZstd,
    /// Old contents with every reference corrected, and what is not as predicted; made to be applied quickly.
    RefdiffFast,
    /// The same, made to be small: a tenth of the fast one's speed where much is new.
    RefdiffDense,
}

impl PatchCodec {
    /// All codecs.
    pub const ALL: [Self; 3] = [Self::BsdiffZstd, Self::RefdiffFast, Self::RefdiffDense];
}

/// A patch that turns the contents of an earlier release into this one's.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PatchOffer {
    /// The version it starts from, for people; `from_tree` decides.
    pub from: ReleaseVersion,
    /// Digest of the tree it starts from.
    pub from_tree: Digest,
    /// How it is encoded.
    pub codec: PatchCodec,
    /// The patch.
    pub blob: Blob,
}

/// One release.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Manifest {
    /// The network it is for.
    pub network: NetworkId,
    /// What it is a release of.
    pub component: ComponentName,
    /// Its version.
    pub version: ReleaseVersion,
    /// The machines it runs on.
    pub target: Target,
    /// The channel whose release keys sign it.
    pub channel: ChannelName,
    /// When it was made.
    pub created: Timestamp,
    /// Why it was made.
    pub kind: ReleaseKind,
    /// How urgent it is.
    pub severity: Severity,
    /// Whether it takes the place of earlier versions without care.
    pub compatibility: Compatibility,
    /// The lowest version that may go straight to this one.
    pub min_version: Option<ReleaseVersion>,
    /// Versions that an update from below must not jump over, in ascending order: each is installed and run
    /// before the way goes on.
    pub barriers: Vec<ReleaseVersion>,
    /// The protocol of its component that has to be in force before it may run, if it cannot speak an earlier one.
    /// Which one is in force is decided by vote.
    pub needs_protocol: Option<u32>,
    /// Digest of the sources it was built from, if others can build it again.
    pub source: Option<Digest>,
    /// Release notes, Markdown.
    pub notes: String,
    /// What is installed.
    pub tree: TreeRef,
    /// All contents, compressed: the route that needs nothing installed.
    pub whole: Blob,
    /// Cheaper routes, by the tree they start from and their codec; there may be one of each codec from a tree.
    pub patches: Vec<PatchOffer>,
}

impl Manifest {
    /// `component@version`, as people name a release.
    pub fn release_name(&self) -> String {
        format!("{}@{}", self.component, self.version)
    }

    /// The protocol without which it does not run, if that is not in force where its component speaks `active`.
    pub fn waits_for_protocol(&self, active: u32) -> Option<u32> {
        self.needs_protocol.filter(|needs| *needs > active)
    }

    /// The version that has to be installed before this one may be, for a machine that has `installed`.
    ///
    /// A first installation has nothing to go through.
    pub fn stop_before(&self, installed: &ReleaseVersion) -> Option<&ReleaseVersion> {
        let stops = self.barriers.iter().chain(&self.min_version);
        stops.filter(|stop| installed < *stop && **stop < self.version).min()
    }

    /// The patches that start from the tree of this digest, one for each codec that is offered.
    pub fn patches_from(&self, tree: &Digest) -> impl Iterator<Item = &PatchOffer> {
        let tree = *tree;
        self.patches.iter().filter(move |patch| patch.from_tree == tree)
    }

    /// The smallest of them: what an update costs at least, for people.
    pub fn smallest_patch_from(&self, tree: &Digest) -> Option<&PatchOffer> {
        self.patches_from(tree).min_by_key(|patch| patch.blob.size)
    }

    /// Every blob a seeder of this release holds: the whole first, then the patches.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        std::iter::once(&self.whole).chain(self.patches.iter().map(|patch| &patch.blob))
    }
}

impl Wire for Manifest {
    const NAME: &'static str = "manifest";
    const MAX: usize = MAX_MANIFEST;

    fn check(&self) -> Result<(), Invalid> {
        Invalid::if_over("bytes of notes", self.notes.len(), MAX_NOTES)?;
        Invalid::if_over("patches", self.patches.len(), MAX_PATCHES)?;
        Invalid::if_unsorted(
            "patches",
            self.patches.iter().map(|patch| (patch.from_tree, patch.codec)),
        )?;
        let entries = usize::try_from(self.tree.entries).unwrap_or(usize::MAX);
        Invalid::if_over("tree entries", entries, MAX_TREE_ENTRIES)?;
        if self.tree.bytes > MAX_TREE_BYTES {
            return Err(Invalid::new(
                "tree",
                format!("has {} bytes, at most {MAX_TREE_BYTES} are allowed", self.tree.bytes),
            ));
        }
        if self.min_version.as_ref().is_some_and(|min| *min > self.version) {
            return Err(Invalid::new("minimum version", "is above the release's own"));
        }
        Invalid::if_over("barriers", self.barriers.len(), MAX_BARRIERS)?;
        Invalid::if_unsorted("barriers", self.barriers.iter())?;
        if self.barriers.last().is_some_and(|barrier| *barrier >= self.version) {
            return Err(Invalid::new(
                "barriers",
                "have one that is not below the release's version",
            ));
        }
        self.tree.object.check()?;
        self.blobs().try_for_each(Blob::check)
    }
}

impl Signable for Manifest {
    const DOMAIN: &'static str = "updraft/manifest/v1";

    fn network(&self) -> &NetworkId {
        &self.network
    }
}
