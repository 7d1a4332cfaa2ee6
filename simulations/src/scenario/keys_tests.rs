//! `keys.toml` is complete and true: every key and word there is stands in it, and every default is the default.
//!
//! What there is comes from serde itself: a key or word that cannot exist is put in, and the error lists those that can.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::{
    KEYS, Scenario, check,
    places::{What, from_toml},
    read,
};

/// No key and no word of a scenario is called so.
const NOTHING: &str = "zzz";

fn whole() -> Table {
    KEYS.parse().expect("keys.toml is TOML")
}

/// The file with its commented keys as keys.
fn uncommented() -> Table {
    let is_key = |line: &str| {
        let name = line.strip_prefix("# ").and_then(|rest| rest.split_once(" = "));
        name.is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
    };
    let lines = KEYS.lines().map(|line| if is_key(line) { &line[2..] } else { line });
    let text = lines.collect::<Vec<_>>().join("\n");
    text.parse().expect("a commented key is a key")
}

fn parse(table: &Table) -> Result<Scenario, What> {
    from_toml(&table.to_string()).map_err(|wrong| wrong.what)
}

/// The tables of a file, by what they are: `network`, `group`, `story publish`, `expect decided` …
fn tables(file: &Table) -> BTreeMap<String, Vec<Table>> {
    let mut tables: BTreeMap<String, Vec<Table>> = BTreeMap::new();
    tables.entry("file".into()).or_default().push(file.clone());
    for (key, value) in file {
        let inner = match value {
            Value::Table(table) => vec![table.clone()],
            Value::Array(items) => items.iter().filter_map(Value::as_table).cloned().collect(),
            _ => Vec::new(),
        };
        for table in inner {
            let kind = table.get("do").or_else(|| table.get("that")).and_then(Value::as_str);
            let kind = kind.map_or_else(|| key.clone(), |kind| format!("{key} {kind}"));
            tables.entry(kind).or_default().push(table);
        }
    }
    tables
}

/// The smallest file in which a table of that kind can stand.
fn file_with(kind: &str, table: Table) -> Table {
    let mut file: Table =
        "title = \"t\"\nteaches = \"t\"\n[[group]]\nname = \"a\"\n".parse().expect("TOML");
    let key = kind.split(' ').next().expect("a word");
    match key {
        "file" => return table,
        "network" | "links" => file.insert(key.into(), Value::Table(table)),
        _ => file.insert(key.into(), Value::Array(vec![Value::Table(table)])),
    };
    file
}

/// The keys that tables of a kind can have, by serde's own word.
fn possible_keys(kind: &str, table: &Table) -> BTreeSet<String> {
    let mut odd = table.clone();
    odd.insert(NOTHING.into(), Value::Boolean(true));
    let mut keys: BTreeSet<String> = match parse(&file_with(kind, odd)) {
        Err(What::UnknownKey { key, allowed }) if key == NOTHING => {
            allowed.iter().map(|&key| key.to_owned()).collect()
        }
        other => panic!("{kind}: {other:?}"),
    };
    match kind.split(' ').next() {
        Some("story") => keys.extend(["at".to_owned(), "do".to_owned()]),
        Some("expect") => drop(keys.insert("that".to_owned())),
        _ => {}
    }
    keys
}

#[test]
fn the_file_is_a_scenario_that_can_run() {
    let scenario = read(KEYS, "keys.toml").expect("keys.toml");
    assert_eq!(check(&scenario), []);
    assert!(KEYS.lines().all(|line| line.chars().count() <= 120));
}

#[test]
fn every_key_stands_in_it() {
    for (kind, tables) in tables(&uncommented()) {
        let written: BTreeSet<String> =
            tables.iter().flat_map(|table| table.keys().cloned()).collect();
        assert_eq!(written, possible_keys(&kind, &tables[0]), "{kind}");
    }
}

#[test]
fn every_word_stands_in_it() {
    let file = uncommented();
    let mut asked = 0;
    for (kind, tables) in tables(&file) {
        for table in tables {
            for (key, value) in &table {
                if !value.is_str() {
                    continue;
                }
                let mut odd = table.clone();
                odd.insert(key.clone(), NOTHING.into());
                let Err(What::UnknownWord { allowed, .. }) = parse(&file_with(&kind, odd)) else {
                    continue;
                };
                asked += 1;
                for word in allowed {
                    let there = KEYS.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
                    assert!(
                        there.into_iter().any(|found| found == *word),
                        "{kind}: {key} = {word}"
                    );
                }
                // What makes a table another one has an example of its own for each word.
                if ["do", "that", "hostile"].contains(&key.as_str()) {
                    for word in allowed {
                        let example = format!("{key} = \"{word}\"");
                        let found = KEYS.lines().any(|line| line.starts_with(&example));
                        assert!(found, "no example of {example}");
                    }
                }
            }
        }
    }
    assert!(asked > 30, "{asked} words were asked for: the error has changed");
}

/// Every key that may be left out says what leaving it out means: the scenario is the same, or cannot run.
#[test]
fn every_default_is_the_default() {
    let file = whole();
    let original = parse(&file).expect("keys.toml");
    let mut defaults = 0;
    let mut same_without = |kind: &str, changed: Table| {
        let Ok(scenario) = parse(&changed) else { return };
        if check(&scenario).is_empty() {
            assert_eq!(scenario, original, "{kind}");
            defaults += 1;
        }
    };
    for key in ["kind", "seed", "until", "network", "links"] {
        let mut changed = file.clone();
        changed.remove(key);
        same_without(key, changed);
    }
    for section in ["network", "links"] {
        for key in file[section].as_table().expect("a table").keys() {
            let mut changed = file.clone();
            changed[section].as_table_mut().expect("a table").remove(key);
            same_without(&format!("{section}.{key}"), changed);
        }
    }
    for (section, shown) in
        [("group", 1), ("release", 1), ("story", usize::MAX), ("expect", usize::MAX)]
    {
        for (n, table) in file[section].as_array().expect("a list").iter().take(shown).enumerate() {
            for key in table.as_table().expect("a table").keys() {
                // Which nodes are meant is an example wherever it is said.
                if key == "group" && section != "group" {
                    continue;
                }
                let mut changed = file.clone();
                changed[section][n].as_table_mut().expect("a table").remove(key);
                same_without(&format!("{section}.{n}.{key}"), changed);
            }
        }
    }
    assert!(defaults > 40, "only {defaults} keys could be left out");
}
