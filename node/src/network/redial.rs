//! When to try the bootstrap addresses again. Pure: time and chance are arguments.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{address::Address, identity::PeerId, peers::backoff};

const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Bootstrap addresses and how they fared. As many as the settings name.
#[derive(Debug, Default)]
pub(super) struct Redial {
    entries: BTreeMap<Address, Entry>,
}

#[derive(Debug)]
struct Entry {
    state: State,
    failures: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting { until: Instant },
    Dialling,
    Reached { peer: PeerId },
}

impl Redial {
    pub(super) fn new(addresses: &[Address], now: Instant) -> Self {
        let waiting = || Entry { state: State::Waiting { until: now }, failures: 0 };
        Self { entries: addresses.iter().map(|address| (address.clone(), waiting())).collect() }
    }

    /// Addresses whose time has come; they count as being dialled from here on.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Address> {
        let ready = |entry: &Entry| matches!(entry.state, State::Waiting { until } if until <= now);
        let mut due = Vec::new();
        for (address, entry) in self.entries.iter_mut().filter(|(_, entry)| ready(entry)) {
            entry.state = State::Dialling;
            due.push(address.clone());
        }
        due
    }

    /// A dial gave a connection to a peer.
    pub(super) fn reached(&mut self, address: &Address, peer: PeerId) {
        if let Some(entry) = self.entries.get_mut(address) {
            *entry = Entry { state: State::Reached { peer }, failures: 0 };
        }
    }

    /// A dial gave none. `chance` in 0..1000 spreads the next try over the half before and after its time, so
    /// that nodes that lost one peer together do not come back together.
    pub(super) fn failed(&mut self, address: &Address, chance: u32, now: Instant) {
        if let Some(entry) = self.entries.get_mut(address) {
            let wait = backoff(entry.failures, FIRST_WAIT, LONGEST_WAIT);
            let wait = wait * (500 + chance.min(999)) / 1_000;
            *entry = Entry {
                state: State::Waiting { until: now + wait },
                failures: entry.failures.saturating_add(1),
            };
        }
    }

    /// Peers are few again: those that were reached and are gone are tried anew.
    pub(super) fn rearm(&mut self, now: Instant, is_connected: impl Fn(PeerId) -> bool) {
        for entry in self.entries.values_mut() {
            if let State::Reached { peer } = entry.state
                && !is_connected(peer)
            {
                entry.state = State::Waiting { until: now };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::identity::NodeKey;

    fn address(port: u16) -> Address {
        format!("/ip4/192.0.2.1/tcp/{port}").parse().expect("an address")
    }

    #[test]
    fn an_address_is_not_dialled_twice_at_once() {
        let now = Instant::now();
        let mut redial = Redial::new(&[address(1), address(2)], now);
        assert_eq!(redial.due(now), [address(1), address(2)]);
        assert!(redial.due(now + Duration::from_secs(3_600)).is_empty());
    }

    #[test]
    fn waits_grow_to_a_minute_and_no_further() {
        let now = Instant::now();
        let mut redial = Redial::new(&[address(1)], now);
        redial.due(now);
        redial.failed(&address(1), 500, now);
        assert!(redial.due(now + Duration::from_millis(999)).is_empty());
        assert_eq!(redial.due(now + Duration::from_secs(1)).len(), 1);
        for _ in 0..50 {
            redial.failed(&address(1), 500, now);
        }
        assert!(redial.due(now + Duration::from_secs(59)).is_empty());
        assert_eq!(redial.due(now + Duration::from_secs(60)).len(), 1);
    }

    #[test]
    fn chance_spreads_the_next_try() {
        let now = Instant::now();
        let mut redial = Redial::new(&[address(1), address(2)], now);
        redial.due(now);
        redial.failed(&address(1), 0, now);
        redial.failed(&address(2), 999, now);
        assert_eq!(redial.due(now + Duration::from_millis(500)), [address(1)]);
        assert_eq!(redial.due(now + Duration::from_millis(1_499)), [address(2)]);
    }

    #[test]
    fn a_lost_peer_is_dialled_again_and_a_present_one_is_not() {
        let now = Instant::now();
        let mut redial = Redial::new(&[address(1), address(2)], now);
        redial.due(now);
        let (gone, present) = (NodeKey::generate().peer_id(), NodeKey::generate().peer_id());
        redial.reached(&address(1), gone);
        redial.reached(&address(2), present);
        redial.rearm(now, |peer| peer == present);
        assert_eq!(redial.due(now), [address(1)]);
    }
}
