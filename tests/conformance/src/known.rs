//! Differences that are known, and why: other servers read the specification in other ways.

use crate::run::{Finding, Outcome};

/// A row that a server is known to break.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    /// The name of the row.
    pub row: &'static str,
    /// What the server does instead.
    pub why: &'static str,
}

/// What does not fit: rows broken without an explanation, and explanations of rows that are kept.
pub fn unexplained(outcomes: &[Outcome], known: &[Difference]) -> Vec<String> {
    let explained = |name: &str| known.iter().any(|difference| difference.row == name);
    let broken = |name: &str| {
        outcomes
            .iter()
            .any(|outcome| outcome.name == name && matches!(outcome.finding, Finding::Broken(_)))
    };
    let new = outcomes.iter().filter_map(|outcome| match &outcome.finding {
        Finding::Broken(failure) if !explained(&outcome.name) => {
            Some(format!("{}: {failure}", outcome.name))
        }
        _ => None,
    });
    let stale = known
        .iter()
        .filter(|difference| !broken(difference.row))
        .map(|difference| format!("{}: kept, or no such row", difference.row));
    new.chain(stale).collect()
}

/// Mosquitto 2.0.11, as Debian 12 has it, without further configuration.
pub const MOSQUITTO: &[Difference] = &[
    difference(
        "v5.0 half-a-connect-for-ever",
        "A connection without a CONNECT is kept longer than 33 s.",
    ),
    difference("v5.0 second-connect", "It closes without a DISCONNECT."),
    difference("v5.0 packet-identifier-0", "A PUBACK for 0 closes without a DISCONNECT."),
    difference("v5.0 wildcard-in-topic-name", "The reason is 0x82."),
    difference("v5.0 bad-multi-level-wildcard", "The reason is 0x81."),
    difference("v5.0 bad-single-level-wildcard", "The reason is 0x81."),
    difference("v5.0 property-twice", "It closes without a DISCONNECT."),
    difference("v5.0 property-twice-in-connect", "It closes without a CONNACK."),
    difference(
        "v5.0 property-of-another-packet",
        "A Subscription Identifier in a Client's PUBLISH is overlooked.",
    ),
    difference("v5.0 property-zero-where-forbidden", "It closes without a CONNACK."),
    difference(
        "v5.0 reserved-flags",
        "The flags of PINGREQ and of acknowledgements are not looked at.",
    ),
    difference("v5.0 reserved-reason-code", "The Reason Code of PUBACK is not looked at."),
    difference("v5.0 packet-type-0", "The reason is 0x82."),
    difference("v5.0 packet-of-the-server", "A CONNACK closes without a DISCONNECT."),
    difference("v5.0 auth-without-method", "It closes without a DISCONNECT."),
    difference("v5.0 topic-alias-0", "The reason is 0x81."),
    difference("v5.0 receive-maximum-exceeded", "One message more than announced is taken."),
    difference("v5.0 share-name-empty", "An empty ShareName is granted."),
    difference("v5.0 packet-too-large", "Without a configured limit it waits for 256 MB."),
    difference("v5.0 never-ending-remaining-length", "It closes without a DISCONNECT."),
    difference("v5.0 bytes-after-the-last-field", "The body of PINGREQ is not looked at."),
    difference(
        "v3.1.1 half-a-connect-for-ever",
        "A connection without a CONNECT is kept longer than 33 s.",
    ),
    difference(
        "v3.1.1 reserved-flags",
        "The flags of PINGREQ and of acknowledgements are not looked at.",
    ),
    difference("v3.1.1 packet-of-the-server", "A SUBACK is ignored."),
    difference("v3.1.1 packet-too-large", "Without a configured limit it waits for 256 MB."),
    difference("v3.1.1 bytes-after-the-last-field", "The body of PINGREQ is not looked at."),
    difference(
        "v5.0 MQTT-2.1.3-1",
        "The flags of PINGREQ and of acknowledgements are not looked at.",
    ),
    difference(
        "v5.0 MQTT-3.1.2-25",
        "A message too large to send keeps its place in the send quota.",
    ),
    difference("v5.0 MQTT-3.3.2-14", "Wildcards in the Response Topic are overlooked."),
    difference(
        "v5.0 MQTT-3.3.4-6",
        "A Subscription Identifier in a Client's PUBLISH is overlooked.",
    ),
    difference(
        "v5.0 MQTT-3.3.4-9",
        "The place in the send quota is given back at PUBREC, not at PUBCOMP.",
    ),
    difference("v5.0 MQTT-3.8.3-4", "No Local on a shared subscription is granted."),
    difference("v5.0 MQTT-4.3.3-7", "A message that was sent expires before it is sent again."),
    difference("v5.0 MQTT-4.8.2-1", "An empty ShareName is granted."),
    difference("v5.0 MQTT-4.8.2-2", "A ShareName with wildcards is granted."),
    difference(
        "v5.0 MQTT-4.9.0-2",
        "The place in the send quota is given back at PUBREC, not at PUBCOMP.",
    ),
    difference("v5.0 MQTT-4.13.1-1", "The flags of PINGREQ are not looked at."),
    difference("v5.0 MQTT-6.0.0-1", "Packets in text frames are taken."),
    difference(
        "v3.1.1 MQTT-2.2.2-1",
        "The flags of PINGREQ and of acknowledgements are not looked at.",
    ),
    difference(
        "v3.1.1 MQTT-2.2.2-2",
        "The flags of PINGREQ and of acknowledgements are not looked at.",
    ),
    difference(
        "v3.1.1 MQTT-3.3.5-1",
        "The first matching subscription decides, not the one with the highest QoS.",
    ),
    difference("v3.1.1 MQTT-4.8.0-1", "The flags of PINGREQ are not looked at."),
    difference("v3.1.1 MQTT-6.0.0-1", "Packets in text frames are taken."),
];

const fn difference(row: &'static str, why: &'static str) -> Difference {
    Difference { row, why }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::row::{Row, exception};
    use crate::verdict::Failure;

    const ROW: Row = exception("MQTT-1", "", "");

    fn outcome(name: &str, finding: Finding) -> Outcome {
        Outcome { table: "", name: name.to_owned(), row: ROW, finding, elapsed: Duration::ZERO }
    }

    #[test]
    fn unexplained_finds_what_is_new_and_what_is_stale() {
        let broken = |name| outcome(name, Finding::Broken(Failure::new("seen")));
        let outcomes = [broken("explained"), broken("new"), outcome("mended", Finding::Kept)];
        let known =
            ["explained", "mended", "unheard of"].map(|row| difference(row, "for a reason"));
        let found = unexplained(&outcomes, &known);
        assert_eq!(
            found,
            ["new: seen", "mended: kept, or no such row", "unheard of: kept, or no such row"]
        );
    }
}
