//! A witness says which head of a channel is the newest it knows.
//!
//! Nodes count the witnesses of the root whose heartbeats have not run out: enough of them, and the head is
//! fresh. So nobody has to run a server for freshness, and where k of n witnesses are asked for, two histories of a
//! channel are both fresh somewhere only if 2k − n of them lie. A witness follows the chain and persists what it
//! says before it says it, so it never vouches for two heads of one number.

use bincode::{Decode, Encode};

use crate::{
    codec::{Invalid, Wire},
    digest::Digest,
    key::KeyId,
    limits::{MAX_HEARTBEAT_LIFETIME, MAX_SENTENCE},
    name::ChannelName,
    network::NetworkId,
    signed::{Sentence, Signable},
    time::Timestamp,
};

/// One witness's word about one channel.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Heartbeat {
    /// The network.
    pub network: NetworkId,
    /// The witness's key.
    pub by: KeyId,
    /// The channel.
    pub channel: ChannelName,
    /// Number of the head.
    pub seq: u64,
    /// Digest of the head.
    pub head: Digest,
    /// When the witness said so.
    pub time: Timestamp,
    /// Seconds for which it counts.
    pub valid_for: u32,
}

impl Heartbeat {
    /// After this moment it counts no more.
    pub fn expires(&self) -> Timestamp {
        self.time.plus(u64::from(self.valid_for))
    }
}

impl Wire for Heartbeat {
    const NAME: &'static str = "heartbeat";
    const MAX: usize = MAX_SENTENCE;

    fn check(&self) -> Result<(), Invalid> {
        if self.seq == 0 {
            return Err(Invalid::new("heartbeat", "is for head 0, and heads begin at 1"));
        }
        if self.valid_for == 0 || u64::from(self.valid_for) > MAX_HEARTBEAT_LIFETIME {
            let reason = format!(
                "counts for {} s, allowed are 1 to {MAX_HEARTBEAT_LIFETIME}",
                self.valid_for
            );
            return Err(Invalid::new("heartbeat", reason));
        }
        Ok(())
    }
}

impl Signable for Heartbeat {
    const DOMAIN: &'static str = "updraft/heartbeat/v1";

    fn network(&self) -> &NetworkId {
        &self.network
    }
}

impl Sentence for Heartbeat {
    fn speaker(&self) -> KeyId {
        self.by
    }
}
