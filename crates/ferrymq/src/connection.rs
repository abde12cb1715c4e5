//! The flags that `pub`, `sub` and `rr` share, and the client that they describe.

use std::collections::hash_map::RandomState;
use std::ffi::OsString;
use std::hash::BuildHasher;
use std::num::NonZeroU16;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::builder::TypedValueParser;
use clap::{ArgAction, Args, ValueEnum};
use ferrymq_client::{Builder, Client, QoS, Scram, Version, Will};

use crate::network::NetworkArguments;
use crate::options_file::END_OF_PROPERTY;
use crate::packet_words;
use crate::property::CommandProperties;
use crate::secret::Secret;

/// How to reach a broker, and as whom.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are switches of the command line")]
pub(crate) struct ConnectionArguments {
    #[command(flatten)]
    pub(crate) network: NetworkArguments,
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
    /// The password. Others may see it in the list of processes, but not from an options file (-o)
    #[arg(short = 'P', long = "pw", value_name = "PASSWORD", allow_hyphen_values = true,
          env = "FERRYMQ_PASSWORD", hide_env_values = true,
          value_parser = clap::builder::OsStringValueParser::new().map(Secret::from))]
    pub(crate) password: Option<Secret>,
    /// Ask for the password on the terminal
    #[arg(long, conflicts_with = "password")]
    pub(crate) ask_pw: bool,
    /// Prove the password by SCRAM-SHA-256 instead of sending it, and have the broker prove that it
    /// knows it too. Implies MQTT 5.0
    #[arg(long)]
    pub(crate) scram: bool,
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
    /// How many QoS 1 and 2 messages may be on their way to the broker at once
    #[arg(short = 'M', value_name = "COUNT", default_value_t = 20,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) maximum_in_flight: u16,
    /// A property of MQTT 5.0, which it implies: a packet, a property and its value, or for
    /// user-property its name and value. May be repeated
    #[arg(short = 'D', long = "property", num_args = 3..=4, action = ArgAction::Append,
          allow_hyphen_values = true, value_terminator = END_OF_PROPERTY,
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
    /// Read further options from this file, one in a line. Without it from the file that
    /// Mosquitto's client of this kind reads, if it is there
    #[arg(short = 'o', value_name = "FILE")]
    pub(crate) options_file: Option<PathBuf>,
    /// Tell on standard output what is sent and received
    #[arg(short, long)]
    pub(crate) debug: bool,
    /// Print no errors
    #[arg(long)]
    pub(crate) quiet: bool,
    /// Print this help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
    /// Print the version
    #[arg(long, action = ArgAction::Version)]
    version: Option<bool>,
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
    /// The version to speak: the default, unless one was asked for, or something needs 5.0.
    pub(crate) fn version(&self, default: Version) -> anyhow::Result<Version> {
        let needs_v5 = if self.session_expiry_interval.is_some() {
            Some("--session-expiry-interval")
        } else if self.scram {
            Some("--scram")
        } else if self.properties.is_empty() {
            None
        } else {
            Some("--property")
        };
        match (self.protocol_version, needs_v5) {
            (Some(ProtocolVersion::V5), _) | (None, Some(_)) => Ok(Version::V5),
            (None, None) => Ok(default),
            (Some(_), Some(flag)) => {
                bail!("{flag} needs MQTT 5.0; leave --protocol-version out or make it 5")
            }
            (Some(ProtocolVersion::V311), None) => Ok(Version::V3_1_1),
            (Some(ProtocolVersion::V31), None) => Ok(Version::V3_1),
        }
    }

    /// The client that was described. `default` is the version to speak if nothing else is said.
    /// With --debug a subscriber also says what was granted.
    pub(crate) fn builder(
        &self,
        properties: &CommandProperties,
        default: Version,
        is_subscriber: bool,
    ) -> anyhow::Result<Builder> {
        let version = self.version(default)?;
        if self.id.is_none() && version != Version::V5 && self.disable_clean_session {
            bail!("You must provide a client id if you are using the -c option.");
        }
        if self.id.is_none() && version == Version::V5 && self.session_expiry() == u32::MAX {
            bail!(
                "You must provide a client id if you are using an infinite session expiry interval."
            );
        }
        let in_flight = NonZeroU16::new(self.maximum_in_flight).unwrap_or(NonZeroU16::MIN);
        let mut builder = Client::builder("localhost", 1883)
            .transport(self.network.transport()?)
            .version(version)
            .client_id(self.client_id(version))
            .keep_alive(self.keepalive)
            .clean_start(!self.disable_clean_session)
            .session_expiry_interval(self.session_expiry())
            .send_maximum(in_flight)
            .send_topic_aliases(properties.wants_topic_alias);
        builder = self.identified(builder, version)?;
        if self.debug {
            builder = builder.on_packet(move |direction, client_id, packet| {
                packet_words::print(is_subscriber, direction, client_id, packet);
            });
        }
        if let Some(will) = self.will(properties)? {
            builder = builder.will(will);
        }
        for property in properties.connect.as_properties().iter() {
            builder = builder.property(property)?;
        }
        Ok(builder)
    }

    /// Says who the client is.
    fn identified(&self, mut builder: Builder, version: Version) -> anyhow::Result<Builder> {
        let of_url = self.network.url.as_ref();
        let username = self.username.as_ref().or_else(|| of_url?.username.as_ref());
        let password = self.password()?;
        if self.scram {
            let (Some(username), Some(password)) = (username, password) else {
                bail!("--scram needs a user name (--username) and a password (--ask-pw, --pw)");
            };
            return Ok(builder.authentication(Scram::new(&**username, password.as_bytes())));
        }
        if let Some(username) = username {
            builder = builder.username(username);
        }
        if let Some(password) = password {
            if version != Version::V5 && username.is_none() {
                bail!(
                    "Problem setting username and/or password: before MQTT 5.0 a password needs \
                       a user name (--username)"
                );
            }
            builder = builder.password(password.as_bytes());
        }
        Ok(builder)
    }

    /// The password that was given, or that is typed now.
    fn password(&self) -> anyhow::Result<Option<Secret>> {
        if self.ask_pw {
            let typed = rpassword::prompt_password("Password: ");
            let typed = typed.context("cannot ask for the password on the terminal")?;
            return Ok(Some(Secret::from(OsString::from(typed))));
        }
        let of_url = || self.network.url.as_ref()?.password.clone();
        Ok(self.password.clone().or_else(of_url))
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
    #[command(disable_help_flag = true, version = "1", disable_version_flag = true)]
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
            ("--scram", Some(Version::V5)),
            ("-D connect user-property a b", Some(Version::V5)),
            ("-x 10 -V 311", None),
            ("-D connect receive-maximum 3 \u{1}end -V 31", None),
        ];
        for (words, version) in rows {
            assert_eq!(parse(words).version(Version::V3_1_1).ok(), version, "{words}");
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
    fn kept_session_needs_an_identifier_and_a_password_a_user_name() {
        let rows = [
            ("-c", false),
            ("-c -V 5", false),
            ("-x -1", false),
            ("-c -x 7", true),
            ("-c -i me", true),
            ("-c -I me", false),
            ("-P secret", false),
            ("-P secret -V 5", true),
            ("-P secret -u me", true),
            ("-P secret -u me --scram", true),
            ("-P secret -u me --scram -V 311", false),
            ("-P secret --scram", false),
            ("-u me --scram", false),
            ("-L mqtt://me:secret@host/t --scram", true),
        ];
        for (words, is_right) in rows {
            let built = parse(words).builder(&CommandProperties::default(), Version::V3_1_1, false);
            assert_eq!(built.is_ok(), is_right, "{words}");
            assert!(!format!("{built:?}").contains("secret"), "{words}: no secret is shown");
        }
    }

    #[test]
    fn url_says_who_connects_unless_flags_do() {
        let connection = parse("-L mqtt://me:secret@host/t");
        assert_eq!(connection.password().unwrap(), Some(Secret::new("secret")));
        let connection = parse("-L mqtt://me:secret@host/t -P other -u you");
        assert_eq!(connection.password().unwrap(), Some(Secret::new("other")));
        assert!(!format!("{connection:?}").contains("secret"));
    }
}
