//! Keeps the door open. A node that all others dial first is full after the first hundred; if these stayed for ever, nobody
//! who knows only its address would ever come in.
//!
//! While every place for those who dial is taken, one of them is given up each second. Who was here longest stays, and so
//! does who is in the mesh or has something under way: half of all places cannot be had by dialling again and again, which
//! is what somebody would do who wants to surround a node (Bitcoin Core spares half of its peers by the same rule, after
//! Heilman et al., "Eclipse Attacks on Bitcoin's Peer-to-Peer Network", 2015).

use std::{collections::BTreeSet, time::Instant};

use super::{identity::PeerId, metrics::Direction, task::Task};

impl Task {
    /// Work of every second: gives up a place if none is free.
    pub(super) fn keep_the_door_open(&mut self, now: Instant) {
        let counters = self.swarm.network_info();
        let inbound = counters.connection_counters().num_established_incoming();
        if inbound < self.inbound_max {
            return;
        }
        let mesh = self.swarm.behaviour().gossip.inner.all_mesh_peers().copied();
        let mut needed: BTreeSet<PeerId> = mesh.map(PeerId::from).collect();
        needed.extend(self.serving.holders());
        needed.extend(self.asked.peers());
        let is_needed = |peer: PeerId| needed.contains(&peer);
        if let Some(peer) = self.peers.to_leave(Direction::Inbound, self.settles, is_needed, now) {
            tracing::debug!(?peer, "all places are taken: it makes room for a newcomer");
            self.disconnect(peer);
        }
    }
}
