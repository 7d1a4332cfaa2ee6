//! What to type to hold a vote on a development network: whole commands, as they work in any shell. Pure.

use std::path::Path;

/// Where the commands run and what they name.
pub(super) struct Scene<'a> {
    /// The folder with the network's keys.
    pub(super) network: &'a Path,
    /// The publisher's data directory.
    pub(super) publisher: &'a Path,
    /// The first node's data directory, and its name, which is that of its key.
    pub(super) node: (&'a Path, &'a str),
    /// The component of which releases are on offer already, if there are any.
    pub(super) published: Option<&'a str>,
}

/// The component of the example, where none is on offer.
const EXAMPLE: &str = "demo-app";

/// Lines for a person: words, and commands indented by two.
pub(super) fn how_to_vote(scene: &Scene<'_>) -> Vec<String> {
    let (node, key) = (quoted(scene.node.0), scene.node.1);
    let component = scene.published.unwrap_or(EXAMPLE);
    let mut lines = vec!["Every node votes. To open a vote:".to_owned()];
    let mut command = |text: String| lines.push(format!("  {text}"));
    command(format!("cd {}", quoted(scene.network)));
    if scene.published.is_none() {
        // What a vote names has to be on offer, and electors run its program before they are ready.
        command("printf '#!/bin/sh\\necho fine\\n' > demo-app && chmod +x demo-app".to_owned());
        let publisher = quoted(scene.publisher);
        command(format!(
            "updraft -d {publisher} publish demo-app --component {EXAMPLE} --as 1.0.0 -k dev --yes"
        ));
    }
    command(format!(
        "updraft -d {node} propose 2 --line {component} --voting 5m --lead 5s --grace 10m -k {key} --yes"
    ));
    command(format!("updraft -d {node} vote p-1 yes --yes"));
    lines.push("and the last one for the other nodes, each with its own `-d`.".to_owned());
    lines
}

/// A path as a word of a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_offer_is_not_published_again() {
        let scene = |published| Scene {
            network: Path::new("/tmp/a/network"),
            publisher: Path::new("/tmp/a/publisher"),
            node: (Path::new("/tmp/a/node-1"), "node-1"),
            published,
        };
        let told = how_to_vote(&scene(Some("my-tool"))).join("\n");
        assert!(
            told.contains("-d /tmp/a/node-1 propose 2 --line my-tool ")
                && !told.contains("publish ")
        );
        assert!(how_to_vote(&scene(None)).join("\n").contains("-d /tmp/a/publisher publish "));
    }

    #[test]
    fn any_path_is_one_word() {
        assert_eq!(quoted(Path::new("/tmp/updraft-devnet-X1")), "/tmp/updraft-devnet-X1");
        assert_eq!(quoted(Path::new("/it's here")), r"'/it'\''s here'");
    }
}
