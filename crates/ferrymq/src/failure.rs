//! Why a client could not do its work, in words that say what to do, with the exit status that
//! Mosquitto's clients have.

use std::io;

use ferrymq_client::{ConnectionError, ReasonCode, Version};
use thiserror::Error;

/// A failed connection to a broker.
#[derive(Debug, Error)]
#[error("{message}")]
pub(crate) struct Failure {
    message: String,
    status: u8,
}

impl Failure {
    /// What to say about `error`, which a client of `host` and `port` has met.
    pub(crate) fn connection(
        error: &ConnectionError,
        host: &str,
        port: u16,
        version: Version,
    ) -> Self {
        let (message, status) = match error {
            ConnectionError::Io(error) => (network(error, host, port), 1),
            ConnectionError::Refused(reason) => refused(*reason, version),
            ConnectionError::Closed => (
                format!(
                    "{host}:{port} closed the connection; does a broker that speaks {version} \
                     listen there? Another version is chosen with --protocol-version"
                ),
                1,
            ),
            ConnectionError::TimedOut => {
                (format!("{host}:{port} does not answer; does a broker listen there?"), 1)
            }
            ConnectionError::Disconnected(reason) => {
                (format!("the broker ended the connection: {reason}"), reason.value())
            }
            error => (error.to_string(), 1),
        };
        Self { message, status }
    }

    /// The time for messages is over.
    pub(crate) fn timed_out() -> Self {
        Self { message: "Timed out".into(), status: 27 }
    }

    /// The exit status.
    pub(crate) const fn status(&self) -> u8 {
        self.status
    }
}

fn network(error: &io::Error, host: &str, port: u16) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            let advice = match (is_this_machine(host), port) {
                (true, 1883) => "start a broker with `ferrymq`".into(),
                (true, _) => format!("start a broker with `ferrymq -p {port}`"),
                (false, _) => "check --host and --port".to_owned(),
            };
            format!("Connection refused: nothing listens on {host}:{port}; {advice}")
        }
        _ if error.to_string().contains("lookup") => {
            format!("the name {host} cannot be resolved ({error}); check --host")
        }
        _ => format!("no connection to {host}:{port}: {error}"),
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// Before MQTT 5.0 the exit status is the return code, since then the reason code.
fn refused(reason: ReasonCode, version: Version) -> (String, u8) {
    let advice = match reason {
        ReasonCode::UnsupportedProtocolVersion => "; choose another with --protocol-version",
        ReasonCode::ClientIdentifierNotValid => "; choose another with --id",
        ReasonCode::BadUserNameOrPassword | ReasonCode::NotAuthorized => {
            "; who you are is said with --username and --pw"
        }
        ReasonCode::ServerUnavailable | ReasonCode::ServerBusy => "; try again later",
        _ => "",
    };
    let status = match (version, reason) {
        (Version::V5, _) => reason.value(),
        (_, ReasonCode::UnsupportedProtocolVersion) => 1,
        (_, ReasonCode::ClientIdentifierNotValid) => 2,
        (_, ReasonCode::ServerUnavailable) => 3,
        (_, ReasonCode::BadUserNameOrPassword) => 4,
        (_, ReasonCode::NotAuthorized) => 5,
        _ => reason.value(),
    };
    (format!("Connection refused by the broker: {reason}{advice}"), status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_to_do() {
        let refused = || ConnectionError::Io(io::ErrorKind::ConnectionRefused.into());
        let rows = [
            (
                Failure::connection(&refused(), "localhost", 1883, Version::V5),
                "Connection refused: nothing listens on localhost:1883; start a broker with \
                 `ferrymq`",
            ),
            (
                Failure::connection(&refused(), "127.0.0.1", 1884, Version::V5),
                "Connection refused: nothing listens on 127.0.0.1:1884; start a broker with \
                 `ferrymq -p 1884`",
            ),
            (
                Failure::connection(&refused(), "example.org", 1883, Version::V5),
                "Connection refused: nothing listens on example.org:1883; check --host and --port",
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
            let failure = Failure::connection(&error, "localhost", 1883, version);
            assert_eq!(failure.status(), status, "{reason} in {version}");
        }
    }
}
