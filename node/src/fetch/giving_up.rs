//! When a fetch that gets nothing is over. Pure.
//!
//! Without a chunk for [`GIVE_UP_AFTER`] a fetch looks for its end, and goes on only for what is under way already:
//!
//! - what was asked until then, of whomever: on a slow line, answers take long and come all the same;
//! - then what was asked meanwhile of peers that have failed in nothing since they last gave: a peer that dribbles may
//!   have held the places of one that gives.
//!
//! So it ends at the latest after [`GIVE_UP_AFTER`] and twice the time that a question may take: 110 s as the settings are
//! where nothing is set, with 20 s for a chunk and 40 s for a pack of six. Nobody keeps it from trying another route for
//! longer, whatever he claims to have.

use std::fmt::Debug;

use super::{Elapsed, machine::Machine, peer::Peer};

/// How long a fetch goes on without a single chunk before it waits only for what is under way.
pub(super) const GIVE_UP_AFTER: Elapsed = Elapsed::from_secs(30);

/// How long ago the last chunk came, and what is waited for since.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Drought {
    /// When the last chunk was kept.
    since: Elapsed,
    /// When everything had ended that was asked within [`GIVE_UP_AFTER`].
    dry_at: Option<Elapsed>,
}

impl Drought {
    /// A chunk has come that was missing.
    pub(super) fn ends(&mut self, now: Elapsed) {
        *self = Self { since: now, dry_at: None };
    }

    /// When to look again whether it is to be given up, if nothing else happens: later than `now`.
    pub(super) fn wakeup(&self, now: Elapsed) -> Elapsed {
        let due = self.since + GIVE_UP_AFTER;
        // Once that is past, only the end of a question brings the end nearer.
        if due > now { due } else { now + GIVE_UP_AFTER }
    }

    /// Whether the fetch is to be given up.
    pub(super) fn is_hopeless<P>(&mut self, machine: &Machine<P>, now: Elapsed) -> bool
    where
        P: Copy + Ord + Debug,
    {
        let due = self.since + GIVE_UP_AFTER;
        if now < due {
            return false;
        }
        let waits = |until: Elapsed, counts: fn(&Peer) -> bool| {
            let peers = machine.peers.values().filter(|peer| counts(peer));
            peers.flat_map(|peer| &peer.questions).any(|question| question.asked < until)
        };
        if self.dry_at.is_none() && !waits(due, |_| true) {
            self.dry_at = Some(now);
        }
        self.dry_at.is_some_and(|dry_at| {
            // What the end of the last of them gave places to was asked at this very moment.
            !waits(dry_at + Elapsed::from_nanos(1), |peer| peer.failures == 0)
        })
    }
}
