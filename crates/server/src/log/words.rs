//! The log of clients and packets, in the words of Mosquitto: programs that read logs know them.

use std::fmt::{self, Display};
use std::io;

use ferrymq_broker::{
    Cause, Connected, Interests, ListenerProfile, Notice, Observer, Peer, Summary,
};
use ferrymq_codec::{Delivery, ReasonCode, Version};
use ferrymq_protocol::error::ProtocolError;
use ferrymq_protocol::time::Instant;

use super::lines::Log;
use super::settings::LogType;

/// Writes what happens in a shard into a log.
pub struct ClientLog {
    log: Log,
}

impl ClientLog {
    /// An observer for one shard.
    pub const fn new(log: Log) -> Self {
        Self { log }
    }

    fn connected(&self, connected: &Connected<'_>) {
        let Connected { client_id, peer, version, clean_start, keep_alive, .. } = *connected;
        let user = connected.username.map_or_else(String::new, |name| format!(", u'{name}'"));
        let (version, clean) = (protocol_number(version), u8::from(clean_start));
        self.about_clients(
            LogType::Notice,
            format_args!(
                "New client connected from {peer} as {client_id} \
                 (p{version}, c{clean}, k{keep_alive}{user})."
            ),
        );
        if !self.log.wants(LogType::Debug) {
            return;
        }
        match connected.will {
            None => self.log.say(LogType::Debug, "No will message specified."),
            Some(will) => {
                let (length, retain, qos) =
                    (will.payload_length, u8::from(will.retain), will.qos as u8);
                self.log.say(
                    LogType::Debug,
                    format_args!("Will message specified ({length} bytes) (r{retain}, q{qos})."),
                );
                self.log.say(LogType::Debug, format_args!("\t{}", will.topic));
            }
        }
    }

    fn closed(&self, client_id: Option<&str>, peer: Peer, cause: Cause) {
        let name = Name { client_id, peer };
        if cause == Cause::TakenOver {
            let words = format_args!("Client {name} already connected, closing old connection.");
            self.about_clients(LogType::Error, words);
        } else if let Some(words) = words_of_end(cause) {
            self.about_clients(LogType::Notice, format_args!("Client {name} {words}"));
        }
    }

    fn about_clients(&self, kind: LogType, words: impl Display) {
        if self.log.wants_connections() {
            self.log.say(kind, words);
        }
    }
}

impl Observer for ClientLog {
    fn begin_turn(&mut self, _now: Instant) -> Interests {
        let mut interests = Interests::NONE;
        let wants = |kind| self.log.wants(kind);
        if wants(LogType::Error) || wants(LogType::Notice) {
            interests = interests.with(Interests::CONNECTIONS);
        }
        if wants(LogType::Subscribe) || wants(LogType::Unsubscribe) {
            interests = interests.with(Interests::SUBSCRIPTIONS);
        }
        if wants(LogType::Debug) {
            interests = interests
                .with(Interests::PACKETS)
                .with(Interests::SUBSCRIPTIONS)
                .with(Interests::CONNECTIONS);
        }
        interests
    }

    fn notice(&mut self, notice: &Notice<'_>) {
        let log = &self.log;
        match *notice {
            Notice::Opened { peer, listener } => {
                let ListenerProfile { port, .. } = *listener;
                let words = format_args!("New connection from {peer} on port {port}.");
                self.about_clients(LogType::Notice, words);
            }
            Notice::Connected(ref connected) => self.connected(connected),
            Notice::Closed { client_id, peer, cause, .. } => self.closed(client_id, peer, cause),
            Notice::SessionExpired { client_id } => {
                let words = format_args!("Expiring client {client_id} due to timeout.");
                log.say(LogType::Notice, words);
            }
            Notice::Unanswered { peer } => {
                let words = format_args!("Warning: Nobody has said whether {peer} may do that.");
                log.say(LogType::Warning, words);
            }
            Notice::Dropping { client_id } => {
                let words =
                    format_args!("Outgoing messages are being dropped for client {client_id}.");
                log.say(LogType::Notice, words);
            }
            Notice::Subscribed { client_id, filter, qos, .. } => {
                let qos = qos as u8;
                log.say(LogType::Debug, format_args!("\t{filter} (QoS {qos})"));
                log.say(LogType::Subscribe, format_args!("{client_id} {qos} {filter}"));
            }
            Notice::Unsubscribed { client_id, filter, .. } => {
                log.say(LogType::Debug, format_args!("\t{filter}"));
                log.say(LogType::Unsubscribe, format_args!("{client_id} {filter}"));
            }
            Notice::Received { client_id, packet } => {
                log.say(LogType::Debug, Words(Way::Received, client_id, packet));
            }
            Notice::Denied { client_id, packet, .. } => {
                log.say(LogType::Debug, Words(Way::Denied, client_id, packet));
            }
            Notice::Sent { client_id, packet } => {
                log.say(LogType::Debug, Words(Way::Sending, client_id, packet));
            }
            _ => {}
        }
    }
}

/// What a client is called: by its address as long as it has not said its identifier.
struct Name<'a> {
    client_id: Option<&'a str>,
    peer: Peer,
}

impl Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.client_id, self.peer) {
            (Some(client_id), _) => f.write_str(client_id),
            (None, Peer::Inet(address)) => address.ip().fmt(f),
            (None, peer @ Peer::Local) => peer.fmt(f),
        }
    }
}

/// How a connection has ended; `None`: nobody needs to be told.
fn words_of_end(cause: Cause) -> Option<String> {
    let words = match cause {
        Cause::Goodbye(_) => "disconnected.",
        Cause::Lost(None) => "closed its connection.",
        Cause::Lost(Some(kind)) => return Some(format!("disconnected: {}.", system_words(kind))),
        Cause::Protocol(error) => words_of_error(error),
        Cause::Refused(reason) | Cause::Denied(reason) => words_of_reason(reason),
        Cause::ConnectTimeout => "has exceeded timeout, disconnecting.",
        Cause::TakenOver | Cause::ShuttingDown => return None,
    };
    Some(words.to_owned())
}

fn words_of_error(error: ProtocolError) -> &'static str {
    match error {
        ProtocolError::KeepAliveTimeout => "has exceeded timeout, disconnecting.",
        error => words_of_reason(error.reason()),
    }
}

fn words_of_reason(reason: ReasonCode) -> &'static str {
    match reason {
        ReasonCode::MalformedPacket => "disconnected due to malformed packet.",
        ReasonCode::PacketTooLarge => "disconnected due to oversize packet.",
        ReasonCode::BadUserNameOrPassword | ReasonCode::NotAuthorized => {
            "disconnected, not authorised."
        }
        ReasonCode::QoSNotSupported | ReasonCode::RetainNotSupported => {
            "disconnected due to using not allowed feature (QoS too high, retain not supported, or \
             bad AUTH method)."
        }
        ReasonCode::ReceiveMaximumExceeded => "disconnected due to exceeding the receive maximum.",
        ReasonCode::ClientIdentifierNotValid => "disconnected, client identifier not valid.",
        ReasonCode::ServerUnavailable => "disconnected, server unavailable.",
        ReasonCode::ServerBusy => "disconnected, server busy.",
        ReasonCode::Banned => "disconnected, client banned.",
        ReasonCode::BadAuthenticationMethod => "disconnected, bad authentication method.",
        ReasonCode::QuotaExceeded => "disconnected, quota exceeded.",
        ReasonCode::ConnectionRateExceeded => "disconnected, connection rate exceeded.",
        ReasonCode::TopicAliasInvalid => "disconnected, topic alias invalid.",
        ReasonCode::AdministrativeAction => "been disconnected by administrative action.",
        _ => "disconnected due to protocol error.",
    }
}

/// What the C library calls an error.
fn system_words(kind: io::ErrorKind) -> String {
    match kind {
        io::ErrorKind::ConnectionReset => "Connection reset by peer".to_owned(),
        io::ErrorKind::BrokenPipe => "Broken pipe".to_owned(),
        io::ErrorKind::TimedOut => "Connection timed out".to_owned(),
        kind => kind.to_string(),
    }
}

#[derive(Clone, Copy)]
enum Way {
    Received,
    Denied,
    Sending,
}

/// A packet, and the client that it comes from or goes to.
struct Words<'a>(Way, &'a str, Summary<'a>);

impl Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(way, client_id, packet) = self;
        let name = name_of(packet);
        match way {
            Way::Received => write!(f, "Received {name} from {client_id}")?,
            Way::Denied => write!(f, "Denied {name} from {client_id}")?,
            Way::Sending => write!(f, "Sending {name} to {client_id}")?,
        }
        match (way, packet) {
            (_, Summary::ConnAck { session_present, reason }) => {
                write!(f, " ({}, {})", u8::from(*session_present), reason.value())
            }
            (_, Summary::Publish { dup, delivery, retain, topic, payload_length }) => {
                let (qos, mid) = (delivery.qos() as u8, identifier_of(*delivery));
                let (dup, retain) = (u8::from(*dup), u8::from(*retain));
                write!(
                    f,
                    " (d{dup}, q{qos}, r{retain}, m{mid}, '{topic}', ... ({payload_length} bytes))"
                )
            }
            (Way::Sending, Summary::PubAck(mid, reason) | Summary::PubRec(mid, reason)) => {
                write!(f, " (m{}, rc{})", mid.get(), reason.value())
            }
            (Way::Sending, Summary::PubRel(mid, _) | Summary::PubComp(mid, _)) => {
                write!(f, " (m{})", mid.get())
            }
            (_, Summary::PubAck(mid, reason) | Summary::PubComp(mid, reason)) => {
                write!(f, " (Mid: {}, RC:{})", mid.get(), reason.value())
            }
            (_, Summary::PubRec(mid, _) | Summary::PubRel(mid, _)) => {
                write!(f, " (Mid: {})", mid.get())
            }
            (Way::Sending, Summary::Disconnect(reason)) => write!(f, " (rc{})", reason.value()),
            _ => Ok(()),
        }
    }
}

const fn name_of(packet: &Summary<'_>) -> &'static str {
    match packet {
        Summary::ConnAck { .. } => "CONNACK",
        Summary::Publish { .. } => "PUBLISH",
        Summary::PubAck(..) => "PUBACK",
        Summary::PubRec(..) => "PUBREC",
        Summary::PubRel(..) => "PUBREL",
        Summary::PubComp(..) => "PUBCOMP",
        Summary::Subscribe(_) => "SUBSCRIBE",
        Summary::SubAck(_) => "SUBACK",
        Summary::Unsubscribe(_) => "UNSUBSCRIBE",
        Summary::UnsubAck(_) => "UNSUBACK",
        Summary::PingReq => "PINGREQ",
        Summary::PingResp => "PINGRESP",
        Summary::Disconnect(_) => "DISCONNECT",
        Summary::Auth(_) => "AUTH",
    }
}

/// The packet identifier, 0 where there is none.
const fn identifier_of(delivery: Delivery) -> u16 {
    match delivery {
        Delivery::AtMostOnce => 0,
        Delivery::AtLeastOnce(packet_id) | Delivery::ExactlyOnce(packet_id) => packet_id.get(),
    }
}

/// What Mosquitto calls a version of the protocol: its level, but counted from 1 before MQTT 5.0.
const fn protocol_number(version: Version) -> u8 {
    match version.level() {
        level @ ..5 => level.saturating_sub(2),
        level => level,
    }
}

#[cfg(test)]
mod tests {
    use ferrymq_codec::PacketId;

    use super::*;

    /// What Mosquitto 2.0 has written about such packets.
    #[test]
    fn packets_have_the_words_that_programs_read() {
        let id = PacketId::FIRST;
        let publish = |delivery, retain| Summary::Publish {
            dup: false,
            delivery,
            retain,
            topic: "a/b",
            payload_length: 1,
        };
        let accepted = Summary::ConnAck { session_present: false, reason: ReasonCode::Success };
        let done = ReasonCode::Success;
        let rows = [
            (Way::Sending, accepted, "Sending CONNACK to pp (0, 0)"),
            (
                Way::Received,
                publish(Delivery::AtLeastOnce(id), true),
                "Received PUBLISH from pp (d0, q1, r1, m1, 'a/b', ... (1 bytes))",
            ),
            (
                Way::Sending,
                publish(Delivery::AtMostOnce, false),
                "Sending PUBLISH to pp (d0, q0, r0, m0, 'a/b', ... (1 bytes))",
            ),
            (
                Way::Denied,
                publish(Delivery::ExactlyOnce(id), false),
                "Denied PUBLISH from pp (d0, q2, r0, m1, 'a/b', ... (1 bytes))",
            ),
            (Way::Sending, Summary::PubAck(id, done), "Sending PUBACK to pp (m1, rc0)"),
            (Way::Sending, Summary::PubRec(id, done), "Sending PUBREC to pp (m1, rc0)"),
            (Way::Sending, Summary::PubRel(id, done), "Sending PUBREL to pp (m1)"),
            (Way::Sending, Summary::PubComp(id, done), "Sending PUBCOMP to pp (m1)"),
            (Way::Received, Summary::PubAck(id, done), "Received PUBACK from pp (Mid: 1, RC:0)"),
            (Way::Received, Summary::PubRec(id, done), "Received PUBREC from pp (Mid: 1)"),
            (Way::Received, Summary::PubRel(id, done), "Received PUBREL from pp (Mid: 1)"),
            (Way::Received, Summary::PubComp(id, done), "Received PUBCOMP from pp (Mid: 1, RC:0)"),
            (Way::Received, Summary::Subscribe(id), "Received SUBSCRIBE from pp"),
            (Way::Sending, Summary::SubAck(id), "Sending SUBACK to pp"),
            (Way::Received, Summary::PingReq, "Received PINGREQ from pp"),
            (Way::Sending, Summary::PingResp, "Sending PINGRESP to pp"),
            (Way::Received, Summary::Disconnect(done), "Received DISCONNECT from pp"),
            (
                Way::Sending,
                Summary::Disconnect(ReasonCode::SessionTakenOver),
                "Sending DISCONNECT to pp (rc142)",
            ),
        ];
        for (way, packet, words) in rows {
            assert_eq!(Words(way, "pp", packet).to_string(), words);
        }
    }

    #[test]
    fn ends_have_the_words_that_programs_read() {
        let refused = Cause::Refused(ReasonCode::NotAuthorized);
        let reset = Cause::Lost(Some(io::ErrorKind::ConnectionReset));
        let rows = [
            (Cause::Goodbye(ReasonCode::Success), Some("disconnected.")),
            (Cause::Lost(None), Some("closed its connection.")),
            (reset, Some("disconnected: Connection reset by peer.")),
            (refused, Some("disconnected, not authorised.")),
            (
                Cause::Protocol(ProtocolError::KeepAliveTimeout),
                Some("has exceeded timeout, disconnecting."),
            ),
            (
                Cause::Protocol(ProtocolError::SecondConnect),
                Some("disconnected due to protocol error."),
            ),
            (Cause::ShuttingDown, None),
        ];
        for (cause, words) in rows {
            assert_eq!(words_of_end(cause).as_deref(), words, "{cause:?}");
        }
    }
}
