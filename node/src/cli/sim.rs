//! `updraft sim`: becomes the program `updraft-sim`, which simulates networks.
//!
//! Simulations know the node; the node knows nothing of them but the name of their program.

use std::{
    env,
    ffi::{OsStr, OsString},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use rustix::fs::{Access, access};

use super::{Context, Exit};
use crate::problem::{Code, Problem};

/// The program's name, beside `updraft` or on PATH.
const PROGRAM: &str = "updraft-sim";

/// Rehearse releases and votes with simulated nodes
///
/// Becomes the program `updraft-sim`, which lies beside `updraft` or on PATH, with the same arguments:
/// `updraft sim list`, `updraft sim run first-release`, `updraft sim --help`.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(super) struct Args {
    /// What `updraft-sim` is to do; `--help` asks it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    rest: Vec<OsString>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    let own = env::current_exe().ok();
    let beside = own.as_deref().and_then(Path::parent);
    let program = find(beside, env::var_os("PATH").as_deref()).ok_or_else(|| missing(beside))?;
    // Returns only if the system refuses.
    let refused = Command::new(&program).args(forwarded(args, context)).exec();
    let what = format!("{} cannot be started", program.display());
    Err(Problem::new(Code::ProgramMissing, what).because(Some(&refused)))
}

/// What was written after `sim`, and those of the options before it that the program has, too.
fn forwarded(args: &Args, context: &Context) -> Vec<OsString> {
    let global = [("--json", context.global.json), ("--no-progress", context.global.no_progress)];
    let given = global.into_iter().filter(|(_, given)| *given);
    given.map(|(option, _)| option.into()).chain(args.rest.iter().cloned()).collect()
}

/// The program beside this one, or the first on PATH.
fn find(beside: Option<&Path>, path: Option<&OsStr>) -> Option<PathBuf> {
    let on_path = path.into_iter().flat_map(env::split_paths);
    let folders = beside.map(Path::to_path_buf).into_iter().chain(on_path);
    // An empty entry of PATH means the folder one stands in; nothing is run from there by chance.
    let folders = folders.filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(PROGRAM)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    file.is_file() && access(file, Access::EXEC_OK).is_ok()
}

fn missing(beside: Option<&Path>) -> Problem {
    let beside = beside.map(|folder| format!("looked for in {} and on PATH", folder.display()));
    Problem::new(Code::ProgramMissing, format!("the program `{PROGRAM}` is not there"))
        .cause(beside.unwrap_or_else(|| "looked for on PATH".to_owned()))
        .hint("put it beside `updraft`; from the source: cargo build --release -p updraft-simulations")
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn folder_with(mode: u32) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(PROGRAM);
        fs::write(&file, "#!/bin/sh\n").expect("own folder");
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("own file");
        folder
    }

    fn path_of(folders: &[&Path]) -> OsString {
        env::join_paths(folders).expect("plain paths")
    }

    #[test]
    fn the_one_beside_this_program_comes_first() {
        let (beside, other) = (folder_with(0o755), folder_with(0o755));
        let path = path_of(&[other.path()]);
        let found = find(Some(beside.path()), Some(&path));
        assert_eq!(found, Some(beside.path().join(PROGRAM)));
        assert_eq!(find(None, Some(&path)), Some(other.path().join(PROGRAM)));
    }

    #[test]
    fn what_cannot_be_run_is_passed_over() {
        let (plain, good) = (folder_with(0o644), folder_with(0o755));
        let path = path_of(&[Path::new("."), plain.path(), good.path()]);
        assert_eq!(find(Some(plain.path()), Some(&path)), Some(good.path().join(PROGRAM)));
    }

    #[test]
    fn without_it_a_problem_says_where_it_was_looked_for() {
        let empty = tempfile::tempdir().expect("a folder");
        assert_eq!(find(Some(empty.path()), None), None);
        let problem = missing(Some(empty.path()));
        assert_eq!(problem.code, Code::ProgramMissing);
        assert!(problem.causes[0].contains("and on PATH"), "{problem}");
        assert!(problem.hint.is_some_and(|hint| hint.contains("updraft-simulations")));
    }
}
