//! Wholes in blocks: they come back from all of the blob, and from some of it beside files that lie here; whatever stands
//! in the index, nothing else comes out.

#[expect(dead_code, reason = "other tests use the rest")]
mod generate;

use std::{collections::BTreeMap, io};

use proptest::prelude::*;
use updraft_delta::{
    AssembleError, Blame, BlobError, Level, ReadAt,
    blob::{Block, Cut, Index, compress_whole, decompress_whole, describe_blob},
    offer,
    reuse::{FilesHere, Layout, assemble_blocks, chunks_of},
};
use updraft_protocol::{ChunkList, Digest, Entry, FileMode, Node, Tree};

/// A tree of files with these contents.
fn tree(files: &[Vec<u8>]) -> Tree {
    let entry = |(number, bytes): (usize, &Vec<u8>)| {
        let (size, digest) = (bytes.len() as u64, Digest::of(bytes));
        let node = Node::File { mode: FileMode::Plain, size, digest };
        Entry { path: format!("file-{number:04}").parse().expect("a path"), node }
    };
    Tree { entries: files.iter().enumerate().map(entry).collect() }
}

/// A whole in blocks of at least so many bytes, and its chunk list.
fn whole(files: &[Vec<u8>], least: u64) -> (Vec<u8>, ChunkList) {
    let cut = Cut::every(least, &tree(files));
    let mut blob = Vec::new();
    let described = compress_whole(&*files.concat(), &cut, Level::FAST, &mut blob).expect("packs");
    assert_eq!(described, describe_blob(&*blob, blob.len() as u64).expect("describes"));
    (blob, described.chunks)
}

/// Files by their digest.
struct Here(BTreeMap<Digest, Vec<u8>>);

impl Here {
    fn of<'a>(files: impl IntoIterator<Item = &'a Vec<u8>>) -> Self {
        Self(files.into_iter().map(|file| (Digest::of(file), file.clone())).collect())
    }
}

impl FilesHere for Here {
    fn read_exact_at(&self, file: &Digest, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.0.get(file).ok_or(io::ErrorKind::NotFound)?.read_exact_at(offset, buf)
    }
}

/// A blob of which only some chunks lie here.
struct Sparse<'b> {
    blob: &'b [u8],
    chunk: usize,
    held: Vec<bool>,
}

impl ReadAt for Sparse<'_> {
    fn size(&self) -> u64 {
        self.blob.size()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(offset).expect("small");
        for byte in from..from + buf.len() {
            assert!(self.held.get(byte / self.chunk) != Some(&false), "chunk that is not here");
        }
        self.blob.read_exact_at(offset, buf)
    }
}

/// What comes of a blob of which only what is needed was fetched, when these files lie here; and the chunks fetched.
fn reused(
    files: &[Vec<u8>],
    (blob, list): (&[u8], &ChunkList),
    here: &Here,
) -> (Result<Vec<u8>, AssembleError>, usize) {
    let tree = tree(files);
    let index = Index::read(blob, tree.content_size()).expect("an index").expect("blocks");
    let layout = Layout::of(&tree);
    let is_here = |file: &Digest| here.0.contains_key(file);
    let missing = index.blocks().iter().filter(|block| !layout.is_here(block, is_here));
    let missing: Vec<_> = missing.map(|block| block.packed.clone()).collect();
    let held = chunks_of(list, missing.iter().cloned().chain(Index::ends(list.blob_size)));
    let fetched = held.iter().filter(|held| **held).count();
    let sparse = Sparse { blob, chunk: list.chunk_size as usize, held };
    let is_fetched = |block: &Block| missing.contains(&block.packed);
    let mut out = Vec::new();
    (assemble_blocks(&sparse, &tree, is_fetched, here, &mut out).map(|()| out), fetched)
}

fn noise_files(sizes: &[usize]) -> Vec<Vec<u8>> {
    (1..).zip(sizes).map(|(seed, size)| generate::noise(seed, *size)).collect()
}

#[test]
fn a_cut_is_between_files_and_gives_large_ones_a_block_of_their_own() {
    let sizes = |files: &[usize], least| {
        let files: Vec<Vec<u8>> = files.iter().map(|size| vec![0; *size]).collect();
        Cut::every(least, &tree(&files)).blocks().to_vec()
    };
    assert_eq!(sizes(&[], 10), [0]);
    assert_eq!(sizes(&[0, 0], 10), [0]);
    assert_eq!(sizes(&[3, 3, 3], 10), [9]);
    assert_eq!(sizes(&[3, 0, 7, 5, 5, 0, 4], 10), [10, 10, 4]);
    assert_eq!(sizes(&[3, 40, 3, 3], 10), [3, 40, 6]);
    assert_eq!(sizes(&[40, 0, 40], 10), [40, 40]);
    assert_eq!(Cut::nowhere(7).blocks(), [7]);
}

#[test]
fn blocks_come_back_from_all_of_the_blob() {
    let files = noise_files(&[300_000, 10, 0, 200_000, 400_000, 5]);
    let (blob, _) = whole(&files, 100_000);
    assert_eq!(&blob[..4], b"UpW\x02");
    let contents = files.concat();
    let mut out = Vec::new();
    decompress_whole(&blob, contents.len() as u64, &mut out).expect("unpacks");
    assert!(out == contents);
    for size in [contents.len() - 1, contents.len() + 1] {
        let result = decompress_whole(&blob, size as u64, io::sink());
        assert!(matches!(result, Err(BlobError::Index { .. })), "{result:?}");
    }
}

#[test]
fn one_block_is_no_other_form_than_before() {
    let files = noise_files(&[3_000, 2_000]);
    let (blob, _) = whole(&files, 100_000);
    assert_eq!(blob[..4], 0xFD2F_B528_u32.to_le_bytes());
    assert_eq!(Index::read(&blob, 5_000).expect("reads"), None);
}

#[test]
fn only_blocks_with_files_that_are_not_here_are_fetched() {
    let files = noise_files(&[1_000_000, 1_000_000, 1_000_000, 1_000_000]);
    let (blob, list) = whole(&files, 500_000);
    let here = Here::of([&files[0], &files[1], &files[3]]);
    let (out, fetched) = reused(&files, (&blob, &list), &here);
    assert!(out.expect("comes back") == files.concat());
    // The chunks of the third block, and both ends.
    assert!(fetched <= 4 + 2 + 2, "{fetched} of {}", list.len());
    let (out, _) = reused(&files, (&blob, &list), &Here::of(&files));
    assert!(out.expect("comes back") == files.concat());
    let (out, fetched) = reused(&files, (&blob, &list), &Here::of(&[]));
    assert!(out.expect("comes back") == files.concat());
    assert_eq!(fetched, list.digests.len());
}

#[test]
fn a_file_that_is_gone_meanwhile_is_this_machines_matter() {
    let files = noise_files(&[200_000, 200_000]);
    let (blob, _) = whole(&files, 100_000);
    let here = Here::of([&files[0]]);
    let error = assemble_blocks(&blob, &tree(&files), |_| false, &here, io::sink());
    let error = error.expect_err("one is not here");
    assert!(matches!(error, AssembleError::File { file, .. } if file == Digest::of(&files[1])));
    assert_eq!(error.blame(), Blame::Here);
}

#[test]
fn a_file_that_changes_while_it_is_copied_is_this_machines_matter() {
    let files = noise_files(&[200_000, 200_000]);
    let (blob, _) = whole(&files, 100_000);
    let mut here = Here::of(&files);
    let changed = here.0.get_mut(&Digest::of(&files[1])).expect("there");
    changed[199_999] ^= 1;
    let error = assemble_blocks(&blob, &tree(&files), |_| false, &here, io::sink());
    let error = error.expect_err("it is another file");
    let AssembleError::File { file, source } = &error else { panic!("{error:?}") };
    assert_eq!((*file, source.kind()), (Digest::of(&files[1]), io::ErrorKind::InvalidData));
    assert_eq!(error.blame(), Blame::Here, "the blob is good");
}

#[test]
fn an_index_that_does_not_fit_is_refused_and_blamed_on_the_blob() {
    let files = noise_files(&[200_000, 200_000]);
    let (blob, _) = whole(&files, 100_000);
    let index = blob.len() - 4 - usize::from(blob[blob.len() - 4]);
    let refused = |bytes: &[u8], size: u64| {
        let error = Index::read(bytes, size).expect_err("refused");
        assert_eq!(AssembleError::Whole(error).blame(), Blame::Blob);
    };
    for (place, value) in [(index, 1), (index, 3), (index + 1, 0), (blob.len() - 1, 1)] {
        let mut changed = blob.clone();
        changed[place] = value;
        refused(&changed, 400_000);
    }
    for len in 4..40 {
        refused(&blob[..len], 400_000);
    }
    refused(&[&blob[..], &[0]].concat(), 400_000);
    refused(&blob, 400_001);
    refused(b"UpW\x02", 0);
    refused(b"UpW\x02\x00\x01\x00\x00\x00", 0);
    refused(&[&b"UpW\x02"[..], &[0xff; 9], &9_u32.to_le_bytes()].concat(), 1);
}

#[test]
fn blocks_that_cost_more_than_they_may_are_none() {
    // Two files with the same contents: apart, the second costs as much as the first.
    let file = generate::noise(1, 9 << 20);
    let twice = [file.clone(), file.clone()];
    let contents = twice.concat();
    let cut = Cut::between_files(&tree(&twice));
    assert_eq!(cut.blocks().len(), 2);
    let cheap = cut.if_cheap(|| &*contents).expect("reads");
    assert_eq!(cheap, Cut::nowhere(contents.len() as u64));
    let other = [file, generate::noise(2, 9 << 20)];
    let contents = other.concat();
    let cut = Cut::between_files(&tree(&other));
    assert_eq!(cut.clone().if_cheap(|| &*contents).expect("reads"), cut);
    let result = cut.if_cheap(|| &contents[..contents.len() - 1]);
    assert!(matches!(result, Err(BlobError::Size { .. })), "{result:?}");
}

#[test]
fn what_was_made_is_unpacked_and_compared_before_it_is_offered() {
    let files = noise_files(&[20_000, 30_000]);
    let (tree, contents) = (tree(&files), files.concat());
    let mut blob = Vec::new();
    let described = offer::whole(&tree, || &*contents, Level::FAST, &mut blob).expect("packs");
    offer::prove_whole(described.blob, &blob, &tree).expect("true");
    // Contents that changed between the listing and the packing have the same size and other bytes.
    let mut other = contents.clone();
    other[25_000] ^= 1;
    let mut blob = Vec::new();
    let described = offer::whole(&tree, || &*other, Level::FAST, &mut blob).expect("packs");
    let error = offer::prove_whole(described.blob, &blob, &tree).expect_err("another file");
    assert!(matches!(error, AssembleError::Split(_)), "{error:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_files_come_back_whatever_lies_here(
        sizes in prop::collection::vec((0..4_u8, 0..9_000_usize, any::<bool>()), 2..20),
        least in 1_000..9_000_u64,
    ) {
        // Seeds repeat, so that files do.
        let files: Vec<Vec<u8>> = sizes
            .iter()
            .map(|(seed, size, _)| generate::noise(u64::from(*seed), *size))
            .collect();
        let here = Here::of(files.iter().zip(&sizes).filter(|(_, size)| size.2).map(|(f, _)| f));
        let (blob, list) = whole(&files, least);
        let contents = files.concat();
        let mut out = Vec::new();
        decompress_whole(&blob, contents.len() as u64, &mut out).expect("unpacks");
        prop_assert!(out == contents);
        if Index::read(&blob, contents.len() as u64).expect("reads").is_some() {
            let (out, _) = reused(&files, (&blob, &list), &here);
            prop_assert!(out.expect("comes back") == contents);
        }
    }

    #[test]
    fn a_blob_that_was_damaged_gives_no_byte_too_many(
        place in any::<prop::sample::Index>(),
        value in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let files = noise_files(&[2_000, 2_500, 3_000]);
        let (mut blob, _) = whole(&files, 2_000);
        let place = place.index(blob.len());
        blob[place] = value;
        for bytes in [&blob[..], &blob[..cut.index(blob.len())]] {
            let mut out = Vec::new();
            let _refused_or_not = decompress_whole(bytes, 7_500, &mut out);
            prop_assert!(out.len() <= 7_500);
        }
    }
}
