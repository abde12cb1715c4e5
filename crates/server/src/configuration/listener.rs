//! What a file says of one listener, and of who may come in.

use std::fmt;
use std::path::PathBuf;

use ferrymq_broker::{MountPoint, PaceLimits};
use ferrymq_protocol::limits::Versions;

use super::persona::Persona;
use super::value::{Ceiling, Value, Whole, WrongValue};
use crate::access::sources::UserSettings;
use crate::config::Family;

/// One listener as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerSettings {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Connections at a time.
    pub maximum_connections: Ceiling,
    /// Connections in a second; 0: no limit.
    pub connections_per_second: u64,
    /// How fast all its clients together may send.
    pub pace: PaceLimits,
    /// What is put before the topics of its clients.
    pub mount_point: Option<MountPoint>,
    /// Whether the user name takes the place of the client identifier.
    pub use_username_as_client_id: bool,
    /// The highest quality of service: 0, 1 or 2.
    pub maximum_qos: u8,
    /// The highest topic alias that a client may use.
    pub topic_alias_maximum: u16,
    /// The highest topic alias that we use towards a client.
    pub topic_alias_maximum_outgoing: u16,
    /// The versions of MQTT that are spoken.
    pub versions: Versions,
    /// The network interface that it is bound to.
    pub interface: Option<String>,
    /// The only family of addresses that is used.
    pub family: Option<Family>,
    /// The version of the PROXY protocol that every connection begins with: 1 or 2.
    pub proxy_protocol: Option<u8>,
    /// Whether such a connection must have come by TLS.
    pub proxy_requires_tls: bool,
    /// The directory whose files are served beside WebSocket.
    pub http_directory: Option<PathBuf>,
    /// The origins that may open a WebSocket; empty: all.
    pub websocket_origins: Vec<String>,
    /// The files and rules of TLS.
    pub tls: TlsFiles,
    /// Who may come in.
    pub security: Security,
}

/// Where a listener listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// At a TCP port.
    Tcp {
        /// The port.
        port: u16,
        /// An address or the name of a host; `None`: all addresses of this machine.
        host: Option<String>,
    },
    /// At a TCP port that only this machine can reach.
    Loopback {
        /// The port.
        port: u16,
    },
    /// At a Unix socket.
    Unix(PathBuf),
}

/// What is spoken at a listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// MQTT.
    #[default]
    Mqtt,
    /// MQTT in WebSocket frames.
    Websockets,
    /// HTTP, for administration.
    HttpApi,
}

/// The files and rules of TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option that says true or false")]
pub struct TlsFiles {
    /// Certificates of authorities, in one file.
    pub cafile: Option<PathBuf>,
    /// Certificates of authorities, in a directory.
    pub capath: Option<PathBuf>,
    /// Our certificate, with its chain.
    pub certfile: Option<PathBuf>,
    /// Its key.
    pub keyfile: Option<PathBuf>,
    /// Whether a client must have a certificate.
    pub require_certificate: bool,
    /// Whether a client's certificate may have expired, or not be valid yet.
    pub disable_client_cert_date_checks: bool,
    /// Which certificates are revoked.
    pub crlfile: Option<PathBuf>,
    /// The lowest version of TLS: `tlsv1.2` or `tlsv1.3`.
    pub tls_version: Option<String>,
    /// Cipher suites up to TLS 1.2, by the names of OpenSSL.
    pub ciphers: Option<String>,
    /// Cipher suites of TLS 1.3.
    pub ciphers_tls13: Option<String>,
    /// Whether the certificate's common name is the user name.
    pub use_identity_as_username: bool,
    /// Whether the certificate's subject is the user name.
    pub use_subject_as_username: bool,
}

/// Who may come in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// Whether clients without a user name may; `None`: nobody has said.
    pub allow_anonymous: Option<bool>,
    /// Whether a client may leave its identifier to us; `None`: nobody has said, and it may.
    pub allow_zero_length_client_id: Option<bool>,
    /// What the identifiers begin with that we make up.
    pub auto_id_prefix: Option<String>,
    /// Users and their passwords.
    pub password_file: Option<PathBuf>,
    /// Who may publish and subscribe to what.
    pub acl_file: Option<PathBuf>,
    /// Identities and their pre-shared keys.
    pub psk_file: Option<PathBuf>,
    /// Users that are known elsewhere.
    pub users: UserSettings,
}

impl ListenerSettings {
    /// The defaults, here.
    pub fn new(persona: Persona, endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            protocol: Protocol::Mqtt,
            maximum_connections: Ceiling::default(),
            connections_per_second: 0,
            pace: PaceLimits::default(),
            mount_point: None,
            use_username_as_client_id: false,
            maximum_qos: 2,
            topic_alias_maximum: 10,
            topic_alias_maximum_outgoing: match persona {
                Persona::Ferrymq => u16::MAX,
                Persona::Mosquitto => 10,
            },
            versions: Versions::ALL,
            interface: None,
            family: None,
            proxy_protocol: None,
            proxy_requires_tls: false,
            http_directory: None,
            websocket_origins: Vec::new(),
            tls: TlsFiles::default(),
            security: Security::default(),
        }
    }
}

impl Endpoint {
    /// Reads what stands after `listener`: a port, and an address or the path of a Unix socket.
    pub(super) fn read(text: &str) -> Result<Self, WrongValue> {
        let mut words = text.split(' ').filter(|word| !word.is_empty());
        let first = words.next().unwrap_or_default();
        let port = Whole::of("port", 65_535).check(first)?;
        let port = u16::try_from(port).unwrap_or_default();
        let place = words.next().filter(|word| !word.starts_with('#'));
        match (port, place) {
            (0, None) => Err(WrongValue::new(
                "with port 0 the path of a Unix socket must follow; for TCP choose a port from 1",
            )),
            (0, Some(path)) => Ok(Self::Unix(PathBuf::from(path))),
            (port, host) => Ok(Self::Tcp { port, host: host.map(str::to_owned) }),
        }
    }
}

/// As it stands after `listener`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { port, host: None } => write!(f, "{port}"),
            Self::Tcp { port, host: Some(host) } => write!(f, "{port} {host}"),
            Self::Loopback { port } => write!(f, "{port} localhost"),
            Self::Unix(path) => write!(f, "0 {}", path.display()),
        }
    }
}

/// What is put before topics.
impl Value for Option<MountPoint> {
    fn read(&mut self, text: &str) -> Result<(), WrongValue> {
        *self = Some(MountPoint::parse(text).map_err(|error| {
            WrongValue::new(format!("{text:?} cannot stand before a topic: {error}"))
        })?);
        Ok(())
    }

    fn written(&self) -> Vec<String> {
        self.iter().map(|point| point.as_str().to_owned()).collect()
    }
}

impl Protocol {
    /// What programs are told that it is.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::Websockets => "websockets",
            Self::HttpApi => "httpapi",
        }
    }
}

impl TlsFiles {
    /// Whether the listener speaks TLS.
    pub(super) const fn is_on(&self) -> bool {
        self.certfile.is_some() && self.keyfile.is_some()
    }
}

impl Value for Protocol {
    fn read(&mut self, text: &str) -> Result<(), WrongValue> {
        *self = match text {
            "websockets" => Self::Websockets,
            "http_api" => Self::HttpApi,
            _ => Self::Mqtt,
        };
        Ok(())
    }

    fn written(&self) -> Vec<String> {
        let word = match self {
            Self::Mqtt => "mqtt",
            Self::Websockets => "websockets",
            Self::HttpApi => "http_api",
        };
        vec![word.to_owned()]
    }
}

/// The only family of addresses that a listener uses.
impl Value for Option<Family> {
    fn read(&mut self, text: &str) -> Result<(), WrongValue> {
        *self = Some(if text == "ipv6" { Family::V6 } else { Family::V4 });
        Ok(())
    }

    fn written(&self) -> Vec<String> {
        let word = self.map(|family| match family {
            Family::V4 => "ipv4".to_owned(),
            Family::V6 => "ipv6".to_owned(),
        });
        word.into_iter().collect()
    }
}

impl Value for Versions {
    fn read(&mut self, text: &str) -> Result<(), WrongValue> {
        let mut versions = Self::NONE;
        let words = text.split([' ', ',', '\t']).filter(|word| !word.is_empty());
        for word in words.take_while(|word| !word.starts_with('#')) {
            let known = word.parse().ok().and_then(|level| versions.with_level(level));
            versions = known.ok_or_else(|| {
                WrongValue::new(format!(
                    "there is no version {word:?}; list some of 3 (MQTT 3.1), 4 (3.1.1) and 5"
                ))
            })?;
        }
        *self = versions;
        Ok(())
    }

    fn written(&self) -> Vec<String> {
        let levels: Vec<String> = self.levels().map(|level| level.to_string()).collect();
        vec![levels.join(",")]
    }
}
