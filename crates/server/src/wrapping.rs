//! The layers of a connection, and what waits on their way to the socket.

use std::io::IoSlice;

use ferrymq_broker::{Identity, Output, Peer};
use ferrymq_transport::websocket::CloseCode;
use ferrymq_transport::{Layer, ServerStack, TransportError, tls};

/// What stands between the socket of a connection and MQTT.
///
/// The shard's output is wrapped in portions, a new one only when all of the last one is with the
/// kernel. Until then it counts as output that waits, so that who reads slowly is seen to do so, and
/// what is held twice is no more than a portion.
pub struct Wrapping {
    stack: ServerStack,
    /// What is to be written, and how much of it is.
    below: Vec<u8>,
    written: usize,
    /// How many bytes of the shard's output are in it.
    output_bytes: usize,
    is_shaking_hands: bool,
    /// Whether nothing was read any more because too much waits to be written.
    pub(crate) is_held_up: bool,
    farewell_said: bool,
    end: Option<End>,
}

/// Why nothing comes from a peer any more.
pub(crate) enum End {
    /// It has said so.
    Said,
    /// What comes is not understood.
    Failed(TransportError),
}

impl Wrapping {
    pub(crate) const fn new(stack: ServerStack) -> Self {
        Self {
            stack,
            below: Vec::new(),
            written: 0,
            output_bytes: 0,
            is_shaking_hands: true,
            is_held_up: false,
            farewell_said: false,
            end: None,
        }
    }

    /// Takes what was read from the socket. What it means is appended to `above`.
    pub(crate) fn receive(&mut self, input: &[u8], above: &mut Vec<u8>) {
        let received = self.stack.receive(input, above, &mut self.below);
        self.end = match received {
            Err(error) => Some(End::Failed(error)),
            Ok(()) if self.stack.has_ended() => Some(End::Said),
            Ok(()) => None,
        };
    }

    /// Whether nothing comes any more. What came before it is to be taken first.
    pub(crate) const fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// Why nothing comes any more.
    pub(crate) const fn take_end(&mut self) -> Option<End> {
        self.end.take()
    }

    /// If the handshake has just ended: who the peer is.
    pub(crate) fn take_identity(&mut self) -> Option<Identity> {
        if !self.is_shaking_hands || !self.stack.is_open() {
            return None;
        }
        self.is_shaking_hands = false;
        let mut identity = Identity::default();
        if let Some(proxied) = self.stack.proxied() {
            identity.peer = proxied.peer.map(Peer::Inet);
            identity.common_name.clone_from(&proxied.common_name);
        }
        if let Some(certificate) = self.stack.tls().and_then(tls::ServerLayer::peer_certificate) {
            identity.common_name = certificate.common_name;
            identity.subject = Some(certificate.subject);
        }
        Some(identity)
    }

    /// Whether the handshake goes on.
    pub(crate) const fn is_shaking_hands(&self) -> bool {
        self.is_shaking_hands
    }

    /// Whether what comes next belongs to a handshake that costs much.
    pub(crate) fn is_costly(&self) -> bool {
        self.stack.is_costly()
    }

    /// Whether it has nothing to do any more, so that the connection goes on without it.
    pub(crate) fn is_done(&self) -> bool {
        self.stack.is_done() && self.pending().is_empty()
    }

    /// Wraps a portion of the output, if that can go down now. Whether there was any. `spare` is a
    /// buffer that is used if there is none yet.
    pub(crate) fn wrap(&mut self, output: Option<&mut Output>, spare: &mut Vec<u8>) -> bool {
        debug_assert!(self.pending().is_empty(), "one portion at a time");
        let Some(output) = output.filter(|output| !output.is_empty() && self.stack.is_open())
        else {
            return false;
        };
        let (pieces, count) = output.pieces::<PIECES_PER_PORTION>();
        let mut room = PORTION_BYTES;
        let pieces = pieces.map(|piece| {
            let fitting = piece.get(..room).unwrap_or(piece);
            room -= fitting.len();
            IoSlice::new(fitting)
        });
        if self.below.capacity() == 0 {
            std::mem::swap(&mut self.below, spare);
        }
        self.stack.send(pieces.get(..count).unwrap_or(&pieces), &mut self.below);
        self.output_bytes = PORTION_BYTES - room;
        true
    }

    /// Says that nothing more will be sent, and why. False: that was said.
    pub(crate) fn say_farewell(&mut self, code: CloseCode) -> bool {
        if std::mem::replace(&mut self.farewell_said, true) {
            return false;
        }
        if self.stack.is_open() {
            self.stack.close_with(code, &mut self.below);
        }
        true
    }

    /// Whether it was open once and nothing can be sent any more.
    pub(crate) fn is_exhausted(&self) -> bool {
        !self.is_shaking_hands && !self.stack.is_open()
    }

    /// What is to be written to the socket.
    pub(crate) fn pending(&self) -> &[u8] {
        self.below.get(self.written..).unwrap_or_default()
    }

    /// So many bytes of it were. Once all are: how many bytes of the shard's output that were.
    pub(crate) fn advance(&mut self, count: usize, spare: &mut Vec<u8>) -> Option<usize> {
        self.written += count;
        if !self.pending().is_empty() {
            return None;
        }
        self.written = 0;
        self.below.clear();
        if spare.capacity() == 0 && self.below.capacity() <= SPARE_BYTES {
            std::mem::swap(&mut self.below, spare);
        } else {
            self.below = Vec::new();
        }
        Some(std::mem::take(&mut self.output_bytes))
    }
}

/// Bytes of output that are wrapped at a time.
const PORTION_BYTES: usize = 64 * 1024;
const PIECES_PER_PORTION: usize = 16;
/// The largest buffer that is kept for others.
const SPARE_BYTES: usize = 2 * PORTION_BYTES;
