//! What two keys of a scenario say about each other. Pure; finds everything at once.
//!
//! | | file |
//! |---|---|
//! | the network, groups and releases | here |
//! | what happens | `story.rs` |
//! | what is expected | `expected.rs` |
//! | what real nodes cannot do | `cluster.rs` |

mod cluster;
mod expected;
mod story;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, fmt};

pub use self::cluster::{MAX_CLUSTER_NODES, MAX_CLUSTER_TIME, only_in_a_world};
use updraft_node::config::nearest;
use updraft_protocol::limits::{MAX_BLOB_BYTES, MAX_ELECTORS, MAX_KEYS_PER_ROLE};

use super::{Group, Kind, LineRate, Role, Scenario, Time, Version};

/// Characters of a group's name.
const MAX_NAME: usize = 32;
/// How long a run may last, and anything in it: all times together stay far from the end of their type.
const MAX_UNTIL: Time = Time::from_secs(1_000 * 86_400);
/// What a line may carry, in bytes a second (8 Tbit/s): those of all nodes together stay far from the end of theirs.
const MAX_RATE: LineRate = LineRate(1_000_000_000_000);

/// Something in a scenario that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// Where: a group, a release, a step by its number and act, an expectation by its number.
    pub place: String,
    /// What, and how it may be made right.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// Everything in a scenario that cannot be, from its beginning to its end; nothing if it can run.
pub fn check(scenario: &Scenario) -> Vec<Fault> {
    let mut look = Look { scenario, place: String::new(), faults: Vec::new() };
    look.whole();
    look.network();
    look.groups();
    look.releases();
    story::look(&mut look);
    expected::look(&mut look);
    look.faults
}

/// Looks at a scenario, and notes what is wrong.
struct Look<'a> {
    scenario: &'a Scenario,
    /// What is looked at.
    place: String,
    faults: Vec<Fault>,
}

impl<'a> Look<'a> {
    fn at(&mut self, place: impl Into<String>) {
        self.place = place.into();
    }

    fn fault(&mut self, message: impl Into<String>) {
        self.faults.push(Fault { place: self.place.clone(), message: message.into() });
    }

    fn fault_if(&mut self, wrong: bool, message: impl FnOnce() -> String) {
        if wrong {
            self.fault(message());
        }
    }

    /// The group of this name; a fault if there is none.
    fn group(&mut self, name: &str) -> Option<&'a Group> {
        let scenario = self.scenario;
        let found = scenario.groups.iter().find(|group| group.name == name);
        if found.is_none() {
            let names = scenario.groups.iter().map(|group| group.name.as_str());
            self.fault(unknown("group", name, names));
        }
        found
    }

    /// Notes a fault if there is no such release.
    fn release(&mut self, version: &Version) -> bool {
        let known = self.scenario.releases.iter().any(|release| release.version == *version);
        if !known {
            let names: Vec<_> =
                self.scenario.releases.iter().map(|release| release.version.to_string()).collect();
            let names = names.iter().map(String::as_str);
            self.fault(unknown("release", &version.to_string(), names));
        }
        known
    }

    fn whole(&mut self) {
        let Scenario { title, kind, until, story, .. } = self.scenario;
        self.at("the scenario");
        self.fault_if(title.trim().is_empty(), || "`title` is empty".to_owned());
        self.fault_if(*until == Time(0), || "`until = \"0s\"` leaves no time".to_owned());
        self.fault_if(*until > MAX_UNTIL, || {
            format!("`until = \"{until}\"` is later than {MAX_UNTIL}")
        });
        if *kind == Kind::Cluster {
            self.faults.extend(only_in_a_world(self.scenario));
        }
        let calms = story.iter().filter(|step| step.act == super::Act::Calm).count();
        self.fault_if(calms > 1, || format!("{calms} steps are `calm`; there is one such moment"));
    }

    /// Notes a fault if a time is longer than any run.
    fn bounded(&mut self, key: &str, time: Time) {
        self.fault_if(time > MAX_UNTIL, || {
            format!("`{key} = \"{time}\"` is longer than {MAX_UNTIL}")
        });
    }

    /// Lines of a group, with what they have of those of all.
    fn lines(&mut self, group: &Group) {
        let links = group.links(&self.scenario.links);
        self.bounded("latency", links.latency);
        self.bounded("jitter", links.jitter);
        let limit = group.upload_limit.map(|rate| ("upload_limit", rate));
        for (key, rate) in [("up", links.up), ("down", links.down)].into_iter().chain(limit) {
            self.fault_if(rate > MAX_RATE, || {
                format!("`{key} = \"{rate}\"` is more than {MAX_RATE}")
            });
        }
    }

    fn network(&mut self) {
        let network = &self.scenario.network;
        let (publishers, threshold) = (network.publishers, network.threshold);
        self.at("`network`");
        let most = MAX_KEYS_PER_ROLE;
        self.fault_if(publishers == 0 || usize::from(publishers) > most, || {
            format!("`publishers = {publishers}`; 1 to {most} are possible")
        });
        self.fault_if(threshold == 0 || threshold > publishers, || {
            format!("`threshold = {threshold}` of {publishers} publishers")
        });
        self.fault_if(network.head_lifetime < Time::from_secs(1), || {
            format!("`head_lifetime = \"{}\"`; at least 1s is needed", network.head_lifetime)
        });
        self.bounded("head_lifetime", network.head_lifetime);
    }

    fn groups(&mut self) {
        let scenario = self.scenario;
        self.at("the scenario");
        self.fault_if(scenario.groups.is_empty(), || "there is no `[[group]]`".to_owned());
        let electors = electors(scenario);
        self.fault_if(electors > MAX_ELECTORS, || {
            format!("{electors} electors; a root lists at most {MAX_ELECTORS}")
        });
        self.bootstrap();
        let mut names = BTreeSet::new();
        for group in &scenario.groups {
            self.at(format!("group `{}`", group.name));
            self.fault_if(!names.insert(group.name.as_str()), || {
                "another group has this name".to_owned()
            });
            self.fault_if(!is_name(&group.name), || {
                format!("a name is 1 to {MAX_NAME} of a-z, 0-9 and -, and begins with a letter")
            });
            self.one_group(group);
        }
    }

    fn one_group(&mut self, group: &Group) {
        let scenario = self.scenario;
        let Group { count, electors, witnesses, starts, waits, .. } = group;
        self.fault_if(*count == 0, || "`count = 0`: it has no node".to_owned());
        self.fault_if(electors > count, || {
            format!("`electors = {electors}`, and it has {count} nodes")
        });
        self.fault_if(witnesses > count, || {
            format!("`witnesses = {witnesses}`, and it has {count} nodes")
        });
        self.fault_if(group.weight == 0, || "`weight = 0`: a vote that counts nothing".to_owned());
        self.fault_if(group.peers == 0, || "`peers = 0`: it would hear of nothing".to_owned());
        self.fault_if(group.speaks == 0, || "`speaks = 0`: protocols begin with 1".to_owned());
        self.lines(group);
        self.fault_if(starts.to > scenario.until, || {
            format!("`starts = \"{starts}\"` is later than `until = \"{}\"`", scenario.until)
        });
        if *waits {
            self.fault_if(*starts != super::Span::default(), || {
                "`starts` and `waits`: what waits starts by a step `join`".to_owned()
            });
            let joins = scenario.story.iter().any(
                |step| matches!(&step.act, super::Act::Join { group: name, .. } if *name == group.name),
            );
            self.fault_if(!joins, || "it waits, and no step `join` lets it start".to_owned());
        }
        if let Some(version) = &group.runs {
            self.release(version);
            self.fault_if(group.role == Role::Seed, || {
                format!("`runs = \"{version}\"`, and a seed installs nothing")
            });
        }
    }

    /// Newcomers have to find somebody who tells the truth.
    fn bootstrap(&mut self) {
        let groups = &self.scenario.groups;
        let first = groups.iter().take(1).filter(|_| groups.iter().all(|group| !group.bootstrap));
        let dialled: Vec<_> = groups.iter().filter(|group| group.bootstrap).chain(first).collect();
        let names: Vec<_> = dialled.iter().map(|group| format!("`{}`", group.name)).collect();
        let names = names.join(", ");
        let advice = "give another group `bootstrap = true`";
        if dialled.is_empty() {
            return;
        }
        self.fault_if(dialled.iter().all(|group| group.hostile.is_some()), || {
            format!("newcomers dial {names} first, and all of them lie; {advice}")
        });
        self.fault_if(dialled.iter().all(|group| group.waits), || {
            format!("newcomers dial {names} first, and none is there at the beginning; {advice}")
        });
    }

    fn releases(&mut self) {
        let scenario = self.scenario;
        let mut versions = BTreeSet::new();
        for release in &scenario.releases {
            let version = &release.version;
            self.at(format!("release `{version}`"));
            self.fault_if(!versions.insert(version), || "it is listed twice".to_owned());
            self.fault_if(release.size.0 == 0 || release.size.0 > MAX_BLOB_BYTES, || {
                format!(
                    "`size = \"{}\"`; 1B to {} are possible",
                    release.size,
                    super::Size(MAX_BLOB_BYTES)
                )
            });
            for (from, size) in &release.patches {
                let known = self.release(from);
                self.fault_if(known && from >= version, || {
                    format!("a patch from {from} would lead back")
                });
                self.fault_if(size.0 == 0, || format!("the patch from {from} has no bytes"));
                let base = scenario.releases.iter().find(|base| base.version == *from);
                let is_other = base.is_some_and(|base| base.component != release.component);
                self.fault_if(is_other, || format!("{from} is a release of another component"));
                self.fault_if(known && !versions.contains(from) && from < version, || {
                    format!("release {from}, from which there is a patch, has to stand before it")
                });
            }
            self.fault_if(release.wrong_patches && release.patches.is_empty(), || {
                "`wrong_patches`, and it has no patches".to_owned()
            });
            self.fault_if(release.needs_protocol == Some(0), || {
                "`needs_protocol = 0`: protocols begin with 1".to_owned()
            });
            self.fault_if(!is_used(scenario, version), || {
                "nobody publishes it, runs it, or comes from it by a patch".to_owned()
            });
        }
    }
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.collect();
    match nearest(name, known.iter().copied()) {
        Some(nearest) => format!("there is no {what} `{name}`; the nearest is `{nearest}`"),
        None if known.is_empty() => format!("there is no {what} `{name}`, and no other"),
        None => format!("there is no {what} `{name}`; there are: {}", known.join(", ")),
    }
}

fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.len() <= MAX_NAME
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(fits)
}

fn electors(scenario: &Scenario) -> usize {
    let electors: u64 = scenario.groups.iter().map(|group| u64::from(group.electors)).sum();
    usize::try_from(electors).unwrap_or(usize::MAX)
}

fn is_used(scenario: &Scenario, version: &Version) -> bool {
    scenario.groups.iter().any(|group| group.runs.as_ref() == Some(version))
        || scenario.releases.iter().any(|release| release.patches.contains_key(version))
        || is_published(scenario, version)
        || is_stolen(scenario, version)
}

/// Whether a thief makes it.
fn is_stolen(scenario: &Scenario, version: &Version) -> bool {
    let makes = |act: &super::Act| matches!(act, super::Act::Steal { release, .. } if release.as_ref() == Some(version));
    scenario.story.iter().any(|step| makes(&step.act))
}

fn is_published(scenario: &Scenario, version: &Version) -> bool {
    scenario
        .story
        .iter()
        .any(|step| matches!(&step.act, super::Act::Publish { release, .. } if release == version))
}
