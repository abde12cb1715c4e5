//! Wills (section 3.1.2.5): what is published when a client goes without a word.

use std::sync::Arc;

use ferrymq_codec::{PropertyBuffer, TopicName, Will as ConnectWill};
use ferrymq_protocol::time::Instant;

use crate::identity::SessionNumber;
use crate::message::{Message, Publication, expiry};

/// A session's will.
#[derive(Debug)]
pub(crate) struct Will {
    /// Its expiry interval begins to run when it is published.
    pub(crate) message: Arc<Message>,
    pub(crate) expiry_interval: Option<u32>,
    /// How long it waits after the connection has gone, in seconds.
    pub(crate) delay_interval: u32,
    /// When it is due, once the connection has gone.
    pub(crate) due: Option<Instant>,
    /// Whether it is recorded. One that might not have been published is not: after a crash nobody
    /// knows any more who has left it.
    pub(crate) recorded: bool,
}

impl Will {
    /// The will of a CONNECT. `topic` is its topic with the mount point.
    pub(crate) fn new(
        will: &ConnectWill<'_>,
        topic: TopicName<'_>,
        publisher: SessionNumber,
    ) -> Self {
        let relayed = PropertyBuffer::relayed(will.properties);
        let publication = Publication {
            topic,
            properties: relayed.as_properties(),
            payload: will.payload,
            qos: will.qos,
            retain: will.retain,
            expires: Instant::FAR_FUTURE,
            publisher,
        };
        Self {
            message: Arc::new(Message::new(&publication, Arc::from(topic.as_str()))),
            expiry_interval: will.properties.message_expiry_interval(),
            delay_interval: will.properties.will_delay_interval().unwrap_or(0),
            due: None,
            recorded: true,
        }
    }

    /// The message to publish now.
    pub(crate) fn publication(&self, now: Instant) -> Publication<'_> {
        Publication { expires: expiry(self.expiry_interval, now), ..self.message.publication() }
    }
}
