//! A broker on this machine: binds, starts a thread for each shard, and ends them.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use ferrymq_broker::{Directory, Limits, Shard, ShardIndex, ShardOptions};
use ferrymq_protocol::time::Instant;
use mio::net::TcpStream;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::acceptor::Admission;
use crate::clock::Clock;
use crate::config::{ServeOptions, SocketLimits};
use crate::control::{Control, ControlPlane};
use crate::listen::{self, ListenError};
use crate::mailbox::{Letter, Mailbox};
use crate::memory_store::MemoryStore;
use crate::mio_network::MioNetwork;
use crate::network::Network;
use crate::store::Store;
use crate::turn::{Turn, TurnParts};

/// A broker that runs. It goes on when this is dropped; see [`Self::stop`] and [`Self::join`].
pub struct Server {
    addresses: Vec<SocketAddr>,
    directory: Arc<Directory>,
    stop: Stop,
    threads: Vec<JoinHandle<()>>,
}

/// Ends a broker.
#[derive(Clone)]
pub struct Stop {
    post: Arc<[Mailbox<TcpStream>]>,
}

/// Why a broker did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// An address could not be bound.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The system did not give us what we need.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
    /// The system has no random numbers.
    #[error("cannot start without random numbers: {0}")]
    Random(#[from] getrandom::Error),
    /// A thread has ended by a bug.
    #[error("a part of the broker has crashed")]
    Crashed,
}

/// Runs a broker until SIGINT or SIGTERM. A second signal ends the process at once.
pub fn serve(options: ServeOptions) -> Result<(), ServeError> {
    // Before anything is bound, so that nobody who sees us listen can be answered by the default
    // of a signal.
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let server = Server::start(options)?;
    let stop = server.stop_handle();
    let signals_end = signals.handle();
    let watcher = thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut arrivals = signals.forever();
        if arrivals.next().is_some() {
            tracing::info!("shutting down");
            stop.stop();
        }
        if arrivals.next().is_some() {
            std::process::exit(1);
        }
    })?;
    let ended = server.join();
    signals_end.close();
    watcher.join().map_err(|_| ServeError::Crashed)?;
    ended
}

impl Server {
    /// Binds and starts. When this returns, clients can connect.
    pub fn start(options: ServeOptions) -> Result<Self, ServeError> {
        let ServeOptions { listen, shards, limits, sockets, access, authority } = options;
        let mut listeners = Vec::new();
        for listen in listen {
            listeners.append(&mut listen::bind(listen, sockets.backlog)?);
        }
        let addresses =
            listeners.iter().map(TcpListener::local_addr).collect::<io::Result<Vec<_>>>()?;

        let shards = shards.map_or_else(default_shards, std::num::NonZeroU16::get);
        let clock = Clock::start(Instant::ZERO);
        let (mut networks, mut mailboxes) = (Vec::new(), Vec::new());
        for _ in 0..shards {
            let (network, waker) = MioNetwork::new(clock)?;
            networks.push(network);
            mailboxes.push(Mailbox::new(waker));
        }
        let post: Arc<[Mailbox<TcpStream>]> = mailboxes.into();
        let (control, control_thread) = ControlPlane::start(authority, Arc::clone(&post))?;
        let directory = Arc::new(Directory::new(shards, getrandom::u64()?));
        let common = Common {
            post: Arc::clone(&post),
            store: Arc::new(MemoryStore::new(shards)),
            control,
            admission: Arc::new(Admission::new(sockets.connections.min(open_files()))),
            directory: Arc::clone(&directory),
            limits: Arc::new(limits),
            sockets,
        };
        let mut server =
            Self { addresses, directory, stop: Stop { post }, threads: vec![control_thread] };
        for (index, network) in (0u16..).map(ShardIndex).zip(networks) {
            let shard = Shard::new(ShardOptions {
                index,
                limits: Arc::clone(&common.limits),
                directory: Arc::clone(&common.directory),
                access: access(index),
                now: network.now(),
                seed: getrandom::u64()?,
                first_record: 1,
            });
            let listeners = share(&listeners)?;
            let turn = Turn::new(common.parts(index, network, shard, listeners));
            server.threads.push(run(index, turn, server.stop.clone())?);
        }
        for address in &server.addresses {
            tracing::info!("listening on {address}");
        }
        Ok(server)
    }

    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What all its shards share, for its metrics.
    pub const fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// What ends it, to be given away.
    pub fn stop_handle(&self) -> Stop {
        self.stop.clone()
    }

    /// Tells it to end. Clients are told so, and connections are closed.
    pub fn stop(&self) {
        self.stop.stop();
    }

    /// Waits for its end.
    pub fn join(self) -> Result<(), ServeError> {
        let crashed = self.threads.into_iter().map(JoinHandle::join).filter(Result::is_err).count();
        if crashed == 0 { Ok(()) } else { Err(ServeError::Crashed) }
    }
}

impl Stop {
    /// Tells the broker to end.
    pub fn stop(&self) {
        for mailbox in self.post.iter() {
            mailbox.post(Letter::ShutDown);
            mailbox.wake();
        }
    }
}

/// What all turns share.
struct Common {
    post: Arc<[Mailbox<TcpStream>]>,
    store: Arc<dyn Store>,
    control: Arc<dyn Control>,
    admission: Arc<Admission>,
    directory: Arc<Directory>,
    limits: Arc<Limits>,
    sockets: SocketLimits,
}

impl Common {
    fn parts(
        &self,
        index: ShardIndex,
        network: MioNetwork,
        shard: Shard,
        listeners: Vec<mio::net::TcpListener>,
    ) -> TurnParts<MioNetwork> {
        TurnParts {
            network,
            shard,
            index,
            listeners,
            post: Arc::clone(&self.post),
            store: Arc::clone(&self.store),
            control: Arc::clone(&self.control),
            admission: Arc::clone(&self.admission),
            limits: Arc::clone(&self.limits),
            sockets: self.sockets,
        }
    }
}

/// Ends the other shards when one of them crashes: half a broker answers nobody.
struct EndTogether(Stop);

impl Drop for EndTogether {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop();
        }
    }
}

fn run(index: ShardIndex, turn: Turn<MioNetwork>, stop: Stop) -> io::Result<JoinHandle<()>> {
    let mut turn = turn;
    thread::Builder::new().name(format!("shard {}", index.0)).spawn(move || {
        let _end_together = EndTogether(stop);
        while turn.run_once() {}
    })
}

fn share(listeners: &[TcpListener]) -> io::Result<Vec<mio::net::TcpListener>> {
    listeners
        .iter()
        .map(|listener| listener.try_clone().map(mio::net::TcpListener::from_std))
        .collect()
}

fn default_shards() -> u16 {
    let cores = thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    u16::try_from(cores).unwrap_or(u16::MAX)
}

/// How many connections the process may open, after the limit was raised as far as it goes.
#[cfg(unix)]
fn open_files() -> usize {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(files) => connections_of(usize::try_from(files).unwrap_or(usize::MAX)),
        Err(error) => {
            tracing::debug!(%error, "cannot raise the limit of open files");
            usize::MAX
        }
    }
}

#[cfg(not(unix))]
fn open_files() -> usize {
    usize::MAX
}

/// How many of so many files may be connections. Where there are only a few files, half of them are:
/// to let nobody in would be no better than to find out that there is no file left.
#[cfg(unix)]
fn connections_of(files: usize) -> usize {
    files - OTHER_FILES.min(files / 2)
}

/// Files that are not connections.
#[cfg(unix)]
const OTHER_FILES: usize = 64;

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn few_files_are_shared_with_connections() {
        let rows = [(1_000_000, 999_936), (1024, 960), (64, 32), (1, 1)];
        for (files, connections) in rows {
            assert_eq!(connections_of(files), connections, "{files}");
        }
    }
}
