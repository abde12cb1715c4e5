//! What a peer tolerates. Each limit has a name, a default and a unit.

use ferrymq_codec::{QoS, Version};

/// A set of protocol versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions(u8);

impl Versions {
    /// No version.
    pub const NONE: Self = Self(0);
    /// Every version that there is.
    pub const ALL: Self = Self::NONE.with(Version::V3_1).with(Version::V3_1_1).with(Version::V5);

    /// These and one more.
    #[must_use]
    pub const fn with(self, version: Version) -> Self {
        Self(self.0 | 1 << version as u8)
    }

    /// These and the one of this Protocol Version, which is 3, 4 or 5; `None`: there is no such.
    pub fn with_level(self, level: u8) -> Option<Self> {
        let known = EVERY_VERSION.into_iter().find(|version| version.level() == level)?;
        Some(self.with(known))
    }

    /// Their Protocol Versions, rising.
    pub fn levels(self) -> impl Iterator<Item = u8> {
        let known = EVERY_VERSION.into_iter().filter(move |version| self.contains(*version));
        known.map(Version::level)
    }

    /// Whether it is one of them.
    pub const fn contains(self, version: Version) -> bool {
        self.0 & (1 << version as u8) != 0
    }
}

/// The limits that a server announces in CONNACK and enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// The protocol versions that a client may speak.
    pub versions: Versions,
    /// The highest quality of service with which a client may publish.
    pub maximum_qos: QoS,
    /// Whether a client may have messages retained.
    pub retain_available: bool,
    /// QoS 1 and 2 messages that a client may send before we have acknowledged them.
    pub receive_maximum: u16,
    /// QoS 1 and 2 messages that we send before the client has acknowledged them, at most; a
    /// client's own Receive Maximum can only lower it.
    pub send_maximum: u16,
    /// The largest packet that a client may send, in bytes.
    pub maximum_packet_size: u32,
    /// The largest CONNECT, in bytes: it comes from a client that nobody knows yet.
    pub maximum_connect_size: u32,
    /// The highest topic alias that a client may use.
    pub topic_alias_maximum: u16,
    /// The highest topic alias that we use towards a client; a client's own Topic Alias Maximum can
    /// only lower it.
    pub send_topic_alias_maximum: u16,
    /// The longest Keep Alive in seconds; a client that asks for more, or for none, is given this or,
    /// before MQTT 5.0, refused. 0: no limit.
    pub keep_alive_maximum: u16,
    /// The longest Session Expiry Interval in seconds.
    pub session_expiry_maximum: u32,
    /// The longest client identifier, in bytes.
    pub client_id_maximum: u16,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            versions: Versions::ALL,
            maximum_qos: QoS::ExactlyOnce,
            retain_available: true,
            receive_maximum: 1024,
            send_maximum: 1024,
            maximum_packet_size: 16 * 1024 * 1024,
            maximum_connect_size: 512 * 1024,
            topic_alias_maximum: 10,
            send_topic_alias_maximum: u16::MAX,
            keep_alive_maximum: 0,
            session_expiry_maximum: u32::MAX,
            client_id_maximum: u16::MAX,
        }
    }
}

const EVERY_VERSION: [Version; 3] = [Version::V3_1, Version::V3_1_1, Version::V5];

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn versions_are_known_by_their_levels() {
        let two = Versions::NONE.with_level(5).and_then(|one| one.with_level(3)).unwrap();
        assert_eq!(two.levels().collect::<Vec<_>>(), [3, 5]);
        assert!(two.contains(Version::V5) && !two.contains(Version::V3_1_1));
        assert_eq!(Versions::ALL.levels().collect::<Vec<_>>(), [3, 4, 5]);
        assert_eq!(Versions::NONE.with_level(6), None);
    }
}
