//! Promises of reading a tree's contents and of cutting them into files again.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    io::{self, Write as _},
};

use proptest::prelude::*;
use updraft_delta::{Contents, FileSink, FileSource, ReadAt as _, SplitError, TreeWriter};
use updraft_protocol::{Digest, Entry, FileMode, LinkTarget, Node, Tree, TreePath};

/// Files in memory, as a source and as a sink.
#[derive(Debug, Default)]
struct Files {
    kept: BTreeMap<TreePath, Vec<u8>>,
    open: Option<(TreePath, Vec<u8>)>,
    fail_on: Option<TreePath>,
    reads: RefCell<u32>,
}

impl FileSource for &Files {
    fn read_exact_at(&self, path: &TreePath, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        *self.reads.borrow_mut() += 1;
        self.kept[path].read_exact_at(offset, buf)
    }
}

impl FileSink for &mut Files {
    fn begin(&mut self, path: &TreePath, _: FileMode, _: u64) -> io::Result<()> {
        if self.fail_on.as_ref() == Some(path) {
            return Err(io::Error::other("disk full"));
        }
        self.open = Some((path.clone(), Vec::new()));
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.open.as_mut().expect("begun").1.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let (path, bytes) = self.open.take().expect("begun");
        self.kept.insert(path, bytes);
        Ok(())
    }
}

fn path(text: &str) -> TreePath {
    text.parse().expect("a path")
}

fn tree_of(files: &[(&str, &[u8])]) -> Tree {
    let mut entries: Vec<Entry> = files
        .iter()
        .map(|(name, bytes)| Entry {
            path: path(name),
            node: Node::File {
                mode: FileMode::Plain,
                size: bytes.len() as u64,
                digest: Digest::of(bytes),
            },
        })
        .collect();
    entries.push(Entry { path: path("m"), node: Node::Link { target: LinkTarget::new("a") } });
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Tree { entries }
}

const SAMPLE: &[(&str, &[u8])] =
    &[("a", b"first"), ("b", b""), ("c", b"second file"), ("d", b""), ("e", b"x"), ("f", b"")];

fn stream() -> Vec<u8> {
    SAMPLE.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect()
}

fn split(contents: &[u8], piece: usize) -> (Result<(), SplitError>, Files) {
    let tree = tree_of(SAMPLE);
    let mut files = Files::default();
    let mut writer = TreeWriter::new(&tree, &mut files);
    let pushed = contents.chunks(piece.max(1)).try_for_each(|part| writer.push(part));
    let result = pushed.and_then(|()| writer.finish().map(|_| ()));
    (result, files)
}

#[test]
fn files_come_out_whole_however_the_stream_is_cut() {
    for piece in 1..=stream().len() {
        let (result, files) = split(&stream(), piece);
        result.expect("the right contents");
        let expected: BTreeMap<_, _> =
            SAMPLE.iter().map(|(name, bytes)| (path(name), bytes.to_vec())).collect();
        assert_eq!(files.kept, expected);
    }
}

#[test]
fn every_shorter_stream_names_the_file_that_lacks_bytes() {
    let full = stream();
    for len in 0..full.len() {
        let (result, _) = split(&full[..len], 3);
        assert!(matches!(result, Err(SplitError::TooShort { .. })), "{len}: {result:?}");
    }
    let (result, _) = split(&full[..7], 3);
    let Err(SplitError::TooShort { path: at, missing }) = result else { panic!("{result:?}") };
    assert_eq!((at, missing), (path("c"), 9));
}

#[test]
fn a_longer_stream_is_refused() {
    let (result, _) = split(&[stream(), vec![0]].concat(), 4);
    assert!(matches!(result, Err(SplitError::TooLong)));
}

#[test]
fn a_changed_byte_stops_at_its_file() {
    let mut contents = stream();
    contents[6] ^= 1;
    let (result, files) = split(&contents, 100);
    assert!(matches!(result, Err(SplitError::WrongFile { path: at, .. }) if at == path("c")));
    assert!(!files.kept.contains_key(&path("c")) && !files.kept.contains_key(&path("e")));
}

#[test]
fn a_sink_that_fails_is_named_through_write_too() {
    let tree = tree_of(SAMPLE);
    let mut files = Files { fail_on: Some(path("c")), ..Files::default() };
    let mut writer = TreeWriter::new(&tree, &mut files);
    assert!(writer.write_all(&stream()).is_err());
    assert!(matches!(writer.failure(), Some(SplitError::Sink { path: at, .. }) if at == path("c")));
}

#[test]
fn a_tree_without_bytes_takes_an_empty_stream() {
    let tree = tree_of(&[("a", b"")]);
    let mut files = Files::default();
    TreeWriter::new(&tree, &mut files).finish().expect("nothing is missing");
    assert_eq!(files.kept[&path("a")], b"");
}

proptest! {
    #[test]
    fn reading_by_position_gives_the_stream(offset in 0_u64..30, len in 0_usize..30) {
        let tree = tree_of(SAMPLE);
        let mut files = Files::default();
        for (name, bytes) in SAMPLE {
            files.kept.insert(path(name), bytes.to_vec());
        }
        let contents = Contents::new(&tree, &files);
        prop_assert_eq!(contents.size(), stream().len() as u64);
        let mut here = vec![0; len];
        let mut there = vec![0; len];
        let read = contents.read_exact_at(offset, &mut here);
        let expected = stream().read_exact_at(offset, &mut there);
        prop_assert_eq!(read.is_ok(), expected.is_ok());
        prop_assert_eq!(here == there || read.is_err(), true);
        prop_assert!(*files.reads.borrow() <= 3, "files without bytes are not touched");
    }
}
