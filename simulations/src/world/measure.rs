//! What happens in a world, as numbers: kept while it happens, and put together when the run is over.

use std::collections::BTreeMap;

use updraft_protocol::{Digest, Head, ReleaseVersion, Signed};

use super::{World, lines::Micros, node::Node};
use crate::{
    optimum::{Receiver, optimum, part},
    outcome::{Ended, GroupLine, MAX_NODES, MAX_TIMELINE, NodeLine, Optimum, Outcome, Timeline},
    run::RunOptions,
    scenario::{Counted, Kind, Role, Updates},
    spread::{Spread, seconds},
};

/// What was counted so far.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) spreads: Vec<Spread>,
    /// When each node ran each version for the first time, whoever made it.
    pub(super) ran: BTreeMap<ReleaseVersion, BTreeMap<u32, Micros>>,
    /// When each vote was proposed.
    pub(super) proposed: BTreeMap<Digest, Micros>,
    /// When somebody voted first on each.
    pub(super) voted: BTreeMap<Digest, Micros>,
    /// Somebody for whom a vote was under way when it was looked last.
    pub(super) still_votes: usize,
    /// When what nodes know or run was another for the last time.
    pub(super) changed: Micros,
    /// When each node first saw a vote stand so.
    pub(super) stood: BTreeMap<(Digest, &'static str), BTreeMap<u32, Micros>>,
    /// How many nodes are to run what is published.
    followers: usize,
    /// The node whose story is written down.
    watched: Option<u32>,
    pub(super) timeline: Vec<(f64, String)>,
}

impl World {
    /// The name of a node.
    pub(super) fn name(&self, node: u32) -> String {
        let character = &self.nodes[node as usize].character;
        format!("{}-{}", self.group_of(node), character.number + 1)
    }

    fn group_of(&self, node: u32) -> &str {
        let group = self.nodes[node as usize].character.group as usize;
        &self.scenario.groups[group].name
    }

    /// Writes down from now on what happens at the node that is called so; at the first if nobody is named.
    pub(super) fn watch(&mut self, called: Option<&str>) {
        let numbers = 0..u32::try_from(self.nodes.len()).expect("numbered so");
        let found = called.and_then(|name| numbers.clone().find(|node| self.name(*node) == name));
        self.measured.watched = found.or((!numbers.is_empty()).then_some(0));
    }

    /// Something has happened at a node that people would want to know.
    pub(super) fn write_down(&mut self, node: u32, what: impl FnOnce() -> String) {
        if self.measured.watched == Some(node) && self.measured.timeline.len() < MAX_TIMELINE {
            self.measured.timeline.push((seconds(self.now), what()));
        }
    }

    /// Nodes that are to run what is published: all that follow the component by themselves and do not lie.
    pub(super) fn followers(&self) -> impl Iterator<Item = (u32, &Node)> {
        let groups = &self.scenario.groups;
        let follows = |(_, node): &(u32, &Node)| {
            let updates = groups[node.character.group as usize].updates;
            node.hostile.is_none()
                && node.character.role != Role::Seed
                && updates == Updates::Automatic
        };
        (0..).zip(&self.nodes).filter(follows)
    }

    /// Somebody has begun or ceased to lie, so that others are to run what is published.
    pub(super) fn count_followers(&mut self) {
        self.measured.followers = self.followers().count();
    }

    /// A release was handed to a node.
    pub(super) fn published(&mut self, version: &ReleaseVersion, seq: u64, node: u32) {
        let Some(made) = self.releases.any(version).cloned() else { return };
        let before = self.carried();
        let optimum = self.optimum(&made.manifest, &[node]);
        let component = made.manifest.component.clone();
        let (manifest, size) = (made.signed.digest(), made.manifest.whole.size);
        self.measured.spreads.push(Spread {
            seq,
            seeders: vec![node],
            before,
            optimum,
            ..Spread::begin(version.clone(), component, manifest, size, self.now)
        });
    }

    /// A node believes a head of the channel.
    pub(super) fn believes(&mut self, node: u32, head: &Signed<Head>) {
        let Ok(head) = head.peek() else { return };
        for spread in self.measured.spreads.iter_mut().filter(|spread| spread.seq <= head.seq) {
            spread.heard.entry(node).or_insert(self.now);
        }
        self.measured.changed = self.now;
    }

    /// How many of those who are there and do not lie know of what was published last, and how many they are.
    pub(super) fn hearers(&self) -> (usize, usize) {
        let heard = self.measured.spreads.last().map(|spread| {
            let is_there = |node: &&u32| self.nodes[**node as usize].counts();
            spread.heard.keys().filter(is_there).count()
        });
        let all = self.nodes.iter().filter(|node| node.counts()).count();
        (heard.unwrap_or(all), all)
    }

    fn carried(&self) -> Vec<(u64, u64)> {
        (0..).zip(&self.nodes).map(|(number, _)| self.lines.carried(number)).collect()
    }

    /// A node runs a version.
    pub(super) fn runs(&mut self, node: u32, version: &ReleaseVersion) {
        let now = self.now;
        self.measured.changed = now;
        self.measured.ran.entry(version.clone()).or_default().entry(node).or_insert(now);
        let place = self.measured.spreads.iter().position(|spread| spread.version == *version);
        let Some(place) = place else { return };
        self.measured.spreads[place].installed.entry(node).or_insert(now);
        let spread = &self.measured.spreads[place];
        // Everybody is looked at when there may be enough, and not each time.
        let enough = self.measured.followers;
        if spread.after.is_none()
            && spread.installed.len() >= enough
            && self.times(spread).count() == enough
        {
            self.measured.spreads[place].after = Some((now, self.carried()));
        }
    }

    /// When each of those who are to run a release ran it. Liars may run it as well, and are not counted.
    pub(super) fn times(&self, spread: &Spread) -> impl Iterator<Item = Micros> {
        self.followers().filter_map(|(number, _)| spread.installed.get(&number).copied())
    }

    fn spread_of(&mut self, manifest: &Digest) -> Option<&mut Spread> {
        self.measured.spreads.iter_mut().find(|spread| spread.manifest == *manifest)
    }

    /// The fetch of a blob of a release has ended, well or not.
    pub(super) fn fetched(
        &mut self,
        manifest: &Digest,
        is_patch: bool,
        report: &updraft_node::fetch::Report<u32>,
    ) {
        let Some(spread) = self.spread_of(manifest) else { return };
        for (peer, bytes) in &report.sources {
            *spread.sources.entry(*peer).or_default() += bytes;
        }
        if is_patch {
            spread.patches += report.sources.values().sum::<u64>();
        }
        spread.duplicates += report.duplicate;
        spread.wrong += report.wrong;
    }

    /// The shortest time in which lines alone could carry a release to everybody who is there and does not run it.
    fn optimum(&self, manifest: &updraft_protocol::Manifest, seeders: &[u32]) -> Option<Optimum> {
        let component = &manifest.component;
        let mut receivers = Vec::new();
        for (number, node) in self.followers() {
            // Who comes later has less time than the lines.
            node.running.as_ref()?;
            let (runs, _) = node.inventory(component);
            let patch = runs.and_then(|runs| manifest.smallest_patch_from(&runs.tree));
            let blob = patch.map_or(manifest.whole, |patch| patch.blob);
            let rates = self.lines.rates(number);
            let up = if node.character.role == Role::Client { 0 } else { rates.up };
            receivers.push(Receiver { blob: blob.digest, size: blob.size, down: rates.down, up });
        }
        // Seeds give what they have got, and are waited for by nobody.
        let helps = |(number, node): &(u32, &Node)| {
            node.hostile.is_none()
                && node.character.role == Role::Seed
                && node.running.is_some()
                && !seeders.contains(number)
        };
        let helpers = (0..).zip(&self.nodes).filter(helps);
        let helpers = helpers.map(|(number, _)| self.lines.rates(number).up).sum();
        let seeders = seeders.iter().map(|node| self.lines.rates(*node).up).sum();
        optimum(&receivers, seeders, helpers)
    }

    /// How many of those who are to run what was published last do. The program of the nodes themselves is run by those
    /// only who need it.
    pub(super) fn done(&self) -> (u64, u64) {
        let followed = |spread: &&Spread| spread.component == self.people.component;
        let Some(last) = self.measured.spreads.iter().rfind(followed) else { return (0, 0) };
        (self.times(last).count() as u64, self.measured.followers as u64)
    }

    /// Everything that was measured.
    pub(super) fn outcome(&self, options: &RunOptions, ended: Ended) -> Outcome {
        let followers: Vec<u32> = self.followers().map(|(number, _)| number).collect();
        let there = crate::judging::Facts::there(self);
        let watched = self.measured.watched;
        Outcome {
            scenario: options.name.clone(),
            title: self.scenario.title.clone(),
            kind: Kind::World,
            seed: options.seed,
            hash: Some(self.hash().to_hex().to_string()),
            ended,
            seconds: seconds(self.now),
            events: self.count,
            nodes: self.nodes.len() as u64,
            releases: self
                .measured
                .spreads
                .iter()
                .map(|spread| spread.line(&followers, &there, |node| self.group_of(node)))
                .collect(),
            groups: (0..self.scenario.groups.len()).map(|place| self.group_line(place)).collect(),
            machines: self.node_lines(),
            votes: self.vote_lines(),
            counted: self.counted(),
            broken: Vec::new(),
            judged: Vec::new(),
            timeline: Timeline {
                node: watched.map(|node| self.name(node)).unwrap_or_default(),
                lines: self.measured.timeline.clone(),
            },
        }
    }

    fn group_line(&self, place: usize) -> GroupLine {
        let group = &self.scenario.groups[place];
        let links = group.links(&self.scenario.links);
        let nodes: Vec<(u32, &Node)> = (0..)
            .zip(&self.nodes)
            .filter(|(_, node)| node.character.group as usize == place)
            .collect();
        let each = |of: &dyn Fn(u32, &Node) -> u64| {
            let values: Vec<u64> = nodes.iter().map(|(number, node)| of(*number, node)).collect();
            let most = values.iter().copied().max().unwrap_or(0);
            (part(values.iter().sum(), values.len() as u64), most)
        };
        GroupLine {
            name: group.name.clone(),
            nodes: nodes.len() as u64,
            hostile: group.hostile,
            rates: (links.up.0, links.down.0),
            used: self.used(&nodes),
            gossip: each(&|number, _| self.gossip.bytes(number).0),
            lookups: each(&|_, node| node.counters.lookups),
            fetched: each(&|_, node| node.counters.got),
            served: nodes.iter().map(|(_, node)| node.counters.gave).sum(),
        }
    }

    /// Which part of what their lines could have carried these nodes used while the first release spread.
    fn used(&self, nodes: &[(u32, &Node)]) -> (f64, f64) {
        let Some(spread) = self.measured.spreads.first() else { return (0.0, 0.0) };
        let now = (self.now, self.carried());
        let rated = nodes.iter().map(|(number, _)| {
            let rates = self.lines.rates(*number);
            (*number, (rates.up, rates.down))
        });
        spread.used(rated, &now)
    }

    fn node_lines(&self) -> Vec<NodeLine> {
        let step = self.nodes.len().div_ceil(MAX_NODES).max(1);
        let component = &self.people.component;
        let line = |(number, node): (u32, &Node)| {
            let runs = node.inventory(component).0.map(|live| live.version);
            let since = runs.as_ref().and_then(|version| {
                let spread =
                    self.measured.spreads.iter().find(|spread| spread.version == *version)?;
                spread.installed.get(&number).copied()
            });
            NodeLine {
                name: self.name(number),
                group: self.group_of(number).to_owned(),
                runs: runs.map(|version| version.to_string()),
                since: since.map(seconds),
                carried: self.lines.carried(number),
                gossip: self.gossip.bytes(number),
                lookups: node.counters.lookups,
                chunks: (node.counters.got, node.counters.gave),
                duplicates: node.counters.twice,
            }
        };
        (0..).zip(&self.nodes).step_by(step).map(line).collect()
    }

    /// 1 for a node that follows the channel no more, because two heads with one number were signed.
    pub(super) fn is_alarmed(&self, node: &Node) -> u64 {
        let frozen = |running: &super::node::Running| {
            running.machine.catalog().freeze(&self.people.channel).is_some()
        };
        u64::from(node.running.as_ref().is_some_and(frozen))
    }

    /// Numbers over all nodes.
    pub(super) fn counted(&self) -> BTreeMap<Counted, f64> {
        let most = |of: &dyn Fn(u32, &Node) -> u64| {
            (0..).zip(&self.nodes).map(|(number, node)| of(number, node)).max().unwrap_or(0) as f64
        };
        let sum = |of: &dyn Fn(&Node) -> u64| self.nodes.iter().map(of).sum::<u64>();
        let spreads = &self.measured.spreads;
        let all: u64 = spreads.iter().flat_map(|spread| spread.sources.values()).sum();
        let from_seeders = spreads.iter().map(Spread::from_seeders).sum();
        BTreeMap::from([
            (Counted::GossipBytes, most(&|number, _| self.gossip.bytes(number).0)),
            (Counted::Lookups, most(&|_, node| node.counters.lookups)),
            (Counted::SeederShare, part(from_seeders, all)),
            (Counted::Duplicates, part(spreads.iter().map(|s| s.duplicates).sum(), all)),
            (Counted::FetchedBytes, most(&|_, node| node.counters.got)),
            (Counted::Accusations, sum(&|node| node.counters.accused) as f64),
            (Counted::FailedInstalls, sum(&|node| node.counters.failed) as f64),
            (Counted::Alarms, sum(&|node| self.is_alarmed(node)) as f64),
        ])
    }
}
