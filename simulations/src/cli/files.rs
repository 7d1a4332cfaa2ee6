//! What a run leaves in a folder: the outcome, the page, and what it takes to run it again.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use updraft_node::problem::{Code, Problem};

/// Characters of a file's name that come from a scenario's.
const MAX_NAME: usize = 64;

/// Writes files into a folder, which is made if it is not there. Each is whole or not there at all.
///
/// # Errors
/// If the folder cannot be made or a file cannot be written; those before it stay.
pub(super) fn write(folder: &Path, files: &[(String, String)]) -> Result<Vec<PathBuf>, Problem> {
    let unusable = |path: &Path, error: &io::Error| {
        Problem::new(Code::FileUnusable, format!("{} cannot be written", path.display()))
            .cause(error.to_string())
    };
    fs::create_dir_all(folder).map_err(|error| unusable(folder, &error))?;
    let mut written = Vec::new();
    for (name, text) in files {
        let path = folder.join(name);
        let part = folder.join(format!(".{name}.part"));
        let done = fs::write(&part, text).and_then(|()| fs::rename(&part, &path));
        done.map_err(|error| unusable(&path, &error))?;
        written.push(path);
    }
    Ok(written)
}

/// A name that is one harmless part of a path. What is no letter, digit or one of `-_.` becomes `_`.
pub(super) fn harmless(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let name = name.chars().take(MAX_NAME).map(|c| if fits(c) { c } else { '_' });
    let name: String = name.collect();
    match name.trim_start_matches('.') {
        "" => "scenario".to_owned(),
        name => name.to_owned(),
    }
}
