//! Networks whose connections run through a medium: everything does, and what a medium refuses is refused.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use futures::{AsyncRead, AsyncWrite};
use libp2p::tcp;
use prometheus_client::registry::Registry;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::harness::{TestNode, connect, node, settings};
use crate::network::{Carried, Ends, Medium, Network, NetworkMetrics, NodeKey, Started};

/// Counts what goes through, and may take nobody in.
#[derive(Debug, Default)]
struct Counting {
    read: Arc<AtomicU64>,
    written: Arc<AtomicU64>,
    ends: Mutex<Vec<(&'static str, Ends)>>,
    is_closed: bool,
}

struct Counter {
    socket: tcp::tokio::TcpStream,
    read: Arc<AtomicU64>,
    written: Arc<AtomicU64>,
}

fn count(sum: &AtomicU64, moved: &Poll<io::Result<usize>>) {
    if let Poll::Ready(Ok(bytes)) = moved {
        sum.fetch_add(*bytes as u64, Ordering::Relaxed);
    }
}

impl AsyncRead for Counter {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = Pin::new(&mut self.socket).poll_read(cx, buffer);
        count(&self.read, &read);
        read
    }
}

impl AsyncWrite for Counter {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        count(&self.written, &written);
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_close(cx)
    }
}

impl Counting {
    fn carry(&self, how: &'static str, socket: TcpStream, ends: Ends) -> Box<dyn Carried> {
        self.ends.lock().expect("no test panics with it").push((how, ends));
        let (read, written) = (self.read.clone(), self.written.clone());
        Box::new(Counter { socket: tcp::tokio::TcpStream(socket), read, written })
    }
}

impl Medium for Counting {
    fn dialled(&self, socket: TcpStream, ends: Ends) -> io::Result<Box<dyn Carried>> {
        Ok(self.carry("dialled", socket, ends))
    }

    fn accepted(&self, socket: TcpStream, ends: Ends) -> io::Result<Box<dyn Carried>> {
        if self.is_closed {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        Ok(self.carry("accepted", socket, ends))
    }
}

async fn start_over(medium: &Arc<Counting>) -> TestNode {
    let metrics = NetworkMetrics::register(&mut Registry::default());
    let stop = CancellationToken::new();
    let key = NodeKey::generate();
    let (medium, counted, ended) = (medium.clone(), metrics.clone(), stop.clone());
    let started = Network::start_over(medium, settings(), key, counted, ended).await;
    let Started { network, events, task } = started.expect("starts");
    TestNode { network, events, task, stop, metrics }
}

#[tokio::test]
async fn every_byte_goes_through_the_medium() {
    let (here, there) = (Arc::new(Counting::default()), Arc::new(Counting::default()));
    let (mut a, mut b) = (start_over(&here).await, start_over(&there).await);
    connect(&mut a, &mut b).await;

    let (here_ends, there_ends) =
        (here.ends.lock().expect("whole"), there.ends.lock().expect("whole"));
    let [("dialled", ours)] = here_ends[..] else { panic!("{here_ends:?}") };
    let [("accepted", theirs)] = there_ends[..] else { panic!("{there_ends:?}") };
    assert_eq!((ours.local, ours.remote), (theirs.remote, theirs.local));
    for medium in [&here, &there] {
        let moved = [&medium.read, &medium.written].map(|sum| sum.load(Ordering::Relaxed));
        assert!(moved.iter().all(|bytes| *bytes > 500), "a handshake and identify: {moved:?}");
    }
}

#[tokio::test]
async fn whom_the_medium_refuses_is_refused() {
    let closed = Arc::new(Counting { is_closed: true, ..Counting::default() });
    let (a, b) = (node().await, start_over(&closed).await);
    assert!(a.network.dial(b.address().await).await.is_err());
    // It can still dial others itself.
    assert_eq!(b.network.dial(a.address().await).await, Ok(a.id()));
}
