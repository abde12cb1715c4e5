//! The contract of a layer.

use std::io::IoSlice;

use crate::error::TransportError;

/// One layer between a socket and MQTT.
///
/// A layer keeps to itself what it cannot use yet (half a record, half a frame header), in a buffer
/// that it owns only while there is something in it. It never keeps more than one record or header.
pub trait Layer {
    /// Takes all bytes that have come from below. What they mean is appended to `above`; what must
    /// be answered at once (a handshake, a pong) is appended to `below`.
    ///
    /// # Errors
    ///
    /// [`TransportError`]: nothing can come from this peer any more. What `below` holds then (an
    /// alert, a refusal, a Close frame) is still to be sent.
    fn receive(
        &mut self,
        input: &[u8],
        above: &mut Vec<u8>,
        below: &mut Vec<u8>,
    ) -> Result<(), TransportError>;

    /// Wraps bytes that go down, the pieces in their order, and appends them to `below`. To be
    /// called only when [`Self::is_open`].
    fn send(&mut self, pieces: &[IoSlice<'_>], below: &mut Vec<u8>);

    /// Says that nothing more will be sent (an alert `close_notify`, a Close frame).
    fn close(&mut self, below: &mut Vec<u8>);

    /// Whether the handshake is over and bytes may go down.
    fn is_open(&self) -> bool;

    /// Whether the peer has said that nothing more will come.
    fn has_ended(&self) -> bool;
}
