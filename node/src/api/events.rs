//! What happens, as it happens: server-sent events with numbers to resume from, or a JSON array.
//!
//! A stream begins with `hello`. A reader whose number is gone gets `reset` and reads the state again; a
//! reader that cannot keep up is cut off rather than kept in memory.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event as Frame, KeepAlive},
    },
};
use futures::stream::{self, Stream};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, broadcast, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    body::{Asked, parse},
    error::{Answered, Refused},
    ring::{Filter, Next, Ring, Told},
    router::Api,
};
use crate::{
    agent::{AgentHandle, Event},
    metrics::Subscribed,
    problem::Code,
};

/// Streams at once.
const MAX_STREAMS: usize = 32;
/// A reader this many events behind, after it had caught up, is cut off.
const MAX_BEHIND: u64 = 1_024;
/// Events taken from the ring at once.
const BATCH: usize = 64;
/// Longest wait of the JSON form, in seconds.
const MAX_WAIT: u64 = 60;
/// Most events of the JSON form.
const MAX_ARRAY: usize = 500;
/// A comment is sent this often, so that both ends notice a dead connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// What clients wait before they come back.
const RETRY: Duration = Duration::from_secs(2);

/// The ring, and who waits for more.
#[derive(Debug)]
pub(super) struct Feed {
    // Held only to copy a few pointers in or out, never over an await.
    ring: Mutex<Ring>,
    newest: watch::Sender<u64>,
    boot: String,
    streams: Arc<Semaphore>,
}

impl Feed {
    /// A feed whose first event has the number `first`; `boot` names this run of the node.
    pub(super) fn new(first: u64, boot: String) -> Self {
        Self {
            ring: Mutex::new(Ring::starting_at(first)),
            newest: watch::channel(first).0,
            boot,
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
        }
    }

    /// Takes the agent's events until it stops or is told to.
    pub(super) async fn run(
        self: Arc<Self>,
        mut events: broadcast::Receiver<Event>,
        stop: CancellationToken,
    ) {
        loop {
            // Cancel-safe: `recv` takes an event only when it returns it.
            let event = tokio::select! {
                () = stop.cancelled() => return,
                event = events.recv() => event,
            };
            let next = {
                let mut ring = self.ring();
                match event {
                    Ok(event) => ring.push(&event, Instant::now()),
                    Err(broadcast::error::RecvError::Lagged(count)) => ring.lost(count),
                    Err(broadcast::error::RecvError::Closed) => return,
                }
                ring.next()
            };
            self.newest.send_replace(next);
        }
    }

    /// A panic elsewhere cannot leave a ring half changed, so a poisoned lock is as good as any.
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn about(&self, next: u64) -> Value {
        json!({ "boot": self.boot, "next": next })
    }

    fn enter(&self) -> Answered<OwnedSemaphorePermit> {
        self.streams.clone().try_acquire_owned().map_err(|_| {
            let detail = format!("{MAX_STREAMS} event streams are open");
            Refused::new(Code::RateLimited, detail).hint("close one, or ask for JSON")
        })
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct EventsQuery {
    since: Option<u64>,
    timeout: Option<u64>,
    limit: Option<usize>,
    #[serde(rename = "type")]
    types: Option<String>,
}

/// `GET /api/v1/events`.
pub(super) async fn events(
    State(api): State<Api>,
    Asked(query): Asked<EventsQuery>,
    headers: HeaderMap,
) -> Answered<Response> {
    let filter = Filter::of(query.types.as_deref().unwrap_or_default());
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let since = last.map(parse::<u64>).transpose()?.or(query.since);
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let wants_array =
        accept.is_some_and(|a| a.contains("application/json") && !a.contains("event-stream"));
    if wants_array {
        return Ok(Json(array(&api, since, &query, &filter).await?).into_response());
    }
    let permit = api.feed().enter()?;
    let reader = Reader::new(&api, since, filter, permit);
    let stream = Sse::new(frames(reader)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    Ok(stream.into_response())
}

/// Events after `since`, waiting for the first one as long as the query says.
async fn array(
    api: &Api,
    since: Option<u64>,
    query: &EventsQuery,
    filter: &Filter,
) -> Answered<Vec<Value>> {
    let _permit = api.feed().enter()?;
    let feed = api.feed();
    let limit = query.limit.unwrap_or(MAX_ARRAY).clamp(1, MAX_ARRAY);
    let wait = Duration::from_secs(query.timeout.unwrap_or(0).min(MAX_WAIT));
    let mut from = since.map_or_else(|| feed.ring().oldest(), |since| since.saturating_add(1));
    let mut newest = feed.newest.subscribe();
    let mut found = Vec::new();
    let deadline = Instant::now() + wait;
    loop {
        newest.mark_unchanged();
        let next = feed.ring().from(from, limit);
        match next {
            Next::Gone { next } => {
                let id = next.saturating_sub(1);
                return Ok(vec![json!({ "id": id, "type": "reset", "data": feed.about(next) })]);
            }
            Next::Events(events) => {
                from = events.last().map_or(from, |event| event.id + 1);
                let wanted = events.iter().filter(|event| filter.wants(event.kind));
                found.extend(wanted.take(limit - found.len()).map(|event| json!(**event)));
                if events.len() == limit && found.len() < limit {
                    continue;
                }
            }
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if !found.is_empty() || left.is_zero() {
            return Ok(found);
        }
        tokio::select! {
            () = api.stop().cancelled() => return Ok(found),
            changed = timeout(left, newest.changed()) => {
                if !matches!(changed, Ok(Ok(()))) {
                    return Ok(found);
                }
            }
        }
    }
}

/// One open stream: where it is, and what is ready to be sent.
struct Reader {
    feed: Arc<Feed>,
    newest: watch::Receiver<u64>,
    stop: CancellationToken,
    filter: Filter,
    from: u64,
    caught_up: bool,
    ready: VecDeque<Frame>,
    _permit: OwnedSemaphorePermit,
    _counted: Subscribed,
}

impl Reader {
    fn new(api: &Api, since: Option<u64>, filter: Filter, permit: OwnedSemaphorePermit) -> Self {
        let feed = api.feed().clone();
        let next = feed.ring().next();
        let from = since.map_or(next, |since| since.saturating_add(1));
        // The number of `hello` is the one before the first event to come, so that a client that is cut
        // off right after it misses nothing.
        let hello = Frame::default()
            .event("hello")
            .id(from.saturating_sub(1).to_string())
            .retry(RETRY)
            .data(feed.about(next).to_string());
        Self {
            newest: feed.newest.subscribe(),
            stop: api.stop().clone(),
            filter,
            from,
            caught_up: false,
            ready: VecDeque::from([hello]),
            _permit: permit,
            _counted: api.metrics().subscribed(),
            feed,
        }
    }

    /// Fills `ready`; `None` when the stream has to end.
    async fn more(&mut self) -> Option<()> {
        while self.ready.is_empty() {
            self.newest.mark_unchanged();
            let (next, newest) = {
                let ring = self.feed.ring();
                (ring.from(self.from, BATCH), ring.next())
            };
            if self.caught_up && newest.saturating_sub(self.from) > MAX_BEHIND {
                return None;
            }
            match next {
                Next::Gone { next } => {
                    self.from = next;
                    let about = self.feed.about(next).to_string();
                    let id = next.saturating_sub(1).to_string();
                    self.ready.push_back(Frame::default().event("reset").id(id).data(about));
                }
                Next::Events(events) if events.is_empty() => {
                    self.caught_up = true;
                    // Cancel-safe: nothing is taken until the next turn.
                    tokio::select! {
                        () = self.stop.cancelled() => return None,
                        changed = self.newest.changed() => changed.ok()?,
                    }
                }
                Next::Events(events) => {
                    self.from = events.last().map_or(self.from, |event| event.id + 1);
                    let wanted = events.iter().filter(|event| self.filter.wants(event.kind));
                    self.ready.extend(wanted.map(|event| frame(event)));
                }
            }
        }
        Some(())
    }
}

fn frame(event: &Told) -> Frame {
    Frame::default().id(event.id.to_string()).event(event.kind).data(json!(event).to_string())
}

fn frames(reader: Reader) -> impl Stream<Item = Result<Frame, Infallible>> {
    stream::unfold(reader, |mut reader| async move {
        reader.more().await?;
        let frame = reader.ready.pop_front()?;
        Some((Ok(frame), reader))
    })
}

/// Makes the feed of this run and starts to fill it.
pub(super) fn start(
    agent: &AgentHandle,
    stop: &CancellationToken,
) -> (Arc<Feed>, impl Future<Output = ()> + use<>) {
    let started = agent.status().node.started.as_seconds();
    let boot: String = {
        let mut bytes = [0_u8; 8];
        // A name that is not random is still a name: readers compare numbers too.
        if getrandom::fill(&mut bytes).is_err() {
            bytes = started.to_be_bytes();
        }
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let feed = Arc::new(Feed::new(started.saturating_mul(1_000), boot));
    let task = feed.clone().run(agent.events(), stop.clone());
    (feed, task)
}
