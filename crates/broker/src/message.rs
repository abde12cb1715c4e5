//! Application messages: borrowed while they pass through, owned where they must stay.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ferrymq_codec::{Properties, QoS, TopicName};
use ferrymq_protocol::time::Instant;

use crate::identity::SessionNumber;

/// A message as it passes through a shard: nothing is owned.
#[derive(Clone, Copy, Debug)]
pub struct Publication<'a> {
    /// Where it was published.
    pub topic: TopicName<'a>,
    /// The properties that are relayed, in the publisher's order.
    pub properties: Properties<'a>,
    /// The payload.
    pub payload: &'a [u8],
    /// The quality of service that it was published with.
    pub qos: QoS,
    /// Whether it was published to be retained.
    pub retain: bool,
    /// When it is no longer worth delivering; [`Instant::FAR_FUTURE`] if always.
    pub expires: Instant,
    /// The session that published it.
    pub publisher: SessionNumber,
}

impl Publication<'_> {
    /// What is left of the message's life.
    pub fn lifetime(&self, now: Instant) -> Lifetime {
        Lifetime::of(self.expires, now)
    }
}

/// What is left of a message's expiry interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// It never expires.
    Unlimited,
    /// Seconds, at least one.
    Left(NonZeroU32),
    /// It is not to be delivered any more [MQTT-3.3.2-5].
    Expired,
}

impl Lifetime {
    fn of(expires: Instant, now: Instant) -> Self {
        if expires == Instant::FAR_FUTURE {
            return Self::Unlimited;
        }
        // Rounded up, so that the whole seconds of waiting are what is taken off [MQTT-3.3.2-6].
        let left = expires.saturating_duration_since(now);
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        match NonZeroU32::new(u32::try_from(seconds).unwrap_or(u32::MAX)) {
            Some(seconds) => Self::Left(seconds),
            None => Self::Expired,
        }
    }

    /// The Message Expiry Interval to send on.
    pub fn interval(self) -> Option<u32> {
        match self {
            Self::Left(seconds) => Some(seconds.get()),
            Self::Unlimited => None,
            // It is sent again, because its delivery began in time.
            Self::Expired => Some(0),
        }
    }
}

/// When a message with this Message Expiry Interval expires.
pub(crate) fn expiry(interval: Option<u32>, now: Instant) -> Instant {
    interval.map_or(Instant::FAR_FUTURE, |seconds| {
        now.saturating_add(Duration::from_secs(u64::from(seconds)))
    })
}

/// A message that outlives the turn in which it came.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    topic: Arc<str>,
    /// The properties, then the payload; perhaps a part of what holds other messages too.
    content: Bytes,
    properties_length: usize,
    qos: QoS,
    retain: bool,
    expires: Instant,
    publisher: SessionNumber,
}

impl Message {
    /// Keeps a publication. `topic` is its topic, shared with whoever else keeps that text.
    pub fn new(publication: &Publication<'_>, topic: Arc<str>) -> Self {
        debug_assert_eq!(&*topic, publication.topic.as_str());
        let properties = publication.properties.as_bytes();
        let mut content = Vec::with_capacity(properties.len() + publication.payload.len());
        content.extend_from_slice(properties);
        content.extend_from_slice(publication.payload);
        Self::without_content(publication, topic).with_content(content.into())
    }

    /// All of a publication but its properties and its payload.
    pub(crate) const fn without_content(publication: &Publication<'_>, topic: Arc<str>) -> Self {
        Self {
            topic,
            content: Bytes::new(),
            properties_length: publication.properties.as_bytes().len(),
            qos: publication.qos,
            retain: publication.retain,
            expires: publication.expires,
            publisher: publication.publisher,
        }
    }

    /// The same message with its properties and its payload, one behind the other.
    pub(crate) fn with_content(self, content: Bytes) -> Self {
        Self { content, ..self }
    }

    /// Keeps a publication with a copy of its topic.
    pub fn copy_of(publication: &Publication<'_>) -> Self {
        Self::new(publication, Arc::from(publication.topic.as_str()))
    }

    /// The message, to be passed on.
    pub fn publication(&self) -> Publication<'_> {
        Publication {
            topic: TopicName::trusted(&self.topic),
            properties: Properties::trusted(&self.content[..self.properties_length]),
            payload: self.payload(),
            qos: self.qos,
            retain: self.retain,
            expires: self.expires,
            publisher: self.publisher,
        }
    }

    /// The payload.
    pub fn payload(&self) -> &[u8] {
        &self.content[self.properties_length..]
    }

    /// The topic's text, to be shared.
    pub const fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// About how many bytes of memory the message takes.
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.topic.len() + self.content.len()
    }
}

/// A publication with, once somebody has needed one, its owned form: made at most once, however
/// many keep it.
#[derive(Debug)]
pub(crate) struct Parcel<'a> {
    pub(crate) publication: Publication<'a>,
    topic: &'a Arc<str>,
    message: Option<Arc<Message>>,
}

impl<'a> Parcel<'a> {
    /// A publication, and its owned form if somebody has needed that already.
    pub(crate) const fn borrowed(
        publication: Publication<'a>,
        topic: &'a Arc<str>,
        message: Option<Arc<Message>>,
    ) -> Self {
        Self { publication, topic, message }
    }

    pub(crate) fn owned(message: &'a Arc<Message>) -> Self {
        Self {
            publication: message.publication(),
            topic: message.topic(),
            message: Some(Arc::clone(message)),
        }
    }

    /// The topic, as those share it who keep the message.
    pub(crate) const fn topic(&self) -> &'a Arc<str> {
        self.topic
    }

    pub(crate) fn message(&mut self) -> &Arc<Message> {
        self.message.get_or_insert_with(|| {
            Arc::new(Message::new(&self.publication, Arc::clone(self.topic)))
        })
    }
}
