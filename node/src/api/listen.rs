//! Listens, accepts within its limits, and stops. What is answered is the router's business.

use std::{
    convert::Infallible,
    fs,
    future::Future,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use axum::{Router, body::Body, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::registry::Registry;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::{
    auth::Caller,
    events,
    router::{Api, ApiSettings, router},
    socket::{BindError, BoundSocket},
};
use crate::{agent::AgentHandle, metrics::Metrics};

/// Connections of one listener; later ones wait in the system's queue.
const MAX_CONNECTIONS: usize = 256;
/// A header that takes longer closes the connection; so does a connection that is idle for so long.
const HEADER_TIME: Duration = Duration::from_secs(10);
/// Bytes of a header; the longest request line is 2 kB.
const MAX_HEADER: usize = 16 * 1024;
/// What answers under way may still take when the node stops.
const STOP_TIME: Duration = Duration::from_secs(5);
/// Pause after an accept that failed for want of something, such as file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A running API.
#[derive(Debug)]
pub struct Serving {
    /// The TCP address bound, or why none is; `None` when none was asked for.
    pub http: Option<Result<SocketAddr, BindError>>,
    /// The socket bound, or why none is; `None` when none was asked for.
    pub socket: Option<Result<PathBuf, BindError>>,
    /// Why commands cannot find the TCP address by themselves, if they cannot.
    pub address_file: Option<BindError>,
    tasks: JoinSet<()>,
}

impl Serving {
    /// Waits until everything has stopped. Call it after the token given to [`serve`] is cancelled.
    pub async fn stopped(mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a task of the API ended badly");
            }
        }
    }
}

/// Starts to answer on the TCP address and the socket of `settings`.
///
/// A listener that cannot be had is reported in the result and does not stop the node.
pub async fn serve(
    settings: ApiSettings,
    agent: AgentHandle,
    registry: Arc<Registry>,
    metrics: Metrics,
    stop: CancellationToken,
) -> Serving {
    let mut tasks = JoinSet::new();
    let (feed, filling) = events::start(&agent, &stop);
    tasks.spawn(filling);
    let api = Api::new(agent, settings.clone(), registry, metrics, feed, stop.clone());

    let mut http = None;
    let mut address_file = None;
    if let Some(address) = settings.listen {
        http = Some(match bind_tcp(address).await {
            Ok((listener, bound)) => {
                let note =
                    settings.address_file.as_deref().map(|path| AddressFile::write(path, bound));
                let note = match note.transpose() {
                    Ok(note) => note,
                    Err(error) => {
                        address_file = Some(error);
                        None
                    }
                };
                let router = router(&api, Some(bound));
                tasks.spawn(accept(
                    Listener::Tcp { listener, _address: note },
                    router,
                    stop.clone(),
                ));
                Ok(bound)
            }
            Err(error) => Err(error),
        });
    }
    let mut socket = None;
    if let Some(file) = &settings.socket {
        socket = Some(match file.bind().await {
            Ok((listener, bound)) => {
                let router = router(&api, None);
                tasks.spawn(accept(Listener::Unix { listener, _file: bound }, router, stop));
                Ok(file.path.clone())
            }
            Err(error) => Err(error),
        });
    }
    Serving { http, socket, address_file, tasks }
}

async fn bind_tcp(address: SocketAddr) -> Result<(TcpListener, SocketAddr), BindError> {
    let failed = |source| BindError::Tcp { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// The file that tells commands on this machine the TCP address; it goes when the listener goes.
#[derive(Debug)]
struct AddressFile(PathBuf);

impl AddressFile {
    fn write(path: &Path, address: SocketAddr) -> Result<Self, BindError> {
        let failed = |source| BindError::AddressFile { path: path.to_owned(), source };
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        io::Write::write_all(&mut file, format!("{address}\n").as_bytes()).map_err(failed)?;
        file.persist(path).map_err(|error| failed(error.error))?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for AddressFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::debug!(path = %self.0.display(), %error, "address file stays behind");
        }
    }
}

/// A listener, and what has to go when it stops.
#[derive(Debug)]
enum Listener {
    Tcp { listener: TcpListener, _address: Option<AddressFile> },
    Unix { listener: UnixListener, _file: BoundSocket },
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Listener {
    async fn accept(&self) -> io::Result<(Stream, Caller)> {
        match self {
            Self::Tcp { listener, .. } => {
                let (stream, peer) = listener.accept().await?;
                // Small answers should not wait for company; a peer that is gone already notices nothing.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection keeps small answers back");
                }
                Ok((Stream::Tcp(stream), Caller::Tcp(peer)))
            }
            Self::Unix { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                let uid = stream.peer_cred()?.uid();
                Ok((Stream::Unix(stream), Caller::Socket { uid }))
            }
        }
    }
}

async fn accept(listener: Listener, router: Router, stop: CancellationToken) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        // Cancel-safe: a permit or a connection is taken only when it is returned.
        let permit = tokio::select! {
            () = stop.cancelled() => break,
            permit = room.clone().acquire_owned() => permit.expect("the semaphore is never closed"),
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, caller)) => {
                let (router, stop) = (router.clone(), stop.clone());
                connections.spawn(async move {
                    let _permit = permit;
                    match stream {
                        Stream::Tcp(stream) => converse(stream, caller, router, stop).await,
                        Stream::Unix(stream) => converse(stream, caller, router, stop).await,
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to the API could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Answers the requests of one connection until it closes, or the node stops.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    caller: Caller,
    router: Router,
    stop: CancellationToken,
) {
    let service = service_fn(move |request| answer(router.clone(), request, caller));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME).max_buf_size(MAX_HEADER);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = stop.cancelled() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            timeout(STOP_TIME, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        // A client that goes away in the middle is no fault of the node.
        tracing::debug!(%error, "a connection to the API broke off");
    }
}

fn answer(
    router: Router,
    request: hyper::Request<Incoming>,
    caller: Caller,
) -> impl Future<Output = Result<axum::response::Response, Infallible>> {
    let mut request: Request = request.map(Body::new);
    request.extensions_mut().insert(caller);
    router.oneshot(request)
}
