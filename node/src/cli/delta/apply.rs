//! `updraft delta apply`: turns OLD into NEW by a patch, whole or not at all.
//!
//! What the patch says about its result is compared with the result; who made the patch, nobody asks. Memory is
//! bounded by the engine. Must never touch OLD, nor anything outside of NEW.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::json;
use updraft_delta::{
    FolderWriter, PatchError, Sides,
    patch::{self, Expected},
};

use super::{
    super::{
        Context, Exit,
        output::Format,
        words::{clean, size},
        workplace::{Abandoned, Files, Wanted, Workplace},
    },
    create::{FORCE, over, stay_apart},
    in_json,
    patch_file::PatchFile,
    refusal::{not_for, of_application, of_file, of_folder, of_patch},
    side::{Side, Stream, named},
    stats::{Stats, Took, Watch},
};
use crate::problem::{Code, Problem};

/// What to apply to what.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// File or folder that the patch is for
    pub old: PathBuf,
    /// The patch
    pub patch: PathBuf,
    /// Where to write the result
    pub new: PathBuf,
    /// Replace the file at NEW if there is one; a folder is never replaced
    #[arg(short, long)]
    pub force: bool,
    /// Show what it took, and what the patch consists of
    #[arg(long)]
    pub stats: bool,
}

/// What was done.
#[derive(Debug)]
pub(super) struct Done {
    patch: PatchFile,
    took: Took,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    context.output.say(&format!("    Applying {}", clean(&args.patch.display().to_string())));
    let done = interruptible(context, {
        let args = args.clone();
        move |abandoned| apply(&args, abandoned)
    })?;
    match done {
        Some(done) => tell(args, &done, context).map(|()| Exit::Done),
        None => Ok(Exit::Interrupted),
    }
}

/// Does work until it ends or Ctrl-C is pressed. Then it stops at the next byte it writes, and cleans up; whoever
/// cannot wait for that presses again.
fn interruptible<T: Send + 'static>(
    context: &Context,
    work: impl FnOnce(&Abandoned) -> Result<T, Problem> + Send + 'static,
) -> Result<Option<T>, Problem> {
    let runtime = context.runtime()?;
    let ended = runtime.block_on(async {
        let wanted = Wanted::default();
        let abandoned = wanted.watched();
        let mut work = tokio::task::spawn_blocking(move || work(&abandoned));
        tokio::select! {
            ended = &mut work => return Some(ended),
            pressed = tokio::signal::ctrl_c() => {
                if pressed.is_err() {
                    // Without a handler the system ends the process by itself.
                    return Some(work.await);
                }
            }
        }
        drop(wanted);
        tokio::select! {
            // What was done before it could be stopped is done.
            ended = work => Some(ended).filter(|ended| matches!(ended, Ok(Ok(_)))),
            _ = tokio::signal::ctrl_c() => None,
        }
    });
    runtime.shutdown_background();
    match ended {
        Some(Ok(ended)) => ended.map(Some),
        Some(Err(error)) => Err(Problem::from_error(Code::Failed, &error)),
        None => Ok(None),
    }
}

pub(super) fn apply(args: &Args, abandoned: &Abandoned) -> Result<Done, Problem> {
    let (old, new) = (named(&args.old)?, named(&args.new)?);
    stay_apart(new, "NEW", named(&args.patch)?, "PATCH")?;
    let patch = PatchFile::open(&args.patch)?;
    let place = match patch.sides {
        Sides::Files => Workplace::beside(new, over(args.force), FORCE)?,
        Sides::Folders => {
            stay_apart(new, "NEW", old, "OLD")?;
            Workplace::beside(new, over(false), "name another place: a folder is never replaced")?
        }
    };
    let old = Side::open(old)?;
    if old.sides() != patch.sides {
        let (is, wants) = match patch.sides {
            Sides::Files => ("a folder", "files"),
            Sides::Folders => ("a file", "folders"),
        };
        return Err(not_for(patch.path(), old.path())
            .cause(format!("it is between {wants}, and this is {is}")));
    }
    let stream = old.stream()?;
    let watch = Watch::begin();
    match &old {
        Side::File(file) => {
            let mode = if file.can_be_run() { 0o777 } else { 0o666 };
            write_file(place, &stream, old.path(), &patch, mode, abandoned)?;
        }
        Side::Folder(_) => write_folder(place, &stream, old.path(), &patch, abandoned)?,
    }
    let took = watch.end();
    Ok(Done { patch, took })
}

fn apply_to(
    stream: &Stream<'_>,
    patch: &PatchFile,
    out: impl Write,
) -> Result<patch::Applied, PatchError> {
    // There is no signed manifest here to compare the header with.
    let expected = Expected { codec: patch.header.codec, new_size: patch.header.new_size };
    patch::apply(stream, &patch.patch(), &expected, out)
}

fn write_file(
    place: Workplace,
    stream: &Stream<'_>,
    old: &Path,
    patch: &PatchFile,
    mode: u32,
    abandoned: &Abandoned,
) -> Result<(), Problem> {
    let new = place.destination().to_owned();
    let unwritten = |error: io::Error| of_file("written", &new, &error);
    let path = place.path("new");
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
    let file = file.map_err(unwritten)?;
    let applied = apply_to(stream, patch, Interruptible { file: &file, abandoned });
    applied.map_err(|error| of_application(patch.path(), old, &new, &error))?;
    file.sync_all().and_then(|()| place.place(&path)).map_err(unwritten)
}

fn write_folder(
    place: Workplace,
    stream: &Stream<'_>,
    old: &Path,
    patch: &PatchFile,
    abandoned: &Abandoned,
) -> Result<(), Problem> {
    let new = place.destination().to_owned();
    let unwritten = |error: io::Error| of_file("written", &new, &error);
    let root = place.path("tree");
    let files = Files::below(&root, abandoned).map_err(unwritten)?;
    let mut writer = FolderWriter::new(patch.header.new_size, files);
    if let Err(error) = apply_to(stream, patch, &mut writer) {
        // What the listing says is nearer to the cause than that writing failed.
        return Err(match writer.failure() {
            Some(error) => of_folder(patch.path(), &new, &error),
            None => of_application(patch.path(), old, &new, &error),
        });
    }
    let files = writer.finish().map_err(|error| of_folder(patch.path(), &new, &error))?;
    files.sync().and_then(|()| place.place(&root)).map_err(unwritten)
}

/// A file that takes nothing more once nobody waits for it.
struct Interruptible<'f> {
    file: &'f File,
    abandoned: &'f Abandoned,
}

impl Write for Interruptible<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.abandoned.check()?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn tell(args: &Args, done: &Done, context: &Context) -> Result<(), Problem> {
    let Done { patch, took } = done;
    let parts = patch::parts(&patch.patch()).map_err(|error| of_patch(patch.path(), &error))?;
    let header = &patch.header;
    let bytes = patch.bytes();
    let stats = Stats { header, bytes, create: None, apply: *took, parts: &parts };
    match context.output.format() {
        Format::Json => {
            let mut members = in_json(header, patch.sides, bytes);
            members["path"] = json!(args.new.display().to_string());
            members["apply"] = took.in_json();
            if args.stats {
                members["stats"] = stats.in_json();
            }
            context.output.document("delta-apply", &members)
        }
        Format::Text => {
            let (new, bytes) = (args.new.display(), size(header.new_size));
            let line = format!("{new}: {bytes} written and checked in {}", took.words());
            context.output.line(&clean(&line));
            if args.stats {
                context.output.line("");
                stats.show(&context.output);
            }
            Ok(())
        }
    }
}
