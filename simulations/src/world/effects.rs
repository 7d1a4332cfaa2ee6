//! What a node's machine asks for is done here, in its order, as the node's own agent does it.

use std::collections::BTreeSet;

use updraft_node::{
    agent::{Action, Input, JobError, Ledger as _, What as News},
    catalog::Verdict,
};
use updraft_protocol::{CatchUpRequest, Equivocation, Signed};

use super::{
    Event, World,
    gossip::{Sent, What},
    lines::Micros,
    talk::{About, Ask, Body},
};
use crate::scenario::{Hostility, Role};

/// What a node takes to judge a message: a signature, and the flush of a small disk. One after another.
const JUDGING: Micros = 3_000;
/// Messages that may wait for it, of one peer and of all (`network/unjudged.rs`). What comes beyond them is not heard.
const UNJUDGED: (usize, usize) = (16, 128);
/// How long a liar is not let in (`network/bans.rs`: the first time).
const BAN: Micros = 60_000_000;

impl World {
    /// Something has happened to a node's machine.
    pub(super) fn input(&mut self, node: u32, input: Input<u32>) {
        let now = self.nodes[node as usize].now(self.now);
        let Some(running) = &mut self.node(node).running else { return };
        let actions = running.machine.handle(input, now);
        self.touch(node);
        self.carry_out(node, actions);
    }

    /// The same, if the node's program still is the one that it was meant for.
    pub(super) fn hand(&mut self, node: u32, life: u32, input: Input<u32>) {
        let peers = &self.nodes[node as usize].peers;
        // Who is gone before it was noticed that he came never came.
        let is_over = match &input {
            Input::PeerCame(peer) => !peers.contains(peer),
            Input::PeerWent(peer) => peers.contains(peer),
            _ => false,
        };
        if self.lives(node, life) && !is_over {
            self.note("ended", node, 0);
            self.input(node, input);
        }
    }

    /// Has a node hear soon of the end of something that it does by itself.
    pub(super) fn ends(&mut self, node: u32, input: Input<u32>) {
        let life = self.nodes[node as usize].life;
        self.queue.put(self.now, Event::Ended(node, life, Box::new(input)));
    }

    /// A node wants to be woken.
    pub(super) fn wake(&mut self, node: u32, life: u32) {
        let now = self.now;
        if !self.lives(node, life) {
            return;
        }
        let Some(running) = &mut self.node(node).running else { return };
        if running.wakes != Some(now) {
            return;
        }
        running.wakes = None;
        self.note("wake", node, 0);
        self.input(node, Input::Tick);
    }

    /// Does what a machine asks for, and sees to it that it is woken when it wants to be.
    pub(super) fn carry_out(&mut self, node: u32, actions: Vec<Action<u32>>) {
        let said = actions.iter().any(Action::changes_what_is_said);
        for action in actions {
            self.act(node, action);
        }
        if said {
            self.serve_what_is_said(node);
        }
        self.plan_wake(node);
    }

    /// Peers that ask get what is believed now.
    pub(super) fn serve_what_is_said(&mut self, node: u32) {
        let now = self.nodes[node as usize].now(self.now);
        if let Some(running) = &mut self.node(node).running {
            running.telling = running.machine.telling(now);
        }
    }

    fn plan_wake(&mut self, node: u32) {
        let (now, life) = (self.now, self.nodes[node as usize].life);
        let Some(running) = &mut self.node(node).running else { return };
        let wait = u64::try_from(running.machine.next_wakeup().as_micros()).unwrap_or(u64::MAX);
        let at = running.since.saturating_add(wait).max(now + 1);
        if running.wakes.is_none_or(|planned| at < planned || planned <= now) {
            running.wakes = Some(at);
            self.queue.put(at, Event::Wake(node, life));
        }
    }

    fn act(&mut self, node: u32, action: Action<u32>) {
        match action {
            Action::KeepRoot(..)
            | Action::KeepHead(..)
            | Action::BeginAnew(..)
            | Action::KeepStatement(_)
            | Action::ForgetStatements(_)
            | Action::KeepHeight(_)
            | Action::KeepLearnt(..)
            | Action::KeepTime(_)
            | Action::KeepManifest(..) => self.keep(node, action),
            Action::Vouch(..) | Action::Cast(_) => self.sign(node, action),
            Action::AskNews(..)
            | Action::AskRoots(..)
            | Action::AskManifest(..)
            | Action::AskStatements(..)
            | Action::AskFork(..) => self.put(node, action),
            Action::Verdict(token, verdict) => self.settle(node, token, verdict),
            Action::Accuse(peer) => self.accuse(node, peer),
            Action::Announce(gossip) => {
                if let Some(topic) = self.nodes[node as usize].topic() {
                    let sent = self.gossip.say(node, topic, gossip);
                    self.spread(sent);
                }
            }
            Action::Listen(listening) => {
                if let Some(running) = &mut self.node(node).running {
                    running.listening = Some(listening);
                }
            }
            Action::Speak(speech) => {
                if let Some(running) = &mut self.node(node).running {
                    running.speech = Some(speech);
                }
            }
            Action::ProveFork { channel, seq, head } => {
                let Ok(kept) = self.nodes[node as usize].kept.head(&channel, seq);
                if let Some(kept) = kept {
                    let proof = Equivocation::new(kept, head.as_ref().clone());
                    self.ends(node, Input::Proved(Box::new(proof)));
                }
            }
            Action::CallOff(id, reason) => {
                if let Some(running) = &mut self.node(node).running {
                    running.called_off.insert(id, reason);
                }
            }
            Action::Fetch(job) => self.carry(node, job),
            Action::Install(job, fetched) => self.begin_install(node, job, fetched),
            Action::Stage(job, fetched) => self.begin_stage(node, job, fetched),
            Action::KeepAhead(component, ahead) => self.keep_ahead(node, &component, &ahead),
            Action::SwitchBack { job, component, to } => self.switch_back(node, job, component, to),
            Action::StartAgain(component) => self.start_again(node, &component),
            Action::Mirror(release, manifest) => self.mirror(node, release, manifest),
            Action::Provide(blobs) => {
                if self.nodes[node as usize].character.role != Role::Client {
                    for blob in blobs {
                        self.node(node).counters.lookups += 1;
                        self.dht.provide(blob, node);
                    }
                }
            }
            Action::Sweep => self.sweep(node),
            Action::Emit(what) => self.news(node, &what),
            Action::Told
            | Action::KeepComponent(_)
            | Action::Record(_)
            | Action::CountRefusal(_)
            | Action::CountManifest(_) => {}
        }
    }

    fn keep(&mut self, node: u32, action: Action<u32>) {
        if let Action::KeepHead(head, ..) = &action {
            self.believes(node, head);
        }
        let kept = &mut self.node(node).kept;
        match action {
            Action::KeepRoot(root, _) => kept.put_root(root),
            Action::KeepHead(head, ..) => kept.put_head(head),
            Action::BeginAnew(channel, base) => {
                let Ok(()) = kept.begin_anew(&channel, base.as_ref());
            }
            Action::KeepStatement(statement) => kept.put_statement(statement),
            Action::ForgetStatements(gone) => {
                for statement in gone {
                    let Ok(()) = kept.remove_statement(&statement);
                }
            }
            Action::KeepHeight(height) => kept.put_height(height),
            Action::KeepLearnt(id, epoch) => kept.put_learnt(id, epoch),
            Action::KeepTime(time) => kept.put_time(time),
            Action::KeepManifest(manifest, _) => kept.put_manifest(manifest),
            _ => {}
        }
    }

    /// Keeps a word of the node's own, then signs it.
    fn sign(&mut self, node: u32, action: Action<u32>) {
        let network = self.people.network;
        let this = self.node(node);
        let input = match action {
            Action::Vouch(heartbeat, word) => {
                let Some(key) = &this.character.witness else { return };
                let Ok(()) = this.kept.put_vouched(&heartbeat.channel, &word);
                let Ok(mut signed) = Signed::unsigned(&*heartbeat) else { return };
                signed.sign(key, &network);
                Input::Vouched(Box::new(signed))
            }
            Action::Cast(ballot) => {
                let Some(key) = &this.character.elector else { return };
                let Ok(()) = this.kept.put_cast(&ballot.proposal, ballot.seq, ballot.stance);
                let Ok(mut signed) = Signed::unsigned(&*ballot) else { return };
                signed.sign(key, &network);
                self.is_said(&signed);
                self.nobody_votes_twice(node, &signed);
                Input::Cast(Box::new(signed))
            }
            _ => return,
        };
        self.ends(node, input);
    }

    fn put(&mut self, node: u32, action: Action<u32>) {
        match action {
            Action::AskFork(peer, _, fork) => self.ask(node, peer, Ask::Fork(fork), About::Fork),
            Action::AskNews(peer, request) => self.catch_up(node, peer, request, About::News),
            Action::AskRoots(peer, _, after) => {
                self.ask(node, peer, Ask::Roots(after), About::Roots)
            }
            Action::AskManifest(peer, digest) => {
                self.catch_up(
                    node,
                    peer,
                    CatchUpRequest::Manifest(digest),
                    About::Manifest(digest),
                );
            }
            Action::AskStatements(peer, network, after) => {
                let request = CatchUpRequest::Statements { network, after };
                self.catch_up(node, peer, request, About::Statements(after));
            }
            _ => {}
        }
    }

    /// A peer whose rules are unknown here is asked by the way that every node understands.
    fn catch_up(&mut self, node: u32, peer: u32, request: CatchUpRequest, about: About) {
        let this = &self.nodes[node as usize];
        let now = this.now(self.now);
        let unknown =
            this.running.as_ref().is_some_and(|r| r.machine.follows_unknown_rules(&peer, now));
        let ask = if unknown || self.is_left_behind(node) {
            Ask::CatchUpByBootstrap(request)
        } else {
            Ask::CatchUp(request)
        };
        self.ask(node, peer, ask, about);
    }

    /// Sends gossip on its way, but for what the silent keep to themselves.
    pub(super) fn spread(&mut self, mut sent: Vec<Sent>) {
        sent.retain(|sent| {
            let hostile = self.nodes[sent.from as usize].hostile;
            !matches!(hostile, Some(Hostility::Silence | Hostility::Eclipse))
        });
        self.send_gossip(sent);
    }

    /// Sends gossip on its way, whoever says it.
    pub(super) fn send_gossip(&mut self, sent: Vec<Sent>) {
        for Sent { from, to, what, size } in sent {
            if self.chances.ways.happens(self.ways.weather.twice.0) {
                self.send(from, to, Body::Gossip(what.clone()), size);
            }
            self.send(from, to, Body::Gossip(what), size);
        }
    }

    /// Gossip has come.
    pub(super) fn on_gossip(&mut self, node: u32, from: u32, what: What) {
        match what {
            What::Message(id) => {
                let topic = self.gossip.message(id).topic;
                if self.gossip.hears(node, id) && self.nodes[node as usize].listens(topic) {
                    self.note("gossip", node, u64::from(id));
                    self.wait_for_judgement(node, from, id);
                }
            }
            What::Rumour(known) => {
                let wish = self.gossip.on_rumour(node, from, &known);
                self.spread(wish.into_iter().collect());
            }
            What::Wish(wanted) => {
                let given = self.gossip.on_wish(node, from, &wanted);
                self.spread(given);
            }
        }
    }

    fn wait_for_judgement(&mut self, node: u32, from: u32, id: u32) {
        let (now, life) = (self.now, self.nodes[node as usize].life);
        let Some(running) = &mut self.node(node).running else { return };
        let own = running.unjudged.iter().filter(|(_, by)| *by == from).count();
        if own >= UNJUDGED.0 || running.unjudged.len() >= UNJUDGED.1 {
            self.node(node).counters.unheard += 1;
            self.gossip.misses(node, id);
            return self.input(node, Input::Missed(from));
        }
        running.unjudged.push_back((id, from));
        if running.unjudged.len() == 1 {
            self.queue.put(now + JUDGING, Event::Judged(node, life));
        }
    }

    /// The message that waits longest is judged.
    pub(super) fn judge(&mut self, node: u32, life: u32) {
        if !self.lives(node, life) {
            return;
        }
        let now = self.now;
        let Some(running) = &mut self.node(node).running else { return };
        let Some((id, from)) = running.unjudged.pop_front() else { return };
        running.next_token += 1;
        let token = running.next_token;
        running.tokens.insert(token, (id, from));
        if !running.unjudged.is_empty() {
            self.queue.put(now + JUDGING, Event::Judged(node, life));
        }
        self.note("judged", node, u64::from(id));
        let message = self.gossip.message(id).says.as_ref().clone();
        let before = self.traces(node);
        self.judging = Some((node, token, before));
        self.input(node, Input::Gossip { token, from, message });
        self.judging = None;
    }

    fn settle(&mut self, node: u32, token: u64, verdict: Verdict) {
        let Some(running) = &mut self.node(node).running else { return };
        let Some((id, from)) = running.tokens.remove(&token) else { return };
        match verdict {
            Verdict::Accept => {
                let sent = self.gossip.accepts(node, from, id);
                self.spread(sent);
            }
            Verdict::Reject => {
                if let Some((_, _, before)) =
                    self.judging.take_if(|(judge, judged, _)| (*judge, *judged) == (node, token))
                {
                    self.refusals_leave_nothing(node, before);
                }
                self.accuse(node, from);
            }
            Verdict::Ignore => {}
        }
    }

    /// A peer has lied: it is shown the door.
    pub(super) fn accuse(&mut self, node: u32, peer: u32) {
        let until = self.now + BAN;
        let this = self.node(node);
        this.counters.accused += 1;
        this.banned.insert(peer, until);
        self.note("accused", node, u64::from(peer));
        self.nobody_is_wronged(node, peer);
        self.disconnect(node, peer);
    }

    /// Meshes are mended, and rumours are spread.
    pub(super) fn beat(&mut self) {
        self.note("heartbeat", 0, 0);
        self.lie();
        self.give_up_connections();
        let rumours = self.gossip.heartbeat(&mut self.chances.gossip);
        self.spread(rumours);
        self.queue.put(self.now + super::gossip::HEARTBEAT * 1_000, Event::Heartbeat);
    }

    /// Removes blobs that nothing needs.
    fn sweep(&mut self, node: u32) {
        let Some(running) = &self.nodes[node as usize].running else { return };
        let catalog = running.machine.catalog();
        let needed = running.machine.needed();
        let named: BTreeSet<_> = needed
            .iter()
            .filter_map(|digest| catalog.manifest(digest))
            .flat_map(|known| known.manifest.blobs().map(|blob| blob.digest).collect::<Vec<_>>())
            .collect();
        let this = self.node(node);
        let gone: Vec<_> =
            this.shelves.keys().filter(|blob| !named.contains(*blob)).copied().collect();
        gone.iter().for_each(|blob| drop(this.shelves.remove(blob)));
        gone.iter().for_each(|blob| self.dht.withdraw(blob, node));
        if let Some(running) = &mut self.node(node).running {
            running.machine.swept(&gone);
        }
    }

    /// A node tells its watchers something.
    fn news(&mut self, node: u32, what: &News) {
        if let News::UpdateFailed { .. } = what {
            self.node(node).counters.failed += 1;
        }
        self.note(what.kind(), node, 0);
        self.write_down(node, || what.in_words());
        if what.kind().starts_with("proposal.") {
            self.votes_end_once(node);
        }
    }

    /// Why nothing came of a job.
    pub(super) fn failed(why: &str) -> JobError {
        JobError::Failed(why.to_owned())
    }
}
