//! A broker on this machine: binds, starts a thread for each shard, and ends them. Who runs it decides
//! what ends it: here are no signals.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use ferrymq_broker::{Directory, ShardIndex};
use ferrymq_store::CommitError;

use crate::acceptor::Admission;
use crate::broker::Broker;
use crate::config::ServeOptions;
use crate::control::ControlPlane;
use crate::data::DataError;
use crate::listen::ListenError;
use crate::listeners::Listeners;
use crate::log_threads::LogThreads;
use crate::mailbox::{Letter, News};
use crate::memory::MemoryWatch;
use crate::mio_network::{MioMailbox, MioNetwork};
use crate::network::Network;
use crate::refusal::Refusal;
use crate::reload::{Reload, ReloadError, Reloader};
use crate::turn::{Turn, TurnParts};

/// A broker that runs. It goes on when this is dropped; see [`Self::stop`] and [`Self::join`].
pub struct Server {
    reloader: Reloader,
    directory: Arc<Directory>,
    post: Arc<[MioMailbox]>,
    stop: Stop,
    threads: Vec<JoinHandle<()>>,
    log: Option<LogThreads>,
}

/// Ends a broker, also one that has not begun.
#[derive(Clone, Default)]
pub struct Stop {
    state: Arc<Mutex<Stopping>>,
}

#[derive(Default)]
struct Stopping {
    asked: bool,
    /// The broker, once there is one.
    broker: Option<Reloader>,
    /// Who wants to know that a shard has ended.
    tell: Option<Box<dyn FnOnce() + Send>>,
}

/// Why a broker did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// An address could not be bound.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// What it keeps cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// What it keeps cannot be written any more.
    #[error(transparent)]
    Log(#[from] CommitError),
    /// The system did not give us what we need.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
    /// A thread has ended by a bug.
    #[error("a part of the broker has crashed")]
    Crashed,
}

impl Server {
    /// Binds, reads what is kept, and starts. When this returns, clients can connect.
    pub fn start(options: ServeOptions) -> Result<Self, ServeError> {
        Self::start_with(options, Stop::default())
    }

    /// The same, where `stop` may end it before it has begun.
    pub fn start_with(options: ServeOptions, stop: Stop) -> Result<Self, ServeError> {
        let ServeOptions {
            listen,
            shards,
            limits,
            sockets,
            data,
            access,
            observer,
            authority,
            gatehouse,
            when_bound,
        } = options;
        let listeners = Listeners::default().change(listen, sockets.backlog)?;
        when_bound(&listeners.addresses())?;
        let files = open_files();
        let admission = Arc::new(Admission::new(sockets.connections.min(files)));
        listeners.introduce_to(&admission);
        let limits = Arc::new(limits);

        let refusal = match data {
            Some(_) => Some(Refusal::start(&listeners, &limits, sockets, Arc::clone(&admission))?),
            None => None,
        };
        let opened = data.map(|data| data.open(&|| stop.is_asked())).transpose()?;
        let broker = Broker::new(shards, &limits, &*access, opened)?;
        listeners.tell_of(&broker.directory);
        let memory = Arc::new(MemoryWatch::new(limits.memory_bytes));
        let (control, control_thread) = ControlPlane::start(
            authority,
            Arc::clone(&broker.post),
            Arc::clone(&broker.directory),
            Arc::clone(&memory),
            limits.sys_interval,
            broker.clock,
        )?;
        let mut threads = vec![control_thread];
        for (index, (network, mut shard)) in (0u16..).map(ShardIndex).zip(broker.shards) {
            shard.set_observer(observer(index), network.now());
            let turn = Turn::new(TurnParts {
                network,
                shard,
                index,
                listeners: listeners.share()?,
                post: Arc::clone(&broker.post),
                store: Arc::clone(&broker.store),
                control: control.clone(),
                admission: Arc::clone(&admission),
                limits: Arc::clone(&limits),
                sockets,
            });
            threads.push(run(index, turn, stop.clone())?);
        }
        threads.extend(refusal.and_then(Refusal::stop));
        listeners.log();
        let post = Arc::clone(&broker.post);
        let reloader = Reloader::new(listeners, broker.post, admission, memory, gatehouse, files);
        stop.attach(reloader.clone());
        let directory = broker.directory;
        Ok(Self { reloader, directory, post, stop, threads, log: broker.log })
    }

    /// The addresses where it listens.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.reloader.addresses()
    }

    /// Goes over to what is configured now. Connections that are there stay, also those of a
    /// listener that is removed.
    ///
    /// # Errors
    ///
    /// [`ReloadError`]: nothing has changed.
    pub fn reload(&self, reload: Reload) -> Result<(), ReloadError> {
        self.reloader.reload(reload)
    }

    /// What reloads it, to be given away.
    pub fn reloader(&self) -> Reloader {
        self.reloader.clone()
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

    /// Asks every shard for a sign of life.
    pub fn beat(&self) -> Beat {
        let asked = Arc::new(());
        for mailbox in self.post.iter() {
            mailbox.post(Letter::Beat(Arc::clone(&asked)));
            mailbox.wake();
        }
        Beat(asked)
    }

    /// What publishes messages of the broker itself: a topic below `$SYS` and a payload. It never
    /// waits; where too many are on their way, the next one is left out.
    pub fn sys_publisher(&self) -> impl Fn(&str, &str) + Send + 'static {
        let (post, under_way) = (Arc::clone(&self.post), Arc::new(()));
        move |topic, payload| {
            if let Some(mailbox) = post.first()
                && Arc::strong_count(&under_way) <= NEWS_UNDER_WAY
            {
                let under_way = Arc::clone(&under_way);
                let (topic, payload) = (topic.into(), payload.into());
                mailbox.post(Letter::News(Box::new(News { topic, payload, under_way })));
                mailbox.wake();
            }
        }
    }

    /// Waits for its end. When this returns, everything that it has kept is on the disk.
    pub fn join(self) -> Result<(), ServeError> {
        let crashed = self.threads.into_iter().map(JoinHandle::join).filter(Result::is_err).count();
        // Last, because shards may write until they end.
        let written = self.log.map_or(Ok(Ok(())), LogThreads::end);
        match written {
            Ok(written) if crashed == 0 => Ok(written?),
            _ => Err(ServeError::Crashed),
        }
    }
}

/// A question to all shards, whether they make turns.
pub struct Beat(Arc<()>);

impl Beat {
    /// Whether all of them have answered.
    pub fn is_complete(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl Stop {
    /// Calls `tell` once a shard has ended, for whatever reason.
    pub fn on_end(&self, tell: impl FnOnce() + Send + 'static) {
        self.lock().tell = Some(Box::new(tell));
    }

    /// Tells the broker to end.
    pub fn stop(&self) {
        let mut state = self.lock();
        state.asked = true;
        if let Some(broker) = &state.broker {
            broker.end();
        }
    }

    fn is_asked(&self) -> bool {
        self.lock().asked
    }

    /// There is a broker now.
    fn attach(&self, broker: Reloader) {
        let mut state = self.lock();
        if state.asked {
            broker.end();
        }
        state.broker = Some(broker);
    }

    fn lock(&self) -> MutexGuard<'_, Stopping> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the other shards when one of them crashes: half a broker answers nobody.
struct EndTogether(Stop);

impl Drop for EndTogether {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop();
        }
        let tell = self.0.lock().tell.take();
        if let Some(tell) = tell {
            tell();
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

/// Messages of the broker about itself that wait to be published.
const NEWS_UNDER_WAY: usize = 1024;
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
