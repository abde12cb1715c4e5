//! A `mosquitto.db` as items, so that a broker's clients can move here with everything that they
//! are owed.
//!
//! Two things differ. Mosquitto delivers an incoming QoS 2 message when it is released, FerryMQ when
//! it comes: such a message becomes a will without a client, which the broker publishes when it
//! starts, and its packet identifier is remembered. And what FerryMQ cannot keep is left out and
//! counted: QoS 0 messages in a queue, sessions that end with their connection, invalid topics.

mod chunk;
mod queues;

use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::num::{NonZeroU16, NonZeroU32};

use ferrymq_codec::{
    PacketType, Properties, PropertyContext, QoS, SubscriptionOptions, TopicFilter, TopicName,
};
use ferrymq_protocol::time::Instant;

use self::chunk::{Chunk, Chunks, Client, ClientMessage, StoredMessage, Subscription};
use self::queues::Queues;
use super::item::{
    Item, MessageItem, PropertiesItem, RetainedItem, SessionItem, SubscriptionItem, WillItem,
};
use super::text::{Moment, Octets};

pub use self::chunk::{ChunkName, MosquittoError, is_mosquitto};

/// Everything in a `mosquitto.db`.
#[derive(Debug)]
pub struct MosquittoDatabase<'a> {
    messages: BTreeMap<u64, StoredMessage<'a>>,
    sessions: BTreeMap<&'a str, SessionItem>,
    subscriptions: BTreeMap<(&'a str, &'a str), SubscriptionItem>,
    queues: Queues<'a>,
    /// Messages that clients have begun to send.
    incoming: Vec<u64>,
    retained: BTreeMap<&'a str, u64>,
    left_out: LeftOut,
}

/// What a database has and FerryMQ does not keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Sessions that end with their connection, or whose client identifier is not valid.
    pub sessions: u64,
    /// Subscriptions of those, and such with a filter that is not valid.
    pub subscriptions: u64,
    /// Messages in the queues of those, of QoS 0, with a topic that is not valid, or unknown.
    pub messages: u64,
    /// Retained messages with a topic that is not valid or begins with `$`, or unknown.
    pub retained: u64,
}

impl LeftOut {
    /// Whether everything was kept.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl<'a> MosquittoDatabase<'a> {
    /// Reads a file. A session that was connected when the file was written is taken for one whose
    /// client left at `written`.
    pub fn parse(bytes: &'a [u8], written: Instant) -> Result<Self, MosquittoError> {
        let mut database = Self {
            messages: BTreeMap::new(),
            sessions: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            queues: Queues::default(),
            incoming: Vec::new(),
            retained: BTreeMap::new(),
            left_out: LeftOut::default(),
        };
        let mut parts = Parts::default();
        let mut chunks = Chunks::new(bytes)?;
        while let Some(chunk) = chunks.next_chunk()? {
            match chunk {
                Chunk::Message(message) => drop(database.messages.insert(message.id, message)),
                Chunk::ClientMessage(message) => parts.client_messages.push(message),
                Chunk::Retained(message) => parts.retained.push(message),
                Chunk::Subscription(subscription) => parts.subscriptions.push(subscription),
                Chunk::Client(client) => parts.clients.push(client),
                Chunk::Other => {}
            }
        }
        // What names something may stand before it.
        database.add_all(parts, written);
        Ok(database)
    }

    /// What is in the file and not among the items.
    pub const fn left_out(&self) -> LeftOut {
        self.left_out
    }

    /// The items, in an order in which they can be imported.
    pub fn items(&self) -> impl Iterator<Item = Item> {
        let sessions = self.sessions.iter().flat_map(|(client_id, session)| {
            let subscriptions = self.subscriptions.range((*client_id, "")..);
            let subscriptions = subscriptions
                .take_while(move |((subscriber, _), _)| subscriber == client_id)
                .map(|(_, subscription)| Item::Subscription(subscription.clone()));
            iter::once(Item::Session(session.clone())).chain(subscriptions)
        });
        let wills = self.incoming.iter().filter_map(|id| self.will(*id)).map(Item::Will);
        let messages = self.queues.deliveries();
        let messages = messages
            .filter_map(|(id, receivers)| {
                let message = self.messages.get(&id)?;
                let (topic, qos, properties) = content(message)?;
                Some(MessageItem {
                    topic: topic.to_owned(),
                    qos,
                    retain: message.retain,
                    expires: expires(message),
                    publisher: self.publisher(message),
                    properties,
                    payload: Octets(message.payload.to_vec()),
                    receivers,
                })
            })
            .map(Item::Message);
        let retained = self.retained.values().filter_map(|id| self.retained(*id));
        sessions.chain(wills).chain(messages).chain(retained.map(Item::Retained))
    }

    fn add_all(&mut self, parts: Parts<'a>, written: Instant) {
        for client in &parts.clients {
            let is_added = self.add_session(client, written).is_some();
            count_unless(is_added, &mut self.left_out.sessions);
        }
        for subscription in &parts.subscriptions {
            let is_added = self.add_subscription(subscription).is_some();
            count_unless(is_added, &mut self.left_out.subscriptions);
        }
        for message in &parts.client_messages {
            let is_added = self.add_client_message(message).is_some();
            count_unless(is_added, &mut self.left_out.messages);
        }
        for id in parts.retained {
            let is_added = self.add_retained(id).is_some();
            count_unless(is_added, &mut self.left_out.retained);
        }
    }

    fn add_session(&mut self, client: &Client<'a>, written: Instant) -> Option<()> {
        let client_id = client_id(client.id)?;
        if client.expiry_interval == 0 {
            return None;
        }
        let expires = if client.expiry_interval == u32::MAX {
            None
        } else {
            let interval = std::time::Duration::from_secs(u64::from(client.expiry_interval));
            Moment::from_unix_seconds(client.expires)
                .filter(|moment| moment.0 > Instant::ZERO)
                .or_else(|| Moment::before_ever(written.saturating_add(interval)))
        };
        let session = SessionItem {
            client_id: client_id.to_owned(),
            username: str::from_utf8(client.username)
                .ok()
                .filter(|name| !name.is_empty() && !name.contains('\0'))
                .map(str::to_owned),
            session_expiry_interval: client.expiry_interval,
            expires,
            received: Vec::new(),
            released: Vec::new(),
        };
        self.sessions.insert(client_id, session);
        Some(())
    }

    fn add_subscription(&mut self, subscription: &Subscription<'a>) -> Option<()> {
        let client_id = client_id(subscription.client_id)?;
        self.sessions.get(client_id)?;
        let filter = str::from_utf8(subscription.filter).ok()?;
        let is_shared = TopicFilter::parse(filter).ok()?.share().is_some();
        // The two lowest bits are the quality of service in some versions and nothing in others.
        let options = (subscription.options & !0b11) | (subscription.qos & 0b11);
        let options = SubscriptionOptions::from_bits(options).ok()?;
        let item = SubscriptionItem {
            client_id: client_id.to_owned(),
            filter: filter.to_owned(),
            qos: options.maximum_qos,
            no_local: options.no_local && !is_shared,
            retain_as_published: options.retain_as_published,
            retain_handling: options.retain_handling,
            subscription_identifier: NonZeroU32::new(subscription.identifier),
        };
        Item::Subscription(item.clone()).check().ok()?;
        self.subscriptions.insert((client_id, filter), item);
        Some(())
    }

    fn add_client_message(&mut self, message: &ClientMessage<'a>) -> Option<()> {
        let client_id = client_id(message.client_id)?;
        let session = self.sessions.get_mut(client_id)?;
        let packet_id = NonZeroU16::new(message.packet_id);
        if message.is_outgoing && is_released(message.state) {
            // The message itself is the client's already.
            let packet_id = packet_id?;
            if self.queues.use_packet_id(client_id, packet_id) {
                session.released.push(packet_id);
            }
            return Some(());
        }
        let stored = self.messages.get(&message.message)?;
        let qos = QoS::from_bits(message.qos).filter(|qos| *qos != QoS::AtMostOnce)?;
        content(stored)?;
        if message.is_outgoing {
            let packet_id = packet_id.filter(|_| is_sent(message.state));
            let identifiers = subscription_identifiers(message.properties);
            self.queues.push(
                client_id,
                message.message,
                queues::Terms { qos, retain: message.retain, identifiers, packet_id },
            );
        } else if qos == QoS::ExactlyOnce && message.state != RESEND_PUBCOMP {
            let packet_id = packet_id?;
            if !session.received.contains(&packet_id) {
                session.received.push(packet_id);
                self.incoming.push(message.message);
            }
        }
        Some(())
    }

    fn add_retained(&mut self, id: u64) -> Option<()> {
        let message = self.messages.get(&id)?;
        let (topic, _, _) = content(message)?;
        if topic.starts_with('$') {
            return None;
        }
        self.retained.insert(topic, id);
        Some(())
    }

    fn retained(&self, id: u64) -> Option<RetainedItem> {
        let message = self.messages.get(&id)?;
        let (topic, qos, properties) = content(message)?;
        Some(RetainedItem {
            topic: topic.to_owned(),
            qos,
            expires: expires(message),
            publisher: self.publisher(message),
            properties,
            payload: Octets(message.payload.to_vec()),
        })
    }

    fn will(&self, id: u64) -> Option<WillItem> {
        let message = self.messages.get(&id)?;
        let (topic, qos, properties) = content(message)?;
        Some(WillItem {
            client_id: None,
            topic: topic.to_owned(),
            qos,
            retain: message.retain,
            will_delay_interval: 0,
            due: None,
            // What is left of it is not known before the broker starts, and it is published then.
            message_expiry_interval: None,
            properties,
            payload: Octets(message.payload.to_vec()),
        })
    }

    fn publisher(&self, message: &StoredMessage<'_>) -> Option<String> {
        let source = str::from_utf8(message.source).ok()?;
        self.sessions.contains_key(source).then(|| source.to_owned())
    }
}

/// What names other chunks, until all are known.
#[derive(Default)]
struct Parts<'a> {
    clients: Vec<Client<'a>>,
    subscriptions: Vec<Subscription<'a>>,
    client_messages: Vec<ClientMessage<'a>>,
    retained: Vec<u64>,
}

const fn count_unless(is_kept: bool, left_out: &mut u64) {
    if !is_kept {
        *left_out = left_out.saturating_add(1);
    }
}

/// What of a message must be valid: its topic, quality of service and properties.
fn content<'a>(message: &StoredMessage<'a>) -> Option<(&'a str, QoS, PropertiesItem)> {
    let topic = str::from_utf8(message.topic).ok()?;
    TopicName::parse(topic).ok()?;
    let qos = QoS::from_bits(message.qos)?;
    let properties = properties(message.properties)?;
    Some((topic, qos, PropertiesItem::of(properties)))
}

fn expires(message: &StoredMessage<'_>) -> Option<Moment> {
    if message.expires > 0 { Moment::from_unix_seconds(message.expires) } else { None }
}

fn client_id(bytes: &[u8]) -> Option<&str> {
    let text = str::from_utf8(bytes).ok()?;
    (!text.is_empty() && !text.contains('\0')).then_some(text)
}

/// A block with its length before it.
fn properties(bytes: &[u8]) -> Option<Properties<'_>> {
    let mut length: usize = 0;
    let mut rest = bytes;
    for shift in [0, 7, 14, 21] {
        let Some((byte, after)) = rest.split_first() else {
            return bytes.is_empty().then_some(Properties::EMPTY);
        };
        rest = after;
        length |= usize::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            let block = rest.get(..length)?;
            return Properties::parse(block, PropertyContext::Packet(PacketType::Publish)).ok();
        }
    }
    None
}

fn subscription_identifiers(bytes: &[u8]) -> Vec<NonZeroU32> {
    let mut identifiers: Vec<NonZeroU32> = properties(bytes)
        .map(|block| block.subscription_identifiers().collect())
        .unwrap_or_default();
    let mut seen = BTreeSet::new();
    identifiers.retain(|identifier| seen.insert(*identifier));
    identifiers
}

/// The PUBLISH has left and is not acknowledged: waiting to be sent again, or for PUBACK or PUBREC.
const fn is_sent(state: u8) -> bool {
    matches!(state, 2..=5)
}

/// PUBREC has come: PUBREL is to be sent again, or PUBCOMP is awaited.
const fn is_released(state: u8) -> bool {
    matches!(state, 6 | 9)
}

/// The message was released and delivered; PUBCOMP is to be sent again, which FerryMQ does anyway.
const RESEND_PUBCOMP: u8 = 8;

#[cfg(test)]
mod tests;
