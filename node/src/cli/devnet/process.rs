//! Real processes of this program: started, waited for, and never left behind.
//!
//! A node holds the read end of a pipe as its standard input and stops when that closes, so that nothing stays
//! running even when this process is killed.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::problem::{Code, Problem};

/// A node has to answer within this.
const READY_TIME: Duration = Duration::from_secs(30);
/// A node that is told to stop has this long.
const STOP_TIME: Duration = Duration::from_secs(10);
/// Longest output of a command that is read.
const MAX_OUTPUT: u64 = 1024 * 1024;

/// The line that a node prints when it answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReadyLine {
    /// Addresses with its peer id.
    pub(super) listen: Vec<String>,
    /// The address of its HTTP API.
    pub(super) http: Option<String>,
}

/// A running node.
#[derive(Debug)]
pub(super) struct NodeProcess {
    child: Child,
    pub(super) ready: ReadyLine,
}

/// This program, for a data directory.
fn program(data: &Path) -> Result<Command, Problem> {
    let path = std::env::current_exe().map_err(|error| {
        Problem::new(Code::Failed, "this program cannot be found").cause(error.to_string())
    })?;
    let mut command = Command::new(path);
    command.arg("-d").arg(data).arg("-c").arg(config_file(data));
    // Settings of the person at the desk are not for these nodes.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("UPDRAFT_") {
            command.env_remove(name);
        }
    }
    Ok(command)
}

/// Where a node's configuration is.
pub(super) fn config_file(data: &Path) -> PathBuf {
    data.join("updraft.toml")
}

/// Where a node's log is.
pub(super) fn log_file(data: &Path) -> PathBuf {
    data.join("updraft.log")
}

/// Runs a command of this program to its end and gives what it printed.
pub(super) async fn run(data: &Path, args: &[&str]) -> Result<String, Problem> {
    finish(program(data)?, args).await
}

/// The same in a project's folder, where its keys and root are found by their names.
pub(super) async fn run_in(project: &Path, data: &Path, args: &[&str]) -> Result<String, Problem> {
    let mut command = program(data)?;
    command.current_dir(project);
    finish(command, args).await
}

async fn finish(mut command: Command, args: &[&str]) -> Result<String, Problem> {
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let output = command.output().await.map_err(|error| not_started(&error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Problem::new(
        Code::Failed,
        format!("`updraft {}` ended with {}", args.join(" "), output.status),
    )
    .cause(said.trim().to_owned()))
}

impl NodeProcess {
    /// Starts a node and waits until it answers.
    pub(super) async fn start(data: &Path) -> Result<Self, Problem> {
        let log = File::create(log_file(data)).map_err(|error| {
            Problem::new(Code::FileUnusable, format!("cannot write {}", log_file(data).display()))
                .cause(error.to_string())
        })?;
        let mut child = program(data)?
            .args(["--json", "run", "--stop-with-stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // Ctrl-C at the terminal is for the devnet, which stops its nodes in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| not_started(&error))?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| Problem::new(Code::Failed, "a node has no output"))?;
        let mut line = String::new();
        let mut reader = BufReader::new(stdout.take(MAX_OUTPUT));
        let read = timeout(READY_TIME, reader.read_line(&mut line)).await;
        let ready = match read {
            Ok(Ok(_)) => serde_json::from_str(&line).ok(),
            Ok(Err(_)) | Err(_) => None,
        };
        let Some(ready) = ready else { return Err(not_ready(data)) };
        Ok(Self { child, ready })
    }

    /// The process id, while it runs.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// How the node ended, if it has.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Tells the node to stop and waits; a node that does not is killed.
    pub(super) async fn stop(mut self) {
        drop(self.child.stdin.take());
        if timeout(STOP_TIME, self.child.wait()).await.is_err() {
            // Dropping the handle kills it as well; this only does it sooner.
            let _ = self.child.start_kill();
        }
    }
}

fn not_started(error: &std::io::Error) -> Problem {
    Problem::new(Code::Failed, "a process of this program cannot be started")
        .cause(error.to_string())
}

fn not_ready(data: &Path) -> Problem {
    let log = std::fs::read_to_string(log_file(data)).unwrap_or_default();
    let tail: Vec<&str> = log.lines().rev().take(5).collect();
    let problem =
        Problem::new(Code::Failed, format!("the node in {} did not come up", data.display()));
    tail.into_iter().rev().fold(problem, |problem, line| problem.cause(line.to_owned()))
}
