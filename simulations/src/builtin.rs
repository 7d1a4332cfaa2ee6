//! The scenarios that come with the program. Each is a file that begins with what it teaches.

/// A scenario that comes with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Builtin {
    /// The name of its file without its ending.
    pub name: &'static str,
    /// Its file.
    pub text: &'static str,
}

macro_rules! builtin {
    ($($name:literal),* $(,)?) => {
        /// All of them, in the order in which they are best read.
        pub const ALL: &[Builtin] = &[
            $(Builtin { name: $name, text: include_str!(concat!("../scenarios/", $name, ".toml")) },)*
        ];
    };
}

builtin![
    // How a release spreads.
    "first-release",
    "eight-leechers",
    "delta-chain",
    "slow-seeder",
    "clients-only",
    "flash-crowd",
    "nat-majority",
    "lossy-lines",
    "late-joiners",
    "long-absence",
    "withdrawn-release",
    // What goes wrong by itself.
    "partition-heals",
    "one-way-cut",
    "swizzle-clog",
    "power-cut",
    "wrong-patch",
    "full-disks",
    "clock-skew",
    "expired-head",
    "churn-1000",
    // Who lies.
    "poisoned",
    "stalling-peers",
    "boasters",
    "silence",
    "flood",
    "sybils",
    "eclipse",
    "old-hands",
    // Whose keys are in wrong hands.
    "stolen-key",
    "two-stolen-keys",
    "two-heads",
    "double-votes",
    // How a network changes its rules.
    "upgrade-vote",
    "vote-fails-without-quorum",
    "vote-across-a-partition",
    "called-off",
    "old-program-left-behind",
    // Everything at once, and in every size.
    "chaos",
    "scale",
];

/// The one of this name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    ALL.iter().find(|builtin| builtin.name == name)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;
    use crate::scenario::{check, read};

    #[test]
    fn every_file_of_the_folder_is_built_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let there: BTreeSet<String> = fs::read_dir(folder)
            .expect("the folder of scenarios")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
            .collect();
        let listed: BTreeSet<_> =
            ALL.iter().map(|builtin| format!("{}.toml", builtin.name)).collect();
        assert_eq!(listed, there);
        assert_eq!(listed.len(), ALL.len(), "a name stands twice");
    }

    #[test]
    fn every_scenario_can_run_and_begins_with_what_it_teaches() {
        for Builtin { name, text } in ALL {
            let scenario = read(text, name).expect(name);
            assert_eq!(check(&scenario), [], "{name}");
            assert!(text.starts_with("# "), "{name}");
            assert!(scenario.teaches.len() > 80, "{name} says too little");
            assert!(!scenario.expectations.is_empty(), "{name} expects nothing");
            assert!(text.lines().all(|line| line.chars().count() <= 120), "{name}");
        }
    }

    #[test]
    fn a_scenario_is_found_by_its_name() {
        assert_eq!(find("first-release").map(|found| found.name), Some("first-release"));
        assert_eq!(find("First-Release"), None);
    }
}
