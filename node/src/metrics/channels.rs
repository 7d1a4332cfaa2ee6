//! What is counted of channels: fresh or stale, frozen or not. A channel that has left the trust root leaves here too.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::{
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};

use super::labels::ByChannel;

/// One channel now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelNumbers<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether its head is proved to be the newest.
    pub fresh: bool,
    /// Since how many seconds it is not; 0 while it is, and before the first head.
    pub stale_seconds: u64,
    /// Whether nothing of it is installed.
    pub frozen: bool,
}

/// The families, and which channels they have.
#[derive(Debug, Clone, Default)]
pub(super) struct Channels {
    fresh: Family<ByChannel, Gauge>,
    stale: Family<ByChannel, Gauge>,
    frozen: Family<ByChannel, Gauge>,
    known: Arc<Mutex<BTreeSet<String>>>,
}

impl Channels {
    pub(super) fn register(&self, r: &mut Registry) {
        r.register(
            "channel_fresh",
            "Whether the channel's head is proved to be the newest (1) or not (0)",
            self.fresh.clone(),
        );
        r.register(
            "channel_stale_seconds",
            "Since how long freshness cannot be proved; 0 while it can",
            self.stale.clone(),
        );
        r.register(
            "channel_frozen",
            "Whether nothing of the channel is installed because it has two histories or too few keys",
            self.frozen.clone(),
        );
    }

    pub(super) fn set<'a>(&self, channels: impl Iterator<Item = ChannelNumbers<'a>>) {
        let mut now = BTreeSet::new();
        for channel in channels {
            let labels = ByChannel { channel: channel.name.to_owned() };
            let stale = i64::try_from(channel.stale_seconds).unwrap_or(i64::MAX);
            self.fresh.get_or_create(&labels).set(i64::from(channel.fresh));
            self.stale.get_or_create(&labels).set(stale);
            self.frozen.get_or_create(&labels).set(i64::from(channel.frozen));
            now.insert(labels.channel);
        }
        // A list of names; a panic elsewhere cannot leave it half changed.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in known.difference(&now) {
            let labels = ByChannel { channel: gone.clone() };
            self.fresh.remove(&labels);
            self.stale.remove(&labels);
            self.frozen.remove(&labels);
        }
        *known = now;
    }
}
