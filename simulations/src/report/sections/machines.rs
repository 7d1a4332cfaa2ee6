//! Single nodes: the story of the chosen one, and a line for each.

use crate::{
    outcome::Outcome,
    report::{markup::Markup, pictures::moments, svg::Caption, units},
};

/// Lines of a timeline that are seen before it is unfolded.
const UNFOLDED: usize = 40;

pub(in crate::report) fn timeline(page: &mut Markup, outcome: &Outcome) {
    let timeline = &outcome.timeline;
    if timeline.lines.is_empty() {
        return;
    }
    page.line("h2", &[], &format!("What happened at {}", timeline.node));
    let times: Vec<_> = timeline.lines.iter().map(|(time, _)| *time).collect();
    let says =
        "When something happened at this node, by the run's own clock; each line is told below.";
    let title = format!("Moments at {}", timeline.node);
    moments(page, Caption { id: "moments", title: &title, says }, outcome.seconds, &times);
    let table = |page: &mut Markup| {
        page.element("div", &[("class", "words")], |page| {
            let rows =
                timeline.lines.iter().map(|(time, what)| [units::exact(*time), what.clone()]);
            page.table("By the run's own clock", ["Second", "What"], rows);
        });
    };
    if timeline.lines.len() <= UNFOLDED {
        return table(page);
    }
    page.element("details", &[], |details| {
        let all = timeline.lines.len();
        details.line("summary", &[], &format!("All {all} moments"));
        table(details);
    });
}

pub(in crate::report) fn nodes(page: &mut Markup, outcome: &Outcome) {
    if outcome.machines.is_empty() {
        return;
    }
    page.line("h2", &[], "Nodes");
    let bytes = |bytes: u64| units::bytes(units::float(bytes));
    let pair = |(first, second): (u64, u64)| format!("{} / {}", bytes(first), bytes(second));
    page.element("details", &[], |details| {
        let (shown, all) = (outcome.machines.len(), units::count(outcome.nodes));
        details.line("summary", &[], &format!("{shown} of {all} nodes, a line each"));
        let rows = outcome.machines.iter().map(|machine| {
            [
                machine.name.clone(),
                machine.runs.clone().unwrap_or_else(|| "nothing".to_owned()),
                machine.since.map_or_else(|| units::NONE.to_owned(), units::seconds),
                pair(machine.carried),
                pair(machine.chunks),
                bytes(machine.duplicates),
                pair(machine.gossip),
                units::count(machine.lookups),
            ]
        });
        details.table(
            "At the end of the run",
            [
                "Node",
                "Runs",
                "Since",
                "Line, up / down",
                "Chunks, got / given",
                "Came twice",
                "Gossip, heard / said",
                "Lookups",
            ],
            rows,
        );
    });
}
