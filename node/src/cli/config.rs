//! `updraft config`: what is in force and where it came from.

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::{Context, Exit, output::Format, output::Style};
use crate::{
    config::{DEFAULTS, Loaded, Slot, Written, nearest},
    problem::{Code, Problem},
};

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print every value in force
    Show {
        /// Also where each value came from
        #[arg(long)]
        origin: bool,
    },
    /// Check the configuration and say what is wrong with it
    Check,
    /// Print every key with its default and its bounds
    Default,
    /// Print the files that are read, the strongest last
    Path,
    /// Print one value
    Get {
        /// The key, for example p2p.listen
        key: String,
    },
}

pub(super) fn run(command: Command, context: &Context) -> Result<Exit, Problem> {
    if matches!(command, Command::Default) {
        return print_defaults(context);
    }
    let loaded = context.load(Vec::new())?;
    match command {
        Command::Show { origin } => show(&loaded, origin, context)?,
        Command::Check => check(&loaded, context)?,
        Command::Path => path(&loaded, context)?,
        Command::Get { key } => get(&loaded, &key, context)?,
        Command::Default => {}
    }
    Ok(Exit::Done)
}

fn print_defaults(context: &Context) -> Result<Exit, Problem> {
    match context.output.format() {
        Format::Text => context.output.raw(DEFAULTS),
        Format::Json => context.output.document("config.default", &json!({ "toml": DEFAULTS }))?,
    }
    Ok(Exit::Done)
}

fn show(loaded: &Loaded, with_origin: bool, context: &Context) -> Result<(), Problem> {
    let output = &context.output;
    if output.format() == Format::Json {
        let member = |slot: &Slot| {
            let value = json_of(&slot.written);
            json!({ "value": value, "origin": slot.origin.to_string() })
        };
        let keys: Map<String, Value> =
            loaded.merged.iter().map(|(key, slot)| (key.to_owned(), member(slot))).collect();
        return output.document("config.show", &json!({ "keys": keys }));
    }
    let mut section = "";
    for (key, slot) in loaded.merged.iter() {
        let (above, name) = key.rsplit_once('.').unwrap_or(("", key));
        if above != section {
            if !section.is_empty() {
                output.line("");
            }
            output.line(&output.paint(Style::Strong, &format!("[{}]", heading(above))));
            section = above;
        }
        let origin = if with_origin { format!("  # {}", slot.origin) } else { String::new() };
        output.line(&format!("{} = {}{origin}", output.paint(Style::Name, name), slot.written));
    }
    Ok(())
}

/// A section's heading in TOML; a component's name with a dot in it has to be quoted.
fn heading(section: &str) -> String {
    match section.split_once('.') {
        Some((above, name)) if name.contains('.') => format!("{above}.\"{name}\""),
        _ => section.to_owned(),
    }
}

fn check(loaded: &Loaded, context: &Context) -> Result<(), Problem> {
    let files: Vec<_> = loaded.files.iter().map(|file| file.display().to_string()).collect();
    match context.output.format() {
        Format::Json => context.output.document(
            "config.check",
            &json!({ "valid": true, "files": files, "notes": loaded.notes }),
        ),
        Format::Text => {
            let read = if files.is_empty() {
                "no file, only defaults".to_owned()
            } else {
                files.join(", ")
            };
            let good = context.output.paint(Style::Good, "valid");
            context.output.line(&format!("the configuration is {good} ({read})"));
            Ok(())
        }
    }
}

fn path(loaded: &Loaded, context: &Context) -> Result<(), Problem> {
    let files: Vec<_> = loaded.files.iter().map(|file| file.display().to_string()).collect();
    if context.output.format() == Format::Json {
        return context.output.document("config.path", &json!({ "files": files }));
    }
    if files.is_empty() {
        let folders = context.dirs()?.config_candidates;
        let looked: Vec<_> = folders
            .iter()
            .map(|folder| folder.join("updraft.toml").display().to_string())
            .collect();
        context.output.say(&format!("no file is read; looked at {}", looked.join(", ")));
    }
    for file in files {
        context.output.line(&file);
    }
    Ok(())
}

fn get(loaded: &Loaded, key: &str, context: &Context) -> Result<(), Problem> {
    let Some(slot) = loaded.merged.get(key) else {
        let problem = Problem::new(Code::ConfigInvalid, format!("there is no value for `{key}`"));
        let keys = loaded.merged.iter().map(|(key, _)| key);
        return Err(match nearest(key, keys) {
            Some(nearest) => problem.hint(format!("the nearest is `{nearest}`")),
            None => problem.hint("`updraft config show` lists all"),
        });
    };
    if context.output.format() == Format::Json {
        let value = json_of(&slot.written);
        return context.output.document(
            "config.get",
            &json!({ "key": key, "value": value, "origin": slot.origin.to_string() }),
        );
    }
    // Scripts want the text itself, without quotes, and one line for each element of a list.
    match &slot.written {
        Written::Text(text) => context.output.line(text),
        Written::List(items) => items.iter().for_each(|item| context.output.line(item)),
        other => context.output.line(&other.to_string()),
    }
    Ok(())
}

fn json_of(written: &Written) -> Value {
    match written {
        Written::Text(text) | Written::Other(text) => json!(text),
        Written::Whole(number) => json!(number),
        Written::Flag(flag) => json!(flag),
        Written::List(items) => json!(items),
    }
}
