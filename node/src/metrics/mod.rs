//! Every number the node counts about itself, in one struct that is handed down; no globals.
//!
//! Names and labels are a contract with dashboards. Labels come from closed sets or from what this node itself
//! runs: never a peer's id, a path, or the text of an error, because a series once begun is kept for ever. The
//! network room registers its own families beside these. Nothing here decides anything.

mod channels;
mod families;
mod labels;
mod shapes;
#[cfg(test)]
mod tests;
mod votes;

pub use channels::ChannelNumbers;
pub use families::{Metrics, Subscribed};
pub use labels::{Choice, Direction, Expiring, Saving, Source, Trigger, UpdateResult, Verdict};
pub use votes::{OpenVote, ProposalNumbers};

use prometheus_client::{encoding::text, registry::Registry};

/// The type of what [`encode`] returns.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All numbers as OpenMetrics text.
///
/// # Errors
/// If a metric cannot be written; the registry's own metrics always can.
pub fn encode(registry: &Registry) -> Result<String, std::fmt::Error> {
    let mut page = String::new();
    text::encode(&mut page, registry)?;
    Ok(page)
}
