//! The QoS 2 packet identifiers of the peer that we have received and that it has not yet released
//! (section 4.3.3). It lives as long as the session.

use alloc::vec::Vec;

use ferrymq_codec::PacketId;

/// Identifiers between PUBLISH and PUBREL. Sorted: peers count upwards, so a new one goes to the
/// end and is found again by bisection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inbound {
    received: Vec<PacketId>,
}

impl Inbound {
    /// Nothing received.
    pub const fn new() -> Self {
        Self {
            received: Vec::new(),
        }
    }

    /// How many messages wait for PUBREL.
    pub fn len(&self) -> usize {
        self.received.len()
    }

    /// Whether no message waits for PUBREL.
    pub fn is_empty(&self) -> bool {
        self.received.is_empty()
    }

    /// Whether a PUBLISH with this identifier is a repetition, which is answered with PUBREC and
    /// not delivered again [MQTT-4.3.3-10].
    pub fn contains(&self, packet_id: PacketId) -> bool {
        self.received.binary_search(&packet_id).is_ok()
    }

    /// Keeps the identifier of a message that was taken over; `false` if it was there before.
    pub fn insert(&mut self, packet_id: PacketId) -> bool {
        match self.received.binary_search(&packet_id) {
            Ok(_) => false,
            Err(position) => {
                self.received.insert(position, packet_id);
                true
            }
        }
    }

    /// PUBREL: the identifier may be used again [MQTT-4.3.3-11]; `false` if it was not there.
    pub fn release(&mut self, packet_id: PacketId) -> bool {
        match self.received.binary_search(&packet_id) {
            Ok(position) => {
                self.received.remove(position);
                true
            }
            Err(_) => false,
        }
    }

    /// The identifiers, smallest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = PacketId> + '_ {
        self.received.iter().copied()
    }
}
