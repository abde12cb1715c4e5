//! Exchanges of AUTH packets that go on: what their sources remember between two packets.

use std::collections::{HashMap, VecDeque};

use ferrymq_broker::{ConnectionId, ShardIndex};

use super::source::Exchange;

/// Exchanges that go on, by their connections. A connection that ends amid its exchange does not say
/// so: the oldest makes room for the next one.
#[derive(Default)]
pub(super) struct Exchanges {
    exchanges: HashMap<(ShardIndex, ConnectionId), Box<dyn Exchange>>,
    /// Since when they go on, the oldest first. Some may have ended.
    order: VecDeque<(ShardIndex, ConnectionId)>,
}

impl Exchanges {
    /// Takes the exchange of a connection, for its next step.
    pub(super) fn take(&mut self, of: (ShardIndex, ConnectionId)) -> Option<Box<dyn Exchange>> {
        self.exchanges.remove(&of)
    }

    /// Keeps an exchange until the client has answered.
    pub(super) fn put(&mut self, of: (ShardIndex, ConnectionId), exchange: Box<dyn Exchange>) {
        self.exchanges.insert(of, exchange);
        self.order.push_back(of);
        while self.order.len() > MAXIMUM_EXCHANGES {
            if let Some(oldest) = self.order.pop_front()
                && !self.order.contains(&oldest)
            {
                self.exchanges.remove(&oldest);
            }
        }
    }
}

/// Exchanges that go on at a time.
const MAXIMUM_EXCHANGES: usize = 4096;
