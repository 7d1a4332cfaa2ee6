//! How much uselessness gossip bears from one peer before it is shown the door. Pure: the time is an argument.
//!
//! A single useless message is nobody's offence: it is known because another peer was faster, or stale because
//! its sender was away. Hundreds of them a second are, for there is no honest way to come by them: an honest
//! node passes on only what was news to itself, once. Nothing here looks at what a message says.
//!
//! An account exists only while something is missing from it, so leaving and coming back is no way to a full one.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{
    identity::PeerId,
    purse::{Overdrawn, Purse, Rate},
};

/// Messages that were no news: ignored, repeated, or more at once than are being judged of who has brought no news.
///
/// An honest neighbour costs nothing in the long run: what it repeats was news to somebody, and news fills every
/// account ([`Patience::news`]). The burst is for a neighbour that has just heard sixty releases which this node
/// knows already from catching up. 4/s is more than a network publishes.
const USELESS: Rate = Rate { burst: 64, per_second: 4 };

/// Frames without any message: subscriptions, and what gossip says about itself. A neighbour sends one or two at
/// each heartbeat of a second, and a few more for each message that goes round. Messages on topics that are not
/// followed are charged here, too: when rules change, an honest neighbour sends as many of them as were on their way.
/// So is what is of no use because this node is slow: in a vote of 256 electors an honest neighbour brings 256 messages
/// at once, whether they are judged already, wait, or found no room.
const EMPTY: Rate = Rate { burst: 512, per_second: 32 };

/// Messages of one peer that wait for their verdict at once; more are useless unseen. It bounds how far a
/// flooder gets before its first verdict comes back, and leaves the other seven eighths of the places
/// ([`super::unjudged::MAX_UNJUDGED`]) to others.
pub(super) const MAX_UNJUDGED_PER_PEER: usize = 16;

/// Accounts kept. When full, the one nearest to full gives way: a crowd of new peers can have its own accounts
/// forgotten, not that of who has spent most.
const MAX_ACCOUNTS: usize = 1_024;

/// First ban of a peer that overdraws. Short: a node that was misled into passing on old news loses a minute.
const FIRST_BAN: Duration = Duration::from_secs(60);
/// Longest of them; each is twice as long as the one before.
const LONGEST_BAN: Duration = Duration::from_secs(24 * 3_600);

/// What is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expense {
    /// Messages that were no news.
    Useless,
    /// What is nobody's fault, and yet costs something: frames without a message, messages on topics that are not
    /// followed, and those for which this node itself is too slow.
    Empty,
}

/// What is left for one peer.
#[derive(Debug)]
struct Account {
    useless: Purse,
    empty: Purse,
}

/// All accounts.
#[derive(Debug, Default)]
pub(super) struct Patience {
    accounts: BTreeMap<PeerId, Account>,
}

impl Patience {
    /// Charges a peer.
    pub(super) fn charge(
        &mut self,
        peer: PeerId,
        expense: Expense,
        count: u32,
        now: Instant,
    ) -> Result<(), Overdrawn> {
        let account = self.accounts.entry(peer).or_insert_with(|| Account {
            useless: Purse::full(USELESS, now),
            empty: Purse::full(EMPTY, now),
        });
        let paid = match expense {
            Expense::Useless => account.useless.pay(USELESS, count, now),
            Expense::Empty => account.empty.pay(EMPTY, count, now),
        };
        if self.accounts.len() > MAX_ACCOUNTS {
            self.forget_one(peer, now);
        }
        paid
    }

    /// A message was news. Everybody else who is near has heard it too and may be about to say it.
    pub(super) fn news(&mut self, now: Instant) {
        for account in self.accounts.values_mut() {
            account.useless.refund(USELESS, now);
        }
    }

    /// Forgets accounts from which nothing is missing any more.
    pub(super) fn expire(&mut self, now: Instant) {
        self.accounts.retain(|_, account| {
            !(account.useless.is_full(USELESS, now) && account.empty.is_full(EMPTY, now))
        });
    }

    fn forget_one(&mut self, newcomer: PeerId, now: Instant) {
        self.expire(now);
        if self.accounts.len() <= MAX_ACCOUNTS {
            return;
        }
        let left = |account: &Account| {
            // In parts of the burst, so that both purses count alike.
            let useless = account.useless.tokens_at(USELESS, now) / u64::from(USELESS.burst);
            useless.min(account.empty.tokens_at(EMPTY, now) / u64::from(EMPTY.burst))
        };
        let fullest = self
            .accounts
            .iter()
            .filter(|(peer, _)| **peer != newcomer)
            .max_by_key(|(_, account)| left(account))
            .map(|(peer, _)| *peer);
        if let Some(peer) = fullest {
            self.accounts.remove(&peer);
        }
    }
}

/// How long a peer that overdrew stays outside, having been sent out `before` times.
pub(super) fn ban_length(before: u32) -> Duration {
    FIRST_BAN.saturating_mul(2_u32.saturating_pow(before)).min(LONGEST_BAN)
}

#[cfg(test)]
#[path = "patience_tests.rs"]
mod tests;
