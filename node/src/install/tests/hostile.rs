//! Links and files that somebody plants: nothing outside the root changes, and nothing foreign is overwritten.

use std::{
    ffi::OsStr,
    os::unix::{ffi::OsStrExt as _, fs::symlink},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use super::*;

/// A folder outside the root with a file in it.
fn outside(dir: &TempDir) -> PathBuf {
    let outside = dir.path().join("outside");
    fs::create_dir_all(outside.join("lib")).expect("makes");
    fs::write(outside.join("precious"), b"precious").expect("writes");
    outside
}

fn assert_untouched(outside: &Path) {
    assert_eq!(names(outside), ["lib", "precious"]);
    assert_eq!(names(&outside.join("lib")), Vec::<String>::new());
    assert_eq!(fs::read(outside.join("precious")).expect("reads"), b"precious");
    assert_eq!((mode(outside), mode(&outside.join("lib"))), (0o755, 0o755));
}

#[test]
fn leftovers_that_are_links_are_removed_and_not_followed() {
    let dir = with_two();
    let outside = outside(&dir);
    let versions = root(&dir).join("versions");
    symlink(&outside, versions.join(".tmp-9")).expect("links");
    fs::create_dir_all(versions.join(".del-0.9.0/a")).expect("makes");
    symlink(&outside, versions.join(".del-0.9.0/a/b")).expect("links");
    symlink(outside.join("precious"), root(&dir).join(".current.tmp")).expect("links");
    let installer = open(&dir);
    assert_eq!(names(&versions), ["1.0.0", "1.1.0"]);
    assert!(fs::symlink_metadata(root(&dir).join(".current.tmp")).is_err());
    assert_untouched(&outside);
    drop(installer);
}

#[test]
fn a_leftover_that_cannot_be_removed_costs_room_and_nothing_else() {
    let dir = with_two();
    let leftover = root(&dir).join("versions/.del-0.9.0");
    fs::create_dir(&leftover).expect("makes");
    fs::write(leftover.join(OsStr::from_bytes(b"\xff")), b"").expect("writes");
    install(&mut open(&dir), &release("1.2.0"), 9).expect("installs");
    assert_eq!(live(&dir).as_deref(), Some("1.2.0"));
}

#[test]
fn folders_of_ours_that_became_links_are_refused() {
    for name in ["versions", "trees"] {
        let dir = with_two();
        let outside = outside(&dir);
        fs::rename(root(&dir).join(name), dir.path().join("moved")).expect("moves");
        symlink(&outside, root(&dir).join(name)).expect("links");
        assert!(matches!(open_with(&dir, Fault::None).0, Err(InstallError::Io { .. })));
        assert_untouched(&outside);
    }
}

#[test]
fn a_link_that_stays_inside_the_root_is_refused_as_well() {
    let dir = with_two();
    fs::rename(root(&dir).join("versions"), root(&dir).join("elsewhere")).expect("moves");
    symlink("elsewhere", root(&dir).join("versions")).expect("links");
    assert!(matches!(open_with(&dir, Fault::None).0, Err(InstallError::Io { .. })));
}

#[test]
fn a_journal_that_became_a_link_is_refused() {
    let dir = with_two();
    let outside = outside(&dir);
    fs::remove_file(root(&dir).join("journal")).expect("removes");
    symlink(outside.join("precious"), root(&dir).join("journal")).expect("links");
    assert!(open_with(&dir, Fault::None).0.is_err());
    assert_untouched(&outside);
}

#[test]
fn a_folder_that_becomes_a_link_while_files_are_written_leads_nowhere() {
    let dir = with_two();
    let outside = outside(&dir);
    let mut installer = open(&dir);
    let new = release("1.2.0");
    let versions = root(&dir).join("versions");
    let fill = |out: &mut dyn Write| {
        // `bin/app`, and one byte of `lib/big`: the folder `lib` is there now.
        out.write_all(&new.contents[..22])?;
        let temporary = names(&versions).into_iter().find(|name| name.starts_with(".tmp-"));
        let lib = versions.join(temporary.expect("is being staged")).join("lib");
        fs::rename(&lib, lib.with_extension("moved"))?;
        symlink(outside.join("lib"), &lib)?;
        out.write_all(&new.contents[22..])
    };
    assert!(installer.stage(&new.version, &new.digest, &new.tree, fill).is_err());
    assert_untouched(&outside);
    assert_eq!(names(&versions), ["1.0.0", "1.1.0"]);
    install(&mut installer, &new, 9).expect("installs");
}

#[test]
fn a_link_in_the_middle_of_a_path_leads_nowhere() {
    let dir = with_two();
    let outside = outside(&dir);
    fs::create_dir(outside.join("lib/deep")).expect("makes");
    let versions = root(&dir).join("versions");
    let new = release_of(
        "1.2.0",
        vec![
            other("lib", Node::Folder),
            other("lib/deep", Node::Folder),
            file("lib/deep/a", FileMode::Plain, b"aaaa"),
            file("lib/deep/b", FileMode::Plain, b"bbbb"),
        ],
    );
    let mut installer = open(&dir);
    let fill = |out: &mut dyn Write| {
        out.write_all(b"aa")?;
        let temporary = names(&versions).into_iter().find(|name| name.starts_with(".tmp-"));
        let lib = versions.join(temporary.expect("is being staged")).join("lib");
        fs::rename(&lib, lib.with_extension("moved"))?;
        symlink(outside.join("lib"), &lib)?;
        out.write_all(b"aabbbb")
    };
    let refused = installer.stage(&new.version, &new.digest, &new.tree, fill);
    assert!(matches!(refused, Err(InstallError::Io { action: "open", .. })), "{refused:?}");
    assert_eq!(names(&outside.join("lib/deep")), Vec::<String>::new());
}

#[test]
fn a_racing_planter_gets_nothing_out_of_the_root() {
    let dir = with_two();
    let outside = outside(&dir);
    let versions = root(&dir).join("versions");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for name in names(&versions).iter().filter(|name| name.starts_with('.')) {
                    let lib = versions.join(name).join("lib");
                    if fs::rename(&lib, lib.with_extension("moved")).is_ok() {
                        let _ = symlink(outside.join("lib"), &lib);
                    }
                }
            }
        });
        for _ in 0..100 {
            let mut installer = open(&dir);
            // With or without luck, the release is right or refused.
            if stage(&mut installer, &release("1.2.0")).is_ok() {
                let _ = installer.verify(&version("1.2.0"));
            }
            let _ = installer.keep(1, &none());
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_untouched(&outside);
    assert_eq!(live(&dir).as_deref(), Some("1.1.0"));
    open(&dir).verify(&version("1.1.0")).expect("untouched");
}

#[test]
fn what_somebody_put_at_a_versions_place_is_not_overwritten() {
    let dir = with_two();
    let mut installer = open(&dir);
    let theirs = root(&dir).join("versions/1.2.0");
    fs::create_dir(&theirs).expect("makes");
    let refused = stage(&mut installer, &release("1.2.0"));
    assert!(matches!(refused, Err(InstallError::Occupied { .. })), "{refused:?}");
    open(&dir);
    assert!(theirs.is_dir());
}

#[test]
fn what_appears_at_a_versions_place_while_it_is_staged_stays() {
    let dir = with_two();
    let mut installer = open(&dir);
    let new = release("1.2.0");
    let theirs = root(&dir).join("versions/1.2.0");
    let fill = |out: &mut dyn Write| {
        fs::create_dir(&theirs)?;
        out.write_all(&new.contents)
    };
    let refused = installer.stage(&new.version, &new.digest, &new.tree, fill);
    assert!(matches!(refused, Err(InstallError::Occupied { .. })), "{refused:?}");
    assert!(theirs.is_dir());
}

#[test]
fn a_current_replaced_by_hand_is_named_kept_and_not_overwritten() {
    type Replace = fn(&Path);
    let replacements: [(Replace, &str); 4] = [
        (|at| symlink("versions/1.0.0", at).expect("links"), "a link to `versions/1.0.0`"),
        (|at| symlink("/opt/other", at).expect("links"), "a link to `/opt/other`"),
        (|at| fs::write(at, b"mine").expect("writes"), "a file"),
        (|at| fs::create_dir(at).expect("makes"), "a folder"),
    ];
    for (replace, expected) in replacements {
        let dir = with_two();
        let current = root(&dir).join("current");
        fs::remove_file(&current).expect("removes");
        replace(&current);
        let kind = fs::symlink_metadata(&current).expect("is there").file_type();
        let mut installer = open(&dir);
        assert!(matches!(
            installer.check_current(),
            Err(InstallError::CurrentReplaced { found, .. }) if found == expected
        ));
        stage(&mut installer, &release("1.2.0")).expect("staging needs no `current`");
        for refused in [
            installer.switch(&version("1.2.0"), at(9)),
            installer.rollback_to(&version("1.0.0"), at(9)),
        ] {
            assert!(matches!(refused, Err(InstallError::CurrentReplaced { .. })), "{refused:?}");
        }
        assert_eq!(fs::symlink_metadata(&current).expect("is there").file_type(), kind);
        installer.restore_current().expect("restored on demand");
        assert_eq!(live(&dir).as_deref(), Some("1.1.0"));
        let aside = fs::symlink_metadata(root(&dir).join("current.replaced-1")).expect("kept");
        assert_eq!(aside.file_type(), kind);
        installer.switch(&version("1.2.0"), at(9)).expect("switches");
    }
}

#[test]
fn a_current_that_is_gone_comes_back_at_the_next_start_if_its_version_is_sound() {
    let dir = with_two();
    fs::remove_file(root(&dir).join("current")).expect("removes");
    open(&dir);
    assert_eq!(live(&dir).as_deref(), Some("1.1.0"));
    fs::remove_file(root(&dir).join("current")).expect("removes");
    fs::write(root(&dir).join("versions/1.1.0/z"), b"9.9.9").expect("writes");
    let mut installer = open(&dir);
    assert_eq!(installer.current().expect("reads"), Pointer::Missing);
    installer.rollback_to(&version("1.0.0"), at(9)).expect("a sound one can be gone back to");
    assert_eq!(live(&dir).as_deref(), Some("1.0.0"));
}

#[test]
fn a_version_removed_by_hand_is_struck_off_unless_it_is_live() {
    let dir = with_two();
    fs::remove_dir_all(root(&dir).join("versions/1.0.0")).expect("removes");
    let mut installer = open(&dir);
    assert_eq!(installer.kept().len(), 1);
    assert_eq!(installer.previous(), None);
    install(&mut installer, &release("1.0.0"), 9).expect("installs anew");
    fs::remove_dir_all(root(&dir).join("versions/1.0.0")).expect("removes");
    let installer = open(&dir);
    assert_eq!(installer.installed().expect("told").version, version("1.0.0"));
    assert!(installer.verify(&version("1.0.0")).is_err());
}
