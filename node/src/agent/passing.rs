//! Ballots that were learnt by asking are told on, a few a second: neighbours may have missed them as well, and most have
//! not. To them each is of no use, and who brings too much of that is sent away. Pure.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use updraft_protocol::Statement;

/// Ballots told in one go, and how long it is to the next: fewer than a neighbour bears for ever (PROTOCOL 9.10).
const AT_ONCE: usize = 3;
const PAUSE: Duration = Duration::from_secs(1);
/// Ballots that wait; those beyond are not told: peers ask in their rounds.
const MAX_WAITING: usize = 1_024;

/// What waits to be told on.
#[derive(Debug, Clone, Default)]
pub(super) struct PassedOn {
    waiting: VecDeque<Arc<Statement>>,
    /// When the next may be told.
    next: Duration,
}

impl PassedOn {
    pub(super) fn keep(&mut self, ballot: Arc<Statement>) {
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(ballot);
        }
    }

    /// Those to tell now.
    pub(super) fn due(&mut self, now: Duration) -> Vec<Arc<Statement>> {
        if self.waiting.is_empty() || now < self.next {
            return Vec::new();
        }
        self.next = now + PAUSE;
        let count = self.waiting.len().min(AT_ONCE);
        self.waiting.drain(..count).collect()
    }

    /// When there is something to tell next.
    pub(super) fn next(&self) -> Option<Duration> {
        (!self.waiting.is_empty()).then_some(self.next)
    }
}
