//! What is said about votes: offered to the governance, kept, and told on. What follows from it is in `electing.rs`
//! and `changing.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{Debug, Display},
    mem::{Discriminant, discriminant},
    sync::Arc,
};

use updraft_protocol::{
    Digest, ForkId, Statement,
    limits::MAX_COUNTED,
    vote::{Decision, Outlook},
};

use super::{
    action::{Action, Now},
    answering::{Telling, Told},
    believing::tell,
    changing::{Listening, Speech},
    event::What,
    machine::Machine,
    passing::PassedOn,
    sync::Question,
    voting,
};
use crate::{
    catalog::Verdict,
    governance::{self, Elector, Event, Governance, Refusal, State, StruckOff, lie_in_words},
};

/// Certificates kept although the root does not count them: as many as a root may list. Those beyond are forgotten.
pub(super) const MAX_SHELVED: usize = MAX_COUNTED;

/// Votes as this node knows them.
#[derive(Debug)]
pub struct Votes<P> {
    pub(super) governance: Governance,
    /// What was said, by id: as it is kept.
    pub(super) kept: BTreeMap<Digest, Arc<Statement>>,
    /// Certificates of former electorates that the root does not count, by id: told to nobody, and offered again with
    /// every root, because nobody else may have kept what a later one counts.
    pub(super) shelved: BTreeMap<Digest, Arc<Statement>>,
    /// Whether there is a root that was not looked at for what is shelved.
    pub(super) root_is_new: bool,
    /// How this node votes, if it may.
    pub(super) elector: Option<Elector>,
    /// What the operator's source of heights said last.
    pub(super) height: Option<u64>,
    /// Ballots learnt by asking that neighbours may have missed as well.
    pub(super) passed_on: PassedOn,
    /// Which rules peers say they follow.
    pub(super) peers: BTreeMap<P, ForkId>,
    /// How each proposal stood when this was looked at last.
    pub(super) states: BTreeMap<Digest, Discriminant<State>>,
    /// What the network was told last to listen to.
    pub(super) listening: Option<Listening>,
    /// How it was told last to speak.
    pub(super) speech: Option<Speech>,
    /// What peers were told last of our rules.
    pub(super) said_fork: Option<ForkId>,
    /// The warning that was given last.
    pub(super) warned: Option<String>,
    /// The program is about to be replaced.
    pub(super) starting_again: bool,
    /// Proposals on which a ballot of this node is being kept and signed.
    pub(super) under_way: BTreeSet<Digest>,
    /// Proposals on which nobody takes a ballot of this node: its key is not heard any more.
    pub(super) unheard: BTreeSet<Digest>,
    /// Whether what was kept has been looked at as a whole.
    pub(super) settled: bool,
    /// What the source of heights said last; it counts when it is said again, or exceeded.
    pub(super) height_once: Option<u64>,
}

impl<P: Copy + Ord> Votes<P> {
    /// Begins with a governance that has followed the roots, and what was kept.
    pub fn new(governance: Governance, kept: Vec<Arc<Statement>>) -> Self {
        let kept = kept.into_iter().map(|statement| (statement.id(), statement)).collect();
        Self {
            governance,
            kept,
            shelved: BTreeMap::new(),
            root_is_new: false,
            elector: None,
            passed_on: PassedOn::default(),
            height: None,
            peers: BTreeMap::new(),
            states: BTreeMap::new(),
            listening: None,
            speech: None,
            said_fork: None,
            warned: None,
            starting_again: false,
            under_way: BTreeSet::new(),
            unheard: BTreeSet::new(),
            settled: false,
            height_once: None,
        }
    }

    /// What was to be done was not, and nobody knows what was kept: all of it is due again.
    pub(super) fn forget_what_was_begun(&mut self) {
        self.under_way.clear();
        (self.listening, self.speech, self.said_fork) = (None, None, None);
        self.starting_again = false;
    }

    /// The same, with what was kept of former electorates and does not count.
    pub fn with_shelved(mut self, shelved: Vec<Arc<Statement>>) -> Self {
        self.shelved = shelved.into_iter().map(|statement| (statement.id(), statement)).collect();
        self
    }

    /// The same, at a height that was kept.
    pub fn with_height(mut self, height: Option<u64>) -> Self {
        self.height = height;
        self
    }

    /// The same, but also an elector.
    pub fn with_elector(mut self, elector: Option<Elector>) -> Self {
        self.elector = elector;
        self
    }
}

/// What became of something that was said about a vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It was not known.
    New,
    /// It was.
    Known,
}

impl<P: Copy + Ord + Debug + Display> Machine<P> {
    /// The epoch of votes.
    pub(super) fn epoch(&self, now: Now) -> u64 {
        let time = self.catalog.trusted_time(now.wall);
        self.votes.governance.rules().epoch_of(time.as_seconds())
    }

    /// Takes a statement about a vote that the operator hands in, and tells everybody.
    pub fn say_on_a_vote(
        &mut self,
        statement: Arc<Statement>,
        now: Now,
    ) -> Result<(Taken, Vec<Action<P>>), Refusal> {
        let mut actions = Vec::new();
        self.votes.governance.spares_a_slip(&statement)?;
        let taken = self.offer_vote(&statement, &mut actions, now)?;
        tell(&statement, &mut actions);
        Ok((taken, self.finish(actions, now)))
    }

    /// Takes what gossip says about a vote.
    pub(super) fn on_gossiped_vote(
        &mut self,
        from: P,
        statement: &Arc<Statement>,
        actions: &mut Vec<Action<P>>,
        now: Now,
    ) -> Verdict {
        match self.offer_vote(statement, actions, now) {
            Ok(Taken::New) => Verdict::Accept,
            Ok(Taken::Known) => Verdict::Ignore,
            Err(refusal) => {
                // The proposal may be on its way; whoever has the ballot has it.
                if refusal == Refusal::UnknownProposal {
                    self.sync.ask(from, Question::News);
                }
                self.refuse_vote(&refusal, from, actions)
            }
        }
    }

    /// Takes what a peer knows about votes, which comes in no order.
    pub(super) fn on_caught_up_votes(
        &mut self,
        peer: P,
        mut statements: Vec<Arc<Statement>>,
        actions: &mut Vec<Action<P>>,
        now: Now,
    ) -> Verdict {
        statements.sort_by_key(|statement| governance::turn(statement));
        for statement in statements {
            match self.offer_vote(&statement, actions, now) {
                Ok(Taken::New) => {
                    if matches!(*statement, Statement::Certificate(_) | Statement::Proposal(_)) {
                        self.sync.told_of_a_vote(peer);
                    }
                    if matches!(*statement, Statement::Ballot(_)) {
                        self.votes.passed_on.keep(statement);
                    } else {
                        tell(&statement, actions);
                    }
                }
                Ok(Taken::Known) => {}
                Err(refusal) => {
                    if refusal == Refusal::UnknownProposal {
                        self.sync.told_too_early(peer);
                    }
                    if self.refuse_vote(&refusal, peer, actions) == Verdict::Reject {
                        return Verdict::Reject;
                    }
                }
            }
        }
        Verdict::Accept
    }

    /// Tells on what was learnt by asking, as far as it still stands.
    pub(super) fn pass_ballots_on(&mut self, now: Now, actions: &mut Vec<Action<P>>) {
        for ballot in self.votes.passed_on.due(now.elapsed) {
            if self.votes.kept.contains_key(&ballot.id()) {
                tell(&ballot, actions);
            }
        }
    }

    /// Offers a statement about a vote. What is new is kept, and so is what follows from it.
    pub(super) fn offer_vote(
        &mut self,
        statement: &Arc<Statement>,
        actions: &mut Vec<Action<P>>,
        now: Now,
    ) -> Result<Taken, Refusal> {
        // No signature is checked for what is known.
        if self.votes.kept.contains_key(&statement.id()) {
            return Ok(Taken::Known);
        }
        let epoch = self.epoch(now);
        let events = self.votes.governance.offer(statement, epoch)?;
        if events.is_empty() {
            return Ok(Taken::Known);
        }
        let two_faced = events.iter().any(|event| matches!(event, Event::Lied { .. }));
        if !two_faced || matches!(**statement, Statement::DoubleVote(_)) {
            self.keep_vote(statement.clone(), actions);
        }
        self.follow_votes(events, actions, now);
        Ok(Taken::New)
    }

    fn keep_vote(&mut self, statement: Arc<Statement>, actions: &mut Vec<Action<P>>) {
        self.votes.kept.insert(statement.id(), statement.clone());
        actions.push(Action::KeepStatement(statement));
    }

    /// What this node concluded itself is kept, and told to everybody.
    fn conclude(&mut self, statement: Statement, actions: &mut Vec<Action<P>>) {
        let statement = Arc::new(statement);
        if !self.votes.kept.contains_key(&statement.id()) {
            self.keep_vote(statement.clone(), actions);
            tell(&statement, actions);
        }
    }

    /// What follows from what was taken.
    pub(super) fn follow_votes(
        &mut self,
        events: Vec<Event>,
        actions: &mut Vec<Action<P>>,
        now: Now,
    ) {
        for event in events {
            match event {
                Event::Proposed(id) => {
                    if let Some(held) = self.votes.governance.proposal(&id) {
                        let words = voting::proposal_in_words(&held.proposal);
                        let number = held.proposal.number;
                        actions.push(Action::Emit(What::ProposalOpened { number, id, words }));
                        // What else came with it is news beside that.
                        self.stood_before(id, &State::Open(Outlook::Undecided));
                    }
                }
                Event::Voted { proposal: id, by, before } => {
                    let before = before.map(|before| Statement::Ballot(before.as_ref().clone()));
                    if let Some(before) = before {
                        self.votes.kept.remove(&before.id());
                        actions.push(Action::ForgetStatements(vec![Arc::new(before)]));
                    }
                    let held = self.votes.governance.proposal(&id);
                    if let Some(stance) = held.and_then(|held| held.stance_of(&by)) {
                        let number = self.number_of(&id);
                        actions.push(Action::Emit(What::ProposalVoted { number, id, by, stance }));
                    }
                }
                Event::Lied { by, proof, .. } => {
                    self.conclude(Statement::DoubleVote(proof.as_ref().clone()), actions);
                    let reason = lie_in_words(&proof);
                    actions.push(Action::Emit(What::KeyAlarm { key: by, reason }));
                }
                Event::Decided(certificate) => {
                    let decided = certificate.decision;
                    let id = certificate.proposal.digest();
                    let epoch = self.epoch(now);
                    if self.votes.governance.note_learnt(&id, epoch) {
                        // Before its certificate: once that is kept, nobody notes any more when it came.
                        actions.insert(0, Action::KeepLearnt(id, epoch));
                    }
                    let certificate = Box::new(certificate.as_ref().clone());
                    self.conclude(Statement::Certificate(certificate), actions);
                    self.keep_a_height_that_decides(&id, actions);
                    let number = self.number_of(&id);
                    let state = match decided {
                        // Whoever acts on it would act on what is over.
                        Decision::LockIn if self.is_called_off(&id) => continue,
                        Decision::LockIn => State::LockedIn,
                        Decision::Cancel => State::Cancelled,
                    };
                    self.stood_before(id, &state);
                    actions.push(Action::Emit(What::ProposalMoved { number, id, state }));
                }
                // How it stands now is looked at whenever anything has happened.
                Event::Rejected(_) => {}
            }
        }
    }

    fn is_called_off(&self, id: &Digest) -> bool {
        let held = self.votes.governance.proposal(id);
        held.is_some_and(|held| held.certificate(Decision::Cancel).is_some())
    }

    /// Notes how watchers have been told that a vote stands which this node has only now heard of.
    fn stood_before(&mut self, id: Digest, state: &State) {
        self.votes.states.entry(id).or_insert_with(|| discriminant(state));
    }

    /// Forgets what was said about a vote that the root does not count any more, all but its certificates.
    pub(super) fn strike_off(&mut self, vote: &StruckOff, actions: &mut Vec<Action<P>>) {
        let StruckOff { proposal, number, was_decided } = *vote;
        let root = self.catalog.root().version;
        if was_decided {
            tracing::warn!(
                %proposal, number, root,
                "former electors had decided this, and the root does not count it: it is undone"
            );
        } else {
            tracing::info!(%proposal, number, root, "a vote that was not decided ends: whoever opened it has no say any more");
        }
        self.shelve();
        actions.extend(self.keep_only(Governance::knows));
        actions.push(Action::Emit(What::ProposalStruckOff { number, id: proposal }));
    }

    /// Puts certificates aside that stand for nothing under this root.
    fn shelve(&mut self) {
        let Votes { governance, kept, shelved, .. } = &mut self.votes;
        let mut room = MAX_SHELVED.saturating_sub(shelved.len());
        let goes = kept.extract_if(.., |_, kept| {
            let goes = matches!(**kept, Statement::Certificate(_)) && !governance.knows(kept);
            let fits = goes && room > 0;
            room -= usize::from(fits);
            fits
        });
        shelved.extend(goes);
    }

    /// Offers what is shelved again if the root is another: what it counts stands again.
    pub(super) fn offer_shelved(&mut self, now: Now, actions: &mut Vec<Action<P>>) {
        if !std::mem::take(&mut self.votes.root_is_new) {
            return;
        }
        for (id, statement) in std::mem::take(&mut self.votes.shelved) {
            if self.offer_vote(&statement, actions, now).is_err() {
                self.votes.shelved.insert(id, statement);
            }
        }
    }

    pub(super) fn number_of(&self, id: &Digest) -> u32 {
        self.votes.governance.proposal(id).map_or(0, |held| held.proposal.number)
    }

    fn refuse_vote(&mut self, refusal: &Refusal, from: P, actions: &mut Vec<Action<P>>) -> Verdict {
        if refusal.may_be_a_newer_root() {
            self.sync.ask(from, Question::Roots);
        }
        actions.push(Action::CountRefusal(refusal.label()));
        if refusal.is_a_lie() { Verdict::Reject } else { Verdict::Ignore }
    }

    /// Strikes off what stands for nothing any more.
    pub(super) fn forget_votes(&mut self, now: Now) -> Option<Action<P>> {
        let epoch = self.epoch(now);
        self.votes.governance.forget(epoch);
        self.keep_only(|governance, statement| governance.is_kept(statement, epoch))
    }

    fn keep_only(&mut self, stays: impl Fn(&Governance, &Statement) -> bool) -> Option<Action<P>> {
        let governance = &self.votes.governance;
        let gone = self.votes.kept.extract_if(.., |_, kept| !stays(governance, kept));
        let gone: Vec<Arc<Statement>> = gone.map(|(_, statement)| statement).collect();
        (!gone.is_empty()).then_some(Action::ForgetStatements(gone))
    }

    /// What is said beside heads and still matters to others, for peers that ask.
    pub fn said(&self, now: Now) -> BTreeMap<Digest, Arc<Statement>> {
        let epoch = self.epoch(now);
        let mut said = self.catalog.said().clone();
        let told = self.votes.kept.iter();
        let told = told.filter(|(_, statement)| self.votes.governance.is_told(statement, epoch));
        said.extend(told.map(|(id, statement)| (*id, statement.clone())));
        said
    }

    /// The same with its name, as [`answer`](super::answer) gives it to peers. To be made again when what is kept has
    /// changed.
    pub fn telling(&self, now: Now) -> Telling {
        let told = if self.is_untold() { Told::NotYet } else { Told::Yes };
        Telling::new(self.said(now), told, self.catalog().root().version)
    }
}

#[cfg(test)]
#[path = "votes_tests.rs"]
mod tests;
