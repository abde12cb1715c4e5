//! The side that connects.

use std::io::IoSlice;

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;

use crate::error::TransportError;
use crate::layer::Layer;
use crate::tls::machine::{Machine, Negotiated};
use crate::tls::settings::ClientSettings;
use crate::tls::words;

/// A connection to a server.
pub struct ClientLayer {
    machine: Machine<UnbufferedClientConnection>,
    host: Box<str>,
}

impl ClientLayer {
    /// Begins a connection to `host`, a name or an IP address: the certificate must be for it. What
    /// is to be sent first is appended to `below`.
    ///
    /// # Errors
    ///
    /// [`TransportError`]: `host` is neither, or the operating system gives no random bytes.
    pub fn new(
        settings: &ClientSettings,
        host: &str,
        below: &mut Vec<u8>,
    ) -> Result<Self, TransportError> {
        // An IPv6 address stands in brackets in a URL.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(|_| words::no_name(host))?;
        let side = UnbufferedClientConnection::new(settings.rustls(), name)
            .map_err(|error| words::client(&error, host))?;
        let mut layer = Self { machine: Machine::new(side), host: host.into() };
        layer.receive(&[], &mut Vec::new(), below)?;
        Ok(layer)
    }

    /// How many bytes it keeps because more must come: no more than
    /// [`UNREAD_BYTES_MAXIMUM`](super::UNREAD_BYTES_MAXIMUM).
    pub const fn unread_bytes(&self) -> usize {
        self.machine.unread_bytes()
    }

    /// What was agreed on, when the handshake is over.
    pub fn negotiated(&self) -> Option<Negotiated> {
        self.machine.negotiated()
    }

    /// The protocol that the server has chosen, if some were offered.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.machine.alpn()
    }
}

impl Layer for ClientLayer {
    fn receive(
        &mut self,
        input: &[u8],
        above: &mut Vec<u8>,
        below: &mut Vec<u8>,
    ) -> Result<(), TransportError> {
        self.machine.receive(input, above, below).map_err(|error| words::client(&error, &self.host))
    }

    fn send(&mut self, pieces: &[IoSlice<'_>], below: &mut Vec<u8>) {
        self.machine.send(pieces, below);
    }

    fn close(&mut self, below: &mut Vec<u8>) {
        self.machine.close(below);
    }

    fn is_open(&self) -> bool {
        self.machine.is_open()
    }

    fn has_ended(&self) -> bool {
        self.machine.has_ended()
    }
}
