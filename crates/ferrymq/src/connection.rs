//! The flags that `pub` and `sub` share, and the client that they describe.

use std::collections::hash_map::RandomState;
use std::ffi::OsString;
use std::hash::BuildHasher;

use anyhow::{Context, bail};
use clap::{ArgAction, Args, ValueEnum};
use ferrymq_client::{Builder, Client, QoS, Version, Will};

use crate::property::CommandProperties;

/// How to reach a broker, and as whom.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are switches of the command line")]
pub(crate) struct ConnectionArguments {
    /// The host to connect to
    #[arg(short = 'h', long, default_value = "localhost", allow_hyphen_values = true)]
    pub(crate) host: String,
    /// The port to connect to
    #[arg(short, long, default_value_t = 1883,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,
    /// The client identifier. Without it the broker assigns one
    #[arg(short = 'i', long, value_name = "ID", allow_hyphen_values = true)]
    pub(crate) id: Option<String>,
    /// The beginning of the client identifier; the process id follows
    #[arg(
        short = 'I',
        long,
        value_name = "PREFIX",
        allow_hyphen_values = true,
        conflicts_with = "id"
    )]
    pub(crate) id_prefix: Option<String>,
    /// The user name
    #[arg(short, long, value_name = "NAME", allow_hyphen_values = true)]
    pub(crate) username: Option<String>,
    /// The password
    #[arg(short = 'P', long = "pw", value_name = "PASSWORD", allow_hyphen_values = true)]
    pub(crate) password: Option<OsString>,
    /// The version of the protocol
    #[arg(short = 'V', long, value_name = "VERSION")]
    pub(crate) protocol_version: Option<ProtocolVersion>,
    /// How many seconds may pass without a packet
    #[arg(short, long, default_value_t = 60, value_name = "SECONDS")]
    pub(crate) keepalive: u16,
    /// Keep the session when the client disconnects, and go on with it; needs --id
    #[arg(short = 'c', long)]
    pub(crate) disable_clean_session: bool,
    /// How many seconds the session outlives the connection; -1: for ever. Implies MQTT 5.0
    #[arg(short = 'x', long, value_name = "SECONDS", allow_hyphen_values = true,
          value_parser = session_expiry_interval)]
    pub(crate) session_expiry_interval: Option<u32>,
    /// A property of MQTT 5.0, which it implies: a packet, a property and its value, or for
    /// user-property its name and value. May be repeated
    #[arg(short = 'D', long = "property", num_args = 3..=4, action = ArgAction::Append,
          value_names = ["PACKET", "PROPERTY", "VALUE"])]
    pub(crate) properties: Vec<String>,
    /// The topic of the will: what the broker publishes if this client vanishes
    #[arg(long, value_name = "TOPIC", allow_hyphen_values = true)]
    pub(crate) will_topic: Option<String>,
    /// The payload of the will; empty without it
    #[arg(long, value_name = "PAYLOAD", allow_hyphen_values = true, requires = "will_topic")]
    pub(crate) will_payload: Option<OsString>,
    /// The quality of service of the will
    #[arg(long, default_value_t = 0, value_name = "QOS", requires = "will_topic",
          value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(crate) will_qos: u8,
    /// Make the will a retained message
    #[arg(long, requires = "will_topic")]
    pub(crate) will_retain: bool,
    /// Tell on standard error what happens
    #[arg(short, long)]
    pub(crate) debug: bool,
    /// Print no errors
    #[arg(long)]
    pub(crate) quiet: bool,
    /// Print this help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}

/// A version of the protocol by its names on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProtocolVersion {
    /// MQTT 5.0
    #[value(name = "5", alias = "mqttv5")]
    V5,
    /// MQTT 3.1.1
    #[value(name = "311", alias = "mqttv311")]
    V311,
    /// MQTT 3.1
    #[value(name = "31", alias = "mqttv31")]
    V31,
}

impl ConnectionArguments {
    /// The version to speak: 3.1.1, unless it was asked for, or something needs 5.0.
    pub(crate) fn version(&self) -> anyhow::Result<Version> {
        let needs_v5 = if self.session_expiry_interval.is_some() {
            Some("--session-expiry-interval")
        } else if self.properties.is_empty() {
            None
        } else {
            Some("--property")
        };
        match (self.protocol_version, needs_v5) {
            (Some(ProtocolVersion::V5), _) | (None, Some(_)) => Ok(Version::V5),
            (Some(_), Some(flag)) => {
                bail!("{flag} needs MQTT 5.0; leave --protocol-version out or make it 5")
            }
            (Some(ProtocolVersion::V311) | None, None) => Ok(Version::V3_1_1),
            (Some(ProtocolVersion::V31), None) => Ok(Version::V3_1),
        }
    }

    /// The client that was described.
    pub(crate) fn builder(&self, properties: &CommandProperties) -> anyhow::Result<Builder> {
        let version = self.version()?;
        if self.disable_clean_session && self.id.is_none() {
            bail!("--disable-clean-session needs a client identifier; give one with --id");
        }
        let mut builder = Client::builder(self.host.as_str(), self.port)
            .version(version)
            .client_id(self.client_id(version))
            .keep_alive(self.keepalive)
            .clean_start(!self.disable_clean_session)
            .session_expiry_interval(self.session_expiry());
        if let Some(username) = &self.username {
            builder = builder.username(username);
        }
        if let Some(password) = &self.password {
            if version != Version::V5 && self.username.is_none() {
                if !self.quiet {
                    eprintln!("Warning: the password is not sent without a user name (--username)");
                }
            } else {
                builder = builder.password(password.as_encoded_bytes());
            }
        }
        if let Some(will) = self.will(properties)? {
            builder = builder.will(will);
        }
        for property in properties.connect.as_properties().iter() {
            builder = builder.property(property)?;
        }
        Ok(builder)
    }

    fn client_id(&self, version: Version) -> String {
        match (&self.id, &self.id_prefix) {
            (Some(id), _) => id.clone(),
            (None, Some(prefix)) => format!("{prefix}{}", std::process::id()),
            (None, None) if version == Version::V3_1 => {
                // MQTT 3.1 allows 23 characters, and none that the broker assigns.
                format!("ferrymq-{:012x}", RandomState::new().hash_one(()) >> 16)
            }
            (None, None) => String::new(),
        }
    }

    fn session_expiry(&self) -> u32 {
        let without = if self.disable_clean_session { u32::MAX } else { 0 };
        self.session_expiry_interval.unwrap_or(without)
    }

    fn will(&self, properties: &CommandProperties) -> anyhow::Result<Option<Will>> {
        let Some(topic) = &self.will_topic else {
            return Ok(None);
        };
        let payload = self.will_payload.as_ref().map_or(&[][..], |text| text.as_encoded_bytes());
        let mut will = Will::new(topic, payload)
            .with_context(|| format!("--will-topic {topic}"))?
            .qos(qos(self.will_qos))
            .properties(properties.will.clone());
        if self.will_retain {
            will = will.retain();
        }
        Ok(Some(will))
    }
}

/// The quality of service with a number that the command line has checked.
pub(crate) const fn qos(number: u8) -> QoS {
    match number {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    }
}

fn session_expiry_interval(text: &str) -> Result<u32, String> {
    match text {
        "-1" | "∞" => Ok(u32::MAX),
        _ => text.parse().map_err(|_| "not a number from 0 to 4294967295, -1 or ∞".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    #[command(disable_help_flag = true)]
    struct Line {
        #[command(flatten)]
        connection: ConnectionArguments,
    }

    fn parse(words: &str) -> ConnectionArguments {
        Line::try_parse_from(format!("x {words}").trim().split(' ')).unwrap().connection
    }

    #[test]
    fn version_is_3_1_1_unless_something_else_is_asked_for() {
        let rows = [
            ("", Some(Version::V3_1_1)),
            ("-V 5", Some(Version::V5)),
            ("-V mqttv5", Some(Version::V5)),
            ("-V 311", Some(Version::V3_1_1)),
            ("-V mqttv311", Some(Version::V3_1_1)),
            ("-V 31", Some(Version::V3_1)),
            ("-V mqttv31", Some(Version::V3_1)),
            ("-x 10", Some(Version::V5)),
            ("-D connect user-property a b", Some(Version::V5)),
            ("-x 10 -V 311", None),
            ("-D connect receive-maximum 3 -V 31", None),
        ];
        for (words, version) in rows {
            assert_eq!(parse(words).version().ok(), version, "{words}");
        }
    }

    #[test]
    fn client_identifier_is_empty_where_the_broker_assigns_one() {
        assert_eq!(parse("").client_id(Version::V3_1_1), "");
        assert_eq!(parse("-i me").client_id(Version::V5), "me");
        let pid = std::process::id();
        assert_eq!(parse("-I me-").client_id(Version::V5), format!("me-{pid}"));
        let made_up = parse("").client_id(Version::V3_1);
        assert!(made_up.starts_with("ferrymq-") && made_up.len() <= 23, "{made_up}");
    }

    #[test]
    fn session_expires_as_asked_and_never_with_c_alone() {
        let rows = [("", 0), ("-c", u32::MAX), ("-x 7", 7), ("-c -x 7", 7), ("-x -1", u32::MAX)];
        for (words, expected) in rows {
            assert_eq!(parse(words).session_expiry(), expected, "{words}");
        }
        assert!(Line::try_parse_from(["x", "-x", "-2"]).is_err());
    }

    #[test]
    fn kept_session_needs_an_identifier() {
        let properties = CommandProperties::default();
        assert!(parse("-c").builder(&properties).is_err());
        assert!(parse("-c -i me").builder(&properties).is_ok());
    }
}
