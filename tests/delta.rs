//! `updraft delta`: patches between files and folders, made and applied by the real program, and what it refuses.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    process::{Pid, Signal, kill_process},
};
use serde_json::Value;
use tempfile::TempDir;
use updraft_delta::{
    Level, Sides, offer,
    patch::{self, MAX_SIDE, Options},
};
use updraft_protocol::PatchCodec;

use super::{
    cli::{run, updraft},
    harness::{
        dir::{folder, snapshot},
        release::noise,
        until,
    },
};

/// A desk with two versions of a file and of a folder, in a home of its own.
struct Desk {
    home: TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { home: folder() };
        let old = noise("old", 60_000);
        let mut new = old.clone();
        new.splice(20_000..20_100, *b"something else");
        desk.write("old.bin", &old);
        desk.write("new.bin", &new);
        let program = fs::Permissions::from_mode(0o755);
        fs::set_permissions(desk.at("old.bin"), program.clone()).expect("own file");
        for version in ["old", "new"] {
            fs::create_dir_all(desk.at(version).join("bin")).expect("own folder");
            fs::create_dir_all(desk.at(version).join("share/empty")).expect("own folder");
            desk.write(&format!("{version}/bin/app"), b"#!/bin/sh\necho here\n");
            fs::set_permissions(desk.at(version).join("bin/app"), program.clone())
                .expect("own file");
        }
        desk.write("old/share/data", &old);
        desk.write("old/share/same", &noise("same", 30_000));
        desk.write("new/share/renamed", &noise("same", 30_000));
        desk.write("new/share/data", &new);
        symlink("../bin/app", desk.at("new/share/link")).expect("own folder");
        for path in ["old", "new"].map(|name| desk.at(name)) {
            fs::set_permissions(path, program.clone()).expect("own folder");
        }
        desk
    }

    fn at(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.at(name), bytes).expect("own file");
        fs::set_permissions(self.at(name), fs::Permissions::from_mode(0o644)).expect("own file");
    }

    /// Runs `updraft delta` with these words.
    fn delta(&self, words: &str) -> (Option<i32>, String, String) {
        let mut all = vec!["delta"];
        all.extend(words.split(' '));
        run(updraft(&self.home, &all).current_dir(self.home.path()))
    }

    #[track_caller]
    fn done(&self, words: &str) -> String {
        let (code, out, err) = self.delta(words);
        assert_eq!(code, Some(0), "{words}: {err}");
        out
    }

    /// Begins `updraft delta` with these words; what it says can be read.
    fn begin(&self, words: &str) -> Child {
        let mut all = vec!["delta"];
        all.extend(words.split(' '));
        let mut command = updraft(&self.home, &all);
        command.current_dir(self.home.path()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().expect("the program starts")
    }

    #[track_caller]
    fn document(&self, words: &str) -> Value {
        let (code, out, err) = self.delta(&format!("{words} --json"));
        assert_eq!((code, err.as_str()), (Some(0), ""), "{words}");
        serde_json::from_str(&out).expect("a document")
    }

    /// Refused with this exit code and these words, and nothing has changed on the desk.
    #[track_caller]
    fn refused(&self, words: &str, code: i32, says: &[&str]) {
        let before = snapshot(self.home.path());
        let (ended, out, err) = self.delta(words);
        assert_eq!((ended, out.as_str()), (Some(code), ""), "{words}: {err}");
        for says in says {
            assert!(err.contains(says), "{words}: `{says}` is not in\n{err}");
        }
        assert_eq!(snapshot(self.home.path()), before, "{words}: something has changed");
    }
}

fn size_of(path: &Path) -> u64 {
    fs::metadata(path).expect("there").len()
}

#[test]
fn a_file_becomes_the_next_one_by_a_patch_of_every_codec() {
    let desk = Desk::new();
    let out = desk.done("create old.bin new.bin auto.patch");
    assert!(out.starts_with("auto.patch: ") && out.contains(" % of new, "), "{out}");
    assert!(size_of(&desk.at("auto.patch")) < 200, "{out}");
    for codec in ["plain", "fast", "dense"] {
        let patch = format!("{codec}.patch");
        let made = desk.document(&format!("create old.bin new.bin {patch} --codec {codec}"));
        assert_eq!(made["schema"], "updraft.delta-create/1");
        assert_eq!((&made["codec"], &made["between"]), (&codec.into(), &"files".into()));
        assert_eq!(made["patchBytes"], size_of(&desk.at(&patch)));
        let inspected = desk.document(&format!("inspect {patch}"));
        assert_eq!(inspected["old"], made["old"]);
        assert_eq!(inspected["new"]["bytes"], size_of(&desk.at("new.bin")));
        let out = desk.done(&format!("apply old.bin {patch} {codec}.bin"));
        assert!(out.starts_with(&format!("{codec}.bin: ")), "{out}");
        let bytes = |name: &str| fs::read(desk.at(name)).expect("there");
        assert_eq!(bytes(&format!("{codec}.bin")), bytes("new.bin"));
        let mode = fs::metadata(desk.at(&format!("{codec}.bin"))).expect("there").permissions();
        assert_eq!(mode.mode() & 0o111, 0o111, "as executable as what it was made from");
    }
    let out = desk.done("inspect dense.patch");
    for line in ["between      two files\n", "codec        dense\n", "PART", "literals"] {
        assert!(out.contains(line), "{out}");
    }
}

#[test]
fn a_folder_becomes_the_next_one_with_its_modes_and_links() {
    let desk = Desk::new();
    let made = desk.document("create old new folders.patch --stats");
    assert_eq!(made["between"], "folders");
    assert!(size_of(&desk.at("folders.patch")) < 400, "{made}");
    let parts = made["stats"]["parts"].as_array().expect("a list");
    let sum: u64 = parts.iter().map(|part| part["bytes"].as_u64().expect("bytes")).sum();
    assert_eq!(sum + 4, size_of(&desk.at("folders.patch")), "the parts and the mark: {made}");
    assert!(made["stats"]["peakMemoryBytes"].as_u64().is_some_and(|bytes| bytes > 0), "{made}");
    assert!(desk.done("inspect folders.patch").starts_with("between      two folders\n"));
    let out = desk.done("apply old folders.patch made --stats");
    for part in ["made: ", "apply speed", "MB/s", "peak memory", "PART"] {
        assert!(out.contains(part), "{out}");
    }
    assert_eq!(snapshot(&desk.at("made")), snapshot(&desk.at("new")));
    desk.done("create new old back.patch --codec plain -q");
    desk.done("apply made back.patch again");
    assert_eq!(snapshot(&desk.at("again")), snapshot(&desk.at("old")));
}

#[test]
fn what_cannot_be_compared_is_refused_by_name_before_any_work() {
    let desk = Desk::new();
    mknodat(CWD, desk.at("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("own folder");
    fs::create_dir(desk.at("void")).expect("own folder");
    desk.write("there", b"kept");
    symlink("there", desk.at("link")).expect("own folder");
    for (words, code, says) in [
        ("create none new.bin p", 1, &["error[UD0711]: `none` does not exist"][..]),
        ("create old.bin pipe p", 1, &["error[UD0711]: `pipe` is a fifo"]),
        ("create /dev/null new.bin p", 1, &["error[UD0711]: `/dev/null` is a device"]),
        ("create - new.bin p", 2, &["error[UD0204]: `-` is no file", "hint: write it to a file"]),
        ("create old.bin new.bin -", 2, &["`-` is no file"]),
        ("create old.bin new p", 2, &["`old.bin` and `new` are a file and a folder"]),
        ("create void new p", 1, &["error[UD0711]: `void` is an empty folder", "hint: "]),
        ("create old.bin new.bin there", 1, &["error[UD0707]: `there` is there", "`--force`"]),
        ("create old.bin new.bin link -f", 1, &["`link` is there already"]),
        ("create old.bin new.bin void -f", 1, &["`void` is there already"]),
        ("create old.bin new.bin ./new.bin -f", 2, &["error[UD0204]: `./new.bin` is NEW itself"]),
        ("create old new new/share/p", 2, &["`new/share/p` would lie in NEW, and change it"]),
        ("create old.bin new.bin none/p", 1, &["error[UD0707]: `none` cannot be written"]),
        ("create old.bin new.bin p --codec best", 2, &["possible values: auto"]),
        ("create old.bin new.bin p --level 23", 2, &["23 is not in 1..=22"]),
        ("create old.bin new.bin", 2, &["<PATCH>"]),
    ] {
        desk.refused(words, code, says);
    }
    symlink("/etc", desk.at("new/out")).expect("own folder");
    desk.refused("create old new p", 1, &["`out` links to an absolute path"]);
    desk.done("create old.bin new.bin there --force");
    desk.done("apply old.bin there made");
}

#[test]
fn a_side_over_the_limit_is_refused_without_being_read() {
    let desk = Desk::new();
    let huge = fs::File::create(desk.at("huge")).expect("own file");
    huge.set_len(MAX_SIDE + 1).expect("sparse");
    let (code, out, err) = desk.delta("create huge new.bin p");
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    let says =
        "error[UD0711]: `huge` has 2147483649 bytes; patches are for at most 2147483648 (2.0 GiB)";
    assert!(err.starts_with(says) && err.contains("hint: make patches of its parts"), "{err}");
    assert!(!desk.at("p").exists());
}

#[test]
fn a_patch_is_applied_to_nothing_but_what_it_is_for() {
    let desk = Desk::new();
    desk.done("create old.bin new.bin p");
    desk.done("create old new folders");
    let other = noise("other", 60_000);
    desk.write("other.bin", &other);
    desk.write("shorter.bin", &other[1..]);
    desk.write("there", b"kept");
    mknodat(CWD, desk.at("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("own folder");
    let hint = "hint: name the version that it was made from; `updraft delta inspect p`";
    for (words, code, says) in [
        ("apply other.bin p made", 6, &["error[UD0710]: `p` is not for `other.bin`", hint][..]),
        ("apply shorter.bin p made", 6, &["it is for contents of 60000 bytes, here are 59999"]),
        (
            "apply old p made",
            6,
            &["`p` is not for `old`", "it is between files, and this is a folder"],
        ),
        ("apply old.bin folders made", 6, &["it is between folders, and this is a file"]),
        ("apply new folders made", 6, &["error[UD0710]: `folders` is not for `new`"]),
        ("apply old.bin old.bin made", 6, &["error[UD0710]: `old.bin` is refused as a patch"]),
        ("apply old.bin p there", 1, &["error[UD0707]: `there` is there already", "`--force`"]),
        ("apply old.bin p new -f", 1, &["`new` is there already"]),
        ("apply old folders new -f", 1, &["`new` is there already", "never replaced"]),
        ("apply old folders there -f", 1, &["`there` is there already"]),
        ("apply old folders old/made", 2, &["`old/made` would lie in OLD, and change it"]),
        ("apply old.bin p p -f", 2, &["`p` is PATCH itself"]),
        ("apply old.bin pipe made", 1, &["error[UD0711]: `pipe` is a fifo"]),
        ("apply old.bin old made", 1, &["error[UD0711]: `old` is a folder; a file is wanted"]),
        ("apply pipe p made", 1, &["`pipe` is a fifo"]),
        ("apply old.bin - made", 2, &["`-` is no file"]),
        ("apply none p made", 1, &["`none` does not exist"]),
        ("inspect none", 1, &["`none` does not exist"]),
        (
            "inspect new.bin",
            6,
            &["error[UD0710]: `new.bin` is refused", "hint: `updraft delta create"],
        ),
    ] {
        desk.refused(words, code, says);
    }
    desk.done("apply old.bin p there -f");
    assert_eq!(
        fs::read(desk.at("there")).expect("there"),
        fs::read(desk.at("new.bin")).expect("there")
    );
    desk.done("apply old.bin p old.bin --force");
    assert_eq!(
        fs::read(desk.at("old.bin")).expect("there"),
        fs::read(desk.at("new.bin")).expect("there")
    );
}

#[test]
fn a_damaged_patch_writes_nothing_and_ends_with_6() {
    let desk = Desk::new();
    for (kind, words) in [("files", "old.bin new.bin p"), ("folders", "old new p")] {
        desk.done(&format!("create {words} --codec fast"));
        let good = fs::read(desk.at("p")).expect("there");
        let old = words.split(' ').next().expect("a word");
        let apply = format!("apply {old} p made");
        let step = good.len().div_ceil(12);
        for end in (0..good.len()).step_by(step) {
            desk.write("p", &good[..end]);
            desk.refused(&apply, 6, &["error[UD0710]: `p` "]);
        }
        for at in (0..good.len()).step_by(step) {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            desk.write("p", &bad);
            desk.refused(&apply, 6, &["error[UD0710]: `p` ", "hint: "]);
        }
        desk.write("p", &[&good[..], &[0]].concat());
        desk.refused(&apply, 6, &["error[UD0710]: `p` "]);
        // Many more bytes than anything reads: they are not read.
        let endless = fs::OpenOptions::new().write(true).open(desk.at("p")).expect("own file");
        endless.set_len(1 << 40).expect("sparse");
        let (code, out, err) = desk.delta(&apply);
        assert_eq!((code, out.as_str()), (Some(6), ""), "{err}");
        assert!(err.contains("error[UD0710]: `p` is refused as a patch"), "{err}");
        assert!(!desk.at("made").exists());
        fs::remove_file(desk.at("p")).unwrap_or_else(|error| panic!("{kind}: {error}"));
    }
}

#[test]
fn a_patch_that_was_made_to_leave_its_folder_is_refused() {
    let desk = Desk::new();
    fs::create_dir(desk.at("one")).expect("own folder");
    desk.write("one/a", b"x");
    let old = b"\x04\x01\x01a\x01x";
    let streams: [(&[u8], &str); 4] = [
        (b"\x07\x01\x04../b\x01x", "is `../b`: it has `.` or `..` in it"),
        (b"\x09\x01\x06/tmp/b\x01x", "is `/tmp/b`: it is absolute"),
        (b"\x08\x03\x01a\x04../x", "links to a place outside"),
        (b"\x0b\x03\x01a\x01.\x01\x03a/x\x01x", "no folder `a`"),
    ];
    for (new, says) in streams {
        let (_, bytes) = offer::smallest(old, new, Level::FAST).expect("a patch");
        desk.write("evil", &[Sides::Folders.mark(), &bytes].concat());
        desk.refused(
            "apply one evil made",
            6,
            &["error[UD0710]: `evil` does not make a folder", says],
        );
    }
}

/// A dense patch from one byte, of which nothing is written before all is computed, and that takes long: its literals are
/// noise. What it makes is not what it says, but nobody should come that far.
fn slow_patch() -> Vec<u8> {
    const HEADER: usize = 4 + 2 + 2 * 8;
    let options = Options { codec: PatchCodec::RefdiffDense, level: Level::FAST };
    let quick = patch::create(b"x", &[7; 100], &options).expect("a patch");
    // The same, of 32 MiB.
    let header = [&quick[..5], &[0x80, 0x80, 0x80, 0x10], &quick[6..HEADER]].concat();
    [header, quick[HEADER..].to_vec(), noise("slow", 8 << 20)].concat()
}

/// Sends a signal and says how the program ends.
fn stopped(mut child: Child, signal: Signal) -> Option<i32> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, signal).expect("our child");
    child.wait().expect("our child").code()
}

const STOPS: [(Signal, i32); 2] = [(Signal::INT, 130), (Signal::TERM, 143)];

#[test]
fn an_application_that_is_stopped_leaves_nothing() {
    for (signal, code) in STOPS {
        let desk = Desk::new();
        desk.write("one", b"x");
        desk.write("slow", &slow_patch());
        let before = snapshot(desk.home.path());
        let child = desk.begin("apply one slow made");
        let prepared = || {
            let entries = fs::read_dir(desk.home.path()).expect("own folder");
            let mut paths = entries.map(|entry| entry.expect("own folder").path().join("new"));
            paths.find(|path| path.exists())
        };
        until("something is prepared", prepared);
        assert_eq!(stopped(child, signal), Some(code));
        assert_eq!(snapshot(desk.home.path()), before);
    }
}

#[test]
fn a_creation_that_is_stopped_leaves_nothing() {
    for (signal, code) in STOPS {
        let desk = Desk::new();
        desk.write("one", &noise("one", 4 << 20));
        desk.write("two", &noise("two", 4 << 20));
        let before = snapshot(desk.home.path());
        let mut child = desk.begin("create one two p --codec dense");
        let mut said = String::new();
        let mut talk = BufReader::new(child.stderr.take().expect("piped"));
        talk.read_line(&mut said).expect("it says something");
        assert!(said.contains("Comparing 4.0 MiB with 4.0 MiB"), "{said}");
        assert_eq!(stopped(child, signal), Some(code));
        assert_eq!(snapshot(desk.home.path()), before);
    }
}

#[test]
fn what_a_file_becomes_may_be_read_written_and_run_by_the_same_people() {
    let desk = Desk::new();
    desk.done("create old.bin new.bin p");
    for mode in [0o600, 0o644, 0o664, 0o755, 0o711, 0o640, 0o400] {
        let set = |name: &str, mode| {
            fs::set_permissions(desk.at(name), fs::Permissions::from_mode(mode)).expect("own file");
        };
        set("old.bin", mode);
        desk.done(&format!("apply old.bin p made-{mode:o}"));
        desk.write("there", b"something else");
        set("there", 0o666);
        desk.done("apply old.bin p there --force");
        for name in [&*format!("made-{mode:o}"), "there"] {
            let got = fs::metadata(desk.at(name)).expect("there").permissions().mode();
            assert_eq!(got & 0o7777, mode, "{name}: {got:o}");
        }
    }
}
