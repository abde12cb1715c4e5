//! What a peer tolerates. Each limit has a name, a default and a unit.

/// The limits that a server announces in CONNACK and enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
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
    /// The longest Keep Alive in seconds; a client that asks for more, or for none, is given this.
    /// 0: no limit.
    pub keep_alive_maximum: u16,
    /// The longest Session Expiry Interval in seconds.
    pub session_expiry_maximum: u32,
    /// The longest client identifier, in bytes.
    pub client_id_maximum: u16,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            receive_maximum: 1024,
            send_maximum: 1024,
            maximum_packet_size: 16 * 1024 * 1024,
            maximum_connect_size: 512 * 1024,
            topic_alias_maximum: 10,
            keep_alive_maximum: 0,
            session_expiry_maximum: u32::MAX,
            client_id_maximum: u16::MAX,
        }
    }
}
