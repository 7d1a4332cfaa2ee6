//! What happens when nobody means harm: installing, going back, keeping, refusing.

use std::io::ErrorKind;

use super::*;

#[test]
fn an_installed_release_is_what_its_listing_says_to_the_mode() {
    let dir = folder();
    let mut installer = open(&dir);
    install(&mut installer, &release("1.0.0"), 5).expect("installs");
    let top = root(&dir).join("current");
    assert_eq!(live(&dir).as_deref(), Some("1.0.0"));
    assert_eq!(names(&top), ["bin", "empty", "hollow", "latest", "lib", "z"]);
    assert_eq!(fs::read(top.join("z")).expect("reads"), b"1.0.0");
    assert_eq!(fs::read_link(top.join("latest")).expect("a link"), Path::new("bin/app"));
    assert_eq!(fs::read(top.join("lib/deep/zero")).expect("reads"), b"");
    let version = root(&dir).join("versions/1.0.0");
    let modes = ["", "bin", "hollow", "bin/app", "lib/deep/zero", "empty", "lib/big"]
        .map(|path| mode(&version.join(path)));
    assert_eq!(modes, [0o755, 0o755, 0o755, 0o755, 0o755, 0o644, 0o644]);
    let installed = installer.installed().expect("installed");
    assert_eq!((installed.version, installed.at), (super::version("1.0.0"), at(5)));
    assert_eq!(installed.tree, release("1.0.0").digest);
}

#[test]
fn a_staged_release_changes_nothing_that_is_live() {
    let dir = with_two();
    let mut installer = open(&dir);
    stage(&mut installer, &release("1.2.0")).expect("staged");
    assert_eq!(live(&dir).as_deref(), Some("1.1.0"));
    assert_eq!(installer.installed().expect("installed").version, version("1.1.0"));
    assert_eq!(installer.kept().len(), 2, "what never was live cannot be gone back to");
    let mut installer = open(&dir);
    installer.switch(&version("1.2.0"), at(9)).expect("switches after a restart");
    installer.commit(&version("1.2.0")).expect("commits");
    assert_eq!(live(&dir).as_deref(), Some("1.2.0"));
}

#[test]
fn going_back_and_forth_remembers_which_was_before() {
    let dir = with_two();
    let mut installer = open(&dir);
    assert_eq!(installer.previous().expect("kept").version, version("1.0.0"));
    installer.rollback_to(&version("1.0.0"), at(7)).expect("goes back");
    assert_eq!(live(&dir).as_deref(), Some("1.0.0"));
    let installer = open(&dir);
    assert_eq!(installer.installed().expect("installed").at, at(7));
    assert_eq!(installer.previous().expect("kept").version, version("1.1.0"));
    assert_eq!(installer.kept().len(), 2);
}

#[test]
fn a_version_that_never_was_live_cannot_be_gone_back_to() {
    let dir = with_two();
    let mut installer = open(&dir);
    stage(&mut installer, &release("1.2.0")).expect("staged");
    let refused = installer.rollback_to(&version("1.2.0"), at(7));
    assert!(matches!(refused, Err(InstallError::NeverLive { .. })));
    let refused = installer.rollback_to(&version("9.0.0"), at(7));
    assert!(matches!(refused, Err(InstallError::NotKept { .. })));
    let refused = installer.rollback_to(&version("1.1.0"), at(7));
    assert!(matches!(refused, Err(InstallError::AlreadyLive { .. })));
}

#[test]
fn a_switch_that_is_given_up_leads_back_even_to_nothing() {
    let dir = folder();
    let mut installer = open(&dir);
    stage(&mut installer, &release("1.0.0")).expect("staged");
    installer.switch(&version("1.0.0"), at(1)).expect("switches");
    installer.give_up(at(2)).expect("given up");
    assert_eq!(live(&dir), None);
    assert_eq!(installer.installed(), None);
    install(&mut installer, &release("1.1.0"), 3).expect("installs");
    installer.switch(&version("1.0.0"), at(4)).expect("switches");
    assert_eq!(live(&dir).as_deref(), Some("1.0.0"));
    installer.give_up(at(5)).expect("given up");
    assert_eq!(live(&dir).as_deref(), Some("1.1.0"));
    assert_eq!(installer.installed().expect("installed").at, at(3));
}

#[test]
fn keeping_removes_the_oldest_and_their_listings_only() {
    let dir = with_two();
    let mut installer = open(&dir);
    for (n, name) in ["1.2.0", "1.3.0", "1.4.0"].into_iter().enumerate() {
        install(&mut installer, &release(name), 10 + n as u64).expect("installs");
    }
    installer.rollback_to(&version("1.0.0"), at(20)).expect("goes back");
    stage(&mut installer, &release("1.5.0")).expect("staged");
    let gone = installer.keep(2, &none()).expect("keeps");
    assert_eq!(gone, [version("1.1.0"), version("1.2.0")]);
    assert_eq!(names(&root(&dir).join("versions")), ["1.0.0", "1.3.0", "1.4.0", "1.5.0"]);
    assert_eq!(names(&root(&dir).join("trees")).len(), 4);
    assert_eq!(installer.previous().expect("kept").version, version("1.4.0"));
    installer.verify(&version("1.3.0")).expect("untouched");
    assert_eq!(open(&dir).state(), installer.state());
    installer.keep(0, &none()).expect("keeps");
    assert_eq!(installer.kept().len(), 1);
    installer.verify(&version("1.0.0")).expect("the live one stays");
}

#[test]
fn contents_that_do_not_fit_the_listing_leave_nothing() {
    let dir = with_two();
    let mut installer = open(&dir);
    let before = names(&root(&dir).join("versions"));
    let new = release("1.2.0");
    let mut flipped = new.contents.clone();
    flipped[100] ^= 1;
    let long = [new.contents.as_slice(), b"x"].concat();
    for contents in [&new.contents[1..], &long, &flipped, &[]] {
        let fill = |out: &mut dyn Write| out.write_all(contents);
        assert!(installer.stage(&new.version, &new.digest, &new.tree, fill).is_err());
        assert_eq!(names(&root(&dir).join("versions")), before);
        assert_eq!(names(&root(&dir).join("trees")).len(), 2);
    }
    let fill = |_: &mut dyn Write| Err("no patch");
    let failed = installer.stage(&new.version, &new.digest, &new.tree, fill);
    assert!(matches!(failed, Err(InstallError::Fill { .. })), "{failed:?}");
    install(&mut installer, &new, 9).expect("a good one installs after all that");
}

#[test]
fn the_errors_say_what_was_wrong_with_the_contents() {
    let dir = folder();
    let mut installer = open(&dir);
    let new = release("1.0.0");
    let whole = new.contents.len() as u64;
    let mut stage = |contents: &[u8]| {
        let fill = |out: &mut dyn Write| out.write_all(contents);
        installer.stage(&new.version, &new.digest, &new.tree, fill).expect_err("refused")
    };
    let mut flipped = new.contents.clone();
    *flipped.last_mut().expect("not empty") ^= 1;
    assert!(matches!(
        stage(&new.contents[1..]),
        InstallError::TooFewBytes { got, expected } if (got, expected) == (whole - 1, whole)
    ));
    let long = [new.contents.as_slice(), b"x"].concat();
    assert!(matches!(stage(&long), InstallError::TooManyBytes { expected } if expected == whole));
    assert_eq!(
        stage(&flipped).to_string(),
        "version 1.0.0 is not as its listing says: `z` has other contents"
    );
}

#[test]
fn a_listing_that_was_not_named_is_refused_unread() {
    let dir = folder();
    let mut installer = open(&dir);
    let new = release("1.0.0");
    let refused = installer.stage(&new.version, &Digest::of(b"other"), &new.tree, no_fill);
    assert!(matches!(refused, Err(InstallError::WrongListing { .. })));
    let empty = Tree { entries: Vec::new() };
    let refused = installer.stage(&new.version, &new.digest, &empty, no_fill);
    assert!(matches!(refused, Err(InstallError::BadListing(_))));
    assert_eq!(names(&root(&dir).join("versions")), Vec::<String>::new());
}

#[test]
fn staging_what_is_kept_only_checks_it() {
    let dir = with_two();
    let mut installer = open(&dir);
    let old = release("1.0.0");
    installer.stage(&old.version, &old.digest, &old.tree, no_fill).expect("is there already");
    fs::write(root(&dir).join("versions/1.0.0/z"), b"1.0.1").expect("writes");
    stage(&mut installer, &old).expect("made again");
    installer.verify(&old.version).expect("mended");
    let live = release("1.1.0");
    let refused = installer.stage(&live.version, &live.digest, &live.tree, no_fill);
    assert!(matches!(refused, Err(InstallError::AlreadyLive { .. })));
}

#[test]
fn the_live_version_is_never_replaced_under_its_own_name() {
    let dir = with_two();
    let mut installer = open(&dir);
    let rival = release_of("1.1.0", vec![file("a", FileMode::Plain, b"x")]);
    assert!(matches!(stage(&mut installer, &rival), Err(InstallError::LiveDiffers { .. })));
    let rival = release_of("1.0.0", vec![file("a", FileMode::Plain, b"x")]);
    stage(&mut installer, &rival).expect("an old one may be");
    installer.verify(&version("1.0.0")).expect("the new contents");
}

#[test]
fn damage_of_every_kind_is_found_and_named() {
    type Damage = fn(&Path);
    let damages: [(Damage, &str); 9] = [
        (|top| fs::write(top.join("z"), b"1.1.1").expect("writes"), "`z` has other contents"),
        (|top| fs::write(top.join("z"), b"1").expect("writes"), "`z` has another size"),
        (
            |top| fs::remove_file(top.join("lib/deep/up")).expect("removes"),
            "`lib/deep/up` is missing",
        ),
        (|top| fs::remove_dir(top.join("hollow")).expect("removes"), "`hollow` is missing"),
        (
            |top| fs::write(top.join("lib/new"), b"").expect("writes"),
            "`lib/new` does not belong there",
        ),
        (|top| set_mode(&top.join("bin/app"), 0o4755), "`bin/app` has another mode"),
        (|top| set_mode(&top.join("lib"), 0o777), "`lib` has another mode"),
        (
            |top| {
                fs::remove_file(top.join("latest")).expect("removes");
                std::os::unix::fs::symlink("/bin/sh", top.join("latest")).expect("links");
            },
            "`latest` links elsewhere",
        ),
        (
            |top| {
                fs::rename(top.join("z"), top.with_extension("moved")).expect("moves");
                std::os::unix::fs::symlink(top.with_extension("moved"), top.join("z"))
                    .expect("links");
            },
            "`z` is of another kind",
        ),
    ];
    for (damage, expected) in damages {
        let dir = with_two();
        damage(&root(&dir).join("versions/1.0.0"));
        let mut installer = open(&dir);
        let found = installer.verify(&version("1.0.0")).expect_err("damaged").to_string();
        assert!(found.ends_with(expected), "{found}");
        assert!(installer.rollback_to(&version("1.0.0"), at(9)).is_err(), "{expected}");
        assert_eq!(live(&dir).as_deref(), Some("1.1.0"));
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("sets the mode");
}

#[test]
fn a_lost_listing_is_an_error_and_not_a_pass() {
    let dir = with_two();
    let installer = open(&dir);
    let path = root(&dir).join("trees").join(release("1.0.0").digest.to_hex());
    fs::write(&path, b"x").expect("writes");
    let lost = installer.verify(&version("1.0.0"));
    assert!(matches!(lost, Err(InstallError::ListingLost { what: "damaged", .. })));
    fs::remove_file(path).expect("removes");
    let lost = installer.verify(&version("1.0.0"));
    assert!(matches!(lost, Err(InstallError::ListingLost { what: "gone", .. })));
}

#[test]
fn contents_read_like_the_stream_at_every_offset() {
    let dir = with_two();
    let installer = open(&dir);
    let old = release("1.0.0");
    let contents = installer.contents(&old.version, &old.tree).expect("opens");
    assert_eq!(contents.size(), old.contents.len() as u64);
    for start in (0..old.contents.len()).step_by(501).chain([0, 20, 21, 22, 23, 24]) {
        for len in [0, 1, 30, 5_000] {
            let end = old.contents.len().min(start + len);
            let mut out = vec![0; end - start];
            contents.read_exact_at(start as u64, &mut out).expect("reads");
            assert_eq!(out, old.contents[start..end]);
        }
    }
    for offset in [contents.size(), contents.size() - 1, u64::MAX] {
        let error = contents.read_exact_at(offset, &mut [0; 2]).expect_err("past the end");
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }
}

#[test]
fn a_release_that_does_not_fit_is_refused_before_anything_is_written() {
    let dir = with_two();
    let name = "demo-app".parse().expect("a name");
    let mut installer = Installer::open(&root(&dir), name, u64::MAX).expect("opens");
    let journal = fs::read(root(&dir).join("journal")).expect("reads");
    let refused = stage(&mut installer, &release("1.2.0"));
    assert!(matches!(refused, Err(InstallError::DiskFull { what: "bytes", have: 0, .. })));
    assert_eq!(fs::read(root(&dir).join("journal")).expect("reads"), journal);
    assert_eq!(names(&root(&dir).join("versions")), ["1.0.0", "1.1.0"]);
}

#[test]
fn the_journal_stays_short_and_tells_the_same() {
    let dir = folder();
    let mut installer = open(&dir);
    let (a, b) = (release("1.0.0"), release("1.1.0"));
    install(&mut installer, &a, 0).expect("installs");
    install(&mut installer, &b, 1).expect("installs");
    for n in 0..800 {
        installer.rollback_to(&a.version, at(2 * n + 2)).expect("goes back");
        installer.rollback_to(&b.version, at(2 * n + 3)).expect("goes back");
    }
    let bytes = fs::metadata(root(&dir).join("journal")).expect("is there").len();
    assert!(bytes < 70_000, "{bytes}");
    assert_eq!(open(&dir).state(), installer.state());
}
