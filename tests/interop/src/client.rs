//! What a scenario may ask of a client, whatever library and language it is.
//!
//! A `Client` is one session's worth of connection: opened once with its
//! subscriptions, then publishing and receiving, then closed (with DISCONNECT) or
//! aborted (without). Another connection of the same session is another value.

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A connected client.
pub trait Client {
    /// Whether the broker continued a session, where the library tells.
    fn session_present(&self) -> Option<bool>;

    /// Starts to publish. The order of calls is the order on the wire.
    fn publish(&mut self, message: &Message);

    /// Waits until everything published is complete: sent for `QoS` 0, PUBACK or
    /// PUBCOMP received for 1 and 2.
    ///
    /// # Panics
    /// When that takes longer than `within`.
    fn complete(&mut self, within: Duration);

    /// The next thing that happens, or nothing when `deadline` passes.
    fn event(&mut self, deadline: Instant) -> Option<Event>;

    /// Ends the connection with DISCONNECT.
    fn close(self: Box<Self>);

    /// Ends the connection without a word, as a crash does.
    fn abort(self: Box<Self>);
}

impl dyn Client + '_ {
    /// The next message.
    ///
    /// # Panics
    /// When the connection is lost, or nothing comes for [`PATIENCE`].
    pub fn message(&mut self) -> Message {
        self.message_within(PATIENCE)
    }

    /// The next message.
    ///
    /// # Panics
    /// When the connection is lost, or nothing comes in time.
    pub fn message_within(&mut self, within: Duration) -> Message {
        match self.event(Instant::now() + within) {
            Some(Event::Message(message)) => message,
            Some(Event::Lost) => panic!("the connection was lost before the message"),
            None => panic!("no message came within {within:?}"),
        }
    }

    /// The next `count` messages.
    ///
    /// # Panics
    /// When one of them does not come in time.
    pub fn messages(&mut self, count: usize) -> Vec<Message> {
        (0..count).map(|_| self.message()).collect()
    }

    /// The messages before the first one with this topic.
    ///
    /// # Panics
    /// When it does not come in time.
    pub fn messages_until(&mut self, topic: &str) -> Vec<Message> {
        std::iter::repeat_with(|| self.message())
            .take_while(|message| message.topic != topic)
            .collect()
    }

    /// Publishes and waits for completion.
    ///
    /// # Panics
    /// When that takes longer than [`PATIENCE`].
    pub fn say(&mut self, message: &Message) {
        self.publish(message);
        self.complete(PATIENCE);
    }

    /// Waits until the broker has ended the connection.
    ///
    /// # Panics
    /// When it does not within [`PATIENCE`].
    pub fn lost(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while let Some(event) = self.event(deadline) {
            if event == Event::Lost {
                return;
            }
        }
        panic!("the connection lived on");
    }
}

/// What a client notices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message was delivered.
    Message(Message),
    /// The broker, or the network, ended the connection.
    Lost,
}

/// An application message.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The topic name.
    pub topic: String,
    /// The payload.
    pub payload: Vec<u8>,
    /// The quality of service.
    pub qos: QoS,
    /// The RETAIN flag.
    pub retain: bool,
}

impl Message {
    /// A message that is not retained.
    pub fn new(topic: &str, payload: impl Into<Vec<u8>>, qos: QoS) -> Self {
        Self { topic: topic.to_owned(), payload: payload.into(), qos, retain: false }
    }

    /// The same message with the RETAIN flag.
    #[must_use]
    pub fn retained(self) -> Self {
        Self { retain: true, ..self }
    }
}

// A payload may be 64 MB long; the first bytes say enough.
impl std::fmt::Debug for Message {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = String::from_utf8_lossy(&self.payload[..self.payload.len().min(40)]);
        let retained = if self.retain { ", retained" } else { "" };
        let (topic, qos, length) = (&self.topic, self.qos, self.payload.len());
        write!(formatter, "{topic} = {shown:?} ({length} bytes, {qos:?}{retained})")
    }
}

/// Quality of service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum QoS {
    /// 0.
    AtMostOnce,
    /// 1.
    AtLeastOnce,
    /// 2.
    ExactlyOnce,
}

impl QoS {
    /// All three, from 0 to 2.
    pub const ALL: [Self; 3] = [Self::AtMostOnce, Self::AtLeastOnce, Self::ExactlyOnce];

    pub(crate) const fn number(self) -> u8 {
        self as u8
    }

    pub(crate) fn from_number(number: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }
}

/// The protocol version of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// MQTT 3.1.1.
    V3,
    /// MQTT 5.0.
    V5,
}

/// What carries MQTT between client and broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Nothing but TCP.
    Tcp,
    /// WebSocket.
    WebSocket,
    /// TLS.
    Tls(Trust),
    /// WebSocket over TLS.
    SecureWebSocket(Trust),
}

/// What a client that speaks TLS believes and shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// The authority that signed the broker's certificate; nothing: whatever it shows is believed.
    pub authority: Option<PathBuf>,
    /// The client's own certificate and key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl Transport {
    /// Whether there is WebSocket, and what TLS needs.
    pub(crate) const fn parts(&self) -> (bool, Option<&Trust>) {
        match self {
            Self::Tcp => (false, None),
            Self::WebSocket => (true, None),
            Self::Tls(trust) => (false, Some(trust)),
            Self::SecureWebSocket(trust) => (true, Some(trust)),
        }
    }
}

/// How to connect, and what to subscribe then.
#[derive(Clone, Debug)]
pub struct Options {
    /// The broker's port on loopback, or that of a link to it.
    pub port: u16,
    /// What is between.
    pub transport: Transport,
    /// The protocol version.
    pub version: Version,
    /// The client identifier.
    pub client_id: String,
    /// Begin a new session.
    pub clean_start: bool,
    /// How long the session outlives the connection (v5).
    pub session_expiry_interval: u32,
    /// The keep alive.
    pub keep_alive: Duration,
    /// The will.
    pub will: Option<Will>,
    /// Topic filters to subscribe.
    pub subscriptions: Vec<(String, QoS)>,
    /// Let the library connect again when the connection is lost.
    pub reconnect: bool,
}

impl Options {
    /// A session that ends with its connection.
    pub fn new(port: u16, version: Version, client_id: &str) -> Self {
        Self {
            port,
            transport: Transport::Tcp,
            version,
            client_id: client_id.to_owned(),
            clean_start: true,
            session_expiry_interval: 0,
            keep_alive: Duration::from_mins(1),
            will: None,
            subscriptions: Vec::new(),
            reconnect: false,
        }
    }

    /// Continues the session of this client identifier, and lets it outlive the
    /// connection.
    #[must_use]
    pub fn persistent(self) -> Self {
        Self { clean_start: false, session_expiry_interval: 3600, ..self }
    }

    /// Also subscribes.
    #[must_use]
    pub fn subscribe(mut self, filter: &str, qos: QoS) -> Self {
        self.subscriptions.push((filter.to_owned(), qos));
        self
    }

    /// Connects with a will.
    #[must_use]
    pub fn will(self, message: Message) -> Self {
        Self { will: Some(Will { message }), ..self }
    }

    /// Sends or expects something at least this often.
    #[must_use]
    pub fn keep_alive(self, keep_alive: Duration) -> Self {
        Self { keep_alive, ..self }
    }

    /// Connects over something else than TCP.
    #[must_use]
    pub fn over(self, transport: &Transport) -> Self {
        Self { transport: transport.clone(), ..self }
    }

    /// Lets the library connect again.
    #[must_use]
    pub fn reconnecting(self) -> Self {
        Self { reconnect: true, ..self }
    }
}

/// What the broker publishes when the connection ends without DISCONNECT.
#[derive(Clone, Debug)]
pub struct Will {
    /// The will message.
    pub message: Message,
}

/// Somebody else's client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// MQTT.js on Node.js.
    MqttJs,
    /// paho-mqtt on Python.
    Paho,
    /// aiomqtt on Python.
    Aiomqtt,
    /// Debian's `mosquitto_pub` and `mosquitto_sub`.
    Mosquitto,
    /// rumqttc.
    Rumqttc,
}

impl Library {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::MqttJs, Self::Paho, Self::Aiomqtt, Self::Mosquitto, Self::Rumqttc];

    /// Whether a lost connection stays lost unless [`Options::reconnect`] asks
    /// otherwise. `mosquitto_sub` always comes back, and so two of them would take
    /// the session over from each other for ever.
    pub fn stays_away(self) -> bool {
        self != Self::Mosquitto
    }

    /// Whether the library itself carries unacknowledged messages of a publisher
    /// over to its next connection. aiomqtt leaves the next connection to its
    /// user, `mosquitto_pub` gives up.
    pub fn resends(self) -> bool {
        matches!(self, Self::MqttJs | Self::Paho | Self::Rumqttc)
    }

    /// Whether its client here can connect over this.
    pub const fn speaks(self, transport: &Transport) -> bool {
        match self {
            Self::MqttJs | Self::Paho => true,
            Self::Mosquitto => matches!(transport, Transport::Tcp | Transport::Tls(_)),
            Self::Aiomqtt | Self::Rumqttc => matches!(transport, Transport::Tcp),
        }
    }

    /// Whether [`Client::close`] asks for the will: `mosquitto_sub` ends with
    /// reason code 0x04 where the version knows reason codes.
    pub fn disconnects_with_will(self, version: Version) -> bool {
        self == Self::Mosquitto && version == Version::V5
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::MqttJs => "mqttjs",
            Self::Paho => "paho",
            Self::Aiomqtt => "aiomqtt",
            Self::Mosquitto => "mosquitto",
            Self::Rumqttc => "rumqttc",
        }
    }
}

/// How long a test waits for one event.
pub const PATIENCE: Duration = Duration::from_mins(1);
