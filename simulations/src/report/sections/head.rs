//! What ran, how it ended, and whether it was good.

use crate::{
    outcome::{Ended, Outcome},
    report::{markup::Markup, units},
};

/// How a run ended, in words.
pub(in crate::report) fn ending(ended: Ended) -> &'static str {
    match ended {
        Ended::Done => "everything had happened",
        Ended::TimeUp => "its time was up",
        Ended::Broken => "a promise was broken",
        Ended::Stopped => "somebody stopped it; the numbers are of what had happened until then",
    }
}

/// Whether a run was good, in words, and what is to be seen before anything else.
pub(in crate::report) fn verdict(outcome: &Outcome) -> String {
    let missed = outcome.judged.iter().filter(|judged| !judged.met).count();
    match (outcome.broken.len(), missed, outcome.ended) {
        (0, 0, Ended::Stopped) => {
            "… not finished: what has happened until then was good".to_owned()
        }
        (0, 0, _) => "✓ everything came as expected and no promise was broken".to_owned(),
        (0, missed, _) => format!("✗ {} did not come", things(missed, "expectation")),
        (broken, 0, _) => format!("✗ {} broken", were(broken)),
        (broken, missed, _) => {
            format!("✗ {} broken, and {} did not come", were(broken), things(missed, "expectation"))
        }
    }
}

fn were(broken: usize) -> String {
    format!("{} {}", things(broken, "promise"), if broken == 1 { "was" } else { "were" })
}

fn things(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

pub(in crate::report) fn head(page: &mut Markup, outcome: &Outcome, digest: &str) {
    page.line("h1", &[], &outcome.title);
    page.element("p", &[("class", "faint")], |p| {
        p.text("Scenario ");
        p.line("code", &[], &outcome.scenario);
        p.text(&format!(", run as a {}.", outcome.kind));
    });
    let class = if outcome.is_good() { "verdict good" } else { "verdict bad" };
    page.line("p", &[("class", class)], &verdict(outcome));
    page.line(
        "p",
        &[],
        &format!("It ended after {}: {}.", units::seconds(outcome.seconds), ending(outcome.ended)),
    );
    let facts = [
        ("Nodes", units::count(outcome.nodes)),
        ("Its own time", units::seconds(outcome.seconds)),
        ("Events", units::count(outcome.events)),
        ("Seed", outcome.seed.to_string()),
    ];
    page.element("dl", &[], |list| {
        for (name, value) in facts {
            list.element("div", &[], |fact| {
                fact.line("dt", &[], name);
                fact.line("dd", &[], &value);
            });
        }
    });
    page.element("p", &[("class", "faint")], |p| {
        if let Some(hash) = &outcome.hash {
            p.text("Events: ");
            p.line("code", &[], hash);
            p.text(". The same scenario and seed give the same. ");
        }
        p.text("Report: ");
        p.line("code", &[], digest);
        p.text(".");
    });
    page.own("\n");
}

pub(in crate::report) fn broken(page: &mut Markup, outcome: &Outcome) {
    if outcome.broken.is_empty() {
        return;
    }
    page.line("h2", &[], "Broken promises");
    page.element("div", &[("class", "words")], |page| {
        let rows = outcome.broken.iter().map(|broken| {
            [
                units::exact(broken.at),
                units::count(broken.event),
                broken.node.clone(),
                broken.promise.clone(),
                broken.detail.clone(),
            ]
        });
        page.table(
            "The first one first",
            ["Second", "Event", "Node", "Promise", "What was seen"],
            rows,
        );
    });
}

pub(in crate::report) fn judged(page: &mut Markup, outcome: &Outcome) {
    if outcome.judged.is_empty() && outcome.counted.is_empty() {
        return;
    }
    page.line("h2", &[], "What was expected");
    page.element("div", &[("class", "words")], |page| {
        let rows = outcome.judged.iter().map(|judged| {
            let met = if judged.met { "✓ yes" } else { "✗ no" };
            [judged.expected.clone(), met.to_owned(), judged.got.clone()]
        });
        if !outcome.judged.is_empty() {
            page.table("In the order of the scenario", ["Expected", "Came so", "What came"], rows);
        }
        let rows = outcome
            .counted
            .iter()
            .map(|(what, number)| [what.to_string(), units::of(*what).show(*number)]);
        if !outcome.counted.is_empty() {
            page.table("Counted over all nodes", ["What", "How much"], rows);
        }
    });
}
