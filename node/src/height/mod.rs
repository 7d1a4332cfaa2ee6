//! The height room: where heights come from, for votes that come into force at one: a program or an address of the operator's that says a
//! number. What it says is bounded and read as a number, and nothing else of it matters.

use std::{process::Stdio, time::Duration};

use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, Uri, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{io::AsyncReadExt, net::TcpStream, process::Command, time::timeout};

/// A source has to answer within this.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer that are looked at.
const MAX_ANSWER: usize = 256;

/// Where heights come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A program that prints a number, and its arguments.
    Command(Vec<String>),
    /// An address that answers with a number; `http` only.
    Url(String),
}

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
        error: std::io::Error,
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
    /// It said something else.
    #[error("`{0}` is no number")]
    NoNumber(String),
}

/// Asks for the height now.
pub async fn read(source: &Source) -> Result<u64, NoHeight> {
    let asked = async {
        match source {
            Source::Command(argv) => run(argv).await,
            Source::Url(url) => get(url).await,
        }
    };
    let said = timeout(PATIENCE, asked).await.map_err(|_| NoHeight::TooSlow)??;
    let text = String::from_utf8_lossy(&said);
    let first = text.split_whitespace().next().unwrap_or_default();
    first.parse().map_err(|_| NoHeight::NoNumber(first.chars().take(40).collect()))
}

async fn run(argv: &[String]) -> Result<Vec<u8>, NoHeight> {
    let program = argv.first().cloned().unwrap_or_default();
    let not_run = |error| NoHeight::NotRun { program: program.clone(), error };
    let mut child = Command::new(&program)
        .args(argv.get(1..).unwrap_or_default())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(not_run)?;
    let mut said = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MAX_ANSWER as u64).read_to_end(&mut said).await.map_err(not_run)?;
    }
    let status = child.wait().await.map_err(not_run)?;
    if status.success() { Ok(said) } else { Err(NoHeight::Failed { program, status }) }
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
