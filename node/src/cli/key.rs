//! `updraft key`: the keys releases and roots are signed with. A node has none of them.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use clap::Subcommand;
use serde_json::{Value, json};
use updraft_protocol::ComponentName;

use super::{
    Context, Exit,
    output::{Format, Style},
    publisher::Publisher,
    revoke,
};
use crate::{
    keys::{KeyError, KeyFile, Lock, Protection},
    problem::{Code, Problem},
    whole,
};

/// What to do with signing keys.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a key
    Generate {
        /// What the key is called here
        name: ComponentName,
        /// Keep it unprotected: whoever reads the file can sign
        #[arg(long)]
        no_password: bool,
    },
    /// List the keys there are
    List,
    /// Show a key's public part
    Show {
        /// Name, or file:PATH
        key: String,
    },
    /// Take a key back for ever, by its own signature: for a key that was stolen or lost
    Revoke(revoke::Args),
    /// Write a key's public part, for whoever puts it into a trust root
    Export {
        /// Name, or file:PATH
        key: String,
        /// The public part; the secret one never leaves its file, which can be copied as it is
        #[arg(long, required = true)]
        public: bool,
        /// Where to; standard output if left out
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

pub(super) fn run(command: Command, context: &Context) -> Result<Exit, Problem> {
    let publisher = Publisher::here(context)?;
    match command {
        Command::Generate { name, no_password } => {
            let kept = if no_password { Lock::None } else { Lock::Password };
            generate(name, kept, &publisher, context)
        }
        Command::List => list(&publisher, context),
        Command::Show { key } => show(&publisher.ring.load(&key.parse()?)?, context),
        Command::Revoke(args) => revoke::run(&args, &publisher, context),
        Command::Export { key, output, .. } => {
            let key = publisher.ring.load(&key.parse()?)?;
            match output {
                Some(path) => export(&key, &path)?,
                None => context.output.raw(&format!("{}\n", key.public)),
            }
            Ok(Exit::Done)
        }
    }
}

fn generate(
    name: ComponentName,
    lock: Lock,
    publisher: &Publisher,
    context: &Context,
) -> Result<Exit, Problem> {
    let folder = publisher.ring.nearest().expect("the ring always has the user's folder");
    let password = match lock {
        Lock::None => None,
        Lock::Password => {
            let password = publisher.passwords.new_one(name.as_str())?;
            Some(password.ok_or_else(|| KeyError::PasswordNeeded(name.to_string()))?)
        }
    };
    let protection = password.as_ref().map_or(Protection::None, Protection::Password);
    let key = folder.generate(name, protection)?;
    let path = folder.path_of(&crate::keys::KeyReference::Name(key.name.clone()));
    match context.output.format() {
        Format::Json => {
            let mut members = in_json(&key);
            members["path"] = json!(path.display().to_string());
            context.output.document("key", &members)?;
        }
        Format::Text => {
            let name = context.output.paint(Style::Name, key.name.as_str());
            context.output.line(&format!("Made {name} in {}", path.display()));
            context.output.line(&format!("  public       {}", key.public));
            context.output.line(&format!("  fingerprint  {}", key.public.id()));
            if key.lock() == Lock::None {
                context.output.warn("this key has no password: whoever reads the file can sign");
            }
        }
    }
    Ok(Exit::Done)
}

fn lock_word(lock: Lock) -> &'static str {
    match lock {
        Lock::Password => "password",
        Lock::None => "NOT PROTECTED",
    }
}

fn in_json(key: &KeyFile) -> Value {
    json!({
        "name": key.name.as_str(),
        "public": key.public.to_string(),
        "fingerprint": key.public.id().to_string(),
        "password": key.lock() == Lock::Password,
    })
}

fn list(publisher: &Publisher, context: &Context) -> Result<Exit, Problem> {
    let keys = publisher.ring.list();
    match context.output.format() {
        Format::Json => {
            let keys: Vec<_> = keys
                .iter()
                .map(|listed| match &listed.key {
                    Ok(key) => in_json(key),
                    Err(error) => json!({ "name": listed.name, "error": error.to_string() }),
                })
                .collect();
            context.output.document("key", &json!({ "keys": keys }))?;
        }
        Format::Text if keys.is_empty() => {
            context.output.say("No keys here.");
            context.output.hint("make one with `updraft key generate NAME`");
        }
        Format::Text => context.output.table(
            ["NAME", "FINGERPRINT", "LOCK", "PUBLIC"],
            keys.iter().map(|listed| match &listed.key {
                Ok(key) => [
                    listed.name.clone(),
                    key.public.id().to_string(),
                    lock_word(key.lock()).to_owned(),
                    key.public.to_string(),
                ],
                Err(error) => {
                    [listed.name.clone(), "-".to_owned(), "-".to_owned(), error.to_string()]
                }
            }),
        ),
    }
    Ok(Exit::Done)
}

fn show(key: &KeyFile, context: &Context) -> Result<Exit, Problem> {
    match context.output.format() {
        Format::Json => context.output.document("key", &in_json(key))?,
        Format::Text => {
            context.output.line(&format!("{}  {}", key.name, lock_word(key.lock())));
            context.output.line(&format!("  public       {}", key.public));
            context.output.line(&format!("  fingerprint  {}", key.public.id()));
        }
    }
    Ok(Exit::Done)
}

fn export(key: &KeyFile, path: &Path) -> Result<(), Problem> {
    whole::replace::<io::Error>(path, |file| writeln!(file, "{}", key.public)).map_err(|error| {
        Problem::new(Code::FileUnusable, format!("cannot write {}", path.display()))
            .cause(error.to_string())
    })
}
