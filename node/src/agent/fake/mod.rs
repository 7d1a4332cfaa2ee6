//! An agent for tests of the windows: it answers every order from a table that the test fills.
//!
//! It decides nothing. What it was asked is noted, so that a test can say what reached the agent.

pub(crate) mod memory;
pub(crate) mod release;
mod rules;
pub(crate) mod vote;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::sync::{broadcast, mpsc, watch};
use updraft_protocol::{ChannelName, Digest, NetworkKind, Proposal, Timestamp, codec};

pub(crate) use rules::rules;

use super::{
    AgentHandle, Answer, BlobFile, ChannelStatus, CheckReport, Event, Freshness, HistoryLine,
    InstallOrder, MAX_EVENTS, MAX_ORDERS, NodeStatus, Operation, OperationId, OperationKind,
    Outcome, Peer, PeerCounts, Phase, Plan, ProposalLine, ProtocolStatus, Published, Release,
    RollbackOrder, RootStatus, Said, StatementLine, Status, StoreStatus, Totals, in_words,
    operation::Operations, order::Order,
};
use crate::{
    build::Build,
    problem::{Code, Problem},
};

/// The moment at which the fake's node started.
pub(crate) const STARTED: Timestamp = Timestamp::from_seconds(1_795_237_800);

/// What the fake knows.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) releases: Vec<Release>,
    pub(crate) roots: Vec<Vec<u8>>,
    pub(crate) heads: BTreeMap<ChannelName, Vec<u8>>,
    pub(crate) manifests: BTreeMap<Digest, Vec<u8>>,
    pub(crate) objects: BTreeMap<Digest, Vec<u8>>,
    pub(crate) blobs: BTreeMap<Digest, Vec<u8>>,
    pub(crate) peers: Vec<Peer>,
    pub(crate) history: Vec<HistoryLine>,
    pub(crate) operations: Operations,
    pub(crate) plan: Option<Plan>,
    pub(crate) published: Option<Published>,
    pub(crate) statements: Vec<StatementLine>,
    pub(crate) proposals: Vec<ProposalLine>,
    /// What a wish for a proposal is answered with.
    pub(crate) drafted: Option<Proposal>,
    /// What every new operation ends with, instead of going well.
    pub(crate) failure: Option<Problem>,
    /// Operations stay where they are.
    pub(crate) stuck: bool,
    /// Orders as they came, in words.
    pub(crate) asked: Vec<String>,
    /// The bytes of the bundle that was imported.
    pub(crate) imported: Vec<u8>,
}

/// A running fake.
#[derive(Debug, Clone)]
pub(crate) struct FakeAgent {
    pub(crate) handle: AgentHandle,
    pub(crate) status: watch::Sender<Arc<Status>>,
    pub(crate) events: broadcast::Sender<Event>,
    world: Arc<Mutex<World>>,
}

impl FakeAgent {
    /// Starts one that knows nothing. It ends when the last handle goes.
    pub(crate) fn start() -> Self {
        let (orders, incoming) = mpsc::channel(MAX_ORDERS);
        let (status, seen) = watch::channel(Arc::new(empty_status()));
        let (events, _) = broadcast::channel(MAX_EVENTS);
        let world = Arc::new(Mutex::new(World::default()));
        tokio::spawn(answer_all(incoming, world.clone()));
        let handle = AgentHandle { orders, status: seen, events: events.clone() };
        Self { handle, status, events, world }
    }

    /// What it knows.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no test panics while it holds this")
    }

    /// Changes the status.
    pub(crate) fn set_status(&self, change: impl FnOnce(&mut Status)) {
        self.status.send_modify(|status| change(Arc::make_mut(status)));
    }
}

impl AgentHandle {
    /// A handle whose agent is gone.
    pub(crate) fn without_a_task() -> Self {
        let (orders, _) = mpsc::channel(1);
        let (_, status) = watch::channel(Arc::new(empty_status()));
        Self { orders, status, events: broadcast::channel(1).0 }
    }
}

/// A healthy node without components.
fn empty_status() -> Status {
    Status {
        node: NodeStatus {
            id: "12D3KooWNode".to_owned(),
            name: "node-a".to_owned(),
            network: "demo".parse().expect("a name"),
            kind: NetworkKind::Development,
            role: "full",
            version: Build::THIS.version,
            speaks: Build::THIS.speaks,
            protocol: 1,
            started: STARTED,
        },
        root: RootStatus {
            version: 1,
            first: Digest::of(b"root"),
            expires: STARTED.plus(1_000_000),
        },
        listening: vec!["/ip4/127.0.0.1/tcp/8917/p2p/12D3KooWNode".to_owned()],
        peers: PeerCounts { connected: 3, inbound: 1, needed: 1 },
        channels: vec![ChannelStatus {
            name: "stable".parse().expect("a name"),
            seq: 4,
            expires: Some(STARTED.plus(1_000_000)),
            freshness: Freshness::FreshUntil(STARTED.plus(1_000_000)),
            why: None,
            frozen: None,
            witnesses: None,
            pauses: Vec::new(),
        }],
        components: Vec::new(),
        protocol: ProtocolStatus {
            active: 1,
            oldest: 1,
            newest: 2,
            fork: "0a1b2c3d".to_owned(),
            left_behind: false,
            warnings: Vec::new(),
        },
        votes_open: 0,
        alarms: Vec::new(),
        totals: Totals::default(),
        store: StoreStatus { bytes: 5, limit: 100, blobs: 2 },
        last_check: None,
    }
}

async fn answer_all(mut incoming: mpsc::Receiver<Order>, world: Arc<Mutex<World>>) {
    while let Some(order) = incoming.recv().await {
        let mut world = world.lock().expect("no test panics while it holds this");
        world.answer(order);
    }
}

impl World {
    /// A dropped asker is no concern of the fake, so results of `send` are not looked at.
    fn answer(&mut self, order: Order) {
        match order {
            Order::Check { reply } => {
                self.asked.push("check".to_owned());
                drop(reply.send(Ok(CheckReport { asked: 3, new_heads: 1 })));
            }
            Order::Install { order, reply } => drop(reply.send(self.install(&order))),
            Order::Plan { order, reply } => drop(reply.send(self.plan(&order))),
            Order::Rollback { order, reply } => drop(reply.send(self.rollback(&order))),
            Order::Operations { reply } => {
                drop(reply.send(Ok(self.operations.iter().cloned().collect())));
                self.advance();
            }
            Order::Releases { reply } => drop(reply.send(Ok(self.releases.clone()))),
            Order::SignedRoot { version, reply } => {
                let index = version.map_or(Some(self.roots.len()), |v| usize::try_from(v).ok());
                let root = index.and_then(|n| self.roots.get(n.checked_sub(1)?)).cloned();
                drop(reply.send(Ok(root)));
            }
            Order::SignedHead { channel, seq, reply } => {
                let head = self.heads.get(&channel).filter(|_| seq.is_none_or(|seq| seq == 1));
                drop(reply.send(Ok(head.cloned())));
            }
            Order::OfferRoot { root, by, reply } => {
                self.asked.push(format!("root {} by {by}", root.digest().short()));
                drop(reply.send(Ok(2)));
            }
            Order::SignedManifest { digest, reply } => {
                drop(reply.send(Ok(self.manifests.get(&digest).cloned())));
            }
            Order::Import { bundle, by, reply } => {
                self.asked.push(format!("import by {by}"));
                self.imported = std::fs::read(bundle).expect("the bundle is there");
                let problem = || Problem::new(Code::ThresholdNotMet, "has 1 of 2 signatures");
                drop(reply.send(self.published.clone().ok_or_else(problem)));
            }
            Order::Say { statement, by, reply } => {
                let (id, kind) = (statement.id(), statement.kind());
                self.asked.push(format!("say {kind} by {by}"));
                let words = in_words(&statement, |release| release.to_string());
                let said = Said { id, kind, words: words.clone(), news: true, reached: 2 };
                let bytes = codec::encode(statement.as_ref()).expect("it was decoded");
                self.statements.push(StatementLine { id, kind, words, expires: None, bytes });
                drop(reply.send(self.failure.clone().map_or(Ok(said), Err)));
            }
            Order::Proposals { reply } => drop(reply.send(Ok(self.proposals.clone()))),
            Order::DraftProposal { wish, reply } => {
                self.asked.push(format!("draft protocol {} of {}", wish.to, wish.line));
                let drafted = self.drafted.clone().ok_or_else(|| {
                    Problem::new(
                        Code::NotAVoter,
                        "the trust root of this network names no electorate",
                    )
                });
                drop(reply.send(drafted));
            }
            Order::Vote { proposal, stance, reason, by, reply } => {
                self.asked.push(format!(
                    "vote {} {} ({reason}) by {by}",
                    proposal.short(),
                    stance.word()
                ));
                let words = format!("{} on {}", stance.word(), proposal.short());
                let said = Said { id: proposal, kind: "ballot", words, news: true, reached: 2 };
                drop(reply.send(self.failure.clone().map_or(Ok(said), Err)));
            }
            Order::Statements { reply } => drop(reply.send(Ok(self.statements.clone()))),
            Order::History { component, limit, reply } => {
                let wanted = |line: &&HistoryLine| {
                    component.as_ref().is_none_or(|name| line.component == *name)
                };
                let lines = self.history.iter().filter(wanted).take(limit).cloned().collect();
                drop(reply.send(Ok(lines)));
            }
            Order::Object { digest, reply } => {
                drop(reply.send(Ok(self.objects.get(&digest).cloned())));
            }
            Order::Blob { digest, reply } => {
                drop(reply.send(Ok(self.blobs.get(&digest).map(|bytes| blob_file(bytes)))));
            }
            Order::Replicas { reply, .. } => drop(reply.send(Ok(2))),
            Order::StartAgain { reply } => drop(reply.send(Ok("/bin/true".into()))),
            Order::Peers { .. } | Order::Dial { .. } | Order::Ban { .. } | Order::Unban { .. } => {
                self.answer_about_peers(order);
            }
        }
    }

    fn answer_about_peers(&mut self, order: Order) {
        match order {
            Order::Peers { reply } => drop(reply.send(Ok(self.peers.clone()))),
            Order::Dial { address, reply } => {
                drop(reply.send(self.note(format!("dial {address}"))))
            }
            Order::Ban { peer, time, reply } => {
                let seconds = time.as_secs();
                drop(reply.send(self.note(format!("ban {peer} for {seconds}"))));
            }
            Order::Unban { peer, reply } => drop(reply.send(self.note(format!("unban {peer}")))),
            _ => unreachable!("only orders about peers come here"),
        }
    }

    fn note(&mut self, order: String) -> Answer<()> {
        self.asked.push(order);
        Ok(())
    }

    fn plan(&self, order: &InstallOrder) -> Answer<Plan> {
        let unknown = || {
            let detail = format!("no component is named `{}`", order.component);
            Problem::new(Code::ComponentUnknown, detail)
        };
        self.plan.clone().ok_or_else(unknown)
    }

    fn install(&mut self, order: &InstallOrder) -> Answer<OperationId> {
        let plan = self.plan(order)?;
        self.asked.push(format!(
            "install {} {:?} {:?} {:?} by {}",
            order.component, order.extent, order.route, order.consent, order.by
        ));
        Ok(self.begin(OperationKind::Install, order.component.clone(), plan, &order.by))
    }

    fn rollback(&mut self, order: &RollbackOrder) -> Answer<OperationId> {
        let plan = self.plan.clone().expect("the test gives a plan");
        self.asked.push(format!("rollback {} to {:?}", order.component, order.to));
        Ok(self.begin(OperationKind::Rollback, order.component.clone(), plan, &order.by))
    }

    fn begin(
        &mut self,
        kind: OperationKind,
        component: updraft_protocol::ComponentName,
        plan: Plan,
        by: &str,
    ) -> OperationId {
        self.operations.begin(Operation {
            id: OperationId(0),
            kind,
            component,
            from: plan.from,
            to: plan.to,
            phase: Phase::Planning,
            progress: Some((0, plan.fetch_bytes)),
            sources: BTreeMap::from([("12D3KooWPeer".to_owned(), plan.fetch_bytes)]),
            patch_bytes: 0,
            duplicates: 0,
            wrong: 0,
            started: STARTED,
            ended: None,
            by: by.to_owned(),
            reason: None,
            outcome: Outcome::Running,
        })
    }

    /// Each look at the operations brings them one phase further.
    fn advance(&mut self) {
        if self.stuck {
            return;
        }
        let running: Vec<_> =
            self.operations.iter().filter(|o| o.ended.is_none()).map(|o| (o.id, o.phase)).collect();
        for (id, phase) in running {
            match phase {
                Phase::Planning => self.operations.update(id, |o| {
                    o.phase = Phase::Fetching;
                    o.progress = o.progress.map(|(_, total)| (total / 2, total));
                }),
                _ => {
                    let outcome = self.failure.clone().map_or(Outcome::Done, Outcome::Failed);
                    self.operations.finish(id, outcome, STARTED.plus(4));
                }
            }
        }
    }
}

fn blob_file(bytes: &[u8]) -> BlobFile {
    BlobFile { reader: Box::new(io::Cursor::new(bytes.to_vec())), size: bytes.len() as u64 }
}

/// A connected peer.
pub(crate) fn peer(id: &str) -> Peer {
    Peer {
        id: id.to_owned(),
        addresses: vec!["/ip4/192.0.2.1/tcp/8917".to_owned()],
        direction: "out",
        agent: Some("updraft/0.1.0".to_owned()),
        rtt: Some(Duration::from_millis(12)),
        score: 0.5,
        found_by: "dht",
        since: STARTED,
        banned: None,
    }
}
