//! Votes as statements: what is offered, which of it is told to others, and how long it is kept. Pure.

use std::{collections::BTreeSet, sync::Arc};

use updraft_protocol::{Ballot, Digest, Stance, Statement, vote::Decision};

use super::{
    held::{Held, SKEW},
    machine::{Arrival, Event, Governance},
    refusal::Refusal,
};

/// Votes of one elector's proposals that came to nothing and are still shown. They are of no use to anybody.
const FAILED_EACH: usize = 2;

/// In which order statements about votes are taken that come together: nothing before what it is about, and no ballot
/// before the proof that its elector lies.
pub fn turn(statement: &Statement) -> u8 {
    match statement {
        Statement::Certificate(_) => 0,
        Statement::Proposal(_) => 1,
        Statement::DoubleVote(_) => 2,
        _ => 3,
    }
}

impl Governance {
    /// Takes a statement about a vote.
    pub fn offer(&mut self, statement: &Statement, epoch: u64) -> Result<Vec<Event>, Refusal> {
        self.take(statement, Arrival::Now(epoch))
    }

    /// Takes up a statement that was kept: it was in time when it came. They are taken in [`turn`].
    pub fn restore(&mut self, statement: &Statement) -> Result<Vec<Event>, Refusal> {
        self.take(statement, Arrival::Before)
    }

    fn take(&mut self, statement: &Statement, arrival: Arrival) -> Result<Vec<Event>, Refusal> {
        match statement {
            Statement::Proposal(signed) => self.take_proposal(&Arc::new(signed.clone()), arrival),
            Statement::Ballot(signed) => self.take_ballot(&Arc::new(signed.clone()), arrival),
            Statement::DoubleVote(proof) => self.take_double(&Arc::new(proof.clone())),
            Statement::Certificate(certificate) => {
                self.take_certificate(&Arc::new(certificate.as_ref().clone()))
            }
            _ => Err(Refusal::NotAboutAVote),
        }
    }

    /// Refuses a ballot that would prove, together with one that is held, that its elector has lied. For what is handed in
    /// by whoever has the key, for whom that is a slip; what others say is taken, as a proof.
    pub fn spares_a_slip(&self, statement: &Statement) -> Result<(), Refusal> {
        let Statement::Ballot(signed) = statement else { return Ok(()) };
        let Ok(ballot) = signed.peek() else { return Ok(()) };
        let Some(held) = self.held.get(&ballot.proposal) else { return Ok(()) };
        let excludes = |(digest, other): (Digest, Ballot)| {
            other.seq == ballot.seq && digest != signed.digest()
        };
        let contradicted = !held.liars.contains_key(&ballot.by)
            && held.signed_by(&ballot.by).any(excludes)
            && self.verify(signed, ballot.by, held.proposal.electorate).is_ok();
        if contradicted { Err(Refusal::Contradicted) } else { Ok(()) }
    }

    /// Whether others are told of a statement that was taken: as long as they could take it.
    pub fn is_told(&self, statement: &Statement, epoch: u64) -> bool {
        let Some(held) = self.subject(statement) else { return false };
        let in_time = |last: u64| epoch <= last.saturating_add(SKEW);
        let open = held.decided.is_empty() && in_time(held.proposal.lock_deadline);
        let cancelling = held.proposal.last_epoch(Decision::Cancel, self.rules());
        let may_be_cancelled = !held.decided.contains_key(&Decision::Cancel) && in_time(cancelling);
        match statement {
            Statement::Proposal(_) => open,
            Statement::Ballot(signed) => match signed.peek() {
                Ok(ballot) if held.liars.contains_key(&ballot.by) => false,
                Ok(ballot) if ballot.stance == Stance::Cancel => may_be_cancelled,
                _ => open,
            },
            Statement::DoubleVote(_) => open || may_be_cancelled,
            _ => true,
        }
    }

    /// Whether a statement that was taken still stands for something here.
    pub fn is_kept(&self, statement: &Statement, epoch: u64) -> bool {
        let Some(held) = self.subject(statement) else { return false };
        match statement {
            Statement::Certificate(_) => true,
            // Its certificate holds all that is left of it.
            _ if !held.decided.is_empty() && epoch > held.proposal.grace_end => false,
            Statement::Ballot(signed) => signed.peek().is_ok_and(|ballot| {
                let last = held.ballot_of(&ballot.by);
                last.is_some_and(|(_, last)| last.digest() == signed.digest())
            }),
            _ => true,
        }
    }

    /// Whether a statement is about a proposal that is known.
    pub fn knows(&self, statement: &Statement) -> bool {
        self.subject(statement).is_some()
    }

    /// The proposal that a statement is about.
    fn subject(&self, statement: &Statement) -> Option<&Held> {
        let id = match statement {
            Statement::Proposal(signed) => signed.digest(),
            Statement::Ballot(signed) => signed.peek().ok()?.proposal,
            Statement::DoubleVote(proof) => proof.proposal()?,
            Statement::Certificate(certificate) => certificate.proposal.digest(),
            _ => return None,
        };
        self.held.get(&id)
    }

    /// Forgets votes that came to nothing, all but the last few of each elector. What was decided stays for ever.
    pub fn forget(&mut self, epoch: u64) {
        let over = |held: &&Held| {
            held.decided.is_empty() && epoch > held.proposal.lock_deadline.saturating_add(SKEW)
        };
        let mut failed: Vec<&Held> = self.held.values().filter(over).collect();
        failed.sort_by_key(|held| std::cmp::Reverse((held.proposal.lock_deadline, held.id())));
        let mut gone: BTreeSet<Digest> = BTreeSet::new();
        for held in &failed {
            let of_the_same = |other: &&&Held| {
                other.proposal.by == held.proposal.by && !gone.contains(&other.id())
            };
            let newer = failed.iter().take_while(|other| other.id() != held.id());
            if newer.filter(of_the_same).count() >= FAILED_EACH {
                gone.insert(held.id());
            }
        }
        self.held.retain(|id, _| !gone.contains(id));
    }
}

#[cfg(test)]
#[path = "statements_tests.rs"]
mod tests;
