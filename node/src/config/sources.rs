//! Where a configuration is looked for. The caller collects it once, so that loading is a function of it.

use std::{ffi::OsString, path::PathBuf};

use crate::dirs::Dirs;

/// One flag of the command line that stands for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The flag as typed, for messages; for example `--listen`.
    pub flag: &'static str,
    /// The key it sets, for example `p2p.listen`.
    pub key: &'static str,
    /// The value; lists with commas between their elements.
    pub value: String,
}

/// Everything a configuration is made of.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Files named by `-c`; if there are any, they replace the usual file and its drop-ins. Later ones win.
    pub files: Vec<PathBuf>,
    /// Where this process keeps its things.
    pub dirs: Dirs,
    /// The environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Flags that stand for keys, the strongest layer.
    pub flags: Vec<Override>,
    /// This machine's name, for `%h`.
    pub host_name: String,
}

impl Sources {
    /// Only the built-in values, for a node in these folders.
    pub fn builtin(dirs: Dirs, host_name: &str) -> Self {
        Self {
            files: Vec::new(),
            dirs: Dirs { config_candidates: Vec::new(), ..dirs },
            environment: Vec::new(),
            flags: Vec::new(),
            host_name: host_name.to_owned(),
        }
    }
}
