//! Takes a bundle from a publisher into the store. Blocks.
//!
//! A publisher is believed no more than a peer: the head and the manifest are judged, and every part of the
//! bundle is read and compared with its digest, before one byte is kept. Bytes are checked again while they are
//! written, because a file can change between two looks.

use std::{path::Path, sync::Arc};

use updraft_protocol::{
    Blob, Digest, Head, Manifest, ObjectRef, Signed, Tree, codec, head::ChainError,
    signed::VerifyError,
};

use super::context::Context;
use crate::{
    bundle::{Bundle, BundleError},
    catalog::{Catalog, Refusal},
    problem::{Code, Problem, chain},
    store::StoreError,
};

/// A bundle whose bytes lie in the store.
#[derive(Debug)]
pub(super) struct Imported {
    pub(super) head: Arc<Signed<Head>>,
    pub(super) manifest: Arc<Signed<Manifest>>,
}

/// Judges a bundle and keeps its bytes.
pub(super) fn import(
    context: &Context,
    catalog: &Catalog,
    path: &Path,
) -> Result<Imported, Problem> {
    let bundle = Bundle::open(path).map_err(|error| unreadable(&error))?;
    let head = Arc::new(bundle.signed_head().clone());
    let manifest = Arc::new(bundle.signed_manifest().clone());
    catalog
        .judge(&head, &manifest, context.clock.now())
        .map_err(|refusal| refused(&refusal, catalog, &bundle))?;
    let release = bundle.manifest();
    if bundle.head().withdrawn(&manifest.digest()).is_some() {
        // Nobody is to have its bytes any more.
        return Ok(Imported { head, manifest });
    }
    inspect(context, &bundle)?;
    object(context, &bundle, release.tree.object)?;
    for blob in release.blobs() {
        take_blob(context, &bundle, blob)?;
    }
    Ok(Imported { head, manifest })
}

/// Looks at everything a bundle brings, and whether all is there that its release needs.
fn inspect(context: &Context, bundle: &Bundle) -> Result<(), Problem> {
    bundle.verify().map_err(|error| unreadable(&error))?;
    let release = bundle.manifest();
    let listing = object_bytes(context, bundle, &release.tree.object.digest)?;
    let tree: Tree = codec::decode(&listing).map_err(|error| damaged(&error.to_string()))?;
    if tree.content_size() != release.tree.bytes {
        return Err(damaged(
            "the listing and the manifest disagree about the size of the contents",
        ));
    }
    for blob in release.blobs() {
        object_bytes(context, bundle, &blob.chunks.digest)?;
        if !context.store.has_blob(&blob.digest) {
            bundle.blob_reader(&blob.digest).map_err(|error| unreadable(&error))?;
        }
    }
    Ok(())
}

fn take_blob(context: &Context, bundle: &Bundle, blob: &Blob) -> Result<(), Problem> {
    let list = object(context, bundle, blob.chunks)?;
    let list = codec::decode(&list).map_err(|error| damaged(&error.to_string()))?;
    if context.store.has_blob(&blob.digest) {
        return Ok(());
    }
    let mut reader = bundle.blob_reader(&blob.digest).map_err(|error| unreadable(&error))?;
    context.store.add_blob(&mut reader, blob, &list).map_err(|error| not_kept(&error))
}

/// An object of the bundle, or one that this node has from an earlier release; kept from now on.
fn object(context: &Context, bundle: &Bundle, object: ObjectRef) -> Result<Vec<u8>, Problem> {
    let bytes = object_bytes(context, bundle, &object.digest)?;
    // Keeping what is kept changes nothing.
    context.store.put_object(&bytes).map_err(|error| not_kept(&error))?;
    Ok(bytes)
}

/// An object's bytes, kept already or from the bundle.
fn object_bytes(context: &Context, bundle: &Bundle, digest: &Digest) -> Result<Vec<u8>, Problem> {
    match context.store.object(digest).map_err(|error| not_kept(&error))? {
        Some(bytes) => Ok(bytes),
        None => bundle.object(digest).map_err(|error| unreadable(&error)),
    }
}

fn damaged(what: &str) -> Problem {
    Problem::new(Code::ChunkMismatch, format!("the bundle is damaged: {what}"))
        .hint("build it again with `updraft publish`")
}

fn unreadable(error: &BundleError) -> Problem {
    Problem::from_error(Code::ChunkMismatch, error).hint("build it again with `updraft publish`")
}

fn not_kept(error: &StoreError) -> Problem {
    match error {
        StoreError::DiskFull { .. } => Problem::from_error(Code::DiskFull, error)
            .hint("make room, or set store.max_size and store.min_free_disk otherwise"),
        _ => Problem::new(Code::Failed, chain(error)),
    }
}

/// A refusal in the words of the table that scripts rely on.
pub(super) fn refused(refusal: &Refusal, catalog: &Catalog, bundle: &Bundle) -> Problem {
    let release = bundle.manifest().release_name();
    let detail = format!("{release}: {refusal}");
    match refusal {
        Refusal::Unverified(VerifyError::Threshold(_)) => {
            let role = catalog.root().release_role(&bundle.head().channel);
            let could = role.map_or(0, |role| role.keys().len());
            Problem::new(Code::ThresholdNotMet, detail)
                .hint(format!("`updraft sign BUNDLE --key NAME` adds one of the {could} release keys"))
        }
        Refusal::Unverified(_) | Refusal::ListedOtherwise { .. } | Refusal::NotListed(_) => {
            Problem::new(Code::SignatureInvalid, detail)
        }
        Refusal::UnknownChannel(_) => Problem::new(Code::ReleaseUnknown, detail)
            .hint("channels are named in the trust root: `updraft status --json` lists them"),
        Refusal::Chain(ChainError::Older { .. } | ChainError::Forked { .. } | ChainError::Known { .. }) => {
            Problem::new(Code::RollbackAttack, detail)
                .hint("another release was published since this bundle was built: build it again")
        }
        Refusal::Chain(_) => Problem::new(Code::RollbackAttack, detail)
            .hint("this node has not seen the head that the bundle continues: `updraft check`, then try again"),
        Refusal::Expired { .. } | Refusal::FromTheFuture { .. } => Problem::new(Code::MetadataExpired, detail)
            .hint("look at this machine's clock, and build the bundle again"),
        Refusal::Root(_) => Problem::new(Code::RootMismatch, detail),
        Refusal::UnknownKeys { .. } => Problem::new(Code::ThresholdNotMet, detail)
            .hint("it is signed by keys that this node's trust root does not know: `updraft trust show`"),
        Refusal::RevokedKey => Problem::new(Code::KeyRevoked, detail)
            .hint("sign it with other keys of the role"),
        Refusal::Frozen(_) => Problem::new(Code::ChannelFrozen, detail)
            .hint("a new trust root that takes away one of the keys that signed both ends it"),
        _ => Problem::new(Code::SignatureInvalid, detail),
    }
}
