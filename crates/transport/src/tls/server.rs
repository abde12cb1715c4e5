//! The side that is connected to.

use std::io::IoSlice;

use rustls::server::UnbufferedServerConnection;

use crate::error::TransportError;
use crate::layer::Layer;
use crate::tls::certificate::PeerCertificate;
use crate::tls::machine::{Machine, Negotiated};
use crate::tls::settings::ServerSettings;
use crate::tls::words;

/// A client's connection.
pub struct ServerLayer {
    machine: Machine<UnbufferedServerConnection>,
    /// Whether the first byte has come, and is one that TLS begins with.
    has_begun: bool,
}

impl ServerLayer {
    /// A connection from which nothing has come yet.
    ///
    /// # Errors
    ///
    /// [`TransportError`]: the operating system gives no random bytes.
    pub fn new(settings: &ServerSettings) -> Result<Self, TransportError> {
        let side = UnbufferedServerConnection::new(settings.config())
            .map_err(|error| words::server(&error))?;
        Ok(Self { machine: Machine::new(side), has_begun: false })
    }

    /// Who the client is, if it was asked for a certificate and the handshake is over.
    pub fn peer_certificate(&self) -> Option<PeerCertificate> {
        if self.machine.is_handshaking() {
            return None;
        }
        PeerCertificate::of(self.machine.peer_certificate()?)
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
}

impl Layer for ServerLayer {
    fn receive(
        &mut self,
        input: &[u8],
        above: &mut Vec<u8>,
        below: &mut Vec<u8>,
    ) -> Result<(), TransportError> {
        if let (false, Some(&first)) = (self.has_begun, input.first()) {
            self.has_begun = true;
            words::check_first_byte(first).inspect_err(|_| self.machine.give_up())?;
        }
        self.machine.receive(input, above, below).map_err(|error| words::server(&error))
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
