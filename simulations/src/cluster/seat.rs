//! A node at the desk: a whole node with a runtime of its own, started, stopped and killed.
//!
//! What a killed program leaves behind is what a node leaves whose runtime is shut down: its tasks are dropped wherever
//! they wait, nothing is said, nothing is put in order. Its line is cut before, so that nobody hears of what drops cause.

use std::{sync::Arc, time::Duration};

use tokio::{
    runtime::{Builder, Runtime},
    sync::{broadcast, mpsc},
    task::JoinHandle,
};
use updraft_node::{
    agent::{AgentHandle, Operation, ProposalLine, What},
    build::Build,
    keys::{Asking, PasswordSource},
    network::Medium,
    node::{self, Node},
};

use super::{Failure, desk::Character, wire::Wire};
use crate::world::lines::Micros;

/// How long what a node does on threads that block may take to end.
const LAST_WORK: Duration = Duration::from_secs(10);
/// News of all nodes that may wait; then their watchers wait, and a node's own channel forgets the oldest.
pub(super) const MAX_NEWS: usize = 4_096;

/// Something that a node told.
#[derive(Debug)]
pub(super) struct News {
    /// Which node.
    pub(super) node: u32,
    /// When.
    pub(super) at: Micros,
    /// What; `None` if some of it was missed.
    pub(super) what: Option<What>,
}

/// A node that runs.
#[derive(Debug)]
pub(super) struct Running {
    /// To ask things of it.
    pub(super) agent: AgentHandle,
    node: Node,
    runtime: Runtime,
    listener: JoinHandle<()>,
}

/// What a node has done until it ends, by its own account.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Its numbers as text.
    pub(super) numbers: String,
    /// Its installations.
    pub(super) operations: Vec<Operation>,
    /// Votes as it sees them, and the newest head that it trusts of each channel; nothing if it had no time to say so.
    pub(super) sees: Option<(Vec<ProposalLine>, Vec<u64>)>,
}

impl Running {
    /// Starts a node and listens to it. Blocks.
    pub(super) fn start(
        character: &Character,
        medium: Arc<dyn Medium>,
        wire: &Wire,
        news: mpsc::Sender<News>,
    ) -> Result<Self, Failure> {
        let failed = || format!("{} does not start", character.name);
        let passwords = PasswordSource::from_environment(Asking::Never);
        let (settings, dirs) = (character.settings.clone(), &character.dirs);
        let opened = node::open(&settings, dirs, &passwords).map_err(Failure::of(failed))?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name(&character.name)
            .enable_all()
            .build()
            .map_err(Failure::of(failed))?;
        let started = Node::start_over(medium, settings, dirs, opened, Build::THIS);
        let node = runtime.block_on(started).map_err(Failure::of(failed))?;
        let agent = node.agent.clone();
        let listening = listen(character.number, agent.events(), wire.clone(), news);
        let listener = runtime.spawn(listening);
        Ok(Self { agent, node, runtime, listener })
    }

    /// What the node says of itself now.
    pub(super) async fn account(agent: AgentHandle, numbers: String) -> Account {
        // Who is stopping already has no more to say than its numbers.
        let operations = agent.operations().await.unwrap_or_default();
        let votes = agent.proposals().await.unwrap_or_default();
        let heads = agent.status().channels.iter().map(|channel| channel.seq).collect();
        Account { numbers, operations, sees: Some((votes, heads)) }
    }

    /// Its numbers, as they stand at `/metrics`.
    pub(super) fn numbers(&self) -> String {
        self.node.metrics().unwrap_or_default()
    }

    /// Ends it in order. Blocks.
    pub(super) fn stop(self) {
        self.listener.abort();
        let lock = self.runtime.block_on(self.node.stop());
        self.runtime.shutdown_timeout(LAST_WORK);
        drop(lock);
    }

    /// Ends it wherever it is. Its line has to be cut before. Blocks.
    pub(super) fn kill(self) {
        let Self { node, runtime, .. } = self;
        runtime.shutdown_timeout(LAST_WORK);
        drop(node);
    }
}

/// Passes on what a node tells, until it ends.
async fn listen(
    node: u32,
    mut events: broadcast::Receiver<updraft_node::agent::Event>,
    wire: Wire,
    news: mpsc::Sender<News>,
) {
    loop {
        let what = match events.recv().await {
            Ok(event) => Some(event.what),
            Err(broadcast::error::RecvError::Lagged(_)) => None,
            Err(broadcast::error::RecvError::Closed) => return,
        };
        if news.send(News { node, at: wire.now(), what }).await.is_err() {
            return;
        }
    }
}
