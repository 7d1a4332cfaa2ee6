//! The stack below the protocols: TCP with noise and yamux, QUIC; or TCP over a medium. Builds the swarm and opens its
//! listeners.

use std::{collections::HashMap, error::Error, io, net::SocketAddr, sync::Arc, time::Duration};

use libp2p::{
    Swarm, SwarmBuilder, Transport as _, TransportError,
    core::{
        ConnectedPoint,
        muxing::StreamMuxerBox,
        transport::{ListenerId, timeout::TransportTimeout},
        upgrade::Version,
    },
    noise, quic, swarm, tcp, yamux,
};

use super::{
    address::{Address, Carrier},
    behaviour::Protocols,
    error::StartError,
    identity::NodeKey,
    medium::{Carried, Ends, Medium},
    settings::NetworkSettings,
};

/// A connection has to be dialled, secured and ready within this. A dead peer must not hold up a fetch for
/// the half minute that TCP itself would try.
const CONNECT: Duration = Duration::from_secs(5);
/// Streams of one connection. Requests are bounded at 32 by their own limits; the rest is for gossip, the
/// DHT, identify and ping.
const MAX_STREAMS: usize = 128;
/// Streams of one connection that have not said yet what they are for.
const MAX_NEGOTIATING: usize = 64;

/// Puts the stack together.
pub(super) fn swarm(
    key: NodeKey,
    settings: &NetworkSettings,
) -> Result<Swarm<Protocols>, StartError> {
    let quic = |mut config: quic::Config| {
        config.handshake_timeout = CONNECT;
        config.max_concurrent_stream_limit = 128;
        config
    };
    let idle = settings.idle_timeout;
    Ok(SwarmBuilder::with_existing_identity(key.into_keypair())
        .with_tokio()
        .with_tcp(tcp_config(), noise::Config::new, yamux_config)
        .map_err(|error| setup("noise", &error))?
        .with_quic_config(quic)
        .with_behaviour(|keypair| Protocols::new(keypair, settings).map_err(Box::from))
        .map_err(|error| setup("protocols", &error))?
        .with_swarm_config(|config| swarm_config(config, idle))
        .with_connection_timeout(CONNECT)
        .build())
}

/// The same with TCP alone, each connection of which runs through a medium below noise.
pub(super) fn swarm_over(
    key: NodeKey,
    settings: &NetworkSettings,
    medium: Arc<dyn Medium>,
) -> Result<Swarm<Protocols>, StartError> {
    let keypair = key.into_keypair();
    let noise = noise::Config::new(&keypair).map_err(|error| setup("noise", &error))?;
    let transport = tcp::tokio::Transport::new(tcp_config())
        .and_then(move |socket, point| std::future::ready(through(&*medium, socket.into(), &point)))
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(yamux_config())
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let transport = TransportTimeout::new(transport, CONNECT).boxed();
    let protocols =
        Protocols::new(&keypair, settings).map_err(|error| setup("protocols", &error))?;
    let config = swarm_config(swarm::Config::with_tokio_executor(), settings.idle_timeout);
    Ok(Swarm::new(transport, protocols, keypair.public().to_peer_id(), config))
}

fn through(
    medium: &dyn Medium,
    socket: tokio::net::TcpStream,
    point: &ConnectedPoint,
) -> io::Result<Box<dyn Carried>> {
    let ends = Ends { local: socket.local_addr()?, remote: socket.peer_addr()? };
    match point {
        ConnectedPoint::Dialer { .. } => medium.dialled(socket, ends),
        ConnectedPoint::Listener { .. } => medium.accepted(socket, ends),
    }
}

fn setup(part: &'static str, reason: &dyn ToString) -> StartError {
    StartError::Setup { part, reason: reason.to_string() }
}

fn tcp_config() -> tcp::Config {
    tcp::Config::default().nodelay(true)
}

fn yamux_config() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(MAX_STREAMS);
    config
}

fn swarm_config(config: swarm::Config, idle: Duration) -> swarm::Config {
    config.with_idle_connection_timeout(idle).with_max_negotiating_inbound_streams(MAX_NEGOTIATING)
}

/// Opens all listeners. That a machine has no IPv6 is no reason not to start: the default settings listen on
/// `::` beside `0.0.0.0`. Every other failure is one, and so is a node that would listen nowhere.
pub(super) fn listen_on_all(
    swarm: &mut Swarm<Protocols>,
    addresses: &[Address],
) -> Result<HashMap<ListenerId, Address>, StartError> {
    let mut open = HashMap::new();
    let mut forgiven = None;
    for address in addresses {
        match listen(swarm, address) {
            Ok(listener) => {
                open.insert(listener, address.clone());
            }
            Err(error @ StartError::Listen { .. }) if is_any_ipv6(address) => {
                tracing::warn!(%address, error = &error as &dyn Error, "not listening there");
                forgiven = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    match forgiven {
        Some(error) if open.is_empty() => Err(error),
        _ => Ok(open),
    }
}

fn is_any_ipv6(address: &Address) -> bool {
    address.is_unspecified() && address.ip().is_some_and(|ip| ip.is_ipv6())
}

/// Opens a listener. The socket is open when this returns.
fn listen(swarm: &mut Swarm<Protocols>, address: &Address) -> Result<ListenerId, StartError> {
    check_free(address).map_err(|source| refusal(address, source))?;
    swarm.listen_on(address.without_peer().to_multiaddr()).map_err(|error| {
        let source = match error {
            TransportError::Other(error) => innermost(error),
            TransportError::MultiaddrNotSupported(_) => io::ErrorKind::Unsupported.into(),
        };
        refusal(address, source)
    })
}

/// Fails if somebody else listens there. libp2p sets `SO_REUSEPORT` on its TCP sockets (it dials from the
/// port it listens on), with which two nodes of one user get one port without an error and half of the
/// connections each. A plain bind tells; between it and the real one another program could still slip in, and
/// then shares the port, which is where we would be without the check.
fn check_free(address: &Address) -> io::Result<()> {
    let Some(socket) = address.socket() else { return Err(io::ErrorKind::InvalidInput.into()) };
    if socket.port() == 0 {
        return Ok(());
    }
    Ok(bind_alone(socket, address.carrier())?)
}

/// Binds as the transports do, but without sharing: IPv6 for itself, because the IPv4 listener next to it has
/// the same port, and TCP over connections that are only waiting to be forgotten.
fn bind_alone(socket: SocketAddr, carrier: Carrier) -> rustix::io::Result<()> {
    use rustix::net::{self, AddressFamily, SocketType, sockopt};
    let family = if socket.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let kind = match carrier {
        Carrier::Tcp => SocketType::STREAM,
        Carrier::Quic => SocketType::DGRAM,
    };
    let probe = net::socket(family, kind, None)?;
    if socket.is_ipv6() {
        sockopt::set_ipv6_v6only(&probe, true)?;
    }
    if carrier == Carrier::Tcp {
        sockopt::set_socket_reuseaddr(&probe, true)?;
    }
    net::bind(&probe, &socket)
}

fn refusal(address: &Address, source: io::Error) -> StartError {
    let address = Box::new(address.clone());
    match source.kind() {
        io::ErrorKind::AddrInUse => StartError::PortInUse { address, source },
        _ => StartError::Listen { address, source },
    }
}

/// libp2p wraps the system's error in boxes that hide its kind.
fn innermost(error: io::Error) -> io::Error {
    let mut inner: &(dyn Error + 'static) = &error;
    let mut code = error.raw_os_error();
    while let Some(source) = inner.source().or_else(|| {
        inner.downcast_ref::<io::Error>().and_then(|io| io.get_ref()).map(|inner| inner as _)
    }) {
        inner = source;
        code = inner.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error).or(code);
    }
    code.map_or(error, io::Error::from_raw_os_error)
}
