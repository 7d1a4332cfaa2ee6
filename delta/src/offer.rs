//! What a publisher offers: the whole artifact always, a patch where it saves enough.
//!
//! Each call gives bytes and their description in one piece, ready for the store and the manifest. Nothing is
//! offered that was not applied here first.

use std::io::{self, Read, Write};

use updraft_protocol::PatchCodec;

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

/// Makes the patch from `old` to `new` contents, applies it, and describes it if it is worth offering against
/// a whole artifact of `whole_size` bytes.
pub fn patch(
    old: &[u8],
    new: &[u8],
    options: &Options,
    whole_size: u64,
) -> Result<PatchResult, CreateError> {
    let bytes = patch::create(old, new, options)?;
    let patch_size = bytes.len() as u64;
    if !worth_it(patch_size, whole_size) {
        return Ok(PatchResult::NotWorth { patch_size, whole_size });
    }
    // The header holds the digest of `new`, so success means that exactly `new` came out.
    let expected = Expected { codec: PatchCodec::BsdiffZstd, new_size: new.len() as u64 };
    patch::apply(old, &bytes, &expected, io::sink()).map_err(CreateError::Untrue)?;
    let described = blob::describe_blob(&*bytes, patch_size).map_err(CreateError::Describe)?;
    Ok(PatchResult::Offer { bytes, described })
}

#[cfg(test)]
mod tests {
    use updraft_protocol::Digest;

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
        let options = Options { level: Level::FAST };
        let result = patch(&old, &new, &options, 100_000).expect("makes a patch");
        let PatchResult::Offer { bytes, described } = result else { panic!("{result:?}") };
        assert_eq!(described.blob.digest, Digest::of(&bytes));
        assert!(bytes.len() < 400, "{}", bytes.len());
    }

    #[test]
    fn a_patch_as_large_as_the_whole_is_dropped() {
        let old = vec![0_u8; 100];
        let new: Vec<u8> = (0..1000_u32).map(|i| i.wrapping_mul(i).to_le_bytes()[1]).collect();
        let result = patch(&old, &new, &Options::default(), 1000).expect("makes a patch");
        assert!(matches!(result, PatchResult::NotWorth { whole_size: 1000, .. }));
    }
}
