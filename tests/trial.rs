//! Self-tests of releases: programs that keep to the rules, and some that do not. They are shell scripts, so that a test
//! shows its program.
//!
//! Here and not beside the room: a process that is just being started holds, for a moment, copies of everything that
//! this one has open, and tests beside the rooms open databases that must be theirs alone.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use updraft_node::trial::{LIMIT, MAX_OUTPUT, Trial, TrialError, Tried, run};
use updraft_protocol::Digest;

/// A staged folder with the program `check`, and a place for homes.
struct Desk {
    place: TempDir,
}

impl Desk {
    fn new(script: &str) -> Self {
        let place = tempfile::tempdir().expect("a folder");
        let desk = Self { place };
        fs::create_dir(desk.folder()).expect("own folder");
        fs::create_dir(desk.homes()).expect("own folder");
        let program = desk.folder().join("check");
        fs::write(&program, script).expect("own file");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("own file");
        desk
    }

    fn folder(&self) -> PathBuf {
        self.place.path().join("release")
    }

    fn homes(&self) -> PathBuf {
        self.place.path().join("tmp")
    }

    fn trial(&self) -> Trial {
        Trial {
            folder: self.folder(),
            command: vec!["check".to_owned(), "--all".to_owned()],
            protocol: 2,
            component: "demo-app".parse().expect("a name"),
            version: "1.2.0".parse().expect("a version"),
            temporary: self.homes(),
        }
    }

    async fn run(&self) -> Result<Tried, TrialError> {
        run(&self.trial(), LIMIT).await
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder().join(name)).unwrap_or_default()
    }
}

/// Waits for something that other processes or threads do.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut look = tokio::time::interval(Duration::from_millis(5));
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        look.tick().await;
    }
}

/// Whether a process runs that has told its number; one that has ended and was not waited for yet does not.
fn runs(pid: &str) -> bool {
    let Ok(pid) = pid.trim().parse::<u32>() else { return false };
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn what_it_printed_is_named_by_its_digest() {
    let desk = Desk::new("#!/bin/sh\necho checking\necho \"all $2 \x1b[31mfine\"\necho talk >&2\n");
    let tried = desk.run().await.expect("it passes");
    assert_eq!(tried.printed, Digest::of(b"checking\nall 2 \x1b[31mfine\n"));
    assert_eq!(tried.said, "all 2 [31mfine", "nothing that a terminal obeys");
    assert_eq!(desk.run().await.expect("it passes"), tried);
}

#[tokio::test]
async fn it_gets_a_home_of_its_own_and_nothing_of_the_nodes() {
    let desk = Desk::new(
        "#!/bin/sh\nenv >env\npwd >pwd\ncat >input\necho \"$@\" >arguments\ntouch \"$HOME/x\" \"$TMPDIR/y\"\n",
    );
    desk.run().await.expect("it passes");
    let env = desk.read("env");
    let names: BTreeSet<&str> =
        env.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    let given =
        ["HOME", "PATH", "TMPDIR", "UPDRAFT_COMPONENT", "UPDRAFT_PROTOCOL", "UPDRAFT_VERSION"];
    // Shells add some of their own.
    let added = ["OLDPWD", "PWD", "SHLVL", "_"];
    let strange: Vec<_> =
        names.iter().filter(|name| !given.contains(name) && !added.contains(name)).collect();
    assert!(strange.is_empty() && given.iter().all(|name| names.contains(name)), "{env}");
    assert!(env.contains("UPDRAFT_VERSION=1.2.0\n") && env.contains("UPDRAFT_PROTOCOL=2\n"));
    assert_eq!(Path::new(desk.read("pwd").trim()), desk.folder().canonicalize().expect("there"));
    assert_eq!((desk.read("input").as_str(), desk.read("arguments").trim()), ("", "--all 2"));
    until("its home goes with it", || {
        fs::read_dir(desk.homes()).expect("own folder").next().is_none()
    })
    .await;
}

#[tokio::test]
async fn the_reason_of_a_failure_has_its_last_words() {
    let long = format!("#!/bin/sh\necho '{}' >&2\nexit 7\n", "x".repeat(5_000));
    for (script, reason) in [
        ("#!/bin/sh\necho no\necho 'cannot speak 2' >&2\nexit 3\n", "ended with 3: cannot speak 2"),
        ("#!/bin/sh\necho only this\nexit 1\n", "ended with 1: only this"),
        ("#!/bin/sh\nexit 1\n", "`check` ended with 1"),
        ("#!/bin/sh\nkill -SEGV $$\n", "was ended by signal 11"),
        ("#!/no/such/shell\n", "cannot be started"),
        (&long, &format!("ended with 7: {}", "x".repeat(200))),
    ] {
        let failed = Desk::new(script).run().await.expect_err(script).to_string();
        assert!(failed.ends_with(reason), "{failed}");
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_cannot_be_started() {
    let desk = Desk::new("");
    let trial = Trial { command: vec!["other".to_owned()], ..desk.trial() };
    let failed = run(&trial, LIMIT).await.expect_err("it is not there");
    assert!(matches!(failed, TrialError::Start { .. }), "{failed}");
}

#[tokio::test]
async fn who_takes_too_long_is_ended_with_all_it_started() {
    let script = "#!/bin/sh\nsleep 1000 &\necho $! >child.new\nmv child.new child\nwait\n";
    let desk = Desk::new(script);
    let limit = Duration::from_millis(500);
    let failed = run(&desk.trial(), limit).await.expect_err("it does not end");
    assert!(matches!(failed, TrialError::TooSlow { .. }), "{failed}");
    assert!(!desk.read("child").is_empty(), "it had a child");
    until("its child ends", || !runs(&desk.read("child"))).await;
}

#[tokio::test]
async fn what_it_leaves_running_ends_with_it() {
    let script = "#!/bin/sh\nsleep 1000 &\necho $! >child\necho done\n";
    let desk = Desk::new(script);
    let tried = desk.run().await.expect("it passes, although its output is still held open");
    assert_eq!(tried.said, "done");
    assert!(!desk.read("child").is_empty(), "it had a child");
    until("its child ends", || !runs(&desk.read("child"))).await;
}

#[tokio::test]
async fn nobody_waits_any_more_so_it_ends() {
    let desk = Desk::new("#!/bin/sh\necho $$ >pid.new\nmv pid.new pid\nexec sleep 1000\n");
    let trial = desk.trial();
    let task = tokio::spawn(async move { run(&trial, LIMIT).await });
    until("it runs", || runs(&desk.read("pid"))).await;
    task.abort();
    assert!(task.await.expect_err("aborted").is_cancelled());
    assert!(!desk.read("pid").is_empty(), "it ran");
    until("it ends", || !runs(&desk.read("pid"))).await;
}

#[tokio::test]
async fn output_without_end_is_thrown_away_and_not_kept() {
    let desk = Desk::new("#!/bin/sh\nhead -c 1000000 /dev/zero\nhead -c 1000000 /dev/zero >&2\n");
    let tried = desk.run().await.expect("it is never held up by its reader");
    assert_eq!(tried.printed, Digest::of(&[0; MAX_OUTPUT]));
    let endless = Desk::new("#!/bin/sh\nexec cat /dev/zero\n");
    let failed = run(&endless.trial(), Duration::from_millis(300)).await.expect_err("endless");
    assert!(matches!(failed, TrialError::TooSlow { .. }), "{failed}");
}
