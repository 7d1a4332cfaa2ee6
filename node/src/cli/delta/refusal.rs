//! What is refused here, as problems: what was wrong, and what to do. Nothing here decides what is refused.

use std::{error::Error, path::Path};

use updraft_delta::{
    Blame, CreateError, FolderError, PatchError, matching::MAX_BOTH_SIDES, patch::MAX_SIDE,
};

use super::super::{problem_of::file_code, words::size};
use crate::{
    problem::{Code, Problem},
    publish::source::SourceError,
};

/// What to do about a patch that cannot be right.
const GET_AGAIN: &str = "fetch the patch again, or ask whoever made it for a new one";

/// A file or folder that was named cannot be taken.
pub(super) fn of_source(error: SourceError) -> Problem {
    let problem = Problem::from(error);
    match problem.code {
        Code::SourceRefused => Problem { code: Code::InputRefused, ..problem },
        _ => problem,
    }
}

/// A path that cannot be taken, and why, as the rest of a sentence.
pub(super) fn of_path(path: &Path, reason: &str) -> Problem {
    Problem::new(Code::InputRefused, format!("`{}` {reason}", path.display()))
}

/// A file that this machine cannot read or write.
pub(super) fn of_file(doing: &str, path: &Path, error: &(dyn Error + 'static)) -> Problem {
    let detail = format!("`{}` cannot be {doing}", path.display());
    Problem::new(file_code(error), detail).because(Some(error))
}

/// A side that is larger than patches are made and applied for.
pub(super) fn too_large(path: &Path, got: u64) -> Problem {
    let most = size(MAX_SIDE);
    of_path(path, &format!("has {got} bytes; patches are for at most {MAX_SIDE} ({most})"))
        .hint("make patches of its parts: of single files, or of folders in it")
}

/// A patch that cannot be made.
pub(super) fn of_creation(error: &CreateError) -> Problem {
    let refused = Problem::from_error(Code::InputRefused, error);
    match error {
        CreateError::TooLargeTogether { limit, .. } if *limit < MAX_BOTH_SIDES => {
            refused.hint("`--codec plain` takes more, and makes a larger patch")
        }
        CreateError::TooLarge { .. }
        | CreateError::TooLargeTogether { .. }
        | CreateError::Index { .. } => {
            refused.hint("make patches of its parts: of single files, or of folders in it")
        }
        CreateError::TooMuchNew { .. } => {
            refused.hint("`--codec fast` takes any number of new bytes")
        }
        CreateError::Container(_) => {
            refused.hint("`--codec plain` does not look into compressed files")
        }
        CreateError::Scattered { .. } => {
            refused.hint("the two have hardly anything in common: hand out NEW itself, compressed")
        }
        CreateError::Compress(_) => Problem::from_error(file_code(error), error),
        CreateError::Untrue(_) | CreateError::OtherResult | CreateError::Describe(_) => {
            Problem::from_error(Code::Failed, error)
                .hint("nothing was written; this is a bug, please report it with both versions")
        }
    }
}

/// A patch that cannot be read at all.
pub(super) fn of_patch(path: &Path, error: &PatchError) -> Problem {
    let path = path.display();
    match error.blame() {
        Blame::Here => {
            Problem::new(file_code(error), format!("`{path}` cannot be read")).because(Some(error))
        }
        Blame::Base | Blame::Blob => {
            let detail = format!("`{path}` is refused as a patch");
            let hint = match error {
                PatchError::NotAPatch => "`updraft delta create OLD NEW PATCH` makes one",
                _ => GET_AGAIN,
            };
            Problem::new(Code::PatchRefused, detail).because(Some(error)).hint(hint)
        }
    }
}

/// A patch that cannot be applied to what was named.
pub(super) fn of_application(patch: &Path, old: &Path, new: &Path, error: &PatchError) -> Problem {
    match error {
        PatchError::Write(source) => of_file("written", new, source),
        PatchError::ReadOld { .. } => of_file("read", old, error),
        _ if error.blame() == Blame::Base => not_for(patch, old).because(Some(error)),
        _ => of_patch(patch, error),
    }
}

/// A patch that is for something else than what was named.
pub(super) fn not_for(patch: &Path, old: &Path) -> Problem {
    let (patch, old) = (patch.display(), old.display());
    Problem::new(Code::PatchRefused, format!("`{patch}` is not for `{old}`")).hint(format!(
        "name the version that it was made from; `updraft delta inspect {patch}` shows its size and check"
    ))
}

/// A stream that is no folder, or a folder that cannot be written.
pub(super) fn of_folder(patch: &Path, new: &Path, error: &FolderError) -> Problem {
    match error {
        FolderError::Sink { .. } => of_file("written", new, error),
        _ => {
            let detail = format!("`{}` does not make a folder", patch.display());
            Problem::new(Code::PatchRefused, detail).because(Some(error)).hint(GET_AGAIN)
        }
    }
}
