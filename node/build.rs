//! Tells the program what it is built from: target, compiler, and for release builds the commit.
//!
//! Debug builds leave the commit out, so that a commit does not compile the whole crate again.

use std::{env, process::Command};

/// The first line a command prints, if it runs and succeeds.
fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    text.lines().next().map(str::to_owned)
}

fn main() {
    let target = env::var("TARGET").expect("cargo sets TARGET for build scripts");
    println!("cargo::rustc-env=UPDRAFT_TARGET={target}");

    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = first_line(&rustc, &["--version"])
        .and_then(|line| line.split(' ').nth(1).map(str::to_owned))
        .unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=UPDRAFT_RUSTC={version}");

    // A packager who builds from an archive without git names the commit.
    println!("cargo::rerun-if-env-changed=UPDRAFT_COMMIT");
    println!("cargo::rerun-if-changed=build.rs");
    let named = env::var("UPDRAFT_COMMIT").ok();
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = named.or_else(|| is_release.then(commit_of_checkout).flatten());
    println!("cargo::rustc-env=UPDRAFT_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
}

fn commit_of_checkout() -> Option<String> {
    if let Some(log) = first_line("git", &["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    first_line("git", &["rev-parse", "--short=10", "HEAD"])
}
