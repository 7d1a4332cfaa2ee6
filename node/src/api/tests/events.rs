//! The event stream: its beginning, going on after a break, its limits.

use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::agent::{Event, What};

/// What every wait here may take at most.
const DEADLINE: Duration = Duration::from_secs(10);

pub(super) fn tell(desk: &Desk, what: What) {
    desk.agent.events.send(Event { time: STARTED, what }).expect("the feed listens");
}

fn connected(n: u32) -> What {
    What::PeerConnected { peer: format!("peer-{n}") }
}

/// An open stream, read frame by frame.
struct Stream {
    body: Incoming,
    text: String,
}

impl Stream {
    async fn open(desk: &Desk, path: &str, last: Option<&str>) -> Self {
        let mut builder = request(Method::GET, path)
            .header("host", "localhost")
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("accept", "text/event-stream");
        if let Some(last) = last {
            builder = builder.header("last-event-id", last);
        }
        let request = builder.body(String::new()).expect("a request");
        let stream = TcpStream::connect(desk.address).await.expect("it listens");
        let response = exchange(stream, request).await;
        assert_eq!(response.status(), StatusCode::OK);
        Self { body: response.into_body(), text: String::new() }
    }

    /// The next frame: its id, its event, its data. `None` at the end.
    async fn next(&mut self) -> Option<(u64, String, Value)> {
        let end = loop {
            if let Some(end) = self.text.find("\n\n") {
                break end;
            }
            let frame = timeout(DEADLINE, self.body.frame()).await.expect("in time")?;
            let bytes = frame.ok()?.into_data().expect("data");
            self.text.push_str(std::str::from_utf8(&bytes).expect("text"));
        };
        let frame: String = self.text.drain(..end + 2).collect();
        let field = |name: &str| {
            let line = frame.lines().find_map(|line| line.strip_prefix(name));
            line.map_or_else(|| panic!("{name} in {frame:?}"), |value| value.trim().to_owned())
        };
        let id = field("id:").parse().expect("a number");
        Some((id, field("event:"), serde_json::from_str(&field("data:")).expect("json")))
    }
}

/// Waits until the feed has told so many events since the start.
pub(super) async fn told(desk: &Desk, count: usize) {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        let events = array(desk, "/api/v1/events").await;
        if events.as_array().is_some_and(|events| events.len() == count) {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{events}");
        tokio::task::yield_now().await;
    }
}

pub(super) async fn array(desk: &Desk, path: &str) -> Value {
    let request = request(Method::GET, path)
        .header("host", "localhost")
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("accept", "application/json")
        .body(String::new())
        .expect("a request");
    desk.send(request).await.json()
}

#[tokio::test]
async fn a_stream_says_hello_and_then_what_happens() {
    let desk = Desk::new().await;
    let mut stream = Stream::open(&desk, "/api/v1/events?type=peer.*", None).await;
    let (id, kind, hello) = stream.next().await.expect("hello");
    assert_eq!((kind.as_str(), hello["next"].as_u64()), ("hello", Some(id + 1)));
    tell(&desk, What::NodeStarted);
    tell(&desk, connected(1));
    let (second, kind, data) = stream.next().await.expect("an event");
    assert_eq!((second, kind.as_str()), (id + 2, "peer.connected"), "the first was filtered out");
    assert_eq!(data["data"]["peer"], "peer-1");
    assert_eq!(data["type"], "peer.connected");
    assert_eq!(data["time"], STARTED.to_string());
}

#[tokio::test]
async fn a_reader_goes_on_after_the_last_event_it_had() {
    let desk = Desk::new().await;
    let mut stream = Stream::open(&desk, "/api/v1/events", None).await;
    stream.next().await.expect("hello");
    tell(&desk, connected(1));
    let (last, ..) = stream.next().await.expect("an event");
    drop(stream);
    tell(&desk, connected(2));
    tell(&desk, connected(3));
    told(&desk, 3).await;
    for (path, header) in [
        ("/api/v1/events".to_owned(), Some(last.to_string())),
        (format!("/api/v1/events?since={last}"), None),
    ] {
        let mut stream = Stream::open(&desk, &path, header.as_deref()).await;
        assert_eq!(stream.next().await.expect("hello").1, "hello");
        for n in [2, 3] {
            let (id, _, data) = stream.next().await.expect("an event");
            assert_eq!(id, last + n - 1);
            assert_eq!(data["data"]["peer"], format!("peer-{n}"));
        }
    }
}

#[tokio::test]
async fn a_reader_of_another_run_is_told_to_start_over() {
    let desk = Desk::new().await;
    for last in ["7", "9999999999999999"] {
        let mut stream = Stream::open(&desk, "/api/v1/events", Some(last)).await;
        assert_eq!(stream.next().await.expect("hello").1, "hello");
        let (_, kind, data) = stream.next().await.expect("reset");
        assert_eq!(kind, "reset");
        assert!(data["boot"].is_string() && data["next"].is_u64());
    }
    assert_eq!(array(&desk, "/api/v1/events?since=7").await[0]["type"], "reset");
}

#[tokio::test]
async fn the_array_waits_for_the_first_event() {
    let desk = Desk::new().await;
    assert_eq!(array(&desk, "/api/v1/events").await, serde_json::json!([]));
    let waiting = async {
        let first = array(&desk, "/api/v1/events?timeout=9&limit=1").await;
        (first[0]["type"].clone(), first.as_array().map(Vec::len))
    };
    let telling = async {
        tokio::task::yield_now().await;
        tell(&desk, connected(1));
    };
    let ((kind, count), ()) = tokio::join!(waiting, telling);
    assert_eq!((kind, count), ("peer.connected".into(), Some(1)));
}

#[tokio::test]
async fn streams_have_a_limit_and_give_their_place_back() {
    let desk = Desk::new().await;
    let mut streams = Vec::new();
    for _ in 0..32 {
        let mut stream = Stream::open(&desk, "/api/v1/events", None).await;
        stream.next().await.expect("hello");
        streams.push(stream);
    }
    assert_eq!(desk.get("/api/v1/events").await.refusal(), ("UD0106", 429));
    drop(streams);
    let deadline = tokio::time::Instant::now() + DEADLINE;
    // A place comes back when the node notices that the other end is gone, at the next event.
    while array(&desk, "/api/v1/events").await.is_object() {
        assert!(tokio::time::Instant::now() < deadline, "places come back");
        tell(&desk, connected(1));
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_stopping_node_ends_its_streams() {
    let desk = Desk::new().await;
    let mut stream = Stream::open(&desk, "/api/v1/events", None).await;
    stream.next().await.expect("hello");
    desk.stop.cancel();
    assert!(stream.next().await.is_none());
    timeout(DEADLINE, desk.serving.stopped()).await.expect("it stops");
}
