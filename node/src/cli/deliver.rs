//! What becomes of statements that are signed: handed to the node one after the other, or written into a file.
//!
//! A command answers once: with `--json` in one document that lists every statement. Nothing is signed here.

use std::path::{Path, PathBuf};

use serde_json::json;
use updraft_protocol::Statement;

use super::{
    Context, Exit,
    node_ledger::NodeLedger,
    output::Format,
    statement::{Books, write},
    status::count,
    words::clean,
};
use crate::problem::{Code, Problem};

/// Whether so many statements can be delivered as asked for; to be asked before anything is signed.
///
/// # Errors
/// [`Code::RequestInvalid`] for several and one file.
pub(super) fn fits(statements: usize, out: Option<&PathBuf>) -> Result<(), Problem> {
    if out.is_none() || statements == 1 {
        return Ok(());
    }
    let detail = format!("{statements} statements do not fit into one file");
    Err(Problem::new(Code::RequestInvalid, detail)
        .hint("one for each kind of machine: name it with `--target TRIPLE`"))
}

/// Writes the statement into a file, or hands all of them to the node.
pub(super) fn deliver(
    statements: &[Statement],
    out: Option<&PathBuf>,
    books: &Books,
    context: &Context,
) -> Result<Exit, Problem> {
    fits(statements.len(), out)?;
    match (out, statements, books) {
        (Some(path), [statement], _) => into_file(statement, path, context),
        (_, _, Books::Node(node)) => say(node, statements, context),
        _ => Err(needs_a_node()),
    }
}

/// The problem of a command that has nobody to hand anything to.
pub(super) fn needs_a_node() -> Problem {
    Problem::new(Code::NodeNotRunning, "this needs a running node").hint(
        "start it with `updraft run`, or write into a file with `--out FILE` and hand that over where one runs",
    )
}

fn into_file(statement: &Statement, path: &Path, context: &Context) -> Result<Exit, Problem> {
    write(path, statement)?;
    if context.output.format() == Format::Json {
        let file = path.display().to_string();
        let (kind, id) = (statement.kind(), statement.id().to_string());
        let written = json!([{ "kind": kind, "id": id, "file": file }]);
        context.output.document("statement", &json!({ "statements": written }))?;
    } else {
        context.output.line(&format!("The {} is in {}.", statement.kind(), path.display()));
    }
    context.output.hint(&format!("hand it to a node: updraft say {}", path.display()));
    Ok(Exit::Done)
}

/// Hands statements to the node and tells what became of them. Where one is refused, those before it are said.
pub(super) fn say(
    node: &NodeLedger,
    statements: &[Statement],
    context: &Context,
) -> Result<Exit, Problem> {
    let mut told = Vec::new();
    for statement in statements {
        let said = node.say(statement).map_err(|problem| {
            told.iter().fold(problem, |problem, said: &crate::api::types::Said| {
                problem.cause(format!("said before that, and in force: {}", said.words))
            })
        })?;
        if context.output.format() == Format::Text {
            context.output.line(&clean(&said.words));
            let news = if said.news { "" } else { "; it was known already" };
            context.output.say(&format!("Told {}{news}.", count(said.reached, "peer")));
        }
        told.push(said);
    }
    if context.output.format() == Format::Json {
        context.output.document("statement", &json!({ "statements": told }))?;
    }
    Ok(Exit::Done)
}
