//! What a cluster of real nodes cannot do, because it needs a disk, a clock, a program or a liar that is not real. Pure.

use updraft_node::{agent::own_component, build::Speaks};

use super::{
    super::{Act, Departure, Scenario, Share, Skew, Time},
    Fault,
};

/// Nodes of a cluster: each is a whole node with its own sockets, files and threads.
pub const MAX_CLUSTER_NODES: u32 = 64;
/// How long a cluster may run: it runs in real time, and somebody waits.
pub const MAX_CLUSTER_TIME: Time = Time::from_secs(30 * 60);

/// Everything in a scenario that a cluster cannot do and a world can; nothing if it can run as a cluster, too.
pub fn only_in_a_world(scenario: &Scenario) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |place: String, message: String| faults.push(Fault { place, message });
    let nodes = scenario.nodes();
    if nodes > u64::from(MAX_CLUSTER_NODES) {
        let message = format!(
            "{nodes} nodes in a cluster, at most {MAX_CLUSTER_NODES} are possible; `kind = \"world\"` takes more"
        );
        fault("the scenario".to_owned(), message);
    }
    if scenario.until > MAX_CLUSTER_TIME {
        let until = scenario.until;
        let message = format!(
            "`until = \"{until}\"`, and a cluster runs in real time, for at most {MAX_CLUSTER_TIME}"
        );
        fault("the scenario".to_owned(), message);
    }
    for group in &scenario.groups {
        let wants = [
            (group.hostile.is_some(), "hostile nodes"),
            (group.clock != Skew::default(), "wrong clocks"),
            (group.disk.is_some(), "small disks"),
            (group.speaks != Speaks::THIS.newest, "programs of another protocol"),
        ];
        for (_, what) in wants.into_iter().filter(|(wants, _)| *wants) {
            fault(format!("group `{}`", group.name), only_world(what));
        }
    }
    for release in &scenario.releases {
        if release.wrong_patches {
            let place = format!("release `{}`", release.version);
            fault(place, only_world("patches that lead to something else"));
        }
        if release.component.as_deref() == Some(own_component().as_str()) {
            let place = format!("release `{}`", release.version);
            fault(place, only_world("releases of the nodes' own program"));
        }
    }
    for (number, step) in (1..).zip(&scenario.story) {
        if let Some(what) = needs_world(&step.act) {
            let place = format!("step {number} (`{}` at {})", step.act.word(), step.at);
            fault(place, only_world(&what));
        }
    }
    faults
}

/// What of a step real nodes cannot do.
fn needs_world(act: &Act) -> Option<String> {
    match act {
        Act::Leave { how: Departure::PowerCut, .. }
        | Act::Churn { how: Departure::PowerCut, .. } => Some("power cuts".to_owned()),
        // Over TCP nothing comes twice.
        Act::Weather { twice, .. } if *twice != Share::default() => {
            Some("messages that come twice".to_owned())
        }
        Act::Propose { component: None, .. } => {
            Some("votes on the protocol of the nodes themselves".to_owned())
        }
        Act::CrashAt { .. }
        | Act::Clock { .. }
        | Act::Disk { .. }
        | Act::Turn { .. }
        | Act::Steal { .. } => Some(format!("steps `{}`", act.word())),
        _ => None,
    }
}

fn only_world(what: &str) -> String {
    format!("{what} are for worlds only; a cluster is made of real nodes")
}
