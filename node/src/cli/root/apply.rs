//! `updraft root apply`: a draft that enough have signed comes into force.
//!
//! Verified by the protocol's rule first; then a node has it, then the project. Doing it again after a crash
//! goes on where it broke off. Roots that were completed where no node was are handed to the next one here.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use serde_json::json;
use updraft_protocol::{Digest, Root, Signed, codec};

use super::{
    Books, Desk, DraftFile, read, read_any, sign::caution_of_moves, votes::caution_of_votes,
};
use crate::{
    cli::{
        Answer, Context, Exit,
        output::{Format, Style},
        words::clean,
    },
    fingerprint::Fingerprint,
    problem::{Code, Problem},
    publish::{
        ledger::{Ledger, Trusted},
        rootdraft::{DraftError, RootDraft, words},
    },
    whole,
};

pub(super) fn apply(files: &[PathBuf], context: &Context) -> Result<Exit, Problem> {
    let desk = Desk::here(context)?;
    let own = desk.path(&DraftFile { draft: None });
    let (first, others) = match files {
        [] => (&own, &[][..]),
        [first, others @ ..] => (first, others),
    };
    if files.is_empty() && !own.exists() && hand_over(&desk, context)? > 0 {
        return desk.trusting(|trusted| {
            let root = trusted.root();
            tell(&desk, root, &root.digest(), None, context)
        });
    }
    let draft = desk.trusting(|trusted| {
        let root = trusted.root();
        let begun = read_any(first)?;
        if begun.signed().digest() == root.digest() {
            return Ok(begun);
        }
        let mut draft = read(first, root)?;
        for other in others {
            draft.merge(&read(other, root)?, root)?;
        }
        draft.judge(root).map_err(|error| refused(error, &draft, trusted.root(), &desk))?;
        if !matches!(desk.books, Books::Project) {
            draft.goes_on_as_meant(root, &desk.bases(trusted)?)?;
        }
        let votes = desk.votes(trusted)?;
        for line in words::diff(root, &draft, &desk.names(), votes.as_ref()) {
            context.output.say(&clean(&line));
        }
        caution_of_moves(draft.root(), trusted, context);
        caution_of_votes(&draft, trusted, votes.as_ref(), context);
        let question = format!("This changes {} for everybody.", root.name);
        if context.ask_for_name(&question, root.name.as_str()) == Answer::No {
            return Err(Problem::new(Code::Failed, "nothing was changed"));
        }
        Ok(draft)
    })?;
    hand_over(&desk, context)?;
    put_into_force(&desk, draft.signed())?;
    let kept = keep_in_project(&desk, &draft)?;
    // The draft has done its work; one that cannot be removed is only in the way of the next.
    if let Err(error) = fs::remove_file(first)
        && error.kind() != io::ErrorKind::NotFound
    {
        context.output.warn(&format!("cannot remove {}: {error}", first.display()));
    }
    tell(&desk, draft.root(), &draft.signed().digest(), kept.as_deref(), context)
}

/// Who is missing, with the refusal.
fn refused(
    error: DraftError,
    draft: &RootDraft,
    root: &updraft_protocol::Verified<Root>,
    desk: &Desk,
) -> Problem {
    let standing = draft.standing(root, &desk.names());
    let problem = Problem::from(error);
    if standing.is_complete() {
        return problem;
    }
    problem
        .cause(format!("could sign {}", standing.could().join(", ")))
        .hint("`updraft root status` says who is missing; `updraft sign FILE --key NAME` signs")
}

/// Hands over the project's roots that the node or the data directory has not heard of; says how many.
fn hand_over(desk: &Desk, context: &Context) -> Result<usize, Problem> {
    let ledger: &dyn Ledger = match &desk.books {
        Books::Node(node) => node,
        Books::Data(data) => data,
        Books::Project => return Ok(0),
    };
    let mut handed = 0;
    // The whole chain is believed before the first of them leaves.
    desk.trusting(|trusted| {
        // What the books believe without the project's roots: nothing, where no network was joined.
        if let Ok(before) = Trusted::follow(ledger, None) {
            caution_of_moves(trusted.root(), &before, context);
        }
        Ok(())
    })?;
    for (root, version) in desk.roots.0.iter().zip(1..) {
        if ledger.root(version)?.is_none() {
            put_into_force(desk, root)?;
            handed += 1;
        }
    }
    Ok(handed)
}

fn put_into_force(desk: &Desk, root: &Signed<Root>) -> Result<(), Problem> {
    match &desk.books {
        Books::Node(node) => {
            node.offer_root(root)?;
        }
        Books::Data(data) => data.store.append_root(root)?,
        Books::Project => {}
    }
    Ok(())
}

/// Keeps the root beside the project's first; where is told. `None` without a project.
fn keep_in_project(desk: &Desk, draft: &RootDraft) -> Result<Option<PathBuf>, Problem> {
    let Some(project) = &desk.publisher.project else { return Ok(None) };
    let path = project.root_path(draft.root().version);
    let bytes = codec::encode(draft.signed()).map_err(DraftError::Root)?;
    whole::replace::<io::Error>(&path, |file| file.write_all(&bytes)).map_err(|error| {
        Problem::new(Code::FileUnusable, format!("cannot write {}", path.display()))
            .cause(error.to_string())
            .hint("the root is in force; run `updraft root apply` again to keep it in the project")
    })?;
    Ok(Some(path))
}

fn tell(
    desk: &Desk,
    root: &Root,
    digest: &Digest,
    kept: Option<&Path>,
    context: &Context,
) -> Result<Exit, Problem> {
    let fingerprint = Fingerprint::of(digest);
    let (told, next) = match &desk.books {
        Books::Node(_) => ("node", "is in force: the node has it and tells the network"),
        Books::Data(_) => {
            ("data", "is in force: this machine has it, its node tells the network when it runs")
        }
        Books::Project => (
            "project",
            "is complete, and no node has it yet: run `updraft root apply` in this project where one runs",
        ),
    };
    match context.output.format() {
        Format::Json => context.output.document(
            "root",
            &json!({
                "network": root.name.as_str(),
                "rootVersion": root.version,
                "root": digest.to_string(),
                "fingerprint": fingerprint.digits(),
                "words": fingerprint.words(),
                "told": told,
                "file": kept.map(|path| path.display().to_string()),
            }),
        )?,
        Format::Text => {
            let name = context.output.paint(Style::Name, root.name.as_str());
            context.output.line(&format!("Root {} of {name} {next}", root.version));
            context.output.line(&format!("  fingerprint  {fingerprint}"));
            if let Some(path) = kept {
                context.output.line(&format!("  kept in      {}", path.display()));
            }
            context.output.hint("`updraft root review` says which releases to sign again");
        }
    }
    Ok(Exit::Done)
}
