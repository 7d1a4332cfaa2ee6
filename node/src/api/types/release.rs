//! Bodies about releases: what exists, what a client is offered.

use serde::{Deserialize, Serialize};
use updraft_protocol::{Compatibility, Digest, KeyId, Manifest, PatchCodec};

use super::{
    status::{kind_word, severity_word},
    time,
};
use crate::agent;

/// A release. What only the manifest knows is `null` until the manifest has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// Of what.
    pub component: String,
    /// Which.
    pub version: String,
    /// Where it is on offer.
    pub channel: String,
    /// The machines it is for.
    pub target: String,
    /// Digest of its manifest.
    pub manifest: String,
    /// Why it was made.
    pub kind: Option<String>,
    /// How urgent it is.
    pub severity: Option<String>,
    /// Whether it needs consent.
    pub breaking: Option<bool>,
    /// When it was made.
    pub created_at: Option<String>,
    /// The lowest version that may go straight to it.
    pub minimum_version: Option<String>,
    /// Release notes, Markdown.
    pub notes: Option<String>,
    /// Bytes of all installed files.
    pub installed_bytes: Option<u64>,
    /// Entries of the installed tree.
    pub entries: Option<u32>,
    /// Digest of the tree.
    pub tree: Option<String>,
    /// Digest of the whole blob.
    pub blob: Option<String>,
    /// Bytes of the whole blob.
    pub size_bytes: Option<u64>,
    /// Patches on offer.
    pub deltas: Vec<Delta>,
    /// Keys that signed the manifest.
    pub signatures: Vec<Signer>,
    /// Signatures needed.
    pub threshold: usize,
    /// Whether this node holds the whole artifact.
    pub held: bool,
    /// Why it is on offer no more, if it was withdrawn.
    #[serde(default)]
    pub withdrawn: Option<String>,
    /// Why nobody is to install it now.
    #[serde(default)]
    pub barred: Option<String>,
    /// What independent builders got from its sources.
    #[serde(default)]
    pub builds: Vec<Build>,
}

/// What an independent builder got from a release's sources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Build {
    /// The builder's key.
    pub key_id: String,
    /// Digest of the tree that came out.
    pub tree: String,
    /// Whether that is what is signed.
    pub agrees: bool,
}

/// A key that signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signer {
    /// The key's id.
    pub key_id: String,
}

/// A patch on offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delta {
    /// From which version.
    pub from: String,
    /// Digest of the patch.
    pub blob: String,
    /// Where it can be read.
    pub url: String,
    /// Its bytes.
    pub size_bytes: u64,
    /// How it is encoded.
    pub format: String,
}

/// The patches of a manifest; `base` stands before their paths.
pub(in crate::api) fn deltas(manifest: &Manifest, base: &str) -> Vec<Delta> {
    let delta = |patch: &updraft_protocol::PatchOffer| Delta {
        from: patch.from.to_string(),
        blob: patch.blob.digest.to_string(),
        url: format!("{base}/api/v1/blobs/{}", patch.blob.digest),
        size_bytes: patch.blob.size,
        format: match patch.codec {
            PatchCodec::BsdiffZstd => "updraft-bsdiff-zstd".to_owned(),
            PatchCodec::RefdiffFast => "updraft-refdiff-fast".to_owned(),
            PatchCodec::RefdiffDense => "updraft-refdiff-dense".to_owned(),
        },
    };
    manifest.patches.iter().map(delta).collect()
}

impl From<&agent::Release> for Release {
    fn from(release: &agent::Release) -> Self {
        let listing = &release.listing;
        let manifest = release.manifest.as_deref();
        Self {
            component: listing.component.to_string(),
            version: listing.version.to_string(),
            channel: release.channel.to_string(),
            target: listing.target.to_string(),
            manifest: listing.manifest.to_string(),
            kind: manifest.map(|manifest| kind_word(manifest.kind)),
            severity: manifest.map(|manifest| severity_word(manifest.severity)),
            breaking: manifest.map(|manifest| manifest.compatibility == Compatibility::Breaking),
            created_at: manifest.map(|manifest| time(manifest.created)),
            minimum_version: manifest.and_then(|m| m.min_version.as_ref()).map(ToString::to_string),
            notes: manifest.map(|manifest| manifest.notes.clone()),
            installed_bytes: manifest.map(|manifest| manifest.tree.bytes),
            entries: manifest.map(|manifest| manifest.tree.entries),
            tree: manifest.map(|manifest| manifest.tree.object.digest.to_string()),
            blob: manifest.map(|manifest| manifest.whole.digest.to_string()),
            size_bytes: manifest.map(|manifest| manifest.whole.size),
            deltas: manifest.map(|manifest| deltas(manifest, "")).unwrap_or_default(),
            signatures: release.signers.iter().map(|key| Signer { key_id: key.to_hex() }).collect(),
            threshold: release.threshold,
            held: release.held,
            withdrawn: release.withdrawn.clone(),
            barred: release.barred.clone(),
            builds: builds(release),
        }
    }
}

fn builds(release: &agent::Release) -> Vec<Build> {
    let build = |key: &KeyId, tree: &Digest, agrees| Build {
        key_id: key.to_hex(),
        tree: tree.to_string(),
        agrees,
    };
    let signed = release.manifest.as_ref().map(|manifest| manifest.tree.object.digest);
    let agree = release.agree.iter().filter_map(|key| Some(build(key, &signed?, true)));
    agree.chain(release.differ.iter().map(|(key, tree)| build(key, tree, false))).collect()
}

/// Answer to an imported bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    /// Of what.
    pub component: String,
    /// Which.
    pub version: String,
    /// Where.
    pub channel: String,
    /// The new head's number.
    pub seq: u64,
    /// Digest of the manifest.
    pub manifest: String,
    /// Peers that the announcement went to at once.
    pub reached: usize,
}

impl From<&agent::Published> for Published {
    fn from(published: &agent::Published) -> Self {
        Self {
            component: published.component.to_string(),
            version: published.version.to_string(),
            channel: published.channel.to_string(),
            seq: published.seq,
            manifest: published.manifest.to_string(),
            reached: published.reached,
        }
    }
}

/// `GET /api/v1/updates/check`. The first six members and their order are an older contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateOffer {
    /// Whether there is something newer for this client.
    pub update_available: bool,
    /// The newest version for this client; its own when there is none.
    pub version: String,
    /// Whether the client should not go on without it.
    pub mandatory: bool,
    /// Where the notes can be read.
    pub release_notes: Option<String>,
    /// Where the artifact can be read.
    pub download_url: Option<String>,
    /// A checksum of the artifact, `<algorithm>:<hex>`. The real signatures stand in `signatures`.
    pub signature: Option<String>,
    /// Of what.
    pub component: String,
    /// From which channel.
    pub channel: String,
    /// Why it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// How urgent it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Whether it needs consent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaking: Option<bool>,
    /// Bytes of the artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// Checksums of the artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksums: Option<Checksums>,
    /// Where the signed manifest can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_url: Option<String>,
    /// Keys that signed the manifest.
    #[serde(default)]
    pub signatures: Vec<Signer>,
    /// Patches on offer.
    #[serde(default)]
    pub deltas: Vec<Delta>,
    /// The lowest version that may go straight to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_version: Option<String>,
    /// When the client should ask again.
    pub check_again_after_seconds: u64,
}

/// Checksums of an artifact, hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checksums {
    /// SHA-256, if this node holds the artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// BLAKE3.
    pub blake3: String,
}
