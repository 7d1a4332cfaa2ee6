//! What every node understands, however old it is or whatever was voted since: how to find out which rules are in
//! force, and how to come by the software that speaks them.
//!
//! **Frozen.** No vote may change it, and it is answered to peers under any rules. So it carries the first version of
//! catch-up and of transfer for ever: a later version of either is a type of its own, beside these and not in them. The
//! same is true of what catch-up carries: a kind of statement that is added later travels by a later version of it, because
//! whoever cannot read one statement of a page loses all of it.

use bincode::{Decode, Encode};

use crate::{
    catchup::{CatchUpAnswer, CatchUpRequest},
    codec::{Invalid, Wire},
    limits::{MAX_REQUEST, MAX_RESPONSE, MAX_ROOT, MAX_ROOTS_PER_ANSWER},
    network::{ForkId, NetworkId},
    root::Root,
    signed::Signed,
    transfer::{TransferAnswer, TransferRequest},
};

/// A question that every node can read.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum BootstrapRequest {
    /// The roots after a version.
    Roots {
        /// The network.
        network: NetworkId,
        /// The asker's root version; 0 for none.
        after: u64,
    },
    /// Which rules the answerer follows.
    Fork {
        /// The network.
        network: NetworkId,
        /// Those of the asker.
        fork: ForkId,
    },
    /// What the asker has missed.
    CatchUp(CatchUpRequest),
    /// Bytes.
    Transfer(TransferRequest),
}

/// An answer of the same kind as the question, or that there is none.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum BootstrapAnswer {
    /// Roots in order, the first one being `after + 1`; empty if there is none. At most [`MAX_ROOTS_PER_ANSWER`].
    Roots(Vec<Signed<Root>>),
    /// The rules that the answerer follows.
    Fork(ForkId),
    /// What was missed.
    CatchUp(CatchUpAnswer),
    /// Bytes.
    Transfer(TransferAnswer),
    /// The answerer is of another network.
    OtherNetwork,
}

impl Wire for BootstrapRequest {
    const NAME: &'static str = "bootstrap request";
    const MAX: usize = MAX_REQUEST + 16;

    fn check(&self) -> Result<(), Invalid> {
        match self {
            Self::Roots { .. } | Self::Fork { .. } => Ok(()),
            Self::CatchUp(request) => request.check(),
            Self::Transfer(request) => request.check(),
        }
    }
}

impl Wire for BootstrapAnswer {
    const NAME: &'static str = "bootstrap answer";
    const MAX: usize = {
        assert!(MAX_ROOTS_PER_ANSWER * (MAX_ROOT + 4_096) + 64 < MAX_RESPONSE);
        assert!(CatchUpAnswer::MAX < MAX_RESPONSE);
        MAX_RESPONSE + 16
    };

    fn check(&self) -> Result<(), Invalid> {
        match self {
            Self::Roots(roots) => {
                Invalid::if_over("roots", roots.len(), MAX_ROOTS_PER_ANSWER)?;
                roots.iter().try_for_each(Wire::check)
            }
            Self::CatchUp(answer) => answer.check(),
            Self::Transfer(answer) => answer.check(),
            Self::Fork(_) | Self::OtherNetwork => Ok(()),
        }
    }
}
