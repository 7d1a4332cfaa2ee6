//! The file of a patch: what it is between, and the patch in it.
//!
//! Nothing of it is read but its beginning until the engine has compared its size with what it says.

use std::path::Path;

use updraft_delta::{Sides, Tail, patch};

use super::{
    refusal::{of_file, of_patch},
    side::Regular,
};
use crate::problem::Problem;

/// A patch in a file, with what it says about itself.
#[derive(Debug)]
pub(super) struct PatchFile {
    file: Regular,
    /// What it is between.
    pub(super) sides: Sides,
    /// What it says about itself.
    pub(super) header: patch::Header,
}

impl PatchFile {
    /// Opens it and reads its header.
    pub(super) fn open(path: &Path) -> Result<Self, Problem> {
        let file = Regular::open(path)?;
        let sides = Sides::of(&&file).map_err(|error| of_file("read", path, &error))?;
        let header = patch::inspect(&behind(&file, sides));
        let header = header.map_err(|error| of_patch(path, &error))?;
        Ok(Self { file, sides, header })
    }

    /// What was named.
    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// The patch itself.
    pub(super) fn patch(&self) -> Tail<&Regular> {
        behind(&self.file, self.sides)
    }

    /// Bytes of the file.
    pub(super) fn bytes(&self) -> u64 {
        updraft_delta::ReadAt::size(&&self.file)
    }
}

fn behind(file: &Regular, sides: Sides) -> Tail<&Regular> {
    Tail::new(file, sides.mark().len() as u64)
}
