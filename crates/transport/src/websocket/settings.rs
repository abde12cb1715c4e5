//! What a listener says about its connections.

use std::sync::Arc;

use super::pages::Pages;

/// What holds for all connections of a listener. The default lets everybody in at any path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerSettings {
    /// The only path at which there is MQTT. None: any path.
    pub path: Option<String>,
    /// The origins (`https://example.org`) whose pages may connect. Empty: all. Who sends no origin
    /// is no browser and may always.
    pub origins: Vec<String>,
    /// What a browser gets that asks for a file. None: it is told that this is no web server.
    pub pages: Option<Arc<Pages>>,
}

/// The subprotocols that a server accepts [MQTT-6.0.0-4]: the specification's name for all versions,
/// and the one that clients of MQTT 3.1 used before there was one.
pub const SUBPROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];
