//! How a client is described before it connects.

use std::num::{NonZeroU16, NonZeroU32};
use std::sync::Arc;
use std::time::Duration;

use ferrymq_codec::{
    DecodeError, EncodeError, Packet, Property, PropertyBuffer, QoS, TopicName, Version,
};
use ferrymq_protocol::client::{ConnectError, ConnectOptions, Message, Password};
use tokio::sync::{mpsc, oneshot};

use crate::authentication::{Authentication, AuthenticationError};
use crate::backoff::Reconnect;
use crate::client::Client;
use crate::command::Commands;
use crate::driver::{self, Settings};
use crate::error::ConnectionError;
use crate::event::Events;
use crate::packet_log::{Direction, PacketLog};
use crate::transport::Transport;

/// What a client asks for, and how it behaves.
///
/// Without further words it is MQTT 5.0 with a clean start, a keep alive of 60 seconds, an
/// identifier that the server assigns, and a session that ends with the connection.
#[must_use = "nothing happens until `connect`"]
#[derive(Clone, Debug)]
pub struct Builder {
    transport: Transport,
    options: ConnectOptions,
    connect_timeout: Duration,
    reconnect: Reconnect,
    requests_maximum: usize,
    events_maximum: usize,
    packet_log: Option<PacketLog>,
    authentication: Option<Arc<dyn Authentication>>,
}

impl Client {
    /// A client of the server at this host name (or address) and port, by plain TCP.
    pub fn builder(host: impl Into<Box<str>>, port: u16) -> Builder {
        Builder::new(Transport::tcp(host, port))
    }
}

impl Builder {
    fn new(transport: Transport) -> Self {
        let mut options = ConnectOptions::new(Version::V5);
        // Bounded by the requests that the handles may make.
        options.unfinished_maximum = usize::MAX;
        Self {
            transport,
            options,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            reconnect: Reconnect::default(),
            requests_maximum: DEFAULT_REQUESTS_MAXIMUM,
            events_maximum: DEFAULT_EVENTS_MAXIMUM,
            packet_log: None,
            authentication: None,
        }
    }

    /// The way to the server: TLS, WebSocket, a Unix socket, a proxy. It replaces the host and the
    /// port that the builder began with.
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// The version of the protocol to speak.
    pub const fn version(mut self, version: Version) -> Self {
        self.options.version = version;
        self
    }

    /// The client identifier.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.options.client_id = client_id.into();
        self
    }

    /// Whether a session that may exist is discarded. Before MQTT 5.0 it also decides whether the
    /// session outlives the connection.
    pub const fn clean_start(mut self, clean_start: bool) -> Self {
        self.options.clean_start = clean_start;
        self
    }

    /// How long the session outlives the connection, in seconds; `u32::MAX` is for ever. Not in
    /// use before MQTT 5.0.
    pub const fn session_expiry_interval(mut self, seconds: u32) -> Self {
        self.options.session_expiry_interval = seconds;
        self
    }

    /// How many seconds may pass without a packet; 0: any number.
    pub const fn keep_alive(mut self, seconds: u16) -> Self {
        self.options.keep_alive = seconds;
        self
    }

    /// The user name.
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.options.username = Some(username.into());
        self
    }

    /// The password.
    pub fn password(mut self, password: impl Into<Vec<u8>>) -> Self {
        self.options.password = Some(Password::new(password));
        self
    }

    /// How the client proves who it is, beside or instead of a user name and a password: for example
    /// by [`Scram`](crate::Scram). MQTT 5.0 alone knows this; with another version it is refused to
    /// connect.
    pub fn authentication(mut self, authentication: impl Authentication) -> Self {
        self.authentication = Some(Arc::new(authentication));
        self
    }

    /// What the server publishes if the connection ends without a farewell.
    pub fn will(mut self, will: Will) -> Self {
        self.options.will = Some(will.message);
        self
    }

    /// How many QoS 1 and 2 messages the server may send before they are acknowledged; not told
    /// before MQTT 5.0.
    pub const fn receive_maximum(mut self, maximum: NonZeroU16) -> Self {
        self.options.receive_maximum = maximum;
        self
    }

    /// How many QoS 1 and 2 messages are on their way to the server at once, at most.
    pub const fn send_maximum(mut self, maximum: NonZeroU16) -> Self {
        self.options.send_maximum = maximum;
        self
    }

    /// The largest packet that the server may send, in bytes.
    pub const fn maximum_packet_size(mut self, bytes: NonZeroU32) -> Self {
        self.options.maximum_packet_size = bytes;
        self
    }

    /// The highest topic alias that the server may use; not told before MQTT 5.0.
    pub const fn topic_alias_maximum(mut self, maximum: u16) -> Self {
        self.options.topic_alias_maximum = maximum;
        self
    }

    /// Whether topics are sent once, and then as aliases, where the server accepts that.
    pub const fn send_topic_aliases(mut self, send_topic_aliases: bool) -> Self {
        self.options.send_topic_aliases = send_topic_aliases;
        self
    }

    /// Shows every packet to a function, when it has been received or is about to be sent, with the
    /// client identifier of that moment. To write a log, for example; it is to be quick.
    pub fn on_packet(
        mut self,
        log: impl Fn(Direction, &str, &Packet<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.packet_log = Some(PacketLog::new(log));
        self
    }

    /// Sets a property of CONNECT; one with a method of its own has the same effect as that.
    /// Properties are not sent before MQTT 5.0.
    ///
    /// # Errors
    ///
    /// A text or value that is too long for a property.
    pub fn property(self, property: Property<'_>) -> Result<Self, EncodeError> {
        Ok(match property {
            Property::SessionExpiryInterval(seconds) => self.session_expiry_interval(seconds),
            Property::ReceiveMaximum(maximum) => self.receive_maximum(maximum),
            Property::MaximumPacketSize(bytes) => self.maximum_packet_size(bytes),
            Property::TopicAliasMaximum(maximum) => self.topic_alias_maximum(maximum),
            other => {
                let mut builder = self;
                builder.options.properties.push(other)?;
                builder
            }
        })
    }

    /// How long an attempt to connect may take, from the name service to CONNACK.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Whether, and how patiently, a lost connection is replaced.
    pub const fn reconnect(mut self, reconnect: Reconnect) -> Self {
        self.reconnect = reconnect;
        self
    }

    /// How many requests may wait for their end at once; further ones wait for room.
    pub const fn requests_maximum(mut self, maximum: NonZeroU16) -> Self {
        self.requests_maximum = maximum.get() as usize;
        self
    }

    /// How many events may wait to be taken; then nothing more is read from the server.
    pub const fn events_maximum(mut self, maximum: NonZeroU16) -> Self {
        self.events_maximum = maximum.get() as usize;
        self
    }

    /// Connects. This must be called within a tokio runtime, which then drives the connection.
    ///
    /// # Errors
    ///
    /// Why this first attempt has failed. Only later ones are repeated.
    pub async fn connect(mut self) -> Result<(Client, Events), ConnectionError> {
        if let Some(authentication) = &self.authentication {
            if self.options.version != Version::V5 {
                return Err(AuthenticationError::new("it needs MQTT 5.0").into());
            }
            let method = Property::AuthenticationMethod(authentication.method());
            self.options.properties.push(method).map_err(ConnectError::from)?;
        }
        let (commands, command_receiver) = mpsc::unbounded_channel();
        let (event_sender, event_receiver) = mpsc::channel(self.events_maximum);
        let (first, is_connected) = oneshot::channel();
        let settings = Settings {
            transport: self.transport,
            packet_log: self.packet_log.map(|log| log.of(self.options.version)),
            options: self.options,
            connect_timeout: self.connect_timeout,
            reconnect: self.reconnect,
            authentication: self.authentication,
        };
        let client = Client::new(Commands::new(commands, self.requests_maximum));
        let events = Events::new(event_receiver);
        tokio::spawn(driver::drive(settings, command_receiver, event_sender, first));
        match is_connected.await {
            Ok(result) => result.map(|()| (client, events)),
            // The runtime is going down.
            Err(_) => Err(ConnectionError::Closed),
        }
    }
}

/// What the server publishes if the connection ends without a farewell.
#[must_use = "a will is told to the server by `Builder::will`"]
#[derive(Clone, Debug)]
pub struct Will {
    message: Message,
}

impl Will {
    /// A will with QoS 0 that is not retained.
    ///
    /// # Errors
    ///
    /// Why the topic is no Topic Name.
    pub fn new(topic: impl AsRef<str>, payload: impl Into<Vec<u8>>) -> Result<Self, DecodeError> {
        TopicName::parse(topic.as_ref()).map(|topic| Self { message: Message::new(topic, payload) })
    }

    /// The quality of service to publish it with.
    pub const fn qos(mut self, qos: QoS) -> Self {
        self.message.qos = qos;
        self
    }

    /// Makes it the topic's retained message.
    pub const fn retain(mut self) -> Self {
        self.message.retain = true;
        self
    }

    /// Replaces all properties; not sent before MQTT 5.0.
    pub fn properties(mut self, properties: PropertyBuffer) -> Self {
        self.message.properties = properties;
        self
    }
}

const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
const DEFAULT_REQUESTS_MAXIMUM: usize = 4096;
const DEFAULT_EVENTS_MAXIMUM: usize = 1024;
