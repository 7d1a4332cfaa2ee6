//! `updraft root diff`, `sign`, `status`: what is about to be signed in words, and who has signed.

use std::path::{Path, PathBuf};

use serde_json::json;
use updraft_protocol::{Root, SecretKey, Verified, threshold::enough};

use super::{Desk, DraftFile, read, votes::caution_of_votes, write};
use crate::{
    cli::{
        Answer, Context, Exit,
        output::{Format, Style},
        publisher::references,
        words::clean,
    },
    fingerprint::Fingerprint,
    problem::{Code, Problem},
    publish::{
        ledger::Trusted,
        review::{of_electorate, of_witnesses},
        rootdraft::{Move, RootDraft, Votes, moves, words},
        sign::Standing,
    },
};

pub(super) fn diff(file: &DraftFile, context: &Context) -> Result<Exit, Problem> {
    let desk = Desk::here(context)?;
    let path = desk.path(file);
    desk.trusting(|trusted| {
        let draft = read(&path, trusted.root())?;
        let votes = desk.votes(trusted)?;
        tell_changes(&draft, trusted, votes.as_ref(), &desk, &path, context)
    })
}

/// Tells what a draft changes, as data.
pub(super) fn tell_changes(
    draft: &RootDraft,
    trusted: &Trusted<'_>,
    votes: Option<&Votes>,
    desk: &Desk,
    path: &Path,
    context: &Context,
) -> Result<Exit, Problem> {
    let lines = words::diff(trusted.root(), draft, &desk.names(), votes);
    match context.output.format() {
        Format::Json => {
            let mut members = in_json(draft, trusted.root(), desk);
            members["draft"] = json!(path.display().to_string());
            members["changes"] = json!(lines);
            context.output.document("root", &members)?;
        }
        Format::Text => {
            lines.iter().for_each(|line| context.output.line(&clean(line)));
            caution(draft, trusted, votes, context);
        }
    }
    Ok(Exit::Done)
}

/// What speaks against signing a draft as it is.
fn caution(draft: &RootDraft, trusted: &Trusted<'_>, votes: Option<&Votes>, context: &Context) {
    if let Err(error) = draft.is_safe() {
        context.output.warn(&format!("{error}: nobody can sign it like that"));
    }
    caution_of_moves(draft.root(), trusted, context);
    caution_of_votes(draft, trusted, votes, context);
    let (before, after) = (&trusted.root().witness, &draft.root().witness);
    if before != after
        && let Some(weakness) = after.as_ref().and_then(of_witnesses)
    {
        context.output.hint(&weakness);
    }
    if trusted.root().electorate != draft.root().electorate {
        of_electorate(draft.root()).iter().for_each(|line| context.output.warn(line));
    }
}

/// What becomes of the heads after those that a root lets channels go on from, as far as they are known here.
pub(super) fn caution_of_moves(next: &Root, trusted: &Trusted<'_>, context: &Context) {
    for Move { base, rekeyed } in moves(trusted.root(), next) {
        let (channel, from) = (&base.channel, base.seq);
        let Some(head) = trusted.head(channel).ok().flatten() else { continue };
        if head.seq <= from {
            continue;
        }
        let role = next.release_role(channel);
        let holds = role.is_some_and(|role| enough(role, head.signers()).is_ok());
        let fate = match (holds, rekeyed) {
            (false, _) => "what came after is given up",
            (true, true) => {
                "its new keys have signed what came after, so that holds where it is known"
            }
            (true, false) => {
                "its keys stay, so what came after holds where it is known; to give it up, change the keys, too"
            }
        };
        let (version, newest) = (next.version, head.seq);
        context.output.warn(&format!(
            "{channel} has head {newest} here, and root {version} lets it go on from head {from}: {fate}"
        ));
    }
}

pub(super) fn sign(
    keys: &[String],
    copies: &[PathBuf],
    file: &DraftFile,
    context: &Context,
) -> Result<Exit, Problem> {
    let desk = Desk::here(context)?;
    let path = desk.path(file);
    sign_at(&desk, &path, copies, keys, context)
}

/// Signs the draft that `updraft sign FILE` was given.
pub(in crate::cli) fn sign_file(
    path: &Path,
    keys: &[String],
    context: &Context,
) -> Result<Exit, Problem> {
    sign_at(&Desk::here(context)?, path, &[], keys, context)
}

fn sign_at(
    desk: &Desk,
    path: &Path,
    copies: &[PathBuf],
    keys: &[String],
    context: &Context,
) -> Result<Exit, Problem> {
    desk.trusting(|trusted| {
        let root = trusted.root();
        let mut draft = read(path, root)?;
        for copy in copies {
            draft.merge(&read(copy, root)?, root)?;
        }
        draft.is_safe()?;
        context.output.say("Will sign:");
        let votes = desk.votes(trusted)?;
        for line in words::diff(root, &draft, &desk.names(), votes.as_ref()) {
            context.output.say(&clean(&line));
        }
        caution(&draft, trusted, votes.as_ref(), context);
        let keys = unlock(desk, &draft, root, keys)?;
        if context.ask("Sign it?") == Answer::No {
            return Err(Problem::new(Code::Failed, "nothing was signed")
                .hint("`--yes` answers yes, after what will be signed was printed"));
        }
        draft.sign(root, &keys)?;
        write(path, &draft)?;
        tell_standing(&draft, root, desk, path, context)
    })
}

/// Looks at every key before any password is asked for.
fn unlock(
    desk: &Desk,
    draft: &RootDraft,
    root: &Root,
    named: &[String],
) -> Result<Vec<SecretKey>, Problem> {
    let mut files = Vec::new();
    for reference in references(named)? {
        let file = desk.publisher.ring.load(&reference)?;
        draft.may_sign(root, &file.public.id()).map_err(|error| {
            Problem::from(error).cause(format!("`{}` is another key", file.name))
        })?;
        files.push(file);
    }
    files.iter().map(|file| Ok(file.unlock_with(&desk.publisher.passwords)?)).collect()
}

pub(super) fn status(file: &DraftFile, context: &Context) -> Result<Exit, Problem> {
    let desk = Desk::here(context)?;
    let path = desk.path(file);
    desk.trusting(|trusted| {
        let draft = read(&path, trusted.root())?;
        tell_standing(&draft, trusted.root(), &desk, &path, context)
    })
}

fn tell_standing(
    draft: &RootDraft,
    root: &Verified<Root>,
    desk: &Desk,
    path: &Path,
    context: &Context,
) -> Result<Exit, Problem> {
    let standing = draft.standing(root, &desk.names());
    let output = &context.output;
    if output.format() == Format::Json {
        let mut members = in_json(draft, root, desk);
        members["draft"] = json!(path.display().to_string());
        output.document("root", &members)?;
        return Ok(Exit::Done);
    }
    let version = draft.root().version;
    output.line(&format!(
        "root {version} of {}",
        output.paint(Style::Name, draft.root().name.as_str())
    ));
    output.line(&side(&format!("keys of root {}", root.version), &standing.old));
    output.line(&side(&format!("keys of root {version}"), &standing.new));
    if standing.is_complete() {
        output.line(&output.paint(Style::Good, "complete"));
        let usual = desk.path(&DraftFile { draft: None });
        output.hint(&if usual == path {
            "put it into force: updraft root apply".to_owned()
        } else {
            format!("put it into force: updraft root apply {}", path.display())
        });
    } else {
        let could = standing.could().join(" or ");
        output.hint(&format!(
            "have it signed by {could}: updraft sign {} --key NAME",
            path.display()
        ));
    }
    Ok(Exit::Done)
}

fn side(whose: &str, side: &Standing) -> String {
    let mut names: Vec<String> = side.signed.iter().map(|name| format!("{name} ✓")).collect();
    names.extend(side.could.iter().map(|name| format!("{name} -")));
    let (have, need) = (side.signed.len(), side.need);
    format!("  {whose:<16} {}      {have} of {need} needed", names.join("   "))
}

/// The draft for programs.
fn in_json(draft: &RootDraft, root: &Verified<Root>, desk: &Desk) -> serde_json::Value {
    let standing = draft.standing(root, &desk.names());
    let fingerprint = Fingerprint::of(&draft.signed().digest());
    let side = |side: &Standing| json!({ "signed": side.signed, "couldSign": side.could, "needed": side.need });
    json!({
        "network": draft.root().name.as_str(),
        "rootVersion": draft.root().version,
        "root": draft.signed().digest().to_string(),
        "fingerprint": fingerprint.digits(),
        "words": fingerprint.words(),
        "message": draft.message(),
        "expires": draft.root().expires.to_string(),
        "counts": draft.root().counts.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "safe": draft.is_safe().is_ok(),
        "complete": standing.is_complete(),
        "old": side(&standing.old),
        "new": side(&standing.new),
    })
}
