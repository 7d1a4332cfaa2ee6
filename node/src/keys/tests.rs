//! What a key folder promises: made once, read by its owner alone, changed by nobody unnoticed.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::PathBuf,
};

use crate::secret::{Exposure, SecretError};

use super::{
    KeyError, KeyFolder, KeyReference, KeyRing, Lock, Password, Protection, read_from_elsewhere,
};

struct Desk {
    folder: KeyFolder,
    home: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        Self { folder: KeyFolder::new(home.path().join("keys")), home }
    }

    fn make(&self, name: &str, password: Option<&Password>) -> PathBuf {
        let protection = password.map_or(Protection::None, Protection::Password);
        self.folder.generate(name.parse().expect("a name"), protection).expect("a key");
        self.folder.path_of(&reference(name))
    }
}

fn reference(text: &str) -> KeyReference {
    text.parse().expect("a reference")
}

fn password(text: &str) -> Password {
    Password::new(text.to_owned()).expect("a password")
}

#[test]
fn a_key_comes_back_with_its_password_and_only_with_it() {
    let desk = Desk::new();
    desk.make("ci", Some(&password("right")));
    let key = desk.folder.load(&reference("ci")).expect("loads");
    assert_eq!(key.lock(), Lock::Password);
    assert_eq!(key.unlock(Some(&password("right"))).expect("opens").public(), key.public);
    assert!(matches!(key.unlock(Some(&password("wrong"))), Err(KeyError::WrongPassword(_))));
    assert!(matches!(key.unlock(None), Err(KeyError::PasswordNeeded(_))));
}

#[test]
fn a_key_without_a_password_says_so_and_opens() {
    let desk = Desk::new();
    let path = desk.make("dev", None);
    let key = desk.folder.load(&reference("dev")).expect("loads");
    assert_eq!(key.lock(), Lock::None);
    assert_eq!(key.unlock(None).expect("opens").public(), key.public);
    let elsewhere = desk.home.path().join("moved");
    fs::rename(&path, &elsewhere).expect("moved");
    let by_path = reference(&format!("file:{}", elsewhere.display()));
    assert_eq!(desk.folder.load(&by_path).expect("loads").public, key.public);
}

#[test]
fn files_and_folder_are_their_owners_alone() {
    let desk = Desk::new();
    let path = desk.make("ci", None);
    assert_eq!(fs::metadata(&path).expect("there").mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(desk.folder.path()).expect("there").mode() & 0o777, 0o700);
    let left: Vec<_> = fs::read_dir(desk.folder.path()).expect("a folder").collect();
    assert_eq!(left.len(), 1, "no temporary file is left");
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let desk = Desk::new();
    let path = desk.make("ci", None);
    for mode in [0o640, 0o604, 0o660, 0o601] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
        let refused = desk.folder.load(&reference("ci"));
        assert!(matches!(refused, Err(KeyError::File(SecretError::Exposed { .. }))), "{mode:o}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).expect("set");
    assert!(desk.folder.load(&reference("ci")).is_ok());
}

#[test]
fn a_key_is_never_overwritten() {
    let desk = Desk::new();
    let path = desk.make("ci", None);
    let before = fs::read(&path).expect("there");
    let again = desk.folder.generate("ci".parse().expect("a name"), Protection::None);
    assert!(matches!(again, Err(KeyError::Exists(_))));
    assert_eq!(fs::read(&path).expect("there"), before);
    symlink("nowhere", desk.folder.path().join("trap.key")).expect("a link");
    let through = desk.folder.generate("trap".parse().expect("a name"), Protection::None);
    assert!(matches!(through, Err(KeyError::Exists(_))));
}

#[test]
fn every_flipped_byte_is_noticed() {
    for lock in [Some(password("right")), None] {
        let desk = Desk::new();
        let path = desk.make("ci", lock.as_ref());
        let good = fs::read(&path).expect("there");
        let public = desk.folder.load(&reference("ci")).expect("loads").public;
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&path, &bad).expect("written");
            // Digits of the cost still make a cost, which opening would find to be another one; opening
            // each here would take minutes. Nothing else may pass.
            if let Ok(key) = desk.folder.load(&reference("ci")) {
                assert_eq!((key.public, key.lock()), (public, Lock::Password), "byte {at}");
                assert!(good[at].is_ascii_digit(), "byte {at} was not noticed");
            }
        }
    }
}

#[test]
fn what_is_not_a_key_file_is_refused_by_what_it_is() {
    let desk = Desk::new();
    let path = desk.make("ci", None);
    let text = fs::read_to_string(&path).expect("text");
    for (contents, says) in [
        (String::new(), "first line"),
        ("-----BEGIN PRIVATE KEY-----\n".into(), "first line"),
        (text.replace("secret", "sercet"), "kdf"),
        (format!("{text}more\n"), "edited"),
        ("x".repeat(5_000), "larger"),
    ] {
        fs::write(&path, contents).expect("written");
        let error = desk.folder.load(&reference("ci")).expect_err("refused").to_string();
        assert!(error.contains(says), "{error}");
    }
    fs::remove_file(&path).expect("removed");
    fs::create_dir(&path).expect("a folder");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("set");
    let error = desk.folder.load(&reference("ci")).expect_err("refused").to_string();
    assert!(error.contains("not a regular file"), "{error}");
}

#[test]
fn a_file_under_another_keys_name_is_refused() {
    let desk = Desk::new();
    let path = desk.make("ci", None);
    fs::rename(&path, desk.folder.path().join("alice.key")).expect("renamed");
    assert!(matches!(desk.folder.load(&reference("alice")), Err(KeyError::OtherName { .. })));
}

#[test]
fn an_unknown_key_names_those_that_are_there() {
    let desk = Desk::new();
    desk.make("bob", None);
    desk.make("alice", None);
    let Err(KeyError::Unknown { known, .. }) = desk.folder.load(&reference("carol")) else {
        panic!("carol has no key");
    };
    assert_eq!(known, ["alice", "bob"]);
    assert_eq!(desk.folder.list().expect("listed").len(), 2);
    assert!(Desk::new().folder.list().expect("no folder, no keys").is_empty());
}

#[test]
fn references_are_names_or_files() {
    assert_eq!(reference("ci"), KeyReference::Name("ci".parse().expect("a name")));
    assert_eq!(reference("ci.key"), reference("ci"));
    assert_eq!(reference("file:/a b"), KeyReference::File("/a b".into()));
    for text in ["", "../ci", "file:", "Ci", "a/b"] {
        assert!(text.parse::<KeyReference>().is_err(), "{text}");
    }
}

#[test]
fn a_password_changes_and_the_key_does_not() {
    let desk = Desk::new();
    let path = desk.make("ci", Some(&password("old")));
    let (ring, ci) = (KeyRing::new(vec![desk.folder.clone()]), reference("ci"));
    let key = ring.load(&ci).expect("loads").unlock(Some(&password("old"))).expect("opens");
    let new = password("new");
    ring.protect(&ci, &key, Protection::Password(&new)).expect("changed");
    let after = ring.load(&ci).expect("loads");
    assert!(matches!(after.unlock(Some(&password("old"))), Err(KeyError::WrongPassword(_))));
    assert_eq!(after.unlock(Some(&new)).expect("opens").public(), key.public());
    assert_eq!(fs::metadata(&path).expect("there").mode() & 0o777, 0o600);
    ring.protect(&ci, &key, Protection::None).expect("removed");
    assert_eq!(ring.load(&ci).expect("loads").unlock(None).expect("opens").public(), key.public());
    let left = fs::read_dir(desk.folder.path()).expect("a folder").count();
    assert_eq!(left, 1, "no temporary file is left");
}

#[test]
fn another_key_is_never_put_into_a_keys_file() {
    let desk = Desk::new();
    let path = desk.make("ci", None);
    desk.make("bob", None);
    let before = fs::read(&path).expect("there");
    let bob = desk.folder.load(&reference("bob")).expect("loads").unlock(None).expect("opens");
    let refused = desk.folder.protect(&reference("ci"), &bob, Protection::None);
    assert!(matches!(refused, Err(KeyError::OtherKey(_))));
    assert_eq!(fs::read(&path).expect("there"), before);
}

#[test]
fn a_linked_key_changes_where_it_lies() {
    let desk = Desk::new();
    let path = desk.make("ci", None);
    let stick = desk.home.path().join("stick.key");
    fs::rename(&path, &stick).expect("moved");
    symlink(&stick, &path).expect("linked");
    let key = desk.folder.load(&reference("ci")).expect("loads").unlock(None).expect("opens");
    let new = password("new");
    desk.folder.protect(&reference("ci"), &key, Protection::Password(&new)).expect("changed");
    assert!(fs::symlink_metadata(&path).expect("there").is_symlink());
    assert!(fs::read_to_string(&stick).expect("text").contains("\nsealed "));
}

#[test]
fn a_key_from_elsewhere_is_kept_as_its_owners_alone() {
    let (theirs, ours) = (Desk::new(), Desk::new());
    let path = theirs.make("ci", Some(&password("right")));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("set");
    let (key, exposure) = read_from_elsewhere(&path).expect("read");
    assert_eq!(exposure, Exposure::Others { mode: 0o644 });
    let kept = ours.folder.keep(&key).expect("kept");
    assert_eq!(fs::read(&kept).expect("there"), fs::read(&path).expect("there"));
    assert_eq!(fs::metadata(&kept).expect("there").mode() & 0o777, 0o600);
    assert!(matches!(ours.folder.keep(&key), Err(KeyError::Exists(_))));
    let renamed = key.renamed("theirs".parse().expect("a name"), Some(&password("right")));
    ours.folder.keep(&renamed.expect("renamed")).expect("kept");
    let again = ours.folder.load(&reference("theirs")).expect("loads");
    assert_eq!(again.unlock(Some(&password("right"))).expect("opens").public(), key.public);
    assert!(key.renamed("x".parse().expect("a name"), Some(&password("wrong"))).is_err());
}
