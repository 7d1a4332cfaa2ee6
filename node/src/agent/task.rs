//! Drives the machine: events, orders and the ends of effects go in, actions come out and are carried out.
//!
//! The loop decides nothing. What has to be kept is kept (and waited for) before the next action; everything
//! slow runs as an effect of its own and comes back as exactly one input.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{broadcast, mpsc, watch},
    task::JoinSet,
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use updraft_protocol::BootstrapRequest;

use super::{
    action::{Input, Now},
    context::{Context, lock},
    effects::Ended,
    ending::{Ending, own_component},
    event::{Event, What},
    machine::Machine,
    order::{CheckReport, Order, Reply},
    serving::{Generosity, Terms},
    status::{NodeStatus, RootStatus, Status},
};
use crate::{
    again::Again,
    network::{GossipToken, InboundRequest, NetworkEvent, PeerId},
};

/// How long a check for news waits for slow peers.
pub(super) const CHECK_PATIENCE: Duration = Duration::from_secs(5);
/// How often the status is made anew while something is under way.
const STATUS_WHILE_BUSY: Duration = Duration::from_millis(250);
/// How often the status is made anew while nothing happens: freshness and peers change by themselves.
const STATUS_AT_REST: Duration = Duration::from_secs(10);
/// Peers' requests answered at once; the network room allows fewer.
const MAX_SERVING: usize = 256;

/// A check for news that somebody waits for.
pub(super) struct PendingCheck {
    pub(super) answers_wanted: u64,
    pub(super) asked: usize,
    pub(super) heads_before: u64,
    pub(super) until: Instant,
    pub(super) reply: Reply<CheckReport>,
}

/// What the agent runs on.
pub(super) struct Wires {
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) network: mpsc::Receiver<NetworkEvent>,
    pub(super) status: watch::Sender<Arc<Status>>,
    pub(super) events: broadcast::Sender<Event>,
    pub(super) stop: CancellationToken,
}

/// What never changes while the node runs.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) node: NodeStatus,
    pub(super) first_root: updraft_protocol::Digest,
    pub(super) peers_needed: usize,
    pub(super) generosity: Generosity,
    pub(super) check_interval: Duration,
    pub(super) store_limit: u64,
}

/// The running agent.
pub(super) struct Agent {
    pub(super) machine: Machine<PeerId>,
    pub(super) context: Context,
    pub(super) identity: Identity,
    pub(super) audit: super::audit::Audit,
    pub(super) settings: Arc<crate::config::Settings>,
    pub(super) wires: Wires,
    pub(super) effects: JoinSet<Ended>,
    pub(super) serving: JoinSet<u64>,
    pub(super) tokens: BTreeMap<u64, GossipToken>,
    pub(super) next_token: u64,
    pub(super) checks: Vec<PendingCheck>,
    /// Bundles being taken in.
    pub(super) importing: usize,
    /// How it is to end, once that is decided.
    pub(super) ending: Option<Ending>,
    /// What decides whether this process may become another program.
    pub(super) again: Again,
    /// When this program has lasted, if that was in doubt.
    pub(super) lasts_at: Option<Instant>,
    pub(super) sent: u64,
    pub(super) totals: super::status::Totals,
    pub(super) started: Instant,
    pub(super) next_check: Instant,
    pub(super) next_status: Instant,
    /// When the height is asked for next, if anything depends on it; `None` while it is being asked for.
    pub(super) next_height: Option<Instant>,
    /// Whether something has happened since the status was made.
    pub(super) status_is_old: bool,
}

impl Agent {
    /// Runs until it is told to stop, the network ends, or another program is to take its place.
    pub(super) async fn run(mut self) -> Ending {
        self.emit(What::NodeStarted);
        let first = self.machine.handle(Input::Tick, self.now());
        self.carry_out(first).await;
        self.publish_status().await;
        let stop = self.wires.stop.clone();
        while self.ending.is_none() {
            let wakeup = self.wakeup();
            tokio::select! {
                biased;
                // Nothing is lost by any arm that does not win: receiving, joining and timers are cancel-safe.
                () = stop.cancelled() => break,
                order = self.wires.orders.recv() => match order {
                    Some(order) => self.on_order(order).await,
                    None => break,
                },
                Some(ended) = self.effects.join_next(), if !self.effects.is_empty() => self.on_ended(ended).await,
                Some(served) = self.serving.join_next(), if !self.serving.is_empty() => self.on_served(&served),
                () = tokio::time::sleep_until(wakeup) => self.on_time().await,
                event = self.wires.network.recv() => match event {
                    Some(event) => self.on_network(event).await,
                    None => break,
                },
            }
        }
        self.emit(What::NodeStopping);
        // What is under way may be cut off at any point: the store and the journal go on from there.
        self.effects.shutdown().await;
        self.serving.shutdown().await;
        self.ending.unwrap_or(Ending::Stopped)
    }

    pub(super) fn now(&self) -> Now {
        Now { wall: self.context.clock.now(), elapsed: self.started.elapsed() }
    }

    pub(super) fn emit(&self, what: What) {
        tracing::info!(event = what.kind(), "{}", what.in_words());
        // Nobody watching is the usual case.
        let _ = self.wires.events.send(Event { time: self.context.clock.now(), what });
    }

    fn wakeup(&self) -> Instant {
        let machine = self.started + self.machine.next_wakeup();
        let checks = self.checks.iter().map(|check| check.until).min();
        let height = self.height_is_due();
        [
            Some(machine),
            Some(self.next_check),
            Some(self.next_status),
            checks,
            height,
            self.lasts_at,
        ]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(machine)
    }

    async fn on_time(&mut self) {
        let now = Instant::now();
        if now >= self.next_check {
            self.next_check = now + jittered(self.identity.check_interval);
            let (_, _, actions) = self.machine.check(self.now());
            self.carry_out(actions).await;
        }
        let actions = self.machine.handle(Input::Tick, self.now());
        // What changes by time alone, such as the rules in force, is soon seen as well.
        if !actions.is_empty() {
            self.next_status = self.next_status.min(now + STATUS_WHILE_BUSY);
        }
        self.carry_out(actions).await;
        self.answer_checks().await;
        self.look_for_the_height();
        if self.lasts_at.is_some_and(|at| now >= at) {
            self.has_lasted().await;
        }
        if now >= self.next_status {
            self.serve_what_is_said();
            self.make_up_for_lost_peers().await;
            self.publish_status().await;
        }
    }

    /// The network drops news about peers when nobody takes them in time: its list is what counts.
    async fn make_up_for_lost_peers(&mut self) {
        let peers = self.context.network.peers().await.unwrap_or_default();
        let there: BTreeSet<PeerId> = peers
            .into_iter()
            .filter(|peer| peer.direction.is_some() && peer.speaks_updraft == Some(true))
            .map(|peer| peer.id)
            .collect();
        let known: BTreeSet<PeerId> = self.machine.sync.peers().collect();
        for peer in there.difference(&known) {
            self.feed(Input::PeerCame(*peer)).await;
        }
        for peer in known.difference(&there) {
            self.feed(Input::PeerWent(*peer)).await;
        }
    }

    fn terms(&self) -> Terms {
        let network = self.machine.catalog().root().network;
        let fork = self.machine.fork_id(self.now());
        Terms { network, generosity: self.identity.generosity, fork }
    }

    async fn on_network(&mut self, event: NetworkEvent) {
        let input = match event {
            NetworkEvent::Gossip { token, source, message } => {
                self.next_token += 1;
                self.tokens.insert(self.next_token, token);
                Input::Gossip { token: self.next_token, from: source, message }
            }
            NetworkEvent::Request { peer, request } => {
                // Whoever asks for our rules says which are his.
                if let InboundRequest::Bootstrap(BootstrapRequest::Fork { network, fork }, _) =
                    &request
                    && *network == self.machine.catalog().root().network
                {
                    let fork = *fork;
                    self.feed(Input::Forked(peer, Some(fork))).await;
                }
                // Dropping a request tells its asker that we are busy, or do not answer such questions.
                if self.serving.len() < MAX_SERVING && self.answers(&peer, &request) {
                    let (context, terms) = (self.context.clone(), self.terms());
                    self.serving.spawn(async move {
                        super::serving::serve(&context, terms, request).await
                    });
                }
                return;
            }
            NetworkEvent::GossipDropped { peer } => Input::Missed(peer),
            NetworkEvent::PeerConnected { peer, .. } => Input::PeerCame(peer),
            NetworkEvent::PeerDisconnected { peer } => Input::PeerWent(peer),
            NetworkEvent::PeerBanned { peer, reason, length } => {
                self.emit(What::PeerBanned {
                    peer: peer.to_string(),
                    reason: reason.as_str(),
                    seconds: length.as_secs(),
                });
                return;
            }
            NetworkEvent::Listening(address) => {
                tracing::info!(%address, "listening");
                self.next_status = Instant::now();
                return;
            }
            NetworkEvent::ListenFailed { address, reason } => {
                tracing::warn!(%address, %reason, "no longer listening");
                self.next_status = Instant::now();
                return;
            }
        };
        self.feed(input).await;
    }

    async fn on_ended(&mut self, ended: Result<Ended, tokio::task::JoinError>) {
        match ended {
            Ok(Ended::Input(input)) => {
                // Whoever asks after the end of an operation has to see what it led to.
                let ends =
                    matches!(*input, Input::Installed(..) | Input::Staged(..) | Input::Fetched(..));
                let failed = match &*input {
                    Input::Installed(id, Err(_)) => {
                        self.machine.operations.get(*id).map(|o| o.component.clone())
                    }
                    _ => None,
                };
                self.feed(*input).await;
                if let Some(component) = failed {
                    // It may have failed half way: what is installed is what the folder says.
                    self.look_at_folder(&component).await;
                }
                if ends {
                    self.publish_status().await;
                }
            }
            Ok(Ended::Imported { result, by, reply }) => self.on_imported(*result, by, reply).await,
            Ok(Ended::Height(height)) => self.on_height_said(height).await,
            Ok(Ended::Nothing) => {}
            // Effects catch their own panics; one that is cut off means that the runtime ends.
            Err(error) => tracing::error!(%error, "an effect ended without a result"),
        }
        self.answer_checks().await;
    }

    fn on_served(&mut self, served: &Result<u64, tokio::task::JoinError>) {
        match served {
            Ok(bytes) => self.sent += bytes,
            Err(error) => tracing::error!(%error, "a request of a peer ended without a result"),
        }
    }

    pub(super) async fn feed(&mut self, input: Input<PeerId>) {
        self.count(&input);
        let actions = self.machine.handle(input, self.now());
        self.carry_out(actions).await;
        self.status_is_old = true;
        self.next_status = self.next_status.min(Instant::now() + STATUS_WHILE_BUSY);
    }

    /// Makes the status anew if something has happened since it was made: whoever is told how something ended
    /// finds it in the status.
    pub(super) async fn refresh_status(&mut self) {
        if self.status_is_old {
            self.publish_status().await;
        }
    }

    fn count(&mut self, input: &Input<PeerId>) {
        let Input::Fetched(id, Ok(fetched)) = input else { return };
        self.totals.received += fetched.bytes;
        self.totals.received_patches += fetched.patch_bytes;
        let whole = fetched.route.last().map_or(0, |leg| leg.to.whole.size);
        if fetched.route.first().is_some_and(|leg| leg.from.is_some()) {
            let saved = whole.saturating_sub(fetched.bytes);
            self.totals.saved += saved;
            self.context.metrics.saved(crate::metrics::Saving::Delta, saved);
        }
        self.context.forget_progress(*id);
    }

    async fn answer_checks(&mut self) {
        let (answers, heads) = self.machine.news_counts();
        let now = Instant::now();
        // News may say that there is more to hear: then it is over when that has come.
        let told = !self.machine.sync.is_asking_for_statements();
        let waits =
            |check: &PendingCheck| (answers < check.answers_wanted || !told) && now < check.until;
        if self.checks.iter().all(waits) {
            return;
        }
        self.refresh_status().await;
        let (waiting, over) = std::mem::take(&mut self.checks).into_iter().partition(waits);
        self.checks = waiting;
        for check in over {
            let report = CheckReport {
                asked: check.asked,
                new_heads: usize::try_from(heads - check.heads_before).unwrap_or(usize::MAX),
            };
            // Whoever asked may have gone.
            let _ = check.reply.send(Ok(report));
        }
    }

    /// Makes the status anew and shows it.
    pub(super) async fn publish_status(&mut self) {
        let now = self.now();
        let progress = lock(&self.context.progress).clone();
        let peers = self.context.network.peers().await.unwrap_or_default();
        let connected = peers.iter().filter_map(|peer| peer.direction);
        let counts = super::status::PeerCounts {
            connected: connected.clone().count(),
            inbound: connected
                .filter(|direction| *direction == crate::network::Direction::Inbound)
                .count(),
            needed: self.identity.peers_needed,
        };
        let mut components = self.machine.component_statuses(&progress, now);
        let mut faults = self.folder_faults().await;
        components
            .iter_mut()
            .for_each(|component| component.fault = faults.remove(&component.name));
        let root = self.machine.catalog().root();
        let status = Status {
            node: NodeStatus {
                protocol: self.machine.protocol_of(&own_component(), now),
                ..self.identity.node.clone()
            },
            root: RootStatus {
                version: root.version,
                first: self.identity.first_root,
                expires: root.expires,
            },
            listening: self.listening().await,
            peers: counts,
            channels: self.machine.channel_statuses(now),
            components,
            protocol: self.machine.protocol_status(now),
            votes_open: self.machine.votes_open(now),
            alarms: self.machine.alarms(),
            totals: super::status::Totals { sent: self.sent, ..self.totals },
            store: self.store_status().await,
            last_check: self.machine.last_check,
        };
        self.show_progress(&progress);
        self.measure(&status);
        let busy = !progress.is_empty()
            || status.components.iter().any(|component| component.state.is_busy());
        self.next_status = Instant::now() + if busy { STATUS_WHILE_BUSY } else { STATUS_AT_REST };
        self.status_is_old = false;
        self.wires.status.send_replace(Arc::new(status));
    }

    async fn listening(&self) -> Vec<String> {
        let addresses = self.context.network.listen_addresses().await.unwrap_or_default();
        let me = self.context.network.peer_id();
        addresses.iter().map(|address| address.with_peer(me).to_string()).collect()
    }
}

/// Up to a tenth more than asked for, so that nodes that start together do not ask together.
pub(super) fn jittered(interval: Duration) -> Duration {
    interval + interval.mul_f64(rand::random_range(0.0..0.1))
}
