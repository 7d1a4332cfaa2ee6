//! The height room: where heights come from, for votes that come into force at one: a program or an address of the
//! operator's that says a number. What it says is bounded and read as a number, and nothing else of it matters.
//!
//! The program gets nothing of the node's: no input, no variables but the path of programs, and it ends with the
//! question, together with whatever it started. Asks once; how often, and what a height is good for, is others' to say.

use std::{
    env, io,
    process::{Command, Stdio},
    time::Duration,
};

use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, Uri, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{
    io::AsyncReadExt,
    net::{TcpStream, unix::pipe},
    time::timeout,
};

use crate::{config::HeightSource, group::Group};

/// A source has to answer within this.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer. A longer one is refused: the beginning of a number is another number.
const MAX_ANSWER: usize = 256;

/// Why there is no number.
#[derive(Debug, thiserror::Error)]
pub enum NoHeight {
    /// It took too long.
    #[error("it did not answer within {} s", PATIENCE.as_secs())]
    TooSlow,
    /// The program does not run.
    #[error("`{program}` cannot be run")]
    NotRun {
        /// The program.
        program: String,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The program failed.
    #[error("`{program}` ended with {status}")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// The address is none, or nobody answers there.
    #[error("{url} does not answer: {reason}")]
    Unreachable {
        /// The address.
        url: String,
        /// Why.
        reason: String,
    },
    /// It said more than a number has.
    #[error("it said more than {MAX_ANSWER} bytes")]
    TooLong,
    /// It said something else.
    #[error("`{0}` is no number")]
    NoNumber(String),
}

/// Asks for the height now. Ends within ten seconds; dropping the future ends the program that was asked.
///
/// # Errors
/// If nobody says a number in time.
pub async fn read(source: &HeightSource) -> Result<u64, NoHeight> {
    let asked = async {
        match source {
            HeightSource::Command(argv) => run(argv).await,
            HeightSource::Url(url) => get(url).await,
        }
    };
    let said = timeout(PATIENCE, asked).await.map_err(|_| NoHeight::TooSlow)??;
    if said.len() > MAX_ANSWER {
        return Err(NoHeight::TooLong);
    }
    let text = String::from_utf8_lossy(&said);
    let first = text.split_whitespace().next().unwrap_or_default();
    first.parse().map_err(|_| NoHeight::NoNumber(first.chars().take(40).collect()))
}

async fn run(argv: &[String]) -> Result<Vec<u8>, NoHeight> {
    let program = argv.first().cloned().unwrap_or_default();
    let not_run = |error| NoHeight::NotRun { program: program.clone(), error };
    let argv = argv.to_vec();
    let started = tokio::task::spawn_blocking(move || start(&argv)).await;
    let (mut running, said) = started.unwrap_or_else(|error| Err(error.into())).map_err(not_run)?;
    let said = pipe::Receiver::from_owned_fd(said.into()).map_err(not_run)?;
    let ended = running.ended().map_err(not_run)?;
    let ended = async {
        let ended = ended.await;
        // Whoever it left behind would keep its output open.
        running.kill();
        ended
    };
    // Closed when enough was read, so that a program without an end has one.
    let reading = async {
        let mut answer = Vec::new();
        // One more than allowed is read, so that a longer answer is seen to be one.
        let most = u64::try_from(MAX_ANSWER + 1).unwrap_or(u64::MAX);
        said.take(most).read_to_end(&mut answer).await.map(|_| answer)
    };
    let (ended, answer) = tokio::join!(ended, reading);
    let status = ended.and_then(|()| running.reap()).map_err(not_run)?;
    if status.success() {
        answer.map_err(not_run)
    } else {
        Err(NoHeight::Failed { program, status })
    }
}

/// Blocks for a moment.
fn start(argv: &[String]) -> io::Result<(Group<()>, io::PipeReader)> {
    let (program, arguments) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let (said, stdout) = io::pipe()?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().stdin(Stdio::null()).stdout(stdout).stderr(Stdio::null());
    if let Some(path) = env::var_os("PATH") {
        command.env("PATH", path);
    }
    // The command holds the writing end; it goes at the end of this function, so that the reader sees an end.
    Ok((Group::start(&mut command, ())?, said))
}

async fn get(url: &str) -> Result<Vec<u8>, NoHeight> {
    let unreachable = |reason: String| NoHeight::Unreachable { url: url.to_owned(), reason };
    let uri: Uri = url.parse().map_err(|_| unreachable("it is no address".to_owned()))?;
    let host = uri.host().ok_or_else(|| unreachable("it names no host".to_owned()))?;
    let address = (host.trim_matches(['[', ']']), uri.port_u16().unwrap_or(80));
    let stream =
        TcpStream::connect(address).await.map_err(|error| unreachable(error.to_string()))?;
    let broke = |error: hyper::Error| unreachable(error.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broke)?;
    // Ends when the answer is read or its reader is gone.
    tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path)
        .header(header::HOST, uri.authority().map_or(host, |authority| authority.as_str()))
        .body(Empty::<Bytes>::new())
        .map_err(|error| unreachable(error.to_string()))?;
    let response = sender.send_request(request).await.map_err(broke)?;
    if !response.status().is_success() {
        return Err(unreachable(response.status().to_string()));
    }
    let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
    body.map(|body| body.to_bytes().to_vec()).map_err(|error| unreachable(error.to_string()))
}
