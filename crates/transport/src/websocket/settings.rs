//! What a listener says about its connections.

use std::fmt;
use std::sync::Arc;

use super::pages::{Page, Pages};

/// What holds for all connections of a listener. The default lets everybody in at any path.
#[derive(Debug, Clone, Default)]
pub struct ServerSettings {
    /// The only path at which there is MQTT. None: any path.
    pub path: Option<String>,
    /// The origins (`https://example.org`) whose pages may connect. Empty: all. Who sends no origin
    /// is no browser and may always.
    pub origins: Vec<String>,
    /// What a browser gets that asks for a file. None: it is told that this is no web server.
    pub pages: Option<Arc<Pages>>,
    /// Who answers at the paths below `/api/`. None: nobody. With one there is no MQTT here.
    pub api: Option<Arc<dyn Api>>,
}

/// Answers programs that ask for what changes. It must not take long, because everybody waits.
pub trait Api: fmt::Debug + Send + Sync {
    /// What is served at a path below `/api/`.
    ///
    /// # Errors
    ///
    /// [`NotServed`] says why nothing is.
    fn get(&self, path: &str) -> Result<Page, NotServed>;
}

/// Why an [`Api`] does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotServed {
    /// There is nothing at this path.
    Unknown,
    /// Not to whoever asks.
    NotAllowed,
}

/// The subprotocols that a server accepts [MQTT-6.0.0-4]: the specification's name for all versions,
/// and the one that clients of MQTT 3.1 used before there was one.
pub const SUBPROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];
