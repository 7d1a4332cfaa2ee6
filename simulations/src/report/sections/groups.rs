//! Groups: what their lines carried and what gossip cost them. Votes: how nodes saw them.

use crate::{
    outcome::{GroupLine, Outcome, VoteLine},
    report::{
        markup::Markup,
        pictures::{Bar, bars},
        svg::Caption,
        units::{self, float},
    },
};

pub(in crate::report) fn groups(page: &mut Markup, outcome: &Outcome) {
    if outcome.groups.is_empty() {
        return;
    }
    page.line("h2", &[], "Groups");
    lines(page, &outcome.groups);
    costs(page, &outcome.groups);
    let rows = outcome.groups.iter().map(|group| {
        [
            group.name.clone(),
            units::count(group.nodes),
            format!("{} / {}", units::rate(group.rates.0), units::rate(group.rates.1)),
            format!("{} / {}", units::part(group.used.0), units::part(group.used.1)),
            units::bytes(group.fetched.0),
            units::bytes(float(group.fetched.1)),
            units::bytes(float(group.served)),
        ]
    });
    page.table(
        "Lines and chunk bytes; lines up / down",
        ["Group", "Nodes", "Line of a node", "Used", "Got, mean", "Got, most", "Given by all"],
        rows,
    );
    let rows = outcome.groups.iter().map(|group| {
        [
            group.name.clone(),
            units::bytes(group.gossip.0),
            units::bytes(float(group.gossip.1)),
            units::Unit::Things.show(group.lookups.0),
            units::count(group.lookups.1),
            group.hostile.map_or_else(|| "no".to_owned(), |how| format!("each {how}")),
        ]
    });
    page.table(
        "What a node paid for being told",
        ["Group", "Gossip heard, mean", "Most", "DHT lookups, mean", "Most", "Lies"],
        rows,
    );
}

fn lines(page: &mut Markup, groups: &[GroupLine]) {
    let rows = groups.iter().flat_map(|group| {
        [("up", group.rates.0, group.used.0), ("down", group.rates.1, group.used.1)].map(
            |(way, rate, used)| Bar {
                label: format!("{}, {way}", group.name),
                part: used,
                text: format!("{} of {}", units::part(used), units::rate(rate)),
            },
        )
    });
    let rows: Vec<_> = rows.collect();
    let says = "What the lines of each group carried while releases spread, as a part of what they could have carried.";
    bars(page, Caption { id: "lines", title: "Use of lines by group", says }, &rows);
}

fn costs(page: &mut Markup, groups: &[GroupLine]) {
    let most = groups.iter().map(|group| group.gossip.1).max().unwrap_or(0);
    let rows = groups.iter().flat_map(|group| {
        let (mean, most_of_group) = group.gossip;
        [("mean", mean), ("most", float(most_of_group))].map(|(what, bytes)| Bar {
            label: format!("{}, {what}", group.name),
            part: if most == 0 { 0.0 } else { bytes / float(most) },
            text: units::bytes(bytes),
        })
    });
    let rows: Vec<_> = rows.collect();
    let says = "Gossip that a node of each group heard: the mean, and the most of any.";
    bars(page, Caption { id: "gossip", title: "Gossip a node, by group", says }, &rows);
}

pub(in crate::report) fn votes(page: &mut Markup, outcome: &Outcome) {
    if outcome.votes.is_empty() {
        return;
    }
    page.line("h2", &[], "Votes");
    for (n, vote) in outcome.votes.iter().enumerate() {
        page.line("h3", &[], &format!("Proposal p-{}", vote.number));
        page.line("p", &[], &told(vote));
        let all = vote.states.values().fold(0_u64, |sum, nodes| sum.saturating_add(*nodes));
        let rows = vote.states.iter().map(|(state, nodes)| Bar {
            label: state.clone(),
            part: units::part_of(*nodes, all),
            text: format!("{} of {} nodes", units::count(*nodes), units::count(all)),
        });
        let rows: Vec<_> = rows.collect();
        let says = "How many honest nodes saw the vote in which state at the end.";
        let title = format!("How nodes saw proposal p-{}", vote.number);
        bars(page, Caption { id: &format!("vote-{n}"), title: &title, says }, &rows);
        let rows = vote.states.iter().map(|(state, nodes)| [state.clone(), units::count(*nodes)]);
        page.table("At the end", ["State", "Nodes"], rows);
    }
}

/// A vote in a sentence.
pub(in crate::report) fn told(vote: &VoteLine) -> String {
    let known = vote.known.map_or_else(
        || "It was not decided, or not every node came to know it.".to_owned(),
        |known| {
            format!(
                "Every node knew the decision {} after the first ballot.",
                units::seconds(known)
            )
        },
    );
    format!("Proposed at {}. {known}", units::seconds(vote.proposed))
}
