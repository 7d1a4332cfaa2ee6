//! What a release installs: a list of files, folders and links, each with its mode, size and digest.
//!
//! Paths are made safe by construction: a [`TreePath`] cannot leave its folder on any system, whatever a
//! signed listing says. The files' contents in list order are one stream; `delta` compresses and diffs that.

use std::{collections::BTreeSet, fmt, str::FromStr};

use bincode::{
    Decode, Encode,
    de::Decoder,
    enc::Encoder,
    error::{DecodeError, EncodeError},
};
use unicode_normalization::UnicodeNormalization as _;

use crate::{
    codec::{Invalid, Wire},
    digest::Digest,
    limits::{
        MAX_OBJECT, MAX_PATH, MAX_PATH_DEPTH, MAX_PATH_SEGMENT, MAX_TREE_BYTES, MAX_TREE_ENTRIES,
    },
    name::shown,
};

/// A relative path with `/` between names, none of which is empty, `.` or `..`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(String);

/// Text that is no path inside a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` cannot be part of a release: {reason}")]
pub struct InvalidPath {
    /// At most 300 characters of what was given, fit for a log.
    pub path: String,
    /// Which rule it breaks.
    pub reason: &'static str,
}

impl TreePath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its names, from the outermost folder to the last.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The folder this path lies in; `None` at the top.
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.to_owned()))
    }

    /// How file systems that ignore case or Unicode form would see it. Paths with one folded form collide.
    ///
    /// By way of capitals, because some lower-case letters share one: `σ` and `ς`, `ß` and `ss`.
    pub fn folded(&self) -> String {
        let capitals = self.0.nfkc().flat_map(char::to_uppercase);
        let lower: String = capitals.flat_map(char::to_lowercase).collect();
        lower.nfkc().collect()
    }
}

fn broken_segment_rule(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("it has an empty name in it");
    }
    if name == "." || name == ".." {
        return Some("it has `.` or `..` in it");
    }
    if name.len() > MAX_PATH_SEGMENT {
        return Some("a name in it is longer than 240 bytes");
    }
    if name.chars().any(|c| c.is_control() || matches!(c, '\\' | ':' | '\u{7f}' | '\u{fffd}')) {
        return Some("it has a control character, a backslash or a colon in it");
    }
    if name.ends_with('.') || name.ends_with(' ') || name.starts_with(' ') {
        return Some("a name in it begins or ends with a space, or ends with a dot");
    }
    let stem = name.split('.').next().unwrap_or(name).to_ascii_lowercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix)
            .is_some_and(|n| n.len() == 1 && n.chars().all(|c| c.is_ascii_digit()))
    };
    if matches!(stem.as_str(), "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
    {
        return Some("a name in it is a device on some systems");
    }
    None
}

impl FromStr for TreePath {
    type Err = InvalidPath;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        let refuse = |reason| Err(InvalidPath { path: shown(path, 300), reason });
        if path.starts_with('/') {
            return refuse("it is absolute");
        }
        if let Some(reason) = path.split('/').find_map(broken_segment_rule) {
            return refuse(reason);
        }
        if path.len() > MAX_PATH {
            return refuse("it is longer than 240 bytes");
        }
        if path.split('/').count() > MAX_PATH_DEPTH {
            return refuse("it is more than 16 folders deep");
        }
        if path.nfc().ne(path.chars()) {
            return refuse(
                "it is not in Unicode normal form C, so two spellings of it would look alike",
            );
        }
        Ok(Self(path.to_owned()))
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Encode for TreePath {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.0.encode(encoder)
    }
}

impl<C> Decode<C> for TreePath {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let text = String::decode(decoder)?;
        text.parse().map_err(|error: InvalidPath| DecodeError::OtherString(error.to_string()))
    }
}

bincode::impl_borrow_decode!(TreePath);

/// Where a symbolic link points: relative, and never out of the tree.
///
/// Whether it stays inside depends on the folder the link lies in; [`Tree`]'s check knows both.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct LinkTarget(String);

impl LinkTarget {
    /// Takes the text of a link; it is judged where its folder is known.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text of the link.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Why a link at `path` with this target may not be installed, if it may not.
    ///
    /// `..` may stand only before all names: there it climbs folders, and a folder above a path is no link.
    /// After a name it climbs from wherever that name leads, and that may be another link of the tree.
    pub fn broken_rule(&self, path: &TreePath) -> Option<&'static str> {
        if self.0.is_empty() || self.0.len() > MAX_PATH {
            return Some("links to nothing, or to a path longer than 240 bytes");
        }
        if self.0.starts_with('/') {
            return Some("links to an absolute path");
        }
        let mut folders_above = path.segments().count() - 1;
        let mut after_a_name = false;
        for name in self.0.split('/') {
            match name {
                ".." if after_a_name => return Some("has `..` after a name in its target"),
                ".." if folders_above == 0 => return Some("links to a place outside"),
                ".." => folders_above -= 1,
                "." => {}
                name if broken_segment_rule(name).is_some() => {
                    return Some("links to a name that not every system can have");
                }
                _ => after_a_name = true,
            }
        }
        None
    }
}

/// Whether a file may be executed: the two modes a release can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum FileMode {
    /// 0644
    Plain,
    /// 0755
    Executable,
}

impl FileMode {
    /// The permission bits.
    pub const fn bits(self) -> u32 {
        match self {
            Self::Plain => 0o644,
            Self::Executable => 0o755,
        }
    }

    /// The mode a file with these permission bits is published with: executable if its owner may run it.
    pub const fn from_bits(bits: u32) -> Self {
        if bits & 0o100 == 0 { Self::Plain } else { Self::Executable }
    }
}

/// One thing in a tree.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Entry {
    /// Where it lies.
    pub path: TreePath,
    /// What it is.
    pub node: Node,
}

/// What lies at a path.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Node {
    /// A folder, mode 0755.
    Folder,
    /// A regular file.
    File {
        /// Its permission.
        mode: FileMode,
        /// Its bytes.
        size: u64,
        /// Hash of its contents.
        digest: Digest,
    },
    /// A symbolic link inside the tree.
    Link {
        /// The link's text.
        target: LinkTarget,
    },
}

/// A whole listing, ordered by path. Its digest names the installed contents.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Tree {
    /// The entries, in ascending order of path; a folder stands before what is in it.
    pub entries: Vec<Entry>,
}

impl Tree {
    /// The regular files in stream order: path, mode, size, digest.
    pub fn files(&self) -> impl Iterator<Item = (&TreePath, FileMode, u64, Digest)> {
        self.entries.iter().filter_map(|entry| match &entry.node {
            Node::File { mode, size, digest } => Some((&entry.path, *mode, *size, *digest)),
            Node::Folder | Node::Link { .. } => None,
        })
    }

    /// Bytes of all files together; never overflows for a checked tree.
    pub fn content_size(&self) -> u64 {
        self.files().fold(0_u64, |sum, (_, _, size, _)| sum.saturating_add(size))
    }
}

impl Wire for Tree {
    const NAME: &'static str = "tree";
    const MAX: usize = MAX_OBJECT;

    fn check(&self) -> Result<(), Invalid> {
        if self.entries.is_empty() {
            return Err(Invalid::new("entries", "are none: a release installs something"));
        }
        Invalid::if_over("entries", self.entries.len(), MAX_TREE_ENTRIES)?;
        Invalid::if_unsorted("entries", self.entries.iter().map(|entry| &entry.path))?;
        if self.content_size() > MAX_TREE_BYTES {
            return Err(Invalid::new("contents", format!("are over {MAX_TREE_BYTES} bytes")));
        }
        // A path may hold marks of direction, which is its publisher's business; a refusal may not.
        let named = |path: &TreePath| shown(path.as_str(), MAX_PATH);
        let mut folded = BTreeSet::new();
        let mut folders = BTreeSet::new();
        for entry in &self.entries {
            if !folded.insert(entry.path.folded()) {
                let reason = format!("has `{}` twice where case is ignored", named(&entry.path));
                return Err(Invalid::new("tree", reason));
            }
            if let Some(parent) = entry.path.parent().filter(|parent| !folders.contains(parent)) {
                let (path, parent) = (named(&entry.path), named(&parent));
                let reason = format!("has `{path}` but no folder `{parent}`");
                return Err(Invalid::new("tree", reason));
            }
            match &entry.node {
                Node::Folder => {
                    folders.insert(entry.path.clone());
                }
                Node::File { .. } => {}
                Node::Link { target } => {
                    if let Some(rule) = target.broken_rule(&entry.path) {
                        return Err(Invalid::new(
                            "tree",
                            format!("has `{}`, which {rule}", named(&entry.path)),
                        ));
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    fn path(text: &str) -> TreePath {
        text.parse().expect("a path")
    }

    fn file(text: &str) -> Entry {
        let node = Node::File { mode: FileMode::Plain, size: 1, digest: Digest::of(b"x") };
        Entry { path: path(text), node }
    }

    fn folder(text: &str) -> Entry {
        Entry { path: path(text), node: Node::Folder }
    }

    fn link(text: &str, target: &str) -> Entry {
        Entry { path: path(text), node: Node::Link { target: LinkTarget::new(target) } }
    }

    #[test]
    fn paths_that_could_leave_their_folder_or_surprise_a_system_are_refused() {
        let long_name = "n".repeat(300);
        let long_path = vec!["n".repeat(60); 5].join("/");
        let deep = vec!["d"; 17].join("/");
        for text in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "a/",
            ".",
            "a/.",
            "a\\b",
            "c:x",
            "a\0b",
            "a\nb",
            "con",
            "NUL.txt",
            "com1",
            "LPT9.log",
            "trailing.",
            "trailing ",
            "e\u{301}",
            &long_name,
            &long_path,
            &deep,
        ] {
            assert!(text.parse::<TreePath>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn usual_paths_pass() {
        for text in
            ["a", "bin/demo-app", ".hidden", "a/..b", "ünïcode/é.txt", "com10", "x (1).txt", "a b"]
        {
            assert!(text.parse::<TreePath>().is_ok(), "{text:?}");
        }
    }

    #[test]
    fn names_that_fold_together_cannot_stand_in_one_tree() {
        for (a, b) in [("README", "readme"), ("ÀB", "àb"), ("ﬁle", "file"), ("ς", "Σ"), ("ß", "SS")]
        {
            let mut entries = vec![file(a), file(b)];
            entries.sort_by(|x, y| x.path.cmp(&y.path));
            assert!(codec::encode(&Tree { entries }).is_err(), "{a} {b}");
        }
        assert!(codec::encode(&Tree { entries: vec![file("a1"), file("a2")] }).is_ok());
    }

    #[test]
    fn a_file_needs_its_folder_and_a_folder_is_no_link() {
        assert!(codec::encode(&Tree { entries: vec![file("a/b")] }).is_err());
        assert!(codec::encode(&Tree { entries: vec![link("a", "b"), file("a/b")] }).is_err());
        assert!(codec::encode(&Tree { entries: vec![folder("a"), file("a/b")] }).is_ok());
    }

    #[test]
    fn links_stay_inside() {
        for (at, target, ok) in [
            ("a/link", "../b", true),
            ("a/link", "./b/c", true),
            ("a/link", "../../b", false),
            ("link", "..", false),
            ("link", "/etc", false),
            ("link", "b/../../c", false),
            ("link", "", false),
        ] {
            let entries = if at.contains('/') {
                vec![folder("a"), link(at, target)]
            } else {
                vec![link(at, target)]
            };
            assert_eq!(codec::encode(&Tree { entries }).is_ok(), ok, "{at} -> {target}");
        }
    }

    #[test]
    fn a_link_through_another_link_stays_inside() {
        let up = || [folder("a"), folder("a/b"), link("a/b/top", "../..")];
        assert!(codec::encode(&Tree { entries: up().to_vec() }).is_ok());
        // By its letters `a/b/top/..` is `a/b`; on disk it is the folder above the tree.
        let entries = [&up()[..], &[link("out", "a/b/top/..")]].concat();
        assert!(codec::encode(&Tree { entries }).is_err());
    }

    #[test]
    fn sizes_that_overflow_are_refused() {
        let huge = |text: &str| Entry {
            path: path(text),
            node: Node::File { mode: FileMode::Plain, size: u64::MAX, digest: Digest::of(b"x") },
        };
        assert!(codec::encode(&Tree { entries: vec![huge("a"), huge("b")] }).is_err());
    }

    #[test]
    fn an_empty_or_unsorted_tree_is_refused() {
        assert!(codec::encode(&Tree { entries: Vec::new() }).is_err());
        assert!(codec::encode(&Tree { entries: vec![file("b"), file("a")] }).is_err());
        assert!(codec::encode(&Tree { entries: vec![file("a"), file("a")] }).is_err());
    }
    #[test]
    fn a_refusal_shows_no_mark_of_direction() {
        let name = "a\u{202e}b";
        let alone = Tree { entries: vec![folder("x"), folder(&format!("y/{name}"))] };
        let linked = LinkTarget::new("/");
        let link = Entry { path: path(name), node: Node::Link { target: linked } };
        for tree in [alone, Tree { entries: vec![link] }] {
            let refusal = tree.check().expect_err("not a tree").to_string();
            assert!(refusal.contains("a\\u{202e}b") && !refusal.contains(name), "{refusal}");
        }
    }
}
