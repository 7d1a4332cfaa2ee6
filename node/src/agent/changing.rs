//! Which protocols are in force here, and what a node does when that changes. A program that cannot follow is the
//! business of `behind.rs`: a node never acts by rules that are over.

use std::{
    collections::BTreeSet,
    fmt::{Debug, Display},
    mem::discriminant,
};

use updraft_protocol::{
    ComponentName, Digest, ForkDigest, ForkId, Proposal, Timestamp, network::PACKED_SINCE,
    vote::Activation,
};

use super::{
    action::{Action, Now},
    electing::Readiness,
    ending::own_component,
    event::What,
    lifecycle::{Component, Following},
    machine::Machine,
    order::Trial,
    staging::Wanted,
    status::{ProtocolStatus, RuleWarning},
    sync::Question,
};
use crate::{
    build::FIRST_PROTOCOL,
    catalog::Known,
    governance::{Change, Footing, Forks, Held, State},
    problem::Code,
};

/// Who asks for what a vote has decided.
pub(super) const VOTE: &str = "vote";

/// Rules that are listened to besides those in force; no more than the network room follows, which is seen to where both
/// are known.
pub(super) const MAX_ALSO: usize = 4;

/// What this node talks on and listens to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    /// Where it talks.
    pub current: ForkDigest,
    /// Where it listens besides.
    pub also: BTreeSet<ForkDigest>,
}

/// How questions are asked and chunks come, by the protocol in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speech {
    /// The network's protocol in force.
    pub protocol: u32,
    /// Whether this program speaks it.
    pub understood: Understood,
    /// Whether peers that offer it are asked for packs of chunks.
    pub packs: bool,
}

/// Whether a program can follow the rules in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Understood {
    /// It can, and may.
    Yes,
    /// It cannot, or its operator has told it not to.
    No,
}

impl<P: Copy + Ord + Debug + Display> Machine<P> {
    /// The protocol of a line that is in force.
    pub fn protocol_of(&self, line: &ComponentName, now: Now) -> u32 {
        let line = self.votes.governance.line(line, self.epoch(now), self.votes.height);
        line.protocol().unwrap_or(FIRST_PROTOCOL)
    }

    /// The rules of this network: those it had, has and will have.
    fn forks(&self, now: Now) -> Forks {
        self.votes.governance.forks(&own_component(), self.epoch(now), self.votes.height)
    }

    /// Every proposal that is known, and how it stands now.
    pub(super) fn standing(&self, now: Now) -> impl Iterator<Item = (&Held, State)> {
        self.votes.governance.standing(self.epoch(now), self.votes.height)
    }

    /// How this node speaks now.
    pub fn speech(&self, now: Now) -> Speech {
        let protocol = self.protocol_of(&own_component(), now);
        let understood =
            if self.left_behind(now).is_some() { Understood::No } else { Understood::Yes };
        let packs = understood == Understood::Yes && protocol >= PACKED_SINCE;
        Speech { protocol, understood, packs }
    }

    /// What this node says of its rules.
    pub fn fork_id(&self, now: Now) -> ForkId {
        self.forks(now).id()
    }

    /// The network's protocol, as people see it.
    pub fn protocol_status(&self, now: Now) -> ProtocolStatus {
        ProtocolStatus {
            active: self.protocol_of(&own_component(), now),
            oldest: self.rules.speaks.oldest,
            newest: self.rules.speaks.newest,
            fork: self.fork_id(now).digest.to_string(),
            left_behind: self.left_behind(now).is_some(),
            warnings: self.rule_warnings(now),
        }
    }

    /// Whether a peer is answered more than what every node understands. It is not when its rules are over and their
    /// grace as well, nor by a node that is itself left behind.
    pub fn answers(&self, peer: &P, now: Now) -> bool {
        if self.left_behind(now).is_some() {
            return false;
        }
        let Some(fork) = self.votes.peers.get(peer) else { return true };
        let epoch = self.epoch(now);
        let forks = self.forks(now);
        !matches!(forks.judge(fork, epoch), Footing::Behind { until } if epoch > until)
    }

    /// Whether a peer says that it follows rules which this node has not heard of.
    pub fn follows_unknown_rules(&self, peer: &P, now: Now) -> bool {
        let Some(fork) = self.votes.peers.get(peer) else { return false };
        let epoch = self.epoch(now);
        let forks = self.forks(now);
        forks.judge(fork, epoch) == Footing::Unknown
    }

    /// Whether all peers that have said which rules they follow follow others than this node knows.
    pub(super) fn knows_no_rules_of_others(&self, now: Now) -> bool {
        let mut peers = self.votes.peers.keys().peekable();
        peers.peek().is_some() && peers.all(|peer| self.follows_unknown_rules(peer, now))
    }

    /// Whether packs of chunks are given: from the decision on, because clocks differ, and peers ask for none before
    /// their own has come to it.
    pub fn speaks_packs(&self, now: Now) -> bool {
        let line = own_component();
        self.standing(now).any(|(held, state)| {
            let decided = matches!(state, State::LockedIn | State::Active | State::Final);
            held.proposal.line == line && held.proposal.to >= PACKED_SINCE && decided
        })
    }

    /// Whether chunks are given one by one: through the grace of the change that brought packs.
    pub fn speaks_singly(&self, now: Now) -> bool {
        let epoch = self.epoch(now);
        let line = self.votes.governance.line(&own_component(), epoch, self.votes.height);
        let brings_packs =
            |(_, from, to): &(Digest, u32, u32)| *from < PACKED_SINCE && *to >= PACKED_SINCE;
        let Some(since) = line.changes.iter().rposition(brings_packs) else { return true };
        // The same changes; whoever learnt late of one gives others around it their grace.
        let in_grace = |change: &Change| epoch <= change.grace_end;
        self.forks(now).past.get(since).is_none_or(in_grace)
            || line.protocol().is_some_and(|protocol| protocol < PACKED_SINCE)
    }

    /// A peer has said which rules it follows.
    pub(super) fn on_forked(&mut self, peer: P, fork: Option<ForkId>, now: Now) -> Vec<Action<P>> {
        let Some(fork) = fork else {
            self.sync.rules_not_told(peer, now.elapsed);
            return Vec::new();
        };
        // Whoever says which rules are its own has asked for ours, or answers that we have told it.
        self.sync.rules_told(peer);
        if !self.sync.peers().any(|known| known == peer) {
            return Vec::new();
        }
        self.votes.peers.insert(peer, fork);
        let epoch = self.epoch(now);
        let forks = self.forks(now);
        // It may know of a decision that this node has missed.
        let knows_more = fork.next.is_some() && fork.next != forks.id().next;
        if knows_more || forks.judge(&fork, epoch) == Footing::Unknown {
            self.sync.ask(peer, Question::News);
        }
        Vec::new()
    }

    /// Whether a vote waits for a height.
    pub fn waits_for_a_height(&self) -> bool {
        self.votes.governance.heights().any(|needed| Some(needed) > self.votes.height)
    }

    /// A height has been reached, and was said twice: a source that errs once puts nothing in force. It never goes back,
    /// and what it has put in force stays in force, so it is kept first.
    pub(super) fn on_height(&mut self, height: u64, now: Now) -> Vec<Action<P>> {
        let before = self.votes.height_once.replace(height);
        let Some(sure) = before.map(|before| before.min(height)) else { return Vec::new() };
        if self.votes.height.is_some_and(|known| known >= sure) {
            return Vec::new();
        }
        let known = self.votes.height.replace(sure);
        let governance = &self.votes.governance;
        let decides = governance.heights().any(|needed| Some(needed) > known && needed <= sure);
        tracing::debug!(height = sure, epoch = self.epoch(now), decides, "the height");
        if decides { vec![Action::KeepHeight(sure)] } else { Vec::new() }
    }

    /// A decision has come whose height was reached before.
    pub(super) fn keep_a_height_that_decides(&self, id: &Digest, actions: &mut Vec<Action<P>>) {
        let held = self.votes.governance.proposal(id);
        if let Some(Activation::Height { height, .. }) = held.map(|held| held.proposal.activation)
            && let Some(known) = self.votes.height.filter(|known| *known >= height)
        {
            actions.push(Action::KeepHeight(known));
        }
    }

    /// Looks at what is in force, and does what a change asks for.
    pub(super) fn follow_rules(&mut self, now: Now, actions: &mut Vec<Action<P>>) {
        self.offer_shelved(now, actions);
        if !std::mem::replace(&mut self.votes.settled, true) {
            let epoch = self.epoch(now);
            let events = self.votes.governance.settle(epoch);
            self.follow_votes(events, actions, now);
        }
        self.notice_moves(now, actions);
        let epoch = self.epoch(now);
        let again = self.votes.governance.learn_by_a_clock_set_right(epoch);
        actions.extend(again.into_iter().map(|id| Action::KeepLearnt(id, epoch)));
        let forks = self.forks(now);
        let also: BTreeSet<ForkDigest> = forks.also(epoch).take(MAX_ALSO).collect();
        let listening = Listening { current: forks.current, also };
        let speech = self.speech(now);
        if self.votes.listening.as_ref() != Some(&listening) {
            self.votes.listening = Some(listening.clone());
            actions.push(Action::Listen(listening));
        }
        if self.votes.speech != Some(speech) {
            self.votes.speech = Some(speech);
            actions.push(Action::Speak(speech));
        }
        let warning = self.left_behind(now).map(|behind| self.left_behind_in_words(&behind, now));
        if self.votes.warned != warning {
            self.votes.warned.clone_from(&warning);
            actions.extend(warning.map(|detail| Action::Emit(What::LeftBehind { detail })));
        }
        let changed = self.votes.said_fork.replace(forks.id()) != Some(forks.id());
        let peers = if changed {
            self.sync.peers().collect()
        } else {
            self.sync.due_to_hear_the_rules(now.elapsed)
        };
        let network = self.catalog.root().network;
        actions.extend(peers.into_iter().map(|p| Action::AskFork(p, network, forks.id())));
    }

    /// Tells watchers of every proposal that stands otherwise than it stood.
    fn notice_moves(&mut self, now: Now, actions: &mut Vec<Action<P>>) {
        let of = |(held, state): (&Held, State)| (held.id(), held.proposal.number, state);
        let states: Vec<(Digest, u32, State)> = self.standing(now).map(of).collect();
        let known: BTreeSet<Digest> = states.iter().map(|(id, ..)| *id).collect();
        self.votes.states.retain(|id, _| known.contains(id));
        for (id, number, state) in states {
            // How an open vote would end is no news.
            let kind = discriminant(&state);
            let before = self.votes.states.insert(id, kind);
            // That it is decided is told with its certificate.
            let told = matches!(state, State::LockedIn | State::Cancelled | State::Announced);
            let Some(before) = before.filter(|before| *before != kind && !told) else { continue };
            // Whoever learns of it after the grace has heard of no activation.
            if state == State::Final && before != discriminant(&State::Active) {
                let state = State::Active;
                actions.push(Action::Emit(What::ProposalMoved { number, id, state }));
            }
            actions.push(Action::Emit(What::ProposalMoved { number, id, state }));
        }
    }

    /// Lets go of what was staged for votes that came to nothing, or are over.
    pub(super) fn let_go_of_what_is_over(&mut self, now: Now, actions: &mut Vec<Action<P>>) {
        let wanted: BTreeSet<Wanted> = self
            .standing(now)
            .filter(|(held, state)| match state {
                State::Announced | State::Open(_) => self.own_stance(&held.id()).is_some(),
                State::LockedIn | State::Active | State::Final => self.will_need(held),
                _ => false,
            })
            .flat_map(|(held, _)| {
                let Proposal { line, to, .. } = &*held.proposal;
                held.proposal.artifacts.iter().map(move |artifact| Wanted {
                    component: line.clone(),
                    release: *artifact,
                    protocol: *to,
                })
            })
            .collect();
        let behind = self.left_behind(now).is_some();
        self.unstage_unless(
            VOTE,
            // What a node that is left behind tries is its own business.
            |what| (behind && what.component == own_component()) || wanted.contains(what),
            now,
            actions,
        );
    }

    /// Brings the releases of decided votes here, and installs them when their time has come.
    pub(super) fn follow_decisions(&mut self, now: Now, actions: &mut Vec<Action<P>>) {
        let ahead: Vec<Digest> = self
            .standing(now)
            .filter(|(held, state)| *state == State::LockedIn && self.will_need(held))
            .map(|(held, _)| held.id())
            .collect();
        for id in ahead {
            let Some(held) = self.votes.governance.proposal(&id) else { continue };
            // What this program is to become has to work. What it only installs may have no self-test, or none that an
            // elector's trial came through.
            let is_own = held.proposal.line == own_component();
            let trial = if is_own { Trial::Demanded } else { Trial::Spared };
            let wanted = match self.readiness(held, now) {
                Readiness::Untried => true,
                Readiness::Failed(_) => !is_own && !self.is_being_tried_for_another(held, now),
                Readiness::Unknown | Readiness::Proven { .. } => false,
            };
            if wanted {
                self.stage_for(&id, trial, now, actions);
            }
        }
    }

    /// Whether this node is for another vote, which is open, on the same protocol: that demands a self-test.
    fn is_being_tried_for_another(&self, decided: &Held, now: Now) -> bool {
        let same = |held: &Held| {
            (&held.proposal.line, held.proposal.to) == (&decided.proposal.line, decided.proposal.to)
        };
        self.standing(now).any(|(held, state)| {
            matches!(state, State::Open(_)) && same(held) && self.own_stance(&held.id()).is_some()
        })
    }

    /// Whether a vote that is in force names a release of a component.
    pub(super) fn is_voted(&self, component: &Component, known: &Known, now: Now) -> bool {
        self.standing(now).any(|(held, state)| {
            held.proposal.line == component.name
                && held.proposal.artifacts.contains(&known.signed.digest())
                && matches!(state, State::Active | State::Final)
        })
    }

    /// Whether this node will have to install the release of a decided vote.
    fn will_need(&self, held: &Held) -> bool {
        let line = &held.proposal.line;
        if *line == own_component() {
            return !self.rules.speaks.includes(held.proposal.to);
        }
        let Some(component) = self.components.get(line) else { return false };
        let follows = component.following == Following::Yes;
        let has = component.installed.as_ref().map(|installed| &installed.version);
        follows && self.rules.auto_activate && has.is_some_and(|has| *has < held.proposal.release)
    }

    /// When the next epoch of a vote begins in which something changes by itself.
    pub(super) fn next_epoch_of_votes(&self, now: Now) -> Option<Timestamp> {
        let governance = &self.votes.governance;
        let next = governance.next_change(self.epoch(now))?;
        Some(Timestamp::from_seconds(governance.rules().begin_of(next)))
    }

    /// What people should know about the rules of this network, the worst first.
    pub fn rule_warnings(&self, now: Now) -> Vec<RuleWarning> {
        let mut warnings = Vec::new();
        let mut warn = |code, detail| warnings.push(RuleWarning { code, detail });
        if let Some(behind) = self.left_behind(now) {
            warn(Code::LeftBehind, self.left_behind_in_words(&behind, now));
        }
        self.components_behind(now).for_each(|detail| warn(Code::LeftBehind, detail));
        for (held, state) in self.standing(now) {
            let by_height = matches!(held.proposal.activation, Activation::Height { .. });
            if state == State::LockedIn && by_height && !self.rules.knows_heights {
                let detail = format!(
                    "p-{} comes into force at a height, and this node does not know heights: set \
                     governance.height_command or governance.height_url",
                    held.proposal.number
                );
                warn(Code::RulesUnclear, detail);
            }
        }
        if let Some((unknown, total)) = self.votes.governance.unknown_weight(self.epoch(now))
            && unknown * 3 > total
        {
            let detail = "more than a third of the electors vote on something that this node has not heard of: it may \
                          be cut off from part of the network, or its program may be too old";
            warn(Code::RulesUnclear, detail.to_owned());
        }
        warnings
    }
}
