//! Signed objects a node hands out, believed only when the network's keys vouch for them.
//!
//! The node is trusted for one thing: which network it is in, told by the digest of the first root. From
//! there on every step is verified here, so that a node that was tampered with cannot pass a wrong release.

use updraft_protocol::{
    ChannelName, Digest, Manifest, ObjectRef, Root, Signed, Tree, Verified, codec,
    limits::{MAX_MANIFEST, MAX_OBJECT, MAX_ROOT, MAX_ROOT_STEPS},
    root::{RootError, trust_first, trust_next},
    signed::VerifyError,
};

use super::client::{Client, segment};
use crate::{
    api::types::{Release, Trust},
    problem::{Code, Problem},
};

/// What signatures add to a signed object at most.
const SIGNATURES: usize = 4 * 1024;

/// The root in force, by the chain of roots from the first.
pub(super) async fn root(client: &Client) -> Result<Verified<Root>, Problem> {
    let trust: Trust = client.get("/api/v1/trust").await?;
    let named: Digest = trust.first_root.parse().map_err(|_| damaged("the first root's digest"))?;
    if trust.root_version > MAX_ROOT_STEPS {
        let detail = format!(
            "the node names root {}, at most {MAX_ROOT_STEPS} are followed",
            trust.root_version
        );
        return Err(Problem::new(Code::RootMismatch, detail));
    }
    let first = signed::<Root>(client, "/api/v1/trust/root/1", MAX_ROOT).await?;
    let mut root = trust_first(&first, &named).map_err(|error| refused_root(&error))?;
    for version in 2..=trust.root_version {
        let path = format!("/api/v1/trust/root/{version}");
        let next = signed::<Root>(client, &path, MAX_ROOT).await?;
        root = trust_next(&root, &next).map_err(|error| refused_root(&error))?;
    }
    Ok(root)
}

/// The manifest of a release, vouched for by its channel's release role.
pub(super) async fn manifest(
    client: &Client,
    root: &Root,
    release: &Release,
) -> Result<Verified<Manifest>, Problem> {
    let (component, version) = (segment(&release.component), segment(&release.version));
    let (channel, target) = (segment(&release.channel), segment(&release.target));
    let path = format!(
        "/api/v1/releases/{component}/{version}/manifest?channel={channel}&target={target}"
    );
    let signed = signed::<Manifest>(client, &path, MAX_MANIFEST).await?;
    let name = format!("{}@{}", release.component, release.version);
    if signed.digest().to_string() != release.manifest {
        let detail = format!("the manifest of {name} is not the one that was listed");
        return Err(Problem::new(Code::ChunkMismatch, detail));
    }
    let channel: ChannelName =
        release.channel.parse().map_err(|_| damaged("the release's channel"))?;
    let role = root.release_role(&channel).ok_or_else(|| {
        let detail =
            format!("root {} gives nobody the right to publish on {channel}", root.version);
        Problem::new(Code::ThresholdNotMet, detail)
    })?;
    let manifest =
        signed.verify(&root.network, role).map_err(|error| refused_manifest(&name, &error))?;
    let is_the_one = manifest.component.as_str() == release.component
        && manifest.version.to_string() == release.version
        && manifest.target.as_str() == release.target
        && manifest.channel == channel;
    if !is_the_one {
        let detail = format!("what was signed as {name} is {}", manifest.release_name());
        return Err(Problem::new(Code::SignatureInvalid, detail));
    }
    Ok(manifest)
}

/// The tree of a manifest.
pub(super) async fn tree(client: &Client, manifest: &Manifest) -> Result<Tree, Problem> {
    let bytes = object(client, &manifest.tree.object).await?;
    let tree: Tree = codec::decode(&bytes)
        .map_err(|error| Problem::from_error(Code::SignatureInvalid, &error))?;
    let entries = u32::try_from(tree.entries.len()).ok();
    if tree.content_size() != manifest.tree.bytes || entries != Some(manifest.tree.entries) {
        let detail = format!("the tree of {} has not the signed size", manifest.release_name());
        return Err(Problem::new(Code::SignatureInvalid, detail));
    }
    Ok(tree)
}

async fn object(client: &Client, object: &ObjectRef) -> Result<Vec<u8>, Problem> {
    let limit = usize::try_from(object.size).unwrap_or(MAX_OBJECT).min(MAX_OBJECT);
    let bytes = client.bytes(&format!("/api/v1/objects/{}", object.digest), limit).await?;
    if Digest::of(&bytes) == object.digest {
        return Ok(bytes);
    }
    let detail = format!("the node's object {} has other bytes", object.digest);
    Err(Problem::new(Code::ChunkMismatch, detail))
}

async fn signed<T: updraft_protocol::Signable>(
    client: &Client,
    path: &str,
    limit: usize,
) -> Result<Signed<T>, Problem> {
    let bytes = client.bytes(path, limit + SIGNATURES).await?;
    codec::decode(&bytes).map_err(|error| {
        Problem::from_error(Code::SignatureInvalid, &error).cause(format!("read from `{path}`"))
    })
}

fn damaged(what: &str) -> Problem {
    Problem::new(Code::TrustDamaged, format!("the node does not tell {what} as it should"))
}

fn refused_root(error: &RootError) -> Problem {
    let code = match error {
        RootError::NotTheOneNamed { .. } => Code::RootMismatch,
        _ => Code::SignatureInvalid,
    };
    Problem::from_error(code, error)
}

fn refused_manifest(name: &str, error: &VerifyError) -> Problem {
    let code = match error {
        VerifyError::Threshold(_) => Code::ThresholdNotMet,
        VerifyError::Decode(_)
        | VerifyError::WrongNetwork { .. }
        | VerifyError::OtherThanNamed { .. } => Code::SignatureInvalid,
    };
    Problem::new(code, format!("{name} is refused"))
        .because(Some(error))
        .hint("nothing was written; report this to the publisher")
}
