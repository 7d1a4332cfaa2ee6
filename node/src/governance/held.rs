//! One proposal as this node knows it: ballots, proofs against electors, decisions, and how it stands. Pure.

use std::{collections::BTreeMap, sync::Arc};

use updraft_protocol::{
    Ballot, Certificate, Digest, DoubleVote, KeyId, Proposal, Signed, Stance, Verified,
    vote::{Activation, Count, Decision, Outlook, Rules, Weights},
};

use super::{lines::Place, pace::Pace};

/// Epochs by which clocks may differ: a ballot may come so much before its time, and so much after the vote.
pub(super) const SKEW: u64 = 1;

/// How a proposal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The vote has not begun.
    Announced,
    /// It is on.
    Open(Outlook),
    /// So much was against it that nobody waited for the end.
    Rejected,
    /// The vote is over, and nobody here has seen that it decided anything. Only a certificate changes that.
    Failed,
    /// It is decided and not in force: its time has not come, or that of one before it in its line has not.
    LockedIn,
    /// It is in force; the old protocol is spoken as well.
    Active,
    /// It is in force, and the old protocol is spoken no more.
    Final,
    /// It is decided, and another decision has taken the line away from the protocol that it starts from.
    Overtaken,
    /// It was called off.
    Cancelled,
}

impl State {
    /// Each of them; an open vote as it begins.
    pub const ALL: [Self; 9] = [
        Self::Announced,
        Self::Open(Outlook::Undecided),
        Self::Rejected,
        Self::Failed,
        Self::LockedIn,
        Self::Active,
        Self::Final,
        Self::Overtaken,
        Self::Cancelled,
    ];

    /// The word for it, for people.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::LockedIn => "locked in",
            one_word => one_word.camel_case(),
        }
    }

    /// The name of it in JSON.
    pub const fn camel_case(&self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Open(_) => "voting",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::LockedIn => "lockedIn",
            Self::Active => "active",
            Self::Final => "final",
            Self::Overtaken => "overtaken",
            Self::Cancelled => "cancelled",
        }
    }

    /// The name of it in metrics.
    pub const fn snake_case(&self) -> &'static str {
        match self {
            Self::LockedIn => "locked_in",
            one_word => one_word.camel_case(),
        }
    }

    /// What another node calls so in JSON; how an open vote would end is not in it.
    pub fn from_camel_case(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.camel_case() == name)
    }

    /// Whether it is over and nothing was decided, or that was called off.
    pub const fn came_to_nothing(&self) -> bool {
        matches!(self, Self::Rejected | Self::Failed | Self::Cancelled)
    }

    /// Whether it is decided and was not called off, in force or not.
    pub const fn is_decided(&self) -> bool {
        matches!(self, Self::LockedIn | Self::Active | Self::Final | Self::Overtaken)
    }
}

/// Why an elector's ballot counts for nothing, with what it said.
pub fn lie_in_words(proof: &DoubleVote) -> String {
    let said = proof.ballots().map(|signed| match signed.peek() {
        Ok(ballot) => format!("{} (ballot {})", ballot.stance.word(), ballot.seq),
        Err(_) => "something that cannot be read".to_owned(),
    });
    format!("it signed two different ballots with one number: {} and {}", said[0], said[1])
}

/// A ballot that counts, and its bytes for whoever asks.
#[derive(Debug, Clone)]
pub(super) struct Cast {
    pub(super) signed: Arc<Signed<Ballot>>,
    pub(super) ballot: Verified<Ballot>,
}

/// A proposal and all that is known about it.
#[derive(Debug, Clone)]
pub struct Held {
    /// As it was received.
    pub signed: Arc<Signed<Proposal>>,
    /// What it says.
    pub proposal: Verified<Proposal>,
    pub(super) ballots: BTreeMap<KeyId, Cast>,
    pub(super) liars: BTreeMap<KeyId, Arc<DoubleVote>>,
    pub(super) decided: BTreeMap<Decision, Arc<Certificate>>,
    pub(super) pace: Pace,
    /// Nothing could decide it any more when this was looked at last.
    pub(super) rejected: bool,
    /// The epoch in which this node learnt that it is decided, if that was noted.
    pub(super) learnt: Option<u64>,
}

impl Held {
    pub(super) fn new(signed: Arc<Signed<Proposal>>, proposal: Verified<Proposal>) -> Self {
        Self {
            signed,
            proposal,
            ballots: BTreeMap::new(),
            liars: BTreeMap::new(),
            decided: BTreeMap::new(),
            pace: Pace::default(),
            rejected: false,
            learnt: None,
        }
    }

    /// The last epoch in which the old protocol is spoken here. Whoever learns of a decision when it is in force has others
    /// around him who have not heard of it, either.
    pub(super) fn grace_end(&self, rules: &Rules) -> u64 {
        let late = self.learnt.filter(|learnt| *learnt > self.proposal.activation.earliest());
        let late = late.map_or(0, |learnt| learnt.saturating_add(rules.min_grace));
        self.proposal.grace_end.max(late)
    }

    /// Its name.
    pub fn id(&self) -> Digest {
        self.proposal.digest()
    }

    /// The ballots that are known, the last of each elector.
    pub fn ballots(&self) -> impl Iterator<Item = &Arc<Signed<Ballot>>> {
        self.ballots.values().map(|cast| &cast.signed)
    }

    /// The last ballot of an elector.
    pub fn ballot_of(&self, key: &KeyId) -> Option<(&Arc<Signed<Ballot>>, &Verified<Ballot>)> {
        self.ballots.get(key).map(|cast| (&cast.signed, &cast.ballot))
    }

    /// Every ballot of an elector that is known here, by its digest: the last that was taken, and those that certificates
    /// bear witness to. It has signed them, and must not sign others with their numbers.
    pub(super) fn signed_by(&self, key: &KeyId) -> impl Iterator<Item = (Digest, Ballot)> {
        let cast = self.ballots.get(key).map(|cast| cast.signed.as_ref());
        let proved = self.decided.values().flat_map(|certificate| &certificate.ballots);
        let known = proved.chain(cast);
        known.filter_map(move |signed| {
            let ballot = signed.peek().ok().filter(|ballot| ballot.by == *key)?;
            Some((signed.digest(), ballot))
        })
    }

    /// The highest number that an elector is known to have used, and what it said with it.
    pub fn last_said(&self, key: &KeyId) -> Option<(u32, Stance)> {
        let said = self.signed_by(key).map(|(_, ballot)| (ballot.seq, ballot.stance));
        said.max_by_key(|(seq, _)| *seq)
    }

    /// How an elector stands, by its last ballot.
    pub fn stance_of(&self, key: &KeyId) -> Option<Stance> {
        self.ballots.get(key).map(|cast| cast.ballot.stance)
    }

    /// The certificate of a decision, if it was taken.
    pub fn certificate(&self, decision: Decision) -> Option<&Arc<Certificate>> {
        self.decided.get(&decision)
    }

    /// Whether it was decided and not called off.
    pub(super) fn is_in_effect(&self) -> bool {
        self.decided.contains_key(&Decision::LockIn)
            && !self.decided.contains_key(&Decision::Cancel)
    }

    /// Electors who said two things, and the proofs.
    pub fn liars(&self) -> impl Iterator<Item = (&KeyId, &Arc<DoubleVote>)> {
        self.liars.iter()
    }

    /// How it stands in an epoch, as if no other were decided; `height` is what the operator's source of heights says.
    pub fn state(&self, weights: &Weights, epoch: u64, height: Option<u64>) -> State {
        let has_come = self.has_come(epoch, height);
        self.state_at(weights, epoch, || {
            Some(if has_come { Place::InForce } else { Place::ToCome })
        })
    }

    /// How it stands in an epoch; `place` is asked for its place among the decisions about its line if it is one.
    pub(super) fn state_at(
        &self,
        weights: &Weights,
        epoch: u64,
        place: impl FnOnce() -> Option<Place>,
    ) -> State {
        if self.decided.contains_key(&Decision::Cancel) {
            return State::Cancelled;
        }
        if self.decided.contains_key(&Decision::LockIn) {
            return match place() {
                None => State::Overtaken,
                Some(Place::ToCome) => State::LockedIn,
                Some(Place::InForce) if epoch <= self.proposal.grace_end => State::Active,
                Some(Place::InForce) => State::Final,
            };
        }
        if self.rejected {
            return State::Rejected;
        }
        // As long as ballots are on their way, nothing has failed.
        if epoch > self.proposal.lock_deadline.saturating_add(SKEW) {
            return State::Failed;
        }
        if epoch < self.proposal.opens {
            return State::Announced;
        }
        State::Open(self.count(weights).outlook(&self.proposal))
    }

    /// Whether its time has come, if it was decided.
    pub(super) fn has_come(&self, epoch: u64, height: Option<u64>) -> bool {
        let come = epoch >= self.proposal.activation.earliest();
        match self.proposal.activation {
            Activation::Epoch(_) => come,
            Activation::Height { height: needed, .. } => {
                come && height.is_some_and(|height| height >= needed)
            }
        }
    }

    /// Counts its ballots.
    pub(super) fn count(&self, weights: &Weights) -> Count {
        weights.count(&self.stances())
    }

    /// The decision that its ballots prove, if they do and nobody has proved it yet.
    pub(super) fn prove(&self, outlook: Outlook, epoch: u64, rules: &Rules) -> Option<Certificate> {
        let decision = match outlook {
            Outlook::Cancelled => Decision::Cancel,
            Outlook::Decided => Decision::LockIn,
            Outlook::Rejected | Outlook::Unready | Outlook::Undecided => return None,
        };
        let last = self.proposal.last_epoch(decision, rules);
        // Once the vote is over only certificates decide: what else lies here, others may not have.
        if self.decided.contains_key(&decision) || epoch > last.saturating_add(SKEW) {
            return None;
        }
        let proves = |stance: &Stance| match decision {
            Decision::LockIn => stance.is_for(),
            Decision::Cancel => *stance == Stance::Cancel,
        };
        let ballots = self.ballots.iter().filter(|(key, cast)| {
            proves(&cast.ballot.stance)
                && cast.ballot.epoch <= last
                && !self.liars.contains_key(key)
        });
        let ballots = ballots.map(|(_, cast)| cast.signed.as_ref().clone()).collect();
        Some(Certificate { decision, proposal: self.signed.as_ref().clone(), ballots })
    }

    /// What counts: the last ballot of every elector who has not lied about this proposal.
    fn stances(&self) -> BTreeMap<KeyId, Stance> {
        self.ballots
            .iter()
            .filter(|(key, _)| !self.liars.contains_key(key))
            .map(|(key, cast)| (*key, cast.ballot.stance))
            .collect()
    }
}
