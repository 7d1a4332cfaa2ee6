//! How this node votes, if its operator takes part: by hand, and, once its release is here and has been tried, as one
//! that is ready. Nobody says *ready* by hand.

use std::{
    fmt::{Debug, Display},
    sync::Arc,
};

use updraft_protocol::{Ballot, Digest, Signed, Stance, Statement};

use super::{
    action::{Action, Now},
    believing::tell,
    changing::VOTE,
    machine::Machine,
    order::Trial,
    statements::PATIENCE,
    view::distrusted,
    voting,
};
use crate::{
    catalog::Known,
    governance::{CannotVote, Held, State},
    problem::{Code, Problem},
};

/// How far the release that a proposal names has come on this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Readiness {
    /// No release for this kind of machine is named that is known here.
    Unknown,
    /// It has not been tried, or is being.
    Untried,
    /// It was staged, and its self-test went well.
    Proven {
        /// The manifest.
        artifact: Digest,
        /// Digest of what the self-test printed.
        selftest: Digest,
    },
    /// It was tried and is no good.
    Failed(String),
}

impl<P: Copy + Ord + Debug + Display> Machine<P> {
    /// This node's ballot, to be kept, then signed, then handed back as [`Input::Cast`](super::Input::Cast).
    pub fn vote(
        &mut self,
        proposal: &Digest,
        stance: Stance,
        reason: String,
        now: Now,
    ) -> Result<(Ballot, Vec<Action<P>>), Problem> {
        if self.votes.elector.is_none() {
            let detail = "this node takes no part in votes".to_owned();
            return Err(Problem::new(Code::NotAVoter, detail)
                .hint("set governance.voter and governance.voter_key, or sign with `--key NAME`"));
        }
        if let Some(behind) = self.left_behind(now) {
            return Err(voting::left_behind(&behind));
        }
        if self.votes.under_way.contains(proposal) {
            let detail = "a ballot of this node on it is under way".to_owned();
            return Err(Problem::new(Code::OperationConflict, detail).hint("ask again in a moment"));
        }
        if self.may_have_forgotten(now) {
            let detail = "no peer has told this node yet what was voted so far".to_owned();
            return Err(Problem::new(Code::NoPeers, detail).hint("ask again in a moment"));
        }
        let ballot = self
            .cast(proposal, stance, reason, now)
            .map_err(|refusal| voting::cannot_vote(&refusal))?;
        Ok((ballot, self.finish(Vec::new(), now)))
    }

    /// Whether its store may be an older copy, and peers that know what it said last may still tell it. Who has no
    /// peers to wait for, or has waited for them in vain, votes all the same: numbers of ballots grow with time.
    fn may_have_forgotten(&self, now: Now) -> bool {
        let connected = self.sync.peers().next().is_some();
        let awaited = self.rules.awaits_peers && now.elapsed < PATIENCE;
        !self.caught_up.statements && (connected || awaited)
    }

    fn cast(
        &mut self,
        proposal: &Digest,
        stance: Stance,
        reason: String,
        now: Now,
    ) -> Result<Ballot, CannotVote> {
        let (network, epoch) = (self.catalog.root().network, self.epoch(now));
        let Some(elector) = &mut self.votes.elector else { return Err(CannotVote::Unknown) };
        let ballot =
            elector.cast(&self.votes.governance, network, proposal, stance, reason, epoch)?;
        self.votes.under_way.insert(*proposal);
        Ok(ballot)
    }

    /// A ballot of this node is kept and signed: now it is said.
    pub(super) fn on_cast(&mut self, signed: Signed<Ballot>, now: Now) -> Vec<Action<P>> {
        let mut actions = Vec::new();
        let about = signed.peek().map(|ballot| ballot.proposal);
        let statement = Arc::new(Statement::Ballot(signed));
        if let Ok(about) = &about {
            self.votes.under_way.remove(about);
        }
        match self.offer_vote(&statement, &mut actions, now) {
            Ok(_) => tell(&statement, &mut actions),
            // The vote ended, or the root changed, while it was signed. It would be so again.
            Err(refusal) => {
                self.votes.unheard.extend(about.ok());
                actions.push(Action::CountRefusal(refusal.label()));
            }
        }
        actions
    }

    /// The release for this kind of machine that a proposal names, if it is known and believed.
    pub(super) fn named_release(&self, held: &Held) -> Option<&Known> {
        let fits = |known: &&Known| {
            let manifest = &known.manifest;
            manifest.component == held.proposal.line
                && manifest.version == held.proposal.release
                && manifest.target.runs_on(&self.rules.target)
        };
        let artifacts = held.proposal.artifacts.iter();
        artifacts.filter_map(|digest| self.catalog.manifest(digest)).find(fits)
    }

    /// How far this node has come with the release of a proposal: tried for another protocol, it is untried for this.
    pub(super) fn readiness(&self, held: &Held, now: Now) -> Readiness {
        let Some(known) = self.named_release(held) else { return Readiness::Unknown };
        let (release, channel) = (known.manifest.release_name(), &known.manifest.channel);
        if let Some(distrust) = self.distrust(channel, known, now) {
            return Readiness::Failed(distrusted(&release, channel, &distrust).1);
        }
        let artifact = known.signed.digest();
        match self.staged(&held.proposal.line, &artifact, held.proposal.to) {
            None => Readiness::Untried,
            Some(Ok(staged)) => (staged.tried.as_ref()).map_or(Readiness::Untried, |tried| {
                Readiness::Proven { artifact, selftest: tried.printed }
            }),
            Some(Err(reason)) => Readiness::Failed(reason.clone()),
        }
    }

    /// Brings the releases of open votes here and tries them, and says so where this node is for them.
    pub(super) fn get_ready(&mut self, now: Now, actions: &mut Vec<Action<P>>) {
        if self.votes.elector.is_none() || !self.rules.signal_ready || !self.caught_up.statements {
            return;
        }
        let is_for = |id: &Digest| {
            let waits = self.votes.under_way.contains(id) || self.votes.unheard.contains(id);
            !waits && self.own_stance(id) == Some(Stance::Yes)
        };
        let open = self.standing(now).filter(|(_, state)| matches!(state, State::Open(_)));
        let wanted: Vec<Digest> = open.map(|(held, _)| held.id()).filter(is_for).collect();
        for id in wanted {
            let Some(held) = self.votes.governance.proposal(&id) else { continue };
            match self.readiness(held, now) {
                Readiness::Untried => self.stage_for(&id, Trial::Demanded, now, actions),
                Readiness::Proven { artifact, selftest } => {
                    let stance = Stance::Ready { artifact, selftest };
                    // Refused when it has said so, or when the vote has just ended.
                    if let Ok(ballot) = self.cast(&id, stance, String::new(), now) {
                        actions.push(Action::Cast(Box::new(ballot)));
                    }
                }
                Readiness::Unknown | Readiness::Failed(_) => {}
            }
        }
    }

    /// This node's word on a proposal, as far as others have heard it.
    pub(super) fn own_stance(&self, proposal: &Digest) -> Option<Stance> {
        let key = self.votes.elector.as_ref()?.key();
        self.votes.governance.proposal(proposal)?.stance_of(&key)
    }

    /// Stages the release that a proposal names, unless that is under way.
    pub(super) fn stage_for(
        &mut self,
        id: &Digest,
        trial: Trial,
        now: Now,
        actions: &mut Vec<Action<P>>,
    ) {
        let Some(held) = self.votes.governance.proposal(id) else { return };
        let (line, protocol) = (held.proposal.line.clone(), held.proposal.to);
        let Some(known) = self.named_release(held).cloned() else { return };
        self.stage(&line, &known, protocol, trial, VOTE, now, actions);
    }
}
