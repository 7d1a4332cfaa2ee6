//! Who may ask: the checks before every request, in their order, and the token.
//!
//! 1 the host name, 2 the origin, 3 the browser's own word on the request, 5 the token, 8 the type of the
//! body, 9 its size. A web page can make a browser send requests here but cannot make it send a token, name
//! a foreign host or send JSON without asking first, and no answer ever allows another origin.
//! This file must never look at what is asked beyond its address and headers.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    body::{BUNDLE_TYPE, JSON_TYPE, ROOT_TYPE, STATEMENT_TYPE},
    error::{Answered, Refused, content_type},
};
use crate::problem::Code;
use updraft_protocol::{Root, Signed, Statement, Wire as _};

/// Addresses that need no token.
const OPEN: [&str; 5] =
    ["/healthz", "/readyz", "/api/v1", "/api/v1/version", "/api/v1/updates/check"];

/// Longest path and query together.
const MAX_ADDRESS: usize = 2_048;

/// Who sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// Somebody on the TCP port.
    Tcp(SocketAddr),
    /// A process of this user on the socket, whose file mode already decided that it may.
    Socket {
        /// The user's id.
        uid: u32,
    },
}

impl Caller {
    /// The name for the history.
    pub(super) fn by(self) -> String {
        match self {
            Self::Tcp(_) => "token".to_owned(),
            Self::Socket { uid } => format!("socket:{uid}"),
        }
    }
}

/// The BLAKE3 hash of the API token. The token itself is not kept.
#[derive(Debug, Clone, Copy)]
pub struct TokenHash(blake3::Hash);

impl TokenHash {
    /// The hash of a token; surrounding white space does not count.
    pub fn of(token: &str) -> Self {
        Self(blake3::hash(token.trim().as_bytes()))
    }

    /// Whether `token` is the one. Takes the same time wherever they differ, because hashes are compared
    /// and `blake3` compares them in constant time.
    fn accepts(&self, token: &str) -> bool {
        self.0 == blake3::hash(token.as_bytes())
    }
}

/// Whether `/metrics` needs the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsAccess {
    /// Anybody who reaches the port.
    Open,
    /// Only with the token.
    Token,
    /// Nobody: metrics are off.
    Off,
}

/// What the checks compare with.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) token: TokenHash,
    /// Host names answered besides loopback and the address listened on, in lower case.
    pub(super) hosts: Vec<String>,
    pub(super) metrics: MetricsAccess,
    pub(super) max_body: u64,
    pub(super) max_bundle: u64,
}

/// The layer that refuses before anything is done.
pub(super) async fn guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    match guard.check(&request) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

impl Guard {
    fn check(&self, request: &Request) -> Answered<()> {
        let headers = request.headers();
        let caller = request.extensions().get::<Caller>().copied();
        // A request that no listener of ours marked has no caller and gets nothing.
        let tcp = !matches!(caller, Some(Caller::Socket { .. }));
        if tcp {
            self.check_host(request)?;
        }
        check_origin(headers)?;
        check_fetch_site(headers)?;
        if tcp && self.needs_token(request.method(), request.uri().path()) {
            self.check_token(headers)?;
        }
        check_address(request)?;
        self.check_body(headers)
    }

    fn check_host(&self, request: &Request) -> Answered<()> {
        let header = text(request.headers(), header::HOST).unwrap_or_default();
        // A request line with a whole address names a host too, and both have to be ours.
        let line = request.uri().authority().map(|authority| authority.as_str());
        let names = std::iter::once(header).chain(line);
        for name in names {
            if !self.answers_to(name) {
                return Err(Refused::new(
                    Code::HostNotAllowed,
                    format!("`{}` is not a host name this node answers to", shorten(name)),
                )
                .hint(format!("http.allowed_hosts = [\"{}\"]", shorten(host_name(name)))));
            }
        }
        Ok(())
    }

    fn answers_to(&self, host: &str) -> bool {
        let name = host_name(host).to_ascii_lowercase();
        matches!(name.as_str(), "localhost" | "127.0.0.1" | "[::1]") || self.hosts.contains(&name)
    }

    fn needs_token(&self, method: &Method, path: &str) -> bool {
        let reads = method == Method::GET || method == Method::HEAD;
        let open =
            OPEN.contains(&path) || (path == "/metrics" && self.metrics != MetricsAccess::Token);
        !(reads && open)
    }

    fn check_token(&self, headers: &HeaderMap) -> Answered<()> {
        let refuse = |detail: &str| {
            Err(Refused::new(Code::Unauthorized, detail)
                .hint("--token-file; the token is in `api.token` in the node's data directory"))
        };
        let Some(value) = text(headers, header::AUTHORIZATION) else {
            return refuse("this request needs `Authorization: Bearer <token>`");
        };
        match value.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                if self.token.accepts(token.trim()) {
                    return Ok(());
                }
                refuse("the token is not this node's")
            }
            _ => refuse("`Authorization` is not `Bearer <token>`"),
        }
    }

    fn check_body(&self, headers: &HeaderMap) -> Answered<()> {
        let length = text(headers, header::CONTENT_LENGTH).and_then(|n| n.parse::<u64>().ok());
        let has_body =
            length.is_some_and(|n| n > 0) || headers.contains_key(header::TRANSFER_ENCODING);
        if !has_body {
            return Ok(());
        }
        let limit = match content_type(headers) {
            Some(JSON_TYPE) => self.max_body,
            Some(BUNDLE_TYPE) => self.max_bundle,
            Some(STATEMENT_TYPE) => Statement::MAX as u64,
            Some(ROOT_TYPE) => MAX_ROOT_BODY,
            other => {
                let detail = format!("`{}` is not taken here", shorten(other.unwrap_or("no type")));
                return Err(Refused::new(Code::MediaTypeUnsupported, detail)
                    .hint(format!("send `Content-Type: {JSON_TYPE}`")));
            }
        };
        match length {
            Some(length) if length > limit => Err(too_large(limit)),
            _ => Ok(()),
        }
    }
}

/// Most bytes of a signed root.
pub(super) const MAX_ROOT_BODY: u64 = {
    let bytes = Signed::<Root>::MAX;
    assert!(bytes <= 1024 * 1024, "a root is kilobytes");
    bytes as u64
};

/// The refusal of a body over `limit` bytes.
pub(super) fn too_large(limit: u64) -> Refused {
    Refused::new(Code::BodyTooLarge, format!("the body is over {limit} bytes"))
}

fn check_address(request: &Request) -> Answered<()> {
    let uri = request.uri();
    let length = uri.path().len() + uri.query().map_or(0, str::len);
    if length <= MAX_ADDRESS {
        return Ok(());
    }
    let detail = format!("the address has {length} bytes, at most {MAX_ADDRESS} are taken");
    Err(Refused::new(Code::RequestInvalid, detail))
}

fn check_origin(headers: &HeaderMap) -> Answered<()> {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let host = text(headers, header::HOST).unwrap_or_default();
    let own = origin.to_str().is_ok_and(|origin| origin == format!("http://{host}"));
    if own {
        return Ok(());
    }
    let origin = String::from_utf8_lossy(origin.as_bytes());
    Err(Refused::new(Code::CrossOrigin, format!("`{}` is not this node", shorten(&origin)))
        .hint("use the token outside a browser"))
}

fn check_fetch_site(headers: &HeaderMap) -> Answered<()> {
    match headers.get("sec-fetch-site").map(|value| value.as_bytes()) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(Refused::new(Code::CrossOrigin, "a browser sent this for another web site")
            .hint("use the token outside a browser")),
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// The name of a host without its port; brackets of an IPv6 address stay.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// At most 80 characters of what somebody sent, for showing it back.
fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}

/// The host names under which a listener on `address` is reached literally.
pub(super) fn literal_host(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_loses_its_port_and_keeps_its_brackets() {
        for (host, name) in [
            ("localhost:8918", "localhost"),
            ("localhost", "localhost"),
            ("[::1]:8918", "[::1]"),
            ("[::1]", "[::1]"),
            ("evil.example:80", "evil.example"),
            ("", ""),
        ] {
            assert_eq!(host_name(host), name);
        }
    }

    #[test]
    fn a_token_is_accepted_whole_or_not_at_all() {
        let hash = TokenHash::of("updt_abc\n");
        assert!(hash.accepts("updt_abc"));
        for wrong in ["", "updt_ab", "updt_abcd", "UPDT_abc"] {
            assert!(!hash.accepts(wrong), "{wrong}");
        }
    }
}
