//! The door: refuses connections of peers that are banned or not on the list, and of crowded subnets.
//!
//! Stands before all other protocols, so that a refused connection costs none of them any state. Counts of
//! connections in total and of each peer are libp2p's `connection_limits` beside it.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt,
    task::{Context, Poll},
    time::Instant,
};

use libp2p::{
    Multiaddr,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionClosed, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler,
        THandlerInEvent, THandlerOutEvent, ToSwarm, behaviour::ListenFailure, dummy,
    },
};

use super::{
    address::{Address, Subnet},
    bans::Bans,
    identity::PeerId,
};

/// Inbound connections of one public IPv4 /24 or IPv6 /48, counted from the first byte. Addresses of one
/// subnet cost one rent; seventeen of them must not displace sixteen other places of the world.
pub(super) const MAX_PER_SUBNET: usize = 16;

/// The protocol of the door; it speaks to nobody.
pub(super) struct Gate {
    pub(super) bans: Bans,
    /// Inbound connections by where they come from, from the handshake to the end. As long as the limits on
    /// pending and established connections beside this allow.
    from: BTreeMap<ConnectionId, Subnet>,
}

/// Why the door stayed closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// Banned, denied, or not among those allowed.
    #[error("peer may not connect")]
    Peer,
    /// Too many from one place.
    #[error("more than {MAX_PER_SUBNET} connections from one subnet")]
    Subnet,
}

impl Gate {
    pub(super) const fn new(bans: Bans) -> Self {
        Self { bans, from: BTreeMap::new() }
    }

    fn check_peer(&self, peer: libp2p::PeerId) -> Result<(), ConnectionDenied> {
        if self.bans.may_connect(PeerId::from(peer), Instant::now()) {
            Ok(())
        } else {
            Err(ConnectionDenied::new(Refused::Peer))
        }
    }

    fn admit_from(&mut self, connection: ConnectionId, ip: Option<Subnet>) -> Result<(), Refused> {
        let Some(subnet) = ip else { return Ok(()) };
        if self.from.values().filter(|other| **other == subnet).count() >= MAX_PER_SUBNET {
            return Err(Refused::Subnet);
        }
        self.from.insert(connection, subnet);
        Ok(())
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("inbound", &self.from.len()).finish_non_exhaustive()
    }
}

impl NetworkBehaviour for Gate {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let ip = Address::from_multiaddr(remote).and_then(|address| address.ip());
        self.admit_from(connection, ip.and_then(Subnet::of)).map_err(ConnectionDenied::new)
    }

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: libp2p::PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.check_peer(peer)?;
        Ok(dummy::ConnectionHandler)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: Option<libp2p::PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        peer.map_or(Ok(()), |peer| self.check_peer(peer))?;
        Ok(Vec::new())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: libp2p::PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.check_peer(peer)?;
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(ConnectionClosed { connection_id, .. })
            | FromSwarm::ListenFailure(ListenFailure { connection_id, .. }) => {
                self.from.remove(&connection_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _: libp2p::PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knock(gate: &mut Gate, n: usize, from: &str) -> Result<(), ConnectionDenied> {
        gate.handle_pending_inbound_connection(
            ConnectionId::new_unchecked(n),
            &Multiaddr::empty(),
            &from.parse().expect("an address"),
        )
    }

    #[test]
    fn a_crowded_subnet_is_refused_until_somebody_leaves() {
        let mut gate = Gate::new(Bans::default());
        for n in 0..MAX_PER_SUBNET {
            let host = n + 1;
            knock(&mut gate, n, &format!("/ip4/203.0.113.{host}/tcp/1")).expect("room is left");
        }
        assert!(knock(&mut gate, 100, "/ip4/203.0.113.200/udp/1/quic-v1").is_err());
        assert!(knock(&mut gate, 101, "/ip4/203.0.114.1/tcp/1").is_ok());
        gate.from.remove(&ConnectionId::new_unchecked(3));
        assert!(knock(&mut gate, 102, "/ip4/203.0.113.200/tcp/1").is_ok());
    }

    #[test]
    fn loopback_is_no_subnet() {
        let mut gate = Gate::new(Bans::default());
        for n in 0..4 * MAX_PER_SUBNET {
            assert!(knock(&mut gate, n, "/ip4/127.0.0.1/tcp/1").is_ok());
        }
    }
}
