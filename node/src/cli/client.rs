//! Talks to a running node: finds it, asks over HTTP/1.1, and turns every failure into a problem.
//!
//! A node is reached over its Unix socket, else over loopback TCP with the token. Answers have a limit before
//! they are read. This file must never decide what an answer means.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use futures::TryStreamExt as _;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited, StreamBody, combinators::BoxBody};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Frame, Incoming},
    client::conn::http1,
    header,
};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_util::io::ReaderStream;

use super::Context;
use crate::{
    dirs::Dirs,
    identity::ApiToken,
    problem::{Code, Problem},
};

/// A socket or a loopback port answers at once or not at all.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// How long a node may think: it may wait for peers, or verify a bundle of some gigabytes.
const ANSWER_TIME: Duration = Duration::from_secs(600);
/// Most bytes of a JSON answer. A page of 500 releases with 16 KiB of notes each fits.
pub(super) const MAX_JSON: usize = 32 * 1024 * 1024;
/// Media type of JSON.
const JSON_TYPE: &str = "application/json";

/// Where a node may be found.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// The one place, if a person named it: `unix:PATH` or `http://HOST:PORT`.
    pub named: Option<String>,
    /// Sockets, the likeliest first.
    pub sockets: Vec<PathBuf>,
    /// The file into which a node writes its TCP address.
    pub address_file: PathBuf,
    /// The file that holds the token for TCP.
    pub token_file: PathBuf,
}

impl Places {
    /// Where the options and the configuration of a command say that its node is.
    ///
    /// # Errors
    /// If the configuration is not valid, or there is no home and nothing is named.
    pub fn of(context: &Context) -> Result<Self, Problem> {
        let settings = context.load(Vec::new())?.settings;
        let dirs = context.dirs()?;
        let mut sockets: Vec<PathBuf> = settings.http.socket.into_iter().collect();
        // A person who names a directory means that node and no other.
        let service = Dirs::service_socket();
        if context.global.data_dir.is_none() && !sockets.contains(&service) {
            sockets.push(service);
        }
        Ok(Self {
            named: context.global.api.clone(),
            sockets,
            address_file: dirs.http_address_file(),
            token_file: context.global.token_file.clone().unwrap_or(settings.http.token_file),
        })
    }
}

#[derive(Debug, Clone)]
enum Place {
    Unix(PathBuf),
    Tcp(String),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "http://{address}"),
        }
    }
}

/// A node that answers.
#[derive(Debug)]
pub struct Client {
    place: Place,
    token: Option<ApiToken>,
}

/// Bytes of a request, at once or as they are read.
type Bytestream = BoxBody<Bytes, io::Error>;

/// What a request carries.
struct Body<'a> {
    kind: &'a str,
    size: u64,
    bytes: Bytestream,
}

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

impl Client {
    /// The first node that answers.
    ///
    /// # Errors
    /// [`Code::NodeNotRunning`] with every place that was tried and why nobody was there.
    pub async fn find(places: &Places) -> Result<Self, Problem> {
        let mut tried = Vec::new();
        for place in candidates(places, &mut tried)? {
            match connect(&place).await {
                Ok(_) => return Self::at(place, &places.token_file),
                Err(error) => tried.push((format!("tried {place}"), error)),
            }
        }
        Err(not_running(&tried))
    }

    /// The token goes only where it is asked for: over TCP. Without a readable token file the node decides,
    /// because some of its addresses are open.
    fn at(place: Place, token_file: &Path) -> Result<Self, Problem> {
        let token = match &place {
            Place::Unix(_) => None,
            Place::Tcp(address) => {
                tracing::debug!(%address, "no socket answers, so TCP and the token are used");
                match ApiToken::load(token_file) {
                    Ok(token) => Some(token),
                    Err(error) if token_file.exists() => {
                        return Err(Problem::from_error(Code::Unauthorized, &error)
                            .hint("--token-file names the file that holds the token"));
                    }
                    Err(_) => None,
                }
            }
        };
        Ok(Self { place, token })
    }

    /// Asks for a JSON answer.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Problem> {
        self.json(Method::GET, path, None::<&()>).await
    }

    /// Orders something and reads the JSON answer.
    pub async fn post<B, T>(&self, path: &str, body: &B) -> Result<T, Problem>
    where
        B: Serialize + Sync,
        T: DeserializeOwned,
    {
        self.json(Method::POST, path, Some(body)).await
    }

    /// Orders something whose answer is only that it was accepted.
    pub async fn order<B>(&self, method: Method, path: &str, body: &B) -> Result<(), Problem>
    where
        B: Serialize + Sync,
    {
        let response = self.send(method, path, Some(to_json(body)?)).await?;
        read(response, MAX_JSON).await.map(drop)
    }

    /// Bytes as they are, at most `limit` of them.
    pub async fn bytes(&self, path: &str, limit: usize) -> Result<Vec<u8>, Problem> {
        let response = self.send(Method::GET, path, None).await?;
        read(response, limit).await
    }

    /// A body that is read as it comes; the caller counts.
    pub async fn stream(&self, path: &str) -> Result<Incoming, Problem> {
        Ok(self.send(Method::GET, path, None).await?.into_body())
    }

    /// Sends a file and reads the JSON answer; `kind` is the file's media type.
    ///
    /// # Errors
    /// [`Code::FileUnusable`] if the file cannot be read, and whatever the node answers.
    pub async fn upload<T>(&self, path: &str, file: &Path, kind: &str) -> Result<T, Problem>
    where
        T: DeserializeOwned,
    {
        let unread = |error: io::Error| {
            let detail = format!("`{}` cannot be read", file.display());
            Problem::new(Code::FileUnusable, detail).because(Some(&error))
        };
        let open = tokio::fs::File::open(file).await.map_err(unread)?;
        let size = open.metadata().await.map_err(unread)?.len();
        let pieces = ReaderStream::new(open.take(size)).map_ok(Frame::data);
        let body = Body { kind, size, bytes: BodyExt::boxed(StreamBody::new(pieces)) };
        let response = self.send(Method::POST, path, Some(body)).await?;
        parse(path, &read(response, MAX_JSON).await?)
    }

    /// Sends bytes and reads the JSON answer; `kind` is their media type.
    pub async fn hand_in<T>(&self, path: &str, bytes: Vec<u8>, kind: &str) -> Result<T, Problem>
    where
        T: DeserializeOwned,
    {
        let body = Body { kind, size: bytes.len() as u64, bytes: whole(bytes) };
        parse(path, &read(self.send(Method::POST, path, Some(body)).await?, MAX_JSON).await?)
    }

    async fn json<B, T>(&self, method: Method, path: &str, body: Option<&B>) -> Result<T, Problem>
    where
        B: Serialize + Sync,
        T: DeserializeOwned,
    {
        let body = body.map(to_json).transpose()?;
        parse(path, &read(self.send(method, path, body).await?, MAX_JSON).await?)
    }

    /// Sends one request on a connection of its own. An answer from 400 up is the problem it carries.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Body<'_>>,
    ) -> Result<Response<Incoming>, Problem> {
        let stream = connect(&self.place)
            .await
            .map_err(|error| not_running(&[(format!("tried {}", self.place), error)]))?;
        let request = self.request(method, path, body)?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.broke(&error))?;
        // Ends when the answer is read or its reader is gone.
        tokio::spawn(connection);
        let answer = timeout(ANSWER_TIME, sender.send_request(request)).await.map_err(|_| {
            let seconds = ANSWER_TIME.as_secs();
            let detail = format!("the node at {} did not answer within {seconds} s", self.place);
            Problem::new(Code::NodeNotRunning, detail)
        })?;
        let response = answer.map_err(|error| self.broke(&error))?;
        let status = response.status();
        if status.is_client_error() || status.is_server_error() {
            return Err(problem_in(status, response).await);
        }
        Ok(response)
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<Body<'_>>,
    ) -> Result<Request<Bytestream>, Problem> {
        let host = match &self.place {
            Place::Unix(_) => "localhost",
            Place::Tcp(address) => address,
        };
        let mut builder = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, host)
            .header(header::ACCEPT, JSON_TYPE);
        if let Some(body) = &body {
            builder = builder
                .header(header::CONTENT_TYPE, body.kind)
                .header(header::CONTENT_LENGTH, body.size);
        }
        if let Some(token) = &self.token {
            builder = builder.header(header::AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        let bytes = body.map_or_else(|| whole(Vec::new()), |body| body.bytes);
        builder.body(bytes).map_err(|error| {
            Problem::new(Code::RequestInvalid, format!("`{path}` cannot be asked for"))
                .cause(error.to_string())
        })
    }

    fn broke(&self, error: &hyper::Error) -> Problem {
        let detail = format!("the node at {} broke the connection off", self.place);
        Problem::new(Code::NodeNotRunning, detail).because(Some(error))
    }
}

/// A part of a path, with everything escaped that is not plainly part of a name.
pub(super) fn segment(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b':' => {
                escaped.push(char::from(byte));
            }
            byte => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

fn candidates(
    places: &Places,
    tried: &mut Vec<(String, io::Error)>,
) -> Result<Vec<Place>, Problem> {
    if let Some(named) = &places.named {
        return parse_place(named).map(|place| vec![place]);
    }
    let mut found: Vec<Place> = places.sockets.iter().cloned().map(Place::Unix).collect();
    match std::fs::read_to_string(&places.address_file) {
        Ok(address) => found.push(Place::Tcp(address.trim().to_owned())),
        Err(error) => tried.push((format!("read {}", places.address_file.display()), error)),
    }
    Ok(found)
}

fn parse_place(text: &str) -> Result<Place, Problem> {
    if let Some(path) = text.strip_prefix("unix:") {
        return Ok(Place::Unix(path.into()));
    }
    match text.strip_prefix("http://").map(|rest| rest.trim_end_matches('/')) {
        Some(address) if !address.is_empty() && !address.contains('/') => {
            Ok(Place::Tcp(address.to_owned()))
        }
        _ => Err(Problem::new(Code::ConfigInvalid, format!("`{text}` is no address of a node"))
            .hint("`--api unix:PATH` or `--api http://HOST:PORT`")),
    }
}

async fn connect(place: &Place) -> io::Result<Box<dyn Wire>> {
    let connecting = async {
        Ok::<Box<dyn Wire>, io::Error>(match place {
            Place::Unix(path) => Box::new(UnixStream::connect(path).await?),
            Place::Tcp(address) => Box::new(TcpStream::connect(address.as_str()).await?),
        })
    };
    timeout(CONNECT_TIME, connecting).await?
}

fn not_running(tried: &[(String, io::Error)]) -> Problem {
    let mut problem = Problem::new(Code::NodeNotRunning, "no node answers");
    for (what, error) in tried {
        problem = problem.cause(format!("{what}   {}", reason(error)));
    }
    let denied = tried.iter().any(|(_, error)| error.kind() == io::ErrorKind::PermissionDenied);
    if denied {
        return problem.hint(
            "a node runs here, but you are not in its group:\n  \
             sudo usermod -aG updraft $USER     (then log in again)",
        );
    }
    problem.hint("start one with `updraft run`, or name it with `-d DIR` or `--api ADDR`")
}

/// The reason in a person's words; the system's own words name an error number.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::ConnectionRefused => "nobody answers".to_owned(),
        io::ErrorKind::TimedOut => "no answer in time".to_owned(),
        _ => error.to_string(),
    }
}

fn to_json(body: &impl Serialize) -> Result<Body<'static>, Problem> {
    let bytes =
        serde_json::to_vec(body).map_err(|error| Problem::from_error(Code::Failed, &error))?;
    Ok(Body { kind: JSON_TYPE, size: bytes.len() as u64, bytes: whole(bytes) })
}

fn whole(bytes: Vec<u8>) -> Bytestream {
    Full::from(bytes).map_err(|never| match never {}).boxed()
}

fn parse<T: DeserializeOwned>(path: &str, bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        Problem::new(Code::Failed, format!("the node's answer to `{path}` cannot be read"))
            .cause(error.to_string())
            .hint("the node may be of another version: compare `updraft version`")
    })
}

async fn read(response: Response<Incoming>, limit: usize) -> Result<Vec<u8>, Problem> {
    let collected = Limited::new(response.into_body(), limit).collect().await;
    match collected {
        Ok(collected) => Ok(collected.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => {
            let detail = format!("the node's answer is over {limit} bytes");
            Err(Problem::new(Code::BodyTooLarge, detail))
        }
        Err(error) => Err(Problem::new(Code::NodeNotRunning, "the node's answer broke off")
            .cause(error.to_string())),
    }
}

/// The problem in an answer; one of another program is told by its status.
async fn problem_in(status: StatusCode, response: Response<Incoming>) -> Problem {
    let body = match read(response, MAX_JSON).await {
        Ok(body) => body,
        Err(problem) => return problem,
    };
    serde_json::from_slice(&body).unwrap_or_else(|_| {
        let detail = format!("what answers is no node of this kind: status {status}");
        Problem::new(Code::Failed, detail).hint("check `--api`")
    })
}
