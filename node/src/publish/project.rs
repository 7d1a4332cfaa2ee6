//! `updraft.release.toml`: what `updraft publish` in a directory takes when nothing else is said.
//!
//! Found in the current directory or one above it, so that a publisher may stand anywhere in a project. It
//! names no secret and decides nothing that a flag cannot say otherwise.

use std::{
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, de};
use updraft_protocol::{
    ChannelName, ComponentName, Digest, NetworkName, Root, Signed, Target,
    codec::{self, DecodeError, Wire as _},
    limits::MAX_ROOT_STEPS,
};

/// The file's name.
pub const FILE: &str = "updraft.release.toml";
/// The first root's usual name.
pub const ROOT: &str = "root.1";
/// The key folder's usual name.
pub const KEYS: &str = "keys";
/// A handful of lines; anything much larger is something else.
const MAX_FILE: u64 = 64 * 1024;
/// Directories looked at on the way up.
const MAX_CLIMB: usize = 32;

/// Why a release file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It is not what it should be; the reason names line and key.
    #[error("{} is not valid: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The root beside it is damaged.
    #[error("{} is not a trust root", path.display())]
    Root {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: DecodeError,
    },
}

/// What a release file says; everything may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What people call the network; for people only.
    #[serde(deserialize_with = "text")]
    pub network: Option<NetworkName>,
    /// The first root, relative to the file.
    pub root: Option<PathBuf>,
    /// The folder of keys, relative to the file.
    pub keys: Option<PathBuf>,
    /// What is released.
    #[serde(deserialize_with = "text")]
    pub component: Option<ComponentName>,
    /// Where it is offered.
    #[serde(deserialize_with = "text")]
    pub channel: Option<ChannelName>,
    /// For which machines.
    #[serde(deserialize_with = "text")]
    pub target: Option<Target>,
    /// What to publish, relative to the file.
    pub path: Option<PathBuf>,
}

/// A name that is checked as everywhere else.
fn text<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(de::Error::custom)
}

/// A release file and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    folder: PathBuf,
    /// What it says.
    pub settings: Settings,
}

impl Project {
    /// The project that `start` lies in, if any.
    ///
    /// # Errors
    /// [`ProjectError`] if there is a file that cannot be used; it is never passed over for one further up.
    pub fn find(start: &Path) -> Result<Option<Self>, ProjectError> {
        for folder in start.ancestors().take(MAX_CLIMB) {
            let path = folder.join(FILE);
            match bounded(&path) {
                Ok(text) => {
                    let settings = toml::from_str(&text).map_err(|error| {
                        ProjectError::Invalid { path, reason: error.to_string() }
                    })?;
                    return Ok(Some(Self { folder: folder.to_owned(), settings }));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(ProjectError::Unreadable { path, source }),
            }
        }
        Ok(None)
    }

    /// Where its keys are.
    pub fn keys(&self) -> PathBuf {
        self.folder.join(self.settings.keys.as_deref().unwrap_or(Path::new(KEYS)))
    }

    /// What to publish when no path is given.
    pub fn path(&self) -> Option<PathBuf> {
        self.settings.path.as_ref().map(|path| self.folder.join(path))
    }

    /// The project's first root, if it has one; believed by nobody yet.
    ///
    /// # Errors
    /// [`ProjectError`] if there is a file that is not a root.
    pub fn root(&self) -> Result<Option<Signed<Root>>, ProjectError> {
        read_root(&self.root_path(1))
    }

    /// Where its root of a number is or would be, beside the first.
    pub fn root_path(&self, version: u64) -> PathBuf {
        let first = self.folder.join(self.settings.root.as_deref().unwrap_or(Path::new(ROOT)));
        match version {
            1 => first,
            version => first.with_file_name(format!("root.{version}")),
        }
    }

    /// The project's roots from the first on, as far as they are there; believed by nobody yet.
    ///
    /// # Errors
    /// As [`Project::root`].
    pub fn roots(&self) -> Result<Vec<Signed<Root>>, ProjectError> {
        let mut roots = Vec::new();
        for version in 1..=MAX_ROOT_STEPS {
            match read_root(&self.root_path(version))? {
                Some(root) => roots.push(root),
                None => break,
            }
        }
        Ok(roots)
    }

    /// The folder it lies in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Digest of the project's first root, if it has one.
    ///
    /// # Errors
    /// As [`Project::root`].
    pub fn first_root(&self) -> Result<Option<Digest>, ProjectError> {
        Ok(self.root()?.map(|root| root.digest()))
    }
}

fn bounded(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(MAX_FILE).read_to_string(&mut text)?;
    Ok(text)
}

/// Reads a root from a file; `None` if there is no file. It is believed by nobody yet.
///
/// # Errors
/// [`ProjectError::Unreadable`], [`ProjectError::Root`].
pub fn read_root(path: &Path) -> Result<Option<Signed<Root>>, ProjectError> {
    let mut bytes = Vec::new();
    let most = u64::try_from(Signed::<Root>::MAX).unwrap_or(u64::MAX).saturating_add(1);
    match fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ProjectError::Unreadable { path: path.to_owned(), source }),
    }
    codec::decode(&bytes)
        .map(Some)
        .map_err(|source| ProjectError::Root { path: path.to_owned(), source })
}

/// The text of a new release file.
pub fn template(network: &NetworkName, component: &ComponentName) -> String {
    format!(
        "# What `updraft publish` in this directory takes when nothing else is said.\n\
         # Paths are relative to this file; every flag wins over it.\n\
         network = \"{network}\"\n\
         root = \"{ROOT}\"          # the first trust root: keep it, tickets are made from it\n\
         keys = \"{KEYS}\"            # signing keys; take those of the root to other media\n\
         component = \"{component}\"\n\
         channel = \"stable\"\n\
         # target = \"any\"         # a target triple; this machine's if left out\n\
         # path = \"dist\"          # a file or a directory\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(FILE), text).expect("written");
        folder
    }

    #[test]
    fn the_template_is_a_file_that_reads_back() {
        let name = "demo".parse().expect("a name");
        let component = "demo-app".parse().expect("a name");
        let folder = folder(&template(&name, &component));
        let project = Project::find(folder.path()).expect("valid").expect("there");
        assert_eq!(project.settings.component, Some(component));
        assert_eq!(project.keys(), folder.path().join("keys"));
        assert_eq!(project.path(), None);
        assert_eq!(project.first_root().expect("no file"), None);
    }

    #[test]
    fn a_project_is_found_from_below() {
        let folder = folder("path = \"dist\"");
        let below = folder.path().join("a/b");
        fs::create_dir_all(&below).expect("made");
        let project = Project::find(&below).expect("valid").expect("there");
        assert_eq!(project.path(), Some(folder.path().join("dist")));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, says) in [
            ("componnet = \"x\"", "componnet"),
            ("\ncomponent = \"Not A Name\"", "not a component name"),
            ("channel = 3", "channel"),
            ("[", "line 1"),
        ] {
            let folder = folder(text);
            let error = Project::find(folder.path()).expect_err("invalid").to_string();
            assert!(error.contains(says) && error.contains("line"), "{error}");
        }
    }

    #[test]
    fn a_root_that_is_none_is_refused() {
        let folder = folder("");
        fs::write(folder.path().join(ROOT), "not a root").expect("written");
        let project = Project::find(folder.path()).expect("valid").expect("there");
        assert!(matches!(project.first_root(), Err(ProjectError::Root { .. })));
    }
}
