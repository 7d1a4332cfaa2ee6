//! Where a peer can be reached: validated text such as `/ip4/192.0.2.7/udp/8917/quic-v1/p2p/12D3KooW…`.
//!
//! Only what our transports can use is an address: an IP or a DNS name, TCP or QUIC, perhaps a peer id.
//! This file never resolves a name and never opens a socket.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use libp2p::{Multiaddr, multiaddr::Protocol};
use updraft_protocol::limits::MAX_ADDRESS;

use super::identity::PeerId;

/// An address that this node can listen on or dial.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    host: Host,
    carrier: Carrier,
    port: u16,
    peer: Option<PeerId>,
}

/// The first part of an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Host {
    /// A number.
    Ip(IpAddr),
    /// A name, looked up before each dial.
    Name {
        /// What to look up.
        name: String,
        /// Which kind of number is wanted.
        family: Family,
    },
}

/// Which numbers a DNS name may stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Family {
    /// Either (`/dns`).
    Any,
    /// IPv4 only (`/dns4`).
    V4,
    /// IPv6 only (`/dns6`).
    V6,
}

impl Family {
    pub(super) fn admits(self, ip: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => ip.is_ipv4(),
            Self::V6 => ip.is_ipv6(),
        }
    }
}

/// What carries a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Carrier {
    /// `/tcp/<port>`, secured by noise.
    Tcp,
    /// `/udp/<port>/quic-v1`.
    Quic,
}

/// Text that is no usable address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// Longer than any address of ours.
    #[error("address of {got} bytes, at most {limit} are allowed")]
    TooLong {
        /// Bytes given.
        got: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Not a multiaddress.
    #[error(
        "`{text}` is not an address: expected `/ip4/192.0.2.7/tcp/8917` or `/ip4/192.0.2.7/udp/8917/quic-v1`, with or without `/p2p/<peer id>`"
    )]
    Form {
        /// What was given.
        text: String,
    },
}

impl Address {
    /// The peer that is expected there, if the address says so.
    pub fn peer(&self) -> Option<PeerId> {
        self.peer
    }

    /// The same place, expecting this peer.
    pub fn with_peer(&self, peer: PeerId) -> Self {
        Self { peer: Some(peer), ..self.clone() }
    }

    /// The same place, expecting nobody in particular.
    pub fn without_peer(&self) -> Self {
        Self { peer: None, ..self.clone() }
    }

    /// Whether only this machine can reach it.
    pub fn is_loopback(&self) -> bool {
        self.ip().is_some_and(|ip| ip.is_loopback())
    }

    /// Whether it stands for every address of this machine (`0.0.0.0`, `::`).
    pub fn is_unspecified(&self) -> bool {
        self.ip().is_some_and(|ip| ip.is_unspecified())
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    pub(super) const fn carrier(&self) -> Carrier {
        self.carrier
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    /// The number, unless it is a name.
    pub(super) fn ip(&self) -> Option<IpAddr> {
        match self.host {
            Host::Ip(ip) => Some(ip),
            Host::Name { .. } => None,
        }
    }

    pub(super) fn socket(&self) -> Option<SocketAddr> {
        self.ip().map(|ip| SocketAddr::new(ip, self.port))
    }

    /// The same address with a name replaced by what it stands for.
    pub(super) fn resolved(&self, ip: IpAddr) -> Self {
        Self { host: Host::Ip(ip), ..self.clone() }
    }

    /// Reads what libp2p reports; relayed, web and other foreign addresses give nothing.
    pub(super) fn from_multiaddr(address: &Multiaddr) -> Option<Self> {
        if address.len() > MAX_ADDRESS {
            return None;
        }
        let mut parts = address.iter();
        let host = match parts.next()? {
            Protocol::Ip4(ip) => Host::Ip(ip.into()),
            Protocol::Ip6(ip) => Host::Ip(ip.into()),
            Protocol::Dns(name) => Host::Name { name: name.into_owned(), family: Family::Any },
            Protocol::Dns4(name) => Host::Name { name: name.into_owned(), family: Family::V4 },
            Protocol::Dns6(name) => Host::Name { name: name.into_owned(), family: Family::V6 },
            _ => return None,
        };
        let (carrier, port) = match parts.next()? {
            Protocol::Tcp(port) => (Carrier::Tcp, port),
            Protocol::Udp(port) => match parts.next()? {
                Protocol::QuicV1 => (Carrier::Quic, port),
                _ => return None,
            },
            _ => return None,
        };
        let peer = match parts.next() {
            None => None,
            Some(Protocol::P2p(peer)) => Some(PeerId::from(peer)),
            Some(_) => return None,
        };
        if parts.next().is_some() {
            return None;
        }
        Some(Self { host, carrier, port, peer })
    }

    pub(super) fn to_multiaddr(&self) -> Multiaddr {
        let mut address = Multiaddr::empty();
        address.push(match &self.host {
            Host::Ip(IpAddr::V4(ip)) => Protocol::Ip4(*ip),
            Host::Ip(IpAddr::V6(ip)) => Protocol::Ip6(*ip),
            Host::Name { name, family: Family::Any } => Protocol::Dns(name.into()),
            Host::Name { name, family: Family::V4 } => Protocol::Dns4(name.into()),
            Host::Name { name, family: Family::V6 } => Protocol::Dns6(name.into()),
        });
        match self.carrier {
            Carrier::Tcp => address.push(Protocol::Tcp(self.port)),
            Carrier::Quic => {
                address.push(Protocol::Udp(self.port));
                address.push(Protocol::QuicV1);
            }
        }
        if let Some(peer) = self.peer {
            address.push(Protocol::P2p(peer.inner()));
        }
        address
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > MAX_ADDRESS {
            return Err(InvalidAddress::TooLong { got: text.len(), limit: MAX_ADDRESS });
        }
        text.parse::<Multiaddr>()
            .ok()
            .and_then(|address| Self::from_multiaddr(&address))
            .ok_or_else(|| InvalidAddress::Form { text: text.to_owned() })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_multiaddr().fmt(f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Addresses that count as one place when connections are limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subnet {
    /// An IPv4 /24.
    V4([u8; 3]),
    /// An IPv6 /48.
    V6([u8; 6]),
}

impl Subnet {
    /// The place of a public address. Loopback and private addresses have none: a whole office or a test
    /// network is one /24, and those inside it are limited by the total alone.
    pub(super) fn of(ip: IpAddr) -> Option<Self> {
        match ip.to_canonical() {
            IpAddr::V4(ip) if ip.is_loopback() || ip.is_private() || ip.is_link_local() => None,
            IpAddr::V4(ip) => {
                let [a, b, c, _] = ip.octets();
                Some(Self::V4([a, b, c]))
            }
            IpAddr::V6(ip)
                if ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local() =>
            {
                None
            }
            IpAddr::V6(ip) => {
                let [a, b, c, d, e, f, ..] = ip.octets();
                Some(Self::V6([a, b, c, d, e, f]))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usable_addresses_read_back() {
        let peer = super::super::identity::NodeKey::generate().peer_id();
        for text in [
            "/ip4/127.0.0.1/tcp/0".to_owned(),
            "/ip6/::/udp/8917/quic-v1".to_owned(),
            format!("/dns4/updates.example.org/tcp/8917/p2p/{peer}"),
        ] {
            assert_eq!(text.parse::<Address>().map(|address| address.to_string()), Ok(text));
        }
    }

    #[test]
    fn addresses_that_no_transport_of_ours_takes_are_refused() {
        for text in [
            "",
            "127.0.0.1:8917",
            "/ip4/127.0.0.1",
            "/ip4/127.0.0.1/udp/8917",
            "/ip4/127.0.0.1/tcp/1/ws",
            "/ip4/127.0.0.1/tcp/1/p2p/nobody",
            "/memory/5",
        ] {
            assert!(matches!(text.parse::<Address>(), Err(InvalidAddress::Form { .. })), "{text}");
        }
        let long = format!("/dns4/{}/tcp/1", "a".repeat(MAX_ADDRESS));
        assert!(matches!(long.parse::<Address>(), Err(InvalidAddress::TooLong { .. })));
    }

    #[test]
    fn neighbours_share_a_subnet_and_offices_have_none() {
        let subnet = |text: &str| Subnet::of(text.parse().expect("an ip"));
        assert_eq!(subnet("203.0.113.7"), subnet("203.0.113.200"));
        assert_ne!(subnet("203.0.113.7"), subnet("203.0.114.7"));
        assert_eq!(subnet("2001:db8:1::1"), subnet("2001:db8:1:ffff::2"));
        assert_eq!(subnet("::ffff:203.0.113.7"), subnet("203.0.113.9"));
        for private in ["127.0.0.1", "192.168.1.4", "::1", "fe80::1", "fd00::1"] {
            assert_eq!(subnet(private), None, "{private}");
        }
    }
}
