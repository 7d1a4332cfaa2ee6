//! What is expected, held against what can happen and be measured.

use super::{Look, is_published, is_stolen, unknown};
use crate::scenario::{Act, Expectation, Role, Share, Time, Version};

/// Words for the state of a vote, as the API of a node has them.
const STATES: [&str; 9] = [
    "announced",
    "voting",
    "rejected",
    "failed",
    "lockedIn",
    "active",
    "final",
    "overtaken",
    "cancelled",
];

pub(super) fn look(look: &mut Look<'_>) {
    let scenario = look.scenario;
    for (n, expectation) in scenario.expectations.iter().enumerate() {
        look.at(format!("expectation {} (`{}`)", n + 1, expectation.word()));
        if let Some(name) = expectation.group() {
            look.group(name);
        }
        one(look, expectation);
    }
}

fn one(look: &mut Look<'_>, expectation: &Expectation) {
    match expectation {
        Expectation::Installed { release, group, share, by } => {
            installed(look, release, group.as_deref());
            look.fault_if(*share == Share(0), || "`share = \"0%\"` is always so".to_owned());
            in_time(look, *by);
        }
        Expectation::Heard { release, share, by } => {
            let known = look.release(release);
            let published = is_published(look.scenario, release);
            look.fault_if(known && !published, || format!("release {release} is never published"));
            look.fault_if(*share == Share(0), || "`share = \"0%\"` is always so".to_owned());
            in_time(look, *by);
        }
        Expectation::NeverInstalled { release, group } => {
            look.release(release);
            let mut runs = look.scenario.groups.iter().filter(|known| {
                known.runs.as_ref() == Some(release)
                    && group.as_ref().is_none_or(|name| *name == known.name)
            });
            if let Some(known) = runs.next() {
                look.fault(format!("`{}` runs release {release} from the beginning", known.name));
            }
        }
        Expectation::NearOptimum { release, factor } => {
            let known = look.release(release);
            let published = is_published(look.scenario, release);
            look.fault_if(known && !published, || format!("release {release} is never published"));
            look.fault_if(!factor.is_finite() || *factor < 1.0, || {
                format!("`factor = {factor}`: nothing is faster than the optimum, which is 1")
            });
        }
        Expectation::AtMost { what, value, group }
        | Expectation::AtLeast { what, value, group } => {
            let part = what.is_a_part();
            look.fault_if(!value.is_finite() || *value < 0.0, || {
                format!("`value = {value}`: nothing can be counted so")
            });
            look.fault_if(part && group.is_some(), || {
                format!("`{}` is a part of all bytes, and not of a group's", what.word())
            });
            look.fault_if(part && *value > 1.0, || {
                format!("`value = {value}`: `{}` is a part, from 0 to 1", what.word())
            });
        }
        Expectation::Decided { state, by } => {
            let proposed = |act: &Act| matches!(act, Act::Propose { .. });
            let proposed = look.scenario.story.iter().any(|step| proposed(&step.act));
            look.fault_if(!proposed, || "nothing is proposed".to_owned());
            look.fault_if(!STATES.contains(&state.as_str()), || {
                unknown("state", state, STATES.into_iter())
            });
            in_time(look, *by);
        }
        Expectation::Converged { within } => {
            let calm = look.scenario.story.iter().find(|step| step.act == Act::Calm);
            let from = calm.map_or(Time(0), |step| step.at.to);
            let last = Time(from.0.saturating_add(within.0));
            look.fault_if(last > look.scenario.until, || {
                format!("{within} after {from} is later than `until = \"{}\"`", look.scenario.until)
            });
        }
    }
}

fn installed(look: &mut Look<'_>, release: &Version, group: Option<&str>) {
    let scenario = look.scenario;
    let known = look.release(release);
    let runs = scenario.groups.iter().any(|group| group.runs.as_ref() == Some(release));
    look.fault_if(
        known && !runs && !is_published(scenario, release) && !is_stolen(scenario, release),
        || format!("release {release} is never published"),
    );
    let of = scenario.groups.iter().find(|known| Some(known.name.as_str()) == group);
    if let Some(seed) = of.filter(|group| group.role == Role::Seed) {
        look.fault(format!("`{}` are seeds, which install nothing", seed.name));
    }
    let group = group.map(str::to_owned);
    let never = Expectation::NeverInstalled { release: release.clone(), group };
    look.fault_if(scenario.expectations.contains(&never), || {
        format!("release {release} is also expected never to be installed")
    });
}

fn in_time(look: &mut Look<'_>, by: Option<Time>) {
    if let Some(by) = by {
        look.fault_if(by > look.scenario.until, || {
            format!("`by = \"{by}\"` is later than `until = \"{}\"`", look.scenario.until)
        });
    }
}
