//! The network changes its own rules: what is proposed, how electors vote, and when that is a decision.
//!
//! | said | type | file |
//! |---|---|---|
//! | let us speak another protocol | [`Signed`](crate::Signed)`<`[`Proposal`]`>` | `proposal.rs` |
//! | I am for it, against it, ready for it | [`Signed`](crate::Signed)`<`[`Ballot`]`>` | `ballot.rs` |
//! | it is decided | [`Certificate`] | `certificate.rs` |
//! | it voted twice | [`DoubleVote`] | `double.rs` |
//!
//! Counting, and what is enough, is in `tally.rs` and nowhere else; what is long enough, in `rules.rs`. A vote is
//! counted against the roster of the electorate that the proposal names, and its total weight is what a majority is
//! of: whoever is silent has not agreed. **The certificate decides, not anybody's own count**: whoever holds one has
//! all that is needed to check it, and two of them for one proposal say the same.

mod ballot;
mod certificate;
mod decision;
mod double;
mod proposal;
mod rules;
mod tally;

pub use self::{
    ballot::{Ballot, Stance},
    certificate::{Certificate, NotDecided},
    decision::Decision,
    double::{DoubleVote, NoDoubleVote},
    proposal::{
        Activation, FIRST_PROTOCOL, Fraction, InvalidFraction, MalformedProposal, OWN_LINE,
        Proposal,
    },
    rules::Rules,
    tally::{Count, Outlook, Weight, Weights},
};
