//! What belongs to one connection of a client and ends with it: what the server allows, what is
//! left of the quotas, topic aliases and keep alive. All packets of a connection are written here.

use alloc::borrow::Cow;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::num::NonZeroU16;
use core::time::Duration;

use ferrymq_codec::{
    Acknowledgement, Delivery, EncodeError, Packet, PacketId, Properties, Property, Publish,
    PublishEncoder, QoS, ReasonCode, SubscriptionFilters, TopicFilter, TopicFilters, Version,
};

use super::event::{Connected, Event, RequestError};
use super::options::ConnectOptions;
use super::request::{Message, Request, Subscribe, Unsubscribe};
use crate::alias::{InboundAliases, OutboundAliases, Written};
use crate::error::ProtocolError;
use crate::time::Instant;

/// What stands at the front of the received bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// Less than a packet. Once its header is known, so is its whole length in bytes.
    Incomplete {
        /// The length of the packet, if it is known.
        needed: Option<usize>,
    },
    /// A packet.
    Packet {
        /// Its length in bytes.
        length: usize,
        /// What it means to the user, if it means anything.
        event: Option<Event<'a>>,
    },
}

/// A connection that the server has accepted.
#[derive(Debug)]
pub(super) struct Link {
    /// What was sent on an earlier connection and waits to be sent on this one.
    pub(super) resend: VecDeque<PacketId>,
    version: Version,
    inbound_aliases: InboundAliases,
    outbound_aliases: OutboundAliases,
    quota: u16,
    send_maximum: u16,
    unreleased: u16,
    receive_maximum: u16,
    maximum_packet_size: u32,
    maximum_qos: QoS,
    is_retain_available: bool,
    keep_alive: Option<NonZeroU16>,
    session_expiry_interval: u32,
    last_sent: Instant,
    last_received: Instant,
    pinged: Option<Instant>,
}

impl Link {
    /// What CONNACK grants of what CONNECT has asked for.
    pub(super) fn new(options: &ConnectOptions, granted: &Properties<'_>, now: Instant) -> Self {
        let mut link = Self {
            resend: VecDeque::new(),
            version: options.version,
            inbound_aliases: InboundAliases::new(options.topic_alias_maximum),
            outbound_aliases: OutboundAliases::new(0),
            quota: 0,
            send_maximum: options.send_maximum.get(),
            unreleased: 0,
            receive_maximum: options.receive_maximum.get(),
            maximum_packet_size: u32::MAX,
            maximum_qos: QoS::ExactlyOnce,
            is_retain_available: true,
            keep_alive: NonZeroU16::new(options.keep_alive),
            session_expiry_interval: options.session_expiry_interval,
            last_sent: now,
            last_received: now,
            pinged: None,
        };
        for property in granted.iter() {
            link.grant(&property, options);
        }
        link.quota = link.send_maximum;
        link
    }

    fn grant(&mut self, property: &Property<'_>, options: &ConnectOptions) {
        match *property {
            Property::ReceiveMaximum(maximum) => {
                self.send_maximum = options.send_maximum.min(maximum).get();
            }
            Property::MaximumPacketSize(maximum) => self.maximum_packet_size = maximum.get(),
            Property::MaximumQoS(maximum) => self.maximum_qos = maximum,
            Property::RetainAvailable(available) => self.is_retain_available = available,
            Property::TopicAliasMaximum(maximum) if options.send_topic_aliases => {
                self.outbound_aliases = OutboundAliases::new(maximum);
            }
            // [MQTT-3.2.2-21]
            Property::ServerKeepAlive(seconds) => self.keep_alive = NonZeroU16::new(seconds),
            Property::SessionExpiryInterval(seconds) => self.session_expiry_interval = seconds,
            _ => {}
        }
    }

    pub(super) const fn connected<'a>(
        &self,
        session_present: bool,
        properties: Properties<'a>,
    ) -> Connected<'a> {
        Connected {
            session_present,
            send_maximum: self.send_maximum,
            maximum_packet_size: self.maximum_packet_size,
            keep_alive: self.keep_alive,
            session_expiry_interval: self.session_expiry_interval,
            properties,
        }
    }

    pub(super) const fn sent(&mut self, now: Instant) {
        self.last_sent = now;
    }

    pub(super) const fn received(&mut self, now: Instant) {
        self.last_received = now;
    }

    pub(super) const fn pingresp(&mut self) {
        self.pinged = None;
    }

    /// When something is due: PINGREQ if nothing was sent, or nothing received, for the keep
    /// alive [MQTT-3.1.2-20]; its answer if nothing at all comes for half of that.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let seconds = u64::from(self.keep_alive?.get());
        let keep_alive = Duration::from_secs(seconds);
        let half = Duration::from_millis(seconds.saturating_mul(500));
        Some(match self.pinged {
            Some(pinged) => pinged.max(self.last_received).saturating_add(half),
            None => self.last_sent.min(self.last_received).saturating_add(keep_alive),
        })
    }

    pub(super) fn keep_alive(
        &mut self,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<(), ProtocolError> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        if self.pinged.is_some() {
            return Err(ProtocolError::KeepAliveTimeout);
        }
        self.write(&Packet::PingReq, out);
        self.pinged = Some(now);
        self.last_sent = now;
        Ok(())
    }

    /// The topic of a PUBLISH, from its name or its alias.
    pub(super) fn topic<'a>(
        &mut self,
        publish: &Publish<'a>,
    ) -> Result<Cow<'a, str>, ProtocolError> {
        match (publish.topic, publish.properties.topic_alias()) {
            (Some(topic), None) => Ok(Cow::Borrowed(topic.as_str())),
            (Some(topic), Some(alias)) => {
                self.inbound_aliases.insert(alias, topic)?;
                Ok(Cow::Borrowed(topic.as_str()))
            }
            (None, Some(alias)) => {
                Ok(Cow::Owned(self.inbound_aliases.topic(alias)?.as_ref().into()))
            }
            (None, None) => Err(ProtocolError::TopicAliasUnknown),
        }
    }

    /// Counts a QoS 2 message against our Receive Maximum. QoS 1 is acknowledged at once, and so
    /// never counts.
    pub(super) fn admit(&mut self) -> Result<(), ProtocolError> {
        if self.version == Version::V5 && self.unreleased >= self.receive_maximum {
            // [MQTT-3.3.4-9]
            return Err(ProtocolError::ReceiveMaximumExceeded);
        }
        self.unreleased = self.unreleased.saturating_add(1);
        Ok(())
    }

    /// A QoS 2 message of the server is released.
    pub(super) const fn released(&mut self) {
        self.unreleased = self.unreleased.saturating_sub(1);
    }

    /// A message of ours is acknowledged. The quota never exceeds what it began with, which a
    /// PUBREL of an earlier connection would lead to (section 4.9).
    pub(super) fn give_back_quota(&mut self) {
        self.quota = self.quota.saturating_add(1).min(self.send_maximum);
    }

    /// Whether the server accepts one more of these now.
    pub(super) const fn has_quota_for<T>(&self, request: &Request<T>) -> bool {
        // [MQTT-3.3.4-7]
        !counts(request) || self.quota > 0
    }

    /// Whether the server accepts this at all.
    pub(super) fn check<T>(&self, request: &Request<T>) -> Result<(), RequestError> {
        let length = match request {
            Request::Publish { message, .. } => {
                if message.properties.as_properties().topic_alias().is_some() {
                    return Err(RequestError::TopicAlias);
                }
                if message.qos > self.maximum_qos {
                    return Err(RequestError::QoSNotSupported);
                }
                if message.retain && !self.is_retain_available {
                    return Err(RequestError::RetainNotSupported);
                }
                let delivery = delivery(message.qos, PacketId::FIRST);
                encoder(message, delivery, false).encoded_length(self.version)
            }
            Request::Subscribe { subscribe, .. } => {
                encoded_length(|out| self.write_subscribe(subscribe, PacketId::FIRST, out))?
            }
            Request::Unsubscribe { unsubscribe, .. } => {
                encoded_length(|out| self.write_unsubscribe(unsubscribe, PacketId::FIRST, out))?
            }
        };
        if length > self.maximum_packet_size as usize {
            return Err(RequestError::TooLarge);
        }
        Ok(())
    }

    /// Writes a request that was checked before.
    pub(super) fn write_request<T>(
        &mut self,
        request: &Request<T>,
        packet_id: PacketId,
        is_repetition: bool,
        out: &mut Vec<u8>,
    ) {
        if counts(request) {
            self.quota = self.quota.saturating_sub(1);
        }
        let before = out.len();
        let written = match request {
            Request::Publish { message, .. } => {
                self.write_publish(message, packet_id, is_repetition, out)
            }
            Request::Subscribe { subscribe, .. } => self.write_subscribe(subscribe, packet_id, out),
            Request::Unsubscribe { unsubscribe, .. } => {
                self.write_unsubscribe(unsubscribe, packet_id, out)
            }
        };
        if written.is_err() {
            out.truncate(before);
        }
    }

    /// Writes PUBACK, PUBREC, PUBREL or PUBCOMP.
    pub(super) fn acknowledge<'a>(
        &self,
        packet: impl FnOnce(Acknowledgement<'a>) -> Packet<'a>,
        packet_id: PacketId,
        reason: ReasonCode,
        out: &mut Vec<u8>,
    ) {
        self.write(
            &packet(Acknowledgement { packet_id, reason, properties: Properties::EMPTY }),
            out,
        );
    }

    /// Writes a packet, unless the server does not accept one of its length [MQTT-3.2.2-15].
    pub(super) fn write(&self, packet: &Packet<'_>, out: &mut Vec<u8>) {
        let before = out.len();
        let encoded = packet.encode(self.version, out).is_ok();
        let length = out.len().saturating_sub(before);
        if !encoded || length > self.maximum_packet_size as usize {
            out.truncate(before);
        }
    }

    fn write_publish(
        &mut self,
        message: &Message,
        packet_id: PacketId,
        dup: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let mut encoder = encoder(message, delivery(message.qos, packet_id), dup);
        let with_alias = encoder.encoded_length(self.version).saturating_add(LONGEST_ALIAS_GROWTH);
        if with_alias <= self.maximum_packet_size as usize {
            match self.outbound_aliases.write(encoder.topic) {
                Written::Whole => {}
                Written::Introduced(alias) => encoder.topic_alias = Some(alias),
                Written::Alias(alias) => {
                    encoder.topic_alias = Some(alias);
                    encoder.topic = "";
                }
            }
        }
        encoder.encode_head(self.version, out)?;
        out.extend_from_slice(&message.payload);
        Ok(())
    }

    fn write_subscribe(
        &self,
        subscribe: &Subscribe,
        packet_id: PacketId,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let mut filters = Vec::new();
        let asked =
            subscribe.filters().map(|(filter, options)| (TopicFilter::trusted(filter), options));
        SubscriptionFilters::encode_into(asked, &mut filters)?;
        let packet = ferrymq_codec::Subscribe {
            packet_id,
            properties: subscribe.properties.as_properties(),
            filters: SubscriptionFilters::trusted(&filters),
        };
        Packet::Subscribe(packet).encode(self.version, out)
    }

    fn write_unsubscribe(
        &self,
        unsubscribe: &Unsubscribe,
        packet_id: PacketId,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let mut filters = Vec::new();
        TopicFilters::encode_into(unsubscribe.filters().map(TopicFilter::trusted), &mut filters)?;
        let packet = ferrymq_codec::Unsubscribe {
            packet_id,
            properties: unsubscribe.properties.as_properties(),
            filters: TopicFilters::trusted(&filters),
        };
        Packet::Unsubscribe(packet).encode(self.version, out)
    }
}

/// Whether a request counts against the server's Receive Maximum.
const fn counts<T>(request: &Request<T>) -> bool {
    request.is_publish() && !matches!(request.qos(), QoS::AtMostOnce)
}

fn encoded_length(
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
) -> Result<usize, RequestError> {
    let mut scratch = Vec::new();
    write(&mut scratch).map_err(RequestError::Unencodable)?;
    Ok(scratch.len())
}

const fn delivery(qos: QoS, packet_id: PacketId) -> Delivery {
    match qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce(packet_id),
        QoS::ExactlyOnce => Delivery::ExactlyOnce(packet_id),
    }
}

fn encoder(message: &Message, delivery: Delivery, dup: bool) -> PublishEncoder<'_> {
    PublishEncoder {
        dup,
        delivery,
        retain: message.retain,
        topic: &message.topic,
        properties: message.properties.as_properties(),
        message_expiry_interval: None,
        topic_alias: None,
        subscription_identifiers: &[],
        payload_length: message.payload.len(),
    }
}

/// A topic alias, and a longer Property Length and Remaining Length.
const LONGEST_ALIAS_GROWTH: usize = 6;
