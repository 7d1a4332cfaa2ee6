//! `updraft init`: makes a network: its keys and its trust root.
//!
//! Can be run again: keys and root that are there are used as they are, what is missing is made.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use serde_json::json;
use updraft_protocol::{
    ComponentName, NetworkId, NetworkKind, NetworkName, PublicKey, Root, SecretKey, Signed, codec,
};

use super::{
    Context, Exit,
    output::{Format, Style},
    publisher::passwords,
    words::DEV_NETWORK,
};
use crate::{
    api::types::network_kind,
    clock::Clock,
    fingerprint::Fingerprint,
    join::{self, Chain},
    keys::{self, KeyError, KeyFolder, KeyReference, PasswordSource, Protection},
    problem::{Code, Problem},
    publish::{
        founding::{self, Holders, Quorum},
        project,
    },
    whole,
};

/// Create a network: trust root and keys
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to put keys and root
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// What people call the network; the directory's name if left out
    #[arg(long, value_name = "NAME")]
    pub network: Option<NetworkName>,
    /// Threshold and number of root keys
    #[arg(long, value_name = "T/N", default_value = "2/3", conflicts_with = "dev")]
    pub root_keys: Quorum,
    /// Threshold and number of release keys
    #[arg(long, value_name = "T/N", default_value = "1/1", conflicts_with = "dev")]
    pub release_keys: Quorum,
    /// Keep the keys unprotected: whoever reads the files can sign
    #[arg(long)]
    pub no_password: bool,
    /// One unprotected key that expires in 30 days, for trying things out
    #[arg(long)]
    pub dev: bool,
}

/// What the network will be.
struct Plan {
    name: NetworkName,
    kind: NetworkKind,
    root: Quorum,
    release: Quorum,
    root_names: Vec<ComponentName>,
    release_names: Vec<ComponentName>,
}

impl Plan {
    fn of(args: &Args, folder: &Path) -> Result<Self, Problem> {
        let name = match &args.network {
            Some(name) => name.clone(),
            None => name_of(folder)?,
        };
        if args.dev {
            let one = Quorum { threshold: 1, keys: 1 };
            let names = key_names("dev", 1);
            return Ok(Self {
                name,
                kind: NetworkKind::Development,
                root: one,
                release: one,
                root_names: names.clone(),
                release_names: names,
            });
        }
        let (root, release) = (args.root_keys, args.release_keys);
        founding::check(NetworkKind::Production, root)?;
        Ok(Self {
            name,
            kind: NetworkKind::Production,
            root,
            release,
            root_names: key_names("root", root.keys),
            release_names: key_names("ci", release.keys),
        })
    }
}

fn name_of(folder: &Path) -> Result<NetworkName, Problem> {
    let name = folder.file_name().map(|name| name.to_string_lossy().to_lowercase());
    name.unwrap_or_default().parse().map_err(|error| {
        Problem::from_error(Code::RequestInvalid, &error).hint("name it with `--network NAME`")
    })
}

/// `dev`, or `root-1` to `root-3`.
fn key_names(word: &str, count: u16) -> Vec<ComponentName> {
    let name = |text: String| text.parse().expect("a word and a number are a name");
    match count {
        1 => vec![name(word.to_owned())],
        count => (1..=count).map(|n| name(format!("{word}-{n}"))).collect(),
    }
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    let failed = |error: io::Error| {
        Problem::new(Code::FileUnusable, format!("cannot make {}", args.dir.display()))
            .cause(error.to_string())
    };
    fs::create_dir_all(&args.dir).map_err(failed)?;
    let folder = fs::canonicalize(&args.dir).map_err(failed)?;
    let root_path = folder.join(project::ROOT);
    let (root, plan) = match project::read_root(&root_path)? {
        Some(root) => (root, None),
        None => {
            let plan = Plan::of(args, &folder)?;
            let root = found(args, &plan, &folder, context)?;
            write_whole(&root_path, &codec::encode(&root).map_err(unwritable)?)?;
            (root, Some(plan))
        }
    };
    let chain = Chain::begin(root.clone(), &root.digest()).map_err(|error| {
        Problem::new(Code::RootMismatch, format!("{} is no first root", root_path.display()))
            .because(Some(&error))
    })?;
    if args.network.as_ref().is_some_and(|name| *name != chain.newest().name) {
        let there = &chain.newest().name;
        let detail = format!("{} holds the network `{there}` already", folder.display());
        return Err(
            Problem::new(Code::RootMismatch, detail).hint("make another in its own directory")
        );
    }
    let file = folder.join(project::FILE);
    if !file.exists() {
        let network = chain.newest().name.clone();
        let component = name_of(&folder).unwrap_or_else(|_| network.clone());
        let component = component.as_str().parse().expect("a network's name is a component's too");
        write_whole(&file, project::template(&network, &component).as_bytes())?;
    }
    join::keep(&context.dirs()?.data, &chain, &[])?;
    tell(&chain, plan.as_ref(), &folder, context)
}

fn unwritable(error: codec::EncodeError) -> Problem {
    Problem::from_error(Code::RequestInvalid, &error)
}

/// Makes or finds the keys and signs the first root with all of them that have a say in it.
fn found(
    args: &Args,
    plan: &Plan,
    folder: &Path,
    context: &Context,
) -> Result<Signed<Root>, Problem> {
    let keys = KeyFolder::new(folder.join(project::KEYS));
    let desk =
        Desk { keys, passwords: passwords(context), unprotected: args.dev || args.no_password };
    let owners = desk.all(&plan.root_names)?;
    let publishers = match plan.kind {
        NetworkKind::Development => public(&owners),
        NetworkKind::Production => public(&desk.all(&plan.release_names)?),
    };
    let network = NetworkId::from_bytes(keys::random_bytes()?);
    let root = Holders { threshold: plan.root.threshold, keys: public(&owners) };
    let release = Holders { threshold: plan.release.threshold, keys: publishers };
    let now = Clock::system().now();
    Ok(founding::first_root(network, plan.name.clone(), plan.kind, root, release, &owners, now)?)
}

fn public(keys: &[SecretKey]) -> Vec<PublicKey> {
    keys.iter().map(SecretKey::public).collect()
}

/// Where keys are made.
struct Desk {
    keys: KeyFolder,
    passwords: PasswordSource,
    unprotected: bool,
}

impl Desk {
    fn all(&self, names: &[ComponentName]) -> Result<Vec<SecretKey>, Problem> {
        names.iter().map(|name| self.one(name)).collect()
    }

    /// The key of this name: the one an interrupted run has left, or a new one.
    fn one(&self, name: &ComponentName) -> Result<SecretKey, Problem> {
        match self.keys.load(&KeyReference::Name(name.clone())) {
            Ok(key) => return Ok(key.unlock_with(&self.passwords)?),
            Err(KeyError::Unknown { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        if self.unprotected {
            return Ok(self.keys.generate(name.clone(), Protection::None)?.unlock(None)?);
        }
        let password = self.passwords.new_one(name.as_str())?.ok_or_else(|| {
            Problem::from(KeyError::PasswordNeeded(name.to_string()))
                .cause("`--no-password` keeps keys unprotected, `--dev` makes a network to try out")
        })?;
        let key = self.keys.generate(name.clone(), Protection::Password(&password))?;
        Ok(key.unlock(Some(&password))?)
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    whole::replace::<io::Error>(path, |file| file.write_all(bytes)).map_err(|error| {
        Problem::new(Code::FileUnusable, format!("cannot write {}", path.display()))
            .cause(error.to_string())
    })
}

fn tell(
    chain: &Chain,
    made: Option<&Plan>,
    folder: &Path,
    context: &Context,
) -> Result<Exit, Problem> {
    let root = chain.newest();
    let first = chain.first();
    let fingerprint = Fingerprint::of(&first);
    let output = &context.output;
    if output.format() == Format::Json {
        output.document(
            "init",
            &json!({
                "network": root.name.as_str(),
                "kind": network_kind(root.kind),
                "root": first.to_string(),
                "fingerprint": fingerprint.digits(),
                "words": fingerprint.words(),
                "expires": root.expires.to_string(),
                "created": made.is_some(),
                "directory": folder.display().to_string(),
            }),
        )?;
        return Ok(Exit::Done);
    }
    if root.kind == NetworkKind::Development {
        output.line(&output.paint(Style::Warning, DEV_NETWORK));
    }
    let verb = if made.is_some() { "Created" } else { "Found" };
    output.line(&format!("{verb} network {}", output.paint(Style::Name, root.name.as_str())));
    if let Some(plan) = made {
        let files = |names: &[ComponentName]| {
            names.iter().map(|name| format!("{name}.key")).collect::<Vec<_>>().join("  ")
        };
        let (root, release) = (files(&plan.root_names), files(&plan.release_names));
        let keep = match plan.kind {
            NetworkKind::Production => "   keep these offline",
            NetworkKind::Development => "",
        };
        output.line(&format!("  root     {}   {root}{keep}", plan.root));
        output
            .line(&format!("  release  {}   {release}   used by `updraft publish`", plan.release));
    }
    output.line(&format!("  written  {}, {}, {}/", project::FILE, project::ROOT, project::KEYS));
    output.line(&format!("Root fingerprint  {fingerprint}"));
    let next = "start a node with `updraft run`, publish with `updraft publish PATH --as 1.0.0`,\n  \
                and let others in with `updraft ticket create`";
    let keep = "take the root keys in keys/ to other media: they change the network, and are not needed \
                to publish\n  ";
    output.hint(&match root.kind {
        NetworkKind::Production => format!("{keep}{next}"),
        NetworkKind::Development => next.to_owned(),
    });
    Ok(Exit::Done)
}
