//! A proxy on this machine that knows the wire: it holds traffic, slows it, shuts a process out, and stops everything at the
//! n-th message of a kind, so that a fault happens at a point and not at a time. The programs at both ends need no hook.

mod connection;
mod wire;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use wire::Statements;
pub use wire::{Message, Wire};

/// An end of a connection.
pub(crate) trait End: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> End for T {}

/// Where something listens on this machine.
#[derive(Debug, Clone)]
pub enum Address {
    /// A port of 127.0.0.1.
    Port(u16),
    /// A unix socket.
    Socket(PathBuf),
}

/// The n-th message of a kind, and whether it gets through.
#[derive(Debug, Clone)]
pub struct Point {
    /// Which messages count.
    pub message: Message,
    /// Which of them, from 1.
    pub nth: u64,
    /// Whether it reaches the server and is answered, and only the answer is lost; else it does not reach the server.
    pub answered: bool,
}

/// Whose traffic is held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Closed {
    #[default]
    Nobody,
    Everyone,
    /// These processes, which are clients of ours.
    To(Vec<u32>),
}

/// What every connection looks at before it hands anything on.
#[derive(Debug, Clone, Default)]
struct State {
    closed: Closed,
    delay: Duration,
    /// A connection of an older one ends.
    generation: u64,
}

/// A point that is waited for.
struct Armed {
    point: Point,
    seen: u64,
}

struct Inner {
    wire: Wire,
    state: watch::Sender<State>,
    armed: Mutex<Option<Armed>>,
    /// Who is told when the point is reached.
    reached: Mutex<Option<oneshot::Sender<()>>>,
}

/// A running proxy; it stops, and every connection through it ends, when dropped.
pub struct Proxy {
    inner: Arc<Inner>,
    _acceptor: JoinSet<()>,
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Proxy {
    /// Listens at one address and hands on to another, which need not be there yet.
    pub async fn start(listen: &Address, server: Address, wire: Wire) -> Result<Self> {
        let listener = match listen {
            Address::Port(port) => Listener::Tcp(TcpListener::bind(("127.0.0.1", *port)).await.context("the proxy")?),
            Address::Socket(path) => Listener::Unix(UnixListener::bind(path).context("the proxy's socket")?),
        };
        let (state, armed, reached) = (watch::Sender::default(), Mutex::default(), Mutex::default());
        let inner = Arc::new(Inner { wire, state, armed, reached });
        let mut acceptor = JoinSet::new();
        acceptor.spawn(accept(listener, server, Arc::clone(&inner)));
        Ok(Self { inner, _acceptor: acceptor })
    }

    /// Stops everything at a point: from then on all traffic is held until [`Self::cut`]. The receiver is told then.
    pub fn stop_at(&self, point: Point) -> oneshot::Receiver<()> {
        let (reached, told) = oneshot::channel();
        *lock(&self.inner.reached) = Some(reached);
        *lock(&self.inner.armed) = Some(Armed { point, seen: 0 });
        told
    }

    /// Ends every connection that there is; new ones are handed on again.
    pub fn cut(&self) {
        *lock(&self.inner.armed) = None;
        self.inner.state.send_modify(|state| {
            state.generation += 1;
            state.closed = Closed::Nobody;
        });
    }

    /// Holds everything, both ways, as a network does that drops it.
    pub fn close(&self) {
        self.inner.state.send_modify(|state| state.closed = Closed::Everyone);
    }

    /// Holds what these processes, which are clients, send and are sent.
    pub fn close_to(&self, processes: &[u32]) {
        self.inner.state.send_modify(|state| state.closed = Closed::To(processes.to_vec()));
    }

    /// Hands on again what was held.
    pub fn open(&self) {
        self.inner.state.send_modify(|state| state.closed = Closed::Nobody);
    }

    /// From now on everything takes so much longer, each way.
    pub fn delay(&self, delay: Duration) {
        self.inner.state.send_modify(|state| state.delay = delay);
    }
}

impl Inner {
    /// Counts a message to the server. Gives the point when this is the one.
    fn count(&self, frame: &[u8], before: &Statements) -> Option<Point> {
        let mut armed = lock(&self.armed);
        let waiting = armed.as_mut()?;
        if !waiting.point.message.is(frame, before) {
            return None;
        }
        waiting.seen += 1;
        if waiting.seen < waiting.point.nth {
            return None;
        }
        armed.take().map(|armed| armed.point)
    }

    /// Waits for the point again, from the first on, and hands everything on until then; unless it is reached.
    fn try_again(&self, point: Point) {
        if lock(&self.reached).is_some() {
            *lock(&self.armed) = Some(Armed { point, seen: 0 });
            self.state.send_modify(|state| state.closed = Closed::Nobody);
        }
    }

    /// Says that the point is reached.
    fn tell(&self) {
        if let Some(reached) = lock(&self.reached).take() {
            // Nobody listens any more when the test has failed meanwhile.
            reached.send(()).ok();
        }
    }

    fn hold(&self) {
        self.state.send_modify(|state| state.closed = Closed::Everyone);
    }
}

async fn accept(listener: Listener, server: Address, inner: Arc<Inner>) {
    let mut connections = JoinSet::new();
    loop {
        let (client, port): (Box<dyn End>, Option<u16>) = match &listener {
            Listener::Tcp(listener) => match listener.accept().await {
                Ok((stream, from)) => {
                    stream.set_nodelay(true).ok();
                    (Box::new(stream), Some(from.port()))
                }
                Err(_) => continue,
            },
            Listener::Unix(listener) => match listener.accept().await {
                Ok((stream, _)) => (Box::new(stream), None),
                Err(_) => continue,
            },
        };
        // Those that have ended are forgotten.
        while connections.try_join_next().is_some() {}
        let (server, inner) = (server.clone(), Arc::clone(&inner));
        connections.spawn(async move {
            // A server that is not there looks to the client as it would without us: the connection ends.
            if let Ok(server) = connect(&server).await {
                connection::run(client, server, port, inner).await;
            }
        });
    }
}

async fn connect(server: &Address) -> io::Result<Box<dyn End>> {
    Ok(match server {
        Address::Port(port) => {
            let stream = TcpStream::connect(("127.0.0.1", *port)).await?;
            stream.set_nodelay(true)?;
            Box::new(stream)
        }
        Address::Socket(path) => Box::new(UnixStream::connect(path).await?),
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
