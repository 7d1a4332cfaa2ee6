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
    fingerprint::Fingerprint,
    keys::{self, KeyError, KeyFile, KeyReference, Lock, Protection},
    problem::{Code, Problem},
    secret::Exposure,
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
    /// Change, set or remove a key's password
    ///
    /// Asks for the old one, then twice for the new one. Where nobody can be asked, the new one comes from the
    /// file UPDRAFT_KEY_NEW_PASSWORD_FILE or the descriptor UPDRAFT_KEY_NEW_PASSWORD_FD.
    Passwd {
        /// Name, or file:PATH
        key: String,
        /// Remove the password: whoever reads the file can sign
        #[arg(long)]
        no_password: bool,
    },
    /// Keep a key file that was made elsewhere
    Import {
        /// The key file
        file: PathBuf,
        /// What the key is called here; its own name if left out
        name: Option<ComponentName>,
    },
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
        Command::Passwd { key, no_password } => {
            let kept = if no_password { Lock::None } else { Lock::Password };
            passwd(&key, kept, &publisher, context)
        }
        Command::Import { file, name } => import(&file, name, &publisher, context),
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
    tell("Made", &key, &folder.path_of(&KeyReference::Name(key.name.clone())), context)
}

fn passwd(
    key: &str,
    lock: Lock,
    publisher: &Publisher,
    context: &Context,
) -> Result<Exit, Problem> {
    let reference: KeyReference = key.parse()?;
    let before = publisher.ring.load(&reference)?;
    let name = before.name.to_string();
    let secret = before.unlock_with(&publisher.passwords)?;
    let password = match lock {
        Lock::None => None,
        Lock::Password => {
            let password = publisher.passwords.replacement(&name)?;
            Some(password.ok_or(KeyError::NewPasswordNeeded(name))?)
        }
    };
    let protection = password.as_ref().map_or(Protection::None, Protection::Password);
    let after = publisher.ring.protect(&reference, &secret, protection)?;
    match context.output.format() {
        Format::Json => context.output.document("key", &in_json(&after))?,
        Format::Text => {
            let what = match (before.lock(), after.lock()) {
                (Lock::Password, Lock::Password) => "has another password",
                (Lock::None, Lock::Password) => "has a password now",
                (_, Lock::None) => "has no password",
            };
            let name = context.output.paint(Style::Name, after.name.as_str());
            context.output.line(&format!("{name} {what}. Copies of its file open as before."));
            warn_of_lock(&after, context);
        }
    }
    Ok(Exit::Done)
}

fn import(
    file: &Path,
    name: Option<ComponentName>,
    publisher: &Publisher,
    context: &Context,
) -> Result<Exit, Problem> {
    let folder = publisher.ring.nearest().expect("the ring always has the user's folder");
    let (mut key, exposure) = keys::read_from_elsewhere(file)?;
    if let Some(name) = name.filter(|name| *name != key.name) {
        let password = match key.lock() {
            Lock::None => None,
            Lock::Password => publisher.passwords.existing(key.name.as_str())?,
        };
        key = key.renamed(name, password.as_ref())?;
    }
    let path = folder.keep(&key)?;
    if let Exposure::Others { mode } = exposure {
        context.output.warn(&format!(
            "others can read {} (mode {mode:04o}): remove it when you no longer need it",
            file.display()
        ));
    }
    tell("Imported", &key, &path, context)
}

fn tell(verb: &str, key: &KeyFile, path: &Path, context: &Context) -> Result<Exit, Problem> {
    match context.output.format() {
        Format::Json => {
            let mut members = in_json(key);
            members["path"] = json!(path.display().to_string());
            context.output.document("key", &members)?;
        }
        Format::Text => {
            let name = context.output.paint(Style::Name, key.name.as_str());
            context.output.line(&format!("{verb} {name} in {}", path.display()));
            tell_public(key, context);
            warn_of_lock(key, context);
        }
    }
    Ok(Exit::Done)
}

fn tell_public(key: &KeyFile, context: &Context) {
    context.output.line(&format!("  public       {}", key.public));
    context.output.line(&format!("  fingerprint  {}", Fingerprint::of_key(key.public.id())));
}

fn warn_of_lock(key: &KeyFile, context: &Context) {
    if key.lock() == Lock::None {
        context.output.warn("this key has no password: whoever reads the file can sign");
    }
}

fn lock_word(lock: Lock) -> &'static str {
    match lock {
        Lock::Password => "password",
        Lock::None => "NOT PROTECTED",
    }
}

fn in_json(key: &KeyFile) -> Value {
    let fingerprint = Fingerprint::of_key(key.public.id());
    json!({
        "name": key.name.as_str(),
        "public": key.public.to_string(),
        "fingerprint": fingerprint.digits(),
        "words": fingerprint.words(),
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
            ["NAME", "LOCK", "FINGERPRINT", "WORDS"],
            keys.iter().map(|listed| match &listed.key {
                Ok(key) => {
                    let fingerprint = Fingerprint::of_key(key.public.id());
                    [
                        listed.name.clone(),
                        lock_word(key.lock()).to_owned(),
                        fingerprint.digits(),
                        fingerprint.words(),
                    ]
                }
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
            tell_public(key, context);
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
