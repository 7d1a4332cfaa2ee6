//! The events of the last while, numbered, so that a reader who lost its connection can go on. Pure.
//!
//! Numbers grow by 1. They begin at the node's start in milliseconds, so a number from an earlier run is
//! always older than what is kept, and its reader is told to start over without knowing about runs.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Serialize;
use serde_json::{Value, json};

use crate::agent::{Event, What};

/// Events kept.
pub(super) const KEPT: usize = 4_096;
/// Least time between two progress events of one operation in one phase.
const PROGRESS_PAUSE: Duration = Duration::from_millis(250);
/// Operations whose last progress is remembered; past it the memory starts over, which lets one event more
/// through for each.
const MAX_OPERATIONS: usize = 256;

/// One event as it is told.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Told {
    time: String,
    pub(super) id: u64,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    data: Value,
}

/// What a reader at some number gets next.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Next {
    /// These events.
    Events(Vec<Arc<Told>>),
    /// What it missed is gone; it has to read the state and go on from this number.
    Gone {
        /// The number of the next event.
        next: u64,
    },
}

/// The ring.
#[derive(Debug)]
pub(super) struct Ring {
    events: VecDeque<Arc<Told>>,
    next: u64,
    progress: BTreeMap<String, (&'static str, Instant)>,
}

impl Ring {
    /// An empty ring whose first event has the number `first`.
    pub(super) fn starting_at(first: u64) -> Self {
        Self { events: VecDeque::new(), next: first, progress: BTreeMap::new() }
    }

    /// The number of the next event.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// The number of the oldest event kept; `next` when there is none.
    pub(super) fn oldest(&self) -> u64 {
        self.events.front().map_or(self.next, |event| event.id)
    }

    /// Keeps an event, unless it is progress that comes too soon after other progress.
    pub(super) fn push(&mut self, event: &Event, now: Instant) {
        if self.is_too_soon(&event.what, now) {
            return;
        }
        if self.events.len() == KEPT {
            self.events.pop_front();
        }
        self.events.push_back(Arc::new(Told {
            time: event.time.to_string(),
            id: self.next,
            kind: event.what.kind(),
            data: data(&event.what),
        }));
        self.next += 1;
    }

    /// Notes that events were lost before they came here: nobody can go on over the hole.
    pub(super) fn lost(&mut self, count: u64) {
        self.events.clear();
        self.next = self.next.saturating_add(count.max(1));
    }

    /// At most `limit` events from number `from` on.
    pub(super) fn from(&self, from: u64, limit: usize) -> Next {
        if from < self.oldest() || from > self.next {
            return Next::Gone { next: self.next };
        }
        // `from - oldest` is at most KEPT here, so it fits.
        let skip = usize::try_from(from - self.oldest()).unwrap_or(KEPT);
        Next::Events(self.events.iter().skip(skip).take(limit).cloned().collect())
    }

    fn is_too_soon(&mut self, what: &What, now: Instant) -> bool {
        let What::UpdateProgress { operation, phase, progress, .. } = what else {
            return false;
        };
        let complete = progress.is_some_and(|(done, total)| done >= total);
        let last = self.progress.get(operation);
        let soon = last.is_some_and(|(before, at)| {
            before == phase && !complete && now.saturating_duration_since(*at) < PROGRESS_PAUSE
        });
        if !soon {
            if self.progress.len() >= MAX_OPERATIONS {
                self.progress.clear();
            }
            self.progress.insert(operation.clone(), (phase, now));
        }
        soon
    }
}

/// The members of an event.
fn data(what: &What) -> Value {
    match what {
        What::NodeStarted | What::NodeStopping => json!({}),
        What::PeerConnected { peer } | What::PeerDisconnected { peer } => json!({ "peer": peer }),
        What::PeerBanned { peer, reason, seconds } => {
            json!({ "peer": peer, "reason": reason, "seconds": seconds })
        }
        What::ReleaseDiscovered { component, version, channel, from } => json!({
            "component": component.as_str(), "version": version.to_string(),
            "channel": channel.as_str(), "from": from,
        }),
        What::ReleaseRejected { reason, from } => json!({ "reason": reason, "from": from }),
        What::UpdateProgress { operation, component, phase, progress } => json!({
            "operation": operation, "component": component.as_str(), "phase": phase,
            "done": progress.map(|(done, _)| done), "total": progress.map(|(_, total)| total),
        }),
        What::UpdateCompleted { component, from, to, fetched, patches, whole, peers } => json!({
            "component": component.as_str(), "from": from.as_ref().map(ToString::to_string),
            "to": to.to_string(), "fetchedBytes": fetched, "patchBytes": patches,
            "fullBytes": whole, "peers": peers,
        }),
        What::ReleaseStaged { component, version, protocol, said } => json!({
            "component": component.as_str(), "version": version.to_string(),
            "protocol": protocol, "said": said,
        }),
        What::UpdateFailed { component, to, error } => json!({
            "component": component.as_str(), "to": to.to_string(), "error": error,
        }),
        What::RolledBack { component, from, to } => json!({
            "component": component.as_str(), "from": from.as_ref().map(ToString::to_string),
            "to": to.to_string(),
        }),
        What::RootChanged { version } => json!({ "version": version }),
        What::ChannelFrozen { channel, seq } => {
            json!({ "channel": channel.as_str(), "seq": seq })
        }
        What::KeyAlarm { key, reason } => json!({ "key": key.to_hex(), "reason": reason }),
        What::ReleasePaused { channel, release, by, until, reason } => json!({
            "channel": channel.as_str(), "release": release.map(|r| r.to_string()),
            "by": by.to_hex(), "until": until.to_string(), "reason": reason,
        }),
        What::PauseLifted { channel, release } => json!({
            "channel": channel.as_str(), "release": release.map(|r| r.to_string()),
        }),
        What::ProposalOpened { number, id, words } => json!({
            "id": format!("p-{number}"), "digest": id.to_string(), "words": words,
        }),
        What::ProposalVoted { number, id, by, stance } => json!({
            "id": format!("p-{number}"), "digest": id.to_string(), "by": by.to_hex(),
            "stance": stance.word(),
        }),
        What::ProposalMoved { number, id, state } => json!({
            "id": format!("p-{number}"), "digest": id.to_string(), "state": state.camel_case(),
        }),
        What::ProposalStruckOff { number, id } => json!({
            "id": format!("p-{number}"), "digest": id.to_string(), "state": "struckOff",
        }),
        What::LeftBehind { detail } => json!({ "detail": detail }),
        What::BuildsDiffer { component, version, by, signed, built } => json!({
            "component": component.as_str(), "version": version.to_string(), "by": by.to_hex(),
            "signed": signed.to_string(), "built": built.to_string(),
        }),
    }
}

/// Which types a reader wants: `update.*`, `peer.connected`; nothing named means all.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter(Vec<String>);

impl Filter {
    /// Reads a comma-separated list.
    pub(super) fn of(text: &str) -> Self {
        Self(text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect())
    }

    /// Whether a type is wanted.
    pub(super) fn wants(&self, kind: &str) -> bool {
        self.0.is_empty()
            || self.0.iter().any(|pattern| match pattern.strip_suffix('*') {
                Some(start) => kind.starts_with(start),
                None => kind == pattern,
            })
    }
}

#[cfg(test)]
mod tests {
    use updraft_protocol::Timestamp;

    use super::*;

    fn event(what: What) -> Event {
        Event { time: Timestamp::from_seconds(1), what }
    }

    fn ids(next: Next) -> Vec<u64> {
        match next {
            Next::Events(events) => events.iter().map(|event| event.id).collect(),
            Next::Gone { .. } => panic!("nothing is gone"),
        }
    }

    fn progress(phase: &'static str, done: u64) -> Event {
        event(What::UpdateProgress {
            operation: "op-1".to_owned(),
            component: "demo-app".parse().expect("a name"),
            phase,
            progress: Some((done, 100)),
        })
    }

    #[test]
    fn a_pause_names_the_key_that_ordered_it() {
        let key = updraft_protocol::SecretKey::from_seed(&[1; 32]).public().id();
        let mut ring = Ring::starting_at(1);
        let paused = What::ReleasePaused {
            channel: "stable".parse().expect("a channel"),
            release: None,
            by: key,
            until: Timestamp::from_seconds(60),
            reason: "it eats disks".to_owned(),
        };
        assert!(paused.in_words().contains(&key.to_string()), "{}", paused.in_words());
        ring.push(&event(paused), Instant::now());
        let Next::Events(told) = ring.from(1, 1) else { panic!("nothing is gone") };
        assert_eq!((told[0].kind, &told[0].data["by"]), ("release.paused", &key.to_hex().into()));
    }

    #[test]
    fn a_reader_goes_on_where_it_was() {
        let mut ring = Ring::starting_at(10);
        for _ in 0..5 {
            ring.push(&event(What::NodeStarted), Instant::now());
        }
        assert_eq!(ids(ring.from(12, 100)), [12, 13, 14]);
        assert_eq!(ids(ring.from(10, 2)), [10, 11]);
        assert_eq!(ids(ring.from(15, 100)), Vec::<u64>::new());
    }

    #[test]
    fn numbers_of_another_run_and_forgotten_ones_are_gone() {
        let mut ring = Ring::starting_at(1_000);
        for _ in 0..KEPT + 3 {
            ring.push(&event(What::NodeStarted), Instant::now());
        }
        let next = 1_000 + KEPT as u64 + 3;
        for from in [0, 7, 1_002, next + 1] {
            assert_eq!(ring.from(from, 10), Next::Gone { next }, "{from}");
        }
        assert_eq!(ids(ring.from(1_003, 1)), [1_003]);
    }

    #[test]
    fn nobody_reads_over_a_hole() {
        let mut ring = Ring::starting_at(1);
        ring.push(&event(What::NodeStarted), Instant::now());
        ring.lost(4);
        ring.push(&event(What::NodeStopping), Instant::now());
        assert_eq!(ring.from(2, 10), Next::Gone { next: 7 });
        assert_eq!(ids(ring.from(6, 10)), [6]);
    }

    #[test]
    fn progress_is_thinned_but_new_phases_and_the_end_are_told() {
        let mut ring = Ring::starting_at(0);
        let start = Instant::now();
        for millis in 0..1_000 {
            ring.push(&progress("fetching", 1), start + Duration::from_millis(millis));
        }
        assert_eq!(ring.next(), 4);
        ring.push(&progress("fetching", 100), start + Duration::from_millis(1_000));
        ring.push(&progress("staging", 1), start + Duration::from_millis(1_000));
        assert_eq!(ring.next(), 6);
    }

    #[test]
    fn a_filter_takes_whole_names_and_beginnings() {
        let filter = Filter::of("update.*, peer.connected");
        assert!(filter.wants("update.progress") && filter.wants("peer.connected"));
        assert!(!filter.wants("peer.disconnected") && !filter.wants("release.discovered"));
        assert!(Filter::of("").wants("anything"));
    }
}
