//! What is proposed on this network, as far as this node has heard. Pure.
//!
//! What is offered is taken wholly or refused. The certificate decides: a node's own count makes one when it can, and
//! takes anybody's that proves what it says, also when its own count, or the end of the vote, had told it otherwise.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use updraft_protocol::{
    Ballot, Certificate, ComponentName, Digest, DoubleVote, Electorate, ForkDigest, KeyId,
    NetworkId, Proposal, Root, Sentence, Signed, Stance, Verified,
    broken::{self, Break},
    vote::{Activation, Decision, Outlook, Rules, Weights},
};

use super::{
    fork::{Change, Forks},
    held::{Cast, Held, SKEW, State},
    lines::{Chain, Line, Place},
    pace::most_ballots,
    refusal::Refusal,
    roster::{Electors, Roster},
    unheard::Unheard,
};

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A proposal is known.
    Proposed(Digest),
    /// An elector has said how it stands.
    Voted {
        /// On this proposal.
        proposal: Digest,
        /// Who.
        by: KeyId,
        /// What it had said before.
        before: Option<Arc<Signed<Ballot>>>,
    },
    /// An elector has said two things, and counts no more on this proposal. The proof is to be kept, and told to
    /// everybody.
    Lied {
        /// The proposal.
        proposal: Digest,
        /// Who.
        by: KeyId,
        /// The proof.
        proof: Arc<DoubleVote>,
    },
    /// A decision is proved. The certificate is to be kept, and told to everybody.
    Decided(Arc<Certificate>),
    /// So much is against it that nothing can decide it any more.
    Rejected(Digest),
}

/// When something came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// In this epoch.
    Now(u64),
    /// In time, and it was kept since.
    Before,
}

/// All proposals, ballots and decisions.
#[derive(Debug, Clone)]
pub struct Governance {
    network: NetworkId,
    /// The rules before any decision; asked for with every message.
    first: ForkDigest,
    pub(super) rules: Rules,
    pub(super) roster: Roster,
    pub(super) held: BTreeMap<Digest, Held>,
    /// Proposals that electors have voted on and that have not come.
    pub(super) unheard: Unheard,
}

impl Governance {
    /// Begins with a network's first root and nothing else.
    pub fn new(first: &Root) -> Self {
        let rules = Rules::of(first.kind);
        Self {
            network: first.network,
            first: first.network.fork_digest(&[]),
            roster: Roster::new(first, &rules),
            rules,
            held: BTreeMap::new(),
            unheard: Unheard::default(),
        }
    }

    /// What is long enough here, and how much one operator may weigh.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Every proposal that is known, by name.
    pub fn proposals(&self) -> impl Iterator<Item = &Held> {
        self.held.values()
    }

    /// A proposal that is known.
    pub fn proposal(&self, id: &Digest) -> Option<&Held> {
        self.held.get(id)
    }

    /// What the electors of a proposal count.
    pub fn weights(&self, held: &Held) -> Option<&Weights> {
        self.roster.of(held.proposal.electorate).map(|electors| &electors.weights)
    }

    /// The electors of a proposal.
    pub fn electors_of(&self, held: &Held) -> Option<&Electorate> {
        self.roster.of(held.proposal.electorate).map(|electors| &electors.electorate)
    }

    /// Whether a key may open proposals now.
    pub fn is_elector(&self, key: &KeyId) -> bool {
        let current = self.roster.current().and_then(|epoch| self.roster.of(epoch));
        let may = |electors: &Electors| {
            let epoch = electors.electorate.epoch;
            electors.electorate.elector(key).is_some() && self.roster.hears(key, epoch)
        };
        current.is_some_and(may)
    }

    /// The heights at which decided votes come into force.
    pub fn heights(&self) -> impl Iterator<Item = u64> {
        self.in_effect().filter_map(|held| match held.proposal.activation {
            Activation::Height { height, .. } => Some(height),
            Activation::Epoch(_) => None,
        })
    }

    /// The first epoch after this one in which something changes by itself.
    pub fn next_change(&self, epoch: u64) -> Option<u64> {
        let moments = self.held.values().flat_map(|held| {
            let proposal = &held.proposal;
            [
                proposal.opens,
                proposal.lock_deadline.saturating_add(SKEW + 1),
                proposal.activation.earliest(),
                held.grace_end(&self.rules).saturating_add(1),
            ]
        });
        moments.filter(|moment| *moment > epoch).min()
    }

    /// The epoch of the electorate that opens proposals now.
    pub fn electorate(&self) -> Option<u64> {
        self.roster.current()
    }

    /// How a proposal stands.
    pub fn state(&self, id: &Digest, epoch: u64, height: Option<u64>) -> Option<State> {
        let held = self.held.get(id)?;
        Some(held.state_at(self.weights(held)?, epoch, || {
            let chain = self.chain(&held.proposal.line, epoch, height);
            chain.places().find(|(other, _)| other == id).map(|(_, place)| place)
        }))
    }

    /// Every proposal that is known, by name, and how it stands.
    pub fn standing(
        &self,
        epoch: u64,
        height: Option<u64>,
    ) -> impl Iterator<Item = (&Held, State)> {
        let lines: BTreeSet<&ComponentName> =
            self.in_effect().map(|held| &held.proposal.line).collect();
        let in_order = lines.into_iter().map(|line| self.chain(line, epoch, height));
        let places: BTreeMap<Digest, Place> =
            in_order.flat_map(|chain| chain.places().collect::<Vec<_>>()).collect();
        self.held.iter().filter_map(move |(id, held)| {
            let state = held.state_at(self.weights(held)?, epoch, || places.get(id).copied());
            Some((held, state))
        })
    }

    /// Takes a proposal of an elector who has no other one open.
    pub(super) fn take_proposal(
        &mut self,
        signed: &Arc<Signed<Proposal>>,
        arrival: Arrival,
    ) -> Result<Vec<Event>, Refusal> {
        if self.held.contains_key(&signed.digest()) {
            return Ok(Vec::new());
        }
        let claim = signed.peek().map_err(|error| Refusal::Unverified(error.into()))?;
        self.counts(claim.electorate, &signed.digest())?;
        let proposal = self.verify(signed, claim.by, claim.electorate)?;
        proposal.keeps_to(&self.rules)?;
        if let Arrival::Now(epoch) = arrival {
            if epoch > proposal.lock_deadline {
                return Err(self.outside(&proposal, epoch));
            }
            if proposal.opens > epoch.saturating_add(self.rules.max_life) {
                return Err(Refusal::FromTheFuture(proposal.opens));
            }
            let by = proposal.by;
            let is_open = |held: &Held| {
                held.proposal.by == by
                    && epoch <= held.proposal.lock_deadline
                    && held.decided.is_empty()
            };
            if self.held.values().any(is_open) {
                return Err(Refusal::AnotherIsOpen);
            }
        }
        let id = signed.digest();
        self.unheard.has_come(&id);
        self.held.insert(id, Held::new(signed.clone(), proposal));
        Ok(vec![Event::Proposed(id)])
    }

    /// Takes a ballot of an elector, if it is its newest.
    pub(super) fn take_ballot(
        &mut self,
        signed: &Arc<Signed<Ballot>>,
        arrival: Arrival,
    ) -> Result<Vec<Event>, Refusal> {
        let claim = signed.peek().map_err(|error| Refusal::Unverified(error.into()))?;
        let Some(held) = self.held.get(&claim.proposal) else {
            self.note_unheard(signed, &claim, arrival);
            return Err(Refusal::UnknownProposal);
        };
        let known = held.ballots.get(&claim.by).map(|cast| (cast.ballot.seq, cast.ballot.digest()));
        if known.is_some_and(|(_, digest)| digest == signed.digest()) {
            return Ok(Vec::new());
        }
        if held.liars.contains_key(&claim.by) {
            return Err(Refusal::Liar);
        }
        let ballot = self.verify(signed, claim.by, held.proposal.electorate)?;
        if let Arrival::Now(epoch) = arrival {
            self.in_time(held, &ballot, epoch)?;
        }
        if u64::from(ballot.seq) > most_ballots(&held.proposal, ballot.epoch) {
            return Err(Refusal::TooMany(ballot.seq));
        }
        if let Stance::Ready { artifact, .. } = ballot.stance
            && !held.proposal.artifacts.contains(&artifact)
        {
            return Err(Refusal::OtherArtifact);
        }
        let (proposal, by) = (ballot.proposal, ballot.by);
        match known {
            Some((seq, _)) if seq > ballot.seq => return Err(Refusal::Outdated),
            Some((seq, _)) if seq == ballot.seq => {
                let earlier = held.ballots.get(&by).map(|cast| cast.signed.as_ref().clone());
                let Some(earlier) = earlier else { return Err(Refusal::Outdated) };
                let proof = Arc::new(DoubleVote::new(earlier, signed.as_ref().clone()));
                return self.take_double(&proof);
            }
            Some(_) | None => {}
        }
        // A proof was one above, however many there are; what was kept was counted when it came.
        if let Arrival::Now(epoch) = arrival {
            let held = self.held.get_mut(&proposal).ok_or(Refusal::UnknownProposal)?;
            if !held.pace.takes_one_more(by, epoch) {
                return Err(Refusal::TooManyAtOnce(by));
            }
        }
        let cast = Cast { signed: signed.clone(), ballot };
        let held = self.held.get_mut(&proposal);
        let before = held.and_then(|held| held.ballots.insert(by, cast)).map(|cast| cast.signed);
        let mut events = vec![Event::Voted { proposal, by, before }];
        // What was kept is looked at when all of it is here: half of it may look like a decision.
        if let Arrival::Now(epoch) = arrival {
            self.look_at(&proposal, epoch, &mut events);
        }
        Ok(events)
    }

    /// Takes a proof that an elector has said two things.
    pub(super) fn take_double(&mut self, proof: &Arc<DoubleVote>) -> Result<Vec<Event>, Refusal> {
        let about = proof.proposal().ok_or(Refusal::UnknownProposal)?;
        let held = self.held.get(&about).ok_or(Refusal::UnknownProposal)?;
        let of = held.proposal.electorate;
        let electors = self.roster.of(of).ok_or(Refusal::UnknownElectorate(of))?;
        let (proposal, by) = proof.judge(&electors.electorate, &self.network)?;
        let Some(held) = self.held.get_mut(&proposal) else { return Err(Refusal::UnknownProposal) };
        if held.liars.contains_key(&by) || broken::is(Break::DoubleVotersCount) {
            return Ok(Vec::new());
        }
        held.liars.insert(by, proof.clone());
        Ok(vec![Event::Lied { proposal, by, proof: proof.clone() }])
    }

    /// Takes a decision that carries its proof, whatever this node had counted, and whenever it comes.
    pub(super) fn take_certificate(
        &mut self,
        certificate: &Arc<Certificate>,
    ) -> Result<Vec<Event>, Refusal> {
        let id = certificate.proposal.digest();
        let decision = certificate.decision;
        let decided = |held: &Held| held.decided.contains_key(&decision);
        if self.held.get(&id).is_some_and(decided) {
            return Ok(Vec::new());
        }
        let claim =
            certificate.proposal.peek().map_err(|error| Refusal::Unverified(error.into()))?;
        let of = claim.electorate;
        self.counts(of, &id)?;
        let electors = self.roster.of(of).ok_or(Refusal::UnknownElectorate(of))?;
        let proposal = certificate.judge(&self.network, &electors.electorate, &self.rules)?;
        let held = self
            .held
            .entry(id)
            .or_insert_with(|| Held::new(Arc::new(certificate.proposal.clone()), proposal));
        held.decided.insert(decision, certificate.clone());
        self.unheard.has_come(&id);
        Ok(vec![Event::Decided(certificate.clone())])
    }

    /// Weight of the electors in force who vote on proposals that this node does not know, of how much: more than a
    /// third means that it has missed something, or that its software is too old.
    pub fn unknown_weight(&self, epoch: u64) -> Option<(u128, u128)> {
        let electors = self.roster.of(self.roster.current()?)?;
        let weights = &electors.weights;
        // After a week it is over, or has come.
        let week = self.rules.max_life / 52;
        let lately = self.unheard.since(epoch.saturating_sub(week));
        Some((weights.together(lately), weights.total()))
    }

    /// Which protocol a line speaks, by the decisions that are in force in this epoch.
    pub fn line(&self, name: &ComponentName, epoch: u64, height: Option<u64>) -> Line {
        self.chain(name, epoch, height).line()
    }

    /// The decisions about one line that take effect.
    fn chain(&self, line: &ComponentName, epoch: u64, height: Option<u64>) -> Chain<'_> {
        let decided = self.in_effect().filter(|held| held.proposal.line == *line);
        Chain::of(decided, epoch, height)
    }

    /// Everything that was decided and not called off.
    fn in_effect(&self) -> impl Iterator<Item = &Held> {
        self.held.values().filter(|held| held.is_in_effect())
    }

    /// Which rules of the network itself this node follows in an epoch, which it had, and which are to come.
    pub fn forks(&self, line: &ComponentName, epoch: u64, height: Option<u64>) -> Forks {
        let mut applied = Vec::new();
        let mut current = self.first;
        let mut changes = |found: Vec<&Held>| -> Vec<Change> {
            let change = |held: &Held| {
                let before = current;
                applied.push(held.id());
                current = self.network.fork_digest(&applied);
                let at = held.proposal.activation.earliest();
                let grace_end = held.grace_end(&self.rules);
                Change { before, after: current, at, grace_end }
            };
            found.into_iter().map(change).collect()
        };
        let chain = self.chain(line, epoch, height);
        let (past, ahead) = (changes(chain.past), changes(chain.ahead));
        let current = past.last().map_or(self.first, |change| change.after);
        Forks { current, past, ahead }
    }

    /// Notes when this node learnt of a decision: those who have not heard of it get their grace from then on. Whether
    /// it was too late for the grace that was decided: then the epoch is to be kept.
    pub fn note_learnt(&mut self, id: &Digest, epoch: u64) -> bool {
        let Some(held) = self.held.get_mut(id).filter(|held| held.learnt.is_none()) else {
            return false;
        };
        held.learnt = Some(epoch);
        epoch > held.proposal.activation.earliest()
    }

    /// Sets right what a clock noted that was ahead; gives the decisions of which the epoch is to be kept again.
    pub fn learn_by_a_clock_set_right(&mut self, epoch: u64) -> Vec<Digest> {
        let is_ahead = |held: &&mut Held| held.learnt > Some(epoch.saturating_add(SKEW));
        let set_right = |held: &mut Held| {
            held.learnt = Some(epoch);
            held.id()
        };
        self.held.values_mut().filter(is_ahead).map(set_right).collect()
    }

    /// Looks at everything that is undecided, once all that was kept is here.
    pub fn settle(&mut self, epoch: u64) -> Vec<Event> {
        let mut events = Vec::new();
        let all: Vec<Digest> = self.held.keys().copied().collect();
        for id in all {
            self.look_at(&id, epoch, &mut events);
        }
        events
    }

    /// Whether the ballots of a proposal decide it now.
    fn look_at(&mut self, id: &Digest, epoch: u64, events: &mut Vec<Event>) {
        let Some(held) = self.held.get(id) else { return };
        let Some(electors) = self.roster.of(held.proposal.electorate) else { return };
        let outlook = held.count(&electors.weights).outlook(&held.proposal);
        if let Some(certificate) = held.prove(outlook, epoch, &self.rules) {
            if let Ok(decided) = self.take_certificate(&Arc::new(certificate)) {
                events.extend(decided);
            }
            return;
        }
        let open = epoch <= held.proposal.lock_deadline.saturating_add(SKEW);
        let undecided = held.decided.is_empty() && !held.rejected;
        if outlook == Outlook::Rejected && open && undecided {
            events.push(Event::Rejected(*id));
            if let Some(held) = self.held.get_mut(id) {
                held.rejected = true;
            }
        }
    }

    fn in_time(&self, held: &Held, ballot: &Ballot, epoch: u64) -> Result<(), Refusal> {
        if ballot.epoch > epoch.saturating_add(SKEW) {
            return Err(Refusal::FromTheFuture(ballot.epoch));
        }
        let ends = held.proposal.last_epoch(Decision::about(&ballot.stance), &self.rules);
        // Late is what comes late: what was held back until after the vote would be dated back as well.
        let cast = ballot.epoch.max(epoch.saturating_sub(SKEW));
        let opens = held.proposal.opens;
        if ballot.epoch < opens || cast > ends || (held.rejected && ballot.stance != Stance::Cancel)
        {
            return Err(Refusal::OutsideTheVote { cast, opens, ends });
        }
        Ok(())
    }

    fn outside(&self, proposal: &Proposal, cast: u64) -> Refusal {
        Refusal::OutsideTheVote { cast, opens: proposal.opens, ends: proposal.lock_deadline }
    }

    /// Remembers that an elector in force votes on something that is not known here. Whoever else it may be by, it is
    /// asked for with its proposal: of that its electorate may be a former one.
    fn note_unheard(&mut self, signed: &Signed<Ballot>, claim: &Ballot, arrival: Arrival) {
        let (Arrival::Now(epoch), Some(current)) = (arrival, self.roster.current()) else { return };
        if claim.epoch > epoch.saturating_add(SKEW) {
            return;
        }
        if let Ok(ballot) = self.verify(signed, claim.by, current) {
            self.unheard.note(&ballot);
        }
    }

    pub(super) fn verify<T: Sentence>(
        &self,
        signed: &Signed<T>,
        speaker: KeyId,
        electorate: u64,
    ) -> Result<Verified<T>, Refusal> {
        let electors = self.roster.of(electorate).ok_or(Refusal::UnknownElectorate(electorate))?;
        if electors.electorate.elector(&speaker).is_none() {
            return Err(Refusal::NotAnElector(speaker));
        }
        let said = electors.electorate.verify(signed, &self.network)?;
        if !self.roster.hears(&speaker, electorate) {
            return Err(Refusal::NotAnElector(speaker));
        }
        Ok(said)
    }
}
