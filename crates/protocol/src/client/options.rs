//! What a client asks for when it connects.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::num::{NonZeroU16, NonZeroU32};

use ferrymq_codec::{
    Connect, EncodeError, Packet, Property, PropertyBuffer, TopicName, Version, Will,
};

use super::event::ConnectError;
use super::request::Message;

/// The contents of CONNECT, and what the client keeps to itself.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// The version to speak.
    pub version: Version,
    /// The client identifier; empty asks the server to assign one.
    pub client_id: String,
    /// Discard a session that may exist. `clean_session` before MQTT 5.0.
    pub clean_start: bool,
    /// How many seconds may pass without a packet; 0: any number.
    pub keep_alive: u16,
    /// The user name.
    pub username: Option<String>,
    /// The password.
    pub password: Option<Password>,
    /// What the server publishes if the connection ends without a farewell.
    pub will: Option<Message>,
    /// How many seconds the session outlives the connection; `u32::MAX` is for ever. Not in use
    /// before MQTT 5.0, where `clean_start` decides.
    pub session_expiry_interval: u32,
    /// How many QoS 1 and 2 messages the server may send before they are acknowledged.
    pub receive_maximum: NonZeroU16,
    /// How many QoS 1 and 2 messages are on their way to the server at once, at most; the server
    /// can only lower it.
    pub send_maximum: NonZeroU16,
    /// The largest packet that the server may send, in bytes.
    pub maximum_packet_size: NonZeroU32,
    /// The highest topic alias that the server may use.
    pub topic_alias_maximum: u16,
    /// Whether to send topic aliases where the server accepts them.
    pub send_topic_aliases: bool,
    /// How many requests may wait to be sent or acknowledged.
    pub unfinished_maximum: usize,
    /// Further properties of CONNECT. An Authentication Method among them is the one by which the
    /// server may ask who the client is.
    pub properties: PropertyBuffer,
}

impl ConnectOptions {
    /// A clean start without an identifier, in the given version.
    pub fn new(version: Version) -> Self {
        Self {
            version,
            client_id: String::new(),
            clean_start: true,
            keep_alive: 60,
            username: None,
            password: None,
            will: None,
            session_expiry_interval: 0,
            receive_maximum: DEFAULT_RECEIVE_MAXIMUM,
            send_maximum: DEFAULT_SEND_MAXIMUM,
            maximum_packet_size: DEFAULT_MAXIMUM_PACKET_SIZE,
            topic_alias_maximum: 0,
            send_topic_aliases: true,
            unfinished_maximum: DEFAULT_UNFINISHED_MAXIMUM,
            properties: PropertyBuffer::new(),
        }
    }

    /// The Authentication Method of CONNECT.
    pub fn authentication_method(&self) -> Option<&str> {
        let properties = self.properties.as_properties();
        properties.authentication_method().filter(|_| self.version == Version::V5)
    }

    pub(super) fn encode_connect(
        &self,
        clean_start: bool,
        authentication_data: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), ConnectError> {
        self.check(clean_start)?;
        let mut properties = self.connect_properties()?;
        if let Some(data) = authentication_data {
            properties.push(Property::AuthenticationData(data))?;
        }
        let will = self.will.as_ref().map(will);
        let connect = Connect {
            version: self.version,
            clean_start,
            keep_alive: self.keep_alive,
            client_id: &self.client_id,
            will,
            username: self.username.as_deref(),
            password: self.password.as_ref().map(Password::as_bytes),
            properties: properties.as_properties(),
        };
        let before = out.len();
        Packet::Connect(connect).encode(self.version, out).map_err(|error| {
            out.truncate(before);
            ConnectError::from(error)
        })
    }

    fn check(&self, clean_start: bool) -> Result<(), ConnectError> {
        let needs_client_id = match self.version {
            Version::V3_1 => true,
            // [MQTT-3.1.3-7] of MQTT 3.1.1
            Version::V3_1_1 => !clean_start,
            Version::V5 => false,
        };
        if needs_client_id && self.client_id.is_empty() {
            return Err(ConnectError::ClientIdMissing);
        }
        Ok(())
    }

    /// The properties with a field of their own, where they differ from the specification's
    /// default, and then the others.
    fn connect_properties(&self) -> Result<PropertyBuffer, EncodeError> {
        let mut properties = PropertyBuffer::new();
        if self.version != Version::V5 {
            return Ok(properties);
        }
        if self.session_expiry_interval > 0 {
            properties.push(Property::SessionExpiryInterval(self.session_expiry_interval))?;
        }
        if self.receive_maximum != NonZeroU16::MAX {
            properties.push(Property::ReceiveMaximum(self.receive_maximum))?;
        }
        properties.push(Property::MaximumPacketSize(self.maximum_packet_size))?;
        if self.topic_alias_maximum > 0 {
            properties.push(Property::TopicAliasMaximum(self.topic_alias_maximum))?;
        }
        for property in self.properties.as_properties().iter() {
            properties.push(property)?;
        }
        Ok(properties)
    }
}

/// A password, which no debugging output shows, and whose memory is overwritten in the end.
#[derive(Clone)]
pub struct Password(Vec<u8>);

impl Password {
    /// A password of any bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Password {
    fn drop(&mut self) {
        self.0.fill(0);
        // Without this the compiler may leave out what nobody reads any more.
        core::hint::black_box(&mut self.0);
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

fn will(message: &Message) -> Will<'_> {
    Will {
        qos: message.qos,
        retain: message.retain,
        topic: TopicName::trusted(message.topic()),
        payload: &message.payload,
        properties: message.properties.as_properties(),
    }
}

const DEFAULT_RECEIVE_MAXIMUM: NonZeroU16 = NonZeroU16::MIN.saturating_add(1023);
const DEFAULT_SEND_MAXIMUM: NonZeroU16 = NonZeroU16::MIN.saturating_add(1023);
const DEFAULT_MAXIMUM_PACKET_SIZE: NonZeroU32 = NonZeroU32::MIN.saturating_add((16 << 20) - 1);
const DEFAULT_UNFINISHED_MAXIMUM: usize = 16 * 1024;
