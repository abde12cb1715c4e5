//! What a configuration says of the broker as a whole.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use ferrymq_broker::{Durability, Limits, Sleepers};

use super::listener::Security;
use super::persona::Persona;
use super::value::Ceiling;
use crate::access::LoginLimits;
use crate::log::LogSettings;
use crate::socket_limits::SocketLimits;

/// The options of the broker as a whole.
///
/// Where Mosquitto and we have a word for the same thing there is one field, named after
/// Mosquitto's; what only we have is in `limits` and `sockets`.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option that says true or false")]
pub struct Global {
    /// Who may come in, unless a listener says otherwise.
    pub security: Security,
    /// Whether what is said of users holds for the listener before it alone.
    pub per_listener_settings: bool,
    /// Whether subscriptions are refused that the rights do not allow.
    pub acl_check_subscribe: bool,
    /// How many threads check passwords; `None`: one for every two cores.
    pub password_threads: Option<NonZeroU16>,
    /// How many passwords may wait to be checked.
    pub logins_queued: usize,
    /// Whether the broker tells of itself on `$CONTROL/broker/v1`.
    pub enable_control_api: bool,
    /// How many logins may fail.
    pub login_limits: LoginLimits,
    /// Whether a retained message is sent only if its publisher could still publish it.
    pub check_retain_source: bool,
    /// What all client identifiers must begin with.
    pub clientid_prefixes: Option<String>,

    /// The user that root becomes.
    pub user: Option<String>,
    /// The file that holds the number of the process.
    pub pid_file: Option<PathBuf>,
    /// How many threads share the clients; `None`: one for each core.
    pub shards: Option<NonZeroU16>,
    /// The file that is told the secrets of TLS.
    pub tls_keylog: Option<PathBuf>,
    /// Where the log goes, and what is in it.
    pub log: LogSettings,
    /// Whether the log tells who comes and goes.
    pub connection_messages: bool,

    /// QoS 1 and 2 messages that are under way with one client, in each direction; 0: as many as
    /// there are packet identifiers.
    pub max_inflight_messages: u16,
    /// The same for what clients send, instead.
    pub receive_maximum: Option<u16>,
    /// Bytes of QoS 1 and 2 messages that are under way to one client; 0: no limit.
    pub max_inflight_bytes: usize,
    /// Messages that wait in one session; 0: no limit.
    pub max_queued_messages: usize,
    /// The same in bytes; 0: no limit.
    pub max_queued_bytes: usize,
    /// The largest payload; 0: no limit but that of packets.
    pub message_size_limit: usize,
    /// How long a session outlives its connection at most.
    pub persistent_client_expiration: Option<Lifetime>,
    /// The most memory that the process may have before nothing new is taken; 0: no limit.
    pub memory_limit: u64,
    /// Whether small packets leave at once.
    pub set_tcp_nodelay: bool,
    /// Sessions, with and without a connection.
    pub global_max_clients: Ceiling,
    /// Connections at a time.
    pub global_max_connections: Ceiling,

    /// Whether anything survives the broker.
    pub persistence: bool,
    /// The directory of Mosquitto's data.
    pub persistence_location: Option<PathBuf>,
    /// The name of Mosquitto's database in it.
    pub persistence_file: String,
    /// The directory of our data.
    pub data: Option<PathBuf>,
    /// The size of a file of our log.
    pub segment_bytes: Option<u64>,
    /// What an acknowledgement promises.
    pub durability: Durability,
    /// The same for the messages of some topics.
    pub topic_durability: Vec<TopicDurability>,
    /// What sessions of clients that sleep are granted.
    pub sleepers: Vec<Sleepers>,

    /// Limits that only we have. Those that Mosquitto has too are in the fields above.
    pub limits: Limits,
    /// The same of the sockets.
    pub sockets: SocketLimits,
}

/// A time after which sessions without a connection end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifetime(pub(super) Duration);

/// What an acknowledgement promises for the messages of some topics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicDurability {
    /// The filter of the topics.
    pub filter: Box<str>,
    /// What is promised.
    pub durability: Durability,
}

impl Lifetime {
    /// How long.
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl Global {
    /// The defaults.
    pub fn new(persona: Persona) -> Self {
        let limits = Limits::default();
        let ours = Self {
            security: Security::default(),
            per_listener_settings: false,
            acl_check_subscribe: true,
            password_threads: None,
            logins_queued: 1024,
            enable_control_api: false,
            login_limits: LoginLimits::default(),
            check_retain_source: true,
            clientid_prefixes: None,
            user: None,
            pid_file: None,
            shards: None,
            tls_keylog: None,
            log: LogSettings::default(),
            connection_messages: true,
            max_inflight_messages: limits.connection.send_maximum,
            receive_maximum: None,
            max_inflight_bytes: 0,
            max_queued_messages: limits.queued_messages,
            max_queued_bytes: limits.queued_bytes,
            message_size_limit: 0,
            persistent_client_expiration: None,
            memory_limit: 0,
            set_tcp_nodelay: true,
            global_max_clients: Ceiling::default(),
            global_max_connections: Ceiling::default(),
            persistence: true,
            persistence_location: None,
            persistence_file: "mosquitto.db".to_owned(),
            data: None,
            segment_bytes: None,
            durability: limits.durability,
            topic_durability: Vec::new(),
            sleepers: Vec::new(),
            sockets: SocketLimits::default(),
            limits,
        };
        match persona {
            Persona::Ferrymq => ours,
            Persona::Mosquitto => ours.into_mosquitto(),
        }
    }

    fn into_mosquitto(mut self) -> Self {
        self.limits.connection.maximum_packet_size = 2_000_000;
        Self {
            // Mosquitto listens to everybody.
            login_limits: LoginLimits::OPEN,
            // Mosquitto grants what is asked for, and asks again for each message.
            acl_check_subscribe: false,
            user: Some("mosquitto".to_owned()),
            max_inflight_messages: 20,
            max_queued_messages: 1000,
            max_queued_bytes: 0,
            set_tcp_nodelay: false,
            persistence: false,
            durability: Durability::Process,
            ..self
        }
    }
}
