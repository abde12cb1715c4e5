//! Who is told of a shard, and of what. To know that nobody wants to hear of something costs one
//! look.

use std::fmt;

use ferrymq_protocol::time::Instant;
use hashbrown::HashMap;

use crate::identity::ConnectionId;
use crate::notice::{Interests, Notice, Observer, Summary};

/// The observer of a shard.
pub(crate) struct Notices {
    observer: Box<dyn Observer>,
    interests: Interests,
    /// The client identifiers of all clients, while each packet is of interest.
    client_ids: HashMap<ConnectionId, Box<str>, foldhash::fast::FixedState>,
}

impl Notices {
    pub(crate) fn new(mut observer: Box<dyn Observer>, now: Instant) -> Self {
        let interests = observer.begin_turn(now);
        Self { observer, interests, client_ids: HashMap::default() }
    }

    /// A turn begins. Whether each packet is of interest from now on, so that the client identifiers
    /// of those who are connected must be known.
    pub(crate) fn begin_turn(&mut self, now: Instant) -> bool {
        let old = std::mem::replace(&mut self.interests, self.observer.begin_turn(now));
        let had_packets = old.contain(Interests::PACKETS);
        let has_packets = self.wants(Interests::PACKETS);
        if had_packets && !has_packets {
            self.client_ids = HashMap::default();
        }
        has_packets && !had_packets
    }

    /// Whether anybody wants to hear of this.
    pub(crate) const fn wants(&self, interests: Interests) -> bool {
        self.interests.contain(interests)
    }

    pub(crate) fn say(&mut self, notice: &Notice<'_>) {
        self.observer.notice(notice);
    }

    /// This connection's packets are from and to this client.
    pub(crate) fn name(&mut self, id: ConnectionId, client_id: &str) {
        if self.wants(Interests::PACKETS) {
            self.client_ids.insert(id, Box::from(client_id));
        }
    }

    pub(crate) fn forget(&mut self, id: ConnectionId) {
        if !self.client_ids.is_empty() {
            self.client_ids.remove(&id);
        }
    }

    /// A packet was received.
    pub(crate) fn received(&mut self, id: ConnectionId, packet: Summary<'_>) {
        if let Some(client_id) = self.client_ids.get(&id) {
            self.observer.notice(&Notice::Received { client_id, packet });
        }
    }

    /// A packet is being sent.
    pub(crate) fn sent(&mut self, id: ConnectionId, packet: Summary<'_>) {
        if let Some(client_id) = self.client_ids.get(&id) {
            self.observer.notice(&Notice::Sent { client_id, packet });
        }
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Notices")
            .field("interests", &self.interests)
            .finish_non_exhaustive()
    }
}
