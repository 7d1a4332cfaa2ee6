//! Who has the last word: layers in their order, and where each value in force came from.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use super::{
    file::{Entry, Layer, Written},
    nearest::nearest,
};

/// The section whose tables are named by the operator.
pub(super) const COMPONENTS: &str = "components";

/// What a component's table takes, with the shape of each value. Defaults are in `check.rs`, because
/// that of `auto_update` depends on another key.
static COMPONENT_KEYS: [(&str, Written); 5] = [
    ("channel", Written::Text(String::new())),
    ("auto_update", Written::Flag(true)),
    ("target", Written::Text(String::new())),
    ("root", Written::Text(String::new())),
    ("selftest", Written::List(Vec::new())),
];

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The program's own default.
    BuiltIn,
    /// A file.
    File {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
    },
    /// An environment variable.
    Environment(String),
    /// A flag of the command line.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built-in"),
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Environment(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// A value in force and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The value as written.
    pub written: Written,
    /// Where it stands.
    pub origin: Origin,
}

/// Which keys there are, and what shape their values have.
#[derive(Debug)]
pub(super) struct Known {
    shapes: BTreeMap<String, Written>,
}

impl Known {
    pub(super) fn from_builtin(entries: &[Entry]) -> Self {
        Self { shapes: entries.iter().map(|e| (e.key.clone(), e.written.clone())).collect() }
    }

    /// Whether a file may have a table of this name at its top.
    pub(super) fn is_section(&self, name: &str) -> bool {
        name == COMPONENTS || self.sections().any(|section| section == name)
    }

    /// The default's value, whose variant is the form the key takes; `None` if there is no such key.
    pub(super) fn shape(&self, key: &str) -> Option<&Written> {
        match key.split_once('.') {
            Some((COMPONENTS, rest)) => split_component(rest).map(|(_, _, shape)| shape),
            _ => self.shapes.get(key),
        }
    }

    fn sections(&self) -> impl Iterator<Item = &str> {
        self.shapes.keys().filter_map(|key| key.split('.').next())
    }

    /// A known key or section that `key` may have been meant to be.
    pub(super) fn nearest(&self, key: &str) -> Option<String> {
        if let Some((component, name)) =
            key.strip_prefix("components.").and_then(|rest| rest.rsplit_once('.'))
        {
            let known = COMPONENT_KEYS.iter().map(|(known, _)| *known);
            return nearest(name, known).map(|known| format!("components.{component}.{known}"));
        }
        let keys = self.shapes.keys().map(String::as_str);
        let found = match key.split_once('.') {
            None => nearest(key, self.sections().chain([COMPONENTS])),
            Some(_) => nearest(key, keys.clone()),
        };
        // A key in the wrong section, or in none: the same name elsewhere.
        let name = key.rsplit('.').next().unwrap_or(key);
        found
            .or_else(|| keys.clone().find(|known| known.rsplit('.').next() == Some(name)))
            .map(str::to_owned)
    }

    /// The value a person typed as plain text (an environment variable, a flag), in the form the key takes.
    pub(super) fn shaped(&self, key: &str, text: &str) -> Written {
        let as_text = || Written::Text(text.to_owned());
        match self.shape(key) {
            Some(Written::Flag(_)) => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Written::Flag(true),
                "false" | "no" | "off" | "0" => Written::Flag(false),
                _ => as_text(),
            },
            Some(Written::Whole(_)) => text.parse().map_or_else(|_| as_text(), Written::Whole),
            Some(Written::List(_)) => Written::List(
                text.split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty())
                    .map(str::to_owned)
                    .collect(),
            ),
            _ => as_text(),
        }
    }

    /// The keys a variable `UPDRAFT_…` stands for: several only if component names differ in `-` and `_`.
    ///
    /// `None` if the variable belongs to no section; empty if it does, but names no key of it.
    pub(super) fn keys_of_variable(&self, name: &str, components: &[&str]) -> Option<Vec<String>> {
        let rest = name.strip_prefix("UPDRAFT_")?;
        if let Some(rest) = rest.strip_prefix("COMPONENTS_") {
            return Some(component_keys_of_variable(rest, components));
        }
        // `auto_update` has an underscore of its own, so sections are tried one by one.
        let section = self.sections().find(|section| {
            rest.strip_prefix(&variable_form(section)).is_some_and(|rest| rest.starts_with('_'))
        })?;
        let keys = self
            .shapes
            .keys()
            .filter(|key| key.starts_with(&format!("{section}.")) && variable_form(key) == rest);
        Some(keys.cloned().collect())
    }

    /// The variable that sets `key`.
    pub(super) fn variable(key: &str) -> String {
        format!("UPDRAFT_{}", variable_form(key))
    }

    /// Every plain key's variable, for advice on a mistyped one.
    pub(super) fn variables(&self) -> Vec<String> {
        self.shapes.keys().map(|key| Self::variable(key)).collect()
    }
}

/// `name.key` of a component: the name, the key, the key's shape.
fn split_component(rest: &str) -> Option<(&str, &'static str, &'static Written)> {
    let (name, key) = rest.rsplit_once('.')?;
    COMPONENT_KEYS
        .iter()
        .find(|(known, _)| *known == key)
        .map(|(known, shape)| (name, *known, shape))
}

fn component_keys_of_variable(rest: &str, components: &[&str]) -> Vec<String> {
    let Some((name, key)) = COMPONENT_KEYS.iter().find_map(|(key, _)| {
        let name = rest.strip_suffix(&variable_form(key))?.strip_suffix('_')?;
        Some((name, *key))
    }) else {
        return Vec::new();
    };
    let known: Vec<String> = components
        .iter()
        .filter(|component| variable_form(component) == name)
        .map(|component| format!("{COMPONENTS}.{component}.{key}"))
        .collect();
    if known.is_empty() {
        let component = name.to_ascii_lowercase().replace('_', "-");
        return vec![format!("{COMPONENTS}.{component}.{key}")];
    }
    known
}

fn variable_form(key: &str) -> String {
    key.chars().map(|c| if matches!(c, '.' | '-') { '_' } else { c.to_ascii_uppercase() }).collect()
}

/// The values in force, each with its origin.
#[derive(Debug, Clone, Default)]
pub struct Merged {
    slots: BTreeMap<String, Slot>,
    /// Components that have a table, though perhaps an empty one; with the place of its last heading.
    components: BTreeMap<String, Origin>,
}

impl Merged {
    /// Puts a layer over those before it.
    pub(super) fn lay(&mut self, layer: Layer) {
        for Entry { key, written, origin } in layer.entries {
            let component = key.strip_prefix("components.").and_then(split_component);
            if let Some((name, _, _)) = component {
                self.components.entry(name.to_owned()).or_insert_with(|| origin.clone());
            }
            self.slots.insert(key, Slot { written, origin });
        }
        self.components.extend(layer.components);
    }

    /// The value of one key, such as `p2p.mdns`.
    pub fn get(&self, key: &str) -> Option<&Slot> {
        self.slots.get(key)
    }

    /// Every key with its value, in order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Slot)> {
        self.slots.iter().map(|(key, slot)| (key.as_str(), slot))
    }

    /// The components that have a table, by name.
    pub(super) fn components(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.components.iter().map(|(name, origin)| (name.as_str(), origin))
    }
}
