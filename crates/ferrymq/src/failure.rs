//! Why a client could not do its work, in words that say what to do, with the exit status that
//! Mosquitto's clients have.

use std::io;

use ferrymq_client::{ConnectionError, ReasonCode, TransportError, Version};
use thiserror::Error;

use crate::network::Broker;

/// A failed connection to a broker.
#[derive(Debug, Error)]
#[error("{message}")]
pub(crate) struct Failure {
    message: String,
    status: u8,
}

impl Failure {
    /// What to say about `error`, which a client of `broker` has met.
    pub(crate) fn connection(error: &ConnectionError, broker: &Broker, version: Version) -> Self {
        let (message, status) = match error {
            ConnectionError::Io(error) => {
                let status = if is_loss(error) { CONNECTION_LOST } else { 1 };
                (network(error, broker), status)
            }
            ConnectionError::Refused(reason) => refused(*reason, version),
            ConnectionError::Closed => (
                format!(
                    "Error: The connection was lost: {broker} closed it; does a broker that speaks \
                     {version} listen there? Another version is chosen with --protocol-version"
                ),
                CONNECTION_LOST,
            ),
            ConnectionError::TimedOut => {
                (format!("Error: {broker} does not answer; does a broker listen there?"), 1)
            }
            ConnectionError::Disconnected(reason) => {
                (format!("Error: the broker ended the connection: {reason}"), reason.value())
            }
            ConnectionError::Transport(error) => {
                let is_tls = matches!(error, TransportError::Protocol { protocol: "TLS", .. });
                let status = if is_tls { TLS_FAILED } else { 1 };
                (format!("Error: no connection to {broker}: {error}"), status)
            }
            error => (format!("Error: {error}"), 1),
        };
        Self { message, status }
    }

    /// The time for messages is over.
    pub(crate) fn timed_out() -> Self {
        Self { message: "Timed out".into(), status: 27 }
    }

    /// The broker does not carry out a command, for this reason.
    pub(crate) fn refused_command(command: &str, reason: &str) -> Self {
        Self { message: format!("{command}: Error: {reason}."), status: 1 }
    }

    /// The exit status.
    pub(crate) const fn status(&self) -> u8 {
        self.status
    }
}

fn network(error: &io::Error, broker: &Broker) -> String {
    let (host, port) = match broker {
        Broker::Tcp { host, port } => (host, port),
        Broker::Unix(path) => {
            return format!("Error: no connection to {}: {error}", path.display());
        }
    };
    // What a proxy says is more than the system's own words.
    let is_told = error.get_ref().is_some();
    match error.kind() {
        io::ErrorKind::ConnectionRefused if !is_told => {
            let advice = match (is_this_machine(host), port) {
                (true, 1883) => "start a broker with `ferrymq`".into(),
                (true, _) => format!("start a broker with `ferrymq -p {port}`"),
                (false, _) => "check --host and --port".to_owned(),
            };
            format!("Error: Connection refused: nothing listens on {broker}; {advice}")
        }
        _ if error.to_string().contains("lookup") => format!(
            "Unable to connect (Lookup error.): the name {host} cannot be resolved ({error}); \
             check --host"
        ),
        _ => format!("Error: no connection to {broker}: {error}"),
    }
}

/// Whether there was a connection.
fn is_loss(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// In the words of Mosquitto's clients, with advice. Before MQTT 5.0 the exit status is the return
/// code, since then the reason code.
fn refused(reason: ReasonCode, version: Version) -> (String, u8) {
    let advice = match reason {
        ReasonCode::UnsupportedProtocolVersion => ": choose another with --protocol-version",
        ReasonCode::ClientIdentifierNotValid => ": choose another with --id",
        ReasonCode::BadUserNameOrPassword | ReasonCode::NotAuthorized => {
            ": who you are is said with --username and --pw"
        }
        ReasonCode::ServerUnavailable | ReasonCode::ServerBusy => ": try again later",
        _ => "",
    };
    let (words, status) = match (version, reason) {
        (Version::V5, reason) => (reason.to_string(), reason.value()),
        (_, ReasonCode::UnsupportedProtocolVersion) => {
            ("Connection Refused: unacceptable protocol version".into(), 1)
        }
        (_, ReasonCode::ClientIdentifierNotValid) => {
            ("Connection Refused: identifier rejected".into(), 2)
        }
        (_, ReasonCode::ServerUnavailable) => ("Connection Refused: broker unavailable".into(), 3),
        (_, ReasonCode::BadUserNameOrPassword) => {
            ("Connection Refused: bad user name or password".into(), 4)
        }
        (_, ReasonCode::NotAuthorized) => ("Connection Refused: not authorised".into(), 5),
        (_, reason) => (reason.to_string(), reason.value()),
    };
    (format!("Connection error: {words}{advice}"), status)
}

/// As libmosquitto says that a connection has ended without a word.
const CONNECTION_LOST: u8 = 7;
/// As libmosquitto says that there is no secure connection.
const TLS_FAILED: u8 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_to_do() {
        let refused = || ConnectionError::Io(io::ErrorKind::ConnectionRefused.into());
        let at = |host: &str, port| Broker::Tcp { host: host.into(), port };
        let rows = [
            (
                Failure::connection(&refused(), &at("localhost", 1883), Version::V5),
                "Error: Connection refused: nothing listens on localhost:1883; start a broker with \
                 `ferrymq`",
            ),
            (
                Failure::connection(&refused(), &at("127.0.0.1", 1884), Version::V5),
                "Error: Connection refused: nothing listens on 127.0.0.1:1884; start a broker with \
                 `ferrymq -p 1884`",
            ),
            (
                Failure::connection(&refused(), &at("example.org", 1883), Version::V5),
                "Error: Connection refused: nothing listens on example.org:1883; check --host and --port",
            ),
        ];
        for (failure, words) in rows {
            assert_eq!(failure.to_string(), words);
            assert_eq!(failure.status(), 1);
        }
    }

    #[test]
    fn status_of_a_refusal_is_what_the_broker_has_said() {
        let rows = [
            (Version::V3_1_1, ReasonCode::NotAuthorized, 5),
            (Version::V3_1_1, ReasonCode::BadUserNameOrPassword, 4),
            (Version::V3_1, ReasonCode::ClientIdentifierNotValid, 2),
            (Version::V5, ReasonCode::NotAuthorized, 0x87),
            (Version::V5, ReasonCode::ServerBusy, 0x89),
        ];
        for (version, reason, status) in rows {
            let error = ConnectionError::Refused(reason);
            let broker = Broker::Tcp { host: "localhost".into(), port: 1883 };
            let failure = Failure::connection(&error, &broker, version);
            assert_eq!(failure.status(), status, "{reason} in {version}");
        }
    }
}
