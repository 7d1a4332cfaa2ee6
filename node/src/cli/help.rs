//! How the top level's help looks: commands under headings, which clap has none of for subcommands.

use std::fmt::Write;

use clap::{
    CommandFactory,
    builder::{StyledStr, styling},
};

use super::Cli;

/// Colours of help and usage.
pub(super) const STYLES: styling::Styles = styling::Styles::styled()
    .header(styling::AnsiColor::Green.on_default().bold())
    .usage(styling::AnsiColor::Green.on_default().bold())
    .literal(styling::AnsiColor::Cyan.on_default().bold())
    .placeholder(styling::AnsiColor::Cyan.on_default());

/// What a newcomer needs, below the options.
pub(super) const START_HERE: &str = "Start here:
  updraft devnet --demo          a whole network on this machine, and a release that travels
  updraft join <TICKET>          join an update network
  updraft run                    start a node
  updraft status                 what this node runs and what it waits for

More about a command: updraft help <COMMAND>";

/// The commands in the order and under the headings they are shown. Those this build does not have are left
/// out; a test finds those that are missing here.
pub(super) const HEADINGS: [(&str, &[&str]); 6] = [
    (
        "Everyday",
        &[
            "run", "join", "status", "check", "list", "show", "install", "rollback", "history",
            "peers", "get", "verify",
        ],
    ),
    ("Publish", &["init", "publish", "sign", "yank", "ticket", "delta"]),
    ("Trust", &["key", "root", "trust", "brake", "lift", "brakes", "attest", "say"]),
    ("Govern", &["propose", "vote", "votes", "tally"]),
    ("Try out", &["devnet", "sim"]),
    ("This program", &["config", "paths", "completions", "version", "help"]),
];

/// The tree of commands with its help.
pub(super) fn command() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    let template = template(&command);
    Cli::command().help_template(template)
}

fn template(command: &clap::Command) -> StyledStr {
    let (header, literal) = (STYLES.get_header(), STYLES.get_literal());
    let mut text = "{about-with-newline}\n{usage-heading} {usage}\n".to_owned();
    let shown = |name: &&&str| command.find_subcommand(name).is_some();
    let width = HEADINGS.iter().flat_map(|(_, names)| names.iter()).map(|name| name.len()).max();
    for (heading, names) in HEADINGS {
        let names: Vec<_> = names.iter().filter(shown).collect();
        if names.is_empty() {
            continue;
        }
        text.push_str(&format!("\n{header}{heading}:{header:#}\n"));
        for name in names {
            let about = command.find_subcommand(name).and_then(clap::Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let width = width.unwrap_or(0);
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {literal}{name:width$}{literal:#}  {about}");
        }
    }
    text.push_str(&format!("\n{header}Global options:{header:#}\n{{options}}{{after-help}}"));
    text.into()
}
