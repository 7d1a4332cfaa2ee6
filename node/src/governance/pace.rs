//! How many ballots an elector may cast, and how many of them a node takes: enough to change its mind, and too few to
//! keep the whole network busy. Pure.
//!
//! Numbers bound what was cast, arrivals what is taken: a vote may be dated back by a year, and whoever has been silent,
//! or has stolen a key that was, has the numbers of that year unused.

use std::collections::BTreeMap;

use updraft_protocol::{KeyId, Proposal};

/// Ballots that an elector may cast in an epoch of a vote, and that are taken of it in one.
const AN_EPOCH: u64 = 16;

/// The highest number that a ballot of this epoch may have. Each epoch has numbers of its own, so whoever knows nothing
/// of those before it uses none of theirs again.
pub(super) fn most_ballots(proposal: &Proposal, epoch: u64) -> u64 {
    epoch.saturating_sub(proposal.opens).saturating_add(1).saturating_mul(AN_EPOCH)
}

/// The highest number that a ballot of an epoch before this one may have had.
pub(super) fn most_ballots_before(proposal: &Proposal, epoch: u64) -> u64 {
    epoch.saturating_sub(proposal.opens).saturating_mul(AN_EPOCH)
}

/// The epoch that has this number.
pub(super) fn epoch_of(proposal: &Proposal, number: u32) -> u64 {
    proposal.opens.saturating_add(u64::from(number.saturating_sub(1)) / AN_EPOCH)
}

/// The ballots on one proposal that were taken of each elector in the epoch in which its last one came. It is not kept:
/// who is started again begins with none.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace {
    /// One entry an elector at most.
    taken: BTreeMap<KeyId, (u64, u64)>,
}

impl Pace {
    /// Whether one more ballot of an elector is taken in this epoch; then it is counted.
    pub(super) fn takes_one_more(&mut self, by: KeyId, epoch: u64) -> bool {
        let (lately, taken) = self.taken.entry(by).or_insert((epoch, 0));
        if *lately != epoch {
            (*lately, *taken) = (epoch, 0);
        }
        let takes = *taken < AN_EPOCH;
        *taken += u64::from(takes);
        takes
    }
}

#[cfg(test)]
mod tests {
    use updraft_protocol::{Ballot, Stance, Statement, vote::Activation};

    use super::*;
    use crate::{
        governance::{Event, Governance, Refusal},
        testing::{
            Publisher,
            votes::{self, signed},
        },
    };

    const NOW: u64 = 5_000;

    /// A vote that is on since epoch 10.
    fn desk() -> (Governance, Proposal) {
        let mut governance = Governance::new(&votes::root(1, &[1, 2, 3, 4, 5]));
        let open = votes::proposal(1, 10);
        let proposal = Proposal {
            lock_deadline: NOW + 9,
            activation: Activation::Epoch(NOW + 20),
            grace_end: NOW + 30,
            ..open
        };
        let statement = Statement::Proposal(signed(&proposal, 1));
        governance.offer(&statement, NOW).expect("a vote that is open may come late");
        (governance, proposal)
    }

    fn ballot(proposal: &Proposal, by: u8, seq: u32, epoch: u64) -> Statement {
        let id = signed(proposal, 1).digest();
        let stance = if seq.is_multiple_of(2) { Stance::Yes } else { Stance::No };
        let ballot = votes::ballot(by, id, stance, epoch);
        Statement::Ballot(signed(&Ballot { seq, ..ballot }, by))
    }

    #[test]
    fn who_was_silent_for_long_cannot_say_at_once_all_that_it_might_have_said() {
        let (mut governance, proposal) = desk();
        let thief = Publisher::key(2).public().id();
        let mut taken = 0;
        for seq in 1..=100 {
            match governance.offer(&ballot(&proposal, 2, seq, NOW), NOW) {
                Ok(_) => taken += 1,
                Err(refusal) => {
                    assert_eq!(refusal, Refusal::TooManyAtOnce(thief));
                    assert!(
                        !refusal.is_a_lie(),
                        "whoever passes it on may have begun to count later"
                    );
                }
            }
        }
        assert_eq!(taken, AN_EPOCH);
        governance.offer(&ballot(&proposal, 3, 1, NOW), NOW).expect("others have their own");
        governance.offer(&ballot(&proposal, 2, 100, NOW), NOW + 1).expect("a new epoch");
    }

    #[test]
    fn two_ballots_with_one_number_prove_a_lie_however_many_came_before() {
        let (mut governance, proposal) = desk();
        for seq in 1..=16 {
            governance.offer(&ballot(&proposal, 2, seq, NOW), NOW).expect("so many are taken");
        }
        let other = ballot(&proposal, 2, 16, NOW + 1);
        let events = governance.offer(&other, NOW).expect("a proof");
        assert!(matches!(events[..], [Event::Lied { .. }]), "{events:?}");
    }

    #[test]
    fn what_was_kept_is_taken_up_whatever_came_before_it() {
        let (mut governance, proposal) = desk();
        for seq in 1..=40 {
            governance.restore(&ballot(&proposal, 2, seq, NOW)).expect("it was in time");
        }
        governance.offer(&ballot(&proposal, 2, 41, NOW), NOW).expect("the first of this run");
    }
}
