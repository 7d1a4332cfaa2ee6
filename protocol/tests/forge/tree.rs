//! Attacks on the machine that installs: listings whose paths or links would lead elsewhere.

use updraft_protocol::{Digest, FileMode};

use super::Attack;
use crate::samples::{
    by_hand,
    by_hand::{Bytes, folder, link},
};

fn file(path: &[u8]) -> Vec<u8> {
    file_of(path, 1)
}

fn file_of(path: &[u8], size: u64) -> Vec<u8> {
    by_hand::file(path, FileMode::Plain, size, &Digest::of(b"x"))
}

fn listing(name: &'static str, entries: &[Vec<u8>]) -> Attack {
    Attack::alone(name, Bytes::default().list(entries.iter().cloned()).done())
}

/// One file whose path is the attack.
pub(super) fn of_paths() -> Vec<Attack> {
    let deep = ["d"; 17].join("/");
    let paths: [(&'static str, &[u8]); 21] = [
        ("honest_path", b"a"),
        ("path_that_climbs", b"../x"),
        ("path_that_climbs_within", b"a/../../x"),
        ("path_here", b"."),
        ("path_absolute", b"/etc/passwd"),
        ("path_empty", b""),
        ("path_with_an_empty_name", b"a//b"),
        ("path_with_a_backslash", b"..\\x"),
        ("path_on_a_drive", b"c:x"),
        ("path_with_a_stream", b"a.txt:s"),
        ("path_with_a_zero", b"a\0b"),
        ("path_with_a_line_end", b"a\nb"),
        ("path_of_a_device", b"con"),
        ("path_of_a_device_with_a_suffix", b"NUL.txt"),
        ("path_of_a_numbered_device", b"COM1"),
        ("path_with_a_dot_at_its_end", b"a."),
        ("path_with_a_space_at_its_end", b"a "),
        ("path_in_another_unicode_form", "e\u{301}".as_bytes()),
        ("path_not_utf8", b"a\xff"),
        ("path_too_long", &[b'n'; 241]),
        ("path_too_deep", deep.as_bytes()),
    ];
    paths.into_iter().map(|(name, path)| listing(name, &[file(path)])).collect()
}

/// Listings whose entries do not fit each other, and links that leave.
pub(super) fn of_listings() -> Vec<Attack> {
    let folders = || [folder(b"a"), folder(b"a/b")];
    let in_folders = |name, link: Vec<u8>| {
        let [a, b] = folders();
        listing(name, &[a, b, link])
    };
    let through = |name, target| {
        let [a, b] = folders();
        listing(name, &[a, b, link(b"a/b/top", "../.."), link(b"out", target)])
    };
    let together = |name, one: &str, other: &str| {
        listing(name, &[file(one.as_bytes()), file(other.as_bytes())])
    };
    vec![
        in_folders("honest_link", link(b"a/b/link", "../../a")),
        through("honest_link_through_a_link", "a/b/top/a"),
        through("link_leaves_through_a_link", "a/b/top/.."),
        in_folders("link_leaves", link(b"a/b/link", "../../..")),
        listing("link_leaves_from_the_top", &[link(b"link", "..")]),
        listing("link_leaves_in_the_middle", &[link(b"link", "b/../../c")]),
        listing("link_absolute", &[link(b"link", "/etc/passwd")]),
        listing("link_to_nothing", &[link(b"link", "")]),
        listing("link_to_a_device", &[link(b"link", "con")]),
        listing("link_too_long", &[link(b"link", &"l".repeat(241))]),
        listing("tree_without_entries", &[]),
        listing("tree_unsorted", &[file(b"b"), file(b"a")]),
        listing("tree_path_twice", &[file(b"a"), file(b"a")]),
        listing("tree_file_without_its_folder", &[file(b"a/b")]),
        listing("tree_file_below_a_file", &[file(b"a"), file(b"a/b")]),
        listing("tree_file_below_a_link", &[link(b"a", "b"), file(b"a/b"), folder(b"b")]),
        together("tree_names_differ_in_case", "README", "readme"),
        together("tree_names_differ_in_case_beyond_ascii", "À", "à"),
        together("tree_names_differ_in_a_ligature", "file", "ﬁle"),
        together("tree_names_differ_in_small_sigma", "ς", "σ"),
        listing("tree_folders_differ_in_case", &[folder(b"A"), file(b"A/x"), folder(b"a")]),
        listing("tree_too_large", &[file_of(b"a", 1 << 34), file(b"b")]),
        listing("tree_size_overflows", &[file_of(b"a", u64::MAX), file_of(b"b", u64::MAX)]),
    ]
}
