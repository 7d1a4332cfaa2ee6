//! What happens in a cluster, as numbers: kept while nodes tell it, and put together when the run is over.
//!
//! Installations, votes and failures are what nodes tell in their events, at the moment when it is heard; bytes by source
//! are those of their operations, other numbers those of their metrics, which are read when a node ends. What nobody counts
//! stays out: bytes of gossip that a node says, and whom a mirror's bytes came from.

use std::collections::{BTreeMap, btree_map::Entry};

use updraft_node::agent::{AgentHandle, Outcome as How, What};
use updraft_protocol::{ComponentName, Digest, ReleaseVersion};

use super::{
    numbers::sum,
    running::{Cluster, Seat},
    seat::{Account, News},
};
use crate::{
    judging::{Facts, UNDER_WAY, judge_all, together},
    optimum::{Receiver, optimum, part},
    outcome::{Ended, GroupLine, MAX_TIMELINE, NodeLine, Optimum, Outcome, Timeline, VoteLine},
    scenario::{Counted, Kind, Role, Updates, Version},
    spread::{Spread, seconds},
    world::lines::Micros,
};

/// What one node has done, all its lives together.
#[derive(Debug, Clone, Default)]
struct Counters {
    got: u64,
    gave: u64,
    twice: u64,
    lookups: u64,
    heard: u64,
    accused: u64,
    failed: u64,
}

/// What was counted so far.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) spreads: Vec<Spread>,
    /// Who knew of a release when it was handed over and that was not known here yet, and when.
    early: Vec<(u32, ComponentName, ReleaseVersion, Micros)>,
    /// What runs on each node, of each component.
    runs: BTreeMap<(u32, ComponentName), ReleaseVersion>,
    /// Nodes by their peer ids.
    peers: BTreeMap<String, u32>,
    counters: Vec<Counters>,
    /// Votes in the order in which they were proposed.
    proposed: Vec<(Digest, Micros)>,
    /// When each node was first seen to see a vote stand so.
    stood: BTreeMap<(Digest, String), BTreeMap<u32, Micros>>,
    /// How each node that is there sees votes, and with which number.
    standing: BTreeMap<u32, BTreeMap<Digest, (u32, String)>>,
    /// The newest head of each node that is there.
    heads: BTreeMap<u32, Vec<u64>>,
    /// When what nodes know or run was another for the last time.
    changed: Micros,
    /// Since when nothing goes wrong any more.
    calm_since: Micros,
    watched: u32,
    timeline: Vec<(f64, String)>,
}

impl Measured {
    /// Whether anything was proposed.
    pub(super) fn has_votes(&self) -> bool {
        !self.proposed.is_empty()
    }

    /// From now on nothing goes wrong any more.
    pub(super) fn is_calm(&mut self, now: Micros) {
        self.calm_since = now;
    }

    /// A vote was proposed.
    pub(super) fn proposed(&mut self, id: Digest, now: Micros) {
        self.proposed.push((id, now));
    }

    /// What was proposed last.
    pub(super) fn last_proposed(&self) -> Option<Digest> {
        self.proposed.last().map(|(id, _)| *id)
    }
}

impl Cluster {
    /// Everything is at its beginning.
    pub(super) fn begin_measuring(&mut self) {
        let measured = &mut self.measured;
        measured.counters = vec![Counters::default(); self.seats.len()];
        for seat in &self.seats {
            let character = &seat.character;
            measured.peers.insert(character.peer.clone(), character.number);
            if self.options.node.as_ref() == Some(&character.name) {
                measured.watched = character.number;
            }
        }
        for note in &self.works.notes {
            measured.timeline.push((0.0, note.clone()));
        }
    }

    fn group_of(&self, node: u32) -> &str {
        &self.scenario.groups[self.seats[node as usize].character.group].name
    }

    /// Something has happened at a node that people would want to know.
    pub(super) fn write_down(&mut self, node: u32, what: impl FnOnce() -> String) {
        let now = self.wire.now();
        if self.measured.watched == node && self.measured.timeline.len() < MAX_TIMELINE {
            self.measured.timeline.push((seconds(now), what()));
        }
    }

    /// Nodes that are to run what is published.
    fn followers(&self) -> Vec<u32> {
        let updates = |group: usize| self.scenario.groups[group].updates == Updates::Automatic;
        let follows = self
            .seats
            .iter()
            .filter(|seat| seat.character.role != Role::Seed && updates(seat.character.group));
        follows.map(|seat| seat.character.number).collect()
    }

    fn carried(&self) -> Vec<(u64, u64)> {
        self.seats.iter().map(|seat| self.wire.carried(seat.character.number)).collect()
    }

    /// A release was handed to a node.
    pub(super) fn published(&mut self, version: &ReleaseVersion, node: u32) {
        let Some(made) = self.works.find(version).cloned() else { return };
        let component = made.manifest.component.clone();
        let (manifest, size) = (made.signed.digest(), made.manifest.whole.size);
        let mut spread = Spread {
            seeders: vec![node],
            before: self.carried(),
            optimum: self.optimum(&made.manifest, node),
            ..Spread::begin(version.clone(), component, manifest, size, self.wire.now())
        };
        self.measured.early.retain(|(node, of, version, at)| {
            let is_it = (of, version) == (&spread.component, &spread.version);
            if is_it {
                spread.heard.entry(*node).or_insert(*at);
            }
            !is_it
        });
        self.measured.spreads.push(spread);
    }

    /// The shortest time in which lines alone could carry a release to everybody who is there and does not run it.
    fn optimum(&self, manifest: &updraft_protocol::Manifest, seeder: u32) -> Option<Optimum> {
        let mut receivers = Vec::new();
        for number in self.followers() {
            let seat = &self.seats[number as usize];
            // Who comes later has less time than the lines.
            seat.agent()?;
            let runs = self.measured.runs.get(&(number, manifest.component.clone()));
            let from = runs.and_then(|version| self.works.find(version));
            let tree = from.map(|made| made.manifest.tree.object.digest);
            let patch = tree.and_then(|tree| manifest.smallest_patch_from(&tree));
            let blob = patch.map_or(manifest.whole, |patch| patch.blob);
            let (up, down) = self.wire.rates(number);
            let up = if seat.character.role == Role::Client { 0 } else { up };
            receivers.push(Receiver { blob: blob.digest, size: blob.size, down, up });
        }
        let helps = |seat: &&Seat| {
            let number = seat.character.number;
            seat.character.role == Role::Seed && seat.agent().is_some() && number != seeder
        };
        let helpers = self.seats.iter().filter(helps);
        let helpers = helpers.map(|seat| self.wire.rates(seat.character.number).0).sum();
        optimum(&receivers, self.wire.rates(seeder).0, helpers)
    }

    /// A node has started: what runs on it is what lies on its disk.
    pub(super) fn has_started(&mut self, node: u32, agent: &AgentHandle) {
        self.write_down(node, || "the node runs".to_owned());
        self.look_what_runs(node, agent, self.wire.now());
    }

    fn look_what_runs(&mut self, node: u32, agent: &AgentHandle, at: Micros) {
        for component in &agent.status().components {
            if let Some(version) = &component.installed {
                self.runs(node, &component.name, version, at);
            }
        }
    }

    /// A node runs a version.
    fn runs(&mut self, node: u32, component: &ComponentName, version: &ReleaseVersion, at: Micros) {
        self.measured.runs.insert((node, component.clone()), version.clone());
        let (wanted, carried) = (self.followers(), self.carried());
        let spread = self.measured.spreads.iter_mut().find(|spread| spread.version == *version);
        let Some(spread) = spread else { return };
        if let Entry::Vacant(first) = spread.installed.entry(node) {
            first.insert(at);
            self.measured.changed = at;
        }
        if spread.after.is_none() && spread.times(&wanted).len() == wanted.len() {
            spread.after = Some((at, carried));
        }
    }

    /// A node tells something.
    pub(super) fn hear(&mut self, News { node, at, what }: News) {
        let Some(what) = what else {
            // Something was missed: what is there now says the same, a little later.
            if let Some(agent) = self.seats[node as usize].agent().cloned() {
                self.look_what_runs(node, &agent, at);
            }
            return;
        };
        if !matches!(what, What::UpdateProgress { .. }) {
            self.write_down(node, || what.in_words());
        }
        let counters = &mut self.measured.counters[node as usize];
        match what {
            What::UpdateCompleted { component, to, .. }
            | What::RolledBack { component, to, .. } => {
                self.runs(node, &component, &to, at);
            }
            What::ReleaseDiscovered { component, version, .. } => {
                self.measured.changed = at;
                let is_it =
                    |one: &&mut Spread| one.version == version && one.component == component;
                match self.measured.spreads.iter_mut().find(is_it) {
                    Some(spread) => {
                        spread.heard.entry(node).or_insert(at);
                    }
                    None => self.measured.early.push((node, component, version, at)),
                }
            }
            What::UpdateFailed { .. } => counters.failed += 1,
            What::PeerBanned { reason, .. } if reason != "operator" => counters.accused += 1,
            What::ProposalMoved { id, number, state } => {
                let word = state.camel_case().to_owned();
                self.stands(node, id, number, word, at);
            }
            _ => {}
        }
    }

    fn stands(&mut self, node: u32, id: Digest, number: u32, word: String, at: Micros) {
        let stood = self.measured.stood.entry((id, word.clone())).or_default();
        if let Entry::Vacant(first) = stood.entry(node) {
            first.insert(at);
            self.measured.changed = at;
        }
        self.measured.standing.entry(node).or_default().insert(id, (number, word));
    }

    /// A node says what it has done so far.
    pub(super) fn take_note(&mut self, node: u32, account: &Account) {
        let at = self.wire.now();
        let Some((votes, heads)) = &account.sees else { return };
        for line in votes {
            let word = line.state.camel_case().to_owned();
            self.stands(node, line.id, line.proposal.number, word, at);
        }
        self.measured.heads.insert(node, heads.clone());
    }

    /// A node is there no more: how it sees things does not count.
    pub(super) fn forget(&mut self, node: u32) {
        self.measured.standing.remove(&node);
        self.measured.heads.remove(&node);
    }

    /// A node has ended: what it has done is added up.
    pub(super) fn keep_account(&mut self, node: u32, account: Account) {
        let Account { numbers: page, operations, .. } = account;
        let counters = &mut self.measured.counters[node as usize];
        let dht =
            |kind: &str| sum(&page, "updraft_dht_queries_total", &[&format!("kind=\"{kind}\"")]);
        counters.got +=
            sum(&page, "updraft_chunk_bytes_total", &["direction=\"in\"", "source=\"peer\""]);
        counters.gave +=
            sum(&page, "updraft_chunk_bytes_total", &["direction=\"out\"", "source=\"peer\""]);
        counters.lookups += dht("get_providers") + dht("provide");
        counters.heard += sum(&page, "updraft_gossip_bytes_total", &[]);
        for operation in operations {
            counters.twice += operation.duplicates;
            // What came twice has come as well.
            counters.got += operation.duplicates;
            let is_it = |spread: &&mut Spread| spread.version == operation.to;
            let Some(spread) = self.measured.spreads.iter_mut().find(is_it) else { continue };
            for (peer, bytes) in &operation.sources {
                if let Some(peer) = self.measured.peers.get(peer) {
                    *spread.sources.entry(*peer).or_default() += bytes;
                }
            }
            spread.patches += operation.patch_bytes;
            spread.duplicates += operation.duplicates;
            spread.wrong += operation.wrong;
            if let How::Failed(problem) = &operation.outcome {
                tracing::debug!(node, %problem, "an installation failed");
            }
        }
    }

    /// Whether a vote is under way: open, or decided and not final.
    pub(super) fn is_voting(&self) -> bool {
        let votes = self.votes();
        let heard_of = votes.len() >= self.measured.proposed.len();
        let mut words = votes.iter().flat_map(|vote| vote.states.keys());
        !heard_of || words.any(|word| UNDER_WAY.contains(&word.as_str()))
    }

    /// Everything that was measured.
    pub(super) fn outcome(&self, ended: Ended, at: Micros) -> Outcome {
        let (followers, there) = (self.followers(), self.there());
        let watched = &self.seats[self.measured.watched as usize].character.name;
        let spreads = &self.measured.spreads;
        Outcome {
            scenario: self.options.name.clone(),
            title: self.scenario.title.clone(),
            kind: Kind::Cluster,
            seed: self.options.seed,
            hash: None,
            ended,
            seconds: seconds(at),
            events: self.wire.events(),
            nodes: self.seats.len() as u64,
            releases: spreads
                .iter()
                .map(|spread| spread.line(&followers, &there, |node| self.group_of(node)))
                .collect(),
            groups: (0..self.scenario.groups.len())
                .map(|place| self.group_line(place, at))
                .collect(),
            machines: (0..).zip(&self.measured.counters).map(|one| self.node_line(one)).collect(),
            votes: self.votes(),
            counted: self.counted(),
            broken: Vec::new(),
            judged: judge_all(&self.scenario.expectations, self),
            timeline: Timeline { node: watched.clone(), lines: self.measured.timeline.clone() },
        }
    }

    fn group_line(&self, place: usize, at: Micros) -> GroupLine {
        let group = &self.scenario.groups[place];
        let links = group.links(&self.scenario.links);
        let nodes = self.all_of(Some(&group.name));
        let each = |of: &dyn Fn(&Counters) -> u64| {
            let values: Vec<u64> =
                nodes.iter().map(|node| of(&self.measured.counters[*node as usize])).collect();
            let most = values.iter().copied().max().unwrap_or(0);
            (part(values.iter().sum(), values.len() as u64), most)
        };
        let rated = nodes.iter().map(|node| (*node, self.wire.rates(*node)));
        let now = (at, self.carried());
        let used = self.measured.spreads.first().map(|spread| spread.used(rated, &now));
        GroupLine {
            name: group.name.clone(),
            nodes: nodes.len() as u64,
            hostile: None,
            rates: (links.up.0, links.down.0),
            used: used.unwrap_or_default(),
            gossip: each(&|counters| counters.heard),
            lookups: each(&|counters| counters.lookups),
            fetched: each(&|counters| counters.got),
            served: nodes.iter().map(|node| self.measured.counters[*node as usize].gave).sum(),
        }
    }

    fn node_line(&self, (number, counters): (u32, &Counters)) -> NodeLine {
        let character = &self.seats[number as usize].character;
        let runs = self.measured.runs.get(&(number, self.people.component.clone()));
        let spread = |version: &ReleaseVersion| {
            let mut spreads = self.measured.spreads.iter();
            spreads.find(|spread| spread.version == *version)?.installed.get(&number).copied()
        };
        NodeLine {
            name: character.name.clone(),
            group: self.group_of(number).to_owned(),
            runs: runs.map(ToString::to_string),
            since: runs.and_then(spread).map(seconds),
            carried: self.wire.carried(number),
            gossip: (counters.heard, 0),
            lookups: counters.lookups,
            chunks: (counters.got, counters.gave),
            duplicates: counters.twice,
        }
    }

    fn counted(&self) -> BTreeMap<Counted, f64> {
        let all = &self.measured.counters;
        let most = |of: &dyn Fn(&Counters) -> u64| all.iter().map(of).max().unwrap_or(0) as f64;
        let sum = |of: &dyn Fn(&Counters) -> u64| all.iter().map(of).sum::<u64>() as f64;
        let spreads = &self.measured.spreads;
        let got: u64 = spreads.iter().flat_map(|spread| spread.sources.values()).sum();
        let from_seeders = spreads.iter().map(Spread::from_seeders).sum();
        let twice = spreads.iter().map(|spread| spread.duplicates).sum();
        BTreeMap::from([
            (Counted::GossipBytes, most(&|counters| counters.heard)),
            (Counted::Lookups, most(&|counters| counters.lookups)),
            (Counted::SeederShare, part(from_seeders, got)),
            (Counted::Duplicates, part(twice, got)),
            (Counted::FetchedBytes, most(&|counters| counters.got)),
            (Counted::Accusations, sum(&|counters| counters.accused)),
            (Counted::FailedInstalls, sum(&|counters| counters.failed)),
            (Counted::Alarms, 0.0),
        ])
    }
}

impl Facts for Cluster {
    fn spreads(&self) -> &[Spread] {
        &self.measured.spreads
    }

    fn wanted(&self, group: Option<&str>) -> Vec<u32> {
        if group.is_some() { self.all_of(group) } else { self.followers() }
    }

    fn there(&self) -> Vec<u32> {
        self.measured.heads.keys().copied().collect()
    }

    fn ran(&self, release: &Version, node: u32) -> Option<Micros> {
        let mut spreads = self.measured.spreads.iter();
        spreads.find(|spread| spread.version == release.0)?.installed.get(&node).copied()
    }

    fn settled(&self) -> Micros {
        self.measured.changed.saturating_sub(self.measured.calm_since)
    }

    fn value(&self, what: Counted, group: Option<&str>) -> f64 {
        if group.is_none() || what.is_a_part() {
            return self.counted().get(&what).copied().unwrap_or(0.0);
        }
        let nodes = self.all_of(group);
        let values = nodes.iter().map(|node| {
            let counters = &self.measured.counters[*node as usize];
            match what {
                Counted::GossipBytes => counters.heard,
                Counted::Lookups => counters.lookups,
                Counted::FetchedBytes => counters.got,
                Counted::Accusations => counters.accused,
                Counted::FailedInstalls => counters.failed,
                // Nobody lies in a cluster, so nobody signs two heads with one number.
                Counted::Alarms => 0,
                // Parts of all: answered above.
                Counted::Duplicates | Counted::SeederShare => 0,
            }
        });
        match what {
            Counted::Accusations | Counted::FailedInstalls => values.sum::<u64>() as f64,
            _ => values.max().unwrap_or(0) as f64,
        }
    }

    fn votes(&self) -> Vec<VoteLine> {
        let line = |(id, proposed): &(Digest, Micros)| {
            let mut states: BTreeMap<String, u64> = BTreeMap::new();
            let mut number = None;
            for seen in self.measured.standing.values() {
                let Some((called, word)) = seen.get(id) else { continue };
                number = Some(*called);
                *states.entry(word.clone()).or_default() += 1;
            }
            Some(VoteLine { number: number?, proposed: seconds(*proposed), states, known: None })
        };
        self.measured.proposed.iter().filter_map(line).collect()
    }

    fn stood_everywhere(&self, word: &str) -> Option<Micros> {
        let last = self.measured.last_proposed()?;
        let stood = self.measured.stood.get(&(last, word.to_owned()))?;
        let there = self.measured.standing.keys();
        together(there.map(|node| stood.get(node).copied()))
    }

    fn heads(&self) -> usize {
        let mut heads: Vec<&Vec<u64>> = self.measured.heads.values().collect();
        heads.sort_unstable();
        heads.dedup();
        heads.len()
    }

    fn done(&self) -> (u64, u64) {
        let followed = |spread: &&Spread| spread.component == self.people.component;
        let Some(last) = self.measured.spreads.iter().rfind(followed) else { return (0, 0) };
        let wanted = self.followers();
        (last.times(&wanted).len() as u64, wanted.len() as u64)
    }
}
