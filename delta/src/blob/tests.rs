//! Blobs come back, are described as they are, and end at the size that was signed.

use crate::error::FrameError;

use super::*;

fn sample(len: u32) -> Vec<u8> {
    (0..len).map(|i| (i.wrapping_mul(2_654_435_761) >> 26).to_le_bytes()[0]).collect()
}

fn whole(contents: &[u8]) -> (Vec<u8>, Described) {
    let mut out = Vec::new();
    let described =
        compress_whole(contents, &Cut::nowhere(contents.len() as u64), Level::FAST, &mut out)
            .expect("compresses");
    (out, described)
}

#[test]
fn contents_come_back_and_the_blob_is_described_as_it_is() {
    for len in [0, 1, 300_000, 3_000_000] {
        let contents = sample(len);
        let (packed, described) = whole(&contents);
        assert_eq!(described, describe_blob(&*packed, packed.len() as u64).expect("describes"));
        assert_eq!(described.blob.digest, Digest::of(&packed));
        assert_eq!(described.blob.chunks, ObjectRef::of(&described.object).expect("small"));
        let mut out = Vec::new();
        decompress_whole(&packed, contents.len() as u64, &mut out).expect("unpacks");
        assert_eq!(out, contents);
    }
}

#[test]
fn chunks_are_the_blobs_own_bytes() {
    let bytes = sample(600_001);
    let described = describe_blob(&*bytes, 600_001).expect("describes");
    assert_eq!(described.chunks.len(), 3);
    for index in 0..3 {
        let span = described.chunks.span(index).expect("in range");
        let from = usize::try_from(span.offset).expect("small");
        let chunk = &bytes[from..from + usize_of(span.len)];
        assert_eq!(span.digest, Digest::of(chunk));
    }
}

#[test]
fn the_same_contents_give_the_same_blob() {
    assert_eq!(whole(&sample(9_000_000)).0, whole(&sample(9_000_000)).0);
}

#[test]
fn contents_of_another_size_are_refused() {
    for size in [0, 99, 101] {
        let result = compress_whole(&*sample(100), &Cut::nowhere(size), Level::FAST, io::sink());
        assert!(matches!(result, Err(BlobError::Size { .. })), "{size}: {result:?}");
        let result = describe_blob(&*sample(100), size);
        assert!(matches!(result, Err(BlobError::Size { .. })), "{size}: {result:?}");
    }
    assert!(matches!(describe_blob(&[][..], 0), Err(BlobError::Describe(_))));
}

#[test]
fn a_bomb_stops_at_the_signed_size() {
    let (bomb, _) = whole(&vec![0; 50_000_000]);
    assert!(bomb.len() < 10_000);
    let mut out = Vec::new();
    let result = decompress_whole(&bomb, 1000, &mut out);
    assert!(matches!(result, Err(BlobError::Frame(FrameError::Long { expected: 1000 }))));
    assert_eq!(out.len(), 1000);
}

#[test]
fn truncated_and_padded_blobs_are_refused() {
    let contents = sample(3000);
    let (packed, _) = whole(&contents);
    for len in 0..packed.len() {
        assert!(decompress_whole(&packed[..len], 3000, io::sink()).is_err(), "{len}");
    }
    let padded = [packed, vec![0]].concat();
    let result = decompress_whole(&padded, 3000, io::sink());
    assert!(matches!(result, Err(BlobError::Frame(FrameError::Trailing))));
}

#[test]
fn an_output_that_fails_is_not_blamed_on_the_blob() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let contents = sample(3_000_000);
    let (packed, _) = whole(&contents);
    assert!(matches!(decompress_whole(&packed, 3_000_000, Full), Err(BlobError::Write(_))));
    let result = compress_whole(&*contents, &Cut::nowhere(3_000_000), Level::FAST, Full);
    assert!(matches!(result, Err(BlobError::Write(_))));
}
