//! What holds for the connections of one listener, and what its transport knows of their peers.

use std::sync::Arc;

use ferrymq_codec::QoS;
use ferrymq_protocol::limits::Versions;
use ferrymq_protocol::time::Instant;

use crate::mount_point::MountPoint;
use crate::pace::SharedPace;
use crate::peer::Peer;

/// What holds for the connections of one listener. The default is what holds where nothing was
/// configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerProfile {
    /// What the listener is called in logs.
    pub name: Box<str>,
    /// The port where it listens, for logs; 0 for a Unix socket.
    pub port: u16,
    /// What stands in front of all topics of its clients, and is hidden from them.
    pub mount_point: MountPoint,
    /// The protocol versions that are spoken.
    pub versions: Versions,
    /// The highest quality of service with which its clients may publish and are granted
    /// subscriptions.
    pub maximum_qos: QoS,
    /// The highest topic alias that a client may use; `None`: as the limits say.
    pub topic_alias_maximum: Option<u16>,
    /// The highest topic alias that we use towards a client that allows more; `None`: as the limits
    /// say.
    pub send_topic_alias_maximum: Option<u16>,
    /// The largest packet that a client may send, in bytes; `None`: as the limits say.
    pub maximum_packet_size: Option<u32>,
    /// Whether the user name is the client identifier. Who has none is refused.
    pub use_username_as_client_id: bool,
    /// What of a client's certificate is its user name. Who has none is refused.
    pub identity: IdentitySource,
    /// Whether a client without an identifier is given one; if not, it is refused.
    pub allow_zero_length_client_id: bool,
    /// How the client identifiers begin that we make up.
    pub auto_id_prefix: Box<str>,
    /// When a client that may not publish its will is found out.
    pub will_check: WillCheck,
    /// How fast all its clients together may send messages.
    pub pace: Arc<SharedPace>,
}

/// When it is asked whether a client may publish its will.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WillCheck {
    /// When it connects: it is refused. And once more when the will is to be published.
    #[default]
    AtConnect,
    /// When the will is to be published: it is not.
    AtPublication,
}

/// What of a client's certificate is its user name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdentitySource {
    /// Nothing: the user name is that of CONNECT.
    #[default]
    None,
    /// The common name of the subject.
    CommonName,
    /// The whole subject.
    Subject,
}

/// What the transport has learnt of a peer before its first MQTT byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Where the connection really comes from, if a proxy has said so.
    pub peer: Option<Peer>,
    /// The common name in the subject of the client's certificate.
    pub common_name: Option<Box<str>>,
    /// The subject of the client's certificate.
    pub subject: Option<Box<str>>,
}

/// A connection on its way to the home of its client, without its socket.
#[derive(Clone, Debug)]
pub struct Newcomer {
    pub(crate) peer: Peer,
    pub(crate) profile: Arc<ListenerProfile>,
    pub(crate) certified: Option<Box<str>>,
    pub(crate) opened: Instant,
}

impl ListenerProfile {
    /// The user name that a peer has proved to have.
    pub(crate) fn certified(&self, identity: Identity) -> Option<Box<str>> {
        match self.identity {
            IdentitySource::None => None,
            IdentitySource::CommonName => identity.common_name,
            IdentitySource::Subject => identity.subject,
        }
    }
}

impl Default for ListenerProfile {
    fn default() -> Self {
        Self {
            name: Box::from("default"),
            port: 1883,
            mount_point: MountPoint::default(),
            versions: Versions::ALL,
            maximum_qos: QoS::ExactlyOnce,
            topic_alias_maximum: None,
            send_topic_alias_maximum: None,
            maximum_packet_size: None,
            use_username_as_client_id: false,
            identity: IdentitySource::None,
            allow_zero_length_client_id: true,
            auto_id_prefix: Box::from("auto-"),
            will_check: WillCheck::AtConnect,
            pace: Arc::default(),
        }
    }
}

impl Newcomer {
    /// A connection of which nothing is known but that it was accepted.
    pub const fn new(peer: Peer, profile: Arc<ListenerProfile>, opened: Instant) -> Self {
        Self { peer, profile, certified: None, opened }
    }

    /// What holds for it as one of its listener's connections.
    pub const fn profile(&self) -> &Arc<ListenerProfile> {
        &self.profile
    }
}
