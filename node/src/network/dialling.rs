//! Opening connections: what callers ask for, bootstrap addresses, peers that were seen before. Names are
//! looked up here, each time anew, because addresses behind a name change.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use libp2p::{
    Multiaddr,
    swarm::{
        ConnectionId,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use tokio::time::timeout;

use super::{
    address::{Address, Host},
    command::ReplyTo,
    error::DialError,
    identity::PeerId,
    task::Task,
};

/// Dials that callers or bootstrap wait for, from the lookup to the connection.
pub(super) const MAX_DIALS: usize = 64;
/// Numbers tried of one name.
const MAX_NUMBERS: usize = 8;
/// A lookup has to be done within this.
const LOOKUP: Duration = Duration::from_secs(5);
/// Peers seen before that are dialled in one second while there are too few.
const CANDIDATES_PER_SECOND: usize = 2;

/// Why a dial is made.
#[derive(Debug)]
pub(super) enum Purpose {
    /// Somebody waits for it.
    Caller(ReplyTo<Result<PeerId, DialError>>),
    /// The settings name the address.
    Bootstrap,
}

/// A dial under way.
#[derive(Debug)]
pub(super) struct Dial {
    address: Address,
    purpose: Purpose,
}

/// A name that has been looked up.
#[derive(Debug)]
pub(super) struct Resolved {
    dial: Dial,
    numbers: Vec<Address>,
}

impl Task {
    pub(super) fn on_dial(&mut self, address: Address, reply: ReplyTo<Result<PeerId, DialError>>) {
        match address.peer().filter(|peer| self.peers.is_connected(*peer)) {
            Some(peer) => {
                let _ = reply.send(Ok(peer));
            }
            None => self.dial(Dial { address, purpose: Purpose::Caller(reply) }),
        }
    }

    fn dial(&mut self, dial: Dial) {
        if self.dials.len() + self.lookups.len() >= MAX_DIALS {
            return self.dial_ended(dial, Err(DialError::Full { limit: MAX_DIALS }));
        }
        if dial.address.ip().is_some() {
            let numbers = vec![dial.address.clone()];
            return self.on_resolved(Resolved { dial, numbers });
        }
        self.lookups.spawn(async move {
            let numbers = look_up(&dial.address).await;
            Resolved { dial, numbers }
        });
    }

    pub(super) fn on_resolved(&mut self, Resolved { dial, numbers }: Resolved) {
        let places: Vec<Multiaddr> =
            numbers.iter().map(|number| number.without_peer().to_multiaddr()).collect();
        let Some(first) = places.first().cloned() else {
            let address = dial.address.clone();
            return self.dial_ended(dial, Err(DialError::UnknownHost { address }));
        };
        let options = match dial.address.peer() {
            Some(peer) => DialOpts::peer_id(peer.inner())
                .addresses(places)
                .condition(PeerCondition::Disconnected)
                .build(),
            None => DialOpts::unknown_peer_id().address(first).build(),
        };
        let id = options.connection_id();
        match self.swarm.dial(options) {
            Ok(()) => {
                self.dials.insert(id, dial);
            }
            Err(error) => self.dial_failed(dial, &error),
        }
    }

    /// A connection opened; perhaps somebody waited for it.
    pub(super) fn dial_reached(&mut self, connection: ConnectionId, peer: PeerId) {
        if let Some(dial) = self.dials.remove(&connection) {
            self.dial_ended(dial, Ok(peer));
        }
    }

    /// A connection could not be opened.
    pub(super) fn on_dial_error(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        error: &libp2p::swarm::DialError,
    ) {
        tracing::debug!(?peer, %error, "dial failed");
        let harmless = matches!(error, libp2p::swarm::DialError::DialPeerConditionFalse(_));
        if let Some(peer) = peer.filter(|_| !harmless) {
            self.peers.dial_failed(peer, Instant::now());
        }
        if let Some(dial) = self.dials.remove(&connection) {
            self.dial_failed(dial, error);
        }
    }

    fn dial_failed(&mut self, dial: Dial, error: &libp2p::swarm::DialError) {
        let already = dial.address.peer().filter(|peer| self.peers.is_connected(*peer));
        let address = dial.address.clone();
        let failed = DialError::Failed { address, reason: error.to_string() };
        self.dial_ended(dial, already.ok_or(failed));
    }

    fn dial_ended(&mut self, dial: Dial, end: Result<PeerId, DialError>) {
        match dial.purpose {
            Purpose::Caller(reply) => {
                let _ = reply.send(end);
            }
            Purpose::Bootstrap => match end {
                Ok(peer) => self.redial.reached(&dial.address, peer),
                Err(error) => {
                    tracing::debug!(address = %dial.address, %error, "bootstrap failed");
                    let chance = rand::random_range(0..1_000);
                    self.redial.failed(&dial.address, chance, Instant::now());
                }
            },
        }
    }

    /// Dials a known peer by its known addresses, unless that is being done.
    pub(super) fn dial_peer(&mut self, peer: PeerId) {
        let places = self.peers.addresses(peer).iter().map(Address::to_multiaddr).collect();
        let options = DialOpts::peer_id(peer.inner())
            .addresses(places)
            .condition(PeerCondition::DisconnectedAndNotDialing)
            .extend_addresses_through_behaviour()
            .build();
        if let Err(error) = self.swarm.dial(options) {
            tracing::trace!(?peer, %error, "not dialled");
        }
    }

    /// Work of every second: look for peers while there are too few.
    pub(super) fn tend_peers(&mut self, now: Instant) {
        if self.peers.connected_count() >= self.peers_min {
            return;
        }
        self.redial.rearm(now, |peer| self.peers.is_connected(peer));
        for address in self.redial.due(now) {
            self.dial(Dial { address, purpose: Purpose::Bootstrap });
        }
        let bans = &self.swarm.behaviour().gate.bans;
        let candidates: Vec<PeerId> = self
            .peers
            .candidates(CANDIDATES_PER_SECOND, now)
            .into_iter()
            .filter(|peer| bans.may_connect(*peer, now))
            .collect();
        for peer in candidates {
            self.dial_peer(peer);
        }
    }
}

/// What a name stands for; nothing if it stands for nothing or nobody knows in time.
async fn look_up(address: &Address) -> Vec<Address> {
    let Host::Name { name, family } = address.host() else { return Vec::new() };
    let lookup = tokio::net::lookup_host((name.as_str(), address.port()));
    match timeout(LOOKUP, lookup).await {
        Ok(Ok(found)) => found
            .map(|socket: SocketAddr| socket.ip())
            .filter(|ip| family.admits(*ip))
            .take(MAX_NUMBERS)
            .map(|ip| address.resolved(ip))
            .collect(),
        Ok(Err(error)) => {
            tracing::debug!(%address, %error, "name not found");
            Vec::new()
        }
        Err(_) => Vec::new(),
    }
}
