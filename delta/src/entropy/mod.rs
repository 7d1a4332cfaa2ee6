//! Entropy coding: how symbols become bits when the chances of each are known on both sides.
//!
//! ```text
//!  counter.rs   how likely was a one here until now?          ─┐ many of them: counters.rs
//!  logistic.rs  probabilities ◀──▶ log odds                    ├─▶ one probability ─▶ range.rs ─▶ bits
//!  mixer.rs     many opinions ──▶ one, weights learnt         ─┘
//!  number.rs    whole numbers of any size, from such bits
//! ```
//!
//! One function serves both ways: whoever writes hands in the bit and gets it back, whoever reads hands in
//! anything and gets what was written. So both sides learn the same from it, step by step, and there is no
//! second copy of a model that could differ. Everything is the same on every machine: integers, and where
//! there are fractions, additions and multiplications of IEEE 754 in a fixed order.
//!
//! Nothing here fails. A reader at the end of its bytes reads zeros; that too much was read, or too little, it
//! says in the end.

mod cell;
mod counter;
mod counters;
mod logistic;
mod mixer;
mod number;
mod range;

pub(crate) use cell::Cell;
pub(crate) use counter::Counter;
pub(crate) use counters::Counters;
pub(crate) use logistic::{odds, odds_of_12, stretch};
pub(crate) use mixer::{Mixer, chance_of};
pub(crate) use number::Numbers;
pub(crate) use range::{Coder, Reader, Writer};

/// Spreads what identifies a context over 32 bits. Two odd constants and a rotation between them; what matters
/// is that both sides use the same.
pub(crate) fn mix(a: u32, b: u32) -> u32 {
    (a.wrapping_mul(0x9E37_79B1) ^ b)
        .wrapping_mul(0x2F0B_4C47)
        .rotate_left(13)
        .wrapping_mul(0x85EB_CA6B)
}
