//! Runs a program once: in time, with bounded output, and with all that it started.

use std::{
    env, io,
    os::unix::process::ExitStatusExt as _,
    pin::pin,
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    net::unix::pipe,
    time::timeout,
};
use updraft_protocol::Digest;

use super::{LastWords, MAX_OUTPUT, Trial, TrialError, Tried};
use crate::group::Group;

/// The program of a trial, which is lent a home.
type Running = Group<TempDir>;

/// What output may still take once the program and its group have ended; only somebody who left the group holds it.
const LAST_OUTPUT: Duration = Duration::from_secs(1);
/// How often, and with which pauses, a program is started that is still open for writing: another program that this
/// process starts at the same moment holds a copy of the descriptor until it runs.
const BUSY_TRIES: u32 = 20;
const BUSY_PAUSE: Duration = Duration::from_millis(25);

/// Runs the program of a trial. Dropping the future ends it.
///
/// # Errors
/// If it cannot be run, takes longer than `limit`, or ends with anything but 0.
pub async fn run(trial: &Trial, limit: Duration) -> Result<Tried, TrialError> {
    let name = trial.command.first().cloned().unwrap_or_default();
    let (mut running, streams) = start(trial, &name).await?;
    let watch = |source| TrialError::Watch { program: name.clone(), source };
    let mut ended = running.ended().map_err(watch)?;
    let mut out = Vec::new();
    let mut said = Vec::new();
    let in_time = {
        let [stdout, stderr] = streams;
        let mut printing = pin!(async {
            tokio::join!(collect(stdout, &mut out), collect(stderr, &mut said));
        });
        let mut is_silent = false;
        let end = async {
            loop {
                tokio::select! {
                    // Cancel-safe: a thread waits on. What was read lies in the buffers outside.
                    ended = &mut ended => return ended,
                    () = &mut printing, if !is_silent => is_silent = true,
                }
            }
        };
        let in_time = timeout(limit, end).await;
        running.kill();
        if !is_silent {
            let _ = timeout(LAST_OUTPUT, printing).await;
        }
        in_time
    };
    in_time.map_err(|_| TrialError::TooSlow { program: name.clone(), limit })?.map_err(watch)?;
    let status = running.reap().map_err(watch)?;
    judge(name, status, &out, &said)
}

fn judge(program: String, status: ExitStatus, out: &[u8], err: &[u8]) -> Result<Tried, TrialError> {
    if status.success() {
        return Ok(Tried { printed: Digest::of(out), said: LastWords::of(out).0 });
    }
    let mut said = LastWords::of(err);
    if said == LastWords::default() {
        said = LastWords::of(out);
    }
    Err(match (status.code(), status.signal()) {
        (Some(code), _) => TrialError::Exit { program, code, said },
        (None, signal) => TrialError::Signal { program, signal: signal.unwrap_or(0), said },
    })
}

/// Reads to the end and keeps the beginning: a program must not wait for a reader.
async fn collect(mut stream: impl AsyncRead + Unpin, into: &mut Vec<u8>) {
    let mut buffer = [0; 4_096];
    // A stream that cannot be read has ended.
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        let room = MAX_OUTPUT.saturating_sub(into.len()).min(count);
        into.extend_from_slice(&buffer[..room]);
    }
}

/// Starts the program on a thread that may block; if nobody waits for it any more, it ends.
async fn start(trial: &Trial, name: &str) -> Result<(Running, [pipe::Receiver; 2]), TrialError> {
    let mut tries = 0;
    loop {
        let trial = trial.clone();
        let started = tokio::task::spawn_blocking(move || spawn(&trial)).await;
        let cannot = |source| TrialError::Start { program: name.to_owned(), source };
        match started.unwrap_or_else(|error| Err(cannot(io::Error::other(error)))) {
            Ok((running, [out, err])) => {
                let receiver = |reader: io::PipeReader| {
                    pipe::Receiver::from_owned_fd(reader.into()).map_err(cannot)
                };
                return Ok((running, [receiver(out)?, receiver(err)?]));
            }
            Err(TrialError::Start { source, .. })
                if source.kind() == io::ErrorKind::ExecutableFileBusy && tries < BUSY_TRIES =>
            {
                tries += 1;
                tokio::time::sleep(BUSY_PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
}

fn spawn(trial: &Trial) -> Result<(Running, [io::PipeReader; 2]), TrialError> {
    let home = tempfile::tempdir_in(&trial.temporary).map_err(TrialError::Temporary)?;
    let Some((program, arguments)) = trial.command.split_first() else {
        return Err(TrialError::Unknown { component: trial.component.clone() });
    };
    let cannot = |source| TrialError::Start { program: program.clone(), source };
    let (out, stdout) = io::pipe().map_err(cannot)?;
    let (err, stderr) = io::pipe().map_err(cannot)?;
    let mut command = Command::new(trial.folder.join(program));
    command
        .args(arguments)
        .arg(trial.protocol.to_string())
        .current_dir(&trial.folder)
        .env_clear()
        .env("HOME", home.path())
        .env("TMPDIR", home.path())
        .env("UPDRAFT_COMPONENT", trial.component.as_str())
        .env("UPDRAFT_VERSION", trial.version.to_string())
        .env("UPDRAFT_PROTOCOL", trial.protocol.to_string())
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr);
    if let Some(path) = env::var_os("PATH") {
        command.env("PATH", path);
    }
    // The command holds the writing ends; it goes at the end of this function, so that readers see an end.
    let running = Group::start(&mut command, home).map_err(cannot)?;
    Ok((running, [out, err]))
}
