//! From what was written to what a server takes.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use ferrymq_broker::{Durability, IdentitySource, Limits, ListenerProfile, SharedPace, WillCheck};
use ferrymq_codec::QoS;
use ferrymq_transport::proxy::Version as ProxyVersion;
use ferrymq_transport::{ServerTransport, proxy, tls, websocket};
use serde_json::{Map, Value};

use super::contents::Configuration;
use super::listener::{Endpoint, ListenerSettings, Protocol, TlsFiles};
use super::persona::Persona;
use crate::access::{Gate, Gatehouse, PolicyError};
use crate::config::{Bind, Listener, ServeOptions};
use crate::data::DataOptions;
use crate::http_api::HttpApi;
use crate::http_dir::{self, HttpDirError};
use crate::socket_limits::SocketLimits;

/// Why a configuration without mistakes cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServingError {
    /// The files of TLS cannot be used.
    #[error("listener {listener}: {source}")]
    Tls {
        /// Of which listener.
        listener: String,
        /// Why.
        #[source]
        source: tls::SettingsError,
    },
    /// The files for browsers cannot be used.
    #[error("listener {listener}: {source}")]
    Pages {
        /// Of which listener.
        listener: String,
        /// Why.
        #[source]
        source: HttpDirError,
    },
    /// The files of users and rights cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// There is no place for what is to be kept.
    #[error(
        "where shall the data be kept? There is no home directory: choose a directory with data, or \
         durability none to keep nothing"
    )]
    NoDirectory,
}

impl Configuration {
    /// What a server takes. `home` is the directory of our data where nobody says another.
    ///
    /// # Errors
    ///
    /// Files that cannot be used, and no place for what is to be kept.
    pub fn serve_options(&self, home: Option<PathBuf>) -> Result<ServeOptions, ServingError> {
        let threads = self.global.password_threads.map(NonZeroUsize::from);
        let gatehouse = Gatehouse::new(self.policy().load()?, threads);
        let gates = gatehouse.clone();
        Ok(ServeOptions {
            listen: self.listen()?,
            access: Box::new(move |_| Box::new(Gate::new(gates.clone()))),
            authority: Arc::new(gatehouse.clone()),
            gatehouse: Some(gatehouse),
            shards: self.global.shards,
            limits: self.limits(),
            sockets: self.sockets(),
            data: self.data(home)?,
            ..ServeOptions::default()
        })
    }

    /// The listeners, with their files read.
    ///
    /// # Errors
    ///
    /// Files that cannot be used.
    pub fn listen(&self) -> Result<Vec<Listener>, ServingError> {
        self.listeners.iter().map(|on| self.listener(on)).collect()
    }

    /// The limits of the broker.
    pub fn limits(&self) -> Limits {
        let global = &self.global;
        let mut limits = global.limits.clone();
        let in_flight = match global.max_inflight_messages {
            0 => u16::MAX,
            number => number,
        };
        limits.connection.send_maximum = in_flight;
        limits.connection.receive_maximum = global.receive_maximum.unwrap_or(in_flight);
        limits.in_flight_bytes = or_no_limit(global.max_inflight_bytes);
        if let Some(lifetime) = global.persistent_client_expiration {
            let seconds = u32::try_from(lifetime.duration().as_secs()).unwrap_or(u32::MAX);
            let maximum = &mut limits.connection.session_expiry_maximum;
            *maximum = seconds.min(*maximum);
        }
        limits.payload_maximum = or_no_limit(global.message_size_limit);
        limits.memory_bytes = match global.memory_limit {
            0 => u64::MAX,
            bytes => bytes,
        };
        limits.queued_messages = or_no_limit(global.max_queued_messages);
        limits.queued_bytes = or_no_limit(global.max_queued_bytes);
        if !self.says("max_queued_bytes") {
            // Two of the largest packets fit. The output of a connection needs no such room: there
            // the last message may go beyond the limit.
            let size = usize::try_from(limits.connection.maximum_packet_size).unwrap_or(usize::MAX);
            limits.queued_bytes = limits.queued_bytes.max(size.saturating_mul(2));
        }
        if let Some(sessions) = global.global_max_clients.limit() {
            limits.sessions = sessions;
        }
        limits.sleepers.clone_from(&global.sleepers);
        limits.durability = self.durability();
        if limits.durability != Durability::None {
            let topics = global.topic_durability.iter();
            limits.topic_durability =
                topics.map(|topic| (topic.filter.clone(), topic.durability)).collect();
        }
        limits
    }

    /// The limits of its sockets.
    pub fn sockets(&self) -> SocketLimits {
        let mut sockets = self.global.sockets;
        if let Some(connections) = self.global.global_max_connections.limit() {
            sockets.connections = connections;
        }
        sockets
    }

    /// Where the data is kept; `None`: nothing is. `home` is the directory where nobody says
    /// another.
    ///
    /// # Errors
    ///
    /// There is no place for it.
    pub fn data(&self, home: Option<PathBuf>) -> Result<Option<DataOptions>, ServingError> {
        if self.durability() == Durability::None {
            return Ok(None);
        }
        let global = &self.global;
        let beside_mosquitto = global.persistence_location.as_ref().map(|at| at.join(OURS));
        let here = (self.persona == Persona::Mosquitto).then(|| PathBuf::from(OURS));
        let directory = global.data.clone().or(beside_mosquitto).or(here).or(home);
        let mut options = DataOptions::new(directory.ok_or(ServingError::NoDirectory)?);
        if let Some(bytes) = global.segment_bytes {
            options.log.segment_bytes = bytes;
        }
        Ok(Some(options))
    }

    /// The database of Mosquitto that a broker without data of its own takes over.
    pub fn mosquitto_database(&self) -> Option<PathBuf> {
        let location = self.global.persistence_location.clone();
        let here = (self.persona == Persona::Mosquitto).then(PathBuf::new);
        let database = location.or(here)?.join(&self.global.persistence_file);
        (self.durability() != Durability::None).then_some(database)
    }

    fn durability(&self) -> Durability {
        if self.global.persistence { self.global.durability } else { Durability::None }
    }

    fn says(&self, name: &str) -> bool {
        self.settings.iter().any(|setting| setting.option.name == name)
    }

    fn listener(&self, on: &ListenerSettings) -> Result<Listener, ServingError> {
        let mut listener = Listener::new(bind(on));
        listener.no_delay = self.global.set_tcp_nodelay;
        listener.maximum_connections = on.maximum_connections.limit();
        listener.connections_per_second = on.connections_per_second;
        listener.profile = self.profile(on);
        listener.api = (on.protocol == Protocol::HttpApi).then(|| self.http_api(on));
        listener.transport = ServerTransport {
            proxy: on.proxy_protocol.map(|version| proxy::ServerSettings {
                version: if version == 1 { ProxyVersion::V1 } else { ProxyVersion::V2 },
                tls_required: on.proxy_requires_tls,
            }),
            tls: self.tls(&on.tls).transpose().map_err(|source| ServingError::Tls {
                listener: on.endpoint.to_string(),
                source,
            })?,
            websocket: match on.protocol {
                Protocol::Websockets | Protocol::HttpApi => Some(Arc::new(websocket(on)?)),
                Protocol::Mqtt => None,
            },
        };
        Ok(listener)
    }

    fn http_api(&self, on: &ListenerSettings) -> HttpApi {
        let listeners = self.listeners.iter().map(|on| {
            let mut object = Map::new();
            match &on.endpoint {
                Endpoint::Unix(path) => object.insert("path".into(), path.to_string_lossy().into()),
                Endpoint::Tcp { port, .. } | Endpoint::Loopback { port } => {
                    object.insert("port".into(), (*port).into())
                }
            };
            object.insert("protocol".into(), on.protocol.as_str().into());
            object.insert("tls".into(), on.tls.is_on().into());
            object.insert("mtls".into(), on.tls.require_certificate.into());
            object.insert("allow_anonymous".into(), self.allows_anonymous(on).into());
            Value::Object(object)
        });
        let mut all = Map::new();
        all.insert("listeners".into(), listeners.collect::<Vec<_>>().into());
        HttpApi {
            listeners: Value::Object(all).to_string().into(),
            version: self.persona.version().into(),
            allow_anonymous: self.allows_anonymous(on),
        }
    }

    fn allows_anonymous(&self, on: &ListenerSettings) -> bool {
        on.security.allow_anonymous.or(self.global.security.allow_anonymous).unwrap_or(false)
    }

    fn tls(&self, files: &TlsFiles) -> Option<Result<tls::ServerSettings, tls::SettingsError>> {
        let (certificate, key) = (files.certfile.clone()?, files.keyfile.clone()?);
        let load = || {
            let version = files.tls_version.as_deref().map(str::parse).transpose()?;
            tls::ServerSettings::load(&tls::ServerOptions {
                certificate,
                key,
                ca_file: files.cafile.clone(),
                ca_path: files.capath.clone(),
                require_certificate: files.require_certificate,
                revocations: files.crlfile.clone(),
                ignore_client_dates: files.disable_client_cert_date_checks,
                minimum_version: version,
                ciphers: files.ciphers.clone(),
                ciphers_tls13: files.ciphers_tls13.clone(),
                key_log: self.global.tls_keylog.clone(),
            })
        };
        Some(load())
    }

    fn profile(&self, on: &ListenerSettings) -> ListenerProfile {
        let general = &self.global.security;
        let security = &on.security;
        let default = ListenerProfile::default();
        let prefix = security.auto_id_prefix.as_ref().or(general.auto_id_prefix.as_ref());
        let identity = match (on.tls.use_identity_as_username, on.tls.use_subject_as_username) {
            (true, _) => IdentitySource::CommonName,
            (false, true) => IdentitySource::Subject,
            (false, false) => IdentitySource::None,
        };
        ListenerProfile {
            name: on.endpoint.to_string().into(),
            port: match on.endpoint {
                Endpoint::Tcp { port, .. } | Endpoint::Loopback { port } => port,
                Endpoint::Unix(_) => 0,
            },
            pace: Arc::new(SharedPace::new(on.pace)),
            mount_point: on.mount_point.clone().unwrap_or_default(),
            versions: on.versions,
            maximum_qos: match on.maximum_qos {
                0 => QoS::AtMostOnce,
                1 => QoS::AtLeastOnce,
                _ => QoS::ExactlyOnce,
            },
            topic_alias_maximum: Some(on.topic_alias_maximum),
            send_topic_alias_maximum: Some(on.topic_alias_maximum_outgoing),
            use_username_as_client_id: on.use_username_as_client_id,
            identity,
            auto_id_prefix: prefix
                .map_or_else(|| default.auto_id_prefix.clone(), |it| Box::from(it.as_str())),
            will_check: match self.persona {
                Persona::Ferrymq => WillCheck::AtConnect,
                Persona::Mosquitto => WillCheck::AtPublication,
            },
            allow_zero_length_client_id: security
                .allow_zero_length_client_id
                .or(general.allow_zero_length_client_id)
                .unwrap_or(true),
            ..default
        }
    }
}

fn websocket(on: &ListenerSettings) -> Result<websocket::ServerSettings, ServingError> {
    let pages = on.http_directory.as_deref().map(http_dir::read).transpose();
    Ok(websocket::ServerSettings {
        origins: on.websocket_origins.clone(),
        pages: pages
            .map_err(|source| ServingError::Pages { listener: on.endpoint.to_string(), source })?
            .map(Arc::new),
        ..websocket::ServerSettings::default()
    })
}

/// Where to bind a listener.
fn bind(on: &ListenerSettings) -> Bind {
    let (host, port) = match &on.endpoint {
        Endpoint::Unix(path) => return Bind::Unix(path.clone()),
        Endpoint::Loopback { port } if on.interface.is_none() && on.family.is_none() => {
            return Bind::Loopback { port: *port };
        }
        Endpoint::Loopback { port } => (Some(LOOPBACK), *port),
        Endpoint::Tcp { port, host } => (host.as_deref(), *port),
    };
    Bind::Tcp {
        host: host.map(Box::from),
        port,
        interface: on.interface.as_deref().map(Box::from),
        family: on.family,
    }
}

/// Mosquitto says 0 where there is no limit.
fn or_no_limit(number: usize) -> usize {
    match number {
        0 => usize::MAX,
        number => number,
    }
}

const LOOPBACK: &str = "localhost";
/// Our directory in that of Mosquitto.
const OURS: &str = "ferrymq";
