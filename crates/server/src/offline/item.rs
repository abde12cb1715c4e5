//! What an export consists of: an item a line, each about one session, subscription, will, retained
//! message or queued message.
//!
//! Items name sessions by their clients' identifiers and points in time absolutely, so that they
//! mean the same in another directory and on another machine. Reading an item checks everything
//! that can be checked without its neighbours.

use std::num::{NonZeroU16, NonZeroU32};

use ferrymq_codec::{
    DecodeError, EncodeError, Properties, Property, PropertyBuffer, QoS, RetainHandling,
    TopicFilter, TopicName,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::text::{Moment, Octets, qos, retain_handling};

/// A line of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Item {
    /// The first line.
    Export(Export),
    /// A session. It stands before everything that names it.
    Session(SessionItem),
    /// A subscription of a session.
    Subscription(SubscriptionItem),
    /// A will.
    Will(WillItem),
    /// A message that sessions are owed.
    Message(MessageItem),
    /// A retained message.
    Retained(RetainedItem),
}

/// What follows is an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// The form of the lines; [`FORMAT`].
    pub format: u32,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionItem {
    /// Whose it is.
    pub client_id: String,
    /// The User Name with which the client connected last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// How long it outlives its connection, in seconds; 4,294,967,295 is for ever.
    pub session_expiry_interval: u32,
    /// When it ends; absent if never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Moment>,
    /// Packet identifiers of QoS 2 messages that were taken over from the client and not released.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub received: Vec<NonZeroU16>,
    /// Packet identifiers of QoS 2 messages that the client has, for which only PUBREL is sent; in
    /// the order of sending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub released: Vec<NonZeroU16>,
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionItem {
    /// Whose it is.
    pub client_id: String,
    /// The filter, with its `$share` prefix.
    pub filter: String,
    /// The highest quality of service.
    #[serde(with = "qos")]
    pub qos: QoS,
    /// Whether the client's own messages are not sent.
    #[serde(default, skip_serializing_if = "is_false")]
    pub no_local: bool,
    /// Whether the RETAIN flag is kept as it was published.
    #[serde(default, skip_serializing_if = "is_false")]
    pub retain_as_published: bool,
    /// Whether retained messages are sent when the subscription is made.
    #[serde(default, with = "retain_handling", skip_serializing_if = "is_default")]
    pub retain_handling: RetainHandling,
    /// The Subscription Identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_identifier: Option<NonZeroU32>,
}

/// A will.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WillItem {
    /// Whose it is. Without it the will is published when the broker starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Where it is published.
    pub topic: String,
    /// The quality of service.
    #[serde(with = "qos")]
    pub qos: QoS,
    /// Whether it is retained.
    #[serde(default, skip_serializing_if = "is_false")]
    pub retain: bool,
    /// How long it waits after the connection has gone, in seconds.
    #[serde(default, skip_serializing_if = "is_default")]
    pub will_delay_interval: u32,
    /// When it is published, while its client is away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Moment>,
    /// How long it lives once it is published, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_expiry_interval: Option<u32>,
    /// The properties.
    #[serde(default, skip_serializing_if = "is_default")]
    pub properties: PropertiesItem,
    /// The payload.
    pub payload: Octets,
}

/// A message that sessions are owed. The messages stand in the order in which each session is to
/// get them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageItem {
    /// Where it was published.
    pub topic: String,
    /// The quality of service with which it was published.
    #[serde(with = "qos")]
    pub qos: QoS,
    /// Whether it was published to be retained.
    #[serde(default, skip_serializing_if = "is_false")]
    pub retain: bool,
    /// When it is not worth delivering any more; absent if always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Moment>,
    /// The client that published it, if it has a session here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// The properties.
    #[serde(default, skip_serializing_if = "is_default")]
    pub properties: PropertiesItem,
    /// The payload.
    pub payload: Octets,
    /// Who is owed it.
    pub receivers: Vec<Receiver>,
}

/// A session that is owed a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receiver {
    /// The session's client. Without it the message is owed to the members of the shared
    /// subscription, one of which gets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The quality of service towards this session, 1 or 2.
    #[serde(with = "qos")]
    pub qos: QoS,
    /// The RETAIN flag towards this session.
    #[serde(default, skip_serializing_if = "is_false")]
    pub retain: bool,
    /// The identifiers of the subscriptions that led here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscription_identifiers: Vec<NonZeroU32>,
    /// The shared subscription through which it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<String>,
    /// The packet identifier, if it was sent and is not yet acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packet_id: Option<NonZeroU16>,
    /// Its place among the session's messages that were sent, counted from 0: in this order they
    /// are sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<u32>,
}

/// A retained message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetainedItem {
    /// Where it was published.
    pub topic: String,
    /// The quality of service with which it was published.
    #[serde(with = "qos")]
    pub qos: QoS,
    /// When it ends; absent if never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Moment>,
    /// The client that published it, if it has a session here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// The properties.
    #[serde(default, skip_serializing_if = "is_default")]
    pub properties: PropertiesItem,
    /// The payload.
    pub payload: Octets,
}

/// The properties of a message, by their names in MQTT 5.0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PropertiesItem {
    /// Whether the payload is UTF-8 text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_format_indicator: Option<bool>,
    /// Content Type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Response Topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_topic: Option<String>,
    /// Correlation Data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_data: Option<Octets>,
    /// User Properties in their order, each a name and a value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_properties: Vec<(String, String)>,
}

/// Why an item means nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ItemError {
    /// The export has another form.
    #[error(
        "the export has format {0}, and this program reads format {FORMAT}; \
         export again with a program of this version"
    )]
    Format(u32),
    /// A client identifier that no client can have.
    #[error("the client_id is empty, longer than 65,535 bytes, or contains U+0000")]
    ClientId,
    /// A topic that nobody can publish to.
    #[error("the topic {topic:?} is not valid: {error}")]
    Topic {
        /// The topic.
        topic: String,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// A filter that nobody can subscribe to.
    #[error("the filter {filter:?} is not valid: {error}")]
    Filter {
        /// The filter.
        filter: String,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// A field that does not fit into a packet.
    #[error("a property, the username or the payload is too long for a packet: {0}")]
    TooLong(EncodeError),
    /// A string with U+0000.
    #[error("a property or the username contains U+0000, which MQTT does not allow")]
    Null,
    /// A Subscription Identifier that no packet can carry.
    #[error("a subscription identifier is at most 268,435,455")]
    SubscriptionIdentifier,
    /// No Local on a shared subscription.
    #[error("a shared subscription cannot have no_local")]
    SharedNoLocal,
    /// A QoS 0 message is never stored for a session.
    #[error("a receiver's qos is 1 or 2")]
    ReceiverQoS,
    /// A message for nobody.
    #[error("a message needs receivers; without any, leave the line out")]
    NoReceiver,
    /// Nobody is named, or something was sent to nobody.
    #[error("a receiver has a client_id, or a shared subscription and was sent nothing")]
    Nobody,
    /// One says that it was sent and the other does not.
    #[error("a receiver has both packet_id and sent, or none of them")]
    HalfSent,
}

impl Item {
    /// Checks what the types do not say.
    pub fn check(&self) -> Result<(), ItemError> {
        match self {
            Self::Export(export) if export.format == FORMAT => Ok(()),
            Self::Export(export) => Err(ItemError::Format(export.format)),
            Self::Session(session) => session.check(),
            Self::Subscription(subscription) => subscription.check(),
            Self::Will(will) => will.check(),
            Self::Message(message) => message.check(),
            Self::Retained(retained) => retained.check(),
        }
    }
}

impl SessionItem {
    fn check(&self) -> Result<(), ItemError> {
        check_client_id(&self.client_id)?;
        let username = self.username.as_deref().unwrap_or_default();
        if username.len() > MAX_STRING {
            return Err(ItemError::TooLong(EncodeError::FieldTooLong));
        }
        check_string(username).map(drop)
    }
}

impl SubscriptionItem {
    fn check(&self) -> Result<(), ItemError> {
        check_client_id(&self.client_id)?;
        check_identifiers(self.subscription_identifier)?;
        let share = check_filter(&self.filter)?;
        // [MQTT-3.8.3-4]
        if self.no_local && share {
            return Err(ItemError::SharedNoLocal);
        }
        Ok(())
    }
}

impl WillItem {
    fn check(&self) -> Result<(), ItemError> {
        self.client_id.as_deref().map_or(Ok(()), check_client_id)?;
        check_topic(&self.topic)?;
        check_payload(&self.payload)?;
        self.properties.check()
    }
}

impl MessageItem {
    fn check(&self) -> Result<(), ItemError> {
        check_topic(&self.topic)?;
        check_payload(&self.payload)?;
        self.publisher.as_deref().map_or(Ok(()), check_client_id)?;
        if self.receivers.is_empty() {
            return Err(ItemError::NoReceiver);
        }
        self.receivers.iter().try_for_each(Receiver::check)?;
        self.properties.check()
    }
}

impl Receiver {
    fn check(&self) -> Result<(), ItemError> {
        match &self.client_id {
            Some(client_id) => check_client_id(client_id)?,
            None if self.shared.is_none() || self.sent.is_some() => return Err(ItemError::Nobody),
            None => {}
        }
        if self.qos == QoS::AtMostOnce {
            return Err(ItemError::ReceiverQoS);
        }
        if self.packet_id.is_some() != self.sent.is_some() {
            return Err(ItemError::HalfSent);
        }
        if let Some(filter) = &self.shared {
            check_filter(filter)?;
        }
        check_identifiers(self.subscription_identifiers.iter().copied())
    }
}

impl RetainedItem {
    fn check(&self) -> Result<(), ItemError> {
        check_topic(&self.topic)?;
        check_payload(&self.payload)?;
        self.publisher.as_deref().map_or(Ok(()), check_client_id)?;
        self.properties.check()
    }
}

impl PropertiesItem {
    /// The properties that are a message's own. Its Message Expiry Interval is told by the item.
    pub fn of(properties: Properties<'_>) -> Self {
        Self {
            payload_format_indicator: properties.payload_format_indicator(),
            content_type: properties.content_type().map(str::to_owned),
            response_topic: properties.response_topic().map(|topic| topic.as_str().to_owned()),
            correlation_data: properties.correlation_data().map(|data| Octets(data.to_vec())),
            user_properties: properties
                .user_properties()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        }
    }

    /// The block of properties as a message has it.
    pub fn block(&self, message_expiry_interval: Option<u32>) -> Result<PropertyBuffer, ItemError> {
        let mut block = PropertyBuffer::new();
        let mut push = |property| block.push(property).map_err(ItemError::TooLong);
        if let Some(is_text) = self.payload_format_indicator {
            push(Property::PayloadFormatIndicator(is_text))?;
        }
        if let Some(interval) = message_expiry_interval {
            push(Property::MessageExpiryInterval(interval))?;
        }
        if let Some(content_type) = &self.content_type {
            push(Property::ContentType(check_string(content_type)?))?;
        }
        if let Some(topic) = &self.response_topic {
            push(Property::ResponseTopic(check_topic(topic)?))?;
        }
        if let Some(data) = &self.correlation_data {
            push(Property::CorrelationData(&data.0))?;
        }
        for (name, value) in &self.user_properties {
            push(Property::UserProperty((check_string(name)?, check_string(value)?)))?;
        }
        Ok(block)
    }

    fn check(&self) -> Result<(), ItemError> {
        self.block(None).map(drop)
    }
}

fn check_client_id(client_id: &str) -> Result<(), ItemError> {
    let is_valid =
        !client_id.is_empty() && client_id.len() <= MAX_STRING && !client_id.contains('\0');
    if is_valid { Ok(()) } else { Err(ItemError::ClientId) }
}

fn check_topic(topic: &str) -> Result<TopicName<'_>, ItemError> {
    if topic.len() > MAX_STRING {
        return Err(ItemError::TooLong(EncodeError::FieldTooLong));
    }
    TopicName::parse(topic).map_err(|error| ItemError::Topic { topic: topic.to_owned(), error })
}

/// Whether the filter is shared.
fn check_filter(filter: &str) -> Result<bool, ItemError> {
    if filter.len() > MAX_STRING {
        return Err(ItemError::TooLong(EncodeError::FieldTooLong));
    }
    TopicFilter::parse(filter)
        .map(|filter| filter.share().is_some())
        .map_err(|error| ItemError::Filter { filter: filter.to_owned(), error })
}

fn check_string(text: &str) -> Result<&str, ItemError> {
    if text.contains('\0') { Err(ItemError::Null) } else { Ok(text) }
}

fn check_payload(payload: &Octets) -> Result<(), ItemError> {
    if payload.0.len() > MAX_PAYLOAD {
        return Err(ItemError::TooLong(EncodeError::PacketTooLarge));
    }
    Ok(())
}

fn check_identifiers(identifiers: impl IntoIterator<Item = NonZeroU32>) -> Result<(), ItemError> {
    if identifiers.into_iter().any(|identifier| identifier.get() > MAX_SUBSCRIPTION_IDENTIFIER) {
        return Err(ItemError::SubscriptionIdentifier);
    }
    Ok(())
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// The form of the lines that are written and read.
pub const FORMAT: u32 = 1;

/// The most receivers that are told in one line: a message with more of them is told again.
pub const MAX_RECEIVERS: usize = 10_000;

/// The longest string of MQTT, in bytes.
const MAX_STRING: usize = u16::MAX as usize;
/// The longest payload: what the largest packet has room for.
const MAX_PAYLOAD: usize = ferrymq_codec::MAX_REMAINING_LENGTH;
/// The largest Variable Byte Integer.
const MAX_SUBSCRIPTION_IDENTIFIER: u32 = 268_435_455;
