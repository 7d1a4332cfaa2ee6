//! Finds deflate streams by what stands before them: gzip members (RFC 1952) and local headers of zip files.
//!
//! What looks like a header and is none costs time and nothing else: a stream is one when it inflates to its end
//! and its container does not contradict. Must never look into what a stream holds.

use rayon::prelude::*;

use super::{
    inflate::{Fill, Inflate, Measure},
    layout::{LEAST_PACKED, Layout, Limits, MOST_RAW, Stream},
    recipe::Recipe,
};

/// How a member of gzip begins: two bytes of magic and the one method there is.
const GZIP: [u8; 3] = [0x1f, 0x8b, 8];
/// How a local header of zip begins.
const ZIP: [u8; 4] = *b"PK\x03\x04";
/// Names and comments in gzip's header end somewhere; zip's are as long at most.
const MAX_NAME: usize = 1 << 16;

/// Finds the streams of contents, without recipes.
///
/// Streams that would go past a limit are left out. Reads everything once; what turns out to be no stream is
/// inflated in vain up to the limit of bytes, all of it together, and then the search ends.
pub fn find(contents: &[u8], limits: &Limits) -> Layout {
    let mut layout = Layout::new(contents.len());
    let mut measure = Measure::new(0);
    let mut wasted = 0_u64;
    let mut at = 0;
    while let Some(header) = next_header(contents, at) {
        let left = limits.raw.saturating_sub(layout.raw() as u64);
        measure.again(usize::try_from(left).unwrap_or(MOST_RAW).min(MOST_RAW));
        let mut stream = Inflate::new(&contents[header.data..]);
        let whole = stream.all(&mut measure).is_ok();
        let found =
            Stream { at: header.data, packed: stream.bytes(), raw: measure.len(), recipe: None };
        let end = header.data + stream.bytes();
        if whole && header.agrees(&contents[end..], &found) {
            // One that is too short, or too much, stays as it is.
            let _ = layout.push(found, limits);
            at = end;
            continue;
        }
        wasted = wasted.saturating_add(measure.len() as u64);
        at = header.magic + 1;
        if wasted > limits.raw {
            break;
        }
    }
    layout
}

/// Finds the streams of contents that can be packed again, each with the recipe that was tried and found to give it
/// back.
///
/// Uses all threads; the result is the same on any number of them. Takes memory, on each thread, of one stream packed
/// and unpacked and of some 10 MB for its tokens.
pub fn find_rebuildable(contents: &[u8], limits: &Limits) -> Layout {
    let mut layout = find(contents, limits);
    let recipe = |stream: &Stream| {
        let packed = &contents[stream.at..stream.at + stream.packed];
        let mut raw = vec![0; stream.raw];
        Inflate::new(packed).all(&mut Fill::new(&mut raw)).ok()?;
        Recipe::new(packed, &raw)
    };
    let recipes: Vec<_> = layout.streams().par_iter().map(recipe).collect();
    layout.set_recipes(recipes);
    layout.only(|stream| stream.recipe.is_some())
}

/// Something that looks like the header of a stream.
struct Header {
    /// Its first byte.
    magic: usize,
    /// Where the stream would begin.
    data: usize,
    says: Says,
}

/// What a container says of its stream.
enum Says {
    /// gzip: behind it, how much it holds.
    Behind,
    /// zip: how long it is, and how much it holds.
    Sizes(u32, u32),
    /// zip: nothing yet.
    Nothing,
}

impl Header {
    fn agrees(&self, behind: &[u8], stream: &Stream) -> bool {
        match self.says {
            // A checksum and the lowest 32 bits of the size.
            Says::Behind => {
                number(behind, 4).is_some_and(|size| u64::from(size) == stream.raw as u64)
            }
            Says::Sizes(packed, raw) => {
                (u64::from(packed), u64::from(raw)) == (stream.packed as u64, stream.raw as u64)
            }
            Says::Nothing => true,
        }
    }
}

/// The next place from `from` on that looks like a header.
fn next_header(contents: &[u8], from: usize) -> Option<Header> {
    let mut from = from;
    loop {
        let rest = contents.get(from..)?;
        let magic = from + rest.iter().position(|byte| *byte == GZIP[0] || *byte == ZIP[0])?;
        let rest = &contents[magic..];
        let header = if rest.starts_with(&GZIP) {
            gzip_header(rest).map(|len| (len, Says::Behind))
        } else if rest.starts_with(&ZIP) {
            zip_header(rest)
        } else {
            None
        };
        if let Some((len, says)) = header
            && contents.len() - magic >= len + LEAST_PACKED
        {
            return Some(Header { magic, data: magic + len, says });
        }
        from = magic + 1;
    }
}

/// Length of the header of a gzip member.
fn gzip_header(bytes: &[u8]) -> Option<usize> {
    const CHECKSUM: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    const RESERVED: u8 = 0xe0;
    let flags = *bytes.get(3)?;
    if flags & RESERVED != 0 {
        return None;
    }
    let mut len = 10;
    if flags & EXTRA != 0 {
        len += 2 + usize::from(short(bytes, len)?);
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            len += 1 + bytes.get(len..)?.iter().take(MAX_NAME).position(|byte| *byte == 0)?;
        }
    }
    if flags & CHECKSUM != 0 {
        len += 2;
    }
    Some(len)
}

/// Length of a local header of zip, and what it says.
fn zip_header(bytes: &[u8]) -> Option<(usize, Says)> {
    const ENCRYPTED: u16 = 1;
    const SIZES_LATER: u16 = 8;
    const DEFLATE: u16 = 8;
    let (flags, method) = (short(bytes, 6)?, short(bytes, 8)?);
    if flags & ENCRYPTED != 0 || method != DEFLATE {
        return None;
    }
    let (packed, raw) = (number(bytes, 18)?, number(bytes, 22)?);
    // All bits set: the sizes have 64 bits and stand elsewhere.
    let unknown = flags & SIZES_LATER != 0 || packed == u32::MAX || raw == u32::MAX;
    let len = 30 + usize::from(short(bytes, 26)?) + usize::from(short(bytes, 28)?);
    Some((len, if unknown { Says::Nothing } else { Says::Sizes(packed, raw) }))
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|two| u16::from_le_bytes(*two))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_le_bytes(*four))
}
