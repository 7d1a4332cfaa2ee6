//! What is gossiped: small signed things that everybody should hear of at once.
//!
//! Whatever is gossiped can also be asked for (see `catchup`), because gossip does not reach who was away.

use bincode::{Decode, Encode};

use crate::{
    codec::{Invalid, Wire},
    digest::Digest,
    head::Head,
    limits::MAX_GOSSIP,
    manifest::Manifest,
    root::Root,
    signed::Signed,
    statement::Statement,
};

/// One gossip message.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Gossip {
    /// A channel has a new head.
    Announcement {
        /// The head.
        head: Signed<Head>,
        /// The manifest of the release that is new in it, if both fit into one message; otherwise receivers
        /// ask the sender for it by the digest in the head.
        manifest: Option<Signed<Manifest>>,
    },
    /// The network has a new root. Whoever is further behind asks the sender for those between.
    Root(Signed<Root>),
    /// Something said beside heads. What is too large for a message travels by catch-up alone: a proof of two long heads,
    /// a certificate of many ballots.
    Statement(Statement),
}

impl Gossip {
    /// The digest of the signed thing it is about. Signatures and what is enclosed do not change it, so all
    /// messages that say the same have one subject.
    pub fn subject(&self) -> Digest {
        match self {
            Self::Announcement { head, .. } => head.digest(),
            Self::Root(root) => root.digest(),
            Self::Statement(statement) => statement.id(),
        }
    }

    /// Announces a head, with its manifest if both fit into one message.
    pub fn announce(head: Signed<Head>, manifest: Option<Signed<Manifest>>) -> Self {
        let together = Self::Announcement { head, manifest };
        if crate::codec::encode(&together).is_ok() {
            return together;
        }
        match together {
            Self::Announcement { head, .. } => Self::Announcement { head, manifest: None },
            other => other,
        }
    }
}

impl Wire for Gossip {
    const NAME: &'static str = "gossip message";
    const MAX: usize = MAX_GOSSIP;

    fn check(&self) -> Result<(), Invalid> {
        match self {
            Self::Announcement { head, manifest } => {
                head.check()?;
                manifest.as_ref().map_or(Ok(()), Wire::check)
            }
            Self::Root(root) => root.check(),
            Self::Statement(statement) => statement.check(),
        }
    }
}
