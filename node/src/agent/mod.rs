//! The corridor: joins the rooms that a release walks through, and owns no rule of its own.
//!
//! ```text
//!  network events ─┐                       ┌─> network   (ask, announce, verdict)
//!  orders (API) ───┼─> task ─> machine ────┼─> store     (persist before anything is promised)
//!  effects' ends ──┘   │      (pure)       ├─> fetch     (chunks from many peers)
//!                      └─> status, events  └─> install   (stage, switch, go back)
//! ```
//!
//! Simulations drive what is pure here with thousands of nodes on one clock, and do by themselves what the task and its
//! effects do for one node:
//!
//! | of a node | decides | its driver here |
//! |---|---|---|
//! | all that it hears | [`Machine`]: an [`Input`] in, [`Action`]s out, in order | `task.rs`, `effects.rs` |
//! | a fetch, a plan, a mirror | [`Errand`], with what is pure in [`fetch`](crate::fetch) | `fetching.rs` |
//! | answers to who was away | [`answer`], from a [`Ledger`] and a [`Telling`] | `serving.rs` |
//! | what is believed after a start | [`Trust`], [`restore_catalog`], [`restore_votes`] | `start.rs` |
//!
//! A ballot that an operator casts with [`Machine::vote`] is kept, then signed, then handed back as [`Input::Cast`]; so is
//! a heartbeat of [`Action::Vouch`], as [`Input::Vouched`]. A proposal is drafted with [`Machine::draft_proposal`], signed,
//! and said with [`Machine::say_on_a_vote`]; other statements with [`Machine::say`]. A release is published with
//! [`Input::Imported`].
//!
//! | channel | bound | when full |
//! |---|---|---|
//! | orders | `MAX_ORDERS` | the asker waits |
//! | status (`watch`) | 1 | the newest replaces the older |
//! | events (`broadcast`) | `MAX_EVENTS` | a slow watcher misses the oldest and is told so |

mod action;
mod adapters;
mod answering;
mod asks;
mod audit;
mod behind;
mod believing;
mod bringing;
mod changing;
mod context;
mod drafting;
mod effects;
mod electing;
mod ending;
mod errand;
mod event;
#[cfg(test)]
pub(crate) mod fake;
mod fetching;
mod following;
mod hearing;
mod importing;
mod installing;
mod ledger;
mod lifecycle;
mod limiter;
mod machine;
mod measuring;
mod offering;
mod operation;
mod order;
mod orders;
mod outdated;
mod packed;
mod passing;
mod proposals;
mod restore;
mod reusing;
mod reviewing;
mod route;
mod rules;
mod saying;
mod serving;
mod show;
mod signing;
mod sparing;
mod staging;
mod start;
mod statements;
mod status;
mod stopping;
mod survey;
mod sync;
mod talking;
mod task;
mod told;
mod trouble;
mod trying;
mod updates;
mod view;
mod votes;
mod voting;

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use updraft_protocol::{
    ChannelName, ComponentName, Digest, Proposal, Root, Signed, Stance, Statement,
};

use self::order::{Order, Reply};
pub use self::{
    action::{Action, Fetched, Input, Installation, Job, JobError, Leg, Now},
    answering::{Telling, answer},
    behind::LeftBehind,
    changing::{Listening, Speech, Understood},
    ending::{Ending, own_component},
    errand::{Brought, Errand, ErrandAction, ErrandInput},
    event::{Event, What},
    ledger::Ledger,
    lifecycle::{Component, Following, InstalledVersion},
    limiter::Bucket,
    machine::Machine,
    operation::{Operation, OperationId, OperationKind, Outcome, Phase},
    order::{
        Answer, BlobFile, CheckReport, Consent, Extent, HistoryLine, InstallOrder, Peer, Plan,
        Published, Release, RollbackOrder, RouteChoice, Trial,
    },
    proposals::{BallotLine, ElectorLine, OwnPart, ProposalLine, ProposalWish},
    restore::{
        Trust, from_the_ledger, restore_catalog, restore_elector, restore_votes, restore_witness,
    },
    route::{Here, Means},
    rules::{Duty, Rules, Upload},
    saying::{Said, StatementLine, in_words},
    serving::PATIENCE as UPLOAD_PATIENCE,
    staging::Staged,
    start::{Parts, start},
    status::{
        Alarm, Available, ChannelStatus, ComponentState, ComponentStatus, Concern, ConcernKind,
        Freshness, Held, HoldReason, LastUpdate, NodeStatus, Pause, PeerCounts, ProtocolStatus,
        RootStatus, RuleWarning, Status, StoreStatus, Totals, WitnessCount,
    },
    votes::{Taken, Votes},
};
pub use crate::governance::{State as VoteState, VoteCount};
use crate::problem::{Code, Problem};

/// Orders that may wait for the agent.
const MAX_ORDERS: usize = 64;
/// Events kept for slow watchers.
const MAX_EVENTS: usize = 1_024;

/// A cheap handle on the running agent. Every call fails with a [`Problem`] once the node stops.
#[derive(Debug, Clone)]
pub struct AgentHandle {
    orders: mpsc::Sender<Order>,
    status: watch::Receiver<Arc<Status>>,
    events: broadcast::Sender<Event>,
}

impl AgentHandle {
    /// The newest snapshot.
    pub fn status(&self) -> Arc<Status> {
        self.status.borrow().clone()
    }

    /// Snapshots as they change.
    pub fn watch(&self) -> watch::Receiver<Arc<Status>> {
        self.status.clone()
    }

    /// Events from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Asks connected peers for news and waits for their answers.
    pub async fn check(&self) -> Answer<CheckReport> {
        self.ask(|reply| Order::Check { reply }).await
    }

    /// Begins an installation; follow it with [`AgentHandle::operation`].
    pub async fn install(&self, order: InstallOrder) -> Answer<OperationId> {
        self.ask(|reply| Order::Install { order, reply }).await
    }

    /// What an installation would do.
    pub async fn plan(&self, order: InstallOrder) -> Answer<Plan> {
        self.ask(|reply| Order::Plan { order, reply }).await
    }

    /// Begins to go back to a kept version.
    pub async fn rollback(&self, order: RollbackOrder) -> Answer<OperationId> {
        self.ask(|reply| Order::Rollback { order, reply }).await
    }

    /// Operations of this run, oldest first.
    pub async fn operations(&self) -> Answer<Vec<Operation>> {
        self.ask(|reply| Order::Operations { reply }).await
    }

    /// One operation; `None` if it is unknown or forgotten.
    pub async fn operation(&self, id: OperationId) -> Answer<Option<Operation>> {
        Ok(self.operations().await?.into_iter().find(|operation| operation.id == id))
    }

    /// Every release that a trusted head lists, by channel, component, target and version.
    pub async fn releases(&self) -> Answer<Vec<Release>> {
        self.ask(|reply| Order::Releases { reply }).await
    }

    /// The encoded `Signed<Root>` of a version; the newest for `None`.
    pub async fn signed_root(&self, version: Option<u64>) -> Answer<Option<Vec<u8>>> {
        self.ask(|reply| Order::SignedRoot { version, reply }).await
    }

    /// The encoded `Signed<Head>` of a number that was kept for a channel; the trusted one for `None`.
    pub async fn signed_head(
        &self,
        channel: ChannelName,
        seq: Option<u64>,
    ) -> Answer<Option<Vec<u8>>> {
        self.ask(|reply| Order::SignedHead { channel, seq, reply }).await
    }

    /// Verifies the next root, keeps it, tells the network, and gives its number. Offering the root in force
    /// changes nothing.
    pub async fn offer_root(&self, root: Signed<Root>, by: String) -> Answer<u64> {
        let root = Box::new(root);
        self.ask(|reply| Order::OfferRoot { root, by, reply }).await
    }

    /// The encoded `Signed<Manifest>` of a digest.
    pub async fn signed_manifest(&self, digest: Digest) -> Answer<Option<Vec<u8>>> {
        self.ask(|reply| Order::SignedManifest { digest, reply }).await
    }

    /// Verifies a bundle file, keeps what is in it, and announces it. The file stays the caller's.
    pub async fn import(&self, bundle: PathBuf, by: String) -> Answer<Published> {
        self.ask(|reply| Order::Import { bundle, by, reply }).await
    }

    /// Takes a statement if it is believed, keeps it, and tells everybody.
    pub async fn say(&self, statement: Statement, by: String) -> Answer<Said> {
        self.ask(|reply| Order::Say { statement: Arc::new(statement), by, reply }).await
    }

    /// Every statement that is believed and still matters.
    pub async fn statements(&self) -> Answer<Vec<StatementLine>> {
        self.ask(|reply| Order::Statements { reply }).await
    }

    /// Every proposal that is known, the newest first.
    pub async fn proposals(&self) -> Answer<Vec<ProposalLine>> {
        self.ask(|reply| Order::Proposals { reply }).await
    }

    /// A proposal as somebody wishes it, to be signed and handed in with [`AgentHandle::say`].
    pub async fn draft_proposal(&self, wish: ProposalWish) -> Answer<Proposal> {
        let wish = Box::new(wish);
        self.ask(|reply| Order::DraftProposal { wish, reply }).await
    }

    /// Votes with this node's key: yes, no, abstain or cancel. The node itself says when it is ready.
    pub async fn vote(
        &self,
        proposal: Digest,
        stance: Stance,
        reason: String,
        by: String,
    ) -> Answer<Said> {
        self.ask(|reply| Order::Vote { proposal, stance, reason, by, reply }).await
    }

    /// The newest lines of the history, newest first.
    pub async fn history(
        &self,
        component: Option<ComponentName>,
        limit: usize,
    ) -> Answer<Vec<HistoryLine>> {
        self.ask(|reply| Order::History { component, limit, reply }).await
    }

    /// Peers connected or banned.
    pub async fn peers(&self) -> Answer<Vec<Peer>> {
        self.ask(|reply| Order::Peers { reply }).await
    }

    /// Dials an address.
    pub async fn dial(&self, address: String) -> Answer<()> {
        self.ask(|reply| Order::Dial { address, reply }).await
    }

    /// Disconnects a peer and keeps it out for `time`.
    pub async fn ban(&self, peer: String, time: Duration) -> Answer<()> {
        self.ask(|reply| Order::Ban { peer, time, reply }).await
    }

    /// Lets a banned peer in again.
    pub async fn unban(&self, peer: String) -> Answer<()> {
        self.ask(|reply| Order::Unban { peer, reply }).await
    }

    /// An object from the store.
    pub async fn object(&self, digest: Digest) -> Answer<Option<Vec<u8>>> {
        self.ask(|reply| Order::Object { digest, reply }).await
    }

    /// A complete blob from the store.
    pub async fn blob(&self, digest: Digest) -> Answer<Option<BlobFile>> {
        self.ask(|reply| Order::Blob { digest, reply }).await
    }

    /// How many connected peers hold the whole artifact of a manifest now.
    pub async fn replicas(&self, manifest: Digest) -> Answer<usize> {
        self.ask(|reply| Order::Replicas { manifest, reply }).await
    }

    /// Ends the node in order, to begin again as the program that is installed as `updraft`, or as this one if none
    /// is; says which. Whoever runs the node sees it in [`Ending`].
    pub async fn start_again(&self) -> Answer<PathBuf> {
        self.ask(|reply| Order::StartAgain { reply }).await
    }

    async fn ask<T>(&self, order: impl FnOnce(Reply<T>) -> Order) -> Answer<T> {
        let (reply, answer) = oneshot::channel();
        let stopping = || Problem::new(Code::Stopping, "the node is stopping");
        self.orders.send(order(reply)).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }
}
