//! Going over to another configuration while the broker runs.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ferrymq_broker::Limits;

use crate::acceptor::Admission;
use crate::access::{Gatehouse, Policy};
use crate::config::Listener;
use crate::listen::ListenError;
use crate::listeners::Listeners;
use crate::mailbox::{Change, Letter};
use crate::memory::MemoryWatch;
use crate::mio_network::MioMailbox;
use crate::socket_limits::SocketLimits;

/// What holds from now on.
#[derive(Debug)]
pub struct Reload {
    /// All listeners. Those that are bound as before go on, with what holds for them now for those
    /// who come from now on.
    pub listen: Vec<Listener>,
    /// The limits of the broker.
    pub limits: Limits,
    /// The limits of its sockets.
    pub sockets: SocketLimits,
    /// Who may do what; `None`: that stays as it is.
    pub policy: Option<Policy>,
}

/// Why a broker goes on as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// An address could not be bound.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The system did not give us what we need.
    #[error("cannot reload: {0}")]
    System(#[from] io::Error),
}

/// Reloads a broker.
#[derive(Clone)]
pub struct Reloader {
    shared: Arc<Shared>,
}

struct Shared {
    /// `None`: the broker ends.
    listeners: Mutex<Option<Listeners>>,
    post: Arc<[MioMailbox]>,
    admission: Arc<Admission>,
    memory: Arc<MemoryWatch>,
    gatehouse: Option<Gatehouse>,
    /// How many connections the process may open.
    files: usize,
}

impl Reloader {
    pub(crate) fn new(
        listeners: Listeners,
        post: Arc<[MioMailbox]>,
        admission: Arc<Admission>,
        memory: Arc<MemoryWatch>,
        gatehouse: Option<Gatehouse>,
        files: usize,
    ) -> Self {
        let listeners = Mutex::new(Some(listeners));
        let shared = Shared { listeners, post, admission, memory, gatehouse, files };
        Self { shared: Arc::new(shared) }
    }

    /// The addresses where the broker listens.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners().as_ref().map_or_else(Vec::new, Listeners::addresses)
    }

    /// Goes over to what is configured now. Connections that are there stay, also those of a
    /// listener that is removed.
    ///
    /// # Errors
    ///
    /// [`ReloadError`]: nothing has changed.
    pub fn reload(&self, reload: Reload) -> Result<(), ReloadError> {
        let Reload { listen, limits, sockets, policy } = reload;
        let mut listeners = self.listeners();
        let Some(old) = &*listeners else {
            return Err(io::Error::other("the broker ends").into());
        };
        // All that can fail comes before anything that changes something.
        let changed = old.change(listen, sockets.backlog)?;
        let shares: Vec<_> =
            self.shared.post.iter().map(|_| changed.share()).collect::<Result<_, _>>()?;
        let limits = Arc::new(limits);
        self.shared.memory.set_limit(limits.memory_bytes);
        self.shared.admission.set_limit(sockets.connections.min(self.shared.files));
        changed.set_limits();
        changed.introduce_to(&self.shared.admission);
        // Before somebody comes in by a listener that is new.
        if let (Some(gatehouse), Some(policy)) = (&self.shared.gatehouse, policy) {
            gatehouse.set(policy);
        }
        for (mailbox, listeners) in self.shared.post.iter().zip(shares) {
            let change = Change { listeners, limits: Arc::clone(&limits), sockets };
            mailbox.post(Letter::Change(Box::new(change)));
            mailbox.wake();
        }
        changed.log();
        *listeners = Some(changed);
        Ok(())
    }

    /// Ends the broker: nobody listens any more, and the shards are told.
    pub(crate) fn end(&self) {
        *self.listeners() = None;
        for mailbox in self.shared.post.iter() {
            mailbox.post(Letter::ShutDown);
            mailbox.wake();
        }
    }

    fn listeners(&self) -> MutexGuard<'_, Option<Listeners>> {
        self.shared.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
