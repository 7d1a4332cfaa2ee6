//! `updraft trust`: whom this machine believes, and until when.
//!
//! Answered by the running node, or without one from the data directory; either way the chain of roots is
//! verified here, from the first on.

use std::collections::BTreeMap;

use clap::Subcommand;
use serde_json::json;
use updraft_protocol::{Digest, NetworkKind, Root, Timestamp, Verified};

use super::{
    Context, Exit, node_ledger,
    output::{Format, Output, Style},
    publisher::{Publisher, data_directory},
    words::{DEV_NETWORK, clean, relative},
};
use crate::{
    api::types::{Elector, Role, Trust},
    clock::Clock,
    fingerprint::Fingerprint,
    problem::Problem,
    publish::{
        ledger::{Ledger, TrustError, Trusted},
        lifetime::Lifetime,
    },
};

/// What to do with trust.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the network, its root, and who may sign what
    Show,
}

pub(super) fn run(command: Command, context: &Context) -> Result<Exit, Problem> {
    let Command::Show = command;
    show_root(context)
}

/// Shows the root in force.
pub(super) fn show_root(context: &Context) -> Result<Exit, Problem> {
    let publisher = Publisher::here(context)?;
    let ledger: Box<dyn Ledger> = match node_ledger::find(context)? {
        Some(node) => Box::new(node),
        None => Box::new(data_directory(context)?),
    };
    let first = ledger.root(1)?.ok_or(TrustError::NoRoot)?.digest();
    let trusted = Trusted::follow(&*ledger, Some(&first))?;
    let names = publisher.ring.names();
    let names = names.into_iter().map(|(id, name)| (id.to_hex(), name)).collect();
    show(trusted.root(), &first, &names, context)?;
    Ok(Exit::Done)
}

/// What keys are called here, by their ids; the root knows ids only.
type Names = BTreeMap<String, String>;

fn show(
    root: &Verified<Root>,
    first: &Digest,
    names: &Names,
    context: &Context,
) -> Result<(), Problem> {
    let trust = Trust::of(root, &root.digest(), first);
    let compared = Fingerprint::of(first);
    let output = &context.output;
    let now = Clock::system().now();
    if output.format() == Format::Json {
        let mut members = json!(trust);
        members["fingerprint"] = json!(compared.digits());
        members["words"] = json!(compared.words());
        members["expiry"] = json!(match Lifetime::of(root.issued, root.expires, now) {
            Lifetime::Long => "long",
            Lifetime::Ending => "ending",
            Lifetime::Over => "over",
        });
        let known = trust.roles.iter().flat_map(|role| &role.keys);
        let named: Names =
            known.filter_map(|key| Some((key.clone(), names.get(key)?.clone()))).collect();
        members["keyNames"] = json!(named);
        return output.document("trust", &members);
    }
    if root.kind == NetworkKind::Development {
        output.line(&output.paint(Style::Warning, DEV_NETWORK));
    }
    output.line(&format!("network     {}, id {}", trust.network, root.network));
    output.line(&format!("first root  {compared}"));
    if root.version > 1 {
        output.line(&format!("root {:<5}  {}", root.version, Fingerprint::of(&root.digest())));
    }
    output.line(&format!("expires     {}, {}", relative(root.expires, now), root.expires));
    roles(&trust.roles, names, output);
    others(&trust, names, output);
    warn_of_expiry(root, now, output);
    Ok(())
}

/// What roles do not say: votes, beginnings, and keys that count no more.
fn others(trust: &Trust, names: &Names, output: &Output) {
    let call = |key: &String| {
        let digest = key.parse::<Digest>().expect("a key's id is a digest");
        let name = names.get(key).map_or(String::new(), |name| format!("{name}   "));
        format!("{name}{}", Fingerprint::of(&digest))
    };
    for elector in &trust.electors {
        let Elector { key, weight, operator, operator_permille } = elector;
        let (percent, tenth) = (operator_permille / 10, operator_permille % 10);
        output.line(&format!(
            "votes       {operator}, weight {weight}, {percent}.{tenth} % with all of its keys   {}",
            call(key)
        ));
    }
    for vote in &trust.counts {
        output.line(&format!("counts      vote {vote}, of former electors"));
    }
    for base in &trust.bases {
        output.line(&match &base.head {
            Some(head) => format!("goes on     {} from head {}, {head}", base.channel, base.seq),
            None => format!("goes on     {} anew", base.channel),
        });
    }
    for revoked in &trust.revoked {
        let line = format!(
            "REVOKED     {}   {}, since {}",
            call(&revoked.key),
            clean(&revoked.reason),
            revoked.since
        );
        output.line(&output.paint(Style::Warning, &line));
    }
}

fn warn_of_expiry(root: &Root, now: Timestamp, output: &Output) {
    let ended = relative(root.expires, now);
    match Lifetime::of(root.issued, root.expires, now) {
        Lifetime::Long => {}
        Lifetime::Ending => output.warn(&format!(
            "less than a third of root {}'s time is left: it ends {ended}, and the next one takes \
             signatures of {} root keys",
            root.version,
            root.root.threshold(),
        )),
        Lifetime::Over => output.warn(&format!("root {} ended {ended}", root.version)),
    }
}

fn roles(roles: &[Role], names: &Names, output: &Output) {
    output.line("");
    let rows = roles.iter().flat_map(|role| {
        let what = match &role.channel {
            Some(channel) => format!("{}:{channel}", role.role),
            None => role.role.clone(),
        };
        let need = format!("{} of {}", role.threshold, role.keys.len());
        role.keys.iter().enumerate().map(move |(n, key)| {
            let (what, need) = if n == 0 { (what.clone(), need.clone()) } else { <_>::default() };
            let name = names.get(key).cloned().unwrap_or_else(|| "-".to_owned());
            let digest = key.parse::<Digest>().expect("a key's id is a digest");
            [what, need, name, Fingerprint::of(&digest).to_string()]
        })
    });
    output.table(["ROLE", "NEEDS", "NAME", "KEY"], rows);
}
