//! What cannot be published is refused by name, before anything is kept or signed.

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt as _, symlink},
        net::UnixListener,
    },
    path::Path,
};

use crate::harness::{Said, arg, dir, network::Network};

/// The state before and after a refused publication is the same; the refusal says why.
#[track_caller]
fn refused(network: &Network, path: &Path, words: &[&str]) -> Said {
    let before = dir::settled(&network.publisher.data);
    let said = network.publish(path, "1.0.0");
    said.refused_in_json(1, "UD0708", words);
    assert_eq!(dir::state(&network.publisher.data), before, "nothing was kept");
    said
}

/// A release with one thing in it that cannot be published.
fn with(network: &Network, make: impl FnOnce(&Path)) -> std::path::PathBuf {
    let folder = network.release("1.0.0");
    make(&folder);
    folder
}

#[test]
fn a_missing_path_is_named() {
    let network = Network::found();
    let path = network.place().join("not-there");
    refused(&network, &path, &[arg(&path), "does not exist"]);
}

#[test]
fn everything_that_is_no_file_folder_or_link_is_named_at_once() {
    let network = Network::found();
    let folder = with(&network, |folder| {
        rustix::fs::mkfifoat(rustix::fs::CWD, folder.join("a-fifo"), 0o644.into()).expect("made");
        drop(UnixListener::bind(folder.join("a-socket")).expect("made"));
    });
    let words = ["`a-fifo` is a fifo", "`a-socket` is a socket"];
    refused(&network, &folder, &words);
    refused(&network, Path::new("/dev/null"), &["is a device"]);
}

#[test]
fn links_that_leave_the_tree_or_lead_nowhere_are_named() {
    let network = Network::found();
    let folder = with(&network, |folder| {
        symlink("../../outside", folder.join("bin/up")).expect("made");
        symlink("/etc/passwd", folder.join("absolute")).expect("made");
        symlink("nowhere", folder.join("dangling")).expect("made");
        fs::write(network.place().join("releases/outside"), "").expect("own folder");
    });
    refused(&network, &folder, &["`bin/up` ", "`absolute` ", "`dangling` "]);
}

#[test]
fn names_that_other_machines_could_not_keep_are_named() {
    // No common file system has names of 300 bytes, so the path has them; the name has what Linux allows.
    let long = "n".repeat(250);
    let deep = format!("{}/{}", "d".repeat(150), "e".repeat(149));
    let network = Network::found();
    let folder = with(&network, |folder| {
        fs::write(folder.join(&long), "").expect("Linux takes it");
        fs::create_dir(folder.join("d".repeat(150))).expect("own folder");
        fs::write(folder.join(&deep), "").expect("Linux takes it");
    });
    refused(&network, &folder, &[&long, "240"]);
    fs::remove_file(folder.join(&long)).expect("own file");
    refused(&network, &folder, &[&deep, "240"]);
}

#[test]
fn two_names_that_differ_only_in_case_are_named() {
    let network = Network::found();
    let folder = with(&network, |folder| {
        fs::write(folder.join("README"), "").expect("own folder");
        fs::write(folder.join("Readme"), "").expect("own folder");
    });
    refused(&network, &folder, &["README", "Readme"]);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let network = Network::found();
    // Nobody can read this file at its beginning, not even root, who reads everything else.
    refused(&network, Path::new("/proc/self/mem"), &["cannot be read"]);
    if rustix::process::geteuid().is_root() {
        return;
    }
    let folder = with(&network, |folder| {
        let file = folder.join("share/secret");
        fs::write(&file, "").expect("own folder");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).expect("own file");
    });
    refused(&network, &folder, &["`share/secret` cannot be read"]);
}

#[test]
fn a_version_keeps_its_contents_for_ever() {
    let network = Network::found();
    let release = network.release("1.0.0");
    network.publish(&release, "1.0.0").good();
    fs::write(release.join("share/more"), "more").expect("own folder");
    refused(&network, &release, &["1.0.0"]);
}
