//! What is long enough, and how much one operator may weigh: the floors below which no proposal counts.
//!
//! They follow from the kind of the network alone, so everybody has the same. Whatever a proposal says within them is
//! for its electors to judge.

use super::Fraction;
use crate::root::NetworkKind;

/// Floors and lengths, in epochs unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Seconds of one epoch.
    pub epoch: u64,
    /// From the opening to the last epoch of voting.
    pub min_voting: u64,
    /// From the last epoch of voting to the activation: time to install.
    pub min_lead: u64,
    /// From the activation to the end of the old protocol: time to come back for who was away.
    pub min_grace: u64,
    /// Before the activation, from which on nobody can cancel it any more.
    pub cancel_margin: u64,
    /// Longest time from the opening to the end of everything: a proposal is no standing order.
    pub max_life: u64,
    /// The part of the weight that decides which has to have tried the release, at least.
    pub min_ready: Fraction,
    /// One n-th of all weight is the most that one operator's electors count together; 1 for no cap.
    pub operator_share: u64,
}

/// An epoch of ten minutes: clocks that differ by less than that agree on it, all but a moment.
const EPOCH: u64 = 600;
const DAY: u64 = 24 * 3_600 / EPOCH;

impl Rules {
    /// Of a network of this kind. A development network votes in seconds, and its one operator may have all votes.
    pub const fn of(kind: NetworkKind) -> Self {
        match kind {
            NetworkKind::Production => Self {
                epoch: EPOCH,
                min_voting: 3 * DAY,
                min_lead: 2 * DAY,
                min_grace: 7 * DAY,
                cancel_margin: DAY,
                max_life: 366 * DAY,
                min_ready: Fraction::NINE_TENTHS,
                operator_share: 5,
            },
            NetworkKind::Development => Self {
                epoch: 1,
                min_voting: 1,
                min_lead: 1,
                min_grace: 1,
                cancel_margin: 1,
                max_life: 366 * 24 * 3_600,
                min_ready: Fraction::NONE,
                operator_share: 1,
            },
        }
    }

    /// The epoch of a moment.
    pub const fn epoch_of(&self, seconds: u64) -> u64 {
        seconds / self.epoch
    }

    /// The first second of an epoch.
    pub const fn begin_of(&self, epoch: u64) -> u64 {
        epoch.saturating_mul(self.epoch)
    }
}
