//! `updraft-sim show`: what a scenario teaches and what will happen, in words.

use serde_json::json;
use updraft_node::{cli::words::clean, problem::Problem};

use super::{
    Exit,
    output::{Format, Output},
    source::{self, Source},
};
use crate::{
    report::rate,
    scenario::{Group, KEYS, Role, Scenario, Span, Step},
};

/// Characters of a line of text.
const WIDTH: usize = 96;

/// Tell what a scenario teaches, who takes part, and what will happen
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  updraft-sim show upgrade-vote
  updraft-sim show mine.toml --json
  updraft-sim show --keys > mine.toml     every key with its default, as a scenario that can run")]
pub(super) struct Args {
    /// A name of `updraft-sim list`, or a file
    #[arg(required_unless_present = "keys", conflicts_with = "keys", value_name = "NAME|FILE")]
    scenario: Option<String>,
    /// Print every key there is, with its default and what it means
    #[arg(long)]
    keys: bool,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Exit, Problem> {
    let Some(what) = &args.scenario else {
        if output.format() == Format::Json {
            output.document("keys", &json!({ "toml": KEYS }))?;
        } else {
            output.raw(KEYS);
        }
        return Ok(Exit::Good);
    };
    let source = source::load(what, &source::Instead::default())?;
    if output.format() == Format::Json {
        output.document("show", &document(&source))?;
    } else {
        told(&source, what).iter().for_each(|line| output.line(&clean(line)));
    }
    Ok(Exit::Good)
}

/// The steps in the order in which they may happen.
fn in_order(scenario: &Scenario) -> Vec<&Step> {
    let mut steps: Vec<_> = scenario.story.iter().collect();
    steps.sort_by_key(|step| (step.at.from, step.at.to));
    steps
}

fn document(source: &Source) -> serde_json::Value {
    let scenario = &source.scenario;
    let groups = scenario.groups.iter().map(|group| {
        json!({
            "name": group.name, "nodes": group.count, "electors": group.electors,
            "witnesses": group.witnesses, "hostile": group.hostile, "words": of_group(group, scenario),
        })
    });
    let releases = scenario
        .releases
        .iter()
        .map(|release| json!({ "version": release.version, "size": release.size.0 }));
    let story = in_order(scenario)
        .into_iter()
        .map(|step| json!({ "at": step.at, "do": step.act.word(), "words": step.act.to_string() }));
    let expected = scenario
        .expectations
        .iter()
        .map(|expected| json!({ "that": expected.word(), "words": expected.to_string() }));
    json!({
        "name": source.name, "kind": scenario.kind, "nodes": scenario.nodes(), "seed": scenario.seed,
        "until": scenario.until, "title": scenario.title, "teaches": scenario.teaches,
        "groups": groups.collect::<Vec<_>>(), "releases": releases.collect::<Vec<_>>(),
        "story": story.collect::<Vec<_>>(), "expectations": expected.collect::<Vec<_>>(),
    })
}

/// `what` is the name or file that was asked for.
fn told(source: &Source, what: &str) -> Vec<String> {
    let scenario = &source.scenario;
    let mut lines = vec![scenario.title.clone(), String::new()];
    lines.extend(wrapped(&scenario.teaches, ""));
    let mut part = |heading: &str, items: Vec<String>| {
        if !items.is_empty() {
            lines.push(String::new());
            lines.push(heading.to_owned());
            lines.extend(items.iter().flat_map(|item| wrapped(item, "  ")));
        }
    };
    let groups = scenario.groups.iter().map(|group| of_group(group, scenario)).collect();
    part(&format!("{} nodes take part, in a {}:", scenario.nodes(), scenario.kind), groups);
    let releases = scenario.releases.iter().map(|release| {
        let patches = release.patches.iter();
        let patches = patches.map(|(from, size)| format!(", {size} as a patch from {from}"));
        format!("{} of {}{}", release.version, release.size, patches.collect::<String>())
    });
    part("Releases:", releases.collect());
    let story = in_order(scenario).into_iter();
    part("What happens:", story.map(|step| format!("{}: {}", step.at, step.act)).collect());
    part("What is expected:", scenario.expectations.iter().map(ToString::to_string).collect());
    lines.push(String::new());
    lines.push(format!(
        "It ends after {} at the latest; its seed is {}. Run it: updraft-sim run {}",
        scenario.until, scenario.seed, what
    ));
    lines
}

/// A group in a sentence.
fn of_group(group: &Group, scenario: &Scenario) -> String {
    let links = group.links(&scenario.links);
    let role = match group.role {
        Role::Full => "",
        Role::Seed => " (seed: keeps and gives, installs nothing)",
        Role::Client => " (client: installs, gives nothing)",
    };
    let mut text = format!(
        "{} × {}{role}; {} up, {} down, {} one way",
        group.count,
        group.name,
        rate(links.up.0),
        rate(links.down.0),
        links.latency
    );
    if let Some(version) = &group.runs {
        text.push_str(&format!("; runs {version}"));
    }
    if group.electors > 0 {
        text.push_str(&format!("; {} of them vote", group.electors));
    }
    if group.witnesses > 0 {
        text.push_str(&format!("; {} of them are witnesses", group.witnesses));
    }
    if group.waits {
        text.push_str("; not there at the beginning");
    } else if group.starts != Span::default() {
        text.push_str(&format!("; starts at {}", group.starts));
    }
    if let Some(disk) = group.disk {
        text.push_str(&format!("; {disk} of disk"));
    }
    if let Some(hostile) = group.hostile {
        text.push_str(&format!("; HOSTILE: each {hostile}"));
    }
    text
}

/// Text in lines, those after the first further in.
fn wrapped(text: &str, indent: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            last => {
                let indent =
                    if last.is_some() { format!("{indent}{indent}") } else { indent.to_owned() };
                lines.push(format!("{indent}{word}"));
            }
        }
    }
    lines
}
