//! What happens, held against who is there and when it ends.

use std::collections::BTreeSet;

use updraft_protocol::{
    ComponentName,
    root::NetworkKind,
    vote::{Fraction, Rules},
};

use super::{Look, electors, is_published};
use crate::scenario::{Act, Departure, Floors, Loot, Share, Span, Step, Time, Version};

/// Departures of one step `churn`.
const MAX_DEPARTURES: u64 = 1_000_000;

pub(super) fn look(look: &mut Look<'_>) {
    let scenario = look.scenario;
    let mut published = BTreeSet::new();
    for (n, step) in scenario.story.iter().enumerate() {
        look.at(format!("step {} (`{}` at {})", n + 1, step.act.word(), step.at));
        look.fault_if(step.at.to > scenario.until, || {
            format!("it lies after `until = \"{}\"`", scenario.until)
        });
        if let Act::Publish { release, .. } = &step.act {
            let again = !published.insert(release);
            look.fault_if(again, || format!("release {release} is published twice"));
        }
        groups(look, &step.act);
        for (key, time) in times(&step.act) {
            look.bounded(key, time);
        }
        act(look, step);
        after_calm(look, step);
    }
}

/// Times that an act takes, by their keys.
fn times(act: &Act) -> Vec<(&'static str, Time)> {
    match act {
        Act::Join { over, .. } | Act::Vote { over, .. } => vec![("over", *over)],
        Act::Leave { back_after, .. } => {
            back_after.iter().map(|span| ("back_after", span.to)).collect()
        }
        Act::CrashAt { back_after, .. } => vec![("back_after", back_after.to)],
        Act::Churn { lasts, away, .. } => vec![("lasts", *lasts), ("away", away.to)],
        Act::SwizzleClog { lasts, .. } | Act::Disk { lasts, .. } => vec![("lasts", *lasts)],
        _ => Vec::new(),
    }
}

/// Every group that an act names is there.
fn groups(look: &mut Look<'_>, act: &Act) {
    for name in act.groups() {
        look.group(name);
    }
}

fn act(look: &mut Look<'_>, step: &Step) {
    match &step.act {
        Act::Publish { release, .. } => {
            look.release(release);
        }
        Act::Withdraw { release, .. } => {
            let known = look.release(release);
            let before = comes_before(
                look,
                step,
                |act| matches!(act, Act::Publish { release: published, .. } if published == release),
            );
            let runs =
                look.scenario.groups.iter().any(|group| group.runs.as_ref() == Some(release));
            look.fault_if(known && !before && !runs, || {
                format!("release {release} is not published before")
            });
        }
        Act::Join { group, count, .. } => {
            look.fault_if(*count == Some(0), || "`count = 0`: nobody joins".to_owned());
            let has = look.scenario.groups.iter().find(|known| known.name == *group);
            if let (Some(count), Some(group)) = (count, has) {
                look.fault_if(*count > group.count, || {
                    format!("`count = {count}`, and `{}` has {} nodes", group.name, group.count)
                });
            }
        }
        Act::Leave { share, .. } | Act::Turn { share, .. } => some(look, *share),
        Act::Churn { group, share, lasts, away, .. } => {
            some(look, *share);
            churn(look, group.as_deref(), *share, *lasts);
            takes_time(look, *lasts);
            look.fault_if(away.to == Time(0), || "`away = \"0s\"`: nobody is away".to_owned());
        }
        Act::Partition { groups, share, .. } => partition(look, groups, *share),
        Act::SwizzleClog { share, lasts } => {
            some(look, *share);
            takes_time(look, *lasts);
        }
        Act::CrashAt { change, .. } => {
            look.fault_if(*change == Some(0), || "`change = 0`: changes begin with 1".to_owned());
        }
        Act::Clock { share, .. } => some(look, *share),
        Act::Disk { share, lasts, .. } => {
            some(look, *share);
            takes_time(look, *lasts);
        }
        Act::Steal { from, count, release } => {
            steal(look, *from, *count);
            loot(look, *from, release.as_ref());
        }
        Act::Propose { .. } => propose(look, step),
        Act::Vote { share, .. } => {
            some(look, *share);
            look.fault_if(electors(look.scenario) == 0, no_electors);
            let before = comes_before(look, step, |act| matches!(act, Act::Propose { .. }));
            look.fault_if(!before, || "nothing is proposed before".to_owned());
        }
        Act::Heal => {
            let before = comes_before(look, step, |act| {
                let vanished = matches!(act, Act::Leave { how: Departure::Vanish, .. });
                vanished || matches!(act, Act::Partition { .. } | Act::SwizzleClog { .. })
            });
            look.fault_if(!before, || "nothing is cut before".to_owned());
        }
        Act::Weather { .. } | Act::Calm => {}
    }
}

/// Whether something like that may have happened when this step comes.
fn comes_before(look: &Look<'_>, step: &Step, like: impl Fn(&Act) -> bool) -> bool {
    look.scenario.story.iter().any(|other| other.at.from <= step.at.to && like(&other.act))
}

fn some(look: &mut Look<'_>, share: Share) {
    look.fault_if(share == Share(0), || "`share = \"0%\"`: nobody is meant".to_owned());
}

/// Chance picks all departures before the run begins.
fn churn(look: &mut Look<'_>, group: Option<&str>, share: Share, lasts: Time) {
    let groups = look.scenario.groups.iter();
    let meant = groups.filter(|known| group.is_none_or(|name| known.name == name));
    let nodes: u64 = meant.map(|group| u64::from(group.count)).sum();
    let departures = share.a_minute(usize::try_from(nodes).unwrap_or(usize::MAX), lasts);
    look.fault_if(departures > MAX_DEPARTURES, || {
        format!("{departures} departures in {lasts}; at most {MAX_DEPARTURES} can be picked")
    });
}

fn takes_time(look: &mut Look<'_>, lasts: Time) {
    look.fault_if(lasts == Time(0), || "`lasts = \"0s\"`: it is over at once".to_owned());
}

fn partition(look: &mut Look<'_>, groups: &[String], share: Option<Share>) {
    match share {
        None => look.fault_if(groups.is_empty(), || {
            "it says neither `groups` nor `share`: who is cut off?".to_owned()
        }),
        Some(_) if !groups.is_empty() => {
            look.fault("it says both `groups` and `share`; one is enough")
        }
        Some(share) => look.fault_if(share == Share(0) || share == Share::ALL, || {
            format!("`share = \"{share}\"`: there is nobody on one side")
        }),
    }
    let all = look.scenario.groups.iter().all(|group| groups.contains(&group.name));
    look.fault_if(all, || "all groups are on one side".to_owned());
}

fn steal(look: &mut Look<'_>, from: Loot, count: u8) {
    look.fault_if(count == 0, || "`count = 0`: nothing is stolen".to_owned());
    let (has, whose) = match from {
        Loot::Publishers | Loot::PublishersTwice => {
            (usize::from(look.scenario.network.publishers), "publishers")
        }
        Loot::Electors => (electors(look.scenario), "electors"),
    };
    look.fault_if(usize::from(count) > has, || {
        format!("`count = {count}`, and there are {has} keys of {whose}")
    });
}

/// Who uses stolen keys, and for what.
fn loot(look: &mut Look<'_>, from: Loot, release: Option<&Version>) {
    let scenario = look.scenario;
    let turns = scenario.story.iter().any(|step| matches!(step.act, Act::Turn { .. }));
    let lies = scenario.groups.iter().any(|group| group.hostile.is_some());
    look.fault_if(!lies && !turns, || {
        "nobody lies who could use the keys; give a group `hostile`".to_owned()
    });
    let Some(release) = release else { return };
    let known = look.release(release);
    look.fault_if(known && is_published(scenario, release), || {
        format!("release {release} is also published by those to whom the keys belong")
    });
    look.fault_if(from != Loot::Publishers, || {
        "`release`: only who has stolen from `publishers` makes one".to_owned()
    });
}

fn no_electors() -> String {
    "nobody votes; give a group `electors`".to_owned()
}

fn propose(look: &mut Look<'_>, step: &Step) {
    let Act::Propose { component, from, to, release, voting, lead, grace } = &step.act else {
        return;
    };
    let scenario = look.scenario;
    look.fault_if(electors(scenario) == 0, no_electors);
    look.fault_if(from == to, || format!("`from` and `to` are both {from}: nothing changes"));
    look.fault_if(*from == 0 || *to == 0, || "protocols begin with 1".to_owned());
    if let Some(name) = component {
        let wrong = name.parse::<ComponentName>().err();
        if let Some(error) = wrong {
            look.fault(format!("`component = \"{name}\"`: {error}"));
        }
    }
    let known = look.release(release);
    let before = comes_before(
        look,
        step,
        |act| matches!(act, Act::Publish { release: published, .. } if published == release),
    );
    look.fault_if(known && is_published(scenario, release) && !before, || {
        format!("release {release}, which speaks it, is published later")
    });
    let production = scenario.network.kind == Floors::Production;
    let rules =
        Rules::of(if production { NetworkKind::Production } else { NetworkKind::Development });
    for (key, time, floor) in [
        ("voting", voting, rules.min_voting),
        ("lead", lead, rules.min_lead),
        ("grace", grace, rules.min_grace),
    ] {
        let floor = Time::from_secs(floor.saturating_mul(rules.epoch));
        look.fault_if(*time < floor, || {
            let kind = if production { "production" } else { "development" };
            format!("`{key} = \"{time}\"`; a {kind} network has at least {floor}")
        });
    }
    let life = voting.0.saturating_add(lead.0).saturating_add(grace.0);
    let most = Time::from_secs(rules.max_life.saturating_mul(rules.epoch));
    look.fault_if(life > most.0, || format!("`voting`, `lead` and `grace` take more than {most}"));
    look.fault_if(rules.min_ready != Fraction::NONE && !is_published(scenario, release), || {
        format!("nobody can be ready: release {release} is never published")
    });
}

/// From `calm` on nothing breaks any more.
fn after_calm(look: &mut Look<'_>, step: &Step) {
    if !step.act.is_a_fault() {
        return;
    }
    let calm = look.scenario.story.iter().find(|other| other.act == Act::Calm);
    let lasts = match step.act {
        Act::Churn { lasts, .. } | Act::SwizzleClog { lasts, .. } => lasts.0,
        // What these break is mended by the calm.
        _ => 0,
    };
    if let Some(Step { at: Span { from, .. }, .. }) = calm {
        let last = Time(step.at.to.0.saturating_add(lasts));
        look.fault_if(last > *from, || format!("all is calm from {from} on; this breaks it"));
    }
}
