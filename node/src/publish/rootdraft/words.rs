//! What a draft changes, in words: what everybody reads before they sign. Must never leave a change out; a test
//! holds it to that, field by field.

use std::collections::BTreeMap;

use updraft_protocol::{
    ChannelBase, Digest, Elector, KeyId, NetworkKind, Role, RoleName, Root, Verified,
    limits::MAX_COUNTED,
};

use super::{Move, Progress, RootDraft, Votes, left_out, moves, votes::replaces};
use crate::fingerprint::Fingerprint;

/// Said where a root replaces electors and nothing is known of their votes: silence would look like "none".
const UNKNOWN_VOTES: &str = "  ! electorate: votes are not known on this machine, so what this root ends or undoes is \
                             not shown; compare with `updraft root diff` where a node runs";

/// What people call keys.
pub type Names = BTreeMap<KeyId, String>;

/// One line for each thing that changes, after a line that says what this is. `known` are the votes that there are, if
/// this machine knows of votes.
pub fn diff(
    trusted: &Verified<Root>,
    draft: &RootDraft,
    names: &Names,
    known: Option<&Votes>,
) -> Vec<String> {
    let next = draft.root();
    let kind = match next.kind {
        NetworkKind::Production => "",
        NetworkKind::Development => "   DEV NETWORK",
    };
    let mut lines = vec![
        format!("Root {} of {}, after root {}{kind}", next.version, next.name, trusted.version),
        format!("  fingerprint  {}", Fingerprint::of(&draft.signed().digest())),
        format!("  message      {}   (said by whoever began it)", draft.message()),
        format!("  expires      {}, was {}", next.expires, trusted.expires),
    ];
    if (next.network, &next.name, next.kind) != (trusted.network, &trusted.name, trusted.kind) {
        lines.push(format!("  ! the network is called {} now, {:?}", next.name, next.kind));
    }
    let before = lines.len();
    roles(trusted, next, names, &mut lines);
    electors(trusted, next, names, &mut lines);
    counts(trusted, next, known, &mut lines);
    for revoked in &next.revoked {
        if !trusted.revoked.contains(revoked) {
            let (reason, since) = (&revoked.reason, revoked.since);
            lines.push(of_key("!", &revoked.key, names, |key| {
                format!("{key} is revoked for ever: {reason}, not to be relied on since {since}")
            }));
        }
    }
    for revoked in &trusted.revoked {
        if next.revoked.iter().all(|kept| kept.key != revoked.key) {
            lines.push(of_key("!", &revoked.key, names, |key| {
                format!("forgets that {key} is revoked")
            }));
        }
    }
    bases(trusted, next, &mut lines);
    if lines.len() == before {
        lines.push("  no key, role or threshold changes".to_owned());
    }
    lines
}

fn roles(trusted: &Root, next: &Root, names: &Names, lines: &mut Vec<String>) {
    let before: BTreeMap<RoleName<'_>, &Role> = trusted.roles().collect();
    let after: BTreeMap<RoleName<'_>, &Role> = next.roles().collect();
    for (name, role) in &before {
        if !after.contains_key(name) {
            let count = role.keys().len();
            let gone = plural(count, "key");
            // Channels stay for ever: this cannot be signed.
            let then = if matches!(name, RoleName::Release(_)) { "; it needs another" } else { "" };
            lines.push(format!("  ! {name} is gone, with {gone}{then}"));
        }
    }
    for (name, role) in &after {
        let Some(was) = before.get(name) else {
            let need = (role.threshold(), role.keys().len());
            lines.push(format!("  + {name} is new, {} of {}", need.0, plural(need.1, "key")));
            role.keys().iter().for_each(|key| {
                lines.push(of_key("+", &key.id(), names, |key| format!("{name}: {key} joins")));
            });
            continue;
        };
        for key in was.keys().iter().filter(|key| role.key(&key.id()).is_none()) {
            lines.push(of_key("-", &key.id(), names, |key| format!("{name}: {key} leaves")));
        }
        for key in role.keys().iter().filter(|key| was.key(&key.id()).is_none()) {
            lines.push(of_key("+", &key.id(), names, |key| format!("{name}: {key} joins")));
        }
        let count = |role: &Role| (role.threshold(), role.keys().len());
        if count(was) != count(role) {
            let ((need, all), (needed, had)) = (count(role), count(was));
            lines.push(format!("  ~ {name}: {need} of {all} have to sign, was {needed} of {had}"));
        }
    }
}

fn electors(trusted: &Root, next: &Root, names: &Names, lines: &mut Vec<String>) {
    let list = |root: &Root| -> BTreeMap<KeyId, Elector> {
        let electors = root.electorate.iter().flat_map(|electorate| &electorate.electors);
        electors.map(|elector| (elector.key.id(), elector.clone())).collect()
    };
    let (before, after) = (list(trusted), list(next));
    for (id, elector) in &before {
        match after.get(id) {
            None => lines.push(of_key("-", id, names, |key| format!("electorate: {key} leaves"))),
            Some(now) if now != elector => lines.push(of_key("~", id, names, |key| {
                let (weight, operator) = (now.weight, &now.operator);
                format!(
                    "electorate: {key} weighs {weight} for {operator}, was {} for {}",
                    elector.weight, elector.operator
                )
            })),
            Some(_) => {}
        }
    }
    for (id, elector) in after.iter().filter(|(id, _)| !before.contains_key(id)) {
        let (weight, operator) = (elector.weight, &elector.operator);
        lines.push(of_key("+", id, names, |key| {
            format!("electorate: {key} joins for {operator}, weight {weight}")
        }));
    }
    let epoch = |root: &Root| root.electorate.as_ref().map(|electorate| electorate.epoch);
    match (epoch(trusted), epoch(next)) {
        (before, Some(epoch)) if before != Some(epoch) => {
            lines.push(format!("  ~ electorate: epoch {epoch}"));
        }
        (Some(_), None) => lines.push("  ! electorate is gone: nobody votes".to_owned()),
        _ => {}
    }
}

/// Which votes go on counting, and which do not.
fn counts(trusted: &Root, next: &Root, known: Option<&Votes>, lines: &mut Vec<String>) {
    let words = |id: &Digest| match known.and_then(|known| known.get(id)) {
        Some(vote) => format!("vote {vote}   {id}"),
        None => format!("vote {id}, which is not known here,"),
    };
    for id in next.counts.iter().filter(|id| !trusted.counts.contains(id)) {
        lines.push(format!("  + electorate: {} goes on counting", words(id)));
    }
    for id in trusted.counts.iter().filter(|id| !next.counts.contains(id)) {
        lines.push(format!("  ! electorate: {} no longer counts", words(id)));
    }
    let left_out: Vec<_> =
        known.into_iter().flat_map(|known| left_out(trusted, next, known)).collect();
    for (id, vote) in &left_out {
        lines.push(match vote.progress {
            Progress::Decided => format!("  ! electorate: {} is undone", words(id)),
            _ => format!("  - electorate: {} ends with its electors", words(id)),
        });
    }
    let outside = left_out.len();
    if outside > 0 && next.counts.len() >= MAX_COUNTED {
        lines.push(format!(
            "  ! electorate: no root counts more than {MAX_COUNTED} votes: {outside} that are left out have no place"
        ));
    }
    if replaces(next, trusted) {
        if known.is_none() {
            lines.push(UNKNOWN_VOTES.to_owned());
        }
        let others = next.counts.len();
        lines.push(match others {
            0 => "  ~ electorate: no vote of former electors counts".to_owned(),
            _ => format!("  ~ electorate: of former electors {} and no others", counted(others)),
        });
    }
}

fn bases(trusted: &Root, next: &Root, lines: &mut Vec<String>) {
    for Move { base, rekeyed } in moves(trusted, next) {
        let ChannelBase { channel, seq, head } = base;
        // Heads that the channel's keys vouch for hold; only other keys make them fall.
        let keys = if rekeyed { "" } else { "; its keys stay, so what they signed after it holds" };
        lines.push(match head {
            Some(head) => format!("  ~ {channel} goes on from head {seq}, {head}{keys}"),
            None => format!("  ~ {channel} begins anew, with nothing on offer{keys}"),
        });
    }
    for base in &trusted.channel_base {
        if next.base(&base.channel).is_none() {
            lines.push(format!("  ! {} has no base any more", base.channel));
        }
    }
}

/// A line about a key: by its name here, and by the words that everybody can compare.
fn of_key(mark: &str, id: &KeyId, names: &Names, say: impl FnOnce(&str) -> String) -> String {
    let name = names.get(id).map_or("a key without a name here", String::as_str);
    format!("  {mark} {}   {}", say(name), Fingerprint::of_key(*id))
}

fn counted(votes: usize) -> String {
    if votes == 1 { "1 vote counts".to_owned() } else { format!("{votes} votes count") }
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("{count} {word}") } else { format!("{count} {word}s") }
}
