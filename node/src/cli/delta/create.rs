//! `updraft delta create`: makes a patch between two files or two folders.
//!
//! The patch is applied and compared before anything is written. It takes memory, and is done in one go; nothing is on
//! the disk until the patch is proven, and Ctrl-C ends it at once.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use serde_json::json;
use updraft_delta::{
    CreateError, Level, ReadAt as _, Sides, offer,
    patch::{self, Options, Part},
};
use updraft_protocol::PatchCodec;

use super::{
    super::{
        Context, Exit,
        output::{Format, Output},
        words::{clean, share, size},
        workplace::{Abandoned, Over, Workplace},
    },
    Codec, in_json,
    interruptible::{Ended, interruptible},
    name_of,
    refusal::{of_creation, of_file, of_patch},
    side::{Side, named},
    stats::{Stats, Took, Watch},
};
use crate::problem::{Code, Problem};

/// Both sides together from which on it is said how much memory is needed.
const LARGE: u64 = 128 * 1024 * 1024;
/// What comparing takes at most, in times both sides.
const MEMORY: u64 = 12;

/// What to make a patch of, and how.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// File or folder to start from
    pub old: PathBuf,
    /// File or folder to end with
    pub new: PathBuf,
    /// Where to write the patch
    pub patch: PathBuf,
    /// How the patch is encoded
    #[arg(long, value_enum, default_value_t = Codec::Auto)]
    pub codec: Codec,
    /// How hard streams of bytes are compressed, 1 to 22 as zstd counts
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=22), default_value_t = Level::PUBLISH.get())]
    pub level: i32,
    /// Show what it took, and what the patch consists of
    #[arg(long)]
    pub stats: bool,
    /// Replace the file at PATCH if there is one
    #[arg(short, long)]
    pub force: bool,
}

/// A patch that was made, proven and written.
struct Made {
    header: patch::Header,
    parts: Vec<Part>,
    sides: Sides,
    /// Bytes of its file.
    written: u64,
    create: Took,
    apply: Took,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    let ended = interruptible(context, {
        let (args, output) = (args.clone(), context.output.clone());
        move |abandoned| create(&args, &output, abandoned)
    })?;
    match ended {
        Ended::Done(made) => tell(args, &made, &context.output).map(|()| Exit::Done),
        Ended::Stopped(exit) => Ok(exit),
    }
}

fn create(args: &Args, output: &Output, abandoned: &Abandoned) -> Result<Made, Problem> {
    let to = named(&args.patch)?;
    for (name, side) in [("OLD", &args.old), ("NEW", &args.new)] {
        stay_apart(to, "PATCH", named(side)?, name)?;
    }
    // Only to see whether that will work: nothing lies there while the patch is made.
    let place = || Workplace::beside(to, over(args.force), FORCE);
    drop(abandoned.prepare(place)?);
    let (old, new) = (Side::open(&args.old)?, Side::open(&args.new)?);
    let sides = old.sides();
    if sides != new.sides() {
        let detail = format!(
            "`{}` and `{}` are a file and a folder",
            args.old.display(),
            args.new.display()
        );
        return Err(
            Problem::new(Code::RequestInvalid, detail).hint("name two files, or two folders")
        );
    }
    let (old, new) = (old.read()?, new.read()?);
    let both = old.size().saturating_add(new.size());
    let memory = if both < LARGE {
        String::new()
    } else {
        format!(", which takes up to {} of memory", size(both.saturating_mul(MEMORY)))
    };
    output.say(&format!("   Comparing {} with {}{memory}", size(old.size()), size(new.size())));
    let watch = Watch::begin();
    let (codec, bytes) = make(args, &old, &new).map_err(|error| of_creation(&error))?;
    let create = watch.end();
    output.say(&format!("    Checking a patch of {}", size(bytes.size())));
    let watch = Watch::begin();
    offer::prove(&old, &new, codec, &bytes).map_err(|error| of_creation(&error))?;
    let apply = watch.end();
    let header = patch::inspect(&bytes).map_err(|error| of_patch(to, &error))?;
    let parts = patch::parts(&bytes).map_err(|error| of_patch(to, &error))?;
    let written = bytes.size().saturating_add(sides.mark().len() as u64);
    let place = abandoned.prepare(place)?;
    write(place, sides, &bytes, abandoned).map_err(|error| of_file("written", to, &error))?;
    Ok(Made { header, parts, sides, written, create, apply })
}

fn tell(args: &Args, made: &Made, output: &Output) -> Result<(), Problem> {
    let Made { header, parts, sides, written, create, apply } = made;
    let to = args.patch.display();
    let stats = Stats { header, bytes: *written, create: Some(*create), apply: *apply, parts };
    match output.format() {
        Format::Json => {
            let mut members = in_json(header, *sides, *written);
            members["patch"] = json!(to.to_string());
            members["create"] = create.in_json();
            members["apply"] = apply.in_json();
            if args.stats {
                members["stats"] = stats.in_json();
            }
            output.document("delta-create", &members)
        }
        Format::Text => {
            let line = format!(
                "{to}: {}, {} of new, {}; made in {}, applied in {}",
                size(*written),
                share(*written, header.new_size),
                name_of(header.codec),
                create.words(),
                apply.words()
            );
            output.line(&clean(&line));
            if args.stats {
                output.line("");
                stats.show(output);
            }
            Ok(())
        }
    }
}

fn make(args: &Args, old: &[u8], new: &[u8]) -> Result<(PatchCodec, Vec<u8>), CreateError> {
    let level = Level::new(args.level).unwrap_or_default();
    match args.codec.named() {
        None => offer::smallest(old, new, level),
        Some(codec) => Ok((codec, patch::create(old, new, &Options { codec, level })?)),
    }
}

fn write(place: Workplace, sides: Sides, bytes: &[u8], abandoned: &Abandoned) -> io::Result<()> {
    let path = place.path("new");
    abandoned.write(|| {
        // As readable as the user's mask lets files be.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o666).open(&path)?;
        file.write_all(sides.mark())?;
        file.write_all(bytes)?;
        file.sync_all()
    })?;
    abandoned.place(place, &path)
}

/// What to do about a file that is there already.
pub(super) const FORCE: &str = "replace a file with `--force`, or name another place";

pub(super) fn over(force: bool) -> Over {
    if force { Over::File } else { Over::Nothing }
}

/// Refuses to write over what is read, or into it: it would not be what the patch is for any more.
pub(super) fn stay_apart(to: &Path, to_name: &str, from: &Path, name: &str) -> Result<(), Problem> {
    let same = |a: &Path, b: &Path| match (fs::metadata(a), fs::metadata(b)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    };
    let folder = match to.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let inside = match (fs::canonicalize(folder), fs::canonicalize(from)) {
        (Ok(folder), Ok(from)) => folder.starts_with(from),
        _ => false,
    };
    let detail = if same(to, from) {
        format!("`{}` is {name} itself", to.display())
    } else if inside {
        format!("`{}` would lie in {name}, and change it", to.display())
    } else {
        return Ok(());
    };
    Err(Problem::new(Code::RequestInvalid, detail)
        .hint(format!("name another place for {to_name}")))
}
