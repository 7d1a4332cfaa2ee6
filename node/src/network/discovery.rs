//! Finding peers: the DHT, what peers say of themselves, the local network.
//!
//! The DHT holds provider records and nothing else. Who is named there is believed in nothing: a provider is
//! somebody to ask, and what he answers is checked against a digest.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    time::{Duration, Instant},
};

use libp2p::{
    Multiaddr, PeerId as RawPeer, identify,
    kad::{
        self, GetProvidersError, GetProvidersOk, InboundRequest, ProviderRecord, QueryId,
        QueryResult, RecordKey, store::RecordStore,
    },
    mdns, ping,
    swarm::dial_opts::DialOpts,
};
use updraft_protocol::{Digest, network::KAD_PROTOCOL};

use super::{
    address::Address,
    behaviour::{ENOUGH_PROVIDERS, protocol_of},
    command::ReplyTo,
    error::DhtError,
    event::NetworkEvent,
    identity::PeerId,
    metrics::{DhtQuery, DhtResult, Service},
    peers::{FoundBy, MAX_ADDRESSES, Novelty, speaks_updraft},
    quota::Quota,
    task::Task,
};

/// Keys this node may provide: the blobs of all releases it keeps.
pub(super) const MAX_PROVIDED: usize = 1_024;
/// Lookups at once.
const MAX_LOOKUPS: usize = 32;
/// Peers taken from one announcement on the local network.
const MAX_MDNS: usize = 64;
/// Own keys said again in one second when the routing table has changed.
const REPUBLISH_PER_SECOND: usize = 8;
/// How long the routing table has to be quiet before own keys are said again to who is new in it.
const SETTLE: Duration = Duration::from_secs(3);
/// How often expired records of others are thrown away.
const SWEEP: Duration = Duration::from_secs(60);

/// What the loop remembers about the DHT.
#[derive(Debug, Default)]
pub(super) struct Discovery {
    provided: BTreeSet<Digest>,
    quota: Quota,
    lookups: HashMap<QueryId, Lookup>,
    republish_at: Option<Instant>,
    /// Keys waiting to be said again; at most those provided.
    republish: VecDeque<Digest>,
    sweep_at: Option<Instant>,
}

#[derive(Debug)]
struct Lookup {
    found: BTreeSet<PeerId>,
    reply: ReplyTo<Result<Vec<PeerId>, DhtError>>,
}

fn record_key(key: Digest) -> RecordKey {
    RecordKey::new(key.as_bytes())
}

fn digest_of(key: &RecordKey) -> Option<Digest> {
    <[u8; 32]>::try_from(key.as_ref()).ok().map(Digest::from_bytes)
}

impl Task {
    pub(super) fn on_provide(&mut self, key: Digest) -> Result<(), DhtError> {
        let full = DhtError::Full { what: "provided keys", limit: MAX_PROVIDED };
        let discovery = &mut self.discovery;
        if discovery.provided.len() >= MAX_PROVIDED && !discovery.provided.contains(&key) {
            return Err(full);
        }
        let kad = &mut self.swarm.behaviour_mut().kad;
        kad.start_providing(record_key(key)).map_err(|_| full)?;
        discovery.provided.insert(key);
        Ok(())
    }

    pub(super) fn on_stop_providing(&mut self, key: Digest) {
        self.discovery.provided.remove(&key);
        self.discovery.republish.retain(|waiting| *waiting != key);
        self.swarm.behaviour_mut().kad.stop_providing(&record_key(key));
    }

    pub(super) fn on_providers(
        &mut self,
        key: Digest,
        reply: ReplyTo<Result<Vec<PeerId>, DhtError>>,
    ) {
        if self.discovery.lookups.len() >= MAX_LOOKUPS {
            let _ = reply.send(Err(DhtError::Full { what: "lookups", limit: MAX_LOOKUPS }));
            return;
        }
        let id = self.swarm.behaviour_mut().kad.get_providers(record_key(key));
        self.discovery.lookups.insert(id, Lookup { found: BTreeSet::new(), reply });
    }

    pub(super) fn on_kad(&mut self, event: kad::Event) {
        match event {
            kad::Event::OutboundQueryProgressed { id, result, step, .. } => {
                self.on_query(id, result, step.last);
            }
            kad::Event::InboundRequest {
                request: InboundRequest::AddProvider { record: Some(record) },
            } => self.on_provider_record(record),
            // Records other than of providers arrive here and are dropped: nothing stores them.
            kad::Event::InboundRequest { .. } => {}
            kad::Event::RoutingUpdated { is_new_peer: true, .. } => {
                self.discovery.republish_at = Some(Instant::now() + SETTLE);
            }
            kad::Event::RoutingUpdated { .. }
            | kad::Event::UnroutablePeer { .. }
            | kad::Event::RoutablePeer { .. }
            | kad::Event::PendingRoutablePeer { .. }
            | kad::Event::ModeChanged { .. } => {}
        }
    }

    fn on_query(&mut self, id: QueryId, result: QueryResult, last: bool) {
        let outcome = |ok| if ok { DhtResult::Ok } else { DhtResult::Failed };
        match result {
            QueryResult::GetProviders(Ok(GetProvidersOk::FoundProviders { providers, .. })) => {
                self.on_found(id, providers.into_iter().collect());
            }
            QueryResult::GetProviders(Ok(GetProvidersOk::FinishedWithNoAdditionalRecord {
                ..
            })) => self.end_lookup(id, Ok(())),
            QueryResult::GetProviders(Err(GetProvidersError::Timeout { .. })) => {
                self.end_lookup(id, Err(DhtError::Timeout));
            }
            QueryResult::StartProviding(result) | QueryResult::RepublishProvider(result) => {
                self.metrics.dht(DhtQuery::Provide, outcome(result.is_ok()));
            }
            QueryResult::Bootstrap(result) if last || result.is_err() => {
                self.metrics.dht(DhtQuery::Bootstrap, outcome(result.is_ok()));
            }
            QueryResult::Bootstrap(_) => {}
            QueryResult::GetClosestPeers(_)
            | QueryResult::GetRecord(_)
            | QueryResult::PutRecord(_)
            | QueryResult::RepublishRecord(_) => {
                self.metrics.dht(DhtQuery::Other, DhtResult::Ok);
            }
        }
    }

    fn on_found(&mut self, id: QueryId, providers: BTreeSet<RawPeer>) {
        if !self.discovery.lookups.contains_key(&id) {
            return;
        }
        let now = Instant::now();
        for raw in providers {
            let peer = PeerId::from(raw);
            let may_connect = self.swarm.behaviour().gate.bans.may_connect(peer, now);
            if peer == self.me || !may_connect {
                continue;
            }
            self.peers.learn(peer, None, FoundBy::Dht, now);
            // The addresses that came with the record live as long as the query: it is now or never.
            if !self.peers.is_connected(peer) {
                let dial = DialOpts::peer_id(raw).build();
                if let Err(error) = self.swarm.dial(dial) {
                    tracing::trace!(?peer, %error, "provider not dialled");
                }
            }
            if let Some(lookup) = self.discovery.lookups.get_mut(&id) {
                lookup.found.insert(peer);
                if lookup.found.len() >= ENOUGH_PROVIDERS.get() {
                    break;
                }
            }
        }
        let found = self.discovery.lookups.get(&id).map_or(0, |lookup| lookup.found.len());
        if found >= ENOUGH_PROVIDERS.get() {
            if let Some(mut query) = self.swarm.behaviour_mut().kad.query_mut(&id) {
                query.finish();
            }
            self.end_lookup(id, Ok(()));
        }
    }

    /// Whatever was found is an answer; only a lookup that ran out of time with empty hands has failed.
    fn end_lookup(&mut self, id: QueryId, end: Result<(), DhtError>) {
        let Some(Lookup { found, reply }) = self.discovery.lookups.remove(&id) else { return };
        let answer = match end {
            Err(error) if found.is_empty() => Err(error),
            _ => Ok(found.into_iter().collect()),
        };
        let result = if answer.is_ok() { DhtResult::Ok } else { DhtResult::Failed };
        self.metrics.dht(DhtQuery::GetProviders, result);
        let _ = reply.send(answer);
    }

    fn on_provider_record(&mut self, mut record: ProviderRecord) {
        let peer = PeerId::from(record.provider);
        let Some(key) = digest_of(&record.key) else { return };
        if let Err(over) = self.discovery.quota.admit(peer, key, Instant::now()) {
            tracing::debug!(?peer, ?over, "provider record refused");
            return;
        }
        record.addresses.truncate(MAX_ADDRESSES);
        let store = self.swarm.behaviour_mut().kad.store_mut();
        if let Err(error) = store.add_provider(record) {
            tracing::debug!(?peer, %error, "provider record not stored");
        }
    }

    /// Work of every second: forget expired records, say own keys again to a routing table that has changed.
    pub(super) fn tend_dht(&mut self, now: Instant) {
        if self.discovery.sweep_at.is_none_or(|at| at <= now) {
            self.discovery.sweep_at = Some(now + SWEEP);
            let store = self.swarm.behaviour_mut().kad.store_mut();
            for (peer, key) in self.discovery.quota.expire(now) {
                store.remove_provider(&record_key(key), &peer.inner());
            }
        }
        if self.discovery.republish_at.is_some_and(|at| at <= now) {
            self.discovery.republish_at = None;
            self.discovery.republish = self.discovery.provided.iter().copied().collect();
        }
        for _ in 0..REPUBLISH_PER_SECOND {
            let Some(key) = self.discovery.republish.pop_front() else { break };
            let kad = &mut self.swarm.behaviour_mut().kad;
            if let Err(error) = kad.start_providing(record_key(key)) {
                tracing::warn!(%error, %key, "own provider record not stored");
            }
        }
    }

    pub(super) fn on_identify(&mut self, event: identify::Event) {
        let identify::Event::Received { peer_id, info, .. } = event else { return };
        let peer = PeerId::from(peer_id);
        let speaks = |name: &str| info.protocols.iter().any(|spoken| spoken.as_ref() == name);
        let services: Vec<Service> =
            Service::ALL.iter().copied().filter(|service| speaks(protocol_of(*service))).collect();
        let local = self.peers.is_local(peer);
        let addresses: Vec<Address> = info
            .listen_addrs
            .iter()
            .filter_map(Address::from_multiaddr)
            .filter(|address| is_worth_dialling(address, local))
            .take(MAX_ADDRESSES)
            .collect();
        let kad = &mut self.swarm.behaviour_mut().kad;
        if speaks(KAD_PROTOCOL) {
            for address in &addresses {
                kad.add_address(&peer_id, address.to_multiaddr());
            }
        } else {
            kad.remove_peer(&peer_id);
        }
        let novelty = self.peers.identified(peer, &info.agent_version, &services, addresses);
        if !speaks_updraft(&services) {
            tracing::debug!(?peer, "speaks nothing of ours");
            return self.disconnect(peer);
        }
        if novelty == Novelty::First {
            self.emit(NetworkEvent::PeerConnected { peer, services });
        }
    }

    /// The DHT or another peer says where a peer is.
    pub(super) fn on_address_of_peer(&mut self, peer: PeerId, address: &Multiaddr) {
        let local = self.peers.is_local(peer);
        let worth = |address: &Address| is_worth_dialling(address, local);
        if let Some(address) = Address::from_multiaddr(address).filter(worth) {
            self.peers.learn(peer, Some(address), FoundBy::Dht, Instant::now());
        }
    }

    pub(super) fn on_mdns(&mut self, event: mdns::Event) {
        let mdns::Event::Discovered(found) = event else { return };
        let now = Instant::now();
        for (raw, address) in found.into_iter().take(MAX_MDNS) {
            let peer = PeerId::from(raw);
            if peer == self.me {
                continue;
            }
            self.peers.learn(peer, Address::from_multiaddr(&address), FoundBy::Mdns, now);
            if self.peers.connected_count() < self.peers_max / 2 {
                self.dial_peer(peer);
            }
        }
    }

    pub(super) fn on_ping(&mut self, event: &ping::Event) {
        match &event.result {
            Ok(rtt) => self.peers.measured(PeerId::from(event.peer), *rtt),
            // Old nodes answer no pings; nobody else may be silent for 20 s and keep a connection.
            Err(ping::Failure::Unsupported) => {}
            Err(ping::Failure::Timeout | ping::Failure::Other { .. }) => {
                self.swarm.close_connection(event.connection);
            }
        }
    }
}

/// Addresses that a peer gives of itself and that may lead to it. Its loopback is our own, unless it is on
/// this machine; a name would have to be looked up, which is done only for what an operator wrote.
fn is_worth_dialling(address: &Address, peer_is_local: bool) -> bool {
    address.ip().is_some()
        && !address.is_unspecified()
        && address.port() != 0
        && (peer_is_local || !address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_loopback_is_not_dialled() {
        let worth =
            |text: &str, local| is_worth_dialling(&text.parse().expect("an address"), local);
        assert!(!worth("/ip4/127.0.0.1/tcp/8917", false));
        assert!(worth("/ip4/127.0.0.1/tcp/8917", true));
        assert!(worth("/ip4/203.0.113.1/tcp/8917", false));
        assert!(!worth("/ip4/0.0.0.0/tcp/8917", true));
        assert!(!worth("/dns4/localhost/tcp/8917", true));
        assert!(!worth("/ip4/203.0.113.1/tcp/0", true));
    }

    #[test]
    fn only_digests_are_keys() {
        let key = Digest::of(b"blob");
        assert_eq!(digest_of(&record_key(key)), Some(key));
        assert_eq!(digest_of(&RecordKey::new(b"short")), None);
    }
}
