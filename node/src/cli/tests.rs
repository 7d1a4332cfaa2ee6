//! The tree of commands: sound, complete, and as scripts know it.

use std::collections::BTreeSet;

use clap::{Args, FromArgMatches, Parser, Subcommand};

use super::*;

/// Every command of which only the arguments are here, so that their rules are checked with the rest.
#[derive(Debug, Parser)]
struct Every {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: EveryCommand,
}

#[derive(Debug, Subcommand)]
enum EveryCommand {
    Init(init::Args),
    Join(join::Args),
    #[command(subcommand)]
    Ticket(ticket::Command),
    Run(run::Args),
    Status(status::Args),
    Check(check::Args),
    List(list::Args),
    Show(show::Args),
    Install(install::Args),
    Rollback(rollback::Args),
    History(history::Args),
    Peers(peers::Args),
    Get(get::Args),
    Verify(verify::Args),
    Publish(Box<publish::Args>),
    Sign(sign::Args),
    #[command(subcommand)]
    Key(key::Command),
    Devnet(devnet::Args),
    Propose(propose::Args),
    Vote(vote::Args),
    Votes(votes::Args),
    Tally(tally::Args),
    #[command(subcommand)]
    Delta(delta::Command),
}

fn every(line: &str) -> Result<EveryCommand, clap::Error> {
    Every::try_parse_from(line.split(' ')).map(|every| every.command)
}

#[test]
fn the_tree_of_commands_is_sound() {
    help::command().debug_assert();
    <Every as clap::CommandFactory>::command().debug_assert();
}

#[test]
fn every_command_stands_under_one_heading_of_the_help() {
    let mut command = help::command();
    command.build();
    let mut headed: Vec<_> = help::HEADINGS.iter().flat_map(|(_, names)| names.iter()).collect();
    let all = headed.len();
    headed.sort();
    headed.dedup();
    assert_eq!(headed.len(), all, "a command stands under two headings");
    let there: BTreeSet<_> = command.get_subcommands().map(clap::Command::get_name).collect();
    for name in &there {
        assert!(headed.contains(&name), "{name} stands under no heading");
    }
}

#[test]
fn help_says_what_a_newcomer_needs_on_one_screen() {
    let help = help::command().render_help().to_string();
    let lines: Vec<_> = help.lines().collect();
    assert!(lines.len() <= 76, "{help}");
    for part in [
        "This program:",
        "  config       ",
        "Usage: updraft",
        "Global options:",
        "--data-dir <DIR>",
        "Start here:",
    ] {
        assert!(help.contains(part), "{part}\n{help}");
    }
    assert!(lines.iter().all(|line| line.chars().count() <= 100), "{help}");
    assert!(!help.contains("{options}"), "{help}");
}

#[test]
fn every_option_has_a_sentence_of_help() {
    fn look(command: &clap::Command) {
        for argument in command.get_arguments() {
            assert!(
                argument.get_help().is_some(),
                "{}: {} has no help",
                command.get_name(),
                argument.get_id()
            );
        }
        command.get_subcommands().for_each(look);
    }
    look(&help::command());
    look(&<Every as clap::CommandFactory>::command());
}

#[test]
fn global_options_work_on_both_sides_of_the_command() {
    for line in ["updraft -d /x --json version", "updraft version -d /x --json"] {
        let matches = help::command().try_get_matches_from(line.split(' ')).expect(line);
        let cli = Cli::from_arg_matches(&matches).expect(line);
        assert!(cli.global.json && cli.global.data_dir.as_deref() == Some("/x".as_ref()), "{line}");
    }
}

#[test]
fn arguments_are_checked_before_anything_is_done() {
    for good in [
        "updraft install demo-app 2.5.0 --no-delta -f",
        "updraft publish dist --as 1.0.0 -k ci --kind security",
        "updraft publish --bundle x.bundle",
        "updraft devnet --demo --exit-when-done --timeout 60s",
        "updraft history demo-app -n 5 --since 3d",
        "updraft peers",
        "updraft peers ban 9f3aQx2 --for 1h",
        "updraft init --dev",
        "updraft init net --root-keys 3/5 --network demo",
        "updraft rollback demo-app --to 1.0.0 --reason slow",
        "updraft propose 2 -k ann --voting 14d --threshold 3/4 --notes -",
        "updraft vote p-3 yes --reason tried",
        "updraft vote b3:0a1b2c3d cancel -k file:/x/ann.key",
        "updraft votes --all",
        "updraft votes p-3",
        "updraft tally p-3 --ballots -o votes.json",
        "updraft delta create old new patch --codec dense --level 22 --stats -f",
        "updraft delta apply old patch new --stats --force",
        "updraft delta inspect patch",
    ] {
        every(good).unwrap_or_else(|error| panic!("{good}: {error}"));
    }
    for bad in [
        "updraft install Demo",
        "updraft install demo-app 2",
        "updraft install a 1.0.0 --channel beta",
        "updraft publish dist",
        "updraft publish",
        "updraft publish dist --as 1.0.0 --bundle x",
        "updraft devnet --old a",
        "updraft devnet --timeout 60",
        "updraft devnet -n 0",
        "updraft init --root-keys 4/3",
        "updraft init --dev --root-keys 2/3",
        "updraft sign x",
        "updraft run --ephemeral -d /x",
        "updraft status -q -v",
        "updraft verify a@1.0.0",
        "updraft status --token secret",
        "updraft propose 2",
        "updraft propose 2 -k ann --threshold 3/2",
        "updraft propose 2 -k ann --voting 14",
        "updraft vote p-3",
        "updraft vote p-3 ready",
        "updraft vote 3 yes",
        "updraft votes p-3 --all",
        "updraft tally p-3 --file a --out b",
        "updraft delta",
        "updraft delta create old new",
        "updraft delta create old new patch --codec best",
        "updraft delta create old new patch --level 0",
        "updraft delta apply old patch",
        "updraft delta apply old patch new --codec fast",
        "updraft delta inspect",
    ] {
        let error = every(bad).expect_err(bad);
        assert_eq!(error.exit_code(), 2, "{bad}");
    }
}

#[test]
fn flags_of_run_become_the_strongest_layer_of_the_configuration() {
    let matches =
        run::Args::augment_args(clap::Command::new("run").arg(clap::arg!(--data_dir <DIR>)))
            .get_matches_from([
                "run",
                "--listen",
                "/ip4/127.0.0.1/tcp/0,/ip4/127.0.0.1/udp/0/quic-v1",
                "--http",
                "off",
                "--seed-only",
            ]);
    let flags = run::Args::from_arg_matches(&matches).expect("arguments").overrides();
    let set: Vec<_> = flags.iter().map(|flag| (flag.key, flag.value.as_str())).collect();
    assert_eq!(
        set,
        [
            ("p2p.listen", "/ip4/127.0.0.1/tcp/0,/ip4/127.0.0.1/udp/0/quic-v1"),
            ("http.listen", "off"),
            ("node.role", "seed"),
        ]
    );
}
