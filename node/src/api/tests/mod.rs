//! The API from outside: real connections to a real server, whose agent is a fake that answers orders.

mod events;
mod guards;
mod listening;
mod shapes;
mod updates;
mod votes;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use axum::{
    body::Bytes,
    http::{HeaderMap, Method, StatusCode},
};
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use prometheus_client::registry::Registry;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};
use tokio_util::sync::CancellationToken;

use super::{ApiSettings, MetricsAccess, Serving, SocketFile, TokenHash, serve};
use crate::{
    agent::fake::{FakeAgent, STARTED},
    clock::Clock,
    metrics::Metrics,
    problem::Problem,
};

pub(super) const TOKEN: &str = "updt_test-token";

/// A served fake.
struct Desk {
    agent: FakeAgent,
    address: SocketAddr,
    socket: PathBuf,
    stop: CancellationToken,
    serving: Serving,
    folder: TempDir,
}

fn settings(folder: &TempDir) -> ApiSettings {
    ApiSettings {
        listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        socket: Some(SocketFile { path: folder.path().join("api.sock"), mode: 0o660 }),
        address_file: Some(folder.path().join("http.addr")),
        allowed_hosts: vec!["Node.Example".to_owned()],
        token: TokenHash::of(TOKEN),
        metrics: MetricsAccess::Open,
        max_body: 4_096,
        max_bundle: 100_000,
        uploads: folder.path().join("tmp"),
        clock: Clock::moved_by_hand(STARTED.plus(60)).0,
    }
}

impl Desk {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut ApiSettings)) -> Self {
        let folder = TempDir::new().expect("a folder");
        let mut settings = settings(&folder);
        change(&mut settings);
        let agent = FakeAgent::start();
        let stop = CancellationToken::new();
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry, STARTED, crate::build::Build::THIS);
        let serving =
            serve(settings, agent.handle.clone(), Arc::new(registry), metrics, stop.clone()).await;
        let address = match &serving.http {
            Some(Ok(address)) => *address,
            other => panic!("not listening: {other:?}"),
        };
        let socket = folder.path().join("api.sock");
        Self { agent, address, socket, stop, serving, folder }
    }

    /// A request over TCP with the token.
    async fn ask(&self, method: Method, path: &str, body: &str) -> Answer {
        let request = request(method, path)
            .header("host", self.address.to_string())
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", "application/json")
            .body(body.to_owned())
            .expect("a request");
        self.send(request).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, "").await
    }

    async fn send(&self, request: Request<impl Into<Bytes>>) -> Answer {
        let stream = TcpStream::connect(self.address).await.expect("it listens");
        Answer::read(exchange(stream, request).await).await
    }

    async fn send_on_socket(&self, request: Request<String>) -> Answer {
        let stream = UnixStream::connect(&self.socket).await.expect("it listens");
        Answer::read(exchange(stream, request).await).await
    }
}

fn request(method: Method, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path)
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<impl Into<Bytes>>,
) -> Response<Incoming> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("http");
    tokio::spawn(connection);
    sender.send_request(request.map(|body| Full::new(body.into()))).await.expect("an answer")
}

/// An answer, read whole.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    async fn read(response: Response<Incoming>) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes().to_vec();
        Self { status: parts.status, headers: parts.headers, body }
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{error}: {} {}", self.status, String::from_utf8_lossy(&self.body))
        })
    }

    fn problem(&self) -> Problem {
        assert_eq!(self.header("content-type"), "application/problem+json");
        serde_json::from_slice(&self.body).expect("a problem")
    }

    /// The number and the status of the problem it is.
    fn refusal(&self) -> (&'static str, u16) {
        (self.problem().code.id(), self.status.as_u16())
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }
}
