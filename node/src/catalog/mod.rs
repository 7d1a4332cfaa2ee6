//! A release is believed, or not.
//!
//! Everything signed that arrives, by gossip, by catch-up or from a publisher, is offered here and nowhere else.
//! What is accepted has been verified wholly; what is refused changes nothing, in memory or on disk.

mod machine;
mod refusal;

pub use self::{
    machine::{Catalog, ChannelHead, HeadOutcome, Known, Offer},
    refusal::{Refusal, Verdict},
};
