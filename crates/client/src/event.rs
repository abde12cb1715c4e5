//! What the driver tells the user.

use std::time::Duration;

use ferrymq_codec::{PacketId, Properties, PropertyBuffer, QoS, ReasonCode};
use ferrymq_protocol::client::ReceivedMessage;
use tokio::sync::mpsc;

use crate::error::ConnectionError;

/// A message, or news of the connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The server has accepted a connection.
    Connected {
        /// Whether the server goes on with a stored session.
        session_present: bool,
        /// The client identifier, where the server has assigned one.
        client_id: Box<str>,
        /// What else the server says; empty before MQTT 5.0.
        properties: PropertyBuffer,
    },
    /// A message for one of the subscriptions.
    Message(Message),
    /// The session was new, and a subscription of the old one was refused.
    SubscriptionLost {
        /// Why.
        reason: ReasonCode,
    },
    /// The connection is lost, or an attempt to replace it has failed.
    Disconnected {
        /// Why.
        error: ConnectionError,
        /// When the next attempt begins; `None` if this was the last event.
        retry_in: Option<Duration>,
    },
}

/// A message that the server has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is about.
    pub topic: String,
    /// What it says.
    pub payload: Vec<u8>,
    /// The quality of service that it was sent with.
    pub qos: QoS,
    /// Whether it is the topic's retained message and not a new one.
    pub retain: bool,
    /// The packet identifier that it came with; none with QoS 0.
    pub packet_id: Option<u16>,
    /// Whether the server may have sent it before. QoS 2 messages come once all the same.
    pub dup: bool,
    /// Its properties; empty before MQTT 5.0.
    pub properties: PropertyBuffer,
}

impl From<ReceivedMessage<'_>> for Message {
    fn from(message: ReceivedMessage<'_>) -> Self {
        Self {
            topic: message.topic.into_owned(),
            payload: message.payload.to_vec(),
            qos: message.qos,
            retain: message.retain,
            packet_id: message.packet_id.map(PacketId::get),
            dup: message.dup,
            properties: owned(message.properties),
        }
    }
}

/// The events of a client, oldest first. While they are not taken, nothing is read from the
/// server, and so no request is answered either: take them beside the requests, not after them.
#[derive(Debug)]
pub struct Events {
    receiver: mpsc::Receiver<Event>,
}

impl Events {
    pub(crate) const fn new(receiver: mpsc::Receiver<Event>) -> Self {
        Self { receiver }
    }

    /// The next event; `None` when the client has ended.
    pub async fn next(&mut self) -> Option<Event> {
        self.receiver.recv().await
    }

    /// The next event, if there is one already.
    pub fn try_next(&mut self) -> Option<Event> {
        self.receiver.try_recv().ok()
    }

    /// The next message, passing over all other events; `None` when the client has ended.
    pub async fn message(&mut self) -> Option<Message> {
        loop {
            if let Event::Message(message) = self.next().await? {
                return Some(message);
            }
        }
    }
}

/// A copy of properties that outlives the packet they came in.
pub(crate) fn owned(properties: Properties<'_>) -> PropertyBuffer {
    let mut buffer = PropertyBuffer::new();
    for property in properties.iter() {
        // What was decoded can be encoded.
        let _ = buffer.push(property);
    }
    buffer
}
