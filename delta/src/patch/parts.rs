//! How the bytes of a patch are divided among its parts, by what stands in front of each.
//!
//! For people who want to know what a patch is made of. Nothing is unpacked and nothing but sizes is checked: what a
//! patch is worth, applying it says.

use std::fmt;

use updraft_protocol::PatchCodec;

use super::{
    header::Header,
    plain,
    refdiff::Places,
    streams::{StreamName, StreamSize},
};
use crate::{error::PatchError, read_at::ReadAt};

/// What a part of a patch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartName {
    /// The header, and the sizes of the other parts.
    Header,
    /// What is coded bit by bit: images, equivalences, mostly also what is not as predicted.
    Coded,
    /// A stream.
    Stream(StreamName),
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.pad("header"),
            Self::Coded => f.pad("coded"),
            Self::Stream(stream) => stream.fmt(f),
        }
    }
}

/// A part of a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Which.
    pub name: PartName,
    /// Its bytes in the patch.
    pub bytes: u64,
    /// Its bytes when unpacked, where the patch says so.
    pub unpacked: Option<u64>,
}

/// The parts of a patch in the order in which they lie there. Their bytes add up to those of the patch.
pub fn parts<P: ReadAt + ?Sized>(patch: &P) -> Result<Vec<Part>, PatchError> {
    let header = Header::read(patch)?;
    let mut parts = match header.codec {
        PatchCodec::BsdiffZstd => {
            let sizes = plain::sizes(patch, &header)?;
            sizes.into_iter().map(|(name, size)| Part::stream(name, size)).collect()
        }
        PatchCodec::RefdiffFast | PatchCodec::RefdiffDense => of_refdiff(patch, &header)?,
    };
    let others: u64 = parts.iter().map(|part| part.bytes).sum();
    let bytes = patch.size().saturating_sub(others);
    parts.insert(0, Part { name: PartName::Header, bytes, unpacked: None });
    Ok(parts)
}

fn of_refdiff<P: ReadAt + ?Sized>(patch: &P, header: &Header) -> Result<Vec<Part>, PatchError> {
    let Places { coded, lists, wrong, literals, .. } = Places::of(patch, header)?;
    let mut parts = vec![Part { name: PartName::Coded, bytes: coded.len, unpacked: None }];
    let wrong = wrong.map(|wrong| [wrong.gaps, wrong.values]);
    let streams = lists.into_iter().chain(wrong.into_iter().flatten());
    parts.extend(streams.map(|stream| Part::stream(stream.name, stream.size)));
    let name = PartName::Stream(StreamName::Literals);
    parts.push(Part { name, bytes: literals.len, unpacked: None });
    Ok(parts)
}

impl Part {
    fn stream(name: StreamName, size: StreamSize) -> Self {
        Self { name: PartName::Stream(name), bytes: size.packed, unpacked: Some(size.raw) }
    }
}
