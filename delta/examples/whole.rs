//! Packs files as the whole artifact of a release: `whole BYTES…` reads the files one after the other, of so many bytes
//! each, and writes the blob. Scripts that compare compressors call it.

use std::io::{self, Read as _, Write as _};

use updraft_delta::{Level, offer};
use updraft_protocol::{Digest, Entry, FileMode, Node, Tree};

type AnyError = Box<dyn std::error::Error>;

fn main() -> Result<(), AnyError> {
    let sizes: Vec<usize> =
        std::env::args().skip(1).map(|size| size.parse()).collect::<Result<_, _>>()?;
    let mut contents = Vec::new();
    io::stdin().lock().read_to_end(&mut contents)?;
    let (mut rest, mut entries) = (&*contents, Vec::new());
    for (number, size) in sizes.iter().enumerate() {
        let (file, after) = rest.split_at_checked(*size).ok_or("fewer bytes than files have")?;
        let (mode, size) = (FileMode::Plain, file.len() as u64);
        let node = Node::File { mode, size, digest: Digest::of(file) };
        entries.push(Entry { path: format!("{number:09}").parse()?, node });
        rest = after;
    }
    if !rest.is_empty() {
        return Err("more bytes than files have".into());
    }
    let mut blob = Vec::new();
    let tree = Tree { entries };
    let described = offer::whole(&tree, || &*contents, Level::PUBLISH, &mut blob)?;
    offer::prove_whole(described.blob, &blob, &tree)?;
    io::stdout().lock().write_all(&blob)?;
    Ok(())
}
