//! Which program of a release is its self-test. Pure: asks the signed listing, never the disk.

use updraft_protocol::{ComponentName, FileMode, Node, Tree};

use super::TrialError;

/// What a program named as its component is asked with.
const ASK: &str = "--selftest";

/// The program and its arguments, without the protocol, which comes last.
///
/// `configured` is what the operator wrote: a path inside the release and arguments. If that is empty, a program
/// named as the component is asked, at the top of the release or in `bin/`. Either way it has to be a regular file of
/// the listing that may be run; a link is none, because what it leads to is not what was named.
///
/// # Errors
/// If there is no such program.
pub fn command(
    tree: &Tree,
    component: &ComponentName,
    configured: &[String],
) -> Result<Vec<String>, TrialError> {
    if let Some(program) = configured.first() {
        return if is_program(tree, program) {
            Ok(configured.to_vec())
        } else {
            Err(TrialError::NotAProgram { program: program.clone() })
        };
    }
    let usual = [component.to_string(), format!("bin/{component}")];
    let program = usual.into_iter().find(|path| is_program(tree, path));
    let program = program.ok_or_else(|| TrialError::Unknown { component: component.clone() })?;
    Ok(vec![program, ASK.to_owned()])
}

/// Listings hold plain paths only, so what is found in one lies inside the release.
fn is_program(tree: &Tree, path: &str) -> bool {
    tree.entries.iter().any(|entry| {
        entry.path.as_str() == path
            && matches!(entry.node, Node::File { mode: FileMode::Executable, .. })
    })
}

#[cfg(test)]
mod tests {
    use updraft_protocol::{Digest, Entry, LinkTarget};

    use super::*;

    fn tree(paths: &[(&str, FileMode)]) -> Tree {
        let entry = |(path, mode): &(&str, FileMode)| Entry {
            path: path.parse().expect("a path"),
            node: Node::File { mode: *mode, size: 0, digest: Digest::of(b"") },
        };
        Tree { entries: paths.iter().map(entry).collect() }
    }

    fn of(tree: &Tree, configured: &[&str]) -> Result<Vec<String>, String> {
        let configured: Vec<String> = configured.iter().map(|part| (*part).to_owned()).collect();
        let name = "updraft".parse().expect("a name");
        command(tree, &name, &configured).map_err(|error| error.to_string())
    }

    #[test]
    fn a_program_named_as_its_component_is_asked_at_the_top_first() {
        let both = [("bin/updraft", FileMode::Executable), ("updraft", FileMode::Executable)];
        assert_eq!(of(&tree(&both), &[]), Ok(vec!["updraft".into(), "--selftest".into()]));
        assert_eq!(of(&tree(&both[..1]), &[]), Ok(vec!["bin/updraft".into(), "--selftest".into()]));
    }

    #[test]
    fn what_cannot_be_run_is_no_program() {
        let plain = tree(&[("updraft", FileMode::Plain)]);
        assert!(
            of(&plain, &[]).expect_err("it cannot be run").starts_with("no self-test is known")
        );
        let node = Node::Link { target: LinkTarget::new("bin/updraft") };
        let entry = Entry { path: "updraft".parse().expect("a path"), node };
        assert!(of(&Tree { entries: vec![entry] }, &[]).is_err(), "a link is none");
    }

    #[test]
    fn what_the_operator_names_goes_first_and_has_to_be_there() {
        let both = tree(&[("check.sh", FileMode::Executable), ("updraft", FileMode::Executable)]);
        let named = ["check.sh", "-q"];
        assert_eq!(of(&both, &named), Ok(named.map(str::to_owned).to_vec()));
        for bad in ["nothing", "/bin/true", "../updraft", "./updraft", ""] {
            let refused = of(&both, &[bad]).expect_err(bad);
            assert_eq!(refused, format!("`{bad}` is no program of the release"));
        }
    }
}
