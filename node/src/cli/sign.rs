//! `updraft sign`: adds signatures to a file that travels: a bundle, the draft of a root, or a statement.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::{
    Answer, Context, Exit, node_ledger,
    output::Format,
    publisher::{Publisher, data_directory, in_json, in_words, references},
    root, statement,
};
use crate::{
    bundle::Bundle,
    problem::{Code, Problem},
    publish::{
        ledger::{Ledger, OnlyRoots},
        rootdraft::RootDraft,
        sign::{Standing, unlock},
    },
};

/// Add a signature to a bundle, a root draft or a statement
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The bundle, the draft of a root, or the statement
    pub file: PathBuf,
    /// Sign with this key: a name, or file:PATH
    #[arg(short, long, value_name = "KEY", required = true)]
    pub key: Vec<String>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    if is_draft(&args.file)? {
        return root::sign_file(&args.file, &args.key, context);
    }
    if let Some(said) = statement::read(&args.file)? {
        return statement::sign_file(&args.file, said, &args.key, context);
    }
    let publisher = Publisher::here(context)?;
    let mut bundle = Bundle::open(&args.file)?;
    // Who signs vouches for the bytes, so they have to be those that the manifest names.
    bundle.verify()?;
    // A signer's machine needs no node and no network: the project's root tells who may sign.
    let roots = publisher.project.as_ref().map(|project| project.roots()).transpose()?;
    let ledger: Box<dyn Ledger> = match roots.filter(|roots| !roots.is_empty()) {
        Some(roots) => Box::new(OnlyRoots(roots)),
        None => match node_ledger::find(context)? {
            Some(node) => Box::new(node),
            None => Box::new(data_directory(context)?),
        },
    };
    let trusted = publisher.trust(&*ledger)?;
    let trusted_root = trusted.root();
    if bundle.manifest().network != trusted_root.network {
        let detail =
            format!("{} is for another network than {}", args.file.display(), trusted_root.name);
        return Err(Problem::new(Code::SignatureInvalid, detail).hint(statement::OTHER_NETWORK));
    }
    let channel = bundle.manifest().channel.clone();
    let role = trusted.role(&channel)?;
    for line in in_words(bundle.head(), bundle.manifest()) {
        context.output.say(&line);
    }
    let keys =
        unlock(&publisher.ring, &references(&args.key)?, role, &channel, &publisher.passwords)?;
    if context.ask("Sign it?") == Answer::No {
        return Err(Problem::new(Code::Failed, "nothing was signed")
            .hint("`--yes` answers yes, after what will be signed was printed"));
    }
    bundle.sign(&keys, &trusted_root.network)?;
    let standing = Standing::of(&bundle, role, &publisher.ring.names());
    tell(&bundle, &standing, context)
}

/// Looks at the first bytes.
fn is_draft(path: &Path) -> Result<bool, Problem> {
    let mut begin = Vec::new();
    std::fs::File::open(path).and_then(|file| file.take(64).read_to_end(&mut begin)).map_err(
        |error| {
            Problem::new(Code::FileUnusable, format!("cannot read {}", path.display()))
                .cause(error.to_string())
        },
    )?;
    Ok(RootDraft::is_claimed_by(&begin))
}

fn tell(bundle: &Bundle, standing: &Standing, context: &Context) -> Result<Exit, Problem> {
    let complete = standing.signed.len() >= standing.need;
    if context.output.format() == Format::Json {
        let mut members =
            in_json(bundle.head(), bundle.manifest(), &bundle.signed_manifest().digest());
        members["signed"] = json!(standing.signed);
        members["couldSign"] = json!(standing.could);
        members["needed"] = json!(standing.need);
        members["complete"] = json!(complete);
        context.output.document("sign", &members)?;
        return Ok(Exit::Done);
    }
    let (have, need) = (standing.signed.len(), standing.need);
    let verdict = if complete { ": complete" } else { "" };
    context.output.line(&format!(
        "{}   signed by {}   {have} of {need} needed{verdict}",
        bundle.manifest().release_name(),
        standing.signed.join(", "),
    ));
    let file = bundle.path().display();
    context.output.hint(&if complete {
        format!("announce it: updraft publish --bundle {file}")
    } else {
        format!("have it signed by {}: updraft sign {file} --key NAME", standing.could.join(" or "))
    });
    Ok(Exit::Done)
}
