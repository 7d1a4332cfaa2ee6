//! Votes as stories: ballots in, states out, each in a file that people read.
//!
//! `cases/README.md` says how a story is written. Each is told to the pure machine.

mod actions;
mod invariants;
mod many;
mod model;
mod node;
mod people;
mod random;
mod replay;
mod story;
mod world;

use std::{fs, path::Path};

use self::story::Story;

#[test]
fn every_vote_ends_as_it_is_told() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/votes/cases");
    let mut wrong = Vec::new();
    let mut told = 0;
    let mut files: Vec<_> = fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "txt")) {
        let text = fs::read_to_string(file).expect("a story");
        let name = file.file_stem().expect("a name").to_string_lossy();
        told += 1;
        wrong.extend(Story::new().tell(&text).into_iter().map(|line| format!("{name}\n{line}")));
    }
    assert!(told >= 30, "{told} stories");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
