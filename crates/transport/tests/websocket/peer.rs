//! One side of a connection, and what came to it.

use std::io::IoSlice;
use std::sync::Arc;

use ferrymq_transport::websocket::{ClientLayer, ClientSettings, ServerLayer, ServerSettings};
use ferrymq_transport::{Layer, TransportError};

/// A layer with everything that it gave.
pub(crate) struct Peer<L> {
    pub(crate) layer: L,
    pub(crate) above: Vec<u8>,
    pub(crate) below: Vec<u8>,
}

impl Peer<ServerLayer> {
    pub(crate) fn server(settings: ServerSettings) -> Self {
        Self::new(ServerLayer::new(Arc::new(settings)))
    }
}

impl Peer<ClientLayer> {
    pub(crate) fn client(host: &str, path: &str) -> Self {
        let settings = ClientSettings::new(host, path).expect("a host and a path");
        Self::new(ClientLayer::new(&settings, &[7; 16]))
    }
}

impl<L: Layer> Peer<L> {
    fn new(layer: L) -> Self {
        Self { layer, above: Vec::new(), below: Vec::new() }
    }

    pub(crate) fn receive(&mut self, input: &[u8]) -> Result<(), TransportError> {
        self.layer.receive(input, &mut self.above, &mut self.below)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.layer.send(&[IoSlice::new(bytes)], &mut self.below);
    }

    pub(crate) fn take_below(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.below)
    }

    /// The error that this input is.
    pub(crate) fn refuse(&mut self, input: &[u8]) -> String {
        let error = self.receive(input).expect_err("the input is wrong");
        error.to_string()
    }
}
