//! Pairs of contents that test vectors are of, which programs are not: always the same, whatever else changes here.

use std::io::Write as _;

use flate2::{Compression, GzBuilder};

use crate::generate::noise;

/// Contents of which every fortieth byte changes in a way that comes again and again: much is wrong, and streams say it
/// in fewer bytes than counters do.
pub(crate) fn in_step() -> (Vec<u8>, Vec<u8>) {
    let old = noise(1, 40_000);
    let mut new = old.clone();
    let changes = noise(2, 250);
    for (byte, change) in new.iter_mut().skip(39).step_by(40).zip(changes.iter().cycle()) {
        *byte = byte.wrapping_add(change | 1);
    }
    (old, new)
}

/// A text in a file of gzip, with something around it.
pub(crate) fn packed(text: &str) -> Vec<u8> {
    let mut gzip = GzBuilder::new().filename("text").write(Vec::new(), Compression::new(6));
    gzip.write_all(text.as_bytes()).expect("memory takes bytes");
    let packed = gzip.finish().expect("memory takes bytes");
    [b"before it", &*packed, b"behind it"].concat()
}

/// Lines of a text, no two alike; `mark` stands in the middle.
pub(crate) fn text(mark: &str) -> String {
    let line = |number: u32| match number {
        60 => format!("{mark}\n"),
        _ => format!("line {number} is about {}\n", number.wrapping_mul(number) % 9_973),
    };
    (0..120).map(line).collect()
}
