//! The network changes its own rules: proposals, ballots, decisions, and when they come into force.
//!
//! Everything that electors say is offered to [`Governance`] and nowhere else. It knows no clock, file or socket: whoever
//! drives it hands in what arrived and which epoch it is, keeps what it accepted, and carries out what follows.
//!
//! | file | knows |
//! |---|---|
//! | `machine.rs` | what is proposed here: what is offered becomes known, or is refused |
//! | `held.rs` | one proposal: its ballots, its decisions, and how it stands |
//! | `count.rs` | how a vote stands, in whole weights and in sentences |
//! | `roster.rs` | who votes, under which root |
//! | `former.rs` | which votes of former electorates count: those that the root lists |
//! | `revoked.rs` | what becomes of what a key said that has taken itself back |
//! | `pace.rs` | how many ballots are taken |
//! | `unheard.rs` | what electors vote on that has not come |
//! | `lines.rs` | which protocol is spoken, and since which decision |
//! | `fork.rs` | whether a peer follows the same rules |
//! | `statements.rs` | what is told to others, and how long it is kept |
//! | `elector.rs` | how this node votes, if it may |
//! | `refusal.rs` | why something was not taken |

mod count;
mod elector;
mod fork;
mod former;
mod held;
mod lines;
mod machine;
mod pace;
mod refusal;
mod revoked;
mod roster;
mod statements;
mod unheard;

pub use self::{
    count::VoteCount,
    elector::{CannotVote, Elector, may_cast, next_ballot},
    fork::{Change, Footing, Forks},
    former::StruckOff,
    held::{Held, State, lie_in_words},
    lines::Line,
    machine::{Event, Governance},
    refusal::Refusal,
    statements::turn,
};
