//! Containers of all kinds, made for tests: what goes in and what stands around it.

mod containers;
mod encoders;
mod hostile;
mod lists;

use std::io::Write;

use flate2::{Compression, write::DeflateEncoder};

use super::{Layout, Limits, find, find_rebuildable, pack, unpack};

const LIMITS: Limits = Limits { raw: 64 << 20, streams: 1000 };

/// Bytes that look random, the same for the same seed.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[4]
    };
    (0..len).map(|_| next()).collect()
}

/// Words of a vocabulary, numbers among them, and runs: repeats of all lengths from near and far.
fn text(seed: u64, len: usize) -> Vec<u8> {
    let words: Vec<Vec<u8>> = (0..300)
        .map(|word| noise(seed ^ (word + 1), 1 + usize::try_from(word).expect("small") % 13))
        .collect();
    let choices = noise(seed, 2 * len + 2);
    let mut out = Vec::with_capacity(len + 600);
    for pair in choices.chunks_exact(2) {
        if out.len() >= len {
            break;
        }
        // Low words are more frequent.
        let word = usize::from(pair[0]) * usize::from(pair[1]) / 217;
        out.extend_from_slice(&words[word.min(299)]);
        match pair[1] % 64 {
            0..12 => out.extend_from_slice(out.len().to_string().as_bytes()),
            12 => out.extend_from_slice(&[b' '; 300][..usize::from(pair[0])]),
            13 => out
                .extend_from_within(out.len().saturating_sub(5000)..out.len().saturating_sub(4600)),
            _ => {}
        }
    }
    out.truncate(len);
    out
}

/// Deflated by zlib.
fn deflate(raw: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(raw).expect("into memory");
    encoder.finish().expect("into memory")
}

/// A gzip member around a stream.
fn gzip(packed: &[u8], raw: &[u8]) -> Vec<u8> {
    gzip_with(0, &[], packed, raw)
}

/// A gzip member with optional fields.
fn gzip_with(flags: u8, fields: &[u8], packed: &[u8], raw: &[u8]) -> Vec<u8> {
    let size = u32::try_from(raw.len()).expect("small").to_le_bytes();
    [&[0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 3], fields, packed, b"CRC!", &size].concat()
}

/// The entry of a zip file with what may vary in its header.
struct Entry<'a> {
    flags: u16,
    method: u16,
    sizes: (u32, u32),
    packed: &'a [u8],
}

impl<'a> Entry<'a> {
    fn new(packed: &'a [u8], raw: &[u8]) -> Self {
        let small = |size| u32::try_from(size).expect("small");
        Self { flags: 0, method: 8, sizes: (small(packed.len()), small(raw.len())), packed }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = b"PK\x03\x04\x14\0".to_vec();
        out.extend(self.flags.to_le_bytes());
        out.extend(self.method.to_le_bytes());
        out.extend(b"timedateCRC!".iter().take(8));
        out.extend(self.sizes.0.to_le_bytes());
        out.extend(self.sizes.1.to_le_bytes());
        out.extend([4, 0, 3, 0]);
        out.extend(b"nameext");
        out.extend(self.packed);
        if self.flags & 8 != 0 {
            out.extend(b"PK\x07\x08CRC!sizesize");
        }
        out
    }
}

/// Finds, unpacks and packs again, and checks that nothing changed on the way; what was found.
#[track_caller]
fn there_and_back(contents: &[u8]) -> Layout {
    let layout = find_rebuildable(contents, &LIMITS);
    let unpacked = unpack(contents, &layout).expect("what was found can be unpacked");
    assert_eq!(unpacked.len(), layout.unpacked_size());
    let mut again = Vec::new();
    pack(&unpacked, &layout, &mut again).expect("what has recipes can be packed");
    assert!(again == contents, "something else came back");
    let mut list = Vec::new();
    layout.write(&mut list);
    let read = Layout::read(&list, contents.len(), &LIMITS).expect("what was written can be read");
    assert_eq!(read, layout);
    layout
}

/// The same for one stream in a gzip member; how long its recipe is, if there is one.
#[track_caller]
fn recipe_of(packed: &[u8], raw: &[u8]) -> Option<usize> {
    let member = gzip(packed, raw);
    let found = find(&member, &LIMITS);
    assert_eq!(found.streams().len(), usize::from(packed.len() >= super::LEAST_PACKED));
    let layout = there_and_back(&member);
    let stream = layout.streams().first()?;
    assert_eq!((stream.packed, stream.raw), (packed.len(), raw.len()));
    stream.recipe.as_ref().map(super::Recipe::len)
}
