//! The queues of all clients as one sequence of messages, in which each client finds its own order.
//!
//! Mosquitto numbers messages as they come, and almost every queue is in that order: then a message
//! is told once, with all its receivers. Where a queue differs (a retained message that was sent to
//! a new subscriber is older than its place), that client gets a line of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU16, NonZeroU32};

use ferrymq_codec::QoS;

use crate::offline::item::{MAX_RECEIVERS, Receiver};

/// What clients are owed.
#[derive(Debug, Default)]
pub(super) struct Queues<'a> {
    clients: BTreeMap<&'a str, Queue>,
    deliveries: BTreeMap<Place, (u64, Vec<Delivery<'a>>)>,
}

/// How a message is sent to a client.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) qos: QoS,
    pub(super) retain: bool,
    pub(super) identifiers: Vec<NonZeroU32>,
    /// If it was sent already.
    pub(super) packet_id: Option<NonZeroU16>,
}

#[derive(Debug, Default)]
struct Queue {
    /// The highest message so far; later ones go behind it.
    highest: Option<u64>,
    packet_ids: BTreeSet<NonZeroU16>,
    sent: u32,
}

/// The message behind which this stands; then 0 for the message itself, and a number of its own for
/// a line of one client.
type Place = (u64, u64);

#[derive(Debug)]
struct Delivery<'a> {
    client_id: &'a str,
    terms: Terms,
    sent: Option<u32>,
}

impl<'a> Queues<'a> {
    /// Takes a packet identifier for a client; `false` if it is in use.
    pub(super) fn use_packet_id(&mut self, client_id: &'a str, packet_id: NonZeroU16) -> bool {
        self.clients.entry(client_id).or_default().packet_ids.insert(packet_id)
    }

    /// Puts a message at the end of a client's queue.
    pub(super) fn push(&mut self, client_id: &'a str, message: u64, mut terms: Terms) {
        let own_line = u64::try_from(self.deliveries.len()).unwrap_or(u64::MAX).saturating_add(1);
        let queue = self.clients.entry(client_id).or_default();
        terms.packet_id = terms.packet_id.filter(|id| queue.packet_ids.insert(*id));
        let sent = terms.packet_id.map(|_| {
            let place = queue.sent;
            queue.sent = place.saturating_add(1);
            place
        });
        let place = match queue.highest {
            Some(highest) if highest >= message => (highest, own_line),
            _ => (message, 0),
        };
        queue.highest = Some(place.0);
        let delivery = Delivery { client_id, terms, sent };
        self.deliveries.entry(place).or_insert_with(|| (message, Vec::new())).1.push(delivery);
    }

    /// The messages with their receivers.
    pub(super) fn deliveries(&self) -> impl Iterator<Item = (u64, Vec<Receiver>)> {
        self.deliveries.values().flat_map(|(message, deliveries)| {
            let lines = deliveries.chunks(MAX_RECEIVERS);
            lines.map(|line| (*message, line.iter().map(Delivery::receiver).collect()))
        })
    }
}

impl Delivery<'_> {
    fn receiver(&self) -> Receiver {
        Receiver {
            client_id: Some(self.client_id.to_owned()),
            qos: self.terms.qos,
            retain: self.terms.retain,
            subscription_identifiers: self.terms.identifiers.clone(),
            shared: None,
            packet_id: self.terms.packet_id,
            sent: self.sent,
        }
    }
}
