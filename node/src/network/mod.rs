//! The network room: how releases travel between nodes. libp2p lives here and nowhere else.
//!
//! One task owns the swarm; everybody else holds a [`Network`] and asks. Who may wait for whom:
//!
//! | from → to | what | bound | when full |
//! |---|---|---|---|
//! | handles → loop | commands | 256 | the caller waits |
//! | loop → node | [`NetworkEvent`]s | 512, of which 128 only for news about peers | gossip is ignored, requests are answered `Busy` or closed, counted |
//! | node → loop | verdicts on gossip | 128, a place for each message out | cannot be full |
//! | node → streams | answers to requests | one each, slots by peer and in all | the asker is told `Busy` or closed |
//!
//! The loop never waits for anybody else. Rules live in files without I/O: `peers` (scores, backoff), `bans`, `patience`
//! (useless gossip), `unjudged` (how much of it waits), `excused` (what may be repeated), `topics` (whose gossip is
//! followed), `waiting` (what nobody heard yet), `serving` (rates and slots), `quota` (provider records), `redial`.
//! Nothing that a peer says is believed here: signatures and digests are checked by who asked.

mod address;
mod bans;
mod behaviour;
mod command;
mod counted;
mod dialling;
mod discovery;
mod error;
mod event;
mod excused;
mod following;
mod gate;
mod goodbye;
mod gossip;
mod identity;
mod making_room;
mod medium;
mod metrics;
mod patience;
mod peers;
mod purse;
mod quota;
mod redial;
mod serving;
mod settings;
mod task;
mod topics;
mod transfer;
mod transport;
mod unjudged;
mod waiting;
mod way;
mod wire;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use libp2p::Swarm;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use updraft_protocol::{
    BootstrapAnswer, BootstrapRequest, CatchUpAnswer, CatchUpRequest, Digest, ForkId, Gossip,
    NetworkId, PackedAnswer, PackedRequest, Root, Signed, TransferAnswer, TransferRequest,
    network::PACKED_TRANSFER_PROTOCOL,
};

pub use self::{
    address::{Address, InvalidAddress},
    bans::Ban,
    command::Reach,
    error::{AnnounceError, DhtError, DialError, FollowError, RequestError, StartError, Stopped},
    event::{GossipToken, InboundRequest, NetworkEvent, Responder, Verdict},
    identity::{InvalidNodeKey, InvalidPeerId, NodeKey, PeerId},
    medium::{Carried, Ends, Medium},
    metrics::{BanReason, Direction, NetworkMetrics, Service},
    peers::{Conduct, FoundBy, PeerInfo},
    settings::{DhtMode, Mdns, NetworkSettings},
    topics::Forks,
    way::Way,
};
use self::{
    behaviour::Protocols,
    command::{Ask, COMMANDS, Command},
    task::{EVENTS, Startup, Task, Wires},
    way::Taken,
};

/// The system has to say within this where a listener listens.
const LISTEN_WAIT: Duration = Duration::from_secs(5);

/// A running network. Cheap to clone; the room ends when the last clone is dropped, when its event receiver
/// is dropped, or when it is told to stop.
#[derive(Debug, Clone)]
pub struct Network {
    me: PeerId,
    commands: mpsc::Sender<Command>,
    way: Taken,
}

/// What starting gives.
#[derive(Debug)]
pub struct Started {
    /// To ask things of the network.
    pub network: Network,
    /// What happens on it. Has to be read all the time; see [`NetworkEvent`].
    pub events: mpsc::Receiver<NetworkEvent>,
    /// Ends when the room has stopped and its sockets are closed.
    pub task: JoinHandle<()>,
}

impl Network {
    /// Opens the listeners and starts the loop. Returns when each listener has an address.
    ///
    /// `stop` ends the room; cancelling it is the way to stop and leaves nothing half done, because nothing
    /// here is on disk.
    pub async fn start(
        settings: NetworkSettings,
        key: NodeKey,
        metrics: NetworkMetrics,
        stop: CancellationToken,
    ) -> Result<Started, StartError> {
        let me = key.peer_id();
        let swarm = transport::swarm(key, &settings)?;
        Self::run(me, swarm, settings, metrics, stop).await
    }

    /// The same over a medium, through which every connection runs: TCP only, and nobody is looked for on the local
    /// network. The process is taken to be shared with other nodes, so its memory bounds no connections.
    pub async fn start_over(
        medium: Arc<dyn Medium>,
        mut settings: NetworkSettings,
        key: NodeKey,
        metrics: NetworkMetrics,
        stop: CancellationToken,
    ) -> Result<Started, StartError> {
        settings.mdns = Mdns::Off;
        settings.max_memory = usize::MAX;
        let me = key.peer_id();
        let swarm = transport::swarm_over(key, &settings, medium)?;
        Self::run(me, swarm, settings, metrics, stop).await
    }

    async fn run(
        me: PeerId,
        mut swarm: Swarm<Protocols>,
        settings: NetworkSettings,
        metrics: NetworkMetrics,
        stop: CancellationToken,
    ) -> Result<Started, StartError> {
        let awaited = transport::listen_on_all(&mut swarm, &settings.listen)?;
        for address in &settings.external {
            swarm.add_external_address(address.without_peer().to_multiaddr());
        }
        let (ready, is_ready) = oneshot::channel();
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let (outbox, events) = mpsc::channel(EVENTS);
        let stop = stop.child_token();
        let wires = Wires { events: outbox, commands: inbox, stop: stop.clone() };
        let startup = Startup { awaited, ready: Some(ready) };
        let task = tokio::spawn(Task::new(swarm, &settings, metrics, startup, wires).run());
        match tokio::time::timeout(LISTEN_WAIT, is_ready).await {
            Ok(Ok(Ok(()))) => {
                let network = Self { me, commands, way: Taken::default() };
                Ok(Started { network, events, task })
            }
            Ok(Ok(Err(error))) => {
                stop.cancel();
                Err(error)
            }
            Ok(Err(_)) => {
                Err(StartError::Setup { part: "the loop", reason: "it was stopped".to_owned() })
            }
            Err(_) => {
                stop.cancel();
                Err(StartError::ListenTimeout { waited: LISTEN_WAIT })
            }
        }
    }

    /// This node's name.
    pub const fn peer_id(&self) -> PeerId {
        self.me
    }

    /// Follows the gossip of these rules from here on: tells under the current ones, listens to all, or will once this
    /// room takes [`Way::Usual`] again. What is called after this has returned happens under them.
    ///
    /// # Errors
    /// More forks than [`Forks::MAX_ALSO`]; then those followed before still are.
    pub async fn follow(&self, forks: Forks) -> Result<(), FollowError> {
        forks.check()?;
        Ok(self.order(Command::Follow(forks)).await?)
    }

    /// Chooses how peers are asked from here on, by every handle of this room, and whether gossip is followed: by
    /// [`Way::Bootstrap`] none is, because nothing of it could be judged. It begins with [`Way::Usual`].
    pub async fn take(&self, way: Way) -> Result<(), Stopped> {
        self.way.take(way);
        self.order(Command::Take(way)).await
    }

    /// Tells everybody who is listening. That nobody is, is not an error: whoever begins to listen within a minute is
    /// told then, up to the last 16 messages; who comes later asks.
    pub async fn announce(&self, message: Gossip) -> Result<Reach, AnnounceError> {
        self.call(|reply| Command::Announce(message, reply)).await?
    }

    /// Asks a peer for the roots after a version; empty if it has none, or is of another network. Connects if need
    /// be; ends within a bounded time.
    pub async fn roots(
        &self,
        peer: PeerId,
        network: NetworkId,
        after: u64,
    ) -> Result<Vec<Signed<Root>>, RequestError> {
        match self.bootstrap(peer, BootstrapRequest::Roots { network, after }).await? {
            BootstrapAnswer::Roots(roots) => Ok(roots),
            BootstrapAnswer::OtherNetwork => Ok(Vec::new()),
            _ => self.is_another_kind(peer).await,
        }
    }

    /// Asks a peer which rules it follows, and says ours; `None` if it is of another network.
    pub async fn fork(
        &self,
        peer: PeerId,
        network: NetworkId,
        fork: ForkId,
    ) -> Result<Option<ForkId>, RequestError> {
        match self.bootstrap(peer, BootstrapRequest::Fork { network, fork }).await? {
            BootstrapAnswer::Fork(fork) => Ok(Some(fork)),
            BootstrapAnswer::OtherNetwork => Ok(None),
            _ => self.is_another_kind(peer).await,
        }
    }

    /// No honest node answers another question than it was asked.
    async fn is_another_kind<T>(&self, peer: PeerId) -> Result<T, RequestError> {
        self.report(peer, Conduct::Malformed).await?;
        let reason = "it answers another question than it was asked".to_owned();
        Err(RequestError::Malformed { peer, reason })
    }

    async fn bootstrap(
        &self,
        peer: PeerId,
        request: BootstrapRequest,
    ) -> Result<BootstrapAnswer, RequestError> {
        self.call(|reply| Command::Ask(peer, Ask::Bootstrap(request, reply))).await?
    }

    /// Asks a peer for heads, a manifest or statements. Connects if need be; ends within a bounded time.
    pub async fn catch_up(
        &self,
        peer: PeerId,
        request: CatchUpRequest,
    ) -> Result<CatchUpAnswer, RequestError> {
        self.catch_up_by(self.way.get(), peer, request).await
    }

    /// The same by the way of the caller's choice: a peer may follow rules that this node does not know.
    pub async fn catch_up_by(
        &self,
        way: Way,
        peer: PeerId,
        request: CatchUpRequest,
    ) -> Result<CatchUpAnswer, RequestError> {
        match way {
            Way::Usual => {
                self.call(|reply| Command::Ask(peer, Ask::CatchUp(request, reply))).await?
            }
            Way::Bootstrap => {
                match self.bootstrap(peer, BootstrapRequest::CatchUp(request)).await? {
                    BootstrapAnswer::CatchUp(answer) => Ok(answer),
                    // What the other way says of it, too.
                    BootstrapAnswer::OtherNetwork => Ok(CatchUpAnswer::NotHeld),
                    _ => self.is_another_kind(peer).await,
                }
            }
        }
    }

    /// Asks a peer for bytes. Connects if need be. The answer has to begin within 10 s and to be complete
    /// within 30 s, larger ones at 128 KiB/s; its contents are unchecked.
    pub async fn transfer(
        &self,
        peer: PeerId,
        request: TransferRequest,
    ) -> Result<TransferAnswer, RequestError> {
        match self.way.get() {
            Way::Usual => {
                self.call(|reply| Command::Ask(peer, Ask::Transfer(request, reply))).await?
            }
            Way::Bootstrap => {
                match self.bootstrap(peer, BootstrapRequest::Transfer(request)).await? {
                    BootstrapAnswer::Transfer(answer) => Ok(answer),
                    _ => self.is_another_kind(peer).await,
                }
            }
        }
    }

    /// Asks a peer for many chunks at once. As [`Network::transfer`] but for
    /// [`RequestError::Unsupported`]: the peer does not speak it (its [`PeerInfo::services`] tell beforehand), or
    /// this node does not, or does not now ([`Way::Bootstrap`]). A peer serves two full packs at once; to one that
    /// would have to wait it answers [`TransferAnswer::Busy`] in [`PackedAnswer::One`].
    pub async fn pack(
        &self,
        peer: PeerId,
        request: PackedRequest,
    ) -> Result<PackedAnswer, RequestError> {
        match self.way.get() {
            Way::Usual => {
                self.call(|reply| Command::Ask(peer, Ask::Packed(request, reply))).await?
            }
            Way::Bootstrap => {
                Err(RequestError::Unsupported { peer, protocol: PACKED_TRANSFER_PROTOCOL })
            }
        }
    }

    /// Tells the DHT from here on that this node holds the blob of this digest: now, every 20 minutes, and
    /// whenever the routing table has changed. Does not wait for the first time to be done.
    pub async fn provide(&self, key: Digest) -> Result<(), DhtError> {
        self.call(|reply| Command::Provide(key, reply)).await?
    }

    /// Stops telling. Others forget within the hour.
    pub async fn stop_providing(&self, key: Digest) -> Result<(), Stopped> {
        self.order(Command::StopProviding(key)).await
    }

    /// Who holds a blob, according to the DHT: about eight at most, this node not among them, within 15 s.
    /// Connections to them are being opened when this returns. Empty if nobody is known.
    pub async fn providers(&self, key: Digest) -> Result<Vec<PeerId>, DhtError> {
        self.call(|reply| Command::Providers(key, reply)).await?
    }

    /// Connects to whoever is at an address.
    pub async fn dial(&self, address: Address) -> Result<PeerId, DialError> {
        self.call(|reply| Command::Dial(address, reply)).await?
    }

    /// Closes all connections to a peer and takes none for a while, at most 30 days.
    pub async fn ban(&self, peer: PeerId, length: Duration) -> Result<(), Stopped> {
        self.order(Command::Ban(peer, length)).await
    }

    /// Lifts a ban and forgets what led to it.
    pub async fn unban(&self, peer: PeerId) -> Result<(), Stopped> {
        self.order(Command::Unban(peer)).await
    }

    /// Says what a peer did. A bad chunk bans it for a day at once, other things when they add up.
    pub async fn report(&self, peer: PeerId, conduct: Conduct) -> Result<(), Stopped> {
        self.order(Command::Report(peer, conduct)).await
    }

    /// All peers known, connected or not, in order of id.
    pub async fn peers(&self) -> Result<Vec<PeerInfo>, Stopped> {
        self.call(Command::Peers).await
    }

    /// Where this node listens, with the ports the system chose.
    pub async fn listen_addresses(&self) -> Result<Vec<Address>, Stopped> {
        self.call(Command::ListenAddresses).await
    }

    async fn order(&self, command: Command) -> Result<(), Stopped> {
        self.commands.send(command).await.map_err(|_| Stopped)
    }

    async fn call<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, Stopped> {
        let (reply, answer) = oneshot::channel();
        self.order(command(reply)).await?;
        answer.await.map_err(|_| Stopped)
    }
}
