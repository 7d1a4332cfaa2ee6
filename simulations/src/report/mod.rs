//! What came of a run, shown: on a terminal, as JSON, as one HTML file; and two runs side by side. Pure.
//!
//! | | file |
//! |---|---|
//! | numbers with their units | `units.rs` |
//! | for the terminal | `table.rs` |
//! | for programs, with a digest of itself | `json.rs` |
//! | for people: pictures with a table beside each | `html.rs`, its sections, and `svg.rs` |
//! | two runs | `compare.rs` |
//!
//! Everything is made of an [`Outcome`](crate::outcome::Outcome) and of nothing else, so that the same outcome gives the
//! same bytes. Names may come from anybody's scenario: `markup.rs` is the only way into a page, and it escapes.

mod compare;
mod html;
mod json;
mod markup;
mod pictures;
#[cfg(test)]
pub(crate) mod sample;
mod sections;
mod svg;
mod table;
mod units;

pub use self::{
    compare::{Comparison, Pair, compare},
    html::{comparison as comparison_html, page as html},
    json::{Document, InvalidOutcome, MAX_OUTCOME, Seal, from_json, hash, to_json},
    table::{aligned, comparison as comparison_table, table},
    units::{Unit, bytes, count, part, rate, ratio, seconds},
};
