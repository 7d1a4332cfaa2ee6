//! `updraft verify`: compares files with a signed release, offline.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::json;
use updraft_protocol::{Listing, Node, Target, Tree, TreePath};

use super::{
    Context, Exit, node_ledger,
    output::{Format, Style},
    publisher::{Publisher, data_directory},
    reference::ReleaseRef,
};
use crate::{
    build,
    problem::{Code, Problem},
    publish::{
        ledger::{Ledger, Trusted},
        source::Source,
    },
};

/// Verify files against a signed release, offline
#[derive(Debug, clap::Args)]
pub struct Args {
    /// COMPONENT@VERSION
    pub release: ReleaseRef,
    /// Files, or one directory, to compare
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// For which machines; this one's if left out
    #[arg(long, value_name = "TRIPLE")]
    pub target: Option<Target>,
}

/// How one path compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Same,
    Differs,
    OtherMode,
    OtherKind,
    Missing,
    Extra,
}

impl Found {
    fn word(self) -> &'static str {
        match self {
            Self::Same => "ok",
            Self::Differs => "differs",
            Self::OtherMode => "other mode",
            Self::OtherKind => "other kind",
            Self::Missing => "missing",
            Self::Extra => "not in the release",
        }
    }
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    let publisher = Publisher::here(context)?;
    // What is signed does not change, so the node is asked only because it may hold the directory's lock.
    let ledger: Box<dyn Ledger> = match node_ledger::find(context)? {
        Some(node) => Box::new(node),
        None => Box::new(data_directory(context)?),
    };
    let trusted = publisher.trust(&*ledger)?;
    let tree = tree_of(&trusted, args)?;
    let found = compare_all(&tree, &args.files)?;
    tell(args, &found, context)
}

/// The signed listing of the release, on whatever channel it is offered.
fn tree_of(trusted: &Trusted<'_>, args: &Args) -> Result<Tree, Problem> {
    let Some(version) = &args.release.version else {
        let component = &args.release.component;
        let detail = format!("which version of {component}?");
        return Err(Problem::new(Code::VersionInvalid, detail).hint(format!(
            "name it: `updraft verify {component}@VERSION FILES`; `updraft list --all` shows which there are"
        )));
    };
    let machine: Target = match &args.target {
        Some(target) => target.clone(),
        None => build::TARGET.parse().expect("the compiler's triple is a target"),
    };
    let is_wanted = |listing: &Listing| {
        listing.component == args.release.component
            && listing.version == *version
            && listing.target.runs_on(&machine)
    };
    for role in &trusted.root().release {
        let head = trusted.head(&role.channel)?;
        let listed = head.as_ref().and_then(|head| head.releases.iter().find(|l| is_wanted(l)));
        let Some(listing) = listed else { continue };
        let Some(held) = trusted.manifest(&role.channel, listing)? else { continue };
        if let Some(tree) = trusted.object::<Tree>(&held.verified.tree.object.digest)? {
            return Ok(tree);
        }
    }
    let detail = format!("nothing signed is known here of {} for {machine}", args.release);
    Err(Problem::new(Code::ReleaseUnknown, detail).hint("`updraft list --all` shows what is known"))
}

fn compare_all(tree: &Tree, paths: &[PathBuf]) -> Result<Vec<(String, Found)>, Problem> {
    if let [only] = paths
        && only.is_dir()
    {
        return Ok(compare_trees(tree, Source::read(only)?.tree()));
    }
    paths.iter().map(|path| compare_file(tree, path)).collect()
}

fn compare_trees(signed: &Tree, here: &Tree) -> Vec<(String, Found)> {
    let by_path = |tree: &Tree| -> BTreeMap<TreePath, Node> {
        tree.entries.iter().map(|entry| (entry.path.clone(), entry.node.clone())).collect()
    };
    let (signed, here) = (by_path(signed), by_path(here));
    let all = signed.iter().map(|(path, node)| {
        let found = here.get(path).map_or(Found::Missing, |other| compare(node, other));
        (path.to_string(), found)
    });
    let extra = here.keys().filter(|path| !signed.contains_key(*path));
    all.chain(extra.map(|path| (path.to_string(), Found::Extra))).collect()
}

/// One file, found in the release by the longest end of its path that is a path there; a release of one file
/// is compared whatever the file is called.
fn compare_file(tree: &Tree, path: &Path) -> Result<(String, Found), Problem> {
    let source = Source::read(path)?;
    let here = &source.tree().entries[0].node;
    let shown = path.display().to_string();
    let entry = match &tree.entries[..] {
        [only] => Some(only),
        entries => {
            let names: Vec<_> = path.iter().filter_map(|name| name.to_str()).collect();
            (0..names.len())
                .map(|from| names[from..].join("/"))
                .find_map(|end| entries.iter().find(|entry| entry.path.as_str() == end))
        }
    };
    Ok((shown, entry.map_or(Found::Extra, |entry| compare(&entry.node, here))))
}

fn compare(signed: &Node, here: &Node) -> Found {
    match (signed, here) {
        (a, b) if a == b => Found::Same,
        (Node::File { digest: a, .. }, Node::File { digest: b, .. }) if a == b => Found::OtherMode,
        (Node::File { .. }, Node::File { .. }) | (Node::Link { .. }, Node::Link { .. }) => {
            Found::Differs
        }
        _ => Found::OtherKind,
    }
}

fn tell(args: &Args, found: &[(String, Found)], context: &Context) -> Result<Exit, Problem> {
    let wrong = found.iter().filter(|(_, found)| *found != Found::Same);
    let count = wrong.clone().count();
    match context.output.format() {
        Format::Json => {
            let files: Vec<_> = found
                .iter()
                .map(|(path, found)| json!({ "path": path, "result": found.word() }))
                .collect();
            let release = args.release.to_string();
            let members = json!({ "release": release, "ok": count == 0, "files": files });
            context.output.document("verify", &members)?;
        }
        Format::Text => {
            for (path, found) in wrong {
                let word = context.output.paint(Style::Bad, found.word());
                context.output.line(&format!("{}  {word}", super::words::clean(path)));
            }
            if count == 0 {
                let (release, all) = (&args.release, found.len());
                let word = context.output.paint(Style::Good, "verified");
                context.output.line(&format!("{release}: {all} entries {word}"));
            }
        }
    }
    if count == 0 {
        return Ok(Exit::Done);
    }
    let detail = format!("{count} of {} entries are not those of {}", found.len(), args.release);
    Err(Problem::new(Code::ChunkMismatch, detail)
        .hint(format!("a good copy: `updraft get {} -o PATH`", args.release)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tree(folder: &Path) -> Tree {
        Source::read(folder).expect("a tree").tree().clone()
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("bin")).expect("made");
        fs::write(folder.path().join("bin/app"), "app").expect("written");
        fs::write(folder.path().join("notes"), "notes").expect("written");
        folder
    }

    fn results(folder: &Path, change: impl Fn(&Path)) -> Vec<(String, Found)> {
        let signed = tree(folder);
        change(folder);
        let found = compare_all(&signed, &[folder.to_owned()]).expect("compared");
        found.into_iter().filter(|(_, found)| *found != Found::Same).collect()
    }

    #[test]
    fn every_difference_of_a_directory_is_found() {
        use std::os::unix::fs::PermissionsExt as _;
        type Change = fn(&Path);
        let cases: [(&str, Found, Change); 5] = [
            ("notes", Found::Differs, |dir| fs::write(dir.join("notes"), "other").expect("ok")),
            ("notes", Found::Missing, |dir| fs::remove_file(dir.join("notes")).expect("ok")),
            ("more", Found::Extra, |dir| fs::write(dir.join("more"), "").expect("ok")),
            ("bin/app", Found::OtherMode, |dir| {
                let mode = fs::Permissions::from_mode(0o755);
                fs::set_permissions(dir.join("bin/app"), mode).expect("ok");
            }),
            ("notes", Found::OtherKind, |dir| {
                fs::remove_file(dir.join("notes")).expect("ok");
                fs::create_dir(dir.join("notes")).expect("ok");
            }),
        ];
        for (path, found, change) in cases {
            assert_eq!(results(folder().path(), change), [(path.to_owned(), found)]);
        }
        assert!(results(folder().path(), |_| {}).is_empty());
    }

    #[test]
    fn single_files_are_found_by_the_end_of_their_path() {
        let folder = folder();
        let signed = tree(folder.path());
        let app = folder.path().join("bin/app");
        let found = compare_all(&signed, &[app.clone(), folder.path().join("notes")]);
        assert!(found.expect("compared").iter().all(|(_, found)| *found == Found::Same));
        let elsewhere = folder.path().join("app");
        fs::copy(&app, &elsewhere).expect("copied");
        let found = compare_file(&signed, &elsewhere).expect("compared").1;
        assert_eq!(found, Found::Extra, "`app` is not `bin/app`");
        let single = tree(&app);
        assert_eq!(compare_file(&single, &elsewhere).expect("compared").1, Found::Same);
    }
}
