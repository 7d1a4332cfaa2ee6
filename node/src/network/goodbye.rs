//! The end of the loop: every connection is closed. A peer that is not told takes this node for there until it loses
//! patience, ten seconds over QUIC, and does not dial the program that may take its place meanwhile.

use std::time::Duration;

use futures::StreamExt;
use libp2p::swarm::SwarmEvent;

use super::task::Task;

/// How long connections have to close.
const GOODBYE: Duration = Duration::from_millis(500);
/// How long the last datagrams have to leave: QUIC holds a connection for closed before the one that says so has.
const DATAGRAMS_LEAVE: Duration = Duration::from_millis(50);

impl Task {
    /// Listens to nobody new and closes what is open, within a bounded time. Nothing that still comes is looked at.
    pub(super) async fn say_goodbye(mut self) {
        for listener in std::mem::take(&mut self.listeners) {
            self.swarm.remove_listener(listener);
        }
        let peers: Vec<_> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            // Gone already is gone.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let closed = async {
            while self.swarm.connected_peers().next().is_some() {
                // A dial that was under way.
                if let SwarmEvent::ConnectionEstablished { connection_id, .. } =
                    self.swarm.select_next_some().await
                {
                    self.swarm.close_connection(connection_id);
                }
            }
        };
        if tokio::time::timeout(GOODBYE, closed).await.is_err() {
            tracing::debug!("some peers did not close their connections in time");
        }
        let rest = async { while self.swarm.next().await.is_some() {} };
        drop(tokio::time::timeout(DATAGRAMS_LEAVE, rest).await);
    }
}
