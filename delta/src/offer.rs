//! What a publisher offers: the whole artifact always, a patch where it saves enough.
//!
//! Each call gives bytes and their description in one piece, ready for the store and the manifest. Nothing is
//! offered that was not applied here first.

use std::io::{self, Read, Write};

use updraft_protocol::{Blob, Digest, FileMode, PatchCodec, Tree, TreePath};

use crate::{
    assemble::assemble_tree,
    blob::{self, Cut, Described, Level},
    error::{AssembleError, BlobError, CreateError},
    patch::{self, Expected, Options},
    plan::Route,
    read_at::ReadAt,
    tree::FileSink,
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

/// A patch that saves enough, was applied, and gave the new contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// How it is encoded.
    pub codec: PatchCodec,
    /// The patch.
    pub bytes: Vec<u8>,
    /// What the manifest and seeders say about it.
    pub described: Described,
}

/// What is offered from one earlier release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offers {
    /// One patch or several, each of another codec, in their order. Nodes choose.
    Made(Vec<Offer>),
    /// None is small enough to be worth offering.
    NotWorth {
        /// Bytes of the smallest.
        patch_size: u64,
        /// Bytes of the whole artifact.
        whole_size: u64,
    },
}

/// Compresses the contents of a tree into `out` and describes the blob. `open` begins to read them; it is called up to
/// three times, twice to see whether blocks cost little.
pub fn whole<R: Read>(
    tree: &Tree,
    mut open: impl FnMut() -> R,
    level: Level,
    out: impl Write,
) -> Result<Described, BlobError> {
    let cut = Cut::between_files(tree).if_cheap(&mut open)?;
    blob::compress_whole(open(), &cut, level, out)
}

/// Unpacks a whole artifact that was just made, and compares every file with the tree.
pub fn prove_whole<B: ReadAt + Sync + ?Sized>(
    whole: Blob,
    bytes: &B,
    tree: &Tree,
) -> Result<(), AssembleError> {
    assemble_tree(&Route::Whole(whole), tree, bytes, [].as_slice(), Nowhere).map(|_| ())
}

/// Keeps nothing of the files that are compared.
#[derive(Debug)]
struct Nowhere;

impl FileSink for Nowhere {
    fn begin(&mut self, _: &TreePath, _: FileMode, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn write(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A denser patch is offered only if it is smaller than a quicker one by this share of it, in percent: it takes ten
/// times as long to apply. Nodes behind a slow line take it all the same.
const DENSER_BY_PERCENT: u64 = 3;

/// Patches from one earlier release at most: of the plain codec there is one only where the others cannot be.
pub const MOST: usize = 2;

/// Bytes of memory that [`patch()`] takes at most for contents of these sizes, both of them counted.
pub fn memory(old: u64, new: u64) -> u64 {
    const BESIDE: u64 = 64 * 1024 * 1024;
    old.saturating_add(new).saturating_mul(12).saturating_add(BESIDE)
}

/// Makes the patches from `old` to `new` contents of the codecs that suit them, applies them, and describes those that
/// are worth offering against a whole artifact of `whole_size` bytes.
///
/// Takes as much as [`memory`] says; sides too large for the other codecs are left to the plain one.
pub fn patch(old: &[u8], new: &[u8], level: Level, whole_size: u64) -> Result<Offers, CreateError> {
    let made = patches(old, new, level)?;
    let smallest = made.iter().map(|(_, bytes)| bytes.len() as u64).min();
    let worth = made.into_iter().filter(|(_, bytes)| worth_it(bytes.len() as u64, whole_size));
    let offers: Vec<Offer> = worth
        .map(|(codec, bytes)| offer(old, new, codec, bytes))
        .collect::<Result<_, CreateError>>()?;
    if offers.is_empty() {
        let patch_size = smallest.expect("there is one of some codec");
        return Ok(Offers::NotWorth { patch_size, whole_size });
    }
    Ok(Offers::Made(offers))
}

/// Applies a patch, compares what comes out, and describes it.
fn offer(old: &[u8], new: &[u8], codec: PatchCodec, bytes: Vec<u8>) -> Result<Offer, CreateError> {
    prove(old, new, codec, &bytes)?;
    let size = bytes.len() as u64;
    let described = blob::describe_blob(&*bytes, size).map_err(CreateError::Describe)?;
    Ok(Offer { codec, bytes, described })
}

/// Applies a patch that was just made, and compares the result with what it was made for.
pub fn prove(old: &[u8], new: &[u8], codec: PatchCodec, bytes: &[u8]) -> Result<(), CreateError> {
    let expected = Expected { codec, new_size: new.len() as u64 };
    let applied = patch::apply(old, bytes, &expected, io::sink()).map_err(CreateError::Untrue)?;
    if applied.digest == Digest::of(new) { Ok(()) } else { Err(CreateError::OtherResult) }
}

/// The smallest of the patches that are worth their time, which nobody has applied yet. Takes what [`patch()`] takes.
pub fn smallest(
    old: &[u8],
    new: &[u8],
    level: Level,
) -> Result<(PatchCodec, Vec<u8>), CreateError> {
    let made = patches(old, new, level)?.into_iter();
    Ok(made.min_by_key(|(_, bytes)| bytes.len()).expect("there is one of some codec"))
}

/// The fast patch, and the dense one if it saves enough for its time; the plain one where the contents are too much for
/// them.
fn patches(
    old: &[u8],
    new: &[u8],
    level: Level,
) -> Result<Vec<(PatchCodec, Vec<u8>)>, CreateError> {
    let codecs = [PatchCodec::RefdiffFast, PatchCodec::RefdiffDense];
    let mut made = patch::create_all(old, new, &codecs, level).into_iter();
    let mut next = || made.next().expect("one for each codec");
    let fast = match next() {
        Ok(fast) => fast,
        // What the plain codec has no trouble with: it compares less, and knows nothing of compressed streams.
        Err(
            CreateError::TooLargeTogether { .. }
            | CreateError::Scattered { .. }
            | CreateError::Container(_),
        ) => {
            let options = Options { codec: PatchCodec::BsdiffZstd, level };
            return Ok(vec![(options.codec, patch::create(old, new, &options)?)]);
        }
        Err(error) => return Err(error),
    };
    let enough = fast.len() as u64 * (100 - DENSER_BY_PERCENT);
    match next() {
        Ok(dense) if dense.len() as u64 * 100 <= enough => {
            Ok(vec![(PatchCodec::RefdiffFast, fast), (PatchCodec::RefdiffDense, dense)])
        }
        Ok(_) | Err(CreateError::TooMuchNew { .. }) => Ok(vec![(PatchCodec::RefdiffFast, fast)]),
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
        let Offers::Made(offers) = result else { panic!("{result:?}") };
        assert_eq!(offers[0].codec, PatchCodec::RefdiffFast);
        for Offer { bytes, described, .. } in offers {
            assert_eq!(described.blob.digest, Digest::of(&bytes));
            assert!(bytes.len() < 60, "{}", bytes.len());
        }
    }

    #[test]
    fn a_patch_as_large_as_the_whole_is_dropped() {
        let old = vec![0_u8; 100];
        let new: Vec<u8> = (0..1000_u32).map(|i| i.wrapping_mul(i).to_le_bytes()[1]).collect();
        let result = patch(&old, &new, Level::FAST, 1000).expect("makes a patch");
        assert!(matches!(result, Offers::NotWorth { whole_size: 1000, .. }));
    }

    #[test]
    fn each_codec_is_offered_only_if_its_patch_is_worth_it_by_itself() {
        // Words that were not there before: the dense coder knows what comes after them better than the fast one.
        let word = |i: u32| ["release ", "patch ", "peer ", "chunk ", "root\n"][i as usize % 5];
        let text: String = (0..6_000_u32).map(|i| word(i.wrapping_mul(i) >> 3)).collect();
        let made = |whole: u64| patch(b"", text.as_bytes(), Level::FAST, whole).expect("small");
        let Offers::Made(both) = made(u64::MAX) else { panic!("worth it") };
        let [fast, dense] = &both[..] else { panic!("{} offers", both.len()) };
        assert_eq!(fast.codec, PatchCodec::RefdiffFast);
        assert_eq!(dense.codec, PatchCodec::RefdiffDense);
        let [fast, dense] = [fast, dense].map(|offer| offer.described.blob.size);
        assert!(dense * 100 <= fast * 97, "{dense} of {fast}");
        // A whole of which the dense patch is just 60 %.
        let Offers::Made(one) = made((dense * 100).div_ceil(60)) else { panic!("worth it") };
        assert_eq!(one.len(), 1);
        assert_eq!(one[0], both[1]);
        let none = made(dense);
        assert_eq!(none, Offers::NotWorth { patch_size: dense, whole_size: dense });
    }

    #[test]
    fn memory_cannot_overflow() {
        assert_eq!(memory(1, 2), 36 + 64 * 1024 * 1024);
        assert_eq!(memory(u64::MAX, u64::MAX), u64::MAX);
    }
}
