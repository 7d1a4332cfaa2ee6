//! A configuration file as the operator wrote it: keys, values and where each of them stands.
//!
//! Whether a key exists is decided here; whether its value makes sense is not.

use std::{fmt, path::Path};

use toml::{Spanned, de::DeTable, de::DeValue};

use super::{
    fault::Fault,
    merge::{COMPONENTS, Known, Origin},
};

/// A value as written, before anyone asks whether it makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// `"text"`
    Text(String),
    /// `42`
    Whole(i64),
    /// `true` or `false`
    Flag(bool),
    /// `["one", "two"]`
    List(Vec<String>),
    /// Anything else TOML can say; no key takes it.
    Other(String),
}

/// As TOML.
impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &String| toml::Value::String(text.clone()).to_string();
        match self {
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Whole(number) => write!(f, "{number}"),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::List(items) => {
                write!(f, "[{}]", items.iter().map(quoted).collect::<Vec<_>>().join(", "))
            }
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// One key of one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) written: Written,
    pub(super) origin: Origin,
}

/// What one file, or the environment, or the flags say.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub(super) entries: Vec<Entry>,
    /// Components that have a table, even an empty one.
    pub(super) components: Vec<(String, Origin)>,
}

/// Reads `text` as the file at `path`. Unknown keys become faults, the other keys are returned all the same,
/// so that one run shows everything wrong with a file.
pub(super) fn read(path: &Path, text: &str, known: &Known) -> (Layer, Vec<Fault>) {
    let place = Place { path, text };
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let origin = place.origin(error.span().map_or(0, |span| span.start));
            let message = error.message().replace('\n', ", ");
            return (Layer::default(), vec![Fault::Syntax { origin, message }]);
        }
    };
    let mut walk = Walk { place, known, layer: Layer::default(), faults: Vec::new() };
    walk.file(table.get_ref());
    (walk.layer, walk.faults)
}

/// The keys of the built-in layer, which also says which keys there are.
///
/// # Panics
/// If `defaults.toml` is not valid TOML; a test reads it.
pub(super) fn read_builtin(text: &str) -> Vec<Entry> {
    let table = DeTable::parse(text).expect("defaults.toml is part of the program and tested");
    let sections = table.get_ref().iter().filter_map(|(section, value)| {
        value.get_ref().as_table().map(|table| (section.get_ref(), table))
    });
    sections
        .flat_map(|(section, table)| {
            table.iter().map(move |(name, value)| Entry {
                key: format!("{section}.{}", name.get_ref()),
                written: written(value.get_ref()),
                origin: Origin::BuiltIn,
            })
        })
        .collect()
}

/// A file, to turn byte offsets into lines and columns.
struct Place<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Place<'_> {
    fn origin(&self, offset: usize) -> Origin {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Origin::File { path: self.path.to_owned(), line, column }
    }
}

struct Walk<'a> {
    place: Place<'a>,
    known: &'a Known,
    layer: Layer,
    faults: Vec<Fault>,
}

impl Walk<'_> {
    fn file(&mut self, file: &DeTable<'_>) {
        for (name, value) in file.iter() {
            let section = name.get_ref();
            let origin = self.place.origin(name.span().start);
            if !self.known.is_section(section) {
                self.unknown(section.to_string(), origin);
            } else if let Some(table) = self.expect_table(section, value, &origin) {
                match section.as_ref() {
                    COMPONENTS => self.components(table),
                    section => self.keys(section, table),
                }
            }
        }
    }

    fn components(&mut self, components: &DeTable<'_>) {
        for (name, value) in components.iter() {
            let section = format!("{COMPONENTS}.{}", name.get_ref());
            let origin = self.place.origin(name.span().start);
            if let Some(table) = self.expect_table(&section, value, &origin) {
                self.keys(&section, table);
                self.layer.components.push((name.get_ref().to_string(), origin));
            }
        }
    }

    fn keys(&mut self, section: &str, table: &DeTable<'_>) {
        for (name, value) in table.iter() {
            let key = format!("{section}.{}", name.get_ref());
            let origin = self.place.origin(name.span().start);
            if self.known.shape(&key).is_some() {
                let written = written(value.get_ref());
                self.layer.entries.push(Entry { key, written, origin });
            } else {
                self.unknown(key, origin);
            }
        }
    }

    fn unknown(&mut self, key: String, origin: Origin) {
        let nearest = self.known.nearest(&key);
        self.faults.push(Fault::UnknownKey { key, origin, nearest });
    }

    fn expect_table<'t, 'i>(
        &mut self,
        section: &str,
        value: &'t Spanned<DeValue<'i>>,
        origin: &Origin,
    ) -> Option<&'t DeTable<'i>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.faults.push(Fault::Value {
                key: section.to_owned(),
                got: written(value.get_ref()).to_string().chars().take(80).collect(),
                origin: origin.clone(),
                expected: format!("a table, for example [{section}]"),
            });
        }
        table
    }
}

fn written(value: &DeValue<'_>) -> Written {
    match value {
        DeValue::String(text) => Written::Text(text.to_string()),
        DeValue::Boolean(flag) => Written::Flag(*flag),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Written::Other(number.as_str().to_owned()), Written::Whole),
        DeValue::Float(number) => Written::Other(number.as_str().to_owned()),
        DeValue::Datetime(moment) => Written::Other(moment.to_string()),
        DeValue::Table(_) => Written::Other("{ … }".to_owned()),
        DeValue::Array(items) => items
            .iter()
            .map(|item| item.get_ref().as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()
            .map_or_else(|| Written::Other("[ … ]".to_owned()), Written::List),
    }
}
