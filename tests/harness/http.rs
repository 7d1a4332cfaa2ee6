//! The API as a program of somebody else would use it: a socket, a token, one request for each connection.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use serde_json::Value;

use super::DEADLINE;

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body, if it is a document and the request did what it should.
    #[track_caller]
    pub(crate) fn good(&self) -> Value {
        let body = String::from_utf8_lossy(&self.body);
        assert!((200..300).contains(&self.status), "{}: {body}", self.status);
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
    }

    /// The problem document, if the request was refused; its status is the answer's.
    #[track_caller]
    pub(crate) fn refused(&self) -> Value {
        let body = String::from_utf8_lossy(&self.body);
        assert!(self.status >= 400, "{}: {body}", self.status);
        let problem: Value =
            serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
        assert_eq!(problem["status"], self.status, "{body}");
        problem
    }
}

/// Sends one request to `http://HOST:PORT` and reads the whole answer.
#[track_caller]
pub(crate) fn request(base: &str, token: &str, line: &str, kind: &str, body: &[u8]) -> Answer {
    let host = base.strip_prefix("http://").expect("an address of a node");
    let mut stream = TcpStream::connect(host).expect("the node listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    let head = format!(
        "{line} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
         Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("the node reads");
    // A node that refuses by the head alone may close before it has read the body; its answer still comes.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    parse(&answer).unwrap_or_else(|| panic!("{line}: {}", String::from_utf8_lossy(&answer)))
}

fn parse(answer: &[u8]) -> Option<Answer> {
    let end = answer.windows(4).position(|piece| piece == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let rest = &answer[end + 4..];
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked { joined(rest)? } else { rest.to_vec() };
    Some(Answer { status, body })
}

/// The pieces of a chunked body, put together.
fn joined(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|piece| piece == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        let piece = rest.get(end + 2..end + 2 + size)?;
        body.extend_from_slice(piece);
        rest = rest.get(end + 2 + size + 2..)?;
    }
}
