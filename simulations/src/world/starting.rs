//! Nodes start and end: what they have with them when they start, and what is lost when they go.

use std::{collections::BTreeMap, num::NonZeroU64};

use updraft_node::{
    agent::{
        Bucket, Component, Duty, Machine, Rules, Trust, Upload, Votes, own_component,
        restore_catalog, restore_elector, restore_votes, restore_witness,
    },
    build::Speaks,
    policy::AutoUpdate,
};
use updraft_protocol::{ComponentName, Target, Timestamp};

use super::{
    Event, World,
    ledger::Kept,
    node::{Character, Counters, Node, Running},
    people::BEGIN,
};
use crate::{
    disk::{Capacity, Loss},
    scenario::{Departure, Group, Role, Span, Updates},
};

/// How far ahead a signed time may lie: `trust.max_clock_skew`.
const CLOCK_SKEW: std::time::Duration = std::time::Duration::from_secs(300);
/// How long a witness's word counts: `trust.heartbeat_lifetime`.
const HEARTBEAT_LIFETIME: u32 = 86_400;

impl World {
    /// Makes the nodes of a scenario, and has them start when they are to.
    pub(super) fn populate(&mut self) {
        let scenario = self.scenario.clone();
        let begin = Timestamp::from_seconds(BEGIN);
        for release in &scenario.releases {
            self.releases.make(&self.people, release, begin);
        }
        let (mut electors, mut witnesses) = (0, 0);
        for (place, group) in (0_u32..).zip(&scenario.groups) {
            for number in 0..group.count {
                let elector = (number < group.electors).then(|| {
                    electors += 1;
                    electors - 1
                });
                let witness = (number < group.witnesses).then(|| {
                    witnesses += 1;
                    witnesses - 1
                });
                let character = Character {
                    group: place,
                    number,
                    role: group.role,
                    peers: usize::from(group.peers),
                    elector: elector.and_then(|n| self.people.elector(n)).cloned(),
                    witness: witness.and_then(|n| self.people.witness(n)).cloned(),
                };
                self.add(group, character);
            }
        }
        let bootstraps = scenario.groups.iter().any(|group| group.bootstrap);
        let known = |node: &Node| {
            let group = node.character.group as usize;
            if bootstraps { scenario.groups[group].bootstrap } else { group == 0 }
        };
        let known = (0..).zip(&self.nodes).filter(|(_, node)| known(node)).map(|(n, _)| n);
        self.known = known.collect();
        self.count_followers();
    }

    fn add(&mut self, group: &Group, character: Character) {
        let number = u32::try_from(self.nodes.len()).expect("fewer than 2^32 nodes");
        let links = group.links(&self.scenario.links);
        self.ways.add(links, &mut self.chances.ways);
        let rates = super::lines::Rates { up: links.up.0, down: links.down.0 };
        self.lines.add(rates);
        self.gossip.add();
        let mut node = Node {
            character,
            running: None,
            life: 0,
            kept: Kept::joined(self.people.root.clone()),
            folders: BTreeMap::new(),
            room: Capacity::AMPLE,
            shelves: BTreeMap::new(),
            objects: Default::default(),
            peers: Default::default(),
            makes_room_at: 0,
            banned: BTreeMap::new(),
            skew: group.clock.0 / 1_000_000,
            program: "1.0.0".parse().expect("a version"),
            speaks: group.speaks,
            upload: group.upload_limit.and_then(|rate| NonZeroU64::new(rate.0)).map(Bucket::new),
            hostile: group.hostile,
            doom: None,
            counters: Counters::default(),
        };
        if let Some(version) = &group.runs {
            self.has_installed(&mut node, version);
            self.committed(number, version.0.clone());
        }
        // What runs there fitted when it was installed, however full the disk is now.
        if let Some(size) = group.disk {
            node.room = Capacity { bytes: size.0, ..Capacity::AMPLE };
            node.folders.values().for_each(|folder| folder.disk.set_capacity(node.room));
        }
        self.nodes.push(node);
        self.promises.add();
        self.names.insert(self.name(number), number);
        if !group.waits {
            let at = self.pick(group.starts);
            self.queue.put(at, Event::Starts(number));
        }
    }

    /// Puts a version into a node's folder before anything begins.
    fn has_installed(&self, node: &mut Node, version: &crate::scenario::Version) {
        let Some(made) = self.releases.of(&self.people.component, &version.0) else { return };
        let component = &self.people.component;
        let tree = made.manifest.tree.object.digest;
        let opened = node.open(component);
        let folder = node.folders.get_mut(component);
        let (Ok(()), Some(folder)) = (opened, folder) else { return };
        let Some(installer) = folder.installer.as_mut() else { return };
        let at = Timestamp::from_seconds(BEGIN - 3_600);
        let staged =
            installer.stage(&version.0, &tree, &made.tree, |out| out.write_all(&made.contents));
        let live = staged
            .and_then(|_| installer.switch(&version.0, at))
            .and_then(|()| installer.commit(&version.0));
        live.expect("nothing fails on a disk that is new");
        // It has lain there for long: nothing of it can be lost any more.
        folder.installer = None;
        folder.disk.cut_power(Loss::Nothing);
    }

    /// A moment of a span.
    pub(super) fn pick(&mut self, span: Span) -> u64 {
        self.chances.nodes.between(span.from.0, span.to.0)
    }

    /// A node's program starts, with what was kept.
    pub(super) fn start(&mut self, number: u32) {
        if self.nodes[number as usize].running.is_some() {
            return;
        }
        self.note("starts", number, 0);
        let (now, people) = (self.now, &self.people);
        let node = &mut self.nodes[number as usize];
        node.life += 1;
        let clock = node.wall(now);
        let trust = Trust::load(&node.kept)
            .expect("a ledger in memory is not damaged")
            .expect("it has joined");
        let catalog = restore_catalog(&mut node.kept, trust.clone(), clock, CLOCK_SKEW);
        let Ok(catalog) = catalog;
        let Ok(votes) = restore_votes(&mut node.kept, &trust, catalog.revoked_keys());
        let votes: Votes<u32> = votes;
        let elector = node.character.elector.as_ref().map(|key| {
            let Ok(elector) = restore_elector(&node.kept, key.public().id());
            elector
        });
        let witness = node.character.witness.as_ref().map(|key| {
            let Ok(witness) = restore_witness(&node.kept, key.public().id(), HEARTBEAT_LIFETIME);
            witness
        });
        let updates = self.scenario.groups[node.character.group as usize].updates;
        let rules = rules(node, people, updates);
        let mut components = Vec::new();
        let own = own_component();
        let followed = [Some(&people.component), node.folders.contains_key(&own).then_some(&own)];
        let follows = node.character.role != Role::Seed;
        for name in followed.into_iter().flatten().filter(|_| follows) {
            components.push(component(node, name, &rules));
        }
        let complete = node.shelves.iter().filter(|(_, shelf)| shelf.is_complete);
        let held = complete.map(|(blob, _)| *blob).collect();
        let machine = Machine::new(rules, catalog, components, held)
            .with_witness(witness)
            .with_votes(votes.with_elector(elector));
        node.running = Some(Running {
            machine,
            since: now,
            wakes: None,
            telling: Default::default(),
            listening: None,
            speech: None,
            carrying: BTreeMap::new(),
            called_off: BTreeMap::new(),
            unjudged: Default::default(),
            tokens: BTreeMap::new(),
            next_token: 0,
            serving: BTreeMap::new(),
            met: Default::default(),
            walks_at: now,
            asked: Default::default(),
        });
        let life = node.life;
        if self.meets_its_doom(number) {
            return;
        }
        self.gossip.forget(number);
        self.a_commit_stays(number);
        let component = self.people.component.clone();
        if let (Some(live), _) = self.nodes[number as usize].inventory(&component) {
            // The start may have completed a switch that was cut.
            self.runs(number, &live.version);
            self.committed(number, live.version);
        }
        self.what_runs_is_genuine(number);
        self.serve_what_is_said(number);
        self.input(number, updraft_node::agent::Input::Tick);
        let soon = self.now + self.chances.meeting.below(100_000);
        self.queue.put(soon, Event::Dials(number, life));
    }

    /// A node's program ends.
    pub(super) fn stop(&mut self, number: u32, how: Departure) {
        if self.nodes[number as usize].running.is_none() {
            return;
        }
        self.note("stops", number, how as u64);
        if how == Departure::Vanish {
            return self.ways.set_cut(number, true);
        }
        let peers: Vec<u32> = self.nodes[number as usize].peers.iter().copied().collect();
        for peer in peers {
            self.disconnect(number, peer);
        }
        self.end_fetches(number);
        let loss = self.chances.nodes.any();
        let node = self.node(number);
        node.running = None;
        for folder in node.folders.values_mut() {
            folder.installer = None;
            match how {
                Departure::PowerCut => folder.disk.cut_power(Loss::Chosen(loss)),
                Departure::Stop | Departure::Kill | Departure::Vanish => folder.disk.kill(),
            }
        }
    }

    /// A node ends, and begins again as the program that is installed.
    pub(super) fn start_again(&mut self, number: u32, component: &ComponentName) {
        let installed = self.nodes[number as usize].inventory(component).0;
        if let Some(installed) = installed {
            let speaks = self.releases.speaks(component, &installed.version);
            let node = self.node(number);
            node.speaks = speaks.unwrap_or(node.speaks);
            node.program = installed.version;
        }
        self.stop(number, Departure::Stop);
        self.queue.put(self.now, Event::Starts(number));
    }
}

fn rules(node: &Node, people: &super::people::People, updates: Updates) -> Rules {
    Rules {
        duty: match node.character.role {
            Role::Full => Duty::Full,
            Role::Seed => Duty::Seed,
            Role::Client => Duty::Client,
        },
        upload: match node.character.role {
            Role::Full | Role::Seed => Upload::On,
            Role::Client => Upload::Off,
        },
        target: Target::ANY.parse().expect("a target"),
        auto: AutoUpdate { enabled: updates == Updates::Automatic, ..AutoUpdate::EVERYTHING },
        builders: 0,
        program: node.program.clone(),
        speaks: Speaks { oldest: 1, newest: node.speaks },
        auto_activate: true,
        signal_ready: true,
        knows_heights: false,
        awaits_peers: true,
        channel: people.channel.clone(),
    }
}

/// A component as a node knows it at its start, whose folder comes to rest by that.
fn component(node: &mut Node, name: &ComponentName, rules: &Rules) -> Component {
    let channel = rules.channel.clone();
    let mut component = Component::new(name.clone(), channel, rules.target.clone(), rules.auto);
    // A folder that cannot be opened keeps this one component from being installed.
    if node.open(name).is_ok() {
        (component.installed, component.kept) = node.inventory(name);
    }
    component
}
