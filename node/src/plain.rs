//! An open file as the delta crate reads one: by position. Its size is what it is when it is taken; who needs it to stay
//! the same sees to that.

use std::{fs::File, io, os::unix::fs::FileExt as _};

use updraft_delta::ReadAt;

/// An open file, read by position.
#[derive(Debug)]
pub struct PlainFile {
    file: File,
    size: u64,
}

impl PlainFile {
    /// A file with the bytes that it has now.
    ///
    /// # Errors
    /// Those of looking at the file.
    pub fn new(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self { file, size })
    }
}

impl ReadAt for PlainFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset)
    }
}
