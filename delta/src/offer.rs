//! What a publisher offers: the whole artifact always, a patch where it saves enough.
//!
//! Each call gives bytes and their description in one piece, ready for the store and the manifest. Nothing is
//! offered that was not applied here first.

use std::io::{self, Read, Write};

use updraft_protocol::{Digest, PatchCodec};

use crate::{
    blob::{self, Described, Level},
    error::{BlobError, CreateError},
    patch::{self, Expected, Options},
};

/// A patch is offered up to this share of the whole artifact, in percent.
///
/// Above it the 40 % of bytes that are saved at best do not pay for what a patch costs everyone: storage and
/// seeding of one more blob, an extra pass over the old contents, and fewer holders than the whole has.
pub const WORTH_PERCENT: u64 = 60;

/// Whether a patch of this size saves enough against a whole artifact of that one.
pub fn worth_it(patch_size: u64, whole_size: u64) -> bool {
    u128::from(patch_size) * 100 <= u128::from(whole_size) * u128::from(WORTH_PERCENT)
}

/// A patch that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatchResult {
    /// It saves enough: its bytes and their description.
    Offer {
        /// How it is encoded.
        codec: PatchCodec,
        /// The patch.
        bytes: Vec<u8>,
        /// What the manifest and seeders say about it.
        described: Described,
    },
    /// It is too large to be worth offering.
    NotWorth {
        /// Bytes of the patch.
        patch_size: u64,
        /// Bytes of the whole artifact.
        whole_size: u64,
    },
}

/// Compresses a release's contents of `size` bytes into `out` and describes the blob.
pub fn whole(
    contents: impl Read,
    size: u64,
    level: Level,
    out: impl Write,
) -> Result<Described, BlobError> {
    blob::compress_whole(contents, size, level, out)
}

/// A denser patch is offered only if it is smaller than a quicker one by this share of it, in percent: it takes ten
/// times as long to apply.
const DENSER_BY_PERCENT: u64 = 3;

/// Makes the patch from `old` to `new` contents, of the codec that suits it, applies it, and describes it if it is
/// worth offering against a whole artifact of `whole_size` bytes.
///
/// Takes up to twelve times both sides in memory and 64 MiB; sides too large for that are left to the plain codec.
pub fn patch(
    old: &[u8],
    new: &[u8],
    level: Level,
    whole_size: u64,
) -> Result<PatchResult, CreateError> {
    let (codec, bytes) = smallest(old, new, level)?;
    let patch_size = bytes.len() as u64;
    if !worth_it(patch_size, whole_size) {
        return Ok(PatchResult::NotWorth { patch_size, whole_size });
    }
    prove(old, new, codec, &bytes)?;
    let described = blob::describe_blob(&*bytes, patch_size).map_err(CreateError::Describe)?;
    Ok(PatchResult::Offer { codec, bytes, described })
}

/// Applies a patch that was just made, and compares the result with what it was made for.
pub fn prove(old: &[u8], new: &[u8], codec: PatchCodec, bytes: &[u8]) -> Result<(), CreateError> {
    let expected = Expected { codec, new_size: new.len() as u64 };
    let applied = patch::apply(old, bytes, &expected, io::sink()).map_err(CreateError::Untrue)?;
    if applied.digest == Digest::of(new) { Ok(()) } else { Err(CreateError::OtherResult) }
}

/// The patch to offer: the dense one if it is worth its time, else the fast one, else the plain one. Nobody has
/// applied it yet.
///
/// Takes what [`patch`] takes.
pub fn smallest(
    old: &[u8],
    new: &[u8],
    level: Level,
) -> Result<(PatchCodec, Vec<u8>), CreateError> {
    let codecs = [PatchCodec::RefdiffFast, PatchCodec::RefdiffDense];
    let mut made = patch::create_all(old, new, &codecs, level).into_iter();
    let mut next = || made.next().expect("one for each codec");
    let fast = match next() {
        Ok(fast) => fast,
        Err(CreateError::TooLarge { .. }) => {
            let options = Options { codec: PatchCodec::BsdiffZstd, level };
            return Ok((options.codec, patch::create(old, new, &options)?));
        }
        Err(error) => return Err(error),
    };
    let enough = fast.len() as u64 * (100 - DENSER_BY_PERCENT);
    match next() {
        Ok(dense) if dense.len() as u64 * 100 <= enough => Ok((PatchCodec::RefdiffDense, dense)),
        Ok(_) | Err(CreateError::TooMuchNew { .. }) => Ok((PatchCodec::RefdiffFast, fast)),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_is_worth_it_up_to_sixty_percent() {
        assert!(worth_it(60, 100));
        assert!(!worth_it(61, 100));
        assert!(worth_it(0, 0));
        assert!(!worth_it(u64::MAX, u64::MAX - 1));
    }

    #[test]
    fn a_good_patch_is_offered_with_its_description() {
        let old: Vec<u8> = (0..50_000_u32).flat_map(|i| i.wrapping_mul(i).to_le_bytes()).collect();
        let mut new = old.clone();
        new[70_000] ^= 1;
        let result = patch(&old, &new, Level::FAST, 100_000).expect("makes a patch");
        let PatchResult::Offer { bytes, described, .. } = result else { panic!("{result:?}") };
        assert_eq!(described.blob.digest, Digest::of(&bytes));
        assert!(bytes.len() < 60, "{}", bytes.len());
    }

    #[test]
    fn a_patch_as_large_as_the_whole_is_dropped() {
        let old = vec![0_u8; 100];
        let new: Vec<u8> = (0..1000_u32).map(|i| i.wrapping_mul(i).to_le_bytes()[1]).collect();
        let result = patch(&old, &new, Level::FAST, 1000).expect("makes a patch");
        assert!(matches!(result, PatchResult::NotWorth { whole_size: 1000, .. }));
    }
}
