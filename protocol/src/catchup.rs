//! Asking for what gossip would have told: the root chain, heads and manifests.
//!
//! `bootstrap` is frozen: it has to stay readable for a node of any age, so it carries the root chain and
//! nothing else. `catch-up` belongs to a protocol version and may change with it.

use bincode::{Decode, Encode};

use crate::{
    codec::{Invalid, Wire},
    digest::Digest,
    head::Head,
    limits::{
        MAX_CATCHUP_MARKS, MAX_HEAD_BYTES_PER_ANSWER, MAX_HEADS_PER_ANSWER, MAX_MANIFEST,
        MAX_REQUEST, MAX_ROOT, MAX_ROOTS_PER_ANSWER,
    },
    manifest::Manifest,
    name::ChannelName,
    network::NetworkId,
    root::Root,
    signed::Signed,
};

/// Asks for the roots after a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct BootstrapRequest {
    /// The network.
    pub network: NetworkId,
    /// The asker's root version; 0 for none.
    pub after: u64,
}

/// Roots in order, the first one being `after + 1`; empty if there is none or the network is another.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct BootstrapAnswer {
    /// At most [`MAX_ROOTS_PER_ANSWER`].
    pub roots: Vec<Signed<Root>>,
}

/// How far the asker has followed a channel.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct HeadMark {
    /// The channel.
    pub channel: ChannelName,
    /// The last head it trusts; 0 for none.
    pub seq: u64,
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
}

/// An answer to a catch-up request.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum CatchUpAnswer {
    /// Heads in order of channel and number.
    News {
        /// The answerer's root version; higher than the asker's means: bootstrap first.
        root_version: u64,
        /// At most [`MAX_HEADS_PER_ANSWER`].
        heads: Vec<Signed<Head>>,
        /// Whether there are more after these.
        more: bool,
    },
    /// The manifest asked for.
    Manifest(Signed<Manifest>),
    /// The answerer does not have it, or serves another network.
    NotHeld,
}

impl Wire for BootstrapRequest {
    const NAME: &'static str = "bootstrap request";
    const MAX: usize = MAX_REQUEST;
}

impl Wire for BootstrapAnswer {
    const NAME: &'static str = "bootstrap answer";
    const MAX: usize = MAX_ROOTS_PER_ANSWER * (MAX_ROOT + 4_096) + 64;

    fn check(&self) -> Result<(), Invalid> {
        Invalid::if_over("roots", self.roots.len(), MAX_ROOTS_PER_ANSWER)?;
        self.roots.iter().try_for_each(Wire::check)
    }
}

impl Wire for CatchUpRequest {
    const NAME: &'static str = "catch-up request";
    const MAX: usize = MAX_REQUEST;

    fn check(&self) -> Result<(), Invalid> {
        match self {
            Self::Since { marks, .. } => {
                Invalid::if_over("marks", marks.len(), MAX_CATCHUP_MARKS)?;
                Invalid::if_unsorted("marks", marks.iter().map(|mark| &mark.channel))
            }
            Self::Manifest(_) => Ok(()),
        }
    }
}

impl Wire for CatchUpAnswer {
    const NAME: &'static str = "catch-up answer";
    /// A page of heads, or one manifest; 64 KiB for signatures and lengths.
    const MAX: usize = if MAX_HEAD_BYTES_PER_ANSWER > MAX_MANIFEST {
        MAX_HEAD_BYTES_PER_ANSWER + 64 * 1024
    } else {
        MAX_MANIFEST + 64 * 1024
    };

    fn check(&self) -> Result<(), Invalid> {
        match self {
            Self::News { heads, .. } => {
                Invalid::if_over("heads", heads.len(), MAX_HEADS_PER_ANSWER)?;
                heads.iter().try_for_each(Wire::check)
            }
            Self::Manifest(manifest) => manifest.check(),
            Self::NotHeld => Ok(()),
        }
    }
}
