//! A network whose keys change: commands at the desk of its founder, written as one would type them.

use super::{Said, network::Network, node::Kind};

/// A network with three root keys of which two sign, and one key that publishes, none with a password.
pub(crate) fn founded() -> Network {
    Network::found_with(&["--no-password", "--root-keys", "2/3"], &Kind::seed())
}

/// Runs a line of words at the publisher's project.
#[track_caller]
pub(crate) fn at(network: &Network, line: &str) -> Said {
    network.at_project(&line.split(' ').collect::<Vec<_>>())
}

/// Runs several lines, each of which has to work.
#[track_caller]
pub(crate) fn all(network: &Network, lines: &[&str]) {
    for line in lines {
        let said = at(network, line);
        assert_eq!(said.code, Some(0), "{line}: {}", said.err);
    }
}

/// Puts the next root into force: these edits, signed by two of the three.
#[track_caller]
pub(crate) fn next_root(network: &Network, edits: &[&str]) {
    all(network, &["root begin -m next"]);
    all(network, edits);
    all(network, &["root sign -k root-1 -k root-2 --yes", "root apply --yes"]);
}
