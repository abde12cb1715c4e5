//! The QoS 2 packet identifiers of the peer that we have received and that it has not yet released
//! (section 4.3.3). It lives as long as the session.

use alloc::boxed::Box;
use alloc::vec::Vec;

use ferrymq_codec::PacketId;

/// Identifiers between PUBLISH and PUBREL. Sorted: peers count upwards, so a new one goes to the
/// end and is found again by bisection. Boxed, because most peers never use QoS 2.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inbound {
    #[expect(clippy::box_collection, reason = "eight bytes for each session without QoS 2")]
    received: Option<Box<Vec<PacketId>>>,
}

impl Inbound {
    /// Nothing received.
    pub const fn new() -> Self {
        Self { received: None }
    }

    /// How many messages wait for PUBREL.
    pub fn len(&self) -> usize {
        self.ids().len()
    }

    /// Whether no message waits for PUBREL.
    pub fn is_empty(&self) -> bool {
        self.received.is_none()
    }

    /// Whether a PUBLISH with this identifier is a repetition, which is answered with PUBREC and
    /// not delivered again [MQTT-4.3.3-10].
    pub fn contains(&self, packet_id: PacketId) -> bool {
        self.ids().binary_search(&packet_id).is_ok()
    }

    /// Keeps the identifier of a message that was taken over; `false` if it was there before.
    pub fn insert(&mut self, packet_id: PacketId) -> bool {
        let received = self.received.get_or_insert_default();
        match received.binary_search(&packet_id) {
            Ok(_) => false,
            Err(position) => {
                received.insert(position, packet_id);
                true
            }
        }
    }

    /// PUBREL: the identifier may be used again [MQTT-4.3.3-11]; `false` if it was not there.
    pub fn release(&mut self, packet_id: PacketId) -> bool {
        let Some(received) = &mut self.received else {
            return false;
        };
        let Ok(position) = received.binary_search(&packet_id) else {
            return false;
        };
        received.remove(position);
        if received.is_empty() {
            self.received = None;
        }
        true
    }

    /// The identifiers, smallest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = PacketId> + '_ {
        self.ids().iter().copied()
    }

    fn ids(&self) -> &[PacketId] {
        self.received.as_ref().map_or(&[], |received| received.as_slice())
    }
}
