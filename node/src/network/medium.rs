//! What connections run through below their encryption, if they do not run over bare sockets: for clusters of nodes in
//! one process whose lines have a rate, a length and faults.
//!
//! A node in production has none: no wrapper stands around its sockets, and nothing of this file runs. A medium sees
//! bytes that are encrypted already; it can hold them back, and cannot change what is believed.

use std::{fmt::Debug, io, net::SocketAddr};

use futures::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A connection as what stands above it reads and writes it.
pub trait Carried: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Carried for T {}

/// The two ends of a connection, as the system names them. No two connections that are open at the same time have the
/// same ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ends {
    /// This node's.
    pub local: SocketAddr,
    /// The peer's.
    pub remote: SocketAddr,
}

/// What all TCP connections of one node run through. Called by the network's task, which waits for nobody: returns at
/// once.
pub trait Medium: Debug + Send + Sync + 'static {
    /// This node has opened a connection.
    ///
    /// # Errors
    /// If there is to be none: the dial fails with it.
    fn dialled(&self, socket: TcpStream, ends: Ends) -> io::Result<Box<dyn Carried>>;

    /// Somebody has opened a connection to this node.
    ///
    /// # Errors
    /// If there is to be none: the socket is closed.
    fn accepted(&self, socket: TcpStream, ends: Ends) -> io::Result<Box<dyn Carried>>;
}
