//! What may be published, and by which words everything else is refused.

use std::{
    ffi::OsStr,
    fs,
    io::{self, Read as _},
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _, fs::symlink, net::UnixListener},
    path::Path,
};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use updraft_protocol::{FileMode, Node};

use super::{Source, SourceError};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn write(path: impl AsRef<Path>, text: &str) {
    fs::write(path, text).expect("written");
}

fn contents(source: &Source) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.contents().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The tree that the table spoils in one way each.
fn good() -> tempfile::TempDir {
    let dir = folder();
    fs::create_dir(dir.path().join("bin")).expect("made");
    write(dir.path().join("bin/app"), "#!app\n");
    let mode = fs::Permissions::from_mode(0o4711);
    fs::set_permissions(dir.path().join("bin/app"), mode).expect("set");
    write(dir.path().join("README"), "read me\n");
    write(dir.path().join("empty"), "");
    fs::create_dir(dir.path().join("void")).expect("made");
    symlink("bin/app", dir.path().join("app")).expect("linked");
    symlink("../README", dir.path().join("bin/notes")).expect("linked");
    dir
}

#[test]
fn files_folders_and_inner_links_are_taken_in_one_order() {
    let source = Source::read(good().path()).expect("published");
    let listed: Vec<_> = source.tree().entries.iter().map(|e| e.path.as_str()).collect();
    assert_eq!(listed, ["README", "app", "bin", "bin/app", "bin/notes", "empty", "void"]);
    assert_eq!(source.tree(), Source::read(good().path()).expect("again").tree());
}

#[test]
fn modes_become_one_of_two_and_special_bits_are_dropped() {
    let source = Source::read(good().path()).expect("published");
    let modes: Vec<_> = source.tree().files().map(|(p, m, ..)| (p.to_string(), m)).collect();
    assert_eq!(modes[1], ("bin/app".into(), FileMode::Executable));
    assert_eq!(modes[0], ("README".into(), FileMode::Plain));
}

#[test]
fn contents_are_all_files_in_the_order_of_the_listing() {
    let dir = good();
    let source = Source::read(dir.path()).expect("published");
    assert_eq!(contents(&source).expect("read"), b"read me\n#!app\n");
    assert_eq!(source.tree().content_size(), 14);
}

#[test]
fn one_file_is_a_tree_of_one_entry_under_the_name_it_was_given() {
    let dir = good();
    let source = Source::read(&dir.path().join("bin/app")).expect("published");
    assert_eq!(source.tree().entries.len(), 1);
    let latest = dir.path().join("latest");
    symlink("bin/app", &latest).expect("linked");
    let through = Source::read(&latest).expect("published");
    assert_eq!(through.tree().entries[0].path.as_str(), "latest");
    assert!(matches!(through.tree().entries[0].node, Node::File { size: 6, .. }));
}

#[test]
fn whatever_cannot_be_part_of_a_release_is_refused_by_its_name() {
    let long = "n".repeat(241);
    let deep = vec!["d"; 17].join("/");
    type Spoil<'a> = Box<dyn Fn(&Path) + 'a>;
    let link = |at: &'static str, to: &'static str| -> Spoil<'_> {
        Box::new(move |dir| symlink(to, dir.join(at)).expect("linked"))
    };
    let make =
        |name: &'static OsStr| -> Spoil<'_> { Box::new(move |dir| write(dir.join(name), "")) };
    let cases: Vec<(&str, &str, Spoil<'_>)> = vec![
        (
            "pipe",
            "is a fifo",
            Box::new(|dir| {
                mknodat(CWD, dir.join("pipe"), FileType::Fifo, Mode::RUSR, 0).expect("made");
            }),
        ),
        (
            "door",
            "is a socket",
            Box::new(|dir| {
                UnixListener::bind(dir.join("door")).expect("bound");
            }),
        ),
        ("abs", "absolute", link("abs", "/etc/passwd")),
        ("bin/out", "place outside", link("bin/out", "../../x")),
        ("gone", "cannot be found", link("gone", "nowhere")),
        ("loop", "cannot be found", link("loop", "loop")),
        (
            "b2",
            "`..` after a name",
            Box::new(|dir| {
                // Counted by its names each stays inside; the second by way of the first does not.
                fs::create_dir(dir.join("in")).expect("made");
                symlink("..", dir.join("in/up")).expect("linked");
                symlink("in/up/..", dir.join("b2")).expect("linked");
            }),
        ),
        (&long, "longer than 240", Box::new(|dir| write(dir.join(&long), ""))),
        (
            &deep,
            "folders deep",
            Box::new(|dir| {
                fs::create_dir_all(dir.join(&deep)).expect("made");
            }),
        ),
        ("readme", "case", make(OsStr::new("readme"))),
        ("con.txt", "device", make(OsStr::new("con.txt"))),
        ("a:b", "colon", make(OsStr::new("a:b"))),
        ("e\u{301}", "Unicode", make(OsStr::new("e\u{301}"))),
        ("x\u{fffd}", "not UTF-8", make(OsStr::from_bytes(b"x\xff"))),
        ("new\nline", "control", make(OsStr::new("new\nline"))),
    ];
    for (name, says, spoil) in cases {
        let dir = good();
        spoil(dir.path());
        let Err(SourceError::Refused { first, .. }) = Source::read(dir.path()) else {
            panic!("{name:?} was not refused");
        };
        assert_eq!(first.path, name);
        assert!(first.reason.contains(says), "{first}");
    }
}

#[test]
fn a_device_is_refused_even_when_it_is_named_itself() {
    let Err(SourceError::Refused { first, .. }) = Source::read(Path::new("/dev/null")) else {
        panic!("a device was read");
    };
    assert_eq!(first.to_string(), "`null` is a device; only files, folders and links are taken");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    // Nobody, not even root, can read the first page of a process.
    let refused = Source::read(Path::new("/proc/self/mem"));
    let Err(SourceError::Refused { first, .. }) = refused else { panic!("{refused:?}") };
    assert!(first.to_string().starts_with("`mem` cannot be read"), "{first}");
}

#[test]
fn a_missing_path_and_an_empty_folder_are_refused() {
    let dir = folder();
    assert!(matches!(Source::read(&dir.path().join("none")), Err(SourceError::Missing(_))));
    let error = Source::read(dir.path()).expect_err("nothing in it").to_string();
    assert!(error.contains("are none"), "{error}");
}

#[test]
fn everything_wrong_is_told_at_once_and_not_without_end() {
    let dir = folder();
    for n in 0..50 {
        symlink("/etc", dir.path().join(format!("link{n}"))).expect("linked");
    }
    let Err(SourceError::Refused { others, .. }) = Source::read(dir.path()) else {
        panic!("absolute links were taken");
    };
    assert_eq!(others.len(), 19);
}

#[test]
fn a_file_that_changes_after_it_was_listed_stops_the_release() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 6] = [
        ("other bytes", |file| write(file, "READ ME\n")),
        ("longer", |file| write(file, "read me\nmore")),
        ("shorter", |file| write(file, "read")),
        ("gone", |file| fs::remove_file(file).expect("removed")),
        ("a folder", |file| {
            fs::remove_file(file).expect("removed");
            fs::create_dir(file).expect("made");
        }),
        ("a link", |file| {
            fs::remove_file(file).expect("removed");
            symlink("bin/app", file).expect("linked");
        }),
    ];
    for (what, change) in changes {
        let dir = good();
        let source = Source::read(dir.path()).expect("published");
        change(&dir.path().join("README"));
        let error = contents(&source).expect_err(what);
        assert!(error.to_string().contains("README"), "{what}: {error}");
    }
}
