//! A whole network: a publisher with its keys, and nodes that joined with a ticket.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use updraft_node::keys::{KeyFolder, KeyReference};
use updraft_protocol::SecretKey;

use super::{
    Said, arg, dir,
    node::{Kind, Node},
    release::{self, COMPONENT},
    updraft,
};

/// A network with one key, its publisher running.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) publisher: Node,
    // Dropped last: the nodes' folders lie in it.
    place: TempDir,
}

impl Network {
    /// Founds a network for trying things out and starts its publisher.
    #[track_caller]
    pub(crate) fn found() -> Self {
        Self::found_with(&["--dev"], &Kind::seed())
    }

    /// Founds a network with these arguments of `init`, and a publisher of this kind.
    #[track_caller]
    pub(crate) fn found_with(init: &[&str], kind: &Kind) -> Self {
        let place = dir::folder();
        let mut publisher = Node::prepare(place.path(), "publisher", kind);
        let project = place.path().join("project");
        let mut args = vec!["init", arg(&project), "--network", "testnet"];
        args.extend(init);
        publisher.say(&args).good();
        publisher.start();
        Self { publisher, place }
    }

    /// Where everything lies.
    pub(crate) fn place(&self) -> &Path {
        self.place.path()
    }

    /// The folder with the network's root and keys.
    pub(crate) fn project(&self) -> PathBuf {
        self.place().join("project")
    }

    /// The one key of a network for trying things out, as an argument.
    fn key(&self) -> String {
        format!("file:{}", self.project().join("keys/dev.key").display())
    }

    /// Lets a node join with the publisher's ticket and starts it.
    #[track_caller]
    pub(crate) fn join(&self, name: &str, kind: &Kind) -> Node {
        self.join_through(&self.publisher, name, kind)
    }

    /// Lets a node join with the ticket of another and starts it.
    #[track_caller]
    pub(crate) fn join_through(&self, other: &Node, name: &str, kind: &Kind) -> Node {
        let mut node = Node::prepare(self.place(), name, kind);
        node.say(&["--yes", "join", &other.ticket()]).good();
        node.start();
        node
    }

    /// Lets a node join with the publisher's ticket and starts it where it knows nobody.
    #[track_caller]
    pub(crate) fn join_alone(&self, name: &str, kind: &Kind) -> Node {
        let mut node = Node::prepare(self.place(), name, kind);
        node.say(&["--yes", "join", &self.publisher.ticket()]).good();
        node.forget_everybody();
        node.start();
        node
    }

    /// Makes a release of the usual size.
    pub(crate) fn release(&self, version: &str) -> PathBuf {
        release::make(self.place(), version, release::USUAL)
    }

    /// Publishes `path` with the network's key.
    #[track_caller]
    pub(crate) fn publish(&self, path: &Path, version: &str) -> Said {
        self.publish_with(path, version, &[])
    }

    /// Publishes with more arguments.
    #[track_caller]
    pub(crate) fn publish_with(&self, path: &Path, version: &str, more: &[&str]) -> Said {
        let key = self.key();
        let mut args = vec![
            "--yes",
            "--json",
            "publish",
            arg(path),
            "--component",
            COMPONENT,
            "--as",
            version,
            "--key",
            &key,
        ];
        args.extend(more);
        self.publisher.say(&args)
    }

    /// Builds and signs a release without announcing it.
    #[track_caller]
    pub(crate) fn bundle(&self, version: &str) -> PathBuf {
        let release = self.release(version);
        let bundle = self.place().join(format!("{version}.bundle"));
        self.publish_with(&release, version, &["--out", arg(&bundle)]).good();
        bundle
    }

    /// The one key of a network for trying things out, to sign with what no command would.
    pub(crate) fn secret_key(&self) -> SecretKey {
        self.stolen_key("dev")
    }

    /// A key of the project that has no password.
    pub(crate) fn stolen_key(&self, name: &str) -> SecretKey {
        let folder = KeyFolder::new(self.project().join("keys"));
        let reference: KeyReference = name.parse().expect("a name");
        folder.load(&reference).expect("made by init").unlock(None).expect("it has no password")
    }

    /// A command in the project's folder, where its keys and root are found without being named.
    pub(crate) fn at_project(&self, args: &[&str]) -> Said {
        let mut command = updraft(self.place());
        command.current_dir(self.project());
        command.args(["-c", arg(&self.publisher.data.join("updraft.toml"))]);
        command.args(["-d", arg(&self.publisher.data)]).args(args);
        super::run(&mut command)
    }
}
