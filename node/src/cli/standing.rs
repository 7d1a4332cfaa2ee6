//! How a vote stands by somebody's word, beside what a recount can know of it. Pure.
//!
//! Signed bytes do not tell everything. Whether a height was reached is known to nodes alone, and whether another
//! decision was there first, or is before it and waits for a height, is not among the ballots about one proposal. Of
//! that, and of nothing else, a word is told on as what it is: a word.

use std::{collections::BTreeSet, ops::RangeInclusive};

use updraft_protocol::vote::{Activation, Decision, OWN_LINE};

use super::{polls, recount::Recount};
use crate::governance::{Held, State};

/// What becomes of somebody's word for how a vote stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judged {
    /// A recount comes to the same.
    Borne,
    /// A recount cannot know, and this may be.
    ToldOn(&'static str),
    /// It is not so.
    Refuted,
}

/// Judges the API's `word` for a proposal, said at some time in `when`.
pub(super) fn judge(
    word: &str,
    held: &Held,
    recount: &Recount,
    when: &RangeInclusive<u64>,
) -> Judged {
    let word = polls::state(word);
    let states = |height: Option<u64>| -> BTreeSet<&'static str> {
        let moments = recount.moments(when);
        moments.map(|epoch| recount.alone(held, epoch, height).word()).collect()
    };
    let by_time = states(None);
    let decided = recount.decided(held);
    let holds = decided.contains_key(&Decision::LockIn) && !decided.contains_key(&Decision::Cancel);
    let by_height = match held.proposal.activation {
        Activation::Height { .. } if holds => states(Some(u64::MAX)),
        _ => BTreeSet::new(),
    };
    // Where a height could have made it more than locked in, that it has not is a word as well.
    let is_open = !by_height.is_subset(&by_time) && by_time.contains("locked in");
    // Another decision about its line may wait for a height, and hold it up; nodes' own protocol waits for none.
    let may_be_held_up = held.proposal.line.as_str() != OWN_LINE && !by_time.contains("locked in");
    let liars = held.liars().next().is_some();
    match word {
        "overtaken" if holds => Judged::ToldOn(State::Overtaken.word()),
        "locked in" if holds && (is_open || may_be_held_up) => {
            Judged::ToldOn(State::LockedIn.word())
        }
        word if by_time.contains(word) => Judged::Borne,
        // A node that was started again when the vote was over has not seen that it was rejected.
        "failed" if by_time.contains("rejected") && *when.end() > held.proposal.lock_deadline => {
            Judged::Borne
        }
        // Who was against it was found to have lied afterwards.
        "rejected" if liars && (by_time.contains("voting") || by_time.contains("failed")) => {
            Judged::ToldOn(State::Rejected.word())
        }
        word => by_height.get(word).map_or(Judged::Refuted, |word| Judged::ToldOn(word)),
    }
}

#[cfg(test)]
mod tests {
    use updraft_protocol::{Stance, Statement};

    use super::*;
    use crate::{agent::fake::vote::Vote, cli::recount::tests::governance};

    /// What a word is worth in an epoch, seconds after the opening of a vote that three are ready for, or none.
    fn judged(vote: &Vote, stance: Stance, word: &str, epoch: u64) -> Judged {
        let ballots = (0..3).map(|n| Statement::Ballot(Vote::sign(&vote.ballot(n, stance, 1), n)));
        let said = ballots.chain([Statement::Proposal(vote.signed())]).collect();
        let recount = Recount::of(governance(), said);
        let held = recount.proposals().next().expect("one");
        let now = vote.proposal.opens + epoch;
        judge(word, held, &recount, &(now..=now))
    }

    #[test]
    fn what_time_and_ballots_tell_is_borne_or_refuted() {
        let vote = Vote::new();
        let ready = |word, epoch| judged(&vote, vote.ready(), word, epoch);
        for (word, epoch) in [("lockedIn", 10), ("active", 7_200), ("final", 10_801)] {
            assert_eq!(ready(word, epoch), Judged::Borne, "{word}");
        }
        for (word, epoch) in
            [("final", 10), ("active", 10), ("cancelled", 10), ("lockedIn", 7_200), ("none", 10)]
        {
            assert_eq!(ready(word, epoch), Judged::Refuted, "{word}");
        }
        let silent = |word, epoch| judged(&vote, Stance::Abstain, word, epoch);
        assert_eq!((silent("voting", 10), silent("failed", 10)), (Judged::Borne, Judged::Refuted));
        assert_eq!(silent("failed", 3_602), Judged::Borne);
        assert_eq!(silent("overtaken", 10), Judged::Refuted, "nothing is decided");
    }

    #[test]
    fn a_rejected_vote_is_failed_for_a_node_that_came_later() {
        let vote = Vote::new();
        let against = |word, epoch| judged(&vote, Stance::No, word, epoch);
        assert_eq!(against("rejected", 10), Judged::Borne);
        assert_eq!(
            (against("failed", 10), against("failed", 4_000)),
            (Judged::Refuted, Judged::Borne)
        );
    }

    #[test]
    fn only_heights_and_other_decisions_are_told_on() {
        let mut vote = Vote::new();
        assert_eq!(judged(&vote, vote.ready(), "overtaken", 10), Judged::ToldOn("overtaken"));
        let not_before = vote.proposal.activation.earliest();
        vote.proposal.line = "demo-app".parse().expect("a name");
        vote.proposal.activation = Activation::Height { height: 7, not_before };
        let ready = |word, epoch| judged(&vote, vote.ready(), word, epoch);
        assert_eq!((ready("lockedIn", 10), ready("active", 10)), (Judged::Borne, Judged::Refuted));
        assert_eq!(ready("lockedIn", 7_200), Judged::ToldOn("locked in"));
        assert_eq!(ready("active", 7_200), Judged::ToldOn("active"));
        assert_eq!(
            ready("final", 7_200),
            Judged::Refuted,
            "its time has not come, whatever the height"
        );
        assert_eq!(ready("final", 10_801), Judged::ToldOn("final"));
    }

    #[test]
    fn a_decision_of_a_component_may_wait_for_another_that_waits_for_a_height() {
        let mut vote = Vote::new();
        let waits = |vote: &Vote, epoch| judged(vote, vote.ready(), "lockedIn", epoch);
        assert_eq!(waits(&vote, 7_200), Judged::Refuted, "nothing here waits for heights");
        vote.proposal.line = "demo-app".parse().expect("a name");
        assert_eq!((waits(&vote, 10)), Judged::Borne);
        assert_eq!((waits(&vote, 7_200)), Judged::ToldOn("locked in"));
        let undecided = judged(&vote, Stance::Abstain, "lockedIn", 7_200);
        assert_eq!(undecided, Judged::Refuted);
    }
}
