//! What carries MQTT between the load generator and a broker, and the layers of one
//! connection. They are those of FerryMQ's own clients; whoever is measured meets the
//! same ones.

use std::io::IoSlice;

use anyhow::{Context, Result, anyhow};
use ferrymq_transport::{Layer, Stack, tls, websocket};

/// What carries MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Tls,
    WebSocket,
    SecureWebSocket,
}

impl Transport {
    pub(crate) const ALL: [Self; 4] =
        [Self::Tcp, Self::Tls, Self::WebSocket, Self::SecureWebSocket];

    /// As it stands in a report.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::WebSocket => "WebSocket",
            Self::SecureWebSocket => "WebSocket over TLS",
        }
    }

    pub(crate) const fn has_tls(self) -> bool {
        matches!(self, Self::Tls | Self::SecureWebSocket)
    }

    pub(crate) const fn has_websocket(self) -> bool {
        matches!(self, Self::WebSocket | Self::SecureWebSocket)
    }
}

/// Where a broker is, and what a connection to it needs. Connections that are opened by
/// the same way, or by clones of it, resume each other's TLS sessions.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    port: u16,
    tls: Option<tls::ClientSettings>,
    websocket: Option<websocket::ClientSettings>,
}

impl Way {
    /// TCP and nothing else.
    pub(crate) const fn plain(port: u16) -> Self {
        Self { port, tls: None, websocket: None }
    }

    /// The way to a listener for `transport`, whose certificate `options` believe.
    pub(crate) fn new(
        port: u16,
        transport: Transport,
        options: &tls::ClientOptions,
    ) -> Result<Self> {
        let mut way = Self::plain(port);
        if transport.has_tls() {
            way.tls = Some(tls::ClientSettings::load(options)?);
        }
        if transport.has_websocket() {
            let host = format!("{HOST}:{port}");
            way.websocket = Some(websocket::ClientSettings::new(&host, "/mqtt")?);
        }
        Ok(way)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// The layers of a new connection, if it has any.
    pub(crate) fn layers(&self) -> Result<Option<Layers>> {
        if self.tls.is_none() && self.websocket.is_none() {
            return Ok(None);
        }
        let mut leaving = Vec::new();
        let tls = match &self.tls {
            Some(settings) => Some(tls::ClientLayer::new(settings, HOST, &mut leaving)?),
            None => None,
        };
        let mut first_words = Vec::new();
        let websocket = match &self.websocket {
            Some(settings) => {
                let mut layer = websocket::ClientLayer::new(settings, SEED);
                layer.receive(&[], &mut Vec::new(), &mut first_words)?;
                Some(layer)
            }
            None => None,
        };
        let mut stack = Stack::client(tls, websocket, first_words);
        stack.receive(&[], &mut Vec::new(), &mut leaving)?;
        Ok(Some(Layers { stack, leaving }))
    }
}

/// What stands between the packets of one connection and its socket.
pub(crate) struct Layers {
    stack: Stack<tls::ClientLayer, websocket::ClientLayer>,
    /// What is to be written to the socket.
    pub(crate) leaving: Vec<u8>,
}

impl Layers {
    /// Takes what has come from the socket, and appends what it means.
    pub(crate) fn receive(&mut self, arrived: &[u8], above: &mut Vec<u8>) -> Result<()> {
        Ok(self.stack.receive(arrived, above, &mut self.leaving)?)
    }

    /// Wraps what goes to the broker.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stack.send(&[IoSlice::new(bytes)], &mut self.leaving);
    }

    /// Whether the handshakes are over.
    pub(crate) fn is_open(&self) -> bool {
        self.stack.is_open()
    }

    /// Whether the TLS session of an earlier connection was resumed.
    pub(crate) fn is_resumed(&self) -> Result<bool> {
        let tls = self.stack.tls().context("only TLS has sessions")?;
        let negotiated = tls.negotiated().ok_or_else(|| anyhow!("the handshake is not over"))?;
        Ok(negotiated.is_resumed)
    }
}

impl std::fmt::Debug for Layers {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Layers")
            .field("leaving", &self.leaving.len())
            .finish_non_exhaustive()
    }
}

/// What the certificate is for.
pub(crate) const HOST: &str = "127.0.0.1";

/// Of the masks of WebSocket frames: nobody here wants to guess them.
const SEED: &[u8; 16] = b"the same for all";
