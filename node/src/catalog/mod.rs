//! A release is believed, or not.
//!
//! Everything signed that arrives, by gossip, by catch-up or from a publisher, is offered here and nowhere else.
//! What is accepted has been verified wholly; what is refused changes nothing, in memory or on disk.
//!
//! | file | knows |
//! |---|---|
//! | `machine.rs` | heads: what is offered becomes believed, or is refused |
//! | `roots.rs` | what a new root changes |
//! | `manifests.rs` | manifests that heads name |
//! | `chain.rs` | how far one channel is followed |
//! | `said.rs` | statements: whom each kind needs, and what it changes |
//! | `witnesses.rs` | whether a head is fresh |
//! | `vouching.rs` | what a witness may say, and when |
//! | `brakes.rs` | which releases are paused |
//! | `doubts.rs` | which keys and channels are not to be relied on |
//! | `builders.rs` | who got the same from a release's sources |
//! | `offers.rs` | what is on offer, and what stands against it |
//! | `time.rs` | time that never goes back |

mod brakes;
mod builders;
mod chain;
mod doubts;
mod machine;
mod manifests;
mod offers;
mod refusal;
mod roots;
mod said;
mod time;
mod vouching;
mod witnesses;

pub use self::{
    builders::Builds,
    chain::{ChannelHead, Link},
    doubts::{Freeze, KeyAlarm},
    machine::{Catalog, Contradiction, HeadOutcome, Offer},
    manifests::Known,
    offers::{Obstacle, Standing},
    refusal::{Refusal, Says, Verdict},
    roots::{Beginnings, RootOutcome},
    said::{Heard, StatementOutcome},
    vouching::{Witness, Word},
    witnesses::{Freshness, Staleness, Vouched},
};
