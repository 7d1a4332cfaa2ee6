//! Where a node keeps its things: the paths of a user, of a service, and of a directory named with `-d`.
//!
//! Pure: the environment is handed in, nothing is created and nothing is looked at.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// Folder of the system's configuration.
const SYSTEM_CONFIG: &str = "/etc/updraft";
/// Where the socket of a node run as a service is.
const SERVICE_SOCKET: &str = "/run/updraft/api.sock";

/// Neither a home nor any other hint says where to keep data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("neither HOME nor {variable} says where to keep data; name a directory with --data-dir")]
pub struct NoHome {
    variable: &'static str,
}

/// The folders of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirs {
    /// Folders a configuration is looked for in; the first that has one counts.
    pub config_candidates: Vec<PathBuf>,
    /// The folder for this user's configuration and publisher keys; the service's under systemd.
    pub config: PathBuf,
    /// The data directory. One node at a time uses it.
    pub data: PathBuf,
    /// What `%t` stands for: the folder that holds `updraft/api.sock`.
    pub runtime_base: PathBuf,
}

impl Dirs {
    /// Finds the folders.
    ///
    /// `variable` looks a variable of the environment up, `data_dir` is the directory named by the caller (`-d`
    /// or its variable), `current` makes it absolute. A named directory also holds the run-time files, so
    /// that each of several nodes on one machine has its own socket.
    ///
    /// # Errors
    /// If no directory is named and the environment has no home.
    pub fn find(
        variable: impl Fn(&str) -> Option<OsString>,
        data_dir: Option<&Path>,
        current: &Path,
    ) -> Result<Self, NoHome> {
        // systemd separates several directories by colons; the first is the unit's own.
        let unit = |name: &str| -> Option<PathBuf> {
            let value = variable(name)?.into_string().ok()?;
            absolute(value.split(':').next().unwrap_or("").into())
        };
        let home = |name: &'static str, below: &str| -> Result<PathBuf, NoHome> {
            let xdg = variable(name).and_then(absolute);
            let home = || variable("HOME").and_then(absolute).map(|home| home.join(below));
            xdg.or_else(home).map(|base| base.join("updraft")).ok_or(NoHome { variable: name })
        };
        let state = unit("STATE_DIRECTORY");
        let is_service = state.is_some() || unit("CONFIGURATION_DIRECTORY").is_some();
        let data = match (data_dir, state) {
            (Some(named), _) => current.join(named),
            (None, Some(state)) => state,
            (None, None) => home("XDG_STATE_HOME", ".local/state")?,
        };
        let (config, config_candidates) = if is_service {
            let folder = unit("CONFIGURATION_DIRECTORY").unwrap_or_else(|| SYSTEM_CONFIG.into());
            (folder.clone(), vec![folder])
        } else {
            // A named data directory is enough to run a node where there is no home.
            let own = home("XDG_CONFIG_HOME", ".config").unwrap_or_else(|_| data.join("config"));
            (own.clone(), vec![own, SYSTEM_CONFIG.into()])
        };
        let runtime_base = if data_dir.is_some() {
            data.join("run")
        } else {
            unit("RUNTIME_DIRECTORY")
                .and_then(|own| own.parent().map(Path::to_owned))
                .or_else(|| variable("XDG_RUNTIME_DIR").and_then(absolute))
                .unwrap_or_else(|| if is_service { "/run".into() } else { data.join("run") })
        };
        Ok(Self { config_candidates, config, data, runtime_base })
    }

    /// The folders of a node that shares nothing with this machine's user: all of them lie in `data`, and
    /// no configuration file is read. For nodes that forget everything, and for tests.
    pub fn alone(data: &Path) -> Self {
        Self {
            config_candidates: Vec::new(),
            config: data.join("config"),
            data: data.to_owned(),
            runtime_base: data.join("run"),
        }
    }

    /// The node's own key, which is not a publisher's.
    pub fn identity_key(&self) -> PathBuf {
        self.data.join("identity.key")
    }

    /// The usual place of the API token.
    pub fn token_file(&self) -> PathBuf {
        self.data.join("api.token")
    }

    /// How often the node has become another program lately.
    pub fn starts_file(&self) -> PathBuf {
        self.data.join("starts")
    }

    /// How fast this machine has been lately.
    pub fn rates_file(&self) -> PathBuf {
        self.data.join("rates")
    }

    /// Where a running node writes its HTTP address.
    pub fn http_address_file(&self) -> PathBuf {
        self.data.join("http.addr")
    }

    /// The socket of a node that runs as a service on this machine, wherever this caller's own would be.
    pub fn service_socket() -> PathBuf {
        SERVICE_SOCKET.into()
    }

    /// The trust roots, one folder for each network.
    pub fn trust(&self) -> PathBuf {
        self.data.join("trust")
    }

    /// Chunks and objects.
    pub fn store(&self) -> PathBuf {
        self.data.join("store")
    }

    /// The metadata's data base.
    pub fn db(&self) -> PathBuf {
        self.data.join("db")
    }

    /// Installed components, one folder for each, unless its `root` says otherwise.
    pub fn components(&self) -> PathBuf {
        self.data.join("components")
    }

    /// The usual place of the audit log.
    pub fn audit_file(&self) -> PathBuf {
        self.data.join("audit.jsonl")
    }

    /// Publisher keys of this user. Nodes have none.
    pub fn keys(&self) -> PathBuf {
        self.config.join("keys")
    }
}

/// A relative path in such a variable is to be ignored (XDG base directories, "Basics").
fn absolute(value: OsString) -> Option<PathBuf> {
    Some(PathBuf::from(value)).filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(environment: &[(&str, &str)], data_dir: Option<&str>) -> Result<Dirs, NoHome> {
        let variable = |name: &str| {
            let found = environment.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        Dirs::find(variable, data_dir.map(Path::new), Path::new("/here"))
    }

    #[test]
    fn a_user_gets_the_folders_of_the_home() {
        let dirs = find(&[("HOME", "/home/ann")], None).expect("a home");
        assert_eq!(dirs.data, Path::new("/home/ann/.local/state/updraft"));
        assert_eq!(dirs.keys(), Path::new("/home/ann/.config/updraft/keys"));
        assert_eq!(
            dirs.config_candidates,
            [Path::new("/home/ann/.config/updraft"), Path::new("/etc/updraft")]
        );
        assert_eq!(dirs.runtime_base, dirs.data.join("run"));
    }

    #[test]
    fn xdg_variables_win_over_the_home_unless_they_are_relative() {
        let dirs = find(
            &[
                ("HOME", "/home/ann"),
                ("XDG_STATE_HOME", "/s"),
                ("XDG_CONFIG_HOME", "relative"),
                ("XDG_RUNTIME_DIR", "/run/user/1"),
            ],
            None,
        )
        .expect("a home");
        assert_eq!(dirs.data, Path::new("/s/updraft"));
        assert_eq!(dirs.config, Path::new("/home/ann/.config/updraft"));
        assert_eq!(dirs.runtime_base, Path::new("/run/user/1"));
    }

    #[test]
    fn a_service_gets_what_systemd_made_for_it() {
        let dirs = find(
            &[
                ("STATE_DIRECTORY", "/var/lib/updraft:/var/lib/other"),
                ("RUNTIME_DIRECTORY", "/run/updraft"),
            ],
            None,
        )
        .expect("a unit");
        assert_eq!(dirs.data, Path::new("/var/lib/updraft"));
        assert_eq!(dirs.config_candidates, [Path::new("/etc/updraft")]);
        assert_eq!(dirs.runtime_base.join("updraft/api.sock"), Dirs::service_socket());
    }

    #[test]
    fn a_named_directory_is_absolute_and_holds_the_socket_of_its_node() {
        let dirs =
            find(&[("HOME", "/home/ann"), ("XDG_RUNTIME_DIR", "/run/user/1")], Some("node-a"))
                .expect("named");
        assert_eq!(dirs.data, Path::new("/here/node-a"));
        assert_eq!(dirs.runtime_base, Path::new("/here/node-a/run"));
    }

    #[test]
    fn without_a_home_a_directory_has_to_be_named() {
        let error = find(&[], None).expect_err("nowhere");
        assert!(error.to_string().contains("XDG_STATE_HOME"), "{error}");
        assert!(find(&[], Some("/data")).is_ok());
    }
    #[test]
    fn a_node_alone_touches_nothing_outside_its_folder() {
        let dirs = Dirs::alone(Path::new("/tmp/n"));
        assert!(dirs.config_candidates.is_empty());
        for path in [dirs.keys(), dirs.token_file(), dirs.store(), dirs.runtime_base.clone()] {
            assert!(path.starts_with("/tmp/n"), "{}", path.display());
        }
    }
}
