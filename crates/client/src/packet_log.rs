//! Shows the packets of a client to whoever wants to see them.

use std::fmt;
use std::sync::Arc;

use ferrymq_codec::{Frame, Framing, Packet, Version};

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the server.
    Sent,
    /// From the server.
    Received,
}

type Show = dyn Fn(Direction, &str, &Packet<'_>) + Send + Sync;

#[derive(Clone)]
pub(crate) struct PacketLog {
    show: Arc<Show>,
    version: Version,
}

impl PacketLog {
    pub(crate) fn new(show: impl Fn(Direction, &str, &Packet<'_>) + Send + Sync + 'static) -> Self {
        Self { show: Arc::new(show), version: Version::V5 }
    }

    /// The same for packets of this version.
    pub(crate) fn of(self, version: Version) -> Self {
        Self { version, ..self }
    }

    /// A packet that was understood.
    pub(crate) fn received(&self, client_id: &str, packet: &[u8]) {
        self.show(Direction::Received, client_id, packet);
    }

    /// Packets that are about to be written.
    pub(crate) fn sent(&self, client_id: &str, packets: &[u8]) {
        self.show(Direction::Sent, client_id, packets);
    }

    fn show(&self, direction: Direction, client_id: &str, packets: &[u8]) {
        let mut rest = packets;
        while let Ok(Framing::Complete(frame)) = Frame::parse(rest, usize::MAX) {
            if let Ok(packet) = frame.decode(self.version) {
                (self.show)(direction, client_id, &packet);
            }
            rest = rest.get(frame.length()..).unwrap_or_default();
        }
    }
}

impl fmt::Debug for PacketLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PacketLog")
    }
}
