//! Reads the layers in their order and has them checked: the only file of this room that touches the disk.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{
    DEFAULTS, check,
    fault::{Fault, InvalidConfig},
    file::{self, Entry, Layer},
    merge::{Known, Merged, Origin},
    nearest::nearest,
    settings::Settings,
    sources::{Override, Sources},
};

/// The usual file.
const MAIN_FILE: &str = "updraft.toml";
/// The folder beside it whose files are read after it.
const DROP_INS: &str = "conf.d";
/// Most bytes of one configuration file; the file of all keys has 5 KiB.
const MAX_FILE: u64 = 1024 * 1024;
/// Most drop-ins read; more in one folder is taken for a mistake.
const MAX_DROP_INS: usize = 64;

/// A configuration that is in force.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The checked values.
    pub settings: Settings,
    /// The values as written, with their origins.
    pub merged: Merged,
    /// The files that were read, the strongest last.
    pub files: Vec<PathBuf>,
    /// What the operator should know though it is no fault.
    pub notes: Vec<String>,
}

/// Loads the configuration.
///
/// # Errors
/// Everything that is wrong with it, at once; a file named by `-c` has to exist, the usual ones need not.
pub fn load(sources: &Sources) -> Result<Loaded, InvalidConfig> {
    let builtin = file::read_builtin(DEFAULTS);
    let known = Known::from_builtin(&builtin);
    let mut merged = Merged::default();
    merged.lay(Layer { entries: builtin, components: Vec::new() });

    let mut faults = Vec::new();
    let files = candidates(sources, &mut faults);
    for path in &files {
        match read_bounded(path) {
            Ok(text) => {
                let (layer, wrong) = file::read(path, &text, &known);
                merged.lay(layer);
                faults.extend(wrong);
            }
            Err(fault) => faults.push(fault),
        }
    }
    let components: Vec<&str> = merged.components().map(|(name, _)| name).collect();
    let (layer, wrong) = from_environment(&sources.environment, &known, &components);
    merged.lay(layer);
    faults.extend(wrong);
    merged.lay(from_flags(&sources.flags, &known));

    let checked = check::check(&merged, sources);
    faults.extend(checked.faults);
    match (checked.settings, InvalidConfig::of(faults)) {
        (Some(settings), None) => Ok(Loaded { settings, merged, files, notes: checked.notes }),
        (_, Some(invalid)) => Err(invalid),
        (None, None) => unreachable!("settings are missing only if there is a fault"),
    }
}

/// The files to read: those of `-c`, else those of the first usual folder that has any.
fn candidates(sources: &Sources, faults: &mut Vec<Fault>) -> Vec<PathBuf> {
    if !sources.files.is_empty() {
        return sources.files.clone();
    }
    let folders = &sources.dirs.config_candidates;
    // A folder may exist for its keys alone; it then says nothing about the configuration.
    let has_any =
        |folder: &&PathBuf| folder.join(MAIN_FILE).exists() || folder.join(DROP_INS).exists();
    let Some(folder) = folders.iter().find(has_any) else {
        return Vec::new();
    };
    let mut files = Vec::new();
    let main = folder.join(MAIN_FILE);
    if main.exists() {
        files.push(main);
    }
    let drop_ins = folder.join(DROP_INS);
    match drop_ins_of(&drop_ins) {
        Ok(found) => files.extend(found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => faults.push(Fault::Unreadable { path: drop_ins, source }),
    }
    files
}

/// The `*.toml` files of a folder by name.
fn drop_ins_of(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
        if found.len() > MAX_DROP_INS {
            return Err(io::Error::other(format!("more than {MAX_DROP_INS} files")));
        }
    }
    found.sort();
    Ok(found)
}

fn read_bounded(path: &Path) -> Result<String, Fault> {
    let unreadable = |source| Fault::Unreadable { path: path.to_owned(), source };
    let mut text = String::new();
    let file = File::open(path).map_err(unreadable)?;
    let read = file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(unreadable)?;
    match u64::try_from(read) {
        Ok(read) if read <= MAX_FILE => Ok(text),
        _ => Err(Fault::TooLarge { path: path.to_owned(), limit: MAX_FILE }),
    }
}

/// Variables of the form `UPDRAFT_<SECTION>_<KEY>`. A variable of a section that names no key is refused like
/// a mistyped key in a file; other `UPDRAFT_` variables belong to other parts of the program.
fn from_environment(
    environment: &[(OsString, OsString)],
    known: &Known,
    components: &[&str],
) -> (Layer, Vec<Fault>) {
    let mut layer = Layer::default();
    let mut faults = Vec::new();
    let mut variables: Vec<_> = environment.iter().collect();
    variables.sort();
    for (name, value) in variables {
        let Some(name) = name.to_str() else { continue };
        let Some(keys) = known.keys_of_variable(name, components) else { continue };
        let origin = Origin::Environment(name.to_owned());
        if keys.is_empty() {
            let all = known.variables();
            let nearest = nearest(name, all.iter().map(String::as_str)).map(str::to_owned);
            faults.push(Fault::UnknownKey { key: name.to_owned(), origin, nearest });
            continue;
        }
        for key in keys {
            let written = known.shaped(&key, &value.to_string_lossy());
            layer.entries.push(Entry { key, written, origin: origin.clone() });
        }
    }
    (layer, faults)
}

fn from_flags(flags: &[Override], known: &Known) -> Layer {
    let entries = flags.iter().map(|flag| Entry {
        key: flag.key.to_owned(),
        written: known.shaped(flag.key, &flag.value),
        origin: Origin::Flag(flag.flag.to_owned()),
    });
    Layer { entries: entries.collect(), components: Vec::new() }
}
