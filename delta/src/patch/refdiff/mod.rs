//! Codecs 2 and 3: bsdiff that knows what references are.
//!
//! ```text
//!  old ─ flat.rs ─▶ images, normal form ─▶ Side ─┐                            ┌ dense/     context mixing
//!        what changed, unpacked                  ├ project, segment ─▶ pieces ┤ fast.rs    counters, for little
//!  new ─ flat.rs ─▶ images, normal form ─▶ Side ─┘   matching/   images.rs    └ streams.rs streams, for much
//!        unchanged.rs                                            pieces.rs
//!  rebuild.rs   piece by piece: predict.rs says what old bytes become, a model codes what they do become
//!  targets.rs   where references lead now      hypotheses.rs   what numbers in data mean
//!  encode.rs    makes the body of a patch      decode.rs       the new contents from it
//! ```
//!
//! The body of a patch, after its header:
//!
//! | bytes | what |
//! |---|---|
//! | number | size of what is coded |
//! | that many | coded: which form, what is unchanged, where old images begin, the new images, the pieces; but for the form of streams also what is not as predicted |
//! | 2 numbers | where compressed streams were unpacked only: size of their lists, unpacked and packed |
//! | these | the lists |
//! | 4 numbers | forms of streams only: sizes of gaps and values, each unpacked and packed |
//! | 2 numbers | form of halves only: how many bytes of gaps and of values are the first half's, unpacked |
//! | these | forms of streams only: gaps, values |
//! | the rest | literals: for the dense codec coded by themselves, else stored or one zstd frame |
//!
//! What is compared of old and new contents is held in memory. Whoever made a patch, applying it ends in bytes or in an error;
//! whether they are the right bytes, their digest says.

mod decode;
mod dense;
mod encode;
mod fast;
mod flat;
mod gaps;
mod hypotheses;
mod images;
mod parts;
mod pieces;
mod predict;
mod rebuild;
mod streams;
mod targets;
mod unchanged;
mod weave;

pub(crate) use self::decode::follow;
pub(super) use self::{
    decode::{decode, literals},
    encode::Comparison,
    parts::Places,
};
pub(crate) use images::{Told, new_images};

/// How what is not as predicted is coded. Its number comes first, plus [`UNPACKED`] if compressed streams were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Bit by bit, among the coded: for little.
    Coded = 0,
    /// As two streams: for very much.
    Streams = 1,
    /// The same, each half of the pieces by itself, so that both can be made at once: for much.
    Halves = 4,
}

/// Added to a form where compressed streams were unpacked.
const UNPACKED: u64 = 2;
