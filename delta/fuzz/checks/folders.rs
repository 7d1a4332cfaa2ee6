//! Streams that may be folders: what is made of one is that folder, and nothing is made before its listing was judged.

use std::{collections::BTreeMap, io};

use updraft_delta::{FileSink, FolderSink, FolderWriter, folder};
use updraft_protocol::{Digest, Entry, FileMode, LinkTarget, Node, Tree, TreePath};

use super::{byte, refused};
use crate::rig::Outcome;

/// What was made.
#[derive(Debug, Default)]
struct Made {
    nodes: BTreeMap<TreePath, Node>,
    contents: Vec<u8>,
    /// Bytes that the file under way has to get.
    left: Option<u64>,
}

impl Made {
    fn add(&mut self, path: &TreePath, node: Node) {
        if let Some(parent) = path.parent() {
            assert_eq!(self.nodes.get(&parent), Some(&Node::Folder), "{path} before its folder");
        }
        assert!(self.nodes.insert(path.clone(), node).is_none(), "{path} twice");
    }

    /// The stream again.
    fn stream(self) -> Vec<u8> {
        let entries = self.nodes.into_iter().map(|(path, node)| Entry { path, node });
        let tree = Tree { entries: entries.collect() };
        let listing = folder::listing(&tree).expect("as long as it was");
        [listing, self.contents].concat()
    }
}

impl FileSink for Made {
    fn begin(&mut self, path: &TreePath, mode: FileMode, size: u64) -> io::Result<()> {
        assert_eq!(self.left.replace(size), None, "{path} begins within another");
        self.add(path, Node::File { mode, size, digest: Digest::of(b"") });
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let left = self.left.as_mut().expect("a file was begun");
        *left = left.checked_sub(bytes.len() as u64).expect("no more than was said");
        self.contents.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        assert_eq!(self.left.take(), Some(0), "a file is as long as was said");
        Ok(())
    }
}

impl FolderSink for Made {
    fn folder(&mut self, path: &TreePath) -> io::Result<()> {
        self.add(path, Node::Folder);
        Ok(())
    }

    fn link(&mut self, path: &TreePath, target: &LinkTarget) -> io::Result<()> {
        assert_eq!(self.left, None, "{path} within a file");
        self.add(path, Node::Link { target: target.clone() });
        Ok(())
    }
}

/// The first byte says in pieces of how many bytes the stream comes, less one.
pub(super) fn check(mut input: &[u8]) -> Outcome {
    let piece = usize::from(byte(&mut input)) + 1;
    let mut writer = FolderWriter::new(input.len() as u64, Made::default());
    for piece in input.chunks(piece) {
        if let Err(error) = writer.push(piece) {
            return refused(&error);
        }
    }
    match writer.finish() {
        Ok(made) => {
            assert!(made.stream() == input, "another folder");
            Outcome::Read
        }
        Err(error) => refused(&error),
    }
}
