//! The listeners of a shard, and how many connections the broker may have.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ferrymq_protocol::time::Instant;

use crate::network::Network;

/// How many connections a broker may have, and how many it has.
#[derive(Debug)]
pub struct Admission {
    limit: usize,
    count: AtomicUsize,
}

/// The listeners of a shard.
pub(crate) struct Acceptor<L> {
    pub(crate) listeners: Vec<Listening<L>>,
    pub(crate) admission: Arc<Admission>,
    /// When to try again after the system would not give us a socket.
    pub(crate) again_at: Option<Instant>,
}

pub(crate) struct Listening<L> {
    pub(crate) listener: L,
    /// Whether connections may wait.
    pub(crate) ready: bool,
}

impl Admission {
    /// Nobody is there yet.
    pub const fn new(limit: usize) -> Self {
        Self { limit, count: AtomicUsize::new(0) }
    }

    /// Lets one more in, if the limit allows.
    pub(crate) fn enter(&self) -> bool {
        let entered = self.count.fetch_add(1, Ordering::Relaxed) < self.limit;
        if !entered {
            self.leave();
        }
        entered
    }

    pub(crate) fn leave(&self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<L> Acceptor<L> {
    pub(crate) fn new(listeners: Vec<L>, admission: Arc<Admission>) -> Self {
        // Those who came before we were registered are not announced on every system.
        let listeners =
            listeners.into_iter().map(|listener| Listening { listener, ready: true }).collect();
        Self { listeners, admission, again_at: None }
    }

    pub(crate) fn mark_ready(&mut self, number: u32) {
        if let Some(listening) = self.listeners.get_mut(number as usize) {
            listening.ready = true;
        }
    }

    pub(crate) fn has_work(&self) -> bool {
        self.again_at.is_none() && self.listeners.iter().any(|listening| listening.ready)
    }

    pub(crate) const fn again_at(&self) -> Option<Instant> {
        self.again_at
    }

    pub(crate) fn stop<N: Network<Listener = L>>(&mut self, network: &mut N) {
        self.again_at = None;
        for listening in self.listeners.drain(..) {
            network.unlisten(listening.listener);
        }
    }
}
