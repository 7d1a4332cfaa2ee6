//! Promises of folders as one stream: what goes in comes out, and a listing that lies is told what about.

mod generate;

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
};

use proptest::prelude::*;
use updraft_delta::{
    FileSink, FileSource, FolderError, FolderSink, FolderStream, FolderWriter, Level, ReadAt as _,
    Sides, Tail, folder, offer, patch,
};
use updraft_protocol::{
    Digest, Entry, FileMode, LinkTarget, Node, PatchCodec, Tree, TreePath, limits::MAX_TREE_ENTRIES,
};

/// What lies at a path of a folder in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Thing {
    Folder,
    File(FileMode, Vec<u8>),
    Link(String),
}

/// A folder in memory: source and sink.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Folder {
    things: BTreeMap<TreePath, Thing>,
    open: Option<(TreePath, FileMode, u64, Vec<u8>)>,
    fail_on: Option<&'static str>,
}

impl Folder {
    fn put(&mut self, at: &str, thing: Thing) {
        self.things.insert(path(at), thing);
    }

    fn tree(&self) -> Tree {
        let node = |thing: &Thing| match thing {
            Thing::Folder => Node::Folder,
            Thing::File(mode, bytes) => {
                Node::File { mode: *mode, size: bytes.size(), digest: Digest::of(bytes) }
            }
            Thing::Link(target) => Node::Link { target: LinkTarget::new(target) },
        };
        let entry = |(path, thing): (&TreePath, _)| Entry { path: path.clone(), node: node(thing) };
        Tree { entries: self.things.iter().map(entry).collect() }
    }

    fn stream(&self) -> Vec<u8> {
        let tree = self.tree();
        let stream = FolderStream::new(&tree, self).expect("a short listing");
        let mut bytes = vec![0; usize::try_from(stream.size()).expect("small")];
        stream.read_exact_at(0, &mut bytes).expect("in range");
        bytes
    }

    fn add(&mut self, path: &TreePath, thing: Thing) -> io::Result<()> {
        if let Some(parent) = path.parent() {
            assert_eq!(self.things.get(&parent), Some(&Thing::Folder), "{path} before its folder");
        }
        if self.fail_on == Some(path.as_str()) {
            return Err(io::Error::other("disk full"));
        }
        assert!(self.things.insert(path.clone(), thing).is_none(), "{path} twice");
        Ok(())
    }
}

impl FileSource for &Folder {
    fn read_exact_at(&self, path: &TreePath, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let Some(Thing::File(_, bytes)) = self.things.get(path) else {
            panic!("{path} is no file")
        };
        bytes.read_exact_at(offset, buf)
    }
}

impl FileSink for &mut Folder {
    fn begin(&mut self, path: &TreePath, mode: FileMode, size: u64) -> io::Result<()> {
        assert!(self.open.is_none(), "{path} begins inside of another");
        self.open = Some((path.clone(), mode, size, Vec::new()));
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.open.as_mut().expect("begun").3.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let (path, mode, size, bytes) = self.open.take().expect("begun");
        assert_eq!(bytes.size(), size, "{path}");
        self.add(&path, Thing::File(mode, bytes))
    }
}

impl FolderSink for &mut Folder {
    fn folder(&mut self, path: &TreePath) -> io::Result<()> {
        self.add(path, Thing::Folder)
    }

    fn link(&mut self, path: &TreePath, target: &LinkTarget) -> io::Result<()> {
        assert!(self.open.is_none(), "{path} inside of a file");
        self.add(path, Thing::Link(target.as_str().to_owned()))
    }
}

fn path(text: &str) -> TreePath {
    text.parse().expect("a path")
}

/// Writes a stream, handed over in pieces of this size.
fn written(stream: &[u8], piece: usize) -> Result<Folder, FolderError> {
    let mut made = Folder::default();
    write_into(&mut made, stream, stream.size(), piece).map(|()| made)
}

fn write_into(
    made: &mut Folder,
    stream: &[u8],
    announced: u64,
    piece: usize,
) -> Result<(), FolderError> {
    let mut writer = FolderWriter::new(announced, made);
    for piece in stream.chunks(piece) {
        writer.push(piece)?;
    }
    writer.finish().map(drop)
}

/// A small folder with one of everything.
fn small() -> Folder {
    let mut folder = Folder::default();
    folder.put("bin", Thing::Folder);
    folder.put("bin/app", Thing::File(FileMode::Executable, b"#!app\n".to_vec()));
    folder.put("bin/link", Thing::Link("../notes".to_owned()));
    folder.put("empty", Thing::File(FileMode::Plain, Vec::new()));
    folder.put("notes", Thing::File(FileMode::Plain, b"read me".to_vec()));
    folder.put("void", Thing::Folder);
    folder
}

#[test]
fn the_stream_of_a_small_folder_is_laid_out_byte_for_byte() {
    let expected: &[u8] = b"\x38\
        \x00\x03bin\
        \x02\x07bin/app\x06\
        \x03\x08bin/link\x08../notes\
        \x01\x05empty\x00\
        \x01\x05notes\x07\
        \x00\x04void\
        #!app\nread me";
    assert_eq!(small().stream().escape_ascii().to_string(), expected.escape_ascii().to_string());
}

#[test]
fn the_example_in_the_document_is_laid_out_as_it_says() {
    let mut folder = Folder::default();
    folder.put("app", Thing::File(FileMode::Executable, b"#!app\n".to_vec()));
    folder.put("latest", Thing::Link("./app".to_owned()));
    let document = include_str!("../../docs/DELTA.md");
    let example = document.split("a link beside it:").nth(1).expect("the example");
    let lines = example.split("```").nth(1).expect("a block").lines().skip(1);
    let bytes: Vec<u8> = lines
        .flat_map(|line| line.split("  ").next().expect("bytes").split(' ').skip(1))
        .map(|byte| u8::from_str_radix(byte, 16).expect("a byte"))
        .collect();
    assert_eq!(folder.stream(), bytes);
}

fn things() -> impl Strategy<Value = Folder> {
    let name = || prop::sample::select(vec!["a", "b", "c", "dir", "ä", "x.txt"]);
    let at = prop::collection::vec(name(), 1..4);
    let bytes = prop::collection::vec(any::<u8>(), 0..300);
    let thing = prop_oneof![
        Just(Thing::Folder),
        (any::<bool>(), bytes).prop_map(|(run, bytes)| {
            Thing::File(if run { FileMode::Executable } else { FileMode::Plain }, bytes)
        }),
        name().prop_map(|to| Thing::Link(format!("./{to}"))),
    ];
    prop::collection::vec((at, thing), 1..12).prop_map(|things| {
        let mut folder = Folder::default();
        for (at, thing) in things {
            let inner = |n: &usize| folder.things.get(&path(&at[..*n].join("/")));
            // Below a file or a link there is no room.
            if (1..at.len()).any(|n| inner(&n).is_some_and(|thing| *thing != Thing::Folder)) {
                continue;
            }
            let taken = folder.things.contains_key(&path(&at.join("/")));
            (1..at.len()).for_each(|n| folder.put(&at[..n].join("/"), Thing::Folder));
            if !taken {
                folder.put(&at.join("/"), thing);
            }
        }
        folder
    })
}

#[test]
fn nothing_is_read_past_the_end_not_even_nothing() {
    let folder = Folder::default();
    let tree = folder.tree();
    let stream = FolderStream::new(&tree, &folder).expect("a short listing");
    let size = stream.size();
    assert!(stream.read_exact_at(size, &mut []).is_ok());
    assert!(stream.read_exact_at(size + 1, &mut []).is_err());
    assert!(stream.read_exact_at(u64::MAX, &mut [0]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_goes_in_comes_out(folder in things(), piece in 1_usize..400) {
        prop_assert_eq!(written(&folder.stream(), piece).expect("a folder"), folder);
    }

    #[test]
    fn any_part_of_the_stream_can_be_read(folder in things(), from in 0_u64..2_000, len in 0_usize..500) {
        let (all, tree) = (folder.stream(), folder.tree());
        let stream = FolderStream::new(&tree, &folder).expect("a short listing");
        let (mut wanted, mut got) = (vec![0; len], vec![0; len]);
        let wanted_read = all.read_exact_at(from, &mut wanted).is_ok();
        prop_assert_eq!(stream.read_exact_at(from, &mut got).is_ok(), wanted_read);
        if wanted_read {
            prop_assert_eq!(got, wanted);
        }
    }

    #[test]
    fn a_folder_patched_is_the_other_one(old in things(), new in things()) {
        let (before, after) = (old.stream(), new.stream());
        let (codec, bytes) = offer::smallest(&before, &after, Level::FAST).expect("a patch");
        let expected = patch::Expected { codec, new_size: after.size() };
        let mut made = Folder::default();
        let mut writer = FolderWriter::new(after.size(), &mut made);
        patch::apply(&before, &*bytes, &expected, &mut writer).expect("applies");
        writer.finish().expect("a folder");
        prop_assert_eq!(made, new);
    }

    #[test]
    fn damage_never_panics(folder in things(), at in 0_usize..2_000, flip in 1_u8.., cut in 0_usize..2_000) {
        let mut stream = folder.stream();
        let index = at % stream.len();
        stream[index] ^= flip;
        stream.truncate(cut.max(1));
        // Whatever comes out, the sink has checked that it is a folder.
        let _ = written(&stream, 7);
    }
}

/// Entries as they stand in a listing, and how they are spoiled.
fn entry(kind: u8, at: &str, rest: &[u8]) -> Vec<u8> {
    let size = u8::try_from(at.len()).expect("short");
    [&[kind, size], at.as_bytes(), rest].concat()
}

fn stream(entries: &[Vec<u8>], contents: &[u8]) -> Vec<u8> {
    let listing = entries.concat();
    let size = u8::try_from(listing.len()).expect("short");
    assert!(size < 128, "one byte holds it");
    [&[size], &*listing, contents].concat()
}

const FOLDER: u8 = 0;
const FILE: u8 = 1;
const LINK: u8 = 3;
/// 2^64 - 1 as a number of a listing.
const MOST: [u8; 10] = [255, 255, 255, 255, 255, 255, 255, 255, 255, 1];

#[test]
fn a_listing_that_lies_is_refused_before_anything_is_written() {
    let file = |at: &str| entry(FILE, at, &[0]);
    let link = |at: &str, to: &str| {
        entry(LINK, at, &[&[u8::try_from(to.len()).expect("short")], to.as_bytes()].concat())
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("nothing at all", stream(&[], b""), "are none"),
        ("a path that climbs", stream(&[file("../x")], b""), "is `../x`: it has `.` or `..` in it"),
        ("an absolute path", stream(&[file("/etc/x")], b""), "is `/etc/x`: it is absolute"),
        ("an empty path", stream(&[file("")], b""), "empty name"),
        (
            "a path that is no text",
            stream(&[vec![FILE, 1, 0xff, 0]], b""),
            "the `path` of entry 0 of its listing is not UTF-8",
        ),
        (
            "a target that is no text",
            stream(&[file("a"), entry(LINK, "b", &[1, 0xff])], b""),
            "the `target` of entry 1 of its listing is not UTF-8",
        ),
        ("a link that leads out", stream(&[link("a", "../x")], b""), "links to a place outside"),
        ("an absolute link", stream(&[link("a", "/etc")], b""), "links to an absolute path"),
        (
            "a link that climbs behind another",
            stream(&[entry(FOLDER, "a", b""), link("a/b", ".."), link("c", "a/b/..")], b""),
            "`..` after a name",
        ),
        ("a file twice", stream(&[file("a"), file("a")], b""), "NoFolder"),
        ("names that differ by case", stream(&[file("A"), file("a")], b""), "case is ignored"),
        ("the wrong order", stream(&[file("b"), file("a")], b""), "NoFolder"),
        ("a file without its folder", stream(&[file("a/b")], b""), "no folder `a`"),
        ("a file below a link", stream(&[link("a", "b"), file("a/x")], b""), "no folder `a`"),
        (
            "a kind that there is not",
            stream(&[file("A"), entry(4, "b", b"")], b""),
            "entry 1 of its listing is of kind 4; kinds are 0 to 3",
        ),
        ("an entry cut after its kind", stream(&[vec![FILE]], b""), "has no `path`"),
        ("an entry cut in its path", stream(&[vec![FILE, 2, b'a']], b""), "has no `path`"),
        ("an entry cut before its size", stream(&[entry(FILE, "a", b"")], b""), "has no `size`"),
        ("an entry cut in its target", stream(&[entry(LINK, "a", &[9, b'b'])], b""), "`target`"),
        ("a size in a long form", stream(&[entry(FILE, "a", &[0x80, 0])], b""), "has no `size`"),
        (
            "sizes that overflow",
            stream(&[entry(FILE, "a", &MOST), entry(FILE, "b", &[1])], b""),
            "are over 17179869184 bytes",
        ),
        ("more than is there", stream(&[entry(FILE, "a", &[3])], b"xy"), "its listing says 8"),
        ("less than is there", stream(&[entry(FILE, "a", &[1])], b"xy"), "its listing says 6"),
        ("bytes behind it", [stream(&[file("a")], b""), vec![0]].concat(), "its listing says 5"),
        ("a listing over the end", vec![100, FILE, 1, b'a', 0], "its listing says 101"),
        ("a listing that is too long", vec![0x81, 0x80, 0x80, 8], "has 16777217 bytes, at most"),
        ("a number without an end", vec![0xff; 11], "does not begin with the size"),
    ];
    for (what, stream, says) in cases {
        for piece in [1, 1_000] {
            let mut made = Folder::default();
            let announced = stream.size();
            let error = write_into(&mut made, &stream, announced, piece).expect_err(what);
            let said = format!("{error} {error:?}");
            assert!(said.contains(says), "{what}: {said}");
            assert_eq!(made, Folder::default(), "{what}: something was written");
        }
    }
}

#[test]
fn more_entries_than_a_folder_may_have_are_not_read() {
    let listing: Vec<u8> =
        (0..=MAX_TREE_ENTRIES).flat_map(|n| entry(FOLDER, &format!("{n:06}"), b"")).collect();
    let most = &listing[..listing.len() - 8];
    let numbered = |listing: &[u8]| {
        // Three bytes of seven bits each.
        let len = u32::try_from(listing.len()).expect("small").to_le_bytes();
        let value = u32::from_le_bytes(len);
        let bits = |shift: u32| (value >> shift & 127).to_le_bytes()[0];
        [&[bits(0) | 128, bits(7) | 128, bits(14)], listing].concat()
    };
    assert!(written(&numbered(most), 65_536).is_ok());
    let error = written(&numbered(&listing), 65_536).expect_err("one too many");
    assert!(matches!(error, FolderError::TooMany { limit: MAX_TREE_ENTRIES }), "{error}");
}

#[test]
fn a_stream_that_ends_anywhere_is_short() {
    let stream = small().stream();
    for end in 0..stream.len() {
        let mut made = Folder::default();
        let error = write_into(&mut made, &stream[..end], stream.size(), 5).expect_err("cut");
        assert!(matches!(error, FolderError::Short), "{end}: {error}");
    }
}

#[test]
fn bytes_after_the_announced_end_are_refused() {
    let mut stream = small().stream();
    let announced = stream.size();
    stream.push(0);
    for piece in [1, 1_000] {
        let error = write_into(&mut Folder::default(), &stream, announced, piece);
        let error = error.expect_err("too long");
        assert!(matches!(error, FolderError::OtherSize { .. }), "{error}");
    }
}

#[test]
fn a_sink_that_fails_is_named_with_its_path() {
    for (at, kind) in [("bin", "folder"), ("notes", "file"), ("bin/link", "link")] {
        let mut made = Folder { fail_on: Some(at), ..Folder::default() };
        let stream = small().stream();
        let error = write_into(&mut made, &stream, stream.size(), 9).expect_err(kind);
        assert!(matches!(&error, FolderError::Sink { path, .. } if path.as_str() == at), "{error}");
    }
    let mut made = Folder { fail_on: Some("bin"), ..Folder::default() };
    let stream = small().stream();
    let mut writer = FolderWriter::new(stream.size(), &mut made);
    assert!(writer.write_all(&stream).is_err());
    assert!(matches!(writer.failure(), Some(FolderError::Sink { .. })));
}

#[test]
fn a_listing_longer_than_any_may_be_is_not_made() {
    let at = |n: usize| path(&format!("{n:06}{}", "x".repeat(230)));
    let target = LinkTarget::new("y".repeat(240));
    let entry = |n| Entry { path: at(n), node: Node::Link { target: target.clone() } };
    let tree = Tree { entries: (0..40_000).map(entry).collect() };
    assert!(matches!(folder::listing(&tree), Err(FolderError::TooLong { .. })));
}

#[test]
fn the_mark_says_that_a_patch_is_between_folders() {
    let (old, new) = (small().stream(), Folder::stream(&small()));
    let options = patch::Options::new(PatchCodec::RefdiffFast);
    let bytes = patch::create(&old, &new, &options).expect("a patch");
    let marked = [Sides::Folders.mark(), &bytes].concat();
    assert_eq!(Sides::of(&bytes).expect("read"), Sides::Files);
    assert_eq!(Sides::of(&marked).expect("read"), Sides::Folders);
    assert_eq!(Sides::of(&marked[..3]).expect("read"), Sides::Files);
    assert!(matches!(
        patch::inspect(&marked),
        Err(updraft_delta::PatchError::UnknownCodec { got: 70 })
    ));
    let tail = Tail::new(&marked, 4);
    assert_eq!(patch::inspect(&tail).expect("a patch"), patch::inspect(&bytes).expect("a patch"));
    assert_eq!(Tail::new(&marked, u64::MAX).size(), 0);
}

#[test]
fn parts_add_up_to_the_patch_for_every_codec() {
    let old = generate::program(1, 60_000);
    let packed = miniz_oxide::deflate::compress_to_vec_zlib(&generate::program(9, 20_000), 6);
    let new = [generate::next_version(&old, 2), packed].concat();
    for codec in [PatchCodec::BsdiffZstd, PatchCodec::RefdiffFast, PatchCodec::RefdiffDense] {
        let bytes = patch::create(&old, &new, &patch::Options::new(codec)).expect("a patch");
        let parts = patch::parts(&bytes).expect("parts");
        let sum: u64 = parts.iter().map(|part| part.bytes).sum();
        assert_eq!(sum, bytes.size(), "{codec:?}: {parts:?}");
        assert_eq!(parts[0].name.to_string(), "header");
        assert!(parts[0].bytes < 100, "{parts:?}");
        for end in 0..bytes.len().min(200) {
            assert!(patch::parts(&bytes[..end]).is_err() || end > 40, "{codec:?} cut at {end}");
        }
    }
}

/// Two hundred files, some renamed, some moved, one edited, one mode changed, a link added.
#[test]
fn renames_cost_bytes_and_not_contents() {
    let mut old = Folder::default();
    for n in 0..10 {
        old.put(&format!("part{n}"), Thing::Folder);
    }
    for n in 0..200_u64 {
        let bytes = generate::noise(n + 1, 500 + usize::try_from(n * 37 % 4_000).expect("small"));
        let at = format!("part{}/file{n:03}.dat", n % 10);
        old.put(&at, Thing::File(FileMode::Plain, bytes));
    }
    let mut new = old.clone();
    new.put("moved", Thing::Folder);
    for n in (0..200).step_by(23) {
        let from = path(&format!("part{}/file{n:03}.dat", n % 10));
        let thing = new.things.remove(&from).expect("there");
        new.put(&format!("part{}/renamed{n:03}.dat", n % 10), thing);
    }
    for n in (1..200).step_by(29) {
        let from = path(&format!("part{}/file{n:03}.dat", n % 10));
        if let Some(thing) = new.things.remove(&from) {
            new.put(&format!("moved/file{n:03}.dat"), thing);
        }
    }
    let Some(Thing::File(_, bytes)) = new.things.get_mut(&path("part7/file007.dat")) else {
        panic!("it stays where it was");
    };
    bytes.splice(100..120, *b"edited");
    let Some(Thing::File(mode, _)) = new.things.get_mut(&path("part8/file008.dat")) else {
        panic!("it stays where it was");
    };
    *mode = FileMode::Executable;
    new.put("part3/link", Thing::Link("../part8/file008.dat".to_owned()));

    let (before, after) = (old.stream(), new.stream());
    let (codec, bytes) = offer::smallest(&before, &after, Level::PUBLISH).expect("a patch");
    assert!(bytes.len() <= 4096, "{} bytes, {codec:?}", bytes.len());
    let mut made = Folder::default();
    let mut writer = FolderWriter::new(after.size(), &mut made);
    let expected = patch::Expected { codec, new_size: after.size() };
    patch::apply(&before, &*bytes, &expected, &mut writer).expect("applies");
    writer.finish().expect("a folder");
    assert_eq!(made, new);
}
