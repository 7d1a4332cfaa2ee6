//! `updraft root begin`, `add-key`, `remove-key`, `threshold`, `base`, `expire`, `cancel`: the draft is made and changed.

use std::{fs, path::Path};

use serde_json::json;
use updraft_protocol::{ChannelBase, ChannelName, KeyId, OperatorName, PublicKey, Root};

use super::{BaseChoice, Desk, DraftFile, read, sign, write};
use crate::{
    cli::{
        Context, Exit,
        output::Format,
        publisher::{Publisher, read_text, warn_of_kind},
        reference::{Since, When},
    },
    clock::Clock,
    keys::KeyReference,
    problem::{Code, Problem},
    publish::{
        ledger::Trusted,
        rootdraft::{Change, DraftError, Known, Leaving, RootDraft, Target},
    },
};

/// A public key's line, or a key file.
const MAX_KEY_TEXT: u64 = 4 * 1024;
/// Digits of a fingerprint that name a key: as many as are shown, or half of them.
const MIN_DIGITS: usize = 8;

/// What every change of keys names.
pub(super) struct Edit {
    pub(super) role: Target,
    pub(super) base: BaseChoice,
    pub(super) draft: DraftFile,
}

pub(super) fn begin(message: &str, file: &DraftFile, context: &Context) -> Result<Exit, Problem> {
    let desk = Desk::here(context)?;
    let path = desk.path(file);
    if path.exists() {
        return Err(Problem::new(Code::RequestInvalid, format!("{} is there", path.display()))
            .hint("one change at a time: finish it, or remove it with `updraft root cancel`"));
    }
    desk.trusting(|trusted| {
        let draft = RootDraft::begin(trusted.root(), message, Clock::system().now())?;
        write(&path, &draft)?;
        let votes = desk.votes(trusted)?;
        sign::tell_changes(&draft, trusted, votes.as_ref(), &desk, &path, context)
    })
}

pub(super) fn add_key(
    edit: &Edit,
    key: &str,
    vote: (Option<u32>, Option<OperatorName>),
    context: &Context,
) -> Result<Exit, Problem> {
    change(edit, context, |desk, _, _| {
        let key = public_key(key, &desk.publisher)?;
        Ok(vec![Change::adding(edit.role.clone(), key, vote.clone())?])
    })
}

pub(super) fn remove_key(
    edit: &Edit,
    key: &str,
    reason: &str,
    since: Option<Since>,
    context: &Context,
) -> Result<Exit, Problem> {
    change(edit, context, |desk, draft, _| {
        let now = Clock::system().now();
        let leaving = match reason {
            "rotated" => Leaving::Rotated,
            reason => Leaving::Revoked {
                reason: reason.to_owned(),
                since: since.map_or(now, |since| since.moment(now)),
            },
        };
        let key = known_key(key, &desk.publisher, draft.root())?;
        Ok(vec![Change::Remove { target: edit.role.clone(), key, leaving }])
    })
}

pub(super) fn threshold(edit: &Edit, threshold: u16, context: &Context) -> Result<Exit, Problem> {
    change(edit, context, |_, _, _| {
        Ok(vec![Change::Threshold { target: edit.role.clone(), threshold }])
    })
}

/// Names bases and changes nothing else.
pub(super) fn base(
    base: Vec<(ChannelName, u64)>,
    draft: DraftFile,
    context: &Context,
) -> Result<Exit, Problem> {
    let edit = Edit { role: Target::Root, base: BaseChoice { base }, draft };
    change(&edit, context, |_, _, _| Ok(Vec::new()))
}

pub(super) fn expire(when: When, file: &DraftFile, context: &Context) -> Result<Exit, Problem> {
    let edit = Edit {
        role: Target::Root,
        base: BaseChoice { base: Vec::new() },
        draft: DraftFile { draft: file.draft.clone() },
    };
    change(&edit, context, |_, _, _| {
        let now = Clock::system().now();
        Ok(vec![Change::Expire { at: when.moment(now), now }])
    })
}

pub(super) fn cancel(file: &DraftFile, context: &Context) -> Result<Exit, Problem> {
    let path = Desk::here(context)?.path(file);
    let draft = super::read_any(&path)?;
    warn_of_kind(draft.root(), &context.output);
    fs::remove_file(&path).map_err(|error| {
        Problem::new(Code::FileUnusable, format!("cannot remove {}", path.display()))
            .cause(error.to_string())
    })?;
    match context.output.format() {
        Format::Json => context
            .output
            .document("root", &json!({ "cancelled": true, "rootVersion": draft.root().version }))?,
        Format::Text => context.output.line(&format!(
            "Removed the draft of root {}. Copies that were sent stay; do not sign them.",
            draft.root().version
        )),
    }
    Ok(Exit::Done)
}

/// Makes changes to the draft, then chooses bases, and says what the draft is now.
pub(super) fn change(
    edit: &Edit,
    context: &Context,
    what: impl FnOnce(&Desk, &RootDraft, &Known) -> Result<Vec<Change>, Problem>,
) -> Result<Exit, Problem> {
    let desk = Desk::here(context)?;
    let path = desk.path(&edit.draft);
    desk.trusting(|trusted| {
        let mut draft = read(&path, trusted.root())?;
        let had = draft.signed().signatures().len();
        let known = desk.known(trusted)?;
        let changes = what(&desk, &draft, &known)?;
        for change in &changes {
            draft.edit(trusted.root(), change, &known)?;
        }
        // A threshold that leaves no spare key is an error at once; a key that leaves may be followed by one
        // that joins, so there it is said, and refused when somebody signs.
        if changes.iter().any(|c| matches!(c, Change::Threshold { target: Target::Root, .. })) {
            draft.is_safe()?;
        }
        for (channel, seq) in &edit.base.base {
            let chosen = chosen_base(trusted, channel, *seq)?;
            draft.edit(trusted.root(), &Change::Base(chosen), &known)?;
        }
        write(&path, &draft)?;
        if had > draft.signed().signatures().len() {
            context.output.warn(&format!(
                "{had} signatures were for the draft as it was: they are gone, all have to sign again"
            ));
        }
        sign::tell_changes(&draft, trusted, Some(&known.votes), &desk, &path, context)
    })
}

fn chosen_base(
    trusted: &Trusted<'_>,
    channel: &ChannelName,
    seq: u64,
) -> Result<ChannelBase, Problem> {
    trusted.role(channel)?;
    if seq == 0 {
        return Ok(super::base(channel, 0, None));
    }
    match trusted.head_at(channel, seq)? {
        Some(head) => Ok(super::base(channel, seq, Some(head.digest()))),
        None => Err(Problem::new(
            Code::ReleaseUnknown,
            format!("head {seq} of `{channel}` is not kept here"),
        )
        .hint("`updraft status --json` shows how far each channel is followed")),
    }
}

/// A key by its public line, its name, or a file that holds either half.
fn public_key(text: &str, publisher: &Publisher) -> Result<PublicKey, Problem> {
    if text.starts_with("updk1") {
        return text.parse().map_err(|error| Problem::from_error(Code::RequestInvalid, &error));
    }
    if let Some(path) = text.strip_prefix("file:").map(Path::new)
        && let Ok(line) = read_text(&path.to_owned(), MAX_KEY_TEXT)
        && line.starts_with("updk1")
    {
        return line
            .trim()
            .parse()
            .map_err(|error| Problem::from_error(Code::RequestInvalid, &error));
    }
    let reference: KeyReference = text.parse()?;
    Ok(publisher.ring.load(&reference)?.public)
}

/// A key of the root: as [`public_key`], or by the digits of its fingerprint, because a lost key has no file.
fn known_key(text: &str, publisher: &Publisher, root: &Root) -> Result<KeyId, Problem> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if digits.len() >= MIN_DIGITS && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        let electors = root.electorate.iter().flat_map(|electorate| &electorate.electors);
        let mut fitting: Vec<KeyId> = root
            .roles()
            .flat_map(|(_, role)| role.keys())
            .chain(electors.map(|elector| &elector.key))
            .map(PublicKey::id)
            .filter(|id| id.to_hex().starts_with(&digits.to_lowercase()))
            .collect();
        fitting.sort();
        fitting.dedup();
        if let [only] = fitting.as_slice() {
            return Ok(*only);
        }
    }
    match public_key(text, publisher) {
        Ok(key) => Ok(key.id()),
        Err(problem) if problem.code == Code::KeyUnknown => {
            let problem =
                Problem::from(DraftError::NotInRole("any role".to_owned())).cause(problem.detail);
            Err(problem.hint("`updraft root show` shows every key's fingerprint"))
        }
        Err(problem) => Err(problem),
    }
}
