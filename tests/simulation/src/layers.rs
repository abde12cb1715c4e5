//! The layers of connections: which door of the broker has which, and the client's end of them.

use std::sync::Arc;

use ferrymq_server::{Entrance, Terms};
use ferrymq_transport::{Layer, ServerTransport, Stack, proxy, tls, websocket};

use crate::random::Random;

/// A listener of the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Plain,
    WebSocket,
    Proxied,
    ProxiedWebSocket,
}

impl Door {
    pub(crate) const ALL: [Self; 4] =
        [Self::Plain, Self::WebSocket, Self::Proxied, Self::ProxiedWebSocket];

    /// The number of its listener.
    pub(crate) const fn number(self) -> u32 {
        self as u32
    }

    pub(crate) fn entrance(self) -> Entrance<Self> {
        let proxy = self
            .is_proxied()
            .then_some(proxy::ServerSettings { version: proxy::Version::V2, tls_required: false });
        let websocket = self.is_websocket().then(|| Arc::new(websocket::ServerSettings::default()));
        let transport = ServerTransport { proxy, websocket, ..ServerTransport::default() };
        Entrance { listener: self, terms: Arc::new(Terms { transport, ..Terms::default() }) }
    }

    const fn is_proxied(self) -> bool {
        matches!(self, Self::Proxied | Self::ProxiedWebSocket)
    }

    const fn is_websocket(self) -> bool {
        matches!(self, Self::WebSocket | Self::ProxiedWebSocket)
    }
}

/// A client's end.
pub(crate) struct Layers {
    stack: Stack<tls::ClientLayer, websocket::ClientLayer>,
    /// What is to be sent.
    below: Vec<u8>,
}

impl Layers {
    /// What a connection through this door needs; `None`: nothing.
    pub(crate) fn of(door: Door, random: &mut Random) -> Option<Box<Self>> {
        if door == Door::Plain {
            return None;
        }
        let mut below = Vec::new();
        if door.is_proxied() {
            below.extend_from_slice(PROXY_HEADER);
        }
        let websocket = door.is_websocket().then(|| {
            let settings = websocket::ClientSettings::new("ferry", "/mqtt")
                .expect("a name and a path can stand in a request");
            let mut seed = [0; 16];
            seed[..8].copy_from_slice(&random.next().to_be_bytes());
            let mut layer = websocket::ClientLayer::new(&settings, &seed);
            layer.receive(&[], &mut Vec::new(), &mut below).expect("nothing has come");
            layer
        });
        Some(Box::new(Self { stack: Stack::client(None, websocket, Vec::new()), below }))
    }

    /// What is to be sent, with `clear` in it as soon as that may go.
    pub(crate) fn wrap(&mut self, clear: &mut Vec<u8>) -> &mut Vec<u8> {
        if self.stack.is_open() && !clear.is_empty() {
            self.stack.send(&[std::io::IoSlice::new(clear)], &mut self.below);
            clear.clear();
        }
        &mut self.below
    }

    /// Whether nothing is to be sent.
    pub(crate) const fn is_flushed(&self) -> bool {
        self.below.is_empty()
    }

    /// What the bytes that have come mean.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut above = Vec::new();
        let received = self.stack.receive(bytes, &mut above, &mut self.below);
        received.map(|()| above).map_err(|error| error.to_string())
    }
}

impl std::fmt::Debug for Layers {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Layers")
            .field("is_open", &self.stack.is_open())
            .field("below", &self.below.len())
            .finish_non_exhaustive()
    }
}

/// From 10.1.2.3:1000 to 10.1.2.4:1883.
const PROXY_HEADER: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\x01\x02\x03\x0a\x01\x02\x04\x03\xe8\x07\x5b";
