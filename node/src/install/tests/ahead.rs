//! Versions that are made ready for a later day: complete, and not live.

use super::*;

fn only(name: &str) -> BTreeSet<ReleaseVersion> {
    BTreeSet::from([version(name)])
}

#[test]
fn what_was_staged_ahead_goes_live_after_a_restart_without_its_contents() {
    let dir = with_one_ahead();
    assert_eq!(live(&dir).as_deref(), Some("1.1.0"), "staging does not touch what is live");
    let (mut installer, new) = (open(&dir), release("1.2.0"));
    installer.stage(&new.version, &new.digest, &new.tree, no_fill).expect("it is all there");
    installer.switch(&new.version, at(9)).expect("switches");
    installer.commit(&new.version).expect("commits");
    assert_eq!(live(&dir).as_deref(), Some("1.2.0"));
}

#[test]
fn what_is_staged_ahead_outlives_other_updates_as_long_as_it_is_wanted() {
    let dir = with_one_ahead();
    let mut installer = open(&dir);
    install(&mut installer, &release("1.1.1"), 9).expect("installs");
    assert_eq!(installer.keep(1, &only("1.2.0")).expect("keeps"), [version("1.0.0")]);
    installer.verify(&version("1.2.0")).expect("untouched");
    assert_eq!(installer.keep(1, &none()).expect("keeps"), [version("1.2.0")]);
    assert_eq!(names(&root(&dir).join("versions")), ["1.1.0", "1.1.1"]);
    assert_eq!(names(&root(&dir).join("trees")).len(), 2);
}

#[test]
fn what_nobody_wants_any_more_goes_and_what_was_live_stays() {
    let dir = with_one_ahead();
    let mut installer = open(&dir);
    assert_eq!(installer.keep_ahead(&only("1.2.0")).expect("keeps"), []);
    assert_eq!(installer.keep_ahead(&none()).expect("keeps"), [version("1.2.0")]);
    assert_eq!(names(&root(&dir).join("versions")), ["1.0.0", "1.1.0"]);
    assert_eq!(open(&dir).state(), installer.state());
}

#[test]
fn a_version_that_is_switched_to_is_not_swept_before_it_is_committed() {
    let dir = with_one_ahead();
    let mut installer = open(&dir);
    installer.switch(&version("1.2.0"), at(9)).expect("switches");
    assert_eq!(installer.keep_ahead(&none()).expect("keeps"), []);
    installer.commit(&version("1.2.0")).expect("commits");
}

#[test]
fn what_was_changed_while_it_was_lent_is_found_and_thrown_away() {
    let changes: [fn(&Path); 3] = [
        |folder| fs::write(folder.join("log"), b"I was here").expect("writes"),
        |folder| fs::write(folder.join("z"), b"1.2.1").expect("writes"),
        |folder| fs::remove_file(folder.join("empty")).expect("removes"),
    ];
    for change in changes {
        let dir = with_one_ahead();
        let mut installer = open(&dir);
        change(&installer.lend(&version("1.2.0")).expect("kept"));
        let found = installer.take_back(&version("1.2.0"));
        assert!(matches!(found, Err(InstallError::Differs { .. })), "{found:?}");
        assert_eq!(names(&root(&dir).join("versions")), ["1.0.0", "1.1.0"]);
        install(&mut installer, &release("1.2.0"), 9).expect("a good one takes its place");
    }
}

#[test]
fn a_lent_version_is_read_again_before_it_goes_live() {
    let dir = with_two();
    let mut installer = open(&dir);
    stage(&mut installer, &release("1.2.0")).expect("staged");
    let folder = installer.lend(&version("1.2.0")).expect("kept");
    fs::write(folder.join("z"), b"1.2.1").expect("writes");
    let refused = installer.switch(&version("1.2.0"), at(9));
    assert!(matches!(refused, Err(InstallError::Differs { .. })), "{refused:?}");
    assert_eq!(live(&dir).as_deref(), Some("1.1.0"));
}

#[test]
fn a_live_version_that_was_changed_is_told_and_stays() {
    let dir = with_two();
    let mut installer = open(&dir);
    let folder = installer.lend(&version("1.1.0")).expect("kept");
    fs::write(folder.join("z"), b"").expect("writes");
    assert!(installer.take_back(&version("1.1.0")).is_err());
    assert_eq!(live(&dir).as_deref(), Some("1.1.0"));
    assert!(folder.join("z").exists());
}
