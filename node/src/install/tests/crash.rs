//! Ending the program, or failing, before every single change of the disk.

use std::{io::ErrorKind, os::unix::fs::MetadataExt as _};

use super::*;

/// What is under way when it happens, and what may be live afterwards.
struct Story {
    name: &'static str,
    before: fn() -> TempDir,
    run: fn(&mut Installer) -> Result<(), InstallError>,
    old: Option<&'static str>,
    new: Option<&'static str>,
}

const STORIES: [Story; 8] = [
    Story {
        name: "first install",
        before: || {
            let dir = folder();
            open(&dir);
            dir
        },
        run: |installer| install(installer, &release("1.2.0"), 9),
        old: None,
        new: Some("1.2.0"),
    },
    Story {
        name: "update",
        before: with_two,
        run: |installer| install(installer, &release("1.2.0"), 9),
        old: Some("1.1.0"),
        new: Some("1.2.0"),
    },
    Story {
        name: "rollback",
        before: with_two,
        run: |installer| installer.rollback_to(&version("1.0.0"), at(9)),
        old: Some("1.1.0"),
        new: Some("1.0.0"),
    },
    Story {
        name: "removal of old versions",
        before: with_two,
        run: |installer| installer.keep(0, &none()).map(drop),
        old: Some("1.1.0"),
        new: Some("1.1.0"),
    },
    Story {
        name: "staging ahead",
        before: with_two,
        run: |installer| {
            stage(installer, &release("1.2.0"))?;
            installer.lend(&version("1.2.0"))?;
            installer.take_back(&version("1.2.0"))?;
            installer.keep_ahead(&BTreeSet::from([version("1.2.0")])).map(drop)
        },
        old: Some("1.1.0"),
        new: Some("1.1.0"),
    },
    Story {
        name: "going live with what was staged ahead",
        before: with_one_ahead,
        run: |installer| {
            installer.stage(
                &version("1.2.0"),
                &release("1.2.0").digest,
                &release("1.2.0").tree,
                no_fill,
            )?;
            installer.switch(&version("1.2.0"), at(9))?;
            installer.commit(&version("1.2.0"))
        },
        old: Some("1.1.0"),
        new: Some("1.2.0"),
    },
    Story {
        name: "sweeping what was staged ahead",
        before: with_one_ahead,
        run: |installer| installer.keep_ahead(&none()).map(drop),
        old: Some("1.1.0"),
        new: Some("1.1.0"),
    },
    Story {
        name: "giving up",
        before: with_two,
        run: |installer| {
            stage(installer, &release("1.2.0"))?;
            installer.switch(&version("1.2.0"), at(9))?;
            installer.give_up(at(10))
        },
        // A start in between finds the new files sound; health is not judged in this room.
        old: Some("1.1.0"),
        new: Some("1.2.0"),
    },
];

/// A copy of a folder: making two versions anew for every point of failure takes longer.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("makes");
    for name in names(from) {
        let (from, to) = (from.join(&name), to.join(&name));
        let kind = fs::symlink_metadata(&from).expect("is there").file_type();
        if kind.is_symlink() {
            let target = fs::read_link(&from).expect("a link");
            std::os::unix::fs::symlink(target, &to).expect("links");
        } else if kind.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).expect("copies");
        }
    }
}

fn copy_of(dir: &TempDir) -> TempDir {
    let copied = folder();
    copy(dir.path(), copied.path());
    copied
}

/// What holds after every start, whatever was before it.
fn assert_at_rest(dir: &TempDir, installer: &Installer, story: &Story, context: &str) {
    let live = live(dir);
    let installed = installer.installed().map(|installed| installed.version.to_string());
    assert_eq!(live, installed, "{context}: `current` and the journal agree");
    assert!([story.old, story.new].contains(&live.as_deref()), "{context}: {live:?} is live");
    for version in installer.state().slots().keys() {
        installer.verify(version).unwrap_or_else(|error| panic!("{context}: {error}"));
    }
    let kept: Vec<String> = installer.state().slots().keys().map(ToString::to_string).collect();
    let found: BTreeSet<String> = names(&root(dir).join("versions")).into_iter().collect();
    assert_eq!(found, kept.into_iter().collect(), "{context}: nothing is left over");
    let listings: BTreeSet<Digest> =
        installer.state().slots().values().map(|slot| slot.tree).collect();
    assert_eq!(names(&root(dir).join("trees")).len(), listings.len(), "{context}");
    assert_eq!(open(dir).state(), installer.state(), "{context}: a second start changes nothing");
}

fn assert_next_install_works(installer: &mut Installer, context: &str) {
    let next = release("2.0.0");
    install(installer, &next, 50).unwrap_or_else(|error| panic!("{context}: {error}"));
    installer.verify(&next.version).expect("sound");
}

/// Runs the story with a fault and gives its outcome and the number of changes made.
fn run(dir: &TempDir, story: &Story, fault: Fault) -> (Result<(), InstallError>, usize) {
    let (opened, steps) = open_with(dir, fault);
    let outcome = opened.and_then(|mut installer| (story.run)(&mut installer));
    (outcome, steps.log().len())
}

/// Every number of a change that the story makes without a fault.
fn points(story: &Story, before: &TempDir) -> std::ops::Range<usize> {
    let (outcome, count) = run(&copy_of(before), story, Fault::None);
    outcome.unwrap_or_else(|error| panic!("{}: {error}", story.name));
    0..count
}

#[test]
fn killed_before_any_change_the_next_start_has_the_old_or_the_new_version_whole() {
    for story in &STORIES {
        let before = (story.before)();
        for point in points(story, &before) {
            let dir = copy_of(&before);
            let context = format!("{} killed at {point}", story.name);
            let (outcome, _) = run(&dir, story, Fault::KilledAt(point));
            assert!(outcome.is_err(), "{context}: nothing that was not done is reported");
            let mut installer = open(&dir);
            assert_at_rest(&dir, &installer, story, &context);
            assert_next_install_works(&mut installer, &context);
        }
    }
}

#[test]
fn killed_in_the_recovery_too_it_comes_to_the_same() {
    for story in &STORIES {
        let before = (story.before)();
        for point in points(story, &before) {
            let killed = copy_of(&before);
            let _ = run(&killed, story, Fault::KilledAt(point));
            let (_, steps) = open_with(&copy_of(&killed), Fault::None);
            for second in 0..steps.log().len() {
                let dir = copy_of(&killed);
                let _ = open_with(&dir, Fault::KilledAt(second));
                let context = format!("{} killed at {point}, then at {second}", story.name);
                assert_at_rest(&dir, &open(&dir), story, &context);
            }
        }
    }
}

#[test]
fn one_failing_change_leaves_a_node_that_installs_the_next_release_without_a_restart() {
    for story in &STORIES {
        let before = (story.before)();
        for point in points(story, &before) {
            for kind in [ErrorKind::StorageFull, ErrorKind::Other] {
                let dir = copy_of(&before);
                let context = format!("{} failing at {point} with {kind}", story.name);
                let (opened, _) = open_with(&dir, Fault::ErrorAt(point, kind));
                // An error while opening is the caller's to try again.
                let mut installer = opened.unwrap_or_else(|_| open(&dir));
                let _ = (story.run)(&mut installer);
                assert_next_install_works(&mut installer, &context);
                let installer = open(&dir);
                assert_eq!(live(&dir).as_deref(), Some("2.0.0"), "{context}");
                for version in installer.state().slots().keys() {
                    installer.verify(version).unwrap_or_else(|error| panic!("{context}: {error}"));
                }
            }
        }
    }
}

#[test]
fn a_failed_update_leaves_the_old_version_live_at_once() {
    let story = &STORIES[1];
    let before = (story.before)();
    let commit_begins = points(story, &before).end - 2;
    for point in 0..commit_begins {
        let dir = copy_of(&before);
        let (opened, _) = open_with(&dir, Fault::ErrorAt(point, ErrorKind::Other));
        let Ok(mut installer) = opened else { continue };
        if (story.run)(&mut installer).is_err() {
            assert_eq!(live(&dir).as_deref(), story.old, "failing at {point}");
        }
    }
}

#[test]
fn a_version_damaged_during_the_switch_is_left_at_the_next_start() {
    let dir = with_two();
    let mut installer = open(&dir);
    stage(&mut installer, &release("1.2.0")).expect("staged");
    installer.switch(&version("1.2.0"), at(9)).expect("switches");
    drop(installer);
    fs::write(root(&dir).join("versions/1.2.0/z"), b"").expect("cuts");
    let installer = open(&dir);
    assert_eq!(live(&dir).as_deref(), Some("1.1.0"));
    assert_eq!(installer.installed().expect("installed").version, version("1.1.0"));
}

#[test]
fn a_current_replaced_during_the_switch_is_left_alone() {
    let dir = with_two();
    let mut installer = open(&dir);
    stage(&mut installer, &release("1.2.0")).expect("staged");
    installer.switch(&version("1.2.0"), at(9)).expect("switches");
    let current = root(&dir).join("current");
    fs::remove_file(&current).expect("removes");
    fs::write(&current, b"mine").expect("writes");
    assert!(matches!(
        installer.commit(&version("1.2.0")),
        Err(InstallError::CurrentReplaced { .. })
    ));
    drop(installer);
    let installer = open(&dir);
    assert_eq!(fs::read(&current).expect("reads"), b"mine");
    assert_eq!(installer.installed().expect("installed").version, version("1.1.0"));
    assert!(installer.check_current().is_err());
}

/// The order of syncs, which neither a kill nor a power cut on a journalling file system can show to be wrong.
#[test]
fn nothing_gets_its_name_before_it_and_its_folders_are_synced() {
    for story in &STORIES {
        let dir = (story.before)();
        let (opened, steps) = open_with(&dir, Fault::None);
        (story.run)(&mut opened.expect("opens")).expect("goes well");
        let log = steps.log();
        let prefix = root(&dir).display().to_string();
        let synced = |name: &str, range: &[(&str, String)]| {
            range.iter().any(|(action, synced)| *action == "fsync" && synced == name)
        };
        for (step, (action, name)) in log.iter().enumerate() {
            let after = &log[step + 1..];
            let (parent, _) = name.rsplit_once('/').expect("absolute");
            match *action {
                // R1: a file or folder is synced before the next rename.
                "create" | "mkdir" => {
                    let named = after.iter().position(|(action, _)| *action == "rename");
                    let until = named.map_or(after, |at| &after[..at]);
                    assert!(synced(name, until), "{}: {name} is not synced", story.name);
                    assert!(synced(parent, after), "{}: {parent} is not synced", story.name);
                }
                // R2: a rename is durable before the journal says so.
                "rename" | "unlink" if parent == prefix || name.ends_with(".0") => {
                    let said = after.iter().position(|(action, _)| *action == "append");
                    let until = said.map_or(after, |at| &after[..at]);
                    let is_leftover = name.ends_with(".tmp") || name.contains("/.del-");
                    assert!(is_leftover || synced(parent, until), "{}: {name}", story.name);
                }
                // R3: a line of the journal is durable before anything else happens.
                "append" => {
                    assert_eq!(after.first(), Some(&("fsync", name.clone())), "{}", story.name);
                }
                _ => {}
            }
        }
    }
}

/// After a sync that failed the system may show a line that is not on the disk; what follows it would be lost.
#[test]
fn nothing_is_appended_to_a_journal_that_an_earlier_program_wrote() {
    let dir = with_two();
    let journal = root(&dir).join("journal");
    let inode = |path: &Path| fs::metadata(path).expect("is there").ino();
    let before = (inode(&journal), fs::read(&journal).expect("reads"));
    let mut installer = open(&dir);
    assert_eq!(inode(&journal), before.0, "a start writes nothing");
    stage(&mut installer, &release("1.2.0")).expect("staged");
    assert_ne!(inode(&journal), before.0);
    assert!(fs::read(&journal).expect("reads").starts_with(&before.1), "nothing is forgotten");
    let written = inode(&journal);
    installer.switch(&version("1.2.0"), at(9)).expect("switches");
    assert_eq!(inode(&journal), written, "what this one wrote it knows to be there");
}
