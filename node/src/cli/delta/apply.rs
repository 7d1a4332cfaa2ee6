//! `updraft delta apply`: turns OLD into NEW by a patch, whole or not at all.
//!
//! What the patch says about its result is compared with the result; who made the patch, nobody asks. Memory is
//! bounded by the engine. Must never change OLD while it is read, nor anything but NEW; with `--force` both may have one
//! name, and then the result takes the place of OLD in one step at the end.

use std::{
    fs::{File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use serde_json::json;
use updraft_delta::{
    FolderError, FolderWriter, PatchError, Sides,
    patch::{self, Expected, Part},
};

use super::{
    super::{
        Context, Exit,
        output::Format,
        words::{clean, size},
        workplace::{Abandoned, Files, Workplace},
    },
    create::{FORCE, over, stay_apart},
    in_json,
    interruptible::{Ended, interruptible},
    patch_file::PatchFile,
    refusal::{not_for, of_application, of_file, of_folder, of_patch},
    side::{Side, Stream, named},
    stats::{Stats, Took, Watch},
};
use crate::problem::Problem;

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
    parts: Vec<Part>,
    took: Took,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    context.output.say(&format!("    Applying {}", clean(&args.patch.display().to_string())));
    let ended = interruptible(context, {
        let args = args.clone();
        move |abandoned| apply(&args, abandoned)
    })?;
    match ended {
        Ended::Done(done) => tell(args, &done, context).map(|()| Exit::Done),
        Ended::Stopped(exit) => Ok(exit),
    }
}

pub(super) fn apply(args: &Args, abandoned: &Abandoned) -> Result<Done, Problem> {
    let (old, new) = (named(&args.old)?, named(&args.new)?);
    stay_apart(new, "NEW", named(&args.patch)?, "PATCH")?;
    let patch = PatchFile::open(&args.patch)?;
    let place = abandoned.prepare(|| match patch.sides {
        Sides::Files => Workplace::beside(new, over(args.force), FORCE),
        Sides::Folders => {
            stay_apart(new, "NEW", old, "OLD")?;
            Workplace::beside(new, over(false), "name another place: a folder is never replaced")
        }
    })?;
    let old = Side::open(old)?;
    if old.sides() != patch.sides {
        let (is, wants) = match patch.sides {
            Sides::Files => ("a folder", "files"),
            Sides::Folders => ("a file", "folders"),
        };
        return Err(not_for(patch.path(), old.path())
            .cause(format!("it is between {wants}, and this is {is}")));
    }
    // Once NEW is there, nothing may fail any more.
    let parts = patch::parts(&patch.patch()).map_err(|error| of_patch(patch.path(), &error))?;
    let stream = old.stream()?;
    let watch = Watch::begin();
    let written = match &old {
        Side::File(file) => write_file(place, &stream, &patch, file.mode(), abandoned),
        Side::Folder(_) => write_folder(place, &stream, &patch, abandoned),
    };
    written.map_err(|error| error.why(&old, &patch, new))?;
    let took = watch.end();
    Ok(Done { patch, parts, took })
}

/// Why NEW was not written.
#[derive(Debug)]
pub(super) enum Unwritten {
    /// The engine refused, or could not read or write.
    Patch(PatchError),
    /// What came is no folder.
    Folder(FolderError),
    /// This machine could not.
    Here(io::Error),
}

impl Unwritten {
    /// As a problem. A version that changed while it was read is no version, whatever else is said of what came of it.
    pub(super) fn why(self, old: &Side, patch: &PatchFile, new: &Path) -> Problem {
        let is_ours = match &self {
            Self::Patch(error) => matches!(error, PatchError::Write(_)),
            Self::Folder(error) => matches!(error, FolderError::Sink { .. }),
            Self::Here(_) => true,
        };
        if !is_ours && let Some(changed) = old.changed() {
            return changed;
        }
        match self {
            Self::Patch(error) => of_application(patch.path(), old.path(), new, &error),
            Self::Folder(error) => of_folder(patch.path(), new, &error),
            Self::Here(error) => of_file("written", new, &error),
        }
    }
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

/// Writes the result with the mode that OLD has, whatever the mask is: what was not for others is not for them now.
fn write_file(
    place: Workplace,
    stream: &Stream<'_>,
    patch: &PatchFile,
    mode: u32,
    abandoned: &Abandoned,
) -> Result<(), Unwritten> {
    let path = place.path("new");
    let file = abandoned.write(|| {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        Ok(file)
    });
    let file = file.map_err(Unwritten::Here)?;
    let applied = apply_to(stream, patch, Interruptible { file: &file, abandoned });
    applied.map_err(Unwritten::Patch)?;
    file.sync_all().and_then(|()| abandoned.place(place, &path)).map_err(Unwritten::Here)
}

fn write_folder(
    place: Workplace,
    stream: &Stream<'_>,
    patch: &PatchFile,
    abandoned: &Abandoned,
) -> Result<(), Unwritten> {
    let root = place.path("tree");
    let files = Files::below(&root, abandoned).map_err(Unwritten::Here)?;
    let mut writer = FolderWriter::new(patch.header.new_size, files);
    if let Err(error) = apply_to(stream, patch, &mut writer) {
        // What the listing says is nearer to the cause than that writing failed.
        return Err(writer.failure().map_or(Unwritten::Patch(error), Unwritten::Folder));
    }
    let files = writer.finish().map_err(Unwritten::Folder)?;
    files.sync().and_then(|()| abandoned.place(place, &root)).map_err(Unwritten::Here)
}

/// A file that takes nothing more once nobody waits for it.
struct Interruptible<'f> {
    file: &'f File,
    abandoned: &'f Abandoned,
}

impl Write for Interruptible<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut file = self.file;
        self.abandoned.write(|| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn tell(args: &Args, done: &Done, context: &Context) -> Result<(), Problem> {
    let Done { patch, parts, took } = done;
    let header = &patch.header;
    let bytes = patch.bytes();
    let stats = Stats { header, bytes, create: None, apply: *took, parts };
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
