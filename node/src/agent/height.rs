//! Where heights come from, for votes that come into force at one: a program or an address of the operator's that says a
//! number. What it says is bounded and read as a number, and nothing else of it matters.

use std::{process::Stdio, time::Duration};

use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, Uri, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{io::AsyncReadExt, net::TcpStream, process::Command, time::timeout};

use crate::config::HeightSource;

/// A source has to answer within this.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer that are looked at.
const MAX_ANSWER: usize = 256;

/// Why there is no number.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoHeight {
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
pub(super) async fn read(source: &HeightSource) -> Result<u64, NoHeight> {
    let asked = async {
        match source {
            HeightSource::Command(argv) => run(argv).await,
            HeightSource::Url(url) => get(url).await,
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

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    use super::*;

    fn command(script: &str) -> HeightSource {
        HeightSource::Command(["/bin/sh", "-c", script].map(str::to_owned).to_vec())
    }

    async fn address(answer: &'static str) -> HeightSource {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut request = [0; 512];
            let _ = stream.read(&mut request).await.expect("a request");
            stream.write_all(answer.as_bytes()).await.expect("taken");
        });
        HeightSource::Url(format!("http://{at}/height?of=chain"))
    }

    #[tokio::test]
    async fn a_number_is_read_from_a_program_and_from_an_address() {
        assert_eq!(read(&command("echo '  812345 blocks'")).await.expect("a number"), 812_345);
        let served = address("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n77\n").await;
        assert_eq!(read(&served).await.expect("a number"), 77);
    }

    #[tokio::test]
    async fn what_is_no_number_is_refused_with_what_it_was() {
        for (source, expected) in [
            (command("echo up"), "`up` is no number"),
            (command("true"), "`` is no number"),
            (command("echo 7; exit 3"), "`/bin/sh` ended with exit status: 3"),
            (HeightSource::Command(vec!["/nowhere".to_owned()]), "`/nowhere` cannot be run"),
            (command("yes 1234567890123456789 | tr -d '\\n'"), "is no number"),
        ] {
            let error = read(&source).await.expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
        let endless = address("HTTP/1.1 200 OK\r\ncontent-length: 4096\r\n\r\n1").await;
        assert!(matches!(read(&endless).await, Err(NoHeight::Unreachable { .. })));
        let broken = address("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n").await;
        assert!(matches!(read(&broken).await, Err(NoHeight::Unreachable { .. })));
    }
}
