//! Follows a route: from a blob and what is installed to the contents of the release.
//!
//! Whatever the route, the outcome is the same bytes or an error that says which step failed and whose fault
//! it is ([`AssembleError::blame`]); the caller then excludes the route or mends its own machine, and plans
//! again. Nothing here retries or falls back by itself.

use std::io::Write;

use updraft_protocol::Tree;

use crate::{
    blob::decompress_whole,
    error::{AssembleError, BlobError, PatchError},
    patch::{self, Expected},
    plan::Route,
    read_at::ReadAt,
    tree::{FileSink, TreeWriter},
};

/// Writes the contents of a release, `contents` bytes by its manifest, into `out`.
///
/// `blob` is the route's blob, its chunks verified. `base` is the installed contents, which only a patch
/// reads; for a whole artifact an empty slice does. What was written before an error is worth nothing. Takes
/// at most 129 MiB of memory, or what [`patch::apply`] takes. To stop early, let `out` fail.
pub fn assemble<B, O, W>(
    route: &Route,
    contents: u64,
    blob: &B,
    base: &O,
    out: W,
) -> Result<(), AssembleError>
where
    B: ReadAt + Sync + ?Sized,
    O: ReadAt + ?Sized,
    W: Write,
{
    let expected = route.blob().size;
    if blob.size() != expected {
        return Err(AssembleError::BlobSize { expected, got: blob.size() });
    }
    match route {
        // Where files are to be reused and all of the blob is here, it is unpacked like any other.
        Route::Whole(_) | Route::Reuse(_) => {
            decompress_whole(blob, contents, out).map_err(AssembleError::Whole)
        }
        Route::Patch(offer) => {
            let expected = Expected { codec: offer.codec, new_size: contents };
            patch::apply(base, blob, &expected, out).map_err(AssembleError::Patch)?;
            Ok(())
        }
    }
}

/// Writes the files of a release into `sink`, each one checked against the tree, and gives the sink back.
///
/// The tree is the one that the manifest names; folders and links are its owner's to make.
pub fn assemble_tree<B, O, S>(
    route: &Route,
    tree: &Tree,
    blob: &B,
    base: &O,
    sink: S,
) -> Result<S, AssembleError>
where
    B: ReadAt + Sync + ?Sized,
    O: ReadAt + ?Sized,
    S: FileSink,
{
    let mut writer = TreeWriter::new(tree, sink);
    let assembled = assemble(route, tree.content_size(), blob, base, &mut writer);
    // A file that is wrong shows as a failed write; what is wrong with it is in the writer.
    match (assembled, writer.failure()) {
        (
            Err(
                AssembleError::Whole(BlobError::Write(_))
                | AssembleError::Patch(PatchError::Write(_)),
            ),
            Some(failure),
        ) => Err(AssembleError::Split(failure)),
        (Err(error), _) => Err(error),
        (Ok(()), _) => writer.finish().map_err(AssembleError::Split),
    }
}
