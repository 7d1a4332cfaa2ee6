//! What every end-to-end test stands on: the program, nodes, networks, releases, and waiting with a deadline.
//!
//! Nothing here knows what a test wants to show. Nothing sleeps for a fixed time and hopes: whoever waits, waits
//! for a condition, and a condition that does not come fails the test with the logs of its nodes.

pub(crate) mod ceremony;
pub(crate) mod dir;
pub(crate) mod electors;
pub(crate) mod flooder;
pub(crate) mod herald;
pub(crate) mod http;
pub(crate) mod network;
pub(crate) mod node;
pub(crate) mod peer;
pub(crate) mod release;

use std::{
    env,
    ffi::OsString,
    fmt::Debug,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

/// Long enough for a debug build on a busy machine; only failing tests wait for it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(90);
/// Between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Looks again and again until there is something, and fails the test when the deadline passes.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    until_ok(what, || look().ok_or_else(String::new))
}

/// The same of something that says why it is not there yet: a test that fails tells what it saw last.
#[expect(clippy::disallowed_methods, reason = "sleeps between two looks, never instead of one")]
#[track_caller]
pub(crate) fn until_ok<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let last = match look() {
            Ok(found) => return found,
            Err(last) => last,
        };
        assert!(Instant::now() < deadline, "{what}: not within {} s\n{last}", DEADLINE.as_secs());
        std::thread::sleep(LOOK_EVERY);
    }
}

/// The program in an environment of its own: no home but `home`, no variables of the caller. It is the one that
/// was built with the tests, unless `UPDRAFT` names another: what is measured is measured of a release build.
pub(crate) fn updraft(home: &Path) -> Command {
    let built = || OsString::from(env!("CARGO_BIN_EXE_updraft"));
    let mut command = Command::new(env::var_os("UPDRAFT").unwrap_or_else(built));
    command.env_clear().env("HOME", home).stdin(Stdio::null()).current_dir(home);
    command
}

/// The program as it was before protocol 2, which lies where cargo puts examples. `cargo test` builds them; a run
/// that names one test target does not.
#[track_caller]
pub(crate) fn protocol_1() -> PathBuf {
    let beside =
        Path::new(env!("CARGO_BIN_EXE_updraft")).parent().expect("programs lie in a folder");
    let program = beside.join("examples").join("updraft-protocol-1");
    assert!(program.exists(), "first: cargo build -p updraft-node --example updraft-protocol-1");
    program
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a command to its end.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> Said {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Said { code: status.code(), out: text(stdout), err: text(stderr) }
}

impl Said {
    /// The same, if the command did what was asked.
    #[track_caller]
    pub(crate) fn good(self) -> Self {
        assert_eq!(self.code, Some(0), "out: {}\nerr: {}", self.out, self.err);
        self
    }

    /// The one document on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{error}\nout: {}\nerr: {}", self.out, self.err))
    }

    /// The last of the lines on standard output.
    #[track_caller]
    pub(crate) fn last_line(&self) -> Value {
        let line = self.out.lines().last().unwrap_or_default();
        serde_json::from_str(line)
            .unwrap_or_else(|error| panic!("{error}\nout: {}\nerr: {}", self.out, self.err))
    }

    /// Checks that the command failed with this exit code and said all of these words, and the number of the
    /// problem first.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, number: &str, words: &[&str]) {
        assert_eq!(self.code, Some(code), "out: {}\nerr: {}", self.out, self.err);
        let first = format!("error[{number}]: ");
        assert!(self.err.contains(&first), "no {first:?} in:\n{}", self.err);
        for word in words {
            assert!(self.err.contains(word), "no {word:?} in:\n{}", self.err);
        }
    }
}

impl Said {
    /// The same for a command that was asked for documents: the problem is one, too.
    #[track_caller]
    pub(crate) fn refused_in_json(&self, code: i32, number: &str, words: &[&str]) {
        assert_eq!(self.code, Some(code), "out: {}\nerr: {}", self.out, self.err);
        let problem: Value = serde_json::from_str(&self.err)
            .unwrap_or_else(|error| panic!("{error}\nerr: {}", self.err));
        assert_eq!(problem["code"], number, "{problem:#}");
        let said: Vec<_> = std::iter::once(&problem["detail"])
            .chain(problem["causes"].as_array().into_iter().flatten())
            .map(|line| text(line))
            .collect();
        for word in words {
            assert!(said.iter().any(|line| line.contains(word)), "no {word:?} in {problem:#}");
        }
    }
}

/// A whole number of a document.
#[track_caller]
pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no whole number"))
}

/// The text of a document.
#[track_caller]
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// The members of a list.
#[track_caller]
pub(crate) fn items(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}

/// A path as an argument.
pub(crate) fn arg(path: &Path) -> &str {
    path.to_str().expect("test paths are plain")
}
