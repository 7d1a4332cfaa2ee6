//! The folders of a development network, and what stands in each node's configuration.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::process::config_file;
use crate::problem::{Code, Problem};

/// Where everything lies; a temporary folder goes when this is dropped.
#[derive(Debug)]
pub(super) struct Desk {
    folder: PathBuf,
    temporary: Option<TempDir>,
}

/// What a node is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Publishes and seeds.
    Publisher,
    /// Installs.
    Full,
    /// Installs, and votes with a key of its own.
    Elector,
}

/// What the publisher gives at most each second, all nodes together: slow enough that nodes which pass on what
/// they have are of use, as they are behind a real line.
const PUBLISHER_RATE: &str = "6MiB/s";

impl Desk {
    /// A desk in `keep`, which must be empty or new, or in a temporary folder.
    pub(super) fn lay(keep: Option<&Path>) -> Result<Self, Problem> {
        let failed = |folder: &Path, error: io::Error| {
            Problem::new(Code::FileUnusable, format!("cannot make {}", folder.display()))
                .cause(error.to_string())
        };
        let Some(keep) = keep else {
            let folder = tempfile::Builder::new().prefix("updraft-devnet-").tempdir();
            let folder = folder.map_err(|error| failed(&std::env::temp_dir(), error))?;
            return Ok(Self { folder: folder.path().to_owned(), temporary: Some(folder) });
        };
        fs::create_dir_all(keep).map_err(|error| failed(keep, error))?;
        let folder = fs::canonicalize(keep).map_err(|error| failed(keep, error))?;
        let is_empty = fs::read_dir(&folder).map_err(|error| failed(keep, error))?.next().is_none();
        if !is_empty {
            return Err(Problem::new(
                Code::RequestInvalid,
                format!("{} is not empty", folder.display()),
            )
            .hint(
                "name a new directory: a development network never writes into another's files",
            ));
        }
        Ok(Self { folder, temporary: None })
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether the folder stays.
    pub(super) fn is_kept(&self) -> bool {
        self.temporary.is_none()
    }

    /// The network's keys and root.
    pub(super) fn network(&self) -> PathBuf {
        self.folder.join("network")
    }

    /// A release that is made here.
    pub(super) fn release(&self, version: &str) -> PathBuf {
        self.folder.join("releases").join(version)
    }

    /// A node's data directory.
    pub(super) fn node(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The file of the key that a node votes with.
    fn elector_key(&self, name: &str) -> PathBuf {
        self.network().join("keys").join(format!("{name}.key"))
    }

    /// Makes a node's data directory with its configuration.
    pub(super) fn prepare(
        &self,
        name: &str,
        part: Part,
        component: &str,
    ) -> Result<PathBuf, Problem> {
        let data = self.node(name);
        let written = fs::create_dir_all(&data).and_then(|()| {
            let key = self.elector_key(name);
            fs::write(config_file(&data), configuration(name, part, component, &key))
        });
        written.map_err(|error| {
            Problem::new(Code::FileUnusable, format!("cannot prepare {}", data.display()))
                .cause(error.to_string())
        })?;
        Ok(data)
    }
}

fn configuration(name: &str, part: Part, component: &str, key: &Path) -> String {
    let installs = format!("[components.\"{component}\"]\nchannel = \"stable\"\n");
    let (role, upload, more) = match part {
        Part::Publisher => ("seed", PUBLISHER_RATE, String::new()),
        Part::Full => ("full", "unlimited", installs),
        Part::Elector => {
            // A literal string of TOML: nothing in a path but its own quote has to be escaped.
            let key = key.display();
            let votes = format!("[governance]\nvoter = true\nvoter_key = '{key}'\n\n{installs}");
            ("full", "unlimited", votes)
        }
    };
    format!(
        r#"# A node of a development network: everything on loopback, ports chosen by the system.
[node]
name = "{name}"
role = "{role}"

[p2p]
listen = ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"]
mdns = false
dht = "server"

[transfer]
upload_limit = "{upload}"

[store]
min_free_disk = "64MiB"

[auto_update]
feature_updates = true
check_interval = "1m"

[http]
listen = "127.0.0.1:0"

[log]
format = "plain"

{more}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_desk_is_never_laid_over_files() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("mine"), "x").expect("written");
        assert!(Desk::lay(Some(folder.path())).is_err());
        assert!(Desk::lay(Some(&folder.path().join("new"))).is_ok());
    }

    #[test]
    fn the_configurations_are_valid() {
        for part in [Part::Publisher, Part::Full, Part::Elector] {
            let folder = tempfile::tempdir().expect("a folder");
            let file = folder.path().join("updraft.toml");
            let key = folder.path().join("node-1.key");
            let text = configuration("node-1", part, "my-tool.bin", &key);
            fs::write(&file, text).expect("written");
            let dirs = crate::dirs::Dirs::alone(folder.path());
            let mut sources = crate::config::Sources::builtin(dirs, "host");
            sources.files = vec![file];
            crate::config::load(&sources).expect("valid");
        }
    }
}
