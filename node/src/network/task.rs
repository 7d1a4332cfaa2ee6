//! The loop that owns the swarm. It dispatches, never waits for a consumer and never works long: the handlers
//! are in the file of their subject.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use futures::StreamExt;
use libp2p::{
    Multiaddr, Swarm,
    core::{ConnectedPoint, transport::ListenerId},
    request_response::InboundRequestId,
    swarm::{ConnectionId, SwarmEvent},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;

use super::{
    address::Address,
    bans::Ban,
    behaviour::{
        BootstrapService, CatchUpService, PackedService, Protocols, ProtocolsEvent, TransferService,
    },
    command::Command,
    dialling::{Dial, Resolved},
    discovery::Discovery,
    error::StartError,
    event::{NetworkEvent, Settled},
    gossip::GossipState,
    identity::PeerId,
    metrics::{BanReason, Direction, NetworkMetrics},
    peers::{Conduct, Connection, FoundBy, Novelty, PeerInfo, Peers, Reachable, Standing},
    redial::Redial,
    serving::Serving,
    settings::NetworkSettings,
    transfer::Asked,
};

/// Events waiting for the node. When full, what peers want is refused (gossip ignored, requests answered
/// `Busy` or closed) and counted.
pub(super) const EVENTS: usize = 512;
/// Places among them that only news about peers and listeners may take.
const RESERVED: usize = 128;
/// How often work that no event brings is done.
const TICK: Duration = Duration::from_secs(1);
/// Bans for what a peer did, as opposed to those an operator speaks.
const BAD_CHUNK_BAN: Duration = Duration::from_secs(24 * 3_600);
const MISCONDUCT_BAN: Duration = Duration::from_secs(3_600);

/// Everything the loop owns.
pub(super) struct Task {
    pub(super) swarm: Swarm<Protocols>,
    pub(super) me: PeerId,
    pub(super) peers_min: usize,
    pub(super) peers_max: usize,
    pub(super) inbound_max: u32,
    pub(super) settles: Duration,
    pub(super) metrics: NetworkMetrics,
    pub(super) peers: Peers,
    pub(super) gossip: GossipState,
    pub(super) discovery: Discovery,
    pub(super) asked: Asked,
    pub(super) serving: Serving<InboundRequestId>,
    pub(super) redial: Redial,
    pub(super) dials: HashMap<ConnectionId, Dial>,
    pub(super) lookups: JoinSet<Resolved>,
    startup: Startup,
    /// All of them, also those that have not said where they listen.
    pub(super) listeners: Vec<ListenerId>,
    events: mpsc::Sender<NetworkEvent>,
    commands: mpsc::Receiver<Command>,
    verdicts: mpsc::Receiver<Settled>,
    stop: CancellationToken,
}

/// Listeners that have not said where they listen, and who waits for them.
#[derive(Debug)]
pub(super) struct Startup {
    pub(super) awaited: HashMap<ListenerId, Address>,
    pub(super) ready: Option<oneshot::Sender<Result<(), StartError>>>,
}

/// The ends of the channels that the loop holds.
pub(super) struct Wires {
    pub(super) events: mpsc::Sender<NetworkEvent>,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) stop: CancellationToken,
}

impl Task {
    pub(super) fn new(
        mut swarm: Swarm<Protocols>,
        settings: &NetworkSettings,
        metrics: NetworkMetrics,
        startup: Startup,
        wires: Wires,
    ) -> Self {
        let now = Instant::now();
        swarm.behaviour_mut().gossip.bytes = metrics.gossip_bytes();
        let (gossip, verdicts) = GossipState::new(&settings.forks);
        let mut peers = Peers::default();
        for address in &settings.bootstrap {
            if let Some(peer) = address.peer() {
                let place = address.ip().map(|_| address.clone());
                peers.learn(peer, place, FoundBy::Bootstrap, now);
            }
        }
        Self {
            me: PeerId::from(*swarm.local_peer_id()),
            swarm,
            peers_min: usize::try_from(settings.peers_min.max(1)).unwrap_or(usize::MAX),
            peers_max: usize::try_from(settings.peers_max.get()).unwrap_or(usize::MAX),
            inbound_max: settings.inbound_max(),
            settles: settings.settles,
            metrics,
            peers,
            gossip,
            discovery: Discovery::default(),
            asked: Asked::default(),
            serving: Serving::default(),
            redial: Redial::new(&settings.bootstrap, now),
            dials: HashMap::new(),
            lookups: JoinSet::new(),
            listeners: startup.awaited.keys().copied().collect(),
            startup,
            events: wires.events,
            commands: wires.commands,
            verdicts,
            stop: wires.stop,
        }
    }

    /// Runs until told to stop, or until nobody can ask or listen any more. Every arm is cancel-safe: a
    /// receive or a tick that loses the race is still there at the next turn.
    pub(super) async fn run(mut self) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.check_ready();
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                command = self.commands.recv() => match command {
                    Some(command) => self.on_command(command),
                    None => break,
                },
                Some(settled) = self.verdicts.recv() => self.on_verdict(&settled),
                Some(found) = self.lookups.join_next() => self.on_lookup(found),
                _ = ticks.tick() => self.on_tick(),
                event = self.swarm.select_next_some() => self.on_swarm(event),
            }
        }
        self.say_goodbye().await;
        tracing::debug!("network stopped");
    }

    fn on_command(&mut self, command: Command) {
        // A caller that does not wait for its reply has dropped it; that is its right.
        match command {
            Command::Announce(message, reply) => drop(reply.send(self.on_announce(&message))),
            Command::Follow(forks) => self.on_follow(&forks),
            Command::Take(way) => self.on_take(way),
            Command::Ask(peer, ask) => self.on_ask(peer, ask),
            Command::Provide(key, reply) => drop(reply.send(self.on_provide(key))),
            Command::StopProviding(key) => self.on_stop_providing(key),
            Command::Providers(key, reply) => self.on_providers(key, reply),
            Command::Dial(address, reply) => self.on_dial(address, reply),
            Command::Ban(peer, length) => self.ban(peer, length, BanReason::Operator),
            Command::Unban(peer) => {
                self.swarm.behaviour_mut().gate.bans.unban(peer);
                self.peers.forgive(peer);
            }
            Command::Report(peer, conduct) => self.report(peer, conduct),
            Command::Peers(reply) => drop(reply.send(self.list_peers())),
            Command::ListenAddresses(reply) => drop(reply.send(self.listen_addresses())),
        }
    }

    fn on_lookup(&mut self, found: Result<Resolved, tokio::task::JoinError>) {
        match found {
            Ok(resolved) => self.on_resolved(resolved),
            Err(error) => tracing::error!(%error, "a name lookup ended in a panic"),
        }
    }

    fn on_tick(&mut self) {
        let now = Instant::now();
        self.swarm.behaviour_mut().gate.bans.expire(now);
        self.gossip.patience.expire(now);
        self.tell_of_what_was_dropped(now);
        self.tend_peers(now);
        self.keep_the_door_open(now);
        self.tend_dht(now);
    }

    fn on_swarm(&mut self, event: SwarmEvent<ProtocolsEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.on_protocol(event),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.on_connected(PeerId::from(peer_id), connection_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, .. } => {
                self.on_disconnected(PeerId::from(peer_id), connection_id);
            }
            SwarmEvent::OutgoingConnectionError { connection_id, peer_id, error } => {
                self.on_dial_error(connection_id, peer_id.map(PeerId::from), &error);
            }
            SwarmEvent::IncomingConnectionError { error, .. } => {
                tracing::debug!(%error, "connection refused or not completed");
            }
            SwarmEvent::NewListenAddr { listener_id, address } => {
                self.on_listening(listener_id, &address);
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.on_listen_lost(&[address], "the address has gone");
            }
            SwarmEvent::ListenerClosed { listener_id, addresses, reason } => {
                let reason = reason.err().map_or("closed".to_owned(), |error| error.to_string());
                self.on_listener_closed(listener_id, &addresses, &reason);
            }
            SwarmEvent::ListenerError { error, .. } => tracing::debug!(%error, "listener"),
            SwarmEvent::NewExternalAddrOfPeer { peer_id, address } => {
                self.on_address_of_peer(PeerId::from(peer_id), &address);
            }
            // The rest is progress of things whose end is reported above; libp2p may add kinds.
            _ => {}
        }
    }

    fn on_protocol(&mut self, event: ProtocolsEvent) {
        match event {
            ProtocolsEvent::Gate(never) | ProtocolsEvent::Limits(never) => match never {},
            ProtocolsEvent::Memory(never) => match never {},
            ProtocolsEvent::Identify(event) => self.on_identify(event),
            ProtocolsEvent::Ping(event) => self.on_ping(&event),
            ProtocolsEvent::Gossip(event) => self.on_gossip(event),
            ProtocolsEvent::Kad(event) => self.on_kad(event),
            ProtocolsEvent::Bootstrap(event) => self.on_exchange::<BootstrapService>(event),
            ProtocolsEvent::Catchup(event) => self.on_exchange::<CatchUpService>(event),
            ProtocolsEvent::Transfer(event) => self.on_exchange::<TransferService>(event),
            ProtocolsEvent::Packed(event) => self.on_exchange::<PackedService>(event),
            ProtocolsEvent::Mdns(event) => self.on_mdns(event),
        }
    }

    fn on_connected(&mut self, peer: PeerId, id: ConnectionId, endpoint: &ConnectedPoint) {
        let now = Instant::now();
        let remote = Address::from_multiaddr(endpoint.get_remote_address());
        let loopback = remote.as_ref().is_some_and(Address::is_loopback);
        let reach = if loopback { Reachable::Loopback } else { Reachable::Network };
        let direction = if endpoint.is_dialer() { Direction::Outbound } else { Direction::Inbound };
        self.metrics.connection_opened(direction);
        if self.peers.connected(peer, Connection { id, direction, reach }, now) == Novelty::First {
            self.metrics.peer_came(direction);
            self.tell_gossip(peer, now);
        }
        if let (Direction::Outbound, Some(place)) = (direction, remote) {
            self.peers.learn(peer, Some(place), FoundBy::Dialled, now);
        }
        self.dial_reached(id, peer);
    }

    fn on_disconnected(&mut self, peer: PeerId, id: ConnectionId) {
        let Some(left) = self.peers.disconnected(peer, id, Instant::now()) else { return };
        self.metrics.peer_went(left.direction);
        self.gossip.unjudged.gone(peer);
        if left.spoke_updraft {
            self.emit(NetworkEvent::PeerDisconnected { peer });
        }
    }

    fn on_listening(&mut self, listener: ListenerId, at: &Multiaddr) {
        let Some(address) = Address::from_multiaddr(at) else { return };
        // Without anybody who could tell from outside which of them work, all are told; a loopback address
        // only to peers of this machine, when it is all there is.
        if !address.is_loopback() || self.swarm.listeners().all(is_loopback) {
            self.swarm.add_external_address(at.clone());
        }
        self.startup.awaited.remove(&listener);
        self.emit(NetworkEvent::Listening(address));
        self.check_ready();
    }

    fn on_listener_closed(&mut self, listener: ListenerId, addresses: &[Multiaddr], reason: &str) {
        if let Some(address) = self.startup.awaited.remove(&listener)
            && let Some(ready) = self.startup.ready.take()
        {
            let source = std::io::Error::other(reason.to_owned());
            let _ = ready.send(Err(StartError::Listen { address: Box::new(address), source }));
        }
        self.on_listen_lost(addresses, reason);
    }

    fn on_listen_lost(&mut self, addresses: &[Multiaddr], reason: &str) {
        for lost in addresses {
            self.swarm.remove_external_address(lost);
            if let Some(address) = Address::from_multiaddr(lost) {
                let reason = reason.to_owned();
                self.emit(NetworkEvent::ListenFailed { address, reason });
            }
        }
    }

    fn check_ready(&mut self) {
        if self.startup.awaited.is_empty()
            && let Some(ready) = self.startup.ready.take()
        {
            let _ = ready.send(Ok(()));
        }
    }

    /// Counts what a peer did, and acts on it.
    pub(super) fn report(&mut self, peer: PeerId, conduct: Conduct) {
        let now = Instant::now();
        let standing = self.peers.report(peer, conduct, now);
        self.tell_gossip(peer, now);
        match (conduct, standing) {
            // Whether or not the peer is still known: this one is never an accident.
            (Conduct::BadChunk, _) => self.ban(peer, BAD_CHUNK_BAN, BanReason::BadChunk),
            (_, Standing::Ban) => self.ban(peer, MISCONDUCT_BAN, BanReason::Misconduct),
            (_, Standing::Fine) => {}
        }
    }

    /// Gossip listens less to peers that behave badly elsewhere.
    fn tell_gossip(&mut self, peer: PeerId, now: Instant) {
        let score = f64::from(self.peers.score(peer, now).min(0));
        self.swarm.behaviour_mut().gossip.inner.set_application_score(&peer.inner(), score);
    }

    /// Closes all connections to a peer, takes none for a while, and tells whoever watches. What it said before
    /// it was sent away may be judged after; for that it is not sent away again.
    pub(super) fn ban(&mut self, peer: PeerId, length: Duration, reason: BanReason) {
        let (protocols, now) = (self.swarm.behaviour_mut(), Instant::now());
        let same = protocols.gate.bans.ban_of(peer, now).is_some_and(|ban| ban.reason == reason);
        if same && reason != BanReason::Operator {
            return;
        }
        protocols.gate.bans.ban(peer, length, reason, now);
        protocols.kad.remove_peer(&peer.inner());
        if self.peers.is_connected(peer) {
            protocols.gossip.stop_listening_to(peer.inner());
        }
        self.metrics.banned(reason);
        self.disconnect(peer);
        self.emit(NetworkEvent::PeerBanned { peer, reason, length });
    }

    pub(super) fn disconnect(&mut self, peer: PeerId) {
        // An error says that there is no connection, which is what is wanted.
        let _ = self.swarm.disconnect_peer_id(peer.inner());
    }

    fn list_peers(&self) -> Vec<PeerInfo> {
        let now = Instant::now();
        let bans = &self.swarm.behaviour().gate.bans;
        self.peers.list(now, |peer| -> Option<Ban> { bans.ban_of(peer, now) })
    }

    fn listen_addresses(&self) -> Vec<Address> {
        self.swarm.listeners().filter_map(Address::from_multiaddr).collect()
    }

    /// Whether what peers want may still be handed to the node.
    pub(super) fn has_room_for_traffic(&self) -> bool {
        self.events.capacity() > RESERVED
    }

    /// Hands an event over without waiting. One that finds no place is dropped and counted; whoever lives by
    /// news about peers can read the whole list at any time.
    pub(super) fn emit(&mut self, event: NetworkEvent) {
        match self.events.try_send(event) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => self.metrics.event_dropped(),
            Err(mpsc::error::TrySendError::Closed(_)) => self.stop.cancel(),
        }
    }
}

fn is_loopback(address: &Multiaddr) -> bool {
    Address::from_multiaddr(address).is_some_and(|address| address.is_loopback())
}
