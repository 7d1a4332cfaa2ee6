//! What the commands have in common that sign statements: what is trusted, which key, words, a file or the node.
//!
//! A statement in a file is its bare encoding, signed by nobody, by some, or by all who have to. `updraft sign FILE`
//! adds signatures, `updraft say FILE` hands it to the node.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

use serde_json::json;
use updraft_protocol::{
    ChannelName, Digest, Head, Listing, Role, Root, Sentence, Signable, Signed, Statement, Target,
    Verified, Wire as _, codec,
};

use super::{
    Answer, Context, Exit,
    node_ledger::{self, NodeLedger},
    output::Format,
    publisher::{DataDirectory, Publisher, data_directory, references},
    reference::ReleaseRef,
    words::clean,
};
use crate::{
    agent::in_words,
    keys::KeyFile,
    problem::{Code, Problem},
    publish::{
        ledger::{Ledger, OnlyRoots, Trusted},
        sign::{SignError, name_of, unlock},
    },
    whole,
};

/// What to do with a file of another network.
pub(super) const OTHER_NETWORK: &str = "sign it in the folder of its project, or name that network's data with `-d DIR`; `updraft trust show` \
     says which network is here";

/// What a pause, or the end of one, is about.
#[derive(Debug, clap::Args)]
pub struct Scope {
    /// COMPONENT or COMPONENT@VERSION; the newest version if left out
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub release: Option<ReleaseRef>,
    /// Everything on the channel, and not one release
    #[arg(long)]
    pub all: bool,
    /// The channel; the release file's, or `stable` if left out
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<ChannelName>,
    /// Only for these machines; for all of them if left out
    #[arg(long, value_name = "TRIPLE")]
    pub target: Option<Target>,
}

impl Scope {
    /// Digests of the releases that are meant, one for each kind of machine; `None` for all of the channel.
    pub(super) fn releases(
        &self,
        head: Option<&Verified<Head>>,
        channel: &ChannelName,
    ) -> Result<Vec<Option<Digest>>, Problem> {
        let Some(name) = &self.release else { return Ok(vec![None]) };
        let listed = listings(head, name, self.target.as_ref(), channel)?;
        Ok(listed.iter().map(|listing| Some(listing.manifest)).collect())
    }
}

/// Where a command finds out what is trusted.
pub(super) enum Books {
    /// At the running node, which can also be handed something.
    Node(NodeLedger),
    /// In the data directory of this machine.
    Data(DataDirectory),
    /// In the project's roots: on a machine that has joined nothing.
    Roots(OnlyRoots),
}

impl Books {
    /// Without a file to write, a node is needed, which is told before anything is signed.
    pub(super) fn open(
        out: Option<&PathBuf>,
        publisher: &Publisher,
        context: &Context,
    ) -> Result<Self, Problem> {
        if out.is_none() {
            return node_ledger::require(context).map(Self::Node);
        }
        if let Some(node) = node_ledger::find(context)? {
            return Ok(Self::Node(node));
        }
        let roots = publisher.project.as_ref().map(|project| project.roots()).transpose()?;
        let roots = roots.unwrap_or_default();
        match data_directory(context) {
            // A directory that has joined nothing knows less than the project does.
            Ok(data) if roots.is_empty() || data.root(1)?.is_some() => Ok(Self::Data(data)),
            Err(problem) if roots.is_empty() => Err(problem),
            Ok(_) | Err(_) => Ok(Self::Roots(OnlyRoots(roots))),
        }
    }

    pub(super) fn ledger(&self) -> &dyn Ledger {
        match self {
            Self::Node(node) => node,
            Self::Data(data) => data,
            Self::Roots(roots) => roots,
        }
    }
}

/// The channel a command means: the one named, the project's, or `stable`.
pub(super) fn channel(named: Option<&ChannelName>, publisher: &Publisher) -> ChannelName {
    let project = publisher.project.as_ref().and_then(|project| project.settings.channel.clone());
    let usual = || "stable".parse().expect("a channel name");
    named.cloned().or(project).unwrap_or_else(usual)
}

/// The listings a person means: of the version named or the newest, for the target named or every one.
pub(super) fn listings(
    head: Option<&Verified<Head>>,
    name: &ReleaseRef,
    target: Option<&Target>,
    channel: &ChannelName,
) -> Result<Vec<Listing>, Problem> {
    let releases = head.map(|head| head.releases.as_slice()).unwrap_or_default();
    let fits = |listing: &&Listing| {
        listing.component == name.component && target.is_none_or(|t| listing.target == *t)
    };
    let newest = releases.iter().filter(fits).map(|listing| &listing.version).max();
    let version = name.version.as_ref().or(newest);
    let found: Vec<Listing> = releases
        .iter()
        .filter(fits)
        .filter(|listing| Some(&listing.version) == version)
        .cloned()
        .collect();
    if found.is_empty() {
        let detail = format!("{name} is not on offer on `{channel}`");
        return Err(Problem::new(Code::ReleaseUnknown, detail)
            .hint("`updraft list --all` shows what is on offer"));
    }
    Ok(found)
}

/// What a release is called by the head that lists it.
pub(super) fn release_name(head: Option<&Verified<Head>>, digest: &Digest) -> String {
    head.and_then(|head| head.listing(digest)).map_or_else(
        || digest.to_string(),
        |listing| format!("{}@{} for {}", listing.component, listing.version, listing.target),
    )
}

/// The role of the trust root that may say something, or the problem that there is none.
pub(super) fn role<'a>(
    role: Option<&'a Role>,
    name: &str,
    root: &Root,
) -> Result<&'a Role, Problem> {
    role.ok_or_else(|| {
        let detail = format!("the trust root of {} has no {name} keys", root.name);
        Problem::new(Code::ThresholdNotMet, detail).hint(format!(
            "the root keys give somebody this role: `updraft root begin -m TEXT`, then \
             `updraft root add-key {name} KEY`"
        ))
    })
}

/// The file of a key that has a role; nothing is unlocked yet.
pub(super) fn key_in_role(
    publisher: &Publisher,
    named: &str,
    role: &Role,
    role_name: &str,
) -> Result<KeyFile, Problem> {
    let file = publisher.ring.load(&named.parse()?)?;
    if role.key(&file.public.id()).is_some() {
        return Ok(file);
    }
    let names = publisher.ring.names();
    let could: Vec<_> = role.keys().iter().map(|key| name_of(&key.id(), &names)).collect();
    let detail = format!("`{}` is no {role_name} key", file.name);
    Err(Problem::new(Code::ThresholdNotMet, detail)
        .cause(format!("{role_name} keys are {}", could.join(", ")))
        .hint("sign with one of them: `--key NAME`, or `--key file:PATH`; `updraft key list` shows those that are here"))
}

/// A sentence signed by the one key that says it.
pub(super) fn signed_alone<T: Sentence>(
    sentence: &T,
    key: &KeyFile,
    publisher: &Publisher,
) -> Result<Signed<T>, Problem> {
    let mut signed = unsigned(sentence)?;
    signed.sign(&key.unlock_with(&publisher.passwords)?, sentence.network());
    Ok(signed)
}

/// A value that nobody has signed.
pub(super) fn unsigned<T: Signable>(value: &T) -> Result<Signed<T>, Problem> {
    Signed::unsigned(value).map_err(|error| Problem::from_error(Code::SourceRefused, &error))
}

/// Shows what will be signed and asks.
pub(super) fn consent(words: &[String], context: &Context) -> Result<(), Problem> {
    for line in words {
        context.output.say(&format!("Will sign: {}", clean(line)));
    }
    match context.ask("Sign it?") {
        Answer::Yes => Ok(()),
        Answer::No => Err(Problem::new(Code::Failed, "nothing was signed")
            .hint("`--yes` answers yes, after what will be signed was printed")),
    }
}

/// Writes a statement into a file, whole or not at all.
pub(super) fn write(path: &Path, statement: &Statement) -> Result<(), Problem> {
    let bytes = codec::encode(statement)
        .map_err(|error| Problem::from_error(Code::SourceRefused, &error))?;
    whole::replace::<std::io::Error>(path, |file| file.write_all(&bytes)).map_err(|error| {
        Problem::new(Code::FileUnusable, format!("cannot write {}", path.display()))
            .cause(error.to_string())
    })
}

/// The statement in a file; `None` if the file is something else.
pub(super) fn read(path: &Path) -> Result<Option<Statement>, Problem> {
    let mut bytes = Vec::new();
    // One byte more than a statement may have: what is larger is something else.
    let most = Statement::MAX as u64 + 1;
    File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)).map_err(|error| {
        Problem::new(Code::FileUnusable, format!("cannot read {}", path.display()))
            .cause(error.to_string())
    })?;
    Ok(codec::decode(&bytes).ok())
}

/// Adds signatures to a statement in a file. Only a lift needs more than one.
pub(super) fn sign_file(
    path: &PathBuf,
    statement: Statement,
    keys: &[String],
    context: &Context,
) -> Result<Exit, Problem> {
    let Statement::Lift(mut signed) = statement else {
        let detail = format!("a {} is signed by one key, when it is made", statement.kind());
        return Err(Problem::new(Code::RequestInvalid, detail)
            .hint(format!("hand it to a node: updraft say {}", path.display())));
    };
    let publisher = Publisher::here(context)?;
    let books = Books::open(Some(path), &publisher, context)?;
    let trusted = publisher.trust(books.ledger())?;
    let lift =
        signed.peek().map_err(|error| Problem::from_error(Code::SignatureInvalid, &error))?;
    if lift.network != trusted.root().network {
        let detail =
            format!("{} is for another network than {}", path.display(), trusted.root().name);
        return Err(Problem::new(Code::SignatureInvalid, detail).hint(OTHER_NETWORK));
    }
    let role = trusted.role(&lift.channel)?;
    let words = words(&Statement::Lift(signed.clone()), &trusted, &lift.channel)?;
    consent(&[words], context)?;
    let named = references(keys)?;
    for key in unlock(&publisher.ring, &named, role, &lift.channel, &publisher.passwords)? {
        signed.sign(&key, &lift.network);
    }
    let standing = standing(&signed, role, &lift.channel, &publisher);
    write(path, &Statement::Lift(signed))?;
    tell(path, standing, context)
}

/// What a statement says, with the releases of its channel called by their names as far as they are known.
pub(super) fn told(statement: &Statement, trusted: &Trusted<'_>) -> String {
    let channel = match statement {
        Statement::Brake(signed) => signed.peek().ok().map(|brake| brake.channel),
        Statement::Lift(signed) => signed.peek().ok().map(|lift| lift.channel),
        _ => None,
    };
    // It is only about a name: what cannot be looked up is called by its digest.
    let head = channel.and_then(|channel| trusted.head(&channel).ok().flatten());
    in_words(statement, |digest| release_name(head.as_ref(), digest))
}

/// A statement in words, with releases called by their names as far as the channel's head knows them.
pub(super) fn words(
    statement: &Statement,
    trusted: &Trusted<'_>,
    channel: &ChannelName,
) -> Result<String, Problem> {
    let head = trusted.head(channel)?;
    Ok(in_words(statement, |digest| release_name(head.as_ref(), digest)))
}

/// Whether enough have signed; if not, who has and who could.
pub(super) fn standing<T: Signable>(
    signed: &Signed<T>,
    role: &Role,
    channel: &ChannelName,
    publisher: &Publisher,
) -> Result<(), SignError> {
    let names = publisher.ring.names();
    let signers = signed.peek().map(|value| signed.signers(value.network(), role));
    let signers = signers.unwrap_or_default();
    if updraft_protocol::threshold::enough(role, &signers).is_ok() {
        return Ok(());
    }
    let (signed, could) =
        role.keys().iter().map(|key| key.id()).partition::<Vec<_>, _>(|id| signers.contains(id));
    let named = |ids: Vec<_>| ids.iter().map(|id| name_of(id, &names)).collect();
    let (channel, need) = (channel.clone(), role.threshold());
    Err(SignError::TooFew { channel, need, signed: named(signed), could: named(could) })
}

/// Tells where a file with signatures stands.
pub(super) fn tell(
    path: &Path,
    standing: Result<(), SignError>,
    context: &Context,
) -> Result<Exit, Problem> {
    let file = path.display();
    let (have, need, could, verdict) = match &standing {
        Ok(()) => (None, None, Vec::new(), "has all its signatures".to_owned()),
        Err(SignError::TooFew { signed, could, need, .. }) => {
            let verdict = format!("has {} of the {need} signatures needed", signed.len());
            (Some(signed.len()), Some(*need), could.clone(), verdict)
        }
        Err(error) => (None, None, Vec::new(), error.to_string()),
    };
    if context.output.format() == Format::Json {
        let complete = standing.is_ok();
        let members = json!({
            "file": file.to_string(), "complete": complete, "signatures": have, "needed": need,
            "couldSign": could,
        });
        context.output.document("sign", &members)?;
    } else {
        context.output.line(&format!("{file} {verdict}."));
    }
    context.output.hint(&if standing.is_ok() {
        format!("hand it to a node: updraft say {file}")
    } else {
        format!("have it signed by {}: updraft sign {file} --key NAME", could.join(" or "))
    });
    Ok(Exit::Done)
}
