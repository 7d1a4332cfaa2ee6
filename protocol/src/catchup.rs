//! Asking for what gossip would have told: heads, manifests, and what is said beside them.
//!
//! This is its first version. `bootstrap` carries it for ever, so it never changes; another version is another file.

use bincode::{Decode, Encode};

use crate::{
    codec::{Invalid, Wire},
    digest::Digest,
    head::Head,
    limits::{
        MAX_CATCHUP_MARKS, MAX_HEAD_BYTES_PER_ANSWER, MAX_HEADS_PER_ANSWER, MAX_MANIFEST,
        MAX_REQUEST, MAX_STATEMENT_BYTES_PER_ANSWER, MAX_STATEMENTS_PER_ANSWER,
    },
    manifest::Manifest,
    name::ChannelName,
    network::NetworkId,
    signed::Signed,
    statement::Statement,
};

/// How far the asker has followed a channel.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct HeadMark {
    /// The channel.
    pub channel: ChannelName,
    /// The last head it trusts; 0 for none.
    pub seq: u64,
    /// Digest of that head, so that an answerer with another one notices; `None` if the asker holds no head.
    pub head: Option<Digest>,
}

/// Asks for what the asker has missed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum CatchUpRequest {
    /// Heads after those marked; channels that are not marked are not wanted.
    Since {
        /// The network.
        network: NetworkId,
        /// The asker's root version, so that the answerer learns when it is behind itself.
        root_version: u64,
        /// What is wanted, by channel in ascending order.
        marks: Vec<HeadMark>,
    },
    /// The manifest of this digest.
    Manifest(Digest),
    /// Statements that have not run out, in the order of their ids.
    Statements {
        /// The network.
        network: NetworkId,
        /// Those after this id; `None` for the first page.
        after: Option<Digest>,
    },
}

/// An answer to a catch-up request.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum CatchUpAnswer {
    /// Heads in order of channel and number. Where the answerer has another head than the one that was marked,
    /// that one comes first: both together prove that the channel has two histories.
    News {
        /// The answerer's root version; higher than the asker's means: bootstrap first.
        root_version: u64,
        /// At most [`MAX_HEADS_PER_ANSWER`].
        heads: Vec<Signed<Head>>,
        /// Whether there are more after these.
        more: bool,
        /// [`Statement::fingerprint`] of the statements that the answerer holds; whoever holds the same need
        /// not ask for them.
        statements: Digest,
    },
    /// The manifest asked for.
    Manifest(Signed<Manifest>),
    /// Statements in ascending order of their ids.
    Statements {
        /// At most [`MAX_STATEMENTS_PER_ANSWER`].
        statements: Vec<Statement>,
        /// Whether there are more after these.
        more: bool,
    },
    /// The answerer does not have it, or serves another network.
    NotHeld,
}

impl Wire for CatchUpRequest {
    const NAME: &'static str = "catch-up request";
    const MAX: usize = MAX_REQUEST;

    fn check(&self) -> Result<(), Invalid> {
        match self {
            Self::Since { marks, .. } => {
                Invalid::if_over("marks", marks.len(), MAX_CATCHUP_MARKS)?;
                Invalid::if_unsorted("marks", marks.iter().map(|mark| &mark.channel))?;
                match marks.iter().find(|mark| mark.seq == 0 && mark.head.is_some()) {
                    Some(_) => Err(Invalid::new("marks", "name the digest of a head 0")),
                    None => Ok(()),
                }
            }
            Self::Manifest(_) | Self::Statements { .. } => Ok(()),
        }
    }
}

impl Wire for CatchUpAnswer {
    const NAME: &'static str = "catch-up answer";
    /// A page of heads or of statements, or one manifest, all of the same limit; 64 KiB for what is around them.
    const MAX: usize = {
        assert!(MAX_HEAD_BYTES_PER_ANSWER == MAX_MANIFEST);
        assert!(MAX_STATEMENT_BYTES_PER_ANSWER == MAX_MANIFEST);
        MAX_MANIFEST + 64 * 1024
    };

    fn check(&self) -> Result<(), Invalid> {
        match self {
            Self::News { heads, .. } => {
                Invalid::if_over("heads", heads.len(), MAX_HEADS_PER_ANSWER)?;
                heads.iter().try_for_each(Wire::check)
            }
            Self::Manifest(manifest) => manifest.check(),
            Self::Statements { statements, .. } => {
                Invalid::if_over("statements", statements.len(), MAX_STATEMENTS_PER_ANSWER)?;
                let ids: Vec<Digest> = statements.iter().map(Statement::id).collect();
                Invalid::if_unsorted("statements", ids.iter())?;
                statements.iter().try_for_each(Wire::check)
            }
            Self::NotHeld => Ok(()),
        }
    }
}
