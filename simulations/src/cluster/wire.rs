//! The lines of a cluster in real time: drives the shaper, and is what the nodes' connections run through.
//!
//! The bytes of a connection go over its real socket, but only when the lines have carried them: whoever writes puts them
//! into the shaper, and a task writes them to the socket when they are at the other end. Whoever reads, reads the socket.
//! Everything here runs on the cluster's own runtime, so a node that ends takes nothing with it that was said already.
//!
//! Which node is at the other end of a socket is known when both have told of it: a connection has the same two addresses
//! on both sides.

use std::{
    collections::BTreeMap,
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures::{AsyncRead, AsyncWrite};
use tokio::{
    io::{AsyncWriteExt as _, ReadBuf},
    net::TcpStream,
    runtime::Handle,
    sync::Notify,
    time::Instant,
};
use updraft_node::network::{Carried, Ends, Medium};

use super::shaper::{PipeId, Shaper, Taken};
use crate::world::{lines::Micros, ways::Ways};

/// All lines, and who waits for them. Cheap to clone.
#[derive(Clone)]
pub(super) struct Wire {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Something happens earlier than the driver thinks.
    sooner: Notify,
    began: Instant,
    runtime: Handle,
}

struct State {
    shaper: Shaper,
    /// Who waits for room in a pipe.
    writers: BTreeMap<PipeId, Waker>,
    /// Who takes what comes out of one.
    carriers: BTreeMap<PipeId, Arc<Notify>>,
    /// Connections of which one side has told, by the addresses of who dialled and of who was dialled.
    halves: BTreeMap<(SocketAddr, SocketAddr), PipeId>,
    events: u64,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

impl Wire {
    /// Lines that are driven from now on by a task of this runtime, until every clone of this is gone.
    pub(super) fn new(shaper: Shaper, runtime: Handle) -> Self {
        let state = State {
            shaper,
            writers: BTreeMap::new(),
            carriers: BTreeMap::new(),
            halves: BTreeMap::new(),
            events: 0,
        };
        let began = {
            // A paused clock is that of the runtime.
            let _entered = runtime.enter();
            Instant::now()
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            sooner: Notify::new(),
            began,
            runtime: runtime.clone(),
        });
        runtime.spawn(drive(Arc::downgrade(&shared)));
        Self { shared }
    }

    /// What the connections of a node run through.
    pub(super) fn of(&self, node: u32) -> Arc<dyn Medium> {
        Arc::new(Plug { wire: self.clone(), node })
    }

    /// Microseconds since the beginning.
    pub(super) fn now(&self) -> Micros {
        self.shared.now()
    }

    /// What happened on all lines so far.
    pub(super) fn events(&self) -> u64 {
        self.shared.state().events
    }

    /// Bytes that the line of a node has sent and received.
    pub(super) fn carried(&self, node: u32) -> (u64, u64) {
        self.shared.state().shaper.carried(node)
    }

    /// What the line of a node carries in a second, up and down.
    pub(super) fn rates(&self, node: u32) -> (u64, u64) {
        self.shared.state().shaper.rates(node)
    }

    /// Changes where ways lead and what befalls those who take them.
    pub(super) fn change(&self, change: impl FnOnce(&mut Ways)) {
        self.shared.with(|shaper, now| {
            change(&mut shaper.ways);
            shaper.look_again(now);
        });
    }

    /// Ends all connections of a node, as its system does when its program was killed.
    pub(super) fn reset(&self, node: u32) {
        self.shared.with(|shaper, _| shaper.reset(node));
    }

    /// Whether nobody can dial a node.
    fn is_hidden(&self, node: u32) -> bool {
        self.shared.state().shaper.ways.is_hidden(node)
    }

    /// A new connection of a node. `between` are the addresses of who dialled and of who was dialled.
    fn attach<R, W>(
        &self,
        node: u32,
        between: (SocketAddr, SocketAddr),
        read: R,
        write: W,
    ) -> Shaped<R>
    where
        W: tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        let mut state = self.shared.state();
        let pipe = state.shaper.open(node);
        let carrier = Arc::new(Notify::new());
        state.carriers.insert(pipe, carrier.clone());
        let other = state.halves.remove(&between);
        if other.is_none() {
            state.halves.insert(between, pipe);
        }
        drop(state);
        // What comes out of a pipe is written to the socket of who put it in: its other end reads it.
        self.shared.runtime.spawn(carry(self.shared.clone(), pipe, carrier, write));
        if let Some(other) = other {
            self.shared.with(|shaper, now| shaper.join(pipe, other, now));
        }
        Shaped { read, pipe, between, shared: self.shared.clone() }
    }
}

impl Shared {
    fn now(&self) -> Micros {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(Micros::MAX)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics who holds it")
    }

    /// Does something with the shaper at this moment, and tells everybody whom it concerns.
    fn with<T>(&self, act: impl FnOnce(&mut Shaper, Micros) -> T) -> T {
        let mut state = self.state();
        let before = state.shaper.next();
        let done = act(&mut state.shaper, self.now());
        let after = state.shaper.next();
        let wakers = state.concerned();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        if after.is_some_and(|after| before.is_none_or(|before| after < before)) {
            self.sooner.notify_one();
        }
        done
    }
}

impl Shared {
    /// Lets happen what is due; says when something happens next.
    fn run(&self) -> Option<Micros> {
        let mut state = self.state();
        let happened = state.shaper.run(self.now());
        state.events += happened;
        let wakers = state.concerned();
        let next = state.shaper.next();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        next
    }
}

impl State {
    /// Tells those who take what has come, and gives those who wait for room.
    fn concerned(&mut self) -> Vec<Waker> {
        let (ready, roomy) = self.shaper.changes();
        for pipe in ready {
            if let Some(carrier) = self.carriers.get(&pipe) {
                carrier.notify_one();
            }
        }
        roomy.into_iter().filter_map(|pipe| self.writers.remove(&pipe)).collect()
    }
}

/// Lets happen what is due, for as long as anybody has the lines.
async fn drive(shared: std::sync::Weak<Shared>) {
    /// How often it is looked whether anybody still has them.
    const LOOK: Duration = Duration::from_secs(1);
    loop {
        let Some(here) = shared.upgrade() else { return };
        let next = here.run();
        let at = |next| here.began + Duration::from_micros(next);
        let wakes = next.map_or_else(|| Instant::now() + LOOK, at);
        let sooner = here.sooner.notified();
        // Both are cancel-safe: what is due is asked of the shaper.
        tokio::select! {
            () = tokio::time::sleep_until(wakes) => {}
            () = sooner => {}
        }
    }
}

/// Writes to a socket what comes out of a pipe, until its end.
async fn carry<W>(shared: Arc<Shared>, pipe: PipeId, ready: Arc<Notify>, mut socket: W)
where
    W: tokio::io::AsyncWrite + Send + Unpin,
{
    loop {
        let taken = shared.state().shaper.take(pipe);
        match taken {
            Taken::Bytes(bytes) => {
                if socket.write_all(&bytes).await.is_err() {
                    break;
                }
                shared.with(|shaper, now| shaper.is_taken(pipe, bytes.len(), now));
            }
            Taken::Nothing => ready.notified().await,
            Taken::End | Taken::Gone => break,
        }
    }
    // Who is at the other end sees the end; that it is gone already is no news.
    let _ = socket.shutdown().await;
    shared.with(|shaper, _| shaper.remove(pipe));
    shared.state().carriers.remove(&pipe);
}

/// A connection whose bytes take the time that lines need.
struct Shaped<R> {
    read: R,
    pipe: PipeId,
    between: (SocketAddr, SocketAddr),
    shared: Arc<Shared>,
}

impl<R> Drop for Shaped<R> {
    fn drop(&mut self) {
        self.shared.with(|shaper, now| shaper.abandon(self.pipe, now));
        let mut state = self.shared.state();
        state.writers.remove(&self.pipe);
        if state.halves.get(&self.between) == Some(&self.pipe) {
            state.halves.remove(&self.between);
        }
    }
}

impl<R: tokio::io::AsyncRead + Unpin> AsyncRead for Shaped<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        let read = Pin::new(&mut self.read).poll_read(cx, &mut buffer);
        read.map_ok(|()| buffer.filled().len())
    }
}

impl<R: Unpin> AsyncWrite for Shaped<R> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // Before it is tried: room that is made in between must not be missed.
        self.shared.state().writers.insert(self.pipe, cx.waker().clone());
        let put = self.shared.with(|shaper, now| shaper.put(self.pipe, bytes, now));
        match put {
            Some(0) if !bytes.is_empty() => Poll::Pending,
            Some(taken) => {
                self.shared.state().writers.remove(&self.pipe);
                Poll::Ready(Ok(taken))
            }
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    /// As with a socket: what was taken will be sent.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.with(|shaper, now| shaper.finish(self.pipe, now));
        Poll::Ready(Ok(()))
    }
}

/// The end of the lines at which a node is.
#[derive(Debug)]
struct Plug {
    wire: Wire,
    node: u32,
}

impl Plug {
    fn carry(
        &self,
        socket: TcpStream,
        between: (SocketAddr, SocketAddr),
    ) -> io::Result<Box<dyn Carried>> {
        // The socket outlives the runtime of its node: what was said last is still under way when a node has stopped.
        let socket = socket.into_std()?;
        let _entered = self.wire.shared.runtime.enter();
        let (read, write) = TcpStream::from_std(socket)?.into_split();
        Ok(Box::new(self.wire.attach(self.node, between, read, write)))
    }
}

impl Medium for Plug {
    fn dialled(&self, socket: TcpStream, ends: Ends) -> io::Result<Box<dyn Carried>> {
        self.carry(socket, (ends.local, ends.remote))
    }

    fn accepted(&self, socket: TcpStream, ends: Ends) -> io::Result<Box<dyn Carried>> {
        if self.wire.is_hidden(self.node) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        self.carry(socket, (ends.remote, ends.local))
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
