//! Chance picks the moments and the nodes of a story. Each step has a stream of chance of its own, so that one more step
//! changes nothing of the others.

use std::collections::{BTreeMap, BTreeSet};

use super::{Deed, Happening};
use crate::{
    scenario::{Act, Departure, Scenario, Share, Span, Time},
    world::chance::Chance,
};

/// Changes that an installation makes to a disk, roughly: a crash by chance is at one of them.
const CHANGES: u64 = 40;

/// The course of a scenario with a seed, in the order of time.
pub fn pick(scenario: &Scenario, seed: u64) -> Vec<Happening> {
    let mut steps: Vec<(Time, usize, Chance)> = Vec::new();
    for (place, step) in scenario.story.iter().enumerate() {
        let mut chance = Chance::of(seed, &format!("step {place} of the story"));
        steps.push((moment(&mut chance, step.at), place, chance));
    }
    // Who is there and who lies depends on what came before.
    steps.sort_by_key(|(at, place, _)| (*at, *place));
    let mut picking = Picking::of(scenario);
    for (at, place, chance) in steps {
        picking.step(at, &scenario.story[place].act, chance);
    }
    let mut course = picking.course;
    course.sort_by_key(|happening| happening.at);
    course
}

fn moment(chance: &mut Chance, span: Span) -> Time {
    Time(chance.between(span.from.0, span.to.0))
}

/// A course under way.
struct Picking<'a> {
    scenario: &'a Scenario,
    /// Nodes that are not there.
    away: BTreeSet<String>,
    /// Nodes that have begun to lie.
    turned: BTreeSet<String>,
    course: Vec<Happening>,
}

impl<'a> Picking<'a> {
    fn of(scenario: &'a Scenario) -> Self {
        let mut picking =
            Self { scenario, away: BTreeSet::new(), turned: BTreeSet::new(), course: Vec::new() };
        for group in scenario.groups.iter().filter(|group| group.waits) {
            picking.away.extend((1..=group.count).map(|n| format!("{}-{n}", group.name)));
        }
        picking
    }

    fn put(&mut self, at: Time, deed: Deed) {
        self.course.push(Happening { at, deed });
    }

    /// The nodes of a group; without a name, all that do not lie.
    fn all_of(&self, group: Option<&str>) -> Vec<String> {
        let meant = self.scenario.groups.iter().filter(|one| match group {
            Some(name) => one.name == name,
            None => one.hostile.is_none(),
        });
        let names = meant.flat_map(|one| (1..=one.count).map(|n| format!("{}-{n}", one.name)));
        names.filter(|name| group.is_some() || !self.turned.contains(name)).collect()
    }

    fn some_of(&self, group: Option<&str>, share: Share, chance: &mut Chance) -> Vec<String> {
        some(self.all_of(group), share, chance)
    }

    /// The first node of a group; of the first group without a name.
    fn first_of(&self, group: Option<&str>) -> String {
        let first = self.scenario.groups.first().map(|group| group.name.as_str());
        format!("{}-1", group.or(first).unwrap_or_default())
    }

    /// Nodes that vote, in the order of their keys.
    fn electors(&self) -> Vec<String> {
        let of = |group: &crate::scenario::Group| {
            let name = group.name.clone();
            (1..=group.electors.min(group.count)).map(move |n| format!("{name}-{n}"))
        };
        self.scenario.groups.iter().flat_map(of).collect()
    }

    fn step(&mut self, at: Time, act: &Act, mut chance: Chance) {
        let chance = &mut chance;
        match act {
            Act::Publish { release, group } => {
                let node = self.first_of(group.as_deref());
                self.put(at, Deed::Publish { release: release.clone(), node });
            }
            Act::Withdraw { release, group } => {
                let node = self.first_of(group.as_deref());
                self.put(at, Deed::Withdraw { release: release.clone(), node });
            }
            Act::Heal => self.put(at, Deed::Heal),
            Act::Weather { loss, twice, late } => {
                self.put(at, Deed::Weather { loss: *loss, twice: *twice, late: *late });
            }
            Act::Steal { from, count, release } => {
                let release = release.clone();
                self.put(at, Deed::Steal { from: *from, count: *count, release });
            }
            Act::Propose { component, to, release, voting, lead, grace, .. } => {
                let node = self.electors().into_iter().next().unwrap_or_default();
                let (component, release) = (component.clone(), release.clone());
                let [voting, lead, grace] = [*voting, *lead, *grace];
                let to = *to;
                self.put(at, Deed::Propose { node, component, to, release, voting, lead, grace });
            }
            Act::Vote { share, says, over } => {
                let electors = self.electors();
                let count = share.of(electors.len());
                for node in electors.into_iter().take(count) {
                    let at = later(at, chance.between(0, over.0));
                    self.put(at, Deed::Vote { node, says: *says });
                }
            }
            Act::Calm => {
                self.put(at, Deed::Calm);
                self.turned.clear();
                self.away.clear();
            }
            _ => self.for_some(at, act, chance),
        }
    }

    /// Steps that befall nodes one by one.
    fn for_some(&mut self, at: Time, act: &Act, chance: &mut Chance) {
        match act {
            Act::Join { group, count, over } => {
                let waiting = self.all_of(Some(group));
                let waiting = waiting.into_iter().filter(|name| self.away.contains(name));
                let count = count.map_or(usize::MAX, |count| count as usize);
                for node in waiting.take(count).collect::<Vec<_>>() {
                    let at = later(at, chance.between(0, over.0));
                    self.away.remove(&node);
                    self.put(at, Deed::Start { node });
                }
            }
            Act::Leave { group, share, how, back_after } => {
                for node in self.some_of(group.as_deref(), *share, chance) {
                    let back_after = back_after.map(|span| moment(chance, span));
                    if back_after.is_none() {
                        self.away.insert(node.clone());
                    }
                    self.put(at, Deed::Leave { node, how: *how, back_after });
                }
            }
            Act::Churn { group, share, lasts, away, how } => {
                self.churn(at, (group.as_deref(), *share), *lasts, (*away, *how), chance);
            }
            Act::Partition { groups, share, one_way } => {
                let named = groups.iter().flat_map(|group| self.all_of(Some(group)));
                let mut nodes: BTreeSet<String> = named.collect();
                let some = share.map(|share| self.some_of(None, share, chance));
                nodes.extend(some.into_iter().flatten());
                let nodes = nodes.into_iter().collect();
                self.put(at, Deed::Divide { nodes, one_way: *one_way });
            }
            Act::SwizzleClog { share, lasts } => self.swizzle(at, *share, *lasts, chance),
            Act::CrashAt { group, change, how, back_after } => {
                for node in self.all_of(group.as_deref()) {
                    let any = u32::try_from(chance.between(1, CHANGES)).unwrap_or(1);
                    let back_after = moment(chance, *back_after);
                    let change = change.unwrap_or(any);
                    self.put(at, Deed::CrashAt { node, change, how: *how, back_after });
                }
            }
            Act::Clock { group, share, by } => {
                for node in self.some_of(group.as_deref(), *share, chance) {
                    self.put(at, Deed::Clock { node, by: *by });
                }
            }
            Act::Disk { group, share, fault, lasts } => {
                for node in self.some_of(group.as_deref(), *share, chance) {
                    self.put(at, Deed::Disk { node, fault: *fault, lasts: *lasts });
                }
            }
            Act::Turn { group, share, into } => {
                for node in self.some_of(group.as_deref(), *share, chance) {
                    self.turned.insert(node.clone());
                    self.put(at, Deed::Turn { node, into: *into });
                }
            }
            // The others stand above.
            _ => {}
        }
    }

    fn churn(
        &mut self,
        at: Time,
        (group, share): (Option<&str>, Share),
        lasts: Time,
        (away, how): (Span, Departure),
        chance: &mut Chance,
    ) {
        let all = self.all_of(group);
        for _ in 0..share.a_minute(all.len(), lasts) {
            let Some(node) = chance.one(&all).cloned() else { return };
            let at = later(at, chance.below(lasts.0));
            let back_after = Some(moment(chance, away));
            self.put(at, Deed::Leave { node, how, back_after });
        }
    }

    /// Cuts nodes off one after the other, and connects them again in another order (FoundationDB's swizzle-clogging).
    fn swizzle(&mut self, at: Time, share: Share, lasts: Time, chance: &mut Chance) {
        let groups = self.scenario.groups.iter();
        let all: Vec<String> = groups
            .flat_map(|group| (1..=group.count).map(|n| format!("{}-{n}", group.name)))
            .collect();
        let mut nodes = some(all, share, chance);
        let step = lasts.0 / (nodes.len() as u64).max(1);
        let mut from = BTreeMap::new();
        chance.shuffle(&mut nodes);
        for (place, node) in (0_u64..).zip(&nodes) {
            from.insert(node.clone(), place * step);
        }
        chance.shuffle(&mut nodes);
        for (place, node) in (0_u64..).zip(nodes) {
            let begin = from.get(&node).copied().unwrap_or(0);
            let lasts = Time(lasts.0 + place * step - begin);
            self.put(later(at, begin), Deed::Cut { node, lasts });
        }
    }
}

/// A share of a list, by chance.
fn some(all: Vec<String>, share: Share, chance: &mut Chance) -> Vec<String> {
    let places = chance.some(share.of(all.len()), all.len());
    places.into_iter().filter_map(|place| all.get(place).cloned()).collect()
}

fn later(at: Time, by: u64) -> Time {
    Time(at.0.saturating_add(by))
}
