//! Contents as they are compressed whole: programs with addresses in place of distances.
//!
//! ```text
//!  contents ─▶ find images ─▶ tables in normal form ─▶ addresses ─▶ zstd          and back, an image at a time
//!                             executable/normalise/    code.rs
//! ```
//!
//! A function that is called from a hundred places is a hundred distances, and one address. With addresses, calls are
//! repeats that a compressor finds: a tenth of a program's compressed size. All of it has the same length and can be
//! undone from what a list says about the images, which stands before the compressed contents. Must never need all
//! contents to undo: they pass by, and only an image is held.

mod code;

use std::io::{self, Write};

use crate::{
    entropy::{Reader, Writer},
    error::PatchError,
    executable::{self, Image, Tables, normalise, restore},
    patch::{Told, code_images},
};

/// Larger images stay as they are: who undoes this holds one in memory.
const MAX_IMAGE: usize = 64 * 1024 * 1024;

/// Bytes of a list. Real ones have some fifty for each image.
pub(crate) const MAX_LIST: u64 = 1024 * 1024;

/// The images whose references are addresses.
#[derive(Debug)]
pub(crate) struct Images(Vec<Told>);

/// Changes the images among the contents, and says which and how: a list of at most [`MAX_LIST`] bytes, none if nothing
/// was changed. What the list has no room for stays as it is.
pub(crate) fn to_addresses(contents: &mut [u8]) -> Result<Option<Vec<u8>>, PatchError> {
    to_addresses_with(contents, MAX_LIST)
}

fn to_addresses_with(contents: &mut [u8], most: u64) -> Result<Option<Vec<u8>>, PatchError> {
    let size = contents.len();
    let mut told = Vec::new();
    for image in executable::find(contents) {
        if image.end() - image.at > MAX_IMAGE {
            continue;
        }
        let bytes = &mut contents[image.at..image.end()];
        let alone = alone(&image);
        let tables = normalise(bytes, &alone);
        code::to_addresses(bytes, &alone);
        told.push((image, tables));
    }
    let mut images = Images(told);
    loop {
        if images.0.is_empty() {
            return Ok(None);
        }
        let list = images.write(size)?;
        if list.len() as u64 <= most {
            return Ok(Some(list));
        }
        // Half of them fit the next time, or half of those.
        for (image, tables) in images.0.drain(images.0.len() / 2..) {
            undo(&mut contents[image.at..image.end()], &image, tables);
        }
    }
}

/// The image of a file that begins with its first byte.
fn alone(image: &Image) -> Image {
    let mut alone = image.clone();
    alone.at = 0;
    alone.sections.iter_mut().for_each(|section| section.offset -= image.at);
    alone
}

fn undo(bytes: &mut [u8], image: &Image, tables: Tables) {
    let alone = alone(image);
    code::to_distances(bytes, &alone);
    restore(bytes, &alone, tables);
}

impl Images {
    /// Writes the list of images of so many bytes of contents.
    fn write(&self, size: usize) -> Result<Vec<u8>, PatchError> {
        let mut coder = Writer::new();
        code_images(&mut coder, (&[], &[]), size, &self.0)?;
        Ok(coder.finish())
    }

    /// Reads the list of images of so many bytes of contents.
    pub(crate) fn read(list: &[u8], size: usize) -> Result<Self, PatchError> {
        let mut coder = Reader::new(list);
        let told = code_images(&mut coder, (&[], &[]), size, &[])?;
        if !coder.is_ended() {
            return Err(PatchError::OtherEnd);
        }
        for (image, _) in &told {
            let got = image.end() - image.at;
            if got > MAX_IMAGE {
                return Err(PatchError::Impossible { field: "size of an image", got: got as u64 });
            }
        }
        Ok(Self(told))
    }
}

/// Puts images back in contents that are written through it.
#[derive(Debug)]
pub(crate) struct Undoing<'i, W> {
    /// Those that did not come yet, and the one under way.
    images: &'i [Told],
    /// Bytes of the contents that came.
    at: usize,
    /// What came of the image under way.
    held: Vec<u8>,
    out: W,
}

impl<'i, W: Write> Undoing<'i, W> {
    /// Writes contents with these images into `out`.
    pub(crate) fn new(images: &'i Images, out: W) -> Self {
        Self { images: &images.0, at: 0, held: Vec::new(), out }
    }
}

impl<W: Write> Write for Undoing<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(((image, tables), rest)) = self.images.split_first() else {
            return self.out.write(bytes);
        };
        if self.at < image.at {
            let before = bytes.len().min(image.at - self.at);
            let written = self.out.write(&bytes[..before])?;
            self.at += written;
            return Ok(written);
        }
        let taken = bytes.len().min(image.end() - self.at);
        self.held.extend_from_slice(&bytes[..taken]);
        self.at += taken;
        if self.at == image.end() {
            undo(&mut self.held, image, *tables);
            self.out.write_all(&self.held)?;
            self.held = Vec::new();
            self.images = rest;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
