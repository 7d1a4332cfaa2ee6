//! `updraft paths`: where this node keeps its files, whether they are there or not.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::{Context, Exit, output::Format};
use crate::problem::Problem;

/// Where updraft keeps its files
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args, context: &Context) -> Result<Exit, Problem> {
    let loaded = context.load(Vec::new())?;
    let (dirs, http) = (context.dirs()?, loaded.settings.http);
    let mut paths: Vec<(&str, PathBuf)> = vec![
        ("config", dirs.config.clone()),
        ("keys", dirs.keys()),
        ("data", dirs.data.clone()),
        ("identity", dirs.identity_key()),
        ("token", context.global.token_file.clone().unwrap_or(http.token_file)),
        ("address", dirs.http_address_file()),
        ("trust", dirs.trust()),
        ("store", dirs.store()),
        ("db", dirs.db()),
        ("components", dirs.components()),
        ("audit", loaded.settings.log.audit_file),
    ];
    paths.extend(http.socket.map(|socket| ("socket", socket)));
    paths.extend(loaded.settings.log.file.map(|file| ("log", file)));
    let shown = |path: &PathBuf| path.display().to_string();
    match context.output.format() {
        Format::Text => {
            let rows = paths.iter().map(|(name, path)| [(*name).to_owned(), shown(path)]);
            context.output.table(["WHAT", "PATH"], rows);
        }
        Format::Json => {
            let members: Map<String, Value> =
                paths.iter().map(|(name, path)| ((*name).to_owned(), shown(path).into())).collect();
            context.output.document("paths", &members)?;
        }
    }
    Ok(Exit::Done)
}
