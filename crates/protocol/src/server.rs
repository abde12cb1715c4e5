//! The server's side of a connection (chapters 3 and 4): what this peer may send now, what it was
//! promised, and how to write to it.
//!
//! ```text
//! bytes ─▶ receive_connect ─▶ Link::accept ─▶ CONNACK ─▶ Link::receive … ─▶ DISCONNECT
//! ```
//!
//! A [`Link`] ends with its network connection. What outlives it (packet identifiers, messages in
//! flight) is the session's, and above this module nobody asks which version a peer speaks.

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::num::NonZeroU32;

use ferrymq_codec::{
    Acknowledgement, Auth, ConnAck, Connect, DecodeError, Delivery, Disconnect, Frame, Framing,
    Packet, PacketId, PacketType, Properties, Property, PropertyBuffer, Publish, PublishEncoder,
    QoS, ReasonCode, ReasonCodes, SubAck, TopicName, Version,
};

use crate::alias::{InboundAliases, OutboundAliases, Written};
use crate::error::ProtocolError;
use crate::keep_alive::KeepAlive;
use crate::limits::ServerLimits;
use crate::time::Instant;

/// What stands at the front of the received bytes.
#[derive(Debug)]
pub enum Received<P> {
    /// Less than a packet. Once its header is known, so is its whole length in bytes.
    Incomplete {
        /// The length of the packet, if it is known.
        needed: Option<usize>,
    },
    /// A packet and its length in bytes.
    Packet(P, usize),
}

/// Looks for the CONNECT at the front of `bytes`.
///
/// # Errors
///
/// Another packet is refused at its first byte [MQTT-3.1.0-1]; a malformed CONNECT when it is whole.
pub fn receive_connect<'a>(
    bytes: &'a [u8],
    limits: &ServerLimits,
) -> Result<Received<Connect<'a>>, ProtocolError> {
    if bytes.first().is_some_and(|first| first >> 4 != PacketType::Connect as u8) {
        return Err(ProtocolError::NotConnect);
    }
    let maximum = limits.maximum_packet_size.min(limits.maximum_connect_size);
    match Frame::parse(bytes, maximum as usize)? {
        Framing::Incomplete { needed } => Ok(Received::Incomplete { needed }),
        Framing::Complete(frame) => match frame.decode(Version::V5)? {
            // [MQTT-3.1.2-2]
            Packet::Connect(connect) if !limits.versions.contains(connect.version) => {
                Err(DecodeError::UnsupportedProtocolVersion.into())
            }
            Packet::Connect(connect) => Ok(Received::Packet(connect, frame.length())),
            _ => Err(ProtocolError::NotConnect),
        },
    }
}

/// A connection whose CONNECT was read.
#[derive(Debug)]
pub struct Link {
    keep_alive: KeepAlive,
    maximum_packet_size: u32,
    send_maximum: u16,
    receive_maximum: u16,
    unacknowledged: u16,
    version: Version,
    /// The highest topic alias that the peer may use, and the highest that we may.
    alias_maximums: (u16, u16),
    rare: Option<Box<Rare>>,
}

/// What CONNACK tells the client besides the limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Welcome {
    /// Whether a stored session goes on.
    pub session_present: bool,
    /// The client identifier, where the server has made one up.
    pub assigned_client_id: Option<Box<str>>,
    /// The session expiry interval in seconds, where it is not what the client asked for.
    pub session_expiry_interval: Option<u32>,
    /// The keep alive in seconds, where it is not what the client asked for.
    pub server_keep_alive: Option<u16>,
    /// The last step of an authentication exchange.
    pub authentication_data: Option<Box<[u8]>>,
}

/// An acknowledgement that waits for its turn.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are packets of the specification")]
pub enum Reply {
    ConnAck(Box<Welcome>),
    PubAck(PacketId, ReasonCode),
    PubRec(PacketId, ReasonCode),
    PubRel(PacketId, ReasonCode),
    PubComp(PacketId, ReasonCode),
    SubAck(PacketId, Box<[ReasonCode]>),
    UnsubAck(PacketId, Box<[ReasonCode]>),
}

/// A message on its way to this peer.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// Whether it was sent before with the same packet identifier.
    pub dup: bool,
    /// The quality of service and the packet identifier.
    pub delivery: Delivery,
    /// The RETAIN flag.
    pub retain: bool,
    /// The topic.
    pub topic: TopicName<'a>,
    /// The publisher's properties, in its order.
    pub properties: Properties<'a>,
    /// What is left of the message's expiry interval, in seconds.
    pub message_expiry_interval: Option<u32>,
    /// The identifiers of the subscriptions that led here.
    pub subscription_identifiers: &'a [NonZeroU32],
    /// The length of the payload in bytes.
    pub payload_length: usize,
}

/// The message is larger than the peer's Maximum Packet Size and must be dropped as if it had been
/// sent [MQTT-3.1.2-24, -25].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// The topic of a received PUBLISH, with its alias resolved.
#[derive(Clone, Debug)]
pub enum PublishTopic<'a> {
    /// It was in the packet.
    Named(TopicName<'a>),
    /// An alias stood for it.
    Aliased(Arc<str>),
}

impl PublishTopic<'_> {
    /// The topic.
    pub fn name(&self) -> TopicName<'_> {
        match self {
            Self::Named(name) => *name,
            Self::Aliased(name) => TopicName::trusted(name),
        }
    }
}

/// What most connections never have.
#[derive(Debug)]
struct Rare {
    inbound: InboundAliases,
    outbound: OutboundAliases,
    authentication_method: Option<Box<str>>,
}

impl Link {
    /// The connection that this CONNECT asks for.
    pub fn accept(connect: &Connect<'_>, limits: &ServerLimits, now: Instant) -> Self {
        let properties = connect.properties;
        let send_maximum = properties
            .receive_maximum()
            .map_or(limits.send_maximum, |maximum| maximum.get().min(limits.send_maximum));
        let peer_aliases =
            properties.topic_alias_maximum().unwrap_or(0).min(limits.send_topic_alias_maximum);
        let our_aliases = match connect.version {
            Version::V5 => limits.topic_alias_maximum,
            Version::V3_1 | Version::V3_1_1 => 0,
        };
        Self {
            keep_alive: KeepAlive::new(granted_keep_alive(connect, limits), now),
            maximum_packet_size: properties.maximum_packet_size().map_or(u32::MAX, NonZeroU32::get),
            send_maximum,
            receive_maximum: match connect.version {
                Version::V5 => limits.receive_maximum,
                Version::V3_1 | Version::V3_1_1 => u16::MAX,
            },
            unacknowledged: 0,
            version: connect.version,
            alias_maximums: (our_aliases, peer_aliases),
            rare: properties.authentication_method().map(|method| {
                Box::new(Rare {
                    authentication_method: Some(Box::from(method)),
                    ..Rare::new((our_aliases, peer_aliases))
                })
            }),
        }
    }

    /// Looks for a packet at the front of `bytes`, and whether a client may send it.
    ///
    /// # Errors
    ///
    /// What is malformed, or never a client's to send.
    pub fn receive<'a>(
        &mut self,
        bytes: &'a [u8],
        limits: &ServerLimits,
        now: Instant,
    ) -> Result<Received<Packet<'a>>, ProtocolError> {
        let frame = match Frame::parse(bytes, limits.maximum_packet_size as usize)? {
            Framing::Incomplete { needed } => return Ok(Received::Incomplete { needed }),
            Framing::Complete(frame) => frame,
        };
        self.keep_alive.received(now);
        let packet = match frame.packet_type() {
            PacketType::Connect => return Err(ProtocolError::SecondConnect),
            PacketType::ConnAck
            | PacketType::SubAck
            | PacketType::UnsubAck
            | PacketType::PingResp => return Err(ProtocolError::WrongDirection),
            _ => frame.decode(self.version)?,
        };
        match &packet {
            Packet::Publish(publish) => check_publish(publish, limits)?,
            Packet::Auth(auth) => self.check_auth(auth)?,
            _ => {}
        }
        Ok(Received::Packet(packet, frame.length()))
    }

    /// The topic of a PUBLISH. May be called again for the same packet.
    ///
    /// # Errors
    ///
    /// An alias that is too large or unknown, or a Subscription Identifier.
    pub fn topic<'a>(&mut self, publish: &Publish<'a>) -> Result<PublishTopic<'a>, ProtocolError> {
        if publish.properties.is_empty() {
            // Without properties there is no alias, and the decoder has seen to the topic.
            return publish.topic.map(PublishTopic::Named).ok_or(ProtocolError::TopicAliasUnknown);
        }
        if publish.properties.subscription_identifiers().next().is_some() {
            return Err(ProtocolError::SubscriptionIdentifierFromClient);
        }
        let Some(alias) = publish.properties.topic_alias() else {
            return publish.topic.map(PublishTopic::Named).ok_or(ProtocolError::TopicAliasUnknown);
        };
        let inbound = &mut self.rare().inbound;
        match publish.topic {
            Some(name) => {
                inbound.insert(alias, name)?;
                Ok(PublishTopic::Named(name))
            }
            None => inbound.topic(alias).map(PublishTopic::Aliased),
        }
    }

    /// Counts a QoS 1 or 2 message (not a repetition) against the Receive Maximum.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::ReceiveMaximumExceeded`] [MQTT-3.3.4-7].
    pub const fn admit(&mut self) -> Result<(), ProtocolError> {
        if self.unacknowledged >= self.receive_maximum {
            return Err(ProtocolError::ReceiveMaximumExceeded);
        }
        self.unacknowledged = self.unacknowledged.saturating_add(1);
        Ok(())
    }

    /// How many QoS 1 and 2 messages may be on their way to the peer at once.
    pub const fn send_maximum(&self) -> usize {
        self.send_maximum as usize
    }

    /// When the peer's silence has lasted too long.
    pub fn keep_alive_deadline(&self) -> Option<Instant> {
        self.keep_alive.deadline()
    }

    /// Begins the tolerated silence anew: for a connection that we ourselves did not read from.
    pub const fn restart_keep_alive(&mut self, now: Instant) {
        self.keep_alive.received(now);
    }

    /// The Authentication Method of CONNECT.
    pub fn authentication_method(&self) -> Option<&str> {
        self.rare.as_ref()?.authentication_method.as_deref()
    }

    /// Whether an acknowledgement can say that a message was refused. Before MQTT 5.0 it means yes.
    pub const fn tells_refusals(&self) -> bool {
        matches!(self.version, Version::V5)
    }

    /// Writes an acknowledgement, and gives back the receive quota that it ends.
    pub fn reply(&mut self, reply: &Reply, limits: &ServerLimits, out: &mut Vec<u8>) {
        match reply {
            Reply::ConnAck(welcome) => self.connack(welcome, limits, out),
            Reply::PubAck(packet_id, reason) => {
                self.unacknowledged = self.unacknowledged.saturating_sub(1);
                let reason = told(*reason, PacketType::PubAck);
                self.send(&Packet::PubAck(acknowledgement(*packet_id, reason)), out);
            }
            Reply::PubRec(packet_id, reason) => {
                if reason.is_error() {
                    self.unacknowledged = self.unacknowledged.saturating_sub(1);
                }
                let reason = told(*reason, PacketType::PubRec);
                self.send(&Packet::PubRec(acknowledgement(*packet_id, reason)), out);
            }
            Reply::PubRel(packet_id, reason) => {
                self.send(&Packet::PubRel(acknowledgement(*packet_id, *reason)), out);
            }
            Reply::PubComp(packet_id, reason) => {
                self.unacknowledged = self.unacknowledged.saturating_sub(1);
                self.send(&Packet::PubComp(acknowledgement(*packet_id, *reason)), out);
            }
            Reply::SubAck(packet_id, reasons) => {
                self.suback(*packet_id, reasons, PacketType::SubAck, out);
            }
            Reply::UnsubAck(packet_id, reasons) => {
                self.suback(*packet_id, reasons, PacketType::UnsubAck, out);
            }
        }
    }

    /// Answers PINGREQ [MQTT-3.12.4-1].
    pub fn pingresp(&self, out: &mut Vec<u8>) {
        self.send(&Packet::PingResp, out);
    }

    /// Writes a PUBLISH up to its payload, which the caller appends.
    ///
    /// # Errors
    ///
    /// [`TooLarge`], and then nothing was written.
    pub fn publish_head(
        &mut self,
        outgoing: &Outgoing<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), TooLarge> {
        let mut encoder = PublishEncoder {
            dup: outgoing.dup,
            delivery: outgoing.delivery,
            retain: outgoing.retain,
            topic: outgoing.topic.as_str(),
            properties: outgoing.properties,
            message_expiry_interval: outgoing.message_expiry_interval,
            topic_alias: None,
            subscription_identifiers: outgoing.subscription_identifiers,
            payload_length: outgoing.payload_length,
        };
        let mut room_for_alias = true;
        if self.maximum_packet_size != u32::MAX {
            let length = encoder.encoded_length(self.version);
            let maximum = self.maximum_packet_size as usize;
            if length > maximum {
                return Err(TooLarge);
            }
            room_for_alias = length.saturating_add(LONGEST_ALIAS_GROWTH) <= maximum;
        }
        if self.alias_maximums.1 > 0 && room_for_alias {
            match self.rare().outbound.write(encoder.topic) {
                Written::Whole => {}
                Written::Introduced(alias) => encoder.topic_alias = Some(alias),
                Written::Alias(alias) => {
                    encoder.topic_alias = Some(alias);
                    encoder.topic = "";
                }
            }
        }
        encoder.encode_head(self.version, out).map(|_| ()).map_err(|_| TooLarge)
    }

    /// Tells the peer why its connection ends, as far as its version can be told.
    pub fn disconnect(
        &self,
        reason: ReasonCode,
        explanation: Option<&ProtocolError>,
        out: &mut Vec<u8>,
    ) {
        if self.version != Version::V5 {
            return;
        }
        let mut properties = PropertyBuffer::new();
        if let Some(explanation) = explanation {
            // A reason string is a few words of ours, which always fit.
            let _ = properties.push(Property::ReasonString(&explanation.to_string()));
        }
        let packet = Disconnect { reason, properties: properties.as_properties() };
        if !self.send(&Packet::Disconnect(packet), out) {
            let packet = Disconnect { reason, properties: Properties::EMPTY };
            self.send(&Packet::Disconnect(packet), out);
        }
    }

    /// Writes AUTH with the next step of an exchange.
    pub fn auth(&self, reason: ReasonCode, data: Option<&[u8]>, out: &mut Vec<u8>) {
        let mut properties = PropertyBuffer::new();
        if let Some(method) = self.authentication_method() {
            // It came in a packet, so it fits into one.
            let _ = properties.push(Property::AuthenticationMethod(method));
        }
        if let Some(data) = data {
            let _ = properties.push(Property::AuthenticationData(data));
        }
        self.send(&Packet::Auth(Auth { reason, properties: properties.as_properties() }), out);
    }

    /// Refuses a CONNECT: CONNACK with the reason, after which the connection is closed
    /// [MQTT-3.1.4-6].
    pub fn refuse(&self, reason: ReasonCode, out: &mut Vec<u8>) {
        refuse(self.version, reason, out);
    }

    fn connack(&self, welcome: &Welcome, limits: &ServerLimits, out: &mut Vec<u8>) {
        let mut properties = PropertyBuffer::new();
        if self.version == Version::V5 {
            for property in welcome_properties(welcome, limits, self.authentication_method()) {
                // None is longer than the packet of the client that it came from.
                let _ = properties.push(property);
            }
        }
        let packet = ConnAck {
            // MQTT 3.1 has no such flag [MQTT-3.1.1, section 3.2.2.2].
            session_present: welcome.session_present && self.version != Version::V3_1,
            reason: ReasonCode::Success,
            properties: properties.as_properties(),
        };
        self.send(&Packet::ConnAck(packet), out);
    }

    fn suback(
        &self,
        packet_id: PacketId,
        reasons: &[ReasonCode],
        kind: PacketType,
        out: &mut Vec<u8>,
    ) {
        let reasons: Vec<u8> = reasons.iter().map(|reason| told(*reason, kind) as u8).collect();
        let Ok(reasons) = ReasonCodes::parse(&reasons, kind) else {
            return;
        };
        let answer = SubAck { packet_id, properties: Properties::EMPTY, reasons };
        let packet = match kind {
            PacketType::UnsubAck => Packet::UnsubAck(answer),
            _ => Packet::SubAck(answer),
        };
        self.send(&packet, out);
    }

    /// Appends a packet unless it is larger than the peer accepts; whether it was appended.
    fn send(&self, packet: &Packet<'_>, out: &mut Vec<u8>) -> bool {
        let before = out.len();
        let encoded = packet.encode(self.version, out).is_ok();
        let length = out.len().saturating_sub(before);
        let fits = encoded && length <= self.maximum_packet_size as usize;
        if !fits {
            out.truncate(before);
        }
        fits
    }

    fn check_auth(&self, auth: &Auth<'_>) -> Result<(), ProtocolError> {
        let Some(method) = self.authentication_method() else {
            return Err(ProtocolError::UnexpectedAuth);
        };
        match auth.properties.authentication_method() {
            Some(given) if given == method => Ok(()),
            _ => Err(ProtocolError::AuthenticationMethodChanged),
        }
    }

    fn rare(&mut self) -> &mut Rare {
        let maximums = self.alias_maximums;
        self.rare.get_or_insert_with(|| Box::new(Rare::new(maximums)))
    }
}

impl Rare {
    fn new((ours, peers): (u16, u16)) -> Self {
        Self {
            inbound: InboundAliases::new(ours),
            outbound: OutboundAliases::new(peers),
            authentication_method: None,
        }
    }
}

/// Refuses a CONNECT for which there is no [`Link`].
pub fn refuse(version: Version, reason: ReasonCode, out: &mut Vec<u8>) {
    let packet = ConnAck { session_present: false, reason, properties: Properties::EMPTY };
    // Five bytes always fit.
    let _ = Packet::ConnAck(packet).encode(version, out);
}

/// Refuses a CONNECT that cannot be read, in its own words as far as they can be told. MQTT 5.0 has
/// a reason for everything; before it, only a protocol version that we do not speak is told
/// [MQTT-3.1.2-2 of 3.1.1], and the rest ends without a word.
pub fn refuse_malformed(bytes: &[u8], error: ProtocolError, out: &mut Vec<u8>) {
    let reason = error.reason();
    match version_of_malformed_connect(bytes) {
        Some(Version::V5) => refuse(Version::V5, reason, out),
        Some(version) if reason == ReasonCode::UnsupportedProtocolVersion => {
            refuse(version, reason, out);
        }
        _ => {}
    }
}

/// The version that a malformed CONNECT seems to speak, from its protocol level byte. `None` if it
/// cannot even be told that it speaks MQTT.
fn version_of_malformed_connect(bytes: &[u8]) -> Option<Version> {
    if bytes.first()? >> 4 != PacketType::Connect as u8 {
        return None;
    }
    let header = bytes.iter().skip(1).position(|byte| byte & 0x80 == 0)?;
    let body = bytes.get(header.checked_add(2)?..)?;
    match body {
        [0, 6, b'M', b'Q', b'I', b's', b'd', b'p', ..] => Some(Version::V3_1),
        [0, 4, b'M', b'Q', b'T', b'T', level, ..] if *level >= Version::V5 as u8 => {
            Some(Version::V5)
        }
        [0, 4, b'M', b'Q', b'T', b'T', ..] => Some(Version::V3_1_1),
        _ => None,
    }
}

/// The Session Expiry Interval in seconds that a CONNECT is granted. Before MQTT 5.0 a session
/// that is not clean never expires.
pub fn granted_session_expiry(connect: &Connect<'_>, limits: &ServerLimits) -> u32 {
    let asked = match connect.version {
        Version::V5 => connect.properties.session_expiry_interval().unwrap_or(0),
        Version::V3_1 | Version::V3_1_1 if connect.clean_start => 0,
        Version::V3_1 | Version::V3_1_1 => u32::MAX,
    };
    asked.min(limits.session_expiry_maximum)
}

/// Whether what a client asks for in CONNECT can be granted.
///
/// # Errors
///
/// The reason to refuse it with.
pub fn check_connect(connect: &Connect<'_>, limits: &ServerLimits) -> Result<(), ReasonCode> {
    let maximum = limits.keep_alive_maximum;
    let is_patient = connect.keep_alive == 0 || connect.keep_alive > maximum;
    if connect.version != Version::V5 && maximum > 0 && is_patient {
        // It cannot be told of another keep alive. The return code is the one that brokers with such
        // a limit have always given for this.
        return Err(ReasonCode::ClientIdentifierNotValid);
    }
    match &connect.will {
        // [MQTT-3.2.2-12]
        Some(will) if will.qos > limits.maximum_qos => Err(ReasonCode::QoSNotSupported),
        // [MQTT-3.2.2-13]
        Some(will) if will.retain && !limits.retain_available => {
            Err(ReasonCode::RetainNotSupported)
        }
        _ => Ok(()),
    }
}

/// Whether a client may publish like this: a client of MQTT 5.0 was told in CONNACK (sections
/// 3.2.2.3.4 and 3.2.2.3.5).
fn check_publish(publish: &Publish<'_>, limits: &ServerLimits) -> Result<(), ProtocolError> {
    if publish.delivery.qos() > limits.maximum_qos {
        return Err(ProtocolError::QoSNotSupported);
    }
    if publish.retain && !limits.retain_available {
        return Err(ProtocolError::RetainNotSupported);
    }
    Ok(())
}

/// Whether a client without an identifier may be given one: before MQTT 5.0 only with a clean
/// session [MQTT-3.1.3-8], in MQTT 3.1 not at all.
pub fn may_assign_client_id(connect: &Connect<'_>) -> bool {
    match connect.version {
        Version::V5 => true,
        Version::V3_1_1 => connect.clean_start,
        Version::V3_1 => false,
    }
}

/// The keep alive in seconds that a CONNECT is granted.
pub fn granted_keep_alive(connect: &Connect<'_>, limits: &ServerLimits) -> u16 {
    match (connect.keep_alive, limits.keep_alive_maximum) {
        (asked, 0) => asked,
        (0, maximum) => maximum,
        (asked, maximum) => asked.min(maximum),
    }
}

/// In the order that clients of existing brokers are used to.
fn welcome_properties<'a>(
    welcome: &'a Welcome,
    limits: &ServerLimits,
    method: Option<&'a str>,
) -> impl Iterator<Item = Property<'a>> {
    let receive_maximum = core::num::NonZeroU16::new(limits.receive_maximum);
    [
        (limits.topic_alias_maximum > 0)
            .then_some(Property::TopicAliasMaximum(limits.topic_alias_maximum)),
        welcome.assigned_client_id.as_deref().map(Property::AssignedClientIdentifier),
        welcome.server_keep_alive.map(Property::ServerKeepAlive),
        welcome.session_expiry_interval.map(Property::SessionExpiryInterval),
        method.map(Property::AuthenticationMethod),
        welcome.authentication_data.as_deref().map(Property::AuthenticationData),
        (!limits.retain_available).then_some(Property::RetainAvailable(false)),
        NonZeroU32::new(limits.maximum_packet_size).map(Property::MaximumPacketSize),
        receive_maximum.map(Property::ReceiveMaximum),
        // [MQTT-3.2.2-9]
        (limits.maximum_qos < QoS::ExactlyOnce).then_some(Property::MaximumQoS(limits.maximum_qos)),
    ]
    .into_iter()
    .flatten()
}

/// The reason as this packet can say it: who decides on access knows more reasons than fit into
/// every packet.
const fn told(reason: ReasonCode, packet_type: PacketType) -> ReasonCode {
    match reason.is_valid_in(packet_type) {
        true => reason,
        false => ReasonCode::UnspecifiedError,
    }
}

fn acknowledgement(packet_id: PacketId, reason: ReasonCode) -> Acknowledgement<'static> {
    Acknowledgement { packet_id, reason, properties: Properties::EMPTY }
}

/// A topic alias and a longer property length field.
const LONGEST_ALIAS_GROWTH: usize = 6;
